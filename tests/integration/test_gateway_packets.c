/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway behind a packet radio: fragments at the radio's pace, of which packets are lost. The test is the radio
 * and the devices. Each ACK that is sent between two packets of a transmission would be lost, and fails the test. */
#include "rig.h"

#include <selkie/fragment.h>
#include <selkie/frame.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Milliseconds from one packet to the next, ten times the quiet time of the line; and how late this program may be for
 * one, on a machine with other things to do, before the gateway may take the transmission for over. */
#define PACE     200
#define LATE_MAX 40
#define PACKET   58
#define DATA     11 /* chunks of a SEALED body in such packets */
#define SENT     (DATA + 2)

struct device {
    uint8_t body[SELKIE_SEALED_SIZE];
    struct selkie_fragment_plan plan;
    unsigned next; /* index */
};

static struct {
    struct harness_pty *pty;
    struct selkie_link_rx rx;
    int64_t next_ms; /* when the next packet is due; 0: no transmission is under way */
    bool late;
    int ack; /* heard and not asked for yet; -1: none */
} radio;

static struct rig start(const char *extra)
{
    struct rig rig = rig_start("", extra);

    radio.pty = rig.pty;
    radio.ack = -1;
    selkie_link_rx_init(&radio.rx);
    return rig;
}

static struct device device_of(uint8_t number)
{
    struct device device = {.next = 0};
    uint8_t address[SELKIE_ADDRESS_SIZE] = {number, 2, 3, 4, 5, 6, 7, 8};

    for (size_t i = 0; i < sizeof device.body; i++)
        device.body[i] = (uint8_t)(i * 31 + number);
    selkie_frame_put_sealed_header(device.body, 1, address);
    ck_assert_int_eq(selkie_fragment_make_plan(&device.plan, device.body, sizeof device.body, PACKET), 0);
    ck_assert_uint_eq(device.plan.k, DATA);
    return device;
}

/* Hear the gateway until then, or until there is an ACK. */
static void listen_until(int64_t until_ms)
{
    uint8_t byte;

    while (radio.ack < 0 && harness_pty_read(radio.pty, &byte, 1, (int)(until_ms - harness_now_ms())) == 1) {
        ck_assert_msg(radio.next_ms == 0 || radio.late, "the gateway sends between two packets");
        if (selkie_link_rx_byte(&radio.rx, byte) == SELKIE_ACK_SIZE)
            radio.ack = radio.rx.body[1] << 8 | radio.rx.body[2];
    }
}

/* Wait for the time of the next packet. */
static void await_turn(int64_t pace_ms)
{
    if (radio.next_ms == 0)
        radio.next_ms = harness_now_ms();
    listen_until(radio.next_ms);
    while (harness_now_ms() < radio.next_ms)
        listen_until(radio.next_ms);
    radio.late = radio.late || harness_now_ms() - radio.next_ms > LATE_MAX;
    radio.next_ms += pace_ms;
}

static void send_fragment(const struct device *device, unsigned index, uint8_t change)
{
    uint8_t fragment[SELKIE_FRAGMENT_SIZE_MAX];
    size_t len = selkie_fragment_write(fragment, &device->plan, device->body, sizeof device->body, (uint8_t)index);

    fragment[len - 1] ^= change;
    rig_send_body(radio.pty, fragment, len);
}

/* One packet; bit n of `lost`: the fragment n of this transmission is. */
static void send_next(struct device *device, unsigned lost, int64_t pace_ms)
{
    unsigned index = device->next++;

    await_turn(pace_ms);
    if (!(lost >> index % SENT & 1))
        send_fragment(device, index, 0);
}

static void transmission_ends(void)
{
    radio.next_ms = 0;
    radio.late = false;
}

static void transmit(struct device *device, unsigned lost)
{
    for (int i = 0; i < SENT; i++)
        send_next(device, lost, PACE);
    transmission_ends();
}

static int await_ack(int patience_ms)
{
    listen_until(harness_now_ms() + patience_ms);
    int ack = radio.ack;
    radio.ack = -1;
    return ack;
}

static void expect_ack(const struct device *device)
{
    ck_assert_int_eq(await_ack(HARNESS_PATIENCE), selkie_crc16(device->body, sizeof device->body));
}

static void expect_published(struct harness_client *plugin, const struct device *device)
{
    struct harness_message *message = harness_receive(plugin, RIG_UP);

    ck_assert_uint_eq(message->len, sizeof device->body);
    ck_assert_mem_eq(message->payload, device->body, sizeof device->body);
    rig_receipt(plugin, strtoll(harness_message_property(message, "seq"), NULL, 10));
    harness_message_free(message);
}

START_TEST(a_body_comes_whole_though_two_packets_are_lost)
{
    struct rig rig = start("");
    struct device device = device_of(1);

    transmit(&device, 1u << 2 | 1u << 7);
    expect_ack(&device);
    expect_published(rig.plugin, &device);
    ck_assert_int_eq(await_ack(1000), -1); /* one ACK for all of it */
    rig_receive_none(rig.plugin, 100);
    rig_stop(rig.gateway, 0);
}
END_TEST

START_TEST(parity_behind_the_body_asks_for_no_second_ack)
{
    struct rig rig = start("");
    struct device device = device_of(1);

    transmit(&device, 0);
    expect_ack(&device);
    expect_published(rig.plugin, &device);
    ck_assert_int_eq(await_ack(1000), -1);
}
END_TEST

START_TEST(two_devices_interleaved_are_both_heard)
{
    struct rig rig = start("");
    struct device one = device_of(1), two = device_of(2);

    for (int i = 0; i < SENT; i++) {
        send_next(&one, 1u << 0 | 1u << 10, PACE / 2);
        send_next(&two, 1u << 5 | 1u << 6, PACE / 2);
    }
    transmission_ends();
    int first = await_ack(HARNESS_PATIENCE), second = await_ack(HARNESS_PATIENCE);
    ck_assert_int_eq(first, selkie_crc16(one.body, sizeof one.body));
    ck_assert_int_eq(second, selkie_crc16(two.body, sizeof two.body));
    expect_published(rig.plugin, &one);
    expect_published(rig.plugin, &two);
}
END_TEST

/* The ACK of a device whose frame fits a packet waits for the end of another one's body. */
START_TEST(a_frame_between_the_packets_of_another_device_is_acknowledged_behind_them)
{
    struct rig rig = start("");
    struct device device = device_of(1);

    for (int i = 0; i < SENT; i++) {
        send_next(&device, 1u << 3, PACE);
        if (i == 8)
            rig_send(radio.pty, 5);
    }
    transmission_ends();
    ck_assert_int_eq(await_ack(HARNESS_PATIENCE), rig_crc(5));
    expect_ack(&device);
    ck_assert_uint_eq(rig_receive(rig.plugin, NULL), 5);
    expect_published(rig.plugin, &device);
}
END_TEST

START_TEST(a_lost_ack_comes_again_and_the_body_is_published_once)
{
    struct rig rig = start("");
    struct device device = device_of(1);

    transmit(&device, 1u << 1);
    expect_ack(&device); /* which the device did not hear */
    expect_published(rig.plugin, &device);
    for (int repeat = 0; repeat < 2; repeat++) {
        transmit(&device, 1u << 12); /* new parity, and its last packet is lost */
        expect_ack(&device);
        ck_assert_int_eq(await_ack(500), -1);
    }
    rig_receive_none(rig.plugin, 100);
    rig_stop(rig.gateway, 0);
}
END_TEST

/* Three packets of a transmission are lost, one more than it has parity, and what a repeat brings makes up for them. */
START_TEST(a_repeat_needs_only_what_is_missing)
{
    struct rig rig = start("");
    struct device device = device_of(1);

    transmit(&device, 1u << 1 | 1u << 2 | 1u << 3);
    ck_assert_int_eq(await_ack(1000), -1);
    transmit(&device, ~(1u << 12)); /* one fragment is heard */
    expect_ack(&device);
    expect_published(rig.plugin, &device);
}
END_TEST

/* One transmission is spoilt; other devices' are not, and its repeat comes through. */
START_TEST(a_forged_fragment_costs_one_set)
{
    struct rig rig = start("");
    struct device victim = device_of(1), other = device_of(2);

    for (int i = 0; i < SENT; i++) {
        if (i == 5)
            send_fragment(&victim, 200, 1);
        send_next(&victim, 0, PACE / 2);
        send_next(&other, 0, PACE / 2);
    }
    transmission_ends();
    expect_ack(&other);
    ck_assert_int_eq(await_ack(1000), -1);
    transmit(&victim, 0);
    expect_ack(&victim);
    expect_published(rig.plugin, &other);
    expect_published(rig.plugin, &victim);
}
END_TEST

static void expect_counter(const struct harness_message *stats, const char *counter)
{
    ck_assert_msg(strstr((const char *)stats->payload, counter), "no %s in %s", counter, (const char *)stats->payload);
}

START_TEST(what_comes_of_fragments_is_counted)
{
    struct rig rig = start("");
    struct device whole = device_of(1), spoilt = device_of(2), lonely;
    unsigned sent = SENT + SENT + DATA;

    transmit(&whole, 0);
    expect_ack(&whole);
    transmit(&whole, 0);
    expect_ack(&whole);
    for (unsigned i = 0; i + 1 < DATA; i++)
        send_fragment(&spoilt, i, 0);
    send_fragment(&spoilt, DATA, 1);
    for (uint8_t number = 3; number < 3 + SELKIE_FRAGMENT_SETS + 2; number++, sent++) { /* each waits for more */
        lonely = device_of(number);
        send_fragment(&lonely, 0, 0);
    }
    struct harness_message *stats = NULL;
    char fragments[40];
    (void)snprintf(fragments, sizeof fragments, "\"fragments\":%u,", sent);
    do { /* every 30 s */
        harness_message_free(stats);
        stats = harness_receive_try(rig.plugin, RIG_STATS, 40000);
        ck_assert_ptr_nonnull(stats);
    } while (strstr((const char *)stats->payload, "\"fragments\":0,"));
    expect_counter(stats, fragments);
    expect_counter(stats, "\"restored\":1,");
    expect_counter(stats, "\"sets_broken\":1,");
    expect_counter(stats, "\"sets_expired\":0,");
    expect_counter(stats, "\"sets_displaced\":2"); /* the restored one went before them, and is no loss */
    expect_counter(stats, "\"duplicates\":1,");    /* one repeat, of thirteen fragments */
    expect_counter(stats, "\"received\":2,");
    expect_counter(stats, "\"broken\":0,"); /* no link frame was */
    harness_message_free(stats);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gateway_packets");
    TCase *tcase = tcase_create("gateway_packets");

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_body_comes_whole_though_two_packets_are_lost);
    tcase_add_test(tcase, parity_behind_the_body_asks_for_no_second_ack);
    tcase_add_test(tcase, two_devices_interleaved_are_both_heard);
    tcase_add_test(tcase, a_frame_between_the_packets_of_another_device_is_acknowledged_behind_them);
    tcase_add_test(tcase, a_lost_ack_comes_again_and_the_body_is_published_once);
    tcase_add_test(tcase, a_repeat_needs_only_what_is_missing);
    tcase_add_test(tcase, a_forged_fragment_costs_one_set);
    tcase_add_test(tcase, what_comes_of_fragments_is_counted);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
