/* SPDX-License-Identifier: Apache-2.0 */
#include "device_line.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <selkie/clock.h>
#include <selkie/tty.h>
#include <sys/file.h>
#include <termios.h>
#include <unistd.h>

int64_t device_line_now_ms(void)
{
    return selkie_clock_monotonic_us() / 1000;
}

int device_line_open(struct device_line *line, const char *path, unsigned baud)
{
    *line = (struct device_line){.path = path, .heard_ms = -1};
    line->fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (line->fd < 0)
        return -1;
    if (selkie_tty_make_raw(line->fd, baud) < 0) {
        int error = errno;
        close(line->fd);
        line->fd = -1;
        errno = error;
        return -1;
    }
    return 0;
}

static void unlock(struct device_line *line)
{
    if (line->locked)
        flock(line->fd, LOCK_UN);
    line->locked = false;
}

void device_line_close(struct device_line *line)
{
    if (line->fd < 0)
        return;
    if (!line->gone)
        (void)tcdrain(line->fd);
    unlock(line);
    close(line->fd);
    line->fd = -1;
}

int device_line_write(struct device_line *line, const uint8_t *bytes, size_t len)
{
    ssize_t taken = write(line->fd, bytes, len);
    if (taken < 0 && (errno == EAGAIN || errno == EINTR))
        taken = 0;
    if (taken < 0) {
        line->gone = errno == EIO || errno == ENXIO || errno == ENODEV;
        unlock(line);
        return -1;
    }
    line->full = (size_t)taken < len;
    if (!line->full)
        unlock(line); /* the device hands over the rest of a frame each time: this was its end */
    return (int)taken;
}

int device_line_read(struct device_line *line, uint8_t *bytes, size_t size)
{
    ssize_t count = read(line->fd, bytes, size);
    if (count > 0)
        line->heard_ms = device_line_now_ms();
    if (count > 0)
        return (int)count;
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    /* A raw line without a byte says EAGAIN; one that was hung up is at its end, and always ready to be read. */
    line->gone = count == 0 || errno == EIO || errno == ENXIO || errno == ENODEV;
    return -1;
}

int device_line_quiet_ms(struct device_line *line)
{
    if (flock(line->fd, LOCK_EX | LOCK_NB) < 0)
        return -1;
    line->locked = true;
    int64_t quiet = line->heard_ms < 0 ? INT_MAX : device_line_now_ms() - line->heard_ms;
    return quiet > INT_MAX ? INT_MAX : (int)quiet;
}
