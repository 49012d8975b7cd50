/* SPDX-License-Identifier: Apache-2.0 */
#include "radio_line.h"

#include "log.h"
#include "rssi_rx.h"
#include "serial.h"

#include <selkie/clock.h>
#include <selkie/fragment.h>
#include <selkie/frame.h>
#include <selkie/link.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* How long a frame waits at most for the byte behind its frame. The radio outputs both without a pause: that is 9 ms at
 * 1200 baud, and a USB adapter may keep the last byte for 16 ms. */
#define HOLD_US (40 * SELKIE_MS_US)

struct selkie_radio_line {
    const struct selkie_gateway_config *config;
    const struct selkie_gateway_line *settings;
    struct selkie_radio_line_handler handler;
    struct selkie_serial *serial;
    struct selkie_rssi_rx rx;
    size_t held; /* length of the body of a frame that waits for the byte behind it; 0 = none waits */
    struct selkie_timer held_until;
    struct selkie_fragment_rx fragments;
    struct selkie_radio_line_counters counters;
    struct selkie_hearing hearing;
    struct selkie_ack_channel *channel;
    struct selkie_ack_line acks; /* our part of it */
};

/* SESSION frames carry no address, so a list of addresses cannot filter them. A foreign frame (NULL) passes only
 * without a list. */
static bool allowed(const struct selkie_gateway_config *config, const struct selkie_frame *frame)
{
    char address[SELKIE_ADDRESS_TEXT_SIZE];

    if (config->allow_count == 0)
        return true;
    if (!frame || frame->type != SELKIE_SEALED)
        return frame;
    selkie_address_format(address, frame->sealed.address);
    for (size_t i = 0; i < config->allow_count; i++)
        if (strncasecmp(address, config->allow[i], strlen(config->allow[i])) == 0)
            return true;
    return false;
}

static void frame_heard(struct selkie_radio_line *line)
{
    int64_t deaf_s = selkie_hearing_frame(&line->hearing, selkie_clock_boot_ms());

    if (deaf_s == 0)
        return;
    selkie_log(LOG_NOTICE, "serial line %s: frames again, after %lld s", line->settings->device, (long long)deaf_s);
    line->handler.changed(line->handler.context);
}

static void bytes_heard(struct selkie_radio_line *line, size_t len)
{
    int64_t now_ms = selkie_clock_boot_ms();

    if (!selkie_hearing_bytes(&line->hearing, len, selkie_rssi_rx_inside(&line->rx), now_ms))
        return;
    bool tcp = selkie_line_settings_is_tcp(line->settings->device);
    selkie_log(LOG_WARNING,
               "serial line %s: bytes, but no frames for %lld s: noise, a wrong speed, or radios that are set "
               "otherwise%s%s",
               line->settings->device, (long long)selkie_hearing_deaf_s(&line->hearing, now_ms),
               tcp ? "" : "; stop the service and try selkie-gateway --listen ", tcp ? "" : line->settings->device);
    line->handler.changed(line->handler.context);
}

static void on_body(struct selkie_radio_line *line, const uint8_t *body, size_t len, int16_t rssi)
{
    struct selkie_frame frame;
    bool known = selkie_frame_decode(&frame, body, len) == 0;

    line->counters.received++;
    /* An unknown version or type is forwarded: the plugin reports it as `malformed`, or is newer and knows it. */
    if (!known)
        line->counters.foreign++;
    else if (frame.type == SELKIE_ACK) { /* another gateway's, or an echo of ours */
        selkie_ack_channel_overheard(line->channel, body);
        return;
    } else if (frame.type == SELKIE_SEALED)
        line->counters.sealed++;
    else
        line->counters.session++;
    if (!allowed(line->config, known ? &frame : NULL)) {
        line->counters.filtered++;
        return;
    }
    line->handler.body(line->handler.context, line, body, len, rssi);
}

static uint64_t now_ms(void)
{
    return (uint64_t)(selkie_clock_monotonic_us() / SELKIE_MS_US);
}

/* A body that fragments give goes the way of one that came whole. So does the first fragment of its repeat, in place of
 * the body: whether it is stored, and is to be acknowledged once more, the handler knows. */
static void on_frame(struct selkie_radio_line *line, size_t len, int16_t rssi)
{
    struct selkie_fragment_rx *fragments = &line->fragments;
    struct selkie_fragment_body body;

    fragments->rssi = rssi;
    int result = selkie_fragment_rx_put(fragments, line->rx.body, len, now_ms(), &body);
    if (result == SELKIE_EMALFORMED) {
        on_body(line, line->rx.body, len, rssi);
        return;
    }
    line->counters.fragments++;
    selkie_ack_channel_expect(&line->acks, (int64_t)fragments->expects_ms * SELKIE_MS_US);
    if (result > 0)
        on_body(line, body.bytes, body.len, body.rssi);
}

/* Hand on the frame that waits, if any: before the next byte, or when none came. */
static void release(struct selkie_radio_line *line, int16_t rssi)
{
    size_t len = line->held;

    if (len == 0)
        return;
    line->held = 0;
    selkie_timer_stop(&line->held_until);
    on_frame(line, len, rssi);
}

static void on_held_too_long(void *context)
{
    release(context, 0);
}

static void hold(struct selkie_radio_line *line, size_t len)
{
    line->held = len;
    if (line->rx.appended)
        selkie_timer_set_exact(&line->held_until, HOLD_US);
    else
        release(line, 0);
}

static void on_bytes(void *context, const uint8_t *data, size_t len)
{
    struct selkie_radio_line *line = context;

    for (size_t i = 0; i < len; i++) {
        release(line, selkie_rssi_of(data[i]));
        int result = selkie_rssi_rx_byte(&line->rx, data[i]);
        if (!selkie_rssi_rx_inside(&line->rx))
            line->acks.inside_us = 0; /* what follows is another frame */
        if (result > 0) {
            frame_heard(line);
            hold(line, (size_t)result);
        } else if (result == SELKIE_ECRC)
            line->counters.crc++;
        else if (result == SELKIE_ELENGTH)
            line->counters.overlong++;
        else if (result < 0)
            line->counters.garbage++;
    }
    bytes_heard(line, len);
    selkie_ack_channel_heard(line->channel, &line->acks, selkie_rssi_rx_inside(&line->rx));
}

static void on_changed(void *context, bool open)
{
    struct selkie_radio_line *line = context;

    release(line, 0);
    selkie_rssi_rx_init(&line->rx);
    line->acks.inside_us = line->acks.until_us = 0;
    if (open) {
        selkie_hearing_open(&line->hearing, selkie_clock_boot_ms());
        selkie_ack_channel_join(line->channel, &line->acks);
    } else
        selkie_ack_channel_leave(line->channel, &line->acks);
    line->handler.changed(line->handler.context);
}

static int send_ack(void *context, const uint8_t *wire, size_t len)
{
    struct selkie_radio_line *line = context;

    return selkie_serial_write(line->serial, wire, len);
}

/* Among devices of strangers, a SESSION frame shows nobody's address: only a line that says so acknowledges it. */
static bool acknowledges(const struct selkie_radio_line *line, const uint8_t *body, size_t len)
{
    struct selkie_frame frame;

    if (!line->settings->ack || !selkie_serial_is_open(line->serial))
        return false;
    return line->config->allow_count == 0 || line->settings->ack_session ||
           (selkie_frame_decode(&frame, body, len) == 0 && frame.type == SELKIE_SEALED);
}

void selkie_radio_line_ack(struct selkie_radio_line *line, const uint8_t *body, size_t len, bool repeat)
{
    line->counters.duplicate += repeat;
    if (acknowledges(line, body, len))
        selkie_ack_channel_put(line->channel, &line->acks, body, len, repeat);
}

struct selkie_radio_line *selkie_radio_line_open(sd_event *event, struct selkie_ack_channel *channel,
                                                 const struct selkie_gateway_config *config,
                                                 const struct selkie_gateway_line *settings,
                                                 const struct selkie_radio_line_handler *handler)
{
    struct selkie_radio_line *line = calloc(1, sizeof *line);
    struct selkie_serial_handler serial = {.context = line, .bytes = on_bytes, .changed = on_changed};

    if (!line) {
        selkie_log(LOG_ERR, "serial line %s: %s", settings->device, selkie_error_text(SELKIE_ENOMEM));
        return NULL;
    }
    line->channel = channel;
    line->acks.send = send_ack;
    line->acks.context = line;
    line->handler = *handler;
    selkie_timer_init(&line->held_until, event, on_held_too_long, line);
    selkie_radio_line_configure(line, config, settings);
    selkie_rssi_rx_init(&line->rx);
    selkie_fragment_rx_init(&line->fragments);
    selkie_hearing_init(&line->hearing, selkie_clock_boot_ms());
    line->serial = selkie_serial_open(event, settings->device, &settings->serial, &serial);
    if (!line->serial) {
        free(line);
        return NULL;
    }
    if (selkie_serial_is_open(line->serial))
        selkie_ack_channel_join(channel, &line->acks);
    return line;
}

void selkie_radio_line_close(struct selkie_radio_line *line)
{
    if (!line)
        return;
    if (selkie_serial_is_open(line->serial))
        selkie_ack_channel_leave(line->channel, &line->acks);
    selkie_serial_close(line->serial);
    selkie_timer_wipe(&line->held_until);
    free(line);
}

bool selkie_radio_line_is(const struct selkie_radio_line *line, const struct selkie_gateway_line *settings)
{
    return line->settings->channel == settings->channel && strcmp(line->settings->device, settings->device) == 0 &&
           selkie_line_settings_same(&line->settings->serial, &settings->serial);
}

void selkie_radio_line_configure(struct selkie_radio_line *line, const struct selkie_gateway_config *config,
                                 const struct selkie_gateway_line *settings)
{
    line->config = config;
    line->settings = line->acks.settings = settings;
    line->rx.appended = settings->rssi == SELKIE_LINE_RSSI_BYTE;
    if (line->serial)
        selkie_serial_configure(line->serial, &settings->serial);
}

void selkie_radio_line_read_rest(struct selkie_radio_line *line)
{
    selkie_serial_read_rest(line->serial);
    release(line, 0);
}

const char *selkie_radio_line_device(const struct selkie_radio_line *line)
{
    return line->settings->device;
}

const char *selkie_radio_line_fault(const struct selkie_radio_line *line)
{
    return selkie_serial_fault(line->serial);
}

bool selkie_radio_line_is_open(const struct selkie_radio_line *line)
{
    return selkie_serial_is_open(line->serial);
}

const struct selkie_radio_line_counters *selkie_radio_line_counters(struct selkie_radio_line *line)
{
    selkie_fragment_rx_expire(&line->fragments, now_ms());
    line->counters.restored = line->fragments.restored;
    line->counters.sets_broken = line->fragments.broken;
    line->counters.sets_expired = line->fragments.expired;
    line->counters.sets_displaced = line->fragments.displaced;
    return &line->counters;
}

const struct selkie_ack_counters *selkie_radio_line_acks(const struct selkie_radio_line *line)
{
    return &line->acks.counters;
}

const struct selkie_hearing *selkie_radio_line_hearing(const struct selkie_radio_line *line)
{
    return &line->hearing;
}
