/* SPDX-License-Identifier: Apache-2.0 */
/* One serial line on the event loop: a real port or a pseudo-terminal in raw mode, or a serial server's. Once it is
 * open, its first steps run (line/line_init.h); what comes meanwhile reaches nobody. While the line is missing, opens
 * it again every second; after a step that failed the wait grows up to a minute. Logs each reason once. Never blocks.
 * The loop's thread. */
#ifndef SELKIE_GATEWAY_SERIAL_H
#define SELKIE_GATEWAY_SERIAL_H

#include "line/line_settings.h"

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct selkie_serial;

struct selkie_serial_handler {
    void *context;
    /* Bytes as they were read. */
    void (*bytes)(void *context, const uint8_t *data, size_t len);
    /* The line is open or is gone; not called by selkie_serial_open. */
    void (*changed)(void *context, bool open);
};

/* The device may be missing yet. The settings must live until the line is closed or gets others that are the same. NULL
 * after a line in the log. */
struct selkie_serial *selkie_serial_open(sd_event *event, const char *device,
                                         const struct selkie_line_settings *settings,
                                         const struct selkie_serial_handler *handler);
void selkie_serial_configure(struct selkie_serial *serial, const struct selkie_line_settings *settings);
void selkie_serial_close(struct selkie_serial *serial);

/* Open, and through with its first steps. */
bool selkie_serial_is_open(const struct selkie_serial *serial);

/* What is wrong with the line, in words: why it is not open, or, while it is, what its driver did not take and who else
 * uses it. "": nothing. Until the next turn of the loop. */
const char *selkie_serial_fault(const struct selkie_serial *serial);

/* Pass on the bytes that have come, without the event loop; about 64 KiB of them if there is no end. */
void selkie_serial_read_rest(struct selkie_serial *serial);

/* Write all bytes, or SELKIE_EIO; none are kept for later. With flow control, what an earlier call wrote and the radio
 * did not take is dropped. */
SELKIE_USE_RESULT int selkie_serial_write(struct selkie_serial *serial, const uint8_t *data, size_t len);

#endif
