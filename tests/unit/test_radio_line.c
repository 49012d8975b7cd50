/* SPDX-License-Identifier: Apache-2.0 */
/* The radio on a real pseudo-terminal and a real event loop; the test is the device at the other end. */
#include "radio_line.h"
#include "run_suite.h"
#include "timer.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <selkie/clock.h>
#include <selkie/fragment.h>
#include <selkie/frame.h>
#include <selkie/link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define PATIENCE_US (10 * SELKIE_SEC_US)
#define NOBODY      65534

static int master;
static char device[64];
static sd_event *event;
static struct selkie_ack_channel channel;
static struct selkie_radio_line *radio;
static struct selkie_gateway_config config;
static struct selkie_gateway_line line;
static struct {
    size_t count;
    size_t len;
    uint8_t body[SELKIE_LINK_BODY_MAX];
    int rssi;
} heard;
static int changes;

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

static void setup(void)
{
    struct selkie_radio_line_handler handler = {.body = on_body, .changed = on_changed};
    int slave;

    ck_assert_int_eq(openpty(&master, &slave, device, NULL, NULL), 0);
    ck_assert_int_ge(sd_event_new(&event), 0);
    line = (struct selkie_gateway_line){
        .device = device, .serial = {.tty = {.baud = 9600}}, .ack = true, .quiet_ms = 20, .bit_rate = 2000};
    config = (struct selkie_gateway_config){.line_count = 1};
    selkie_ack_channel_init(&channel, event);
    radio = selkie_radio_line_open(event, &channel, &config, &line, &handler);
    ck_assert_ptr_nonnull(radio);
    ck_assert(selkie_radio_line_is_open(radio)); /* and raw from here on */
    (void)close(slave);
}

static void teardown(void)
{
    selkie_radio_line_close(radio);
    selkie_ack_channel_wipe(&channel);
    (void)sd_event_unref(event);
    if (master >= 0)
        (void)close(master);
}

/* Turn the loop until so many frames, good or not, have come in since the start. */
static void turn_until(uint64_t frames)
{
    const struct selkie_radio_line_counters *counters = selkie_radio_line_counters(radio);
    int64_t limit = selkie_clock_monotonic_us() + PATIENCE_US;
    uint64_t seen = 0;

    while (seen < frames && selkie_clock_monotonic_us() < limit) {
        ck_assert_int_ge(sd_event_run(event, 20000), 0);
        seen = counters->fragments + counters->received + counters->garbage + counters->crc + counters->overlong;
    }
    ck_assert_uint_eq(seen, frames);
}

static void send_bytes(const uint8_t *bytes, size_t len)
{
    ck_assert_int_eq(write(master, bytes, len), (ssize_t)len);
}

static void send_body(const uint8_t *body, size_t len)
{
    uint8_t wire[SELKIE_LINK_WIRE_MAX];
    int wire_len = selkie_link_encode(wire, sizeof(wire), body, len);

    ck_assert_int_gt(wire_len, 0);
    send_bytes(wire, (size_t)wire_len);
}

static void sealed_of(uint8_t body[static SELKIE_SEALED_SIZE], uint8_t first_of_address)
{
    uint8_t address[SELKIE_ADDRESS_SIZE] = {first_of_address, 0xAB, 1, 2, 3, 4, 5, 6};

    memset(body, 0x33, SELKIE_SEALED_SIZE);
    selkie_frame_put_sealed_header(body, 1, address);
}

/* Turn the loop until an ACK comes. */
static void await_ack(uint8_t ack[static SELKIE_ACK_SIZE])
{
    struct selkie_link_rx rx;
    int64_t start = selkie_clock_monotonic_us();
    int len = 0;

    selkie_link_rx_init(&rx);
    while (len == 0 && selkie_clock_monotonic_us() - start < PATIENCE_US) {
        struct pollfd readable = {.fd = master, .events = POLLIN};
        uint8_t byte;
        ck_assert_int_ge(sd_event_run(event, 1000), 0);
        while (len == 0 && poll(&readable, 1, 0) > 0 && read(master, &byte, 1) == 1)
            len = selkie_link_rx_byte(&rx, byte);
    }
    ck_assert_int_eq(len, SELKIE_ACK_SIZE);
    memcpy(ack, rx.body, SELKIE_ACK_SIZE);
}

START_TEST(body_comes_out_of_noise)
{
    uint8_t body[SELKIE_SEALED_SIZE];

    sealed_of(body, 0x42);
    send_bytes((const uint8_t *)"static", 6);
    send_body(body, sizeof(body));
    turn_until(2); /* the noise ends as a frame that is none */
    ck_assert_uint_eq(heard.count, 1);
    ck_assert_uint_eq(heard.len, sizeof(body));
    ck_assert_mem_eq(heard.body, body, sizeof(body));
}
END_TEST

START_TEST(faults_are_counted_by_kind)
{
    static const uint8_t garbage[] = {0, 9, 1, 2, 0}; /* a block cut short */
    static const uint8_t bad_crc[] = {0, 5, 1, 2, 3, 4, 0};
    static const uint8_t foreign[] = {0x23, 1, 2, 3};
    static const uint8_t an_ack[] = {0x12, 3, 4};
    uint8_t overlong[1100];

    memset(overlong, 1, sizeof(overlong)); /* blocks of no bytes: zeros */
    overlong[0] = overlong[sizeof(overlong) - 1] = 0;
    send_bytes(garbage, sizeof(garbage));
    send_bytes(bad_crc, sizeof(bad_crc));
    send_bytes(overlong, sizeof(overlong));
    send_body(foreign, sizeof(foreign));
    send_body(an_ack, sizeof(an_ack));
    turn_until(5);
    const struct selkie_radio_line_counters *counters = selkie_radio_line_counters(radio);
    ck_assert_uint_eq(counters->garbage, 1);
    ck_assert_uint_eq(counters->crc, 1);
    ck_assert_uint_eq(counters->overlong, 1);
    ck_assert_uint_eq(counters->received, 2);
    ck_assert_uint_eq(counters->foreign, 1);
    ck_assert_uint_eq(heard.count, 1); /* the foreign one goes on, the ACK does not */
}
END_TEST

START_TEST(frames_are_counted_by_form)
{
    static const uint8_t session[SELKIE_SESSION_OVERHEAD] = {0x11}, an_ack[] = {0x12, 3, 4}, foreign[] = {0x23, 1};
    uint8_t body[SELKIE_SEALED_SIZE];

    sealed_of(body, 0x42);
    send_body(body, sizeof(body));
    send_body(session, sizeof(session));
    send_body(an_ack, sizeof(an_ack));
    send_body(foreign, sizeof(foreign));
    send_body(session, sizeof(session));
    turn_until(5);
    const struct selkie_radio_line_counters *counters = selkie_radio_line_counters(radio);
    ck_assert_uint_eq(counters->received, 5);
    ck_assert_uint_eq(counters->sealed, 1);
    ck_assert_uint_eq(counters->session, 2);
}
END_TEST

START_TEST(only_allowed_addresses_pass)
{
    static const char *prefixes[] = {"42aB", "7701020304050607"};
    static const uint8_t session[SELKIE_SESSION_OVERHEAD] = {0x11};
    static const uint8_t foreign[] = {0x23, 1, 2, 3};
    uint8_t body[SELKIE_SEALED_SIZE];

    config.allow = prefixes;
    config.allow_count = 2;
    sealed_of(body, 0x42);
    send_body(body, sizeof(body));
    turn_until(1);
    ck_assert_uint_eq(heard.count, 1);
    sealed_of(body, 0x77);
    send_body(body, sizeof(body));
    send_body(foreign, sizeof(foreign));
    turn_until(3);
    ck_assert_uint_eq(heard.count, 1);
    ck_assert_uint_eq(selkie_radio_line_counters(radio)->filtered, 2);
    send_body(session, sizeof(session)); /* carries no address */
    turn_until(4);
    ck_assert_uint_eq(heard.count, 2);
}
END_TEST

START_TEST(ack_carries_the_bodys_crc)
{
    uint8_t body[SELKIE_SEALED_SIZE];
    uint8_t ack[SELKIE_ACK_SIZE];
    uint8_t expected[SELKIE_ACK_SIZE];

    sealed_of(body, 1);
    selkie_radio_line_ack(radio, body, sizeof body, false);
    await_ack(ack);
    selkie_frame_put_ack(expected, body, sizeof(body));
    ck_assert_mem_eq(ack, expected, sizeof(ack));
    ck_assert_uint_eq(selkie_radio_line_acks(radio)->acked, 1);
}
END_TEST

/* A machine with other things to do is late now and then, but not each time. */
START_TEST(ack_comes_within_50_ms)
{
    uint8_t body[SELKIE_SEALED_SIZE];
    uint8_t ack[SELKIE_ACK_SIZE];
    int64_t best = INT64_MAX;

    sealed_of(body, 1);
    for (uint64_t i = 1; i <= 10; i++) {
        int64_t start = selkie_clock_monotonic_us();
        send_body(body, sizeof(body));
        turn_until(i);
        selkie_radio_line_ack(radio, body, sizeof body, false);
        await_ack(ack);
        int64_t took = selkie_clock_monotonic_us() - start;
        best = took < best ? took : best;
    }
    ck_assert_int_ge(best, 20 * SELKIE_MS_US);
    ck_assert_int_le(best, 50 * SELKIE_MS_US);
}
END_TEST

START_TEST(ack_waits_for_a_quiet_line)
{
    static const uint8_t chatter[] = {0x55};
    uint8_t body[SELKIE_SEALED_SIZE];
    uint8_t ack[SELKIE_ACK_SIZE];
    int64_t last_byte = 0;

    line.quiet_ms = 1000; /* a hundred times the pauses: a test that is held up for a while is no quiet line */
    sealed_of(body, 1);
    send_body(body, sizeof(body));
    turn_until(1);
    selkie_radio_line_ack(radio, body, sizeof body, false);
    for (int i = 0; i < 20; i++) { /* another device keeps talking, a byte each 10 ms */
        struct pollfd pollfd = {.fd = master, .events = POLLIN};
        int64_t next = selkie_clock_monotonic_us() + 10 * SELKIE_MS_US;
        send_bytes(chatter, sizeof(chatter));
        last_byte = selkie_clock_monotonic_us();
        while (selkie_clock_monotonic_us() < next)
            ck_assert_int_ge(sd_event_run(event, 1000), 0);
        ck_assert_int_eq(poll(&pollfd, 1, 0), 0);
    }
    await_ack(ack);
    ck_assert_int_ge(selkie_clock_monotonic_us() - last_byte, 1000 * SELKIE_MS_US);
}
END_TEST

START_TEST(same_ack_waits_once_and_the_oldest_gives_way)
{
    uint8_t body[SELKIE_SEALED_SIZE];
    uint8_t ack[SELKIE_ACK_SIZE];

    line.quiet_ms = 100;
    sealed_of(body, 1);
    send_body(body, sizeof(body));
    turn_until(1);
    for (uint8_t i = 0; i < SELKIE_ACKS_MAX + 1; i++) {
        body[20] = i;
        selkie_radio_line_ack(radio, body, sizeof body, false);
        selkie_radio_line_ack(radio, body, sizeof body, false);
    }
    line.quiet_ms = 0;
    for (int i = 0; i < SELKIE_ACKS_MAX; i++)
        await_ack(ack);
    ck_assert_uint_eq(selkie_radio_line_acks(radio)->acked, SELKIE_ACKS_MAX);
    ck_assert_uint_eq(selkie_radio_line_acks(radio)->lost, 1);
}
END_TEST

static void send_fragment(const uint8_t *body, size_t len, uint8_t index)
{
    struct selkie_fragment_plan plan;
    uint8_t fragment[SELKIE_FRAGMENT_SIZE_MAX];

    ck_assert_int_eq(selkie_fragment_plan(&plan, body, len, 58), 0);
    send_body(fragment, selkie_fragment_write(fragment, &plan, body, len, index));
}

static bool ack_is_there(void)
{
    struct pollfd readable = {.fd = master, .events = POLLIN};

    return poll(&readable, 1, 0) > 0;
}

static void wait_for(int64_t us)
{
    int64_t end = selkie_clock_monotonic_us() + us;

    while (selkie_clock_monotonic_us() < end)
        ck_assert_int_ge(sd_event_run(event, 1000), 0);
}

START_TEST(fragments_give_their_body_as_if_it_had_come_whole)
{
    static const char *prefixes[] = {"42"};
    uint8_t body[SELKIE_SEALED_SIZE], other[SELKIE_SEALED_SIZE];

    config.allow = prefixes;
    config.allow_count = 1;
    sealed_of(body, 0x42);
    sealed_of(other, 0x77); /* not allowed */
    for (uint8_t index = 0; index < 13; index++) {
        if (index != 3)
            send_fragment(body, sizeof body, index);
        if (index != 7)
            send_fragment(other, sizeof other, index);
    }
    turn_until(24 + 2);
    const struct selkie_radio_line_counters *counters = selkie_radio_line_counters(radio);
    ck_assert_uint_eq(counters->fragments, 24);
    ck_assert_uint_eq(counters->restored, 2);
    ck_assert_uint_eq(counters->received, 2);
    ck_assert_uint_eq(counters->sealed, 2);
    ck_assert_uint_eq(counters->filtered, 1);
    ck_assert_uint_eq(heard.count, 1);
    ck_assert_uint_eq(heard.len, sizeof body);
    ck_assert_mem_eq(heard.body, body, sizeof body);
}
END_TEST

START_TEST(fragments_that_give_no_body_are_counted)
{
    static const uint8_t no_fragment[] = {0x13, 1, 2, 0, 0, 1, 2, 3, 4}; /* no chunks: of a version to come */
    uint8_t body[SELKIE_SEALED_SIZE], forged[SELKIE_FRAGMENT_SIZE_MAX];
    struct selkie_fragment_plan plan;

    sealed_of(body, 1);
    ck_assert_int_eq(selkie_fragment_plan(&plan, body, sizeof body, 58), 0);
    size_t len = selkie_fragment_write(forged, &plan, body, sizeof body, 12);
    forged[20] ^= 1;
    send_body(forged, len);
    for (uint8_t index = 0; index < 10; index++)
        send_fragment(body, sizeof body, index);
    for (uint8_t set = 0; set < SELKIE_FRAGMENT_SETS + 2; set++) {
        sealed_of(body, set);
        send_fragment(body, sizeof body, 0);
    }
    send_body(no_fragment, sizeof no_fragment);
    turn_until(11 + SELKIE_FRAGMENT_SETS + 2 + 1);
    const struct selkie_radio_line_counters *counters = selkie_radio_line_counters(radio);
    ck_assert_uint_eq(counters->sets_broken, 1);
    ck_assert_uint_eq(counters->sets_displaced, 2);
    ck_assert_uint_eq(counters->restored, 0);
    ck_assert_uint_eq(counters->foreign, 1);
    ck_assert_uint_eq(heard.count, 1); /* the foreign one: the plugin rejects it */
}
END_TEST

#define FRAGMENTS_MS 150

/* A transmission at a pace that is slower than the quiet time, with parity behind the last fragment that was needed.
 * The body is acknowledged behind all of it; false: this machine was so late that a gateway may think it over before.
 */
static bool transmission_is_acknowledged_behind_its_end(const uint8_t *body, uint8_t first, bool repeat)
{
    uint8_t ack[SELKIE_ACK_SIZE], expected[SELKIE_ACK_SIZE];
    size_t before = heard.count;
    int64_t start = selkie_clock_monotonic_us();

    selkie_frame_put_ack(expected, body, SELKIE_SEALED_SIZE);
    for (uint8_t i = 0; i < 13; i++) {
        send_fragment(body, SELKIE_SEALED_SIZE, first + i);
        for (int64_t next = start + (i + 1) * FRAGMENTS_MS * SELKIE_MS_US; selkie_clock_monotonic_us() < next;)
            ck_assert_int_ge(sd_event_run(event, 1000), 0);
        if (selkie_clock_monotonic_us() - start > ((i + 1) * FRAGMENTS_MS + FRAGMENTS_MS / 4) * SELKIE_MS_US)
            return false;
        if (heard.count > before)
            selkie_radio_line_ack(radio, body, SELKIE_SEALED_SIZE, repeat);
        ck_assert(!ack_is_there());
    }
    ck_assert_uint_eq(heard.count, before + 1);
    await_ack(ack);
    ck_assert_mem_eq(ack, expected, sizeof ack);
    return true;
}

START_TEST(ack_waits_for_the_end_of_the_fragments_and_comes_again_for_a_repeat)
{
    uint8_t body[SELKIE_SEALED_SIZE];
    bool done = false;

    for (uint8_t try = 0; !done && try < 8; try++) {
        sealed_of(body, try);
        done = transmission_is_acknowledged_behind_its_end(body, 0, false);
        wait_for(2 * FRAGMENTS_MS * SELKIE_MS_US); /* the device, for an ACK that it does not hear */
        done = done && transmission_is_acknowledged_behind_its_end(body, 13, true);
        wait_for(2 * FRAGMENTS_MS * SELKIE_MS_US);
        while (ack_is_there())
            await_ack((uint8_t[SELKIE_ACK_SIZE]){0});
    }
    ck_assert_msg(done, "this machine is too busy for the test");
}
END_TEST

START_TEST(line_without_ack_only_listens)
{
    uint8_t body[SELKIE_SEALED_SIZE];
    struct pollfd pollfd = {.fd = master, .events = POLLIN};

    line.ack = false;
    sealed_of(body, 1);
    selkie_radio_line_ack(radio, body, sizeof body, false);
    ck_assert_int_ge(sd_event_run(event, 50000), 0);
    ck_assert_int_eq(poll(&pollfd, 1, 0), 0);
    ck_assert_uint_eq(selkie_radio_line_acks(radio)->lost, 0);
}
END_TEST

/* Turn the loop until so many bodies were heard. */
static void turn_until_heard(size_t bodies)
{
    int64_t limit = selkie_clock_monotonic_us() + PATIENCE_US;

    while (heard.count < bodies && selkie_clock_monotonic_us() < limit)
        ck_assert_int_ge(sd_event_run(event, 20000), 0);
    ck_assert_uint_eq(heard.count, bodies);
}

/* From now on the radio appends a byte. */
static void append_rssi(void)
{
    line.rssi = SELKIE_LINE_RSSI_BYTE;
    selkie_radio_line_configure(radio, &config, &line);
}

static const uint8_t a_session[SELKIE_SESSION_OVERHEAD] = {0x11, 1, 2, 3};

START_TEST(strength_comes_from_the_byte_behind_a_frame)
{
    append_rssi();
    send_body(a_session, sizeof a_session);
    send_bytes((const uint8_t[]){0xA9}, 1);
    turn_until_heard(1);
    ck_assert_int_eq(heard.rssi, -87);
    ck_assert_uint_eq(heard.len, sizeof a_session);
    ck_assert_mem_eq(heard.body, a_session, sizeof a_session);
    send_body(a_session, sizeof a_session);
    send_bytes((const uint8_t[]){0x80}, 1);
    turn_until_heard(2);
    ck_assert_int_eq(heard.rssi, -128);
    const struct selkie_radio_line_counters *counters = selkie_radio_line_counters(radio);
    ck_assert_uint_eq(counters->received, 2);
    ck_assert_uint_eq(counters->garbage + counters->crc + counters->overlong, 0);
}
END_TEST

START_TEST(strength_may_come_in_a_read_of_its_own)
{
    append_rssi();
    send_body(a_session, sizeof a_session);
    ck_assert_int_ge(sd_event_run(event, PATIENCE_US), 0); /* reads the frame: the byte is not there yet */
    ck_assert_uint_eq(heard.count, 0);
    send_bytes((const uint8_t[]){0xA9}, 1);
    turn_until_heard(1);
    ck_assert_int_eq(heard.rssi, -87);
}
END_TEST

START_TEST(body_does_not_wait_for_a_byte_that_does_not_come)
{
    uint8_t ack[SELKIE_ACK_SIZE];

    append_rssi();
    send_body(a_session, sizeof a_session);
    turn_until_heard(1);
    ck_assert_int_eq(heard.rssi, 0);
    selkie_radio_line_ack(radio, a_session, sizeof a_session, false);
    await_ack(ack);
    send_bytes((const uint8_t[]){0xA9}, 1); /* it comes too late */
    send_body(a_session, sizeof a_session);
    send_bytes((const uint8_t[]){0xAA}, 1);
    turn_until_heard(2);
    ck_assert_int_eq(heard.rssi, -86);
    ck_assert_uint_eq(selkie_radio_line_counters(radio)->garbage, 0);
}
END_TEST

START_TEST(frame_right_behind_another_takes_no_strength_from_it)
{
    append_rssi();
    send_body(a_session, sizeof a_session);
    send_body(a_session, sizeof a_session);
    turn_until_heard(2);
    ck_assert_int_eq(heard.rssi, 0);
    send_body(a_session, sizeof a_session);
    send_bytes((const uint8_t[]){0}, 1); /* -256 dBm is no strength */
    turn_until_heard(3);
    ck_assert_int_eq(heard.rssi, 0);
}
END_TEST

/* Each fragment is a packet with a byte of its own; of the one that another follows at once, the strength is unknown.
 */
START_TEST(strength_of_fragments_is_their_mean)
{
    uint8_t body[SELKIE_SEALED_SIZE];

    append_rssi();
    sealed_of(body, 0x42);
    for (uint8_t index = 0; index < 11; index++) {
        send_fragment(body, sizeof body, index);
        if (index != 5)
            send_bytes((const uint8_t[]){index < 5 ? 0xB0 : 0x9C}, 1); /* -80 and -100 */
    }
    turn_until_heard(1);
    ck_assert_uint_eq(heard.len, sizeof body);
    ck_assert_mem_eq(heard.body, body, sizeof body);
    ck_assert_int_eq(heard.rssi, -90);
    const struct selkie_radio_line_counters *counters = selkie_radio_line_counters(radio);
    ck_assert_uint_eq(counters->garbage + counters->crc + counters->overlong, 0);
}
END_TEST

START_TEST(body_that_waits_is_handed_on_when_the_line_goes_and_at_the_end)
{
    append_rssi();
    send_body(a_session, sizeof a_session);
    selkie_radio_line_read_rest(radio);
    ck_assert_uint_eq(heard.count, 1);
    send_body(a_session, sizeof a_session);
    ck_assert_int_ge(sd_event_run(event, PATIENCE_US), 0);
    (void)close(master);
    master = -1;
    turn_until_heard(2);
}
END_TEST

START_TEST(without_the_setting_the_byte_is_noise_and_no_body_waits)
{
    send_body(a_session, sizeof a_session);
    send_bytes((const uint8_t[]){0xA9}, 1);
    ck_assert_int_ge(sd_event_run(event, PATIENCE_US), 0);
    ck_assert_uint_eq(heard.count, 1);
    ck_assert_int_eq(heard.rssi, 0);
    send_body(a_session, sizeof a_session);
    turn_until(3);
    ck_assert_uint_eq(selkie_radio_line_counters(radio)->garbage, 1);
}
END_TEST

START_TEST(line_that_vanishes_is_told_once)
{
    int64_t limit = selkie_clock_monotonic_us() + PATIENCE_US;

    (void)close(master);
    master = -1;
    while (selkie_radio_line_is_open(radio) && selkie_clock_monotonic_us() < limit)
        ck_assert_int_ge(sd_event_run(event, 20000), 0);
    ck_assert(!selkie_radio_line_is_open(radio));
    ck_assert_int_eq(changes, 1);
}
END_TEST

/* In a process of its own; where this one is root, as a user that is not. */
static bool opens_for_another_user(void)
{
    struct selkie_radio_line_handler handler = {.body = on_body, .changed = on_changed};
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        sd_event *its_event = NULL;
        if (geteuid() == 0 && setuid(NOBODY) != 0)
            _exit(2);
        if (sd_event_new(&its_event) < 0)
            _exit(2);
        struct selkie_ack_channel its_channel;
        selkie_ack_channel_init(&its_channel, its_event);
        struct selkie_radio_line *its_radio = selkie_radio_line_open(its_event, &its_channel, &config, &line, &handler);
        _exit(its_radio != NULL && selkie_radio_line_is_open(its_radio) ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    return WEXITSTATUS(status) == 0;
}

/* Nor does the other end of a pseudo-terminal, which stays, keep it occupied. */
START_TEST(line_belongs_to_one_gateway_and_is_free_after_it)
{
    ck_assert_int_eq(chmod(device, 0666), 0);
    ck_assert(!opens_for_another_user());
    selkie_radio_line_close(radio);
    radio = NULL;
    ck_assert(opens_for_another_user());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("radio");
    TCase *tcase = tcase_create("radio");

    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, body_comes_out_of_noise);
    tcase_add_test(tcase, faults_are_counted_by_kind);
    tcase_add_test(tcase, frames_are_counted_by_form);
    tcase_add_test(tcase, only_allowed_addresses_pass);
    tcase_add_test(tcase, ack_carries_the_bodys_crc);
    tcase_add_test(tcase, ack_comes_within_50_ms);
    tcase_add_test(tcase, ack_waits_for_a_quiet_line);
    tcase_add_test(tcase, same_ack_waits_once_and_the_oldest_gives_way);
    tcase_add_test(tcase, fragments_give_their_body_as_if_it_had_come_whole);
    tcase_add_test(tcase, fragments_that_give_no_body_are_counted);
    tcase_add_test(tcase, ack_waits_for_the_end_of_the_fragments_and_comes_again_for_a_repeat);
    tcase_add_test(tcase, line_without_ack_only_listens);
    tcase_add_test(tcase, strength_comes_from_the_byte_behind_a_frame);
    tcase_add_test(tcase, strength_may_come_in_a_read_of_its_own);
    tcase_add_test(tcase, body_does_not_wait_for_a_byte_that_does_not_come);
    tcase_add_test(tcase, frame_right_behind_another_takes_no_strength_from_it);
    tcase_add_test(tcase, strength_of_fragments_is_their_mean);
    tcase_add_test(tcase, body_that_waits_is_handed_on_when_the_line_goes_and_at_the_end);
    tcase_add_test(tcase, without_the_setting_the_byte_is_noise_and_no_body_waits);
    tcase_add_test(tcase, line_that_vanishes_is_told_once);
    tcase_add_test(tcase, line_belongs_to_one_gateway_and_is_free_after_it);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
