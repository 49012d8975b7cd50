/* SPDX-License-Identifier: Apache-2.0 */
/* The radio of a Linux process: a serial line or pseudo-terminal, raw, never blocking. Several processes may share one
 * line: the one that transmits holds a lock, and for the others the line is busy. */
#ifndef SELKIE_DEVICE_DEVICE_LINE_H
#define SELKIE_DEVICE_DEVICE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device_line {
    const char *path;
    int fd;           /* -1: not open */
    int64_t heard_ms; /* when the last byte came; negative: never */
    bool locked;
    bool full; /* the last write was cut short: wait until it is writable */
    bool gone; /* the line has vanished */
};

/* Returns 0, or -1 with errno. */
int device_line_open(struct device_line *line, const char *path, unsigned baud);

/* Wait until all bytes are sent, and close. */
void device_line_close(struct device_line *line);

/* As in port.h. */
int device_line_write(struct device_line *line, const uint8_t *bytes, size_t len);
int device_line_read(struct device_line *line, uint8_t *bytes, size_t size);
int device_line_quiet_ms(struct device_line *line);

/* The clock of the line and the device: milliseconds, monotonic. */
int64_t device_line_now_ms(void);

#endif
