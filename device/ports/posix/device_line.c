/* SPDX-License-Identifier: Apache-2.0 */
#include "device_line.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <selkie/clock.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

int64_t device_line_now_ms(void)
{
    return selkie_clock_monotonic_us() / 1000;
}

int device_line_open(struct device_line *line, const char *path, const struct selkie_tty_settings *settings,
                     unsigned wait_ms)
{
    *line = (struct device_line){.path = path, .heard_ms = wait_ms > 0 ? device_line_now_ms() + wait_ms : -1};
    line->fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (line->fd < 0)
        return -1;
    if (selkie_tty_configure(line->fd, settings, line->refused) < 0) {
        int error = errno;
        close(line->fd);
        line->fd = -1;
        errno = error;
        return -1;
    }
    return 0;
}

static bool lock(struct device_line *line)
{
    if (!line->locked && flock(line->fd, LOCK_EX | LOCK_NB) == 0)
        line->locked = true;
    return line->locked;
}

void device_line_release(struct device_line *line)
{
    if (line->handed > 0) /* the rest of a frame that was dropped: it would come late, and look like a replay */
        (void)tcflush(line->fd, TCOFLUSH);
    if (line->locked)
        flock(line->fd, LOCK_UN);
    line->locked = false;
    line->full = false;
    line->handed = 0;
}

void device_line_close(struct device_line *line)
{
    if (line->fd < 0)
        return;
    device_line_release(line);
    close(line->fd);
    line->fd = -1;
}

int device_line_reopen(struct device_line *line, const struct selkie_tty_settings *settings, unsigned wait_ms)
{
    struct device_line again;

    device_line_close(line);
    if (device_line_open(&again, line->path, settings, wait_ms) < 0)
        return -1;
    *line = again;
    line->heard_ms = device_line_now_ms() + wait_ms; /* nobody listened before */
    return 0;
}

static bool hung_up(int error)
{
    return error == EIO || error == ENXIO || error == ENODEV;
}

static int lose(struct device_line *line)
{
    line->gone = true;
    device_line_release(line);
    return -1;
}

/* How much of what was handed over the kernel still holds. A line that does not know holds nothing. */
static size_t held(const struct device_line *line)
{
    int count = 0;

    if (ioctl(line->fd, TIOCOUTQ, &count) < 0 || count < 0)
        return 0;
    return (size_t)count < line->handed ? (size_t)count : line->handed;
}

int device_line_write(struct device_line *line, const uint8_t *bytes, size_t len)
{
    if (line->gone)
        return -1;
    if (!lock(line))
        return 0;
    ssize_t taken = len > line->handed ? write(line->fd, bytes + line->handed, len - line->handed) : 0;
    if (taken < 0 && errno != EAGAIN && errno != EINTR)
        return hung_up(errno) ? lose(line) : -1;
    if (taken > 0)
        line->handed += (size_t)taken;
    line->full = line->handed < len;
    size_t out = line->handed - held(line);
    line->handed -= out;
    return (int)out;
}

int device_line_read(struct device_line *line, uint8_t *bytes, size_t size)
{
    if (line->gone)
        return -1;
    ssize_t count = read(line->fd, bytes, size);
    if (count > 0 && line->heard_ms < device_line_now_ms())
        line->heard_ms = device_line_now_ms();
    if (count > 0)
        return (int)count;
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    /* A raw line without a byte says EAGAIN; one that was hung up is at its end, and always ready to be read. */
    return count == 0 || hung_up(errno) ? lose(line) : -1;
}

int device_line_quiet_ms(struct device_line *line)
{
    if (line->gone || !lock(line))
        return -1;
    int64_t quiet = line->heard_ms < 0 ? INT_MAX : device_line_now_ms() - line->heard_ms;
    return quiet > INT_MAX ? INT_MAX : quiet < 0 ? 0 : (int)quiet;
}
