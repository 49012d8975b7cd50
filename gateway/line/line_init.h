/* SPDX-License-Identifier: Apache-2.0 */
/* What happens on a line between its opening and the first frame: a wait, then the steps that a radio module is told,
 * each with its answer (`open_wait_ms` and `init` in docs/man/selkie-gateway.8). On the event loop; never blocks. The
 * loop's thread.
 *
 * Failures name the step, not what it sends: that may be the radio's key. */
#ifndef SELKIE_GATEWAY_LINE_INIT_H
#define SELKIE_GATEWAY_LINE_INIT_H

#include "line/line_settings.h"

#include <selkie/error.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct selkie_line_init_handler {
    void *context;
    /* Write all, or SELKIE_EIO. */
    int (*write)(void *context, const uint8_t *data, size_t len);
    /* The line is ready (NULL), or which step failed and how. Called from the loop only, once for each start. */
    void (*done)(void *context, const char *fault);
};

/* The caller's memory. */
struct selkie_line_init {
    sd_event *event;
    sd_event_source *timer;
    const struct selkie_line_settings *settings;
    struct selkie_line_init_handler handler;
    size_t step;        /* the one that waits for its answer, or the next one */
    bool answering;     /* else: what comes is of no interest */
    uint8_t heard[512]; /* the newest bytes since the step was sent */
    size_t heard_len;
};

void selkie_line_init_init(struct selkie_line_init *init, sd_event *event,
                           const struct selkie_line_init_handler *handler);
void selkie_line_init_wipe(struct selkie_line_init *init);

/* Whether these settings have anything to do before a line is ready. */
bool selkie_line_init_needed(const struct selkie_line_settings *settings);

/* Begin. The settings must live until the end. SELKIE_EIO without memory. */
SELKIE_USE_RESULT int selkie_line_init_start(struct selkie_line_init *init,
                                             const struct selkie_line_settings *settings);
void selkie_line_init_stop(struct selkie_line_init *init);

/* What the line received meanwhile. */
void selkie_line_init_heard(struct selkie_line_init *init, const uint8_t *data, size_t len);

#endif
