/* SPDX-License-Identifier: Apache-2.0 */
/* The ACKs of gateways that hear the same devices, on a modelled air and a real event loop. */
#include "ack_channel.h"
#include "run_suite.h"

#include <selkie/clock.h>
#include <selkie/link.h>
#include <string.h>

#define GATEWAYS_MAX 4
#define DEVICES_MAX  4
#define BIT_RATE     5000
#define ACK_AIR_US   (INT64_C(8) * 8 * 1000000 / BIT_RATE)
#define BYTES_US     (INT64_C(2) * 8 * 1000000 / BIT_RATE) /* until a beginning is heard */
#define STALL_US     5000                                  /* half of what a slot is longer than an ACK */

static sd_event *event;
static struct selkie_gateway_line settings;

struct transmission {
    size_t from;
    int64_t start, end;
    uint8_t ack[SELKIE_ACK_SIZE];
    bool collided, begun, done;
};

static struct gateway {
    struct selkie_ack_channel channel;
    struct selkie_ack_line line, second; /* the second one is used where a test says so */
    bool two_lines;
} gateways[GATEWAYS_MAX];
static size_t gateway_count;
static bool hidden;  /* the gateways do not hear each other */
static bool stalled; /* the machine held this test up for so long that two slots may have become one */
static struct transmission air[256];
static size_t air_count;

static int on_air(void *context, const uint8_t *wire, size_t len)
{
    const struct gateway *gateway = context;
    int64_t now = selkie_clock_monotonic_us();
    struct selkie_link_rx rx;
    int body_len = 0;

    ck_assert_uint_lt(air_count, sizeof air / sizeof air[0]);
    struct transmission *sent = &air[air_count++];
    *sent = (struct transmission){.from = (size_t)(gateway - gateways), .start = now, .end = now + ACK_AIR_US};
    selkie_link_rx_init(&rx);
    for (size_t i = 0; i < len && body_len == 0; i++)
        body_len = selkie_link_rx_byte(&rx, wire[i]);
    ck_assert_int_eq(body_len, SELKIE_ACK_SIZE);
    memcpy(sent->ack, rx.body, SELKIE_ACK_SIZE);
    for (size_t i = 0; i + 1 < air_count; i++)
        if (air[i].end > now)
            air[i].collided = sent->collided = true;
    return 0;
}

static void start(size_t count, bool two_lines)
{
    gateway_count = count;
    air_count = 0;
    for (size_t i = 0; i < count; i++) {
        gateways[i].two_lines = two_lines;
        selkie_ack_channel_init(&gateways[i].channel, event);
        gateways[i].line = gateways[i].second =
            (struct selkie_ack_line){.settings = &settings, .send = on_air, .context = &gateways[i]};
        selkie_ack_channel_join(&gateways[i].channel, &gateways[i].line);
        if (two_lines)
            selkie_ack_channel_join(&gateways[i].channel, &gateways[i].second);
    }
}

static void stop(void)
{
    for (size_t i = 0; i < gateway_count; i++)
        selkie_ack_channel_wipe(&gateways[i].channel);
    gateway_count = 0;
}

static void set_up(void)
{
    hidden = false;
    settings = (struct selkie_gateway_line){.device = "/dev/null", .ack = true, .quiet_ms = 5, .bit_rate = BIT_RATE};
    ck_assert_int_ge(sd_event_new(&event), 0);
}

static void tear_down(void)
{
    stop();
    (void)sd_event_unref(event);
}

/* What the others hear of a transmission by now. */
static void spread(struct transmission *sent, int64_t now)
{
    for (size_t i = 0; i < gateway_count; i++) {
        if (i == sent->from || hidden)
            continue;
        if (!sent->begun && now >= sent->start + BYTES_US)
            selkie_ack_channel_heard(&gateways[i].channel, &gateways[i].line, true);
        if (!sent->done && now >= sent->end) {
            selkie_ack_channel_heard(&gateways[i].channel, &gateways[i].line, false);
            if (!sent->collided)
                selkie_ack_channel_overheard(&gateways[i].channel, sent->ack);
        }
    }
    sent->begun = sent->begun || now >= sent->start + BYTES_US;
    sent->done = sent->done || now >= sent->end;
}

/* How long a device waits: quiet time, four slots, the ACK. */
static int64_t ack_wait(void)
{
    return settings.quiet_ms * 1000 + 5 * (ACK_AIR_US + 10000);
}

static void run_for(int64_t us)
{
    int64_t last = selkie_clock_monotonic_us(), end = last + us, now;

    for (; (now = selkie_clock_monotonic_us()) < end; last = now) {
        stalled = stalled || now - last > STALL_US;
        ck_assert_int_ge(sd_event_run(event, 300), 0);
        for (size_t i = 0; i < air_count; i++)
            if (!air[i].done)
                spread(&air[i], selkie_clock_monotonic_us());
    }
    stalled = stalled || now - last > STALL_US;
}

/* What a stall has delayed must not come in the next round. */
static void settle(void)
{
    for (int rounds = 0; stalled && rounds < 20; rounds++) {
        stalled = false;
        run_for(ack_wait());
    }
    stalled = true;
}

/* All gateways hear a body. Whether exactly one ACK came out whole. */
static bool acknowledged(const uint8_t *body, size_t len, bool repeat)
{
    size_t before = air_count, whole = 0;

    stalled = false;
    for (size_t i = 0; i < gateway_count; i++) {
        struct gateway *gateway = &gateways[i];
        selkie_ack_channel_heard(&gateway->channel, &gateway->line, false);
        selkie_ack_channel_put(&gateway->channel, &gateway->line, body, len, repeat);
        if (gateway->two_lines)
            selkie_ack_channel_put(&gateway->channel, &gateway->second, body, len, true);
    }
    run_for(ack_wait());
    for (size_t i = before; i < air_count; i++)
        whole += !air[i].collided;
    if (!stalled)
        ck_assert_uint_le(whole, hidden ? 2 : 1);
    else
        settle();
    return whole >= 1;
}

static void body_of(uint8_t body[static SELKIE_SEALED_SIZE], uint8_t device, uint8_t generation, uint8_t number)
{
    uint8_t address[SELKIE_ADDRESS_SIZE] = {0x5e, 0x1c, device, generation};

    memset(body, number, SELKIE_SEALED_SIZE);
    selkie_frame_put_sealed_header(body, 1, address);
}

/* The part of frames that were acknowledged at the first try, of `frames` from each device. Where the machine stalled,
 * two gateways may have answered at once, and both remember: another device takes the place of that one, and its first
 * frame, for which all draw, says nothing more. */
static double first_tries(size_t count, uint8_t devices, uint8_t frames)
{
    const unsigned wanted = (unsigned)devices * frames;
    uint8_t body[SELKIE_SEALED_SIZE], generation[DEVICES_MAX] = {0};
    bool is_new[DEVICES_MAX] = {false};
    unsigned first = 0, counted = 0;

    start(count, false);
    for (unsigned number = 0; counted < wanted && number < wanted * 8; number++) {
        uint8_t device = (uint8_t)(number % devices);
        air_count = 0;
        body_of(body, device, generation[device], (uint8_t)(number / devices));
        bool at_first = acknowledged(body, sizeof body, false), ok = at_first, held_up = stalled;
        for (int tries = 0; tries < 12 && !ok; tries++) { /* one draw in four is the other gateway's, too */
            ok = acknowledged(body, sizeof body, true);
            held_up = held_up || stalled;
        }
        ck_assert(ok);
        counted += !held_up && !is_new[device];
        first += at_first && !held_up && !is_new[device];
        is_new[device] = held_up;
        generation[device] += held_up;
    }
    ck_assert_uint_eq(counted, wanted);
    return (double)first / wanted;
}

START_TEST(two_gateways_do_not_answer_at_once)
{
    ck_assert_double_ge(first_tries(2, 4, 10), 0.9);
}
END_TEST

START_TEST(nor_do_four)
{
    ck_assert_double_ge(first_tries(4, 4, 10), 0.8);
}
END_TEST

/* Those that do not hear each other go on drawing. */
START_TEST(hidden_gateways_do_not_answer_at_once_for_ever)
{
    hidden = true;
    ck_assert_double_ge(first_tries(2, 2, 20), 0.5);
}
END_TEST

START_TEST(a_gateway_alone_answers_at_the_first_try)
{
    ck_assert_double_eq(first_tries(1, 2, 5), 1);
}
END_TEST

START_TEST(two_lines_send_one_ack)
{
    uint8_t body[SELKIE_SEALED_SIZE];

    start(1, true);
    for (uint8_t i = 0; i < 10; i++) {
        body_of(body, 1, 0, i);
        ck_assert(acknowledged(body, sizeof body, false));
        ck_assert_uint_eq(air_count, i + 1u);
    }
}
END_TEST

START_TEST(no_ack_goes_into_a_frame_that_pauses)
{
    uint8_t body[SELKIE_SEALED_SIZE];

    start(1, false);
    body_of(body, 1, 0, 1);
    selkie_ack_channel_heard(&gateways[0].channel, &gateways[0].line, true); /* another device's, and then a pause */
    selkie_ack_channel_put(&gateways[0].channel, &gateways[0].line, body, sizeof body, false);
    run_for(300000);
    ck_assert_uint_eq(air_count, 0);
    selkie_ack_channel_heard(&gateways[0].channel, &gateways[0].line, false);
    run_for(ack_wait());
    ck_assert_uint_eq(air_count, 1);
    /* The end of a frame never comes: no frame is that long. */
    body_of(body, 1, 0, 2);
    selkie_ack_channel_heard(&gateways[0].channel, &gateways[0].line, true);
    selkie_ack_channel_put(&gateways[0].channel, &gateways[0].line, body, sizeof body, false);
    run_for(2 * INT64_C(530) * 8 * 1000000 / BIT_RATE + ack_wait());
    ck_assert_uint_eq(air_count, 2);
}
END_TEST

START_TEST(nor_into_one_that_pauses_again_and_again)
{
    uint8_t body[SELKIE_SEALED_SIZE];

    /* The packets of one frame, with pauses in between: longer in all than the frame would take by itself. */
    start(1, false);
    body_of(body, 1, 0, 1);
    selkie_ack_channel_put(&gateways[0].channel, &gateways[0].line, body, sizeof body, false);
    for (int packet = 0; packet < 5; packet++) {
        selkie_ack_channel_heard(&gateways[0].channel, &gateways[0].line, true);
        run_for(300000);
    }
    ck_assert_uint_eq(air_count, 0);
    selkie_ack_channel_heard(&gateways[0].channel, &gateways[0].line, false);
    run_for(ack_wait());
    ck_assert_uint_eq(air_count, 1);
    /* What goes on and on is noise. */
    for (int packet = 0; packet < 20; packet++) {
        if (packet == 11) {
            body_of(body, 1, 0, 2);
            selkie_ack_channel_put(&gateways[0].channel, &gateways[0].line, body, sizeof body, false);
        }
        selkie_ack_channel_heard(&gateways[0].channel, &gateways[0].line, true);
        run_for(300000);
    }
    ck_assert_uint_eq(air_count, 2);
}
END_TEST

/* Nor between two fragments, on whatever line they are heard; however long they take, it is sent in the end. */
START_TEST(nor_between_the_fragments_of_a_body)
{
    struct gateway *gateway = &gateways[0];
    uint8_t body[SELKIE_SEALED_SIZE];
    int64_t until = 0;

    start(1, true);
    body_of(body, 1, 0, 1);
    selkie_ack_channel_put(&gateway->channel, &gateway->line, body, sizeof body, false);
    for (int fragment = 0; fragment < 8; fragment++) {
        until = selkie_clock_monotonic_us() + 350000;
        selkie_ack_channel_heard(&gateway->channel, &gateway->second, false);
        selkie_ack_channel_expect(&gateway->second, until);
        run_for(300000);
        ck_assert_uint_eq(air_count, 0);
    }
    run_for(50000 + ack_wait());
    ck_assert_uint_eq(air_count, 1);
    ck_assert_int_ge(air[0].start, until);
}
END_TEST

/* Of a radio that is slow, and that pauses between packets. */
START_TEST(a_quiet_time_that_is_longer_than_an_ack_is_kept_costs_none)
{
    uint8_t body[SELKIE_SEALED_SIZE];

    settings.quiet_ms = SELKIE_ACK_KEEP_US / SELKIE_MS_US + 100;
    start(1, false);
    body_of(body, 1, 0, 1);
    selkie_ack_channel_heard(&gateways[0].channel, &gateways[0].line, false);
    selkie_ack_channel_put(&gateways[0].channel, &gateways[0].line, body, sizeof body, false);
    run_for(settings.quiet_ms * SELKIE_MS_US + ack_wait());
    ck_assert_uint_eq(air_count, 1);
    ck_assert_uint_eq(gateways[0].line.counters.lost, 0);
}
END_TEST

START_TEST(the_duty_of_a_line_is_kept)
{
    uint8_t body[SELKIE_SEALED_SIZE];

    settings.duty_permille = 40; /* 12.8 ms of ACK, 320 ms of time */
    start(1, false);
    for (uint8_t i = 0; i < 4; i++) {
        body_of(body, 1, 0, i);
        selkie_ack_channel_put(&gateways[0].channel, &gateways[0].line, body, sizeof body, false);
    }
    run_for(1200000);
    ck_assert_uint_ge(air_count, 3);
    for (size_t i = 1; i < air_count; i++)
        ck_assert_int_ge(air[i].start - air[i - 1].start, ACK_AIR_US * 25);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ack_channel");
    TCase *tcase = tcase_create("ack_channel");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_gateway_alone_answers_at_the_first_try);
    tcase_add_test(tcase, two_gateways_do_not_answer_at_once);
    tcase_add_test(tcase, nor_do_four);
    tcase_add_test(tcase, hidden_gateways_do_not_answer_at_once_for_ever);
    tcase_add_test(tcase, two_lines_send_one_ack);
    tcase_add_test(tcase, no_ack_goes_into_a_frame_that_pauses);
    tcase_add_test(tcase, nor_into_one_that_pauses_again_and_again);
    tcase_add_test(tcase, nor_between_the_fragments_of_a_body);
    tcase_add_test(tcase, a_quiet_time_that_is_longer_than_an_ack_is_kept_costs_none);
    tcase_add_test(tcase, the_duty_of_a_line_is_kept);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
