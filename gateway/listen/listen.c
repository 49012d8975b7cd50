/* SPDX-License-Identifier: Apache-2.0 */
#include "listen/listen.h"

#include "line/line_open.h"
#include "listen/listen_trial.h"
#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/serial.h>
#include <poll.h>
#include <selkie/clock.h>
#include <selkie/fragment.h>
#include <selkie/frame.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define SILENCE_MS 300 /* ends a transmission */
#define SPEEDS_MAX 12

/* In the order in which they are tried: the usual ones of radio modules first. */
static const unsigned speeds[] = {9600, 57600, 115200, 38400, 19200, 4800, 2400, 1200, 230400, 460800};

enum kind { SEALED, SESSION, ACK, FRAGMENT, FOREIGN, KINDS };

static const char *const kind_names[] = {"SEALED", "SESSION", "ACK", "FRAGMENT", "foreign"};

struct listen {
    const char *port;
    struct selkie_tty_settings settings;
    int fd;
    int signals;
    int64_t started_us;
    struct selkie_listen_trial trials[SPEEDS_MAX];
    size_t trial_count, at;
    uint32_t errors_before; /* of the line, when they were read last */
    bool framed;            /* this transmission had a frame */
    uint8_t last;           /* byte */
    uint64_t bytes, kinds[KINDS], crc, framing, overlong;
};

static enum kind kind_of(const struct selkie_frame *frame, const uint8_t *body, size_t len)
{
    if (body[0] == SELKIE_FRAGMENT_HEAD && len > SELKIE_FRAGMENT_HEADER_SIZE && body[3] > 0 &&
        body[3] <= SELKIE_FRAGMENT_CHUNKS_MAX)
        return FRAGMENT;
    if (!frame)
        return FOREIGN;
    return frame->type == SELKIE_SEALED ? SEALED : frame->type == SELKIE_SESSION ? SESSION : ACK;
}

static enum kind decode(struct selkie_frame *frame, const uint8_t *body, size_t len)
{
    return kind_of(selkie_frame_decode(frame, body, len) == 0 ? frame : NULL, body, len);
}

void selkie_listen_describe(char text[static SELKIE_LISTEN_TEXT_MAX], const uint8_t *body, size_t len)
{
    struct selkie_frame frame;
    enum kind kind = decode(&frame, body, len);
    char address[SELKIE_ADDRESS_TEXT_SIZE], what[64];
    const uint8_t *tag = frame.session.session_tag;

    switch (kind) {
    case SEALED:
        selkie_address_format(address, frame.sealed.address);
        (void)snprintf(what, sizeof what, "address %s  key %u", address, frame.sealed.key_id);
        break;
    case SESSION:
        (void)snprintf(what, sizeof what, "tag %02x%02x%02x%02x  counter_low %u", tag[0], tag[1], tag[2], tag[3],
                       frame.session.counter_low);
        break;
    case ACK:
        (void)snprintf(what, sizeof what, "of the body with CRC %04x", frame.ack.crc);
        break;
    case FRAGMENT:
        (void)snprintf(what, sizeof what, "set %02x%02x  index %u, %u make the body", body[1], body[2], body[4],
                       body[3]);
        break;
    default:
        (void)snprintf(what, sizeof what, "version %d, type %d", body[0] >> 4, body[0] & 0x0F);
        break;
    }
    (void)snprintf(text, SELKIE_LISTEN_TEXT_MAX, "%-8s  %s  %zu bytes", kind_names[kind], what, len);
}

/* One line of text, after the time and the speed. */
static void say(const struct listen *listen, const char *text)
{
    int64_t now_ms = selkie_clock_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    char clock[16] = "";
    struct tm local;

    if (localtime_r(&seconds, &local))
        (void)strftime(clock, sizeof clock, "%H:%M:%S", &local);
    (void)printf("%s.%03d  %6u  %s\n", clock, (int)(now_ms % 1000), listen->trials[listen->at].baud, text);
}

static void take_byte(struct listen *listen, uint8_t byte)
{
    struct selkie_listen_trial *trial = &listen->trials[listen->at];
    int result = selkie_listen_trial_byte(trial, byte);
    char text[SELKIE_LISTEN_TEXT_MAX];
    struct selkie_frame frame;

    listen->last = byte;
    if (result > 0) {
        listen->framed = true;
        selkie_listen_describe(text, trial->rx.body, (size_t)result);
        say(listen, text);
        listen->kinds[decode(&frame, trial->rx.body, (size_t)result)]++;
    } else if (result == SELKIE_ECRC) {
        listen->crc++;
        say(listen, "broken    wrong CRC");
    } else if (result == SELKIE_ELENGTH) {
        listen->overlong++;
        say(listen, "broken    longer than a frame may be");
    } else if (result < 0) {
        listen->framing++;
        say(listen, "broken    not in the form of a frame");
    }
}

/* Errors that the driver has counted; false: it counts none. */
static bool read_errors(const struct listen *listen, uint32_t *errors)
{
    struct serial_icounter_struct counters;

    if (ioctl(listen->fd, TIOCGICOUNT, &counters) != 0)
        return false;
    *errors = (uint32_t)counters.frame + (uint32_t)counters.parity + (uint32_t)counters.brk;
    return true;
}

static void count_errors(struct listen *listen)
{
    struct selkie_listen_trial *trial = &listen->trials[listen->at];
    uint32_t errors;

    if (!read_errors(listen, &errors))
        return;
    trial->errors_known = true;
    trial->errors += errors - listen->errors_before; /* modulo 2^32, as the driver counts */
    listen->errors_before = errors;
}

/* 0, or a negative error after a line in the log. */
static int set_speed(struct listen *listen, size_t at)
{
    char refused[SELKIE_TTY_REFUSED_MAX];

    listen->at = at;
    listen->settings.baud = listen->trials[at].baud;
    if (selkie_tty_configure(listen->fd, &listen->settings, refused) < 0) {
        selkie_log(LOG_ERR, "%s: cannot be set: %s", listen->port, strerror(errno));
        return SELKIE_EIO;
    }
    if (refused[0] != '\0')
        selkie_log(LOG_WARNING, "%s: %s", listen->port, refused);
    (void)read_errors(listen, &listen->errors_before);
    return 0;
}

static void name_best(const struct listen *listen)
{
    bool proven;
    const struct selkie_listen_trial *best = selkie_listen_trial_best(listen->trials, listen->trial_count, &proven);

    if (proven)
        (void)printf("%u baud looks right: %" PRIu64 " frames\n", best->baud, best->frames);
    else if (best)
        (void)printf("no speed gave a frame; %u baud looks most like it\n", best->baud);
    else
        (void)printf("no speed gave a frame, and none looks right: noise, another protocol, or radios that are set "
                     "otherwise\n");
}

/* On to the next speed. After the last one, say which looks best, and begin again. */
static int try_next(struct listen *listen)
{
    size_t next = (listen->at + 1) % listen->trial_count;
    char text[64];

    if (next == 0)
        name_best(listen);
    selkie_listen_trial_again(&listen->trials[next]);
    (void)snprintf(text, sizeof text, "bytes, but no frames: trying %u baud", listen->trials[next].baud);
    say(listen, text);
    if (set_speed(listen, next) < 0)
        return SELKIE_EIO;
    (void)tcflush(listen->fd, TCIFLUSH); /* of the speed before */
    return 0;
}

/* A transmission is over, or there is no end to it. */
static int on_silence(struct listen *listen, bool over)
{
    struct selkie_listen_trial *trial = &listen->trials[listen->at];
    char text[64];

    if (over) {
        int dbm = selkie_rssi_of(listen->last);
        if (listen->framed && trial->transmission_bytes == 1 && dbm != 0)
            (void)snprintf(text, sizeof text, "one byte behind the frame: %d dBm, if it is \"rssi\"", dbm);
        else if (listen->framed && trial->transmission_bytes == 1)
            (void)snprintf(text, sizeof text, "one byte behind the frame, which is no signal strength");
        else
            (void)snprintf(text, sizeof text, "%" PRIu64 " bytes, no frame", trial->transmission_bytes);
        if (trial->transmission_bytes > 0)
            say(listen, text);
        selkie_listen_trial_silence(trial);
        listen->framed = false;
    }
    return listen->trial_count > 1 && selkie_listen_trial_is_over(trial) ? try_next(listen) : 0;
}

/* What is there to read. 0, or SELKIE_EIO: the line is gone. */
static int take_bytes(struct listen *listen)
{
    uint8_t data[256];
    ssize_t len = read(listen->fd, data, sizeof data);

    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (len <= 0) {
        selkie_log(LOG_ERR, "%s: the line is gone", listen->port);
        return SELKIE_EIO;
    }
    for (ssize_t i = 0; i < len; i++)
        take_byte(listen, data[i]);
    listen->bytes += (uint64_t)len;
    count_errors(listen);
    return on_silence(listen, false);
}

/* Until a signal (0) or a failure (negative). */
static int show(struct listen *listen)
{
    struct pollfd fds[] = {{listen->fd, POLLIN, 0}, {listen->signals, POLLIN, 0}};
    int result = 0;

    while (result == 0) {
        bool within = listen->trials[listen->at].transmission_bytes > 0;
        if (fflush(stdout) != 0) /* whoever read it has gone */
            return SELKIE_EIO;
        int ready = poll(fds, 2, within ? SILENCE_MS : -1);
        if (ready < 0 && errno != EINTR) {
            selkie_log(LOG_ERR, "%s: %s", listen->port, strerror(errno));
            return SELKIE_EIO;
        }
        if (ready > 0 && fds[1].revents != 0)
            return 0;
        if (ready > 0 && fds[0].revents != 0)
            result = take_bytes(listen);
        else if (ready == 0)
            result = on_silence(listen, true);
    }
    return result;
}

static void summarize(const struct listen *listen)
{
    int64_t seconds = (selkie_clock_monotonic_us() - listen->started_us) / 1000000;

    (void)printf("\n%s: %" PRIu64 " bytes in %" PRId64 " s\nframes ", listen->port, listen->bytes, seconds);
    for (size_t i = 0; i < KINDS; i++)
        (void)printf(" %s %" PRIu64, kind_names[i], listen->kinds[i]);
    (void)printf("\nbroken  wrong CRC %" PRIu64 " too long %" PRIu64 " other %" PRIu64 "\n", listen->crc,
                 listen->overlong, listen->framing);
    for (size_t i = 0; i < listen->trial_count; i++) {
        const struct selkie_listen_trial *trial = &listen->trials[i];
        if (trial->bytes == 0)
            continue;
        (void)printf("%6u baud: %" PRIu64 " bytes, %" PRIu64 " frames, %" PRIu64 " broken", trial->baud, trial->bytes,
                     trial->frames, trial->broken);
        if (trial->errors_known)
            (void)printf(", %" PRIu64 " errors on the line", trial->errors);
        (void)putchar('\n');
    }
    if (listen->bytes == 0)
        (void)printf("no byte came: is the radio powered, are RX and TX crossed, does a device send?\n");
    else if (listen->trial_count > 1)
        name_best(listen);
    else if (listen->trials[0].frames == 0)
        (void)printf("bytes, but no frames at %u baud: without --baud, all usual speeds are tried\n",
                     listen->trials[0].baud);
}

/* 0, or an error after a line in the log. */
static int open_line(struct listen *listen)
{
    struct selkie_line_settings settings = {.tty = listen->settings};
    char text[SELKIE_LINE_FAULT_MAX], other[SELKIE_LINE_OTHER_MAX] = "";

    if (selkie_line_settings_is_tcp(listen->port)) {
        selkie_log(LOG_ERR, "%s: --listen is for lines of this machine", listen->port);
        return SELKIE_EINVAL;
    }
    int error = selkie_line_open(&listen->fd, listen->port, &settings, text);
    if (error == 0)
        selkie_line_find_other(other, listen->fd);
    else
        selkie_line_explain(text, listen->port, error);
    if (error == 0 && text[0] != '\0')
        selkie_log(LOG_WARNING, "%s: %s", listen->port, text);
    if (other[0] != '\0')
        selkie_log(LOG_WARNING, "%s: %s", listen->port, other);
    if (error == EBUSY)
        selkie_log(LOG_ERR, "%s: %s; if it is the gateway, stop the service first: systemctl stop selkie-gateway",
                   listen->port, text);
    else if (error == ENOENT)
        selkie_log(LOG_ERR, "%s: there is no such line; selkie-gateway --list-ports shows those that there are",
                   listen->port);
    else if (error == ENOTTY)
        selkie_log(LOG_ERR, "%s: not a serial line; selkie-gateway --list-ports shows those that there are",
                   listen->port);
    else if (error != 0)
        selkie_log(LOG_ERR, "%s: %s", listen->port, text);
    return error == 0 ? 0 : SELKIE_EIO;
}

/* The speed of the settings, and unless it is fixed the usual ones after it. */
static void choose_speeds(struct listen *listen, bool fixed)
{
    selkie_listen_trial_init(&listen->trials[listen->trial_count++], listen->settings.baud);
    for (size_t i = 0; !fixed && i < sizeof speeds / sizeof speeds[0]; i++)
        if (speeds[i] != listen->settings.baud)
            selkie_listen_trial_init(&listen->trials[listen->trial_count++], speeds[i]);
}

/* SIGINT and SIGTERM as something to read. -1 after a line in the log. */
static int open_signals(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    int fd = sigprocmask(SIG_BLOCK, &set, NULL) != 0 ? -1 : signalfd(-1, &set, SFD_CLOEXEC);
    if (fd < 0)
        selkie_log(LOG_ERR, "signals: %s", strerror(errno));
    return fd;
}

int selkie_listen(const char *port, const struct selkie_tty_settings *settings, bool fixed)
{
    struct listen *listen = calloc(1, sizeof *listen);
    int result = SELKIE_EIO;

    if (!listen) {
        selkie_log(LOG_ERR, "%s", selkie_error_text(SELKIE_ENOMEM));
        return EXIT_FAILURE;
    }
    listen->port = port;
    listen->fd = -1;
    listen->settings = *settings;
    listen->started_us = selkie_clock_monotonic_us();
    listen->signals = open_signals();
    choose_speeds(listen, fixed);
    if (listen->signals >= 0 && open_line(listen) == 0) {
        (void)read_errors(listen, &listen->errors_before);
        (void)printf("%s at %u baud; Ctrl-C ends\n", port, settings->baud);
        result = show(listen);
        summarize(listen);
    }
    if (listen->fd >= 0)
        (void)close(listen->fd);
    if (listen->signals >= 0)
        (void)close(listen->signals);
    free(listen);
    return result < 0 || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
