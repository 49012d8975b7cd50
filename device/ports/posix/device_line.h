/* SPDX-License-Identifier: Apache-2.0 */
/* The radio of a Linux process: a serial line or pseudo-terminal, raw, never blocking. Several processes may share one
 * line: the one that transmits holds a lock, and for the others the line is busy. The lock is taken by the quiet check
 * before a frame, or else by the frame's first byte, and held until device_line_release. */
#ifndef SELKIE_DEVICE_DEVICE_LINE_H
#define SELKIE_DEVICE_DEVICE_LINE_H

#include <selkie/tty.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device_line {
    const char *path;
    int fd;           /* -1: not open */
    int64_t heard_ms; /* when the last byte came, or may have come; negative: never */
    size_t handed; /* bytes of the frame that the kernel took, and of which device_line_write has not returned yet that
                      they are out */
    bool locked;
    bool full; /* the last write was cut short: wait until it is writable */
    char refused[SELKIE_TTY_REFUSED_MAX];
    bool gone; /* the line has vanished; only device_line_reopen and device_line_close may follow */
};

/* Returns 0, or -1 with errno. What the driver did not take of the settings is in `refused`. The line is not quiet for
 * `wait_ms`: a stick restarts when it is opened. */
int device_line_open(struct device_line *line, const char *path, const struct selkie_tty_settings *settings,
                     unsigned wait_ms);

/* Close what is left of the line, and open what is at its path now. 0, or -1 with errno: try again later. */
int device_line_reopen(struct device_line *line, const struct selkie_tty_settings *settings, unsigned wait_ms);

/* Drop what the kernel still holds of a frame that was cut off, and close. */
void device_line_close(struct device_line *line);

/* As in port.h. A byte counts as taken once it has left the kernel (TIOCOUTQ), not while it waits there for a slow
 * line. Returns 0 while another process holds the lock. */
int device_line_write(struct device_line *line, const uint8_t *bytes, size_t len);
int device_line_read(struct device_line *line, uint8_t *bytes, size_t size);

/* As in port.h. Takes the lock; negative while another process holds it. */
int device_line_quiet_ms(struct device_line *line);

/* No frame is under way any more, whether it is out or was dropped: let the others have the line. What the kernel still
 * holds of a dropped one is thrown away. */
void device_line_release(struct device_line *line);

/* The clock of the line and the device: milliseconds, monotonic. */
int64_t device_line_now_ms(void);

#endif
