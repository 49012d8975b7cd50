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
#define LOOK_US       (30 * SELKIE_SEC_US) /* between two looks through /proc */
#define REST_MAX      65536                /* bytes at the end: a serial server may go on for ever */
#define FLAPS_US      (60 * SELKIE_SEC_US)
#define FLAPS_LOGGED  3 /* losses in a minute of which each has its lines in the log */

struct selkie_serial {
    sd_event *event;
    char *device;
    const struct selkie_line_settings *settings;
    struct selkie_serial_handler handler;
    int fd;                        /* -1 while the line is not open */
    bool ready;                    /* open, and its first steps are done */
    bool suspect;                  /* the server closed the connection before this one at once */
    bool on_trial;                 /* as ready, but for what a suspect may do next: bytes pass, and that is all */
    struct selkie_line_dial *dial; /* NULL, or it connects just now */
    struct selkie_line_init init;
    sd_event_source *readable;
    struct selkie_timer timer; /* not open: to try again; on trial: to pass; ready: to look who else uses the line */
    struct selkie_timer flaps; /* the end of a minute with losses */
    unsigned losses;           /* in it */
    unsigned failures;         /* in a row, of those after which the wait grows */
    int64_t opened_us;
    int64_t explained_us;                /* when the fault was, last */
    int logged;                          /* the last errno in the log; 0 while the line is open */
    char fault[SELKIE_LINE_FAULT_MAX];   /* why the line is not ready, as the log has it; "" while it is */
    char refused[SELKIE_LINE_FAULT_MAX]; /* what the driver did not take */
    char other[SELKIE_LINE_OTHER_MAX];   /* who uses the line too */
    char remark[SELKIE_LINE_FAULT_MAX + SELKIE_LINE_OTHER_MAX]; /* both */
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
    serial->ready = serial->on_trial = false;
}

/* Each reason is logged once, until another one or success follows. */
static void log_fault(struct selkie_serial *serial, const char *fault)
{
    if (strcmp(serial->fault, fault) != 0)
        selkie_log(LOG_WARNING, "serial line %s: %s; retrying until it works", serial->device, fault);
    selkie_error_text_format(serial->fault, sizeof serial->fault, "%s", fault);
}

static bool is_short_lived(const struct selkie_serial *serial)
{
    return is_tcp(serial) && selkie_clock_monotonic_us() - serial->opened_us < SHORT_LIVE_US;
}

/* An adapter with a loose plug comes and goes every second, for days: its log has a count each minute. */
static bool is_flapping(const struct selkie_serial *serial)
{
    return serial->losses > FLAPS_LOGGED;
}

static void on_flaps(void *context)
{
    struct selkie_serial *serial = context;
    unsigned more = is_flapping(serial) ? serial->losses - FLAPS_LOGGED : 0;

    serial->losses = more > 0 ? FLAPS_LOGGED : 0;
    if (more == 0)
        return;
    selkie_log(LOG_WARNING, "serial line %s: gone %u more times within a minute: a loose plug, or too little power? %s",
               serial->device, more, serial->ready ? "It is open now" : "It is gone now; retrying until it is back");
    selkie_timer_start(&serial->flaps, FLAPS_US);
}

/* A serial server whose line another client has closes the connection at once, each time. */
static void lost(struct selkie_serial *serial)
{
    bool was_ready = serial->ready;

    serial->suspect = is_short_lived(serial);
    close_line(serial);
    if (serial->suspect)
        log_fault(serial, "the server closes the connection at once: does another client use its line?");
    else {
        serial->losses++;
        selkie_timer_start(&serial->flaps, FLAPS_US);
        if (!is_flapping(serial))
            selkie_log(LOG_WARNING, "serial line %s: gone; retrying until it is back", serial->device);
        selkie_error_text_format(serial->fault, sizeof serial->fault, "gone");
        if (is_tcp(serial))
            serial->failures = 0;
    }
    serial->logged = EIO;
    if (was_ready)
        serial->handler.changed(serial->handler.context, false);
    selkie_timer_set(&serial->timer, serial->suspect ? selkie_timer_back_off_us(serial->failures++) : RETRY_US);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct selkie_serial *serial = context;
    uint8_t data[1024];
    ssize_t len = read(fd, data, sizeof data);

    (void)source;
    if (len > 0 && (serial->ready || serial->on_trial))
        serial->handler.bytes(serial->handler.context, data, (size_t)len);
    else if (len > 0)
        selkie_line_init_heard(&serial->init, data, (size_t)len);
    else if (len == 0 || (errno != EINTR && (errno != EAGAIN || (events & (EPOLLHUP | EPOLLERR)) != 0)))
        lost(serial);
    return 0;
}

static void look_for_other(struct selkie_serial *serial)
{
    char other[SELKIE_LINE_OTHER_MAX];

    selkie_line_find_other(other, serial->fd);
    if (other[0] != '\0' && strcmp(other, serial->other) != 0)
        selkie_log(LOG_WARNING, "serial line %s: %s", serial->device, other);
    else if (other[0] == '\0' && serial->other[0] != '\0')
        selkie_log(LOG_NOTICE, "serial line %s: no other process uses it any more", serial->device);
    selkie_error_text_format(serial->other, sizeof serial->other, "%s", other);
    selkie_error_text_format(serial->remark, sizeof serial->remark, "%s%s%s", serial->refused,
                             serial->refused[0] != '\0' && other[0] != '\0' ? "; " : "", other);
}

/* A process that comes later may take all bytes, so that nothing but its absence is heard. */
static void look_again(struct selkie_serial *serial)
{
    if (!is_tcp(serial))
        selkie_timer_set(&serial->timer, LOOK_US);
}

/* What the log says of a line that opens, or, for a suspect, will say once it has lived on: until then its fault stays,
 * so that neither the log nor the status goes to and fro at each try. */
static void become_ready(struct selkie_serial *serial)
{
    char text[SELKIE_TTY_TEXT_MAX];

    serial->on_trial = serial->suspect && is_short_lived(serial);
    if (serial->on_trial) {
        selkie_timer_set(&serial->timer, SHORT_LIVE_US - (selkie_clock_monotonic_us() - serial->opened_us));
        return;
    }
    selkie_tty_format(text, &serial->settings->tty);
    if (!is_flapping(serial))
        selkie_log(LOG_NOTICE, "serial line %s: open%s%s%s", serial->device, is_tcp(serial) ? "" : ", ",
                   is_tcp(serial) ? "" : text, serial->settings->step_count > 0 ? ", init steps done" : "");
    serial->ready = true;
    serial->logged = 0;
    serial->fault[0] = '\0';
    if (serial->suspect || !is_tcp(serial)) /* else whether it is good, its end says */
        serial->failures = 0;
    serial->suspect = false;
    look_again(serial);
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
    selkie_timer_set(&serial->timer, RETRY_US);
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

/* A line that is not there or not free is tried each second; what that means is found out less often. */
static void fail_tty(struct selkie_serial *serial, int error)
{
    char text[SELKIE_LINE_FAULT_MAX];
    int64_t now_us = selkie_clock_monotonic_us();

    if (error == serial->logged && now_us - serial->explained_us < LOOK_US) {
        close_line(serial);
        selkie_timer_set(&serial->timer, RETRY_US);
        return;
    }
    serial->explained_us = now_us;
    selkie_line_explain(text, serial->device, error);
    fail_open(serial, error, text);
}

static void open_tty(struct selkie_serial *serial)
{
    char refused[SELKIE_LINE_FAULT_MAX];
    int error = selkie_line_open(&serial->fd, serial->device, serial->settings, refused);

    if (error == 0) {
        if (refused[0] != '\0' && strcmp(refused, serial->refused) != 0)
            selkie_log(LOG_WARNING, "serial line %s: %s", serial->device, refused);
        selkie_error_text_format(serial->refused, sizeof serial->refused, "%s", refused);
        look_for_other(serial); /* it opened the line before us, and so needed no lock */
        error = begin(serial);
    }
    if (error != 0)
        fail_tty(serial, error);
}

static void open_line(struct selkie_serial *serial)
{
    if (!is_tcp(serial)) {
        open_tty(serial);
        return;
    }
    int result = selkie_line_dial_open(&serial->dial, serial->event, serial->device, on_dialled, serial);
    if (result < 0)
        fail_open(serial, ENOMEM, selkie_error_text(result));
}

static void on_time(void *context)
{
    struct selkie_serial *serial = context;

    if (serial->ready) {
        look_for_other(serial);
        look_again(serial);
        return;
    }
    if (serial->on_trial)
        become_ready(serial);
    else
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
        if (serial->ready)
            serial->handler.changed(serial->handler.context, true);
        return;
    }
    log_fault(serial, fault);
    close_line(serial);
    selkie_timer_set(&serial->timer, selkie_timer_back_off_us(serial->failures++));
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
    selkie_timer_init(&serial->timer, event, on_time, serial);
    selkie_timer_init(&serial->flaps, event, on_flaps, serial);
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
    selkie_timer_wipe(&serial->timer);
    selkie_timer_wipe(&serial->flaps);
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

void selkie_serial_read_rest(struct selkie_serial *serial)
{
    uint8_t data[1024];
    size_t taken = 0;
    ssize_t len;

    while ((serial->ready || serial->on_trial) && taken < REST_MAX && (len = read(serial->fd, data, sizeof data)) > 0) {
        serial->handler.bytes(serial->handler.context, data, (size_t)len);
        taken += (size_t)len;
    }
}

int selkie_serial_write(struct selkie_serial *serial, const uint8_t *data, size_t len)
{
    if (!serial->ready || is_held_up(serial))
        return SELKIE_EIO;
    return write_all(serial, data, len);
}
