/* SPDX-License-Identifier: Apache-2.0 */
#include "radio_line.h"

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
    const struct selkie_gateway_line *line;
    struct selkie_radio_line_handler handler;
    struct selkie_serial *serial;
    struct selkie_link_rx rx;
    struct selkie_radio_line_counters counters;
    int64_t last_byte; /* when the line was last busy, either way */
    sd_event *event;
    sd_event_source *quiet; /* runs when the first ACK may go */
    struct ack acks[SELKIE_ACKS_MAX];
    size_t ack_count;
};

/* SESSION frames carry no address, so no list of addresses can hold them back; what cannot be read is let through only
 * where there is no list. */
static bool allowed(const struct selkie_gateway_config *config, const struct selkie_frame *frame)
{
    char address[SELKIE_ADDRESS_TEXT_SIZE];

    if (config->allow_count == 0)
        return true;
    if (frame == NULL || frame->type != SELKIE_SEALED)
        return frame != NULL;
    selkie_address_format(address, frame->sealed.address);
    for (size_t i = 0; i < config->allow_count; i++)
        if (strncasecmp(address, config->allow[i], strlen(config->allow[i])) == 0)
            return true;
    return false;
}

static void on_body(struct selkie_radio_line *radio, size_t len)
{
    struct selkie_frame frame;

    bool known = selkie_frame_decode(&frame, radio->rx.body, len) == 0;

    radio->counters.received++;
    /* Whole on the line, but of no version or type that is known here. It goes on: the plugin says `malformed`, or it
     * is newer than this gateway and knows better. */
    if (!known)
        radio->counters.foreign++;
    else if (frame.type == SELKIE_ACK) /* another gateway's, or an echo of ours */
        return;
    else if (frame.type == SELKIE_SEALED)
        radio->counters.sealed++;
    else
        radio->counters.session++;
    if (!allowed(radio->config, known ? &frame : NULL)) {
        radio->counters.filtered++;
        return;
    }
    radio->handler.body(radio->handler.context, radio, radio->rx.body, len);
}

static void on_bytes(void *context, const uint8_t *data, size_t len)
{
    struct selkie_radio_line *radio = context;

    radio->last_byte = selkie_clock_monotonic_us();
    for (size_t i = 0; i < len; i++) {
        int result = selkie_link_rx_byte(&radio->rx, data[i]);
        if (result > 0)
            on_body(radio, (size_t)result);
        else if (result == SELKIE_ECRC)
            radio->counters.crc++;
        else if (result == SELKIE_ELENGTH)
            radio->counters.overlong++;
        else if (result < 0)
            radio->counters.garbage++;
    }
}

static void on_changed(void *context, bool open)
{
    struct selkie_radio_line *radio = context;

    selkie_link_rx_init(&radio->rx);
    if (!open) {
        radio->counters.ack_lost += radio->ack_count;
        radio->ack_count = 0;
    }
    radio->handler.changed(radio->handler.context);
}

static int on_quiet(sd_event_source *source, uint64_t usec, void *context);

static int64_t quiet_at(const struct selkie_radio_line *radio)
{
    return radio->last_byte + radio->line->quiet_ms * SELKIE_MS_US;
}

static void arm(struct selkie_radio_line *radio)
{
    int64_t now = selkie_clock_monotonic_us();
    int64_t at = quiet_at(radio);

    selkie_timer_set(radio->event, &radio->quiet, at > now ? at - now : 0, on_quiet, radio);
}

static void pop_ack(struct selkie_radio_line *radio, bool sent)
{
    if (sent)
        radio->counters.acked++;
    else
        radio->counters.ack_lost++;
    radio->ack_count--;
    memmove(&radio->acks[0], &radio->acks[1], radio->ack_count * sizeof(radio->acks[0]));
}

static void send_ack(struct selkie_radio_line *radio, int64_t now)
{
    uint8_t wire[SELKIE_LINK_WIRE_SIZE(SELKIE_ACK_SIZE)];
    int len = selkie_link_encode(wire, sizeof(wire), radio->acks[0].body, SELKIE_ACK_SIZE);

    pop_ack(radio, len > 0 && selkie_serial_write(radio->serial, wire, (size_t)len) == 0);
    radio->last_byte = now; /* the next one waits for the quiet after this one */
}

static int on_quiet(sd_event_source *source, uint64_t usec, void *context)
{
    struct selkie_radio_line *radio = context;
    int64_t now = selkie_clock_monotonic_us();

    (void)source;
    (void)usec;
    while (radio->ack_count > 0 && now - radio->acks[0].since > SELKIE_ACK_KEEP_US)
        pop_ack(radio, false);
    if (radio->ack_count > 0 && now >= quiet_at(radio))
        send_ack(radio, now);
    if (radio->ack_count > 0)
        arm(radio);
    return 0;
}

void selkie_radio_line_ack(struct selkie_radio_line *radio, const uint8_t *body, size_t len)
{
    struct ack ack = {.since = selkie_clock_monotonic_us()};

    if (!radio->line->ack || !selkie_serial_is_open(radio->serial))
        return;
    selkie_frame_put_ack(ack.body, body, len);
    for (size_t i = 0; i < radio->ack_count; i++)
        if (memcmp(radio->acks[i].body, ack.body, sizeof(ack.body)) == 0)
            return;
    if (radio->ack_count == SELKIE_ACKS_MAX)
        pop_ack(radio, false);
    radio->acks[radio->ack_count++] = ack;
    if (radio->ack_count == 1)
        arm(radio);
}

void selkie_radio_line_count_duplicate(struct selkie_radio_line *radio)
{
    radio->counters.duplicate++;
}

struct selkie_radio_line *selkie_radio_line_open(sd_event *event, const struct selkie_gateway_config *config,
                                                 const struct selkie_gateway_line *line,
                                                 const struct selkie_radio_line_handler *handler)
{
    struct selkie_radio_line *radio = calloc(1, sizeof(*radio));

    if (radio == NULL)
        return NULL;
    radio->event = event;
    radio->config = config;
    radio->line = line;
    radio->handler = *handler;
    selkie_link_rx_init(&radio->rx);
    struct selkie_serial_handler serial = {.context = radio, .bytes = on_bytes, .changed = on_changed};
    radio->serial = selkie_serial_open(event, line->device, line->baud, &serial);
    if (radio->serial == NULL) {
        free(radio);
        return NULL;
    }
    return radio;
}

void selkie_radio_line_close(struct selkie_radio_line *radio)
{
    if (radio == NULL)
        return;
    selkie_serial_close(radio->serial);
    sd_event_source_disable_unref(radio->quiet);
    free(radio);
}

void selkie_radio_line_configure(struct selkie_radio_line *radio, const struct selkie_gateway_config *config,
                                 const struct selkie_gateway_line *line)
{
    radio->config = config;
    radio->line = line;
}

const char *selkie_radio_line_device(const struct selkie_radio_line *radio)
{
    return radio->line->device;
}

unsigned selkie_radio_line_baud(const struct selkie_radio_line *radio)
{
    return radio->line->baud;
}

bool selkie_radio_line_is_open(const struct selkie_radio_line *radio)
{
    return selkie_serial_is_open(radio->serial);
}

const struct selkie_radio_line_counters *selkie_radio_line_counters(const struct selkie_radio_line *radio)
{
    return &radio->counters;
}
