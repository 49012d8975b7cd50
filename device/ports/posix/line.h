/* SPDX-License-Identifier: Apache-2.0 */
/* The radio of a Linux process: a serial line or pseudo-terminal, raw, never blocking. Several processes may share one
 * line: who transmits holds a lock on it, which to the others is a busy line. */
#ifndef SELKIE_DEVICE_LINE_H
#define SELKIE_DEVICE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct line {
    const char *path;
    int fd;           /* -1: not open */
    int64_t heard_ms; /* when the last byte came; negative: never */
    bool locked;
    bool full; /* the last write was cut short: wait until it is writable */
    bool gone; /* the line has vanished */
};

/* Returns 0, or -1 with errno. */
int line_open(struct line *line, const char *path, unsigned baud);

/* Wait until all is sent, and close. */
void line_close(struct line *line);

/* As in port.h. */
int line_write(struct line *line, const uint8_t *bytes, size_t len);
int line_read(struct line *line, uint8_t *bytes, size_t size);
int line_quiet_ms(struct line *line);

/* The clock that the line and the device go by: milliseconds, monotonic. */
int64_t line_now_ms(void);

#endif
