/* SPDX-License-Identifier: Apache-2.0 */
#include "serial.h"

#include "clock.h"
#include "config.h"
#include "log.h"
#include "timer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define RETRY_US (1 * SELKIE_SEC_US)

struct selkie_serial {
    sd_event *event;
    char *device;
    unsigned baud;
    struct selkie_serial_handler handler;
    int fd; /* -1 while the line is away */
    sd_event_source *readable;
    sd_event_source *retry;
    int said; /* the errno that was logged last, so that each is logged once; 0 while the line is open */
};

static const struct {
    unsigned baud;
    speed_t speed;
} speeds[] = {
    {50, B50},           {75, B75},           {110, B110},         {134, B134},         {150, B150},
    {200, B200},         {300, B300},         {600, B600},         {1200, B1200},       {1800, B1800},
    {2400, B2400},       {4800, B4800},       {9600, B9600},       {19200, B19200},     {38400, B38400},
    {57600, B57600},     {115200, B115200},   {230400, B230400},   {460800, B460800},   {500000, B500000},
    {576000, B576000},   {921600, B921600},   {1000000, B1000000}, {1152000, B1152000}, {1500000, B1500000},
    {2000000, B2000000}, {2500000, B2500000}, {3000000, B3000000}, {3500000, B3500000}, {4000000, B4000000},
};

static bool find_speed(unsigned baud, speed_t *speed)
{
    for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++)
        if (speeds[i].baud == baud) {
            *speed = speeds[i].speed;
            return true;
        }
    return false;
}

bool selkie_baud_valid(unsigned baud)
{
    speed_t speed;

    return find_speed(baud, &speed);
}

/* Raw, 8N1, no flow control, modem lines ignored. What has come in already is kept: it may be the start of a frame. */
static int make_raw(int fd, unsigned baud)
{
    struct termios settings;
    speed_t speed;

    if (!find_speed(baud, &speed)) {
        errno = EINVAL;
        return -1;
    }
    if (tcgetattr(fd, &settings) != 0)
        return -1;
    cfmakeraw(&settings);
    settings.c_cflag &= ~(tcflag_t)(CSTOPB | CRTSCTS | HUPCL);
    settings.c_cflag |= CLOCAL | CREAD;
    settings.c_cc[VMIN] = 1;
    settings.c_cc[VTIME] = 0;
    if (cfsetispeed(&settings, speed) != 0 || cfsetospeed(&settings, speed) != 0 ||
        tcsetattr(fd, TCSANOW, &settings) != 0)
        return -1;
    /* A second reader (a modem prober, a forgotten terminal program) would take bytes away. */
    return ioctl(fd, TIOCEXCL);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *context);

static void close_line(struct selkie_serial *serial)
{
    serial->readable = sd_event_source_disable_unref(serial->readable);
    if (serial->fd >= 0)
        (void)close(serial->fd);
    serial->fd = -1;
}

static void lost(struct selkie_serial *serial, int error)
{
    close_line(serial);
    if (serial->said != error)
        selkie_log(LOG_WARNING, "serial line %s: %s; it is used as soon as it is back", serial->device,
                   error == EIO ? "gone" : strerror(error));
    serial->said = error;
    serial->handler.changed(serial->handler.context, false);
    selkie_timer_set(serial->event, &serial->retry, RETRY_US, on_retry, serial);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct selkie_serial *serial = context;
    uint8_t data[1024];
    ssize_t len = read(fd, data, sizeof(data));

    (void)source;
    if (len > 0) {
        serial->handler.bytes(serial->handler.context, data, (size_t)len);
        return 0;
    }
    if (len < 0 && (errno == EINTR || (errno == EAGAIN && (events & (EPOLLHUP | EPOLLERR)) == 0)))
        return 0;
    lost(serial, EIO);
    return 0;
}

static int try_open(struct selkie_serial *serial)
{
    serial->fd = open(serial->device, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (serial->fd < 0)
        return errno;
    if (make_raw(serial->fd, serial->baud) != 0)
        return errno;
    int result = sd_event_add_io(serial->event, &serial->readable, serial->fd, EPOLLIN, on_readable, serial);
    return result < 0 ? -result : 0;
}

/* That a line which is gone is not there needs no second word. */
static bool is_said(struct selkie_serial *serial, int error)
{
    bool absent = error == ENOENT || error == ENODEV || error == ENXIO || error == EIO;

    if (serial->said == EIO && absent)
        return true;
    bool same = serial->said == error;
    serial->said = error;
    return same;
}

static bool open_line(struct selkie_serial *serial)
{
    int error = try_open(serial);

    if (error != 0) {
        close_line(serial);
        if (!is_said(serial, error))
            selkie_log(LOG_WARNING, "serial line %s: %s; trying until it works", serial->device, strerror(error));
        selkie_timer_set(serial->event, &serial->retry, RETRY_US, on_retry, serial);
        return false;
    }
    selkie_log(LOG_NOTICE, "serial line %s: open, %u baud", serial->device, serial->baud);
    serial->said = 0;
    return true;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *context)
{
    struct selkie_serial *serial = context;

    (void)source;
    (void)usec;
    if (open_line(serial))
        serial->handler.changed(serial->handler.context, true);
    return 0;
}

struct selkie_serial *selkie_serial_open(sd_event *event, const char *device, unsigned baud,
                                         const struct selkie_serial_handler *handler)
{
    struct selkie_serial *serial = calloc(1, sizeof(*serial));

    if (serial == NULL || (serial->device = strdup(device)) == NULL) {
        free(serial);
        return NULL;
    }
    serial->event = event;
    serial->baud = baud;
    serial->handler = *handler;
    serial->fd = -1;
    (void)open_line(serial);
    return serial;
}

void selkie_serial_close(struct selkie_serial *serial)
{
    if (serial == NULL)
        return;
    close_line(serial);
    sd_event_source_disable_unref(serial->retry);
    free(serial->device);
    free(serial);
}

bool selkie_serial_is_open(const struct selkie_serial *serial)
{
    return serial->fd >= 0;
}

int selkie_serial_write(struct selkie_serial *serial, const uint8_t *data, size_t len)
{
    if (serial->fd < 0)
        return SELKIE_EIO;
    ssize_t written = write(serial->fd, data, len);
    return written == (ssize_t)len ? 0 : SELKIE_EIO;
}
