/* SPDX-License-Identifier: Apache-2.0 */
/* One serial line, a real port or a pseudo-terminal, raw, on the event loop. A line that is not there or goes away is
 * tried again every second; each reason is logged once. Never blocks. The loop's thread. */
#ifndef SELKIE_GATEWAY_SERIAL_H
#define SELKIE_GATEWAY_SERIAL_H

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct selkie_serial;

struct selkie_serial_handler {
    void *context;
    /* Bytes as they came. */
    void (*bytes)(void *context, const uint8_t *data, size_t len);
    /* The line came back or is gone; not for what selkie_serial_open finds. */
    void (*changed)(void *context, bool open);
};

/* The line need not be there yet. NULL without memory. */
struct selkie_serial *selkie_serial_open(sd_event *event, const char *device, unsigned baud,
                                         const struct selkie_serial_handler *handler);
void selkie_serial_close(struct selkie_serial *serial);

bool selkie_serial_is_open(const struct selkie_serial *serial);

/* Write all, or SELKIE_EIO: nothing is kept for later. */
SELKIE_USE_RESULT int selkie_serial_write(struct selkie_serial *serial, const uint8_t *data, size_t len);

#endif
