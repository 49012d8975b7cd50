/* SPDX-License-Identifier: Apache-2.0 */
#include "radio_fixture.h"

#include <poll.h>
#include <pty.h>
#include <selkie/clock.h>
#include <selkie/fragment.h>
#include <selkie/frame.h>
#include <selkie/link.h>
#include <string.h>
#include <unistd.h>

int master;
char device[64];
sd_event *event;
struct selkie_ack_channel channel;
struct selkie_radio_line *radio;
struct selkie_gateway_config config;
struct selkie_gateway_line line;
struct radio_heard heard;
int changes;

static void on_body(void *context, struct selkie_radio_line *from, const uint8_t *body, size_t len, int16_t rssi)
{
    (void)context;
    ck_assert_ptr_eq(from, radio);
    heard.count++;
    heard.rssi = rssi;
    heard.len = len;
    memcpy(heard.body, body, len);
}

static void on_changed(void *context)
{
    (void)context;
    changes++;
}

const struct selkie_radio_line_handler radio_handler = {.body = on_body, .changed = on_changed};

void radio_setup(void)
{
    int slave;

    ck_assert_int_eq(openpty(&master, &slave, device, NULL, NULL), 0);
    ck_assert_int_ge(sd_event_new(&event), 0);
    line = (struct selkie_gateway_line){
        .device = device, .serial = {.tty = {.baud = 9600}}, .ack = true, .quiet_ms = 20, .bit_rate = 2000};
    config = (struct selkie_gateway_config){.line_count = 1};
    selkie_ack_channel_init(&channel, event);
    radio = selkie_radio_line_open(event, &channel, &config, &line, &radio_handler);
    ck_assert_ptr_nonnull(radio);
    ck_assert(selkie_radio_line_is_open(radio)); /* and raw from here on */
    (void)close(slave);
}

void radio_teardown(void)
{
    selkie_radio_line_close(radio);
    selkie_ack_channel_wipe(&channel);
    (void)sd_event_unref(event);
    if (master >= 0)
        (void)close(master);
}

/* Turn the loop until so many frames, good or not, have come in since the start. */
void radio_turn_until(uint64_t frames)
{
    const struct selkie_radio_line_counters *counters = selkie_radio_line_counters(radio);
    int64_t limit = selkie_clock_monotonic_us() + RADIO_PATIENCE_US;
    uint64_t seen = 0;

    while (seen < frames && selkie_clock_monotonic_us() < limit) {
        ck_assert_int_ge(sd_event_run(event, 20000), 0);
        seen = counters->fragments + counters->received + counters->garbage + counters->crc + counters->overlong;
    }
    ck_assert_uint_eq(seen, frames);
}

void radio_send_bytes(const uint8_t *bytes, size_t len)
{
    ck_assert_int_eq(write(master, bytes, len), (ssize_t)len);
}

void radio_send_body(const uint8_t *body, size_t len)
{
    uint8_t wire[SELKIE_LINK_WIRE_MAX];
    int wire_len = selkie_link_encode(wire, sizeof(wire), body, len);

    ck_assert_int_gt(wire_len, 0);
    radio_send_bytes(wire, (size_t)wire_len);
}

void radio_sealed_of(uint8_t body[static SELKIE_SEALED_SIZE], uint8_t first_of_address)
{
    uint8_t address[SELKIE_ADDRESS_SIZE] = {first_of_address, 0xAB, 1, 2, 3, 4, 5, 6};

    memset(body, 0x33, SELKIE_SEALED_SIZE);
    selkie_frame_put_sealed_header(body, 1, address);
}

/* Turn the loop until an ACK comes. */
void radio_await_ack(uint8_t ack[static SELKIE_ACK_SIZE])
{
    struct selkie_link_rx rx;
    int64_t start = selkie_clock_monotonic_us();
    int len = 0;

    selkie_link_rx_init(&rx);
    while (len == 0 && selkie_clock_monotonic_us() - start < RADIO_PATIENCE_US) {
        struct pollfd readable = {.fd = master, .events = POLLIN};
        uint8_t byte;
        ck_assert_int_ge(sd_event_run(event, 1000), 0);
        while (len == 0 && poll(&readable, 1, 0) > 0 && read(master, &byte, 1) == 1)
            len = selkie_link_rx_byte(&rx, byte);
    }
    ck_assert_int_eq(len, SELKIE_ACK_SIZE);
    memcpy(ack, rx.body, SELKIE_ACK_SIZE);
}

void radio_send_fragment(const uint8_t *body, size_t len, uint8_t index)
{
    struct selkie_fragment_plan plan;
    uint8_t fragment[SELKIE_FRAGMENT_SIZE_MAX];

    ck_assert_int_eq(selkie_fragment_make_plan(&plan, body, len, 58), 0);
    radio_send_body(fragment, selkie_fragment_write(fragment, &plan, body, len, index));
}
