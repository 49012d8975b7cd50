/* SPDX-License-Identifier: Apache-2.0 */
#include "radio_line.h"

#include "log.h"
#include "serial.h"
#include "timer.h"

#include <selkie/clock.h>
#include <selkie/frame.h>
#include <selkie/link.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct ack {
    uint8_t body[SELKIE_ACK_SIZE];
    int64_t since;
};

struct selkie_radio_line {
    const struct selkie_gateway_config *config;
    const struct selkie_gateway_line *settings;
    struct selkie_radio_line_handler handler;
    struct selkie_serial *serial;
    struct selkie_link_rx rx;
    struct selkie_radio_line_counters counters;
    int64_t last_byte;         /* when the line was last busy, in either direction */
    struct selkie_timer quiet; /* fires when the first ACK may be sent */
    struct ack acks[SELKIE_ACKS_MAX];
    size_t ack_count;
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

static void on_body(struct selkie_radio_line *line, size_t len)
{
    struct selkie_frame frame;
    bool known = selkie_frame_decode(&frame, line->rx.body, len) == 0;

    line->counters.received++;
    /* An unknown version or type is forwarded: the plugin reports it as `malformed`, or is newer and knows it. */
    if (!known)
        line->counters.foreign++;
    else if (frame.type == SELKIE_ACK) /* another gateway's, or an echo of ours */
        return;
    else if (frame.type == SELKIE_SEALED)
        line->counters.sealed++;
    else
        line->counters.session++;
    if (!allowed(line->config, known ? &frame : NULL)) {
        line->counters.filtered++;
        return;
    }
    line->handler.body(line->handler.context, line, line->rx.body, len);
}

static void on_bytes(void *context, const uint8_t *data, size_t len)
{
    struct selkie_radio_line *line = context;

    line->last_byte = selkie_clock_monotonic_us();
    for (size_t i = 0; i < len; i++) {
        int result = selkie_link_rx_byte(&line->rx, data[i]);
        if (result > 0)
            on_body(line, (size_t)result);
        else if (result == SELKIE_ECRC)
            line->counters.crc++;
        else if (result == SELKIE_ELENGTH)
            line->counters.overlong++;
        else if (result < 0)
            line->counters.garbage++;
    }
}

static void on_changed(void *context, bool open)
{
    struct selkie_radio_line *line = context;

    selkie_link_rx_init(&line->rx);
    if (!open) {
        line->counters.ack_lost += line->ack_count;
        line->ack_count = 0;
    }
    line->handler.changed(line->handler.context);
}

/* For how long the line must still be quiet before an ACK may be sent; 0 or less: no longer. */
static int64_t quiet_left(const struct selkie_radio_line *line, int64_t now)
{
    return line->last_byte + line->settings->quiet_ms * SELKIE_MS_US - now;
}

static void arm(struct selkie_radio_line *line, int64_t now)
{
    int64_t left = quiet_left(line, now);

    selkie_timer_set(&line->quiet, left > 0 ? left : 0);
}

static void pop_ack(struct selkie_radio_line *line, bool sent)
{
    if (sent)
        line->counters.acked++;
    else
        line->counters.ack_lost++;
    line->ack_count--;
    memmove(&line->acks[0], &line->acks[1], line->ack_count * sizeof line->acks[0]);
}

static void send_ack(struct selkie_radio_line *line, int64_t now)
{
    uint8_t wire[SELKIE_LINK_WIRE_SIZE(SELKIE_ACK_SIZE)];
    int len = selkie_link_encode(wire, sizeof wire, line->acks[0].body, SELKIE_ACK_SIZE);

    pop_ack(line, len > 0 && selkie_serial_write(line->serial, wire, (size_t)len) == 0);
    line->last_byte = now; /* the next ACK waits for the quiet after this one */
}

static void on_quiet(void *context)
{
    struct selkie_radio_line *line = context;
    int64_t now = selkie_clock_monotonic_us();

    while (line->ack_count > 0 && now - line->acks[0].since > SELKIE_ACK_KEEP_US)
        pop_ack(line, false);
    if (line->ack_count > 0 && quiet_left(line, now) <= 0)
        send_ack(line, now);
    if (line->ack_count > 0)
        arm(line, now);
}

void selkie_radio_line_ack(struct selkie_radio_line *line, const uint8_t *body, size_t len, bool repeat)
{
    struct ack ack = {.since = selkie_clock_monotonic_us()};

    line->counters.duplicate += repeat;
    if (!line->settings->ack || !selkie_serial_is_open(line->serial))
        return;
    selkie_frame_put_ack(ack.body, body, len);
    for (size_t i = 0; i < line->ack_count; i++)
        if (memcmp(line->acks[i].body, ack.body, sizeof ack.body) == 0)
            return;
    if (line->ack_count == SELKIE_ACKS_MAX)
        pop_ack(line, false);
    line->acks[line->ack_count++] = ack;
    if (line->ack_count == 1)
        arm(line, ack.since);
}

struct selkie_radio_line *selkie_radio_line_open(sd_event *event, const struct selkie_gateway_config *config,
                                                 const struct selkie_gateway_line *settings,
                                                 const struct selkie_radio_line_handler *handler)
{
    struct selkie_radio_line *line = calloc(1, sizeof *line);
    struct selkie_serial_handler serial = {.context = line, .bytes = on_bytes, .changed = on_changed};

    if (!line) {
        selkie_log(LOG_ERR, "serial line %s: %s", settings->device, selkie_error_text(SELKIE_ENOMEM));
        return NULL;
    }
    selkie_timer_init(&line->quiet, event, on_quiet, line);
    line->handler = *handler;
    selkie_radio_line_configure(line, config, settings);
    selkie_link_rx_init(&line->rx);
    line->serial = selkie_serial_open(event, settings->device, settings->baud, &serial);
    if (!line->serial) {
        free(line);
        return NULL;
    }
    return line;
}

void selkie_radio_line_close(struct selkie_radio_line *line)
{
    if (!line)
        return;
    selkie_serial_close(line->serial);
    selkie_timer_wipe(&line->quiet);
    free(line);
}

bool selkie_radio_line_is(const struct selkie_radio_line *line, const struct selkie_gateway_line *settings)
{
    return line->settings->baud == settings->baud && strcmp(line->settings->device, settings->device) == 0;
}

void selkie_radio_line_configure(struct selkie_radio_line *line, const struct selkie_gateway_config *config,
                                 const struct selkie_gateway_line *settings)
{
    line->config = config;
    line->settings = settings;
}

const char *selkie_radio_line_device(const struct selkie_radio_line *line)
{
    return line->settings->device;
}

bool selkie_radio_line_is_open(const struct selkie_radio_line *line)
{
    return selkie_serial_is_open(line->serial);
}

const struct selkie_radio_line_counters *selkie_radio_line_counters(const struct selkie_radio_line *line)
{
    return &line->counters;
}
