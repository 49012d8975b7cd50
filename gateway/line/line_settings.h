/* SPDX-License-Identifier: Apache-2.0 */
/* How one serial line is opened: docs/man/selkie-gateway.8, `serial`. Heap for the steps; one thread at a time. */
#ifndef SELKIE_GATEWAY_LINE_SETTINGS_H
#define SELKIE_GATEWAY_LINE_SETTINGS_H

#include <selkie/line_step.h>
#include <selkie/settings.h>
#include <selkie/tty.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define SELKIE_LINE_TCP              "tcp://" /* host:port follows: a serial server that passes bytes on and no more */
#define SELKIE_LINE_OPEN_WAIT_MS_MAX 60000
#define SELKIE_LINE_FAULT_MAX        480 /* what is wrong with a line, in words */

struct selkie_line_settings {
    struct selkie_tty_settings tty; /* of no use with tcp:// */
    unsigned open_wait_ms;          /* after opening, before the first byte counts and the first step begins */
    size_t step_count;
    struct selkie_line_step *steps; /* belong to the settings */
};

/* 9600 baud, 8N1, no steps. */
void selkie_line_settings_init(struct selkie_line_settings *settings);
void selkie_line_settings_wipe(struct selkie_line_settings *settings);

/* Set the steps, instead of those that are there. SELKIE_ENOMEM, SELKIE_ELENGTH: more than SELKIE_LINE_STEPS_MAX. */
SELKIE_USE_RESULT int selkie_line_settings_set_steps(struct selkie_line_settings *settings,
                                                     const struct selkie_line_step *steps, size_t count);

/* Read the keys of a line that are there; what the settings have is the fallback. Mistakes are rejected in the object.
 * With a device on tcp://, the keys of a tty are mistakes. */
void selkie_line_settings_read(struct selkie_line_settings *settings, struct selkie_settings_object *object,
                               const char *device);

bool selkie_line_settings_same(const struct selkie_line_settings *a, const struct selkie_line_settings *b);

/* ", 9600 baud, 8N1, …, 3 init steps", or for tcp:// without the first. */
void selkie_line_settings_print(FILE *to, const char *device, const struct selkie_line_settings *settings);

bool selkie_line_settings_is_tcp(const char *device);

#endif
