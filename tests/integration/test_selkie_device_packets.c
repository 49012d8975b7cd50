/* SPDX-License-Identifier: Apache-2.0 */
/* selkie-device on a radio that sends packets, as EBYTE's E32: a small buffer, packets of 58 bytes, each of them whole
 * or lost, deaf while it sends. The far end is the gateway's receiver. */
#include "cloud.h"
#include "harness_internal.h"

#include <poll.h>
#include <selkie/fragment.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BIT_RATE   9600 /* of the air */
#define PACKET     58
#define BUFFER_MAX 512
#define IDLE_MS    5 /* without another byte it sends what it has */
#define GAP_MS     40
#define PACKETS    "--packet", "58", "--packet-gap", "40"
#define QUIET_MS   (SELKIE_FRAGMENT_PAUSE_MS(GAP_MS + PACKET * 8000 / BIT_RATE) + 20) /* before the gateway's ACK */
#define TEXTS_MAX  16

static struct harness_pty *radio;
static struct cloud_frame frame;

static struct {
    uint8_t buffer[BUFFER_MAX];
    size_t fill, on_air; /* bytes in the buffer, and those of them that are on the air */
    int64_t came_ms, over_ms;
    size_t overflowed;
    unsigned packets, lost, lose_every;
    struct selkie_link_rx link;
    struct selkie_fragment_rx receiver;
    unsigned fragments, whole, again; /* bodies that came in one frame; sets that came once more */
    bool acknowledges;
    int64_t ack_ms; /* when the ACK goes; 0: none waits */
    unsigned registers, texts;
    char text[TEXTS_MAX][32];
} e32;

static void set_up(void)
{
    radio = harness_pty("radio");
    memset(&e32, 0, sizeof e32);
    selkie_link_rx_init(&e32.link);
    selkie_fragment_rx_init(&e32.receiver);
}

static struct harness_process *start(const char *const more[], const char *input)
{
    const char *argv[32] = {harness_program("selkie-device"),
                            "--port",
                            radio->path,
                            "--public-key",
                            harness_public_key(),
                            "--key-id",
                            "1",
                            "--address",
                            "00112233445566aa",
                            "--bit-rate",
                            "9600",
                            "--spread",
                            "0",
                            "--backoff",
                            "50"};
    size_t count = 15;

    for (; *more != NULL; more++)
        argv[count++] = *more;
    struct harness_process *device = harness_spawn("device", argv, true);
    ck_assert_int_eq(write(device->input, input, strlen(input)), (ssize_t)strlen(input));
    close(device->input);
    device->input = -1;
    return device;
}

static void on_body(const uint8_t *body, size_t len, int64_t now_ms)
{
    cloud_open(&frame, body, len);
    if (e32.acknowledges)
        e32.ack_ms = now_ms + QUIET_MS;
    if (frame.message.kind == SELKIE_REGISTER) {
        e32.registers++;
        return;
    }
    ck_assert_uint_lt(e32.texts, TEXTS_MAX);
    (void)snprintf(e32.text[e32.texts++], sizeof e32.text[0], "%.*s", (int)frame.message.data.payload_len,
                   (const char *)frame.message.data.payload);
}

static void hear(const uint8_t *bytes, size_t len, int64_t now_ms)
{
    if (e32.ack_ms > 0)
        e32.ack_ms = now_ms + QUIET_MS;
    for (size_t i = 0; i < len; i++) {
        struct selkie_fragment_body body;
        int got = selkie_link_rx_byte(&e32.link, bytes[i]);
        if (got <= 0)
            continue;
        int result = selkie_fragment_rx_put(&e32.receiver, e32.link.body, (size_t)got, (uint64_t)now_ms, &body);
        e32.fragments += result != SELKIE_EMALFORMED;
        e32.whole += result == SELKIE_EMALFORMED;
        if (result == SELKIE_EMALFORMED)
            on_body(e32.link.body, (size_t)got, now_ms);
        if (result == 1 && !body.again)
            on_body(body.bytes, body.len, now_ms);
        if (result == 1 && body.again) {
            e32.again++;
            e32.ack_ms = now_ms + QUIET_MS;
        }
    }
}

/* The packet on the air is over: it is heard, or lost as a whole. */
static void end_packet(int64_t now_ms)
{
    e32.packets++;
    if (e32.lose_every > 0 && e32.packets % e32.lose_every == 0)
        e32.lost++;
    else
        hear(e32.buffer, e32.on_air, now_ms);
    e32.fill -= e32.on_air;
    memmove(e32.buffer, e32.buffer + e32.on_air, e32.fill);
    e32.on_air = 0;
}

static void run_radio(int64_t now_ms)
{
    struct pollfd input = {.fd = radio->master, .events = POLLIN};
    uint8_t bytes[1024];

    if (poll(&input, 1, 2) > 0) {
        ssize_t count = read(radio->master, bytes, sizeof bytes);
        if (count <= 0)
            harness_breathe();
        for (ssize_t i = 0; i < count; i++) {
            if (e32.fill < sizeof e32.buffer)
                e32.buffer[e32.fill++] = bytes[i];
            else
                e32.overflowed++;
        }
        e32.came_ms = now_ms;
    }
    if (e32.on_air > 0 && now_ms >= e32.over_ms)
        end_packet(now_ms);
    if (e32.on_air == 0 && (e32.fill >= PACKET || (e32.fill > 0 && now_ms - e32.came_ms >= IDLE_MS))) {
        e32.on_air = e32.fill < PACKET ? e32.fill : PACKET;
        e32.over_ms = now_ms + (int64_t)e32.on_air * 8000 / BIT_RATE;
    }
    if (e32.ack_ms > 0 && now_ms >= e32.ack_ms && e32.fill == 0) {
        cloud_acknowledge(radio, &frame);
        e32.ack_ms = 0;
    }
}

static void run(struct harness_process *device)
{
    int64_t limit = harness_now_ms() + 2 * HARNESS_PATIENCE;

    while (!harness_log_has(device, "payloads ")) { /* the line with which it ends */
        ck_assert_int_lt(harness_now_ms(), limit);
        run_radio(harness_now_ms());
    }
}

static void expect_texts(unsigned count)
{
    ck_assert_uint_eq(e32.texts, count);
    for (unsigned i = 0; i < count; i++) {
        char expected[32];
        (void)snprintf(expected, sizeof expected, "reading %u", i);
        ck_assert_str_eq(e32.text[i], expected);
    }
}

#define INPUT "reading 0\nreading 1\nreading 2\nreading 3\nreading 4\nreading 5\n"

START_TEST(each_reading_arrives_though_one_packet_in_twenty_is_lost)
{
    e32.lose_every = 20;
    struct harness_process *device = start((const char *const[]){PACKETS, "--repeat", "1", NULL}, INPUT);
    run(device);
    ck_assert_int_eq(harness_wait_exit(device), 0);
    ck_assert_uint_eq(e32.registers, 1);
    expect_texts(6);
    ck_assert_uint_eq(e32.packets, 7 * 13);
    ck_assert_uint_eq(e32.lost, 7 * 13 / 20);
    ck_assert_uint_eq(e32.overflowed, 0);
    ck_assert_uint_eq(e32.whole, 0);
}
END_TEST

START_TEST(what_too_many_losses_keep_back_comes_with_the_repeat)
{
    /* A third is lost: no set arrives at once, and each does with the second. */
    e32.lose_every = 3;
    e32.acknowledges = true;
    struct harness_process *device =
        start((const char *const[]){PACKETS, "--ack", "--parity", "1", NULL}, "reading 0\nreading 1\n");
    run(device);
    ck_assert_int_eq(harness_wait_exit(device), 0);
    ck_assert(harness_log_has(device, "payloads 2, transmissions 6, acknowledged 3, given up 0"));
    ck_assert_uint_eq(e32.registers, 1);
    expect_texts(2);
    ck_assert_uint_eq(e32.overflowed, 0);
    ck_assert_uint_eq(e32.receiver.restored, 3);
}
END_TEST

/* Or what the others show would hold for any radio. */
START_TEST(without_packets_the_radio_overflows)
{
    struct harness_process *device = start((const char *const[]){"--repeat", "1", NULL}, "reading 0\n");
    run(device);
    ck_assert_int_eq(harness_wait_exit(device), 0);
    ck_assert_uint_gt(e32.overflowed, 0);
    ck_assert_uint_eq(e32.registers + e32.texts, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("selkie_device_packets");
    TCase *tc = tcase_create("selkie_device_packets");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, set_up, NULL);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, each_reading_arrives_though_one_packet_in_twenty_is_lost);
    tcase_add_test(tc, what_too_many_losses_keep_back_comes_with_the_repeat);
    tcase_add_test(tc, without_packets_the_radio_overflows);
    return harness_main(suite);
}
