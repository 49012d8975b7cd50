/* SPDX-License-Identifier: Apache-2.0 */
#include "line.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static const struct {
    unsigned baud;
    speed_t speed;
} speeds[] = {
    {300, B300},     {600, B600},     {1200, B1200},   {2400, B2400},     {4800, B4800},     {9600, B9600},
    {19200, B19200}, {38400, B38400}, {57600, B57600}, {115200, B115200}, {230400, B230400}, {460800, B460800},
};

static bool find_speed(unsigned baud, speed_t *speed)
{
    for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
        if (speeds[i].baud == baud) {
            *speed = speeds[i].speed;
            return true;
        }
    }
    return false;
}

bool line_speed_known(unsigned baud)
{
    speed_t speed;
    return find_speed(baud, &speed);
}

int64_t line_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int make_raw(int fd, unsigned baud)
{
    struct termios settings;
    speed_t speed;
    if (tcgetattr(fd, &settings) < 0)
        return -1;
    if (!find_speed(baud, &speed)) {
        errno = EINVAL;
        return -1;
    }
    cfmakeraw(&settings);
    settings.c_cflag |= CLOCAL | CREAD;
    cfsetispeed(&settings, speed);
    cfsetospeed(&settings, speed);
    return tcsetattr(fd, TCSANOW, &settings);
}

int line_open(struct line *line, const char *path, unsigned baud)
{
    *line = (struct line){.path = path, .heard_ms = -1};
    line->fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (line->fd < 0)
        return -1;
    if (make_raw(line->fd, baud) < 0) {
        int error = errno;
        close(line->fd);
        line->fd = -1;
        errno = error;
        return -1;
    }
    return 0;
}

static void unlock(struct line *line)
{
    if (line->locked)
        flock(line->fd, LOCK_UN);
    line->locked = false;
}

void line_close(struct line *line)
{
    if (line->fd < 0)
        return;
    if (!line->gone)
        (void)tcdrain(line->fd);
    unlock(line);
    close(line->fd);
    line->fd = -1;
}

int line_write(struct line *line, const uint8_t *bytes, size_t len)
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

int line_read(struct line *line, uint8_t *bytes, size_t size)
{
    ssize_t count = read(line->fd, bytes, size);
    if (count > 0)
        line->heard_ms = line_now_ms();
    if (count >= 0)
        return (int)count;
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    line->gone = errno == EIO || errno == ENXIO || errno == ENODEV;
    return -1;
}

int line_quiet_ms(struct line *line)
{
    if (flock(line->fd, LOCK_EX | LOCK_NB) < 0)
        return -1;
    line->locked = true;
    int64_t quiet = line->heard_ms < 0 ? INT_MAX : line_now_ms() - line->heard_ms;
    return quiet > INT_MAX ? INT_MAX : (int)quiet;
}
