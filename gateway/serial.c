/* SPDX-License-Identifier: Apache-2.0 */
#include "serial.h"

#include "log.h"
#include "timer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/major.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define RETRY_US   (1 * SELKIE_SEC_US)
#define PTY_MAJOR  UNIX98_PTY_SLAVE_MAJOR
#define PTY_MAJORS UNIX98_PTY_MAJOR_COUNT

struct selkie_serial {
    sd_event *event;
    char *device;
    const struct selkie_line_settings *settings;
    struct selkie_serial_handler handler;
    int fd; /* -1 while the line is not open */
    sd_event_source *readable;
    struct selkie_timer retry;
    char refused[SELKIE_TTY_REFUSED_MAX]; /* what the log says that the driver did not take */
    int logged;                           /* the last errno in the log; 0 while the line is open */
};

static void close_line(struct selkie_serial *serial)
{
    serial->readable = sd_event_source_disable_unref(serial->readable);
    if (serial->fd >= 0)
        (void)close(serial->fd);
    serial->fd = -1;
}

static void lost(struct selkie_serial *serial)
{
    close_line(serial);
    selkie_log(LOG_WARNING, "serial line %s: gone; retrying until it is back", serial->device);
    serial->logged = EIO;
    serial->handler.changed(serial->handler.context, false);
    selkie_timer_set(&serial->retry, RETRY_US);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct selkie_serial *serial = context;
    uint8_t data[1024];
    ssize_t len = read(fd, data, sizeof data);

    (void)source;
    if (len > 0) {
        serial->handler.bytes(serial->handler.context, data, (size_t)len);
        return 0;
    }
    if (len < 0 && (errno == EINTR || (errno == EAGAIN && (events & (EPOLLHUP | EPOLLERR)) == 0)))
        return 0;
    lost(serial);
    return 0;
}

/* A second reader (a modem prober, a forgotten terminal program, another gateway) would take bytes away. The lock keeps
 * out programs that ask for it, and ends with this process. The exclusive flag keeps out all but root. A
 * pseudo-terminal does not get the flag: it would stay for as long as the other end is open, and keep out the next
 * gateway. */
static int keep_others_out(int fd)
{
    struct stat status;

    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? EBUSY : errno;
    if (fstat(fd, &status) != 0)
        return errno;
    if (major(status.st_rdev) >= PTY_MAJOR && major(status.st_rdev) < PTY_MAJOR + PTY_MAJORS)
        return 0;
    return ioctl(fd, TIOCEXCL) != 0 ? errno : 0;
}

static int configure(struct selkie_serial *serial)
{
    char refused[SELKIE_TTY_REFUSED_MAX];

    if (selkie_tty_configure(serial->fd, &serial->settings->tty, refused) < 0)
        return errno;
    if (refused[0] != '\0' && strcmp(refused, serial->refused) != 0)
        selkie_log(LOG_WARNING, "serial line %s: not as configured: %s", serial->device, refused);
    memcpy(serial->refused, refused, sizeof serial->refused);
    return 0;
}

static int try_open(struct selkie_serial *serial)
{
    serial->fd = open(serial->device, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (serial->fd < 0)
        return errno;
    int error = keep_others_out(serial->fd);
    if (error != 0)
        return error;
    error = configure(serial);
    if (error != 0)
        return error;
    int result = sd_event_add_io(serial->event, &serial->readable, serial->fd, EPOLLIN, on_readable, serial);
    return result < 0 ? -result : 0;
}

/* A line that is gone is also missing: log that once. */
static void log_failure(struct selkie_serial *serial, int error)
{
    bool missing = error == ENOENT || error == ENODEV || error == ENXIO || error == EIO;

    if (serial->logged == error || (serial->logged == EIO && missing))
        return;
    selkie_log(LOG_WARNING, "serial line %s: %s; retrying until it works", serial->device, strerror(error));
    serial->logged = error;
}

static bool open_line(struct selkie_serial *serial)
{
    int error = try_open(serial);

    if (error != 0) {
        close_line(serial);
        log_failure(serial, error);
        selkie_timer_set(&serial->retry, RETRY_US);
        return false;
    }
    char text[SELKIE_TTY_TEXT_MAX];
    selkie_tty_format(text, &serial->settings->tty);
    selkie_log(LOG_NOTICE, "serial line %s: open, %s", serial->device, text);
    serial->logged = 0;
    return true;
}

static void on_retry(void *context)
{
    struct selkie_serial *serial = context;

    if (open_line(serial))
        serial->handler.changed(serial->handler.context, true);
}

struct selkie_serial *selkie_serial_open(sd_event *event, const char *device,
                                         const struct selkie_line_settings *settings,
                                         const struct selkie_serial_handler *handler)
{
    struct selkie_serial *serial = calloc(1, sizeof *serial);

    if (!serial || !(serial->device = strdup(device))) {
        selkie_log(LOG_ERR, "serial line %s: %s", device, selkie_error_text(SELKIE_ENOMEM));
        free(serial);
        return NULL;
    }
    serial->event = event;
    serial->settings = settings;
    serial->handler = *handler;
    serial->fd = -1;
    selkie_timer_init(&serial->retry, event, on_retry, serial);
    (void)open_line(serial);
    return serial;
}

void selkie_serial_configure(struct selkie_serial *serial, const struct selkie_line_settings *settings)
{
    serial->settings = settings;
}

void selkie_serial_close(struct selkie_serial *serial)
{
    if (!serial)
        return;
    close_line(serial);
    selkie_timer_wipe(&serial->retry);
    free(serial->device);
    free(serial);
}

bool selkie_serial_is_open(const struct selkie_serial *serial)
{
    return serial->fd >= 0;
}

void selkie_serial_read_rest(struct selkie_serial *serial)
{
    uint8_t data[1024];
    ssize_t len;

    while (serial->fd >= 0 && (len = read(serial->fd, data, sizeof data)) > 0)
        serial->handler.bytes(serial->handler.context, data, (size_t)len);
}

int selkie_serial_write(struct selkie_serial *serial, const uint8_t *data, size_t len)
{
    if (serial->fd < 0)
        return SELKIE_EIO;
    ssize_t written = write(serial->fd, data, len);
    return written == (ssize_t)len ? 0 : SELKIE_EIO;
}
