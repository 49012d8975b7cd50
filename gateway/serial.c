/* SPDX-License-Identifier: Apache-2.0 */
#include "serial.h"

#include "line/line_dial.h"
#include "line/line_init.h"
#include "line/line_open.h"
#include "log.h"
#include "timer.h"

#include <errno.h>
#include <selkie/clock.h>
#include <selkie/error_text.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define RETRY_US      (1 * SELKIE_SEC_US)
#define SHORT_LIVE_US (5 * SELKIE_SEC_US)

struct selkie_serial {
    sd_event *event;
    char *device;
    const struct selkie_line_settings *settings;
    struct selkie_serial_handler handler;
    int fd;                        /* -1 while the line is not open */
    bool ready;                    /* open, and its first steps are done */
    struct selkie_line_dial *dial; /* NULL, or it connects just now */
    struct selkie_line_init init;
    sd_event_source *readable;
    struct selkie_timer retry;
    unsigned failures; /* in a row, of those after which the wait grows */
    int64_t opened_us;
    int logged;                         /* the last errno in the log; 0 while the line is open */
    char fault[SELKIE_LINE_FAULT_MAX];  /* why the line is not ready, as the log has it; "" while it is */
    char remark[SELKIE_LINE_FAULT_MAX]; /* what the log says about a line that is open */
};

static bool is_tcp(const struct selkie_serial *serial)
{
    return selkie_line_settings_is_tcp(serial->device);
}

static bool has_flow(const struct selkie_serial *serial)
{
    return !is_tcp(serial) && serial->settings->tty.flow != SELKIE_TTY_FLOW_NONE;
}

static void close_line(struct selkie_serial *serial)
{
    selkie_line_dial_close(serial->dial);
    serial->dial = NULL;
    selkie_line_init_stop(&serial->init);
    serial->readable = sd_event_source_disable_unref(serial->readable);
    if (serial->fd >= 0 && has_flow(serial)) /* else close waits up to 30 s for the radio to take them */
        (void)tcflush(serial->fd, TCOFLUSH);
    if (serial->fd >= 0)
        (void)close(serial->fd);
    serial->fd = -1;
    serial->ready = false;
}

/* Each reason is logged once, until another one or success follows. */
static void log_fault(struct selkie_serial *serial, const char *fault)
{
    if (strcmp(serial->fault, fault) != 0)
        selkie_log(LOG_WARNING, "serial line %s: %s; retrying until it works", serial->device, fault);
    selkie_error_text_format(serial->fault, sizeof serial->fault, "%s", fault);
}

/* A serial server whose line another client has closes the connection at once, each time. */
static void lost(struct selkie_serial *serial)
{
    bool was_ready = serial->ready;
    bool at_once = is_tcp(serial) && selkie_clock_monotonic_us() - serial->opened_us < SHORT_LIVE_US;

    close_line(serial);
    if (at_once)
        log_fault(serial, "the server closes the connection at once: does another client use its line?");
    else
        selkie_log(LOG_WARNING, "serial line %s: gone; retrying until it is back", serial->device);
    if (!at_once)
        selkie_error_text_format(serial->fault, sizeof serial->fault, "gone");
    serial->logged = EIO;
    if (was_ready)
        serial->handler.changed(serial->handler.context, false);
    selkie_timer_set(&serial->retry, at_once ? selkie_timer_back_off_us(serial->failures++) : RETRY_US);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct selkie_serial *serial = context;
    uint8_t data[1024];
    ssize_t len = read(fd, data, sizeof data);

    (void)source;
    if (len > 0 && serial->ready)
        serial->handler.bytes(serial->handler.context, data, (size_t)len);
    else if (len > 0)
        selkie_line_init_heard(&serial->init, data, (size_t)len);
    else if (len == 0 || (errno != EINTR && (errno != EAGAIN || (events & (EPOLLHUP | EPOLLERR)) != 0)))
        lost(serial);
    return 0;
}

static void become_ready(struct selkie_serial *serial)
{
    char text[SELKIE_TTY_TEXT_MAX];

    selkie_tty_format(text, &serial->settings->tty);
    selkie_log(LOG_NOTICE, "serial line %s: open%s%s%s", serial->device, is_tcp(serial) ? "" : ", ",
               is_tcp(serial) ? "" : text, serial->settings->step_count > 0 ? ", init steps done" : "");
    serial->ready = true;
    serial->logged = 0;
    serial->fault[0] = '\0';
}

/* The line is open: watch it, and begin with its first steps. 0, or errno. */
static int begin(struct selkie_serial *serial)
{
    int result = sd_event_add_io(serial->event, &serial->readable, serial->fd, EPOLLIN, on_readable, serial);

    serial->opened_us = selkie_clock_monotonic_us();
    if (result < 0)
        return -result;
    if (!selkie_line_init_needed(serial->settings))
        become_ready(serial);
    else if (selkie_line_init_start(&serial->init, serial->settings) < 0)
        return ENOMEM;
    return 0;
}

/* A line that is gone is also missing: log that once. */
static void fail_open(struct selkie_serial *serial, int error, const char *text)
{
    bool missing = error == ENOENT || error == ENODEV || error == ENXIO || error == EIO;

    if (serial->logged == EIO && missing)
        selkie_error_text_format(serial->fault, sizeof serial->fault, "%s", text);
    else
        log_fault(serial, text);
    serial->logged = error;
    close_line(serial); /* with the dial, whose text it may be */
    selkie_timer_set(&serial->retry, RETRY_US);
}

static void on_dialled(void *context, int fd, const char *fault)
{
    struct selkie_serial *serial = context;

    serial->fd = fd;
    int error = fd < 0 ? ENOTCONN : begin(serial);
    if (error != 0) {
        fail_open(serial, error, fd < 0 ? fault : strerror(error));
        return;
    }
    selkie_line_dial_close(serial->dial);
    serial->dial = NULL;
    if (serial->ready)
        serial->handler.changed(serial->handler.context, true);
}

static void log_remark(struct selkie_serial *serial, const char *remark)
{
    if (remark[0] != '\0' && strcmp(remark, serial->remark) != 0)
        selkie_log(LOG_WARNING, "serial line %s: %s", serial->device, remark);
    selkie_error_text_format(serial->remark, sizeof serial->remark, "%s", remark);
}

static void open_line(struct selkie_serial *serial)
{
    char text[SELKIE_LINE_FAULT_MAX];

    if (is_tcp(serial)) {
        int result = selkie_line_dial_open(&serial->dial, serial->event, serial->device, on_dialled, serial);
        if (result < 0)
            fail_open(serial, ENOMEM, selkie_error_text(result));
        return;
    }
    int error = selkie_line_open(&serial->fd, serial->device, serial->settings, text);
    if (error == 0) {
        log_remark(serial, text);
        error = begin(serial);
        selkie_error_text_format(text, sizeof text, "%s", strerror(error));
    }
    if (error != 0)
        fail_open(serial, error, text);
}

static void on_retry(void *context)
{
    struct selkie_serial *serial = context;

    open_line(serial);
    if (serial->ready)
        serial->handler.changed(serial->handler.context, true);
}

/* A step that fails again and again writes the module's flash each time: wait longer and longer. */
static void on_init_done(void *context, const char *fault)
{
    struct selkie_serial *serial = context;

    if (!fault) {
        become_ready(serial);
        serial->handler.changed(serial->handler.context, true);
        return;
    }
    log_fault(serial, fault);
    close_line(serial);
    selkie_timer_set(&serial->retry, selkie_timer_back_off_us(serial->failures++));
}

/* With flow control, bytes that the radio did not take yet are an ACK that its device has given up by now. */
static bool is_held_up(struct selkie_serial *serial)
{
    int waiting = 0;

    if (!has_flow(serial) || ioctl(serial->fd, TIOCOUTQ, &waiting) != 0 || waiting == 0)
        return false;
    (void)tcflush(serial->fd, TCOFLUSH);
    return true;
}

/* Also for the first steps, which wait behind each other where the radio does not take them yet. */
static int write_all(void *context, const uint8_t *data, size_t len)
{
    const struct selkie_serial *serial = context;
    ssize_t written = write(serial->fd, data, len);

    return written == (ssize_t)len ? 0 : SELKIE_EIO;
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
    const struct selkie_line_init_handler init = {.context = serial, .write = write_all, .done = on_init_done};
    selkie_line_init_init(&serial->init, event, &init);
    open_line(serial);
    return serial;
}

void selkie_serial_configure(struct selkie_serial *serial, const struct selkie_line_settings *settings)
{
    serial->settings = serial->init.settings = settings;
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
    return serial->ready;
}

const char *selkie_serial_fault(const struct selkie_serial *serial)
{
    return serial->ready ? serial->remark : serial->fault;
}

void selkie_serial_find_other(struct selkie_serial *serial)
{
    char other[SELKIE_LINE_OTHER_MAX];

    if (serial->fd >= 0 && !is_tcp(serial) && selkie_line_find_other(serial->fd, other))
        log_remark(serial, other);
}

void selkie_serial_read_rest(struct selkie_serial *serial)
{
    uint8_t data[1024];
    ssize_t len;

    while (serial->ready && (len = read(serial->fd, data, sizeof data)) > 0)
        serial->handler.bytes(serial->handler.context, data, (size_t)len);
}

int selkie_serial_write(struct selkie_serial *serial, const uint8_t *data, size_t len)
{
    if (!serial->ready || is_held_up(serial))
        return SELKIE_EIO;
    return write_all(serial, data, len);
}
