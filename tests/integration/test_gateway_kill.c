/* SPDX-License-Identifier: Apache-2.0 */
/* kill -9 at moments that a timer draws, while the gateway starts, hears, stores, acknowledges, sends and forgets. What
 * was acknowledged on the radio, and what stood in the spool at a death, arrives. 200 times, under a sanitizer 40;
 * SELKIE_TEST_KILLS in the environment says how often instead. */
#include "rig.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NUMBERS     200000
#define FLIGHT_MAX  8      /* frames on the line without an ACK; what nobody reads must not block the writer */
#define BRIEF_US    60000  /* half of the lives end around the start, */
#define LIFE_US     400000 /* the others later: in this time, */
#define SLOWER_MAX  32     /* or in so many times as much where a machine is too busy for an ACK in it */
#define RECEIPT_MAX 64     /* numbers in one receipt */

static bool acked[NUMBERS];
static bool stored[NUMBERS];
static bool arrived[NUMBERS];
static unsigned acked_count;
static long slower = 1;
static atomic_bool dead;

/* kill -9 at its time. */
struct death {
    pthread_t thread;
    pid_t victim;
    struct timespec after;
};

/* The test's side of the line. */
struct radio {
    struct harness_pty *pty;
    struct selkie_link_rx rx;
    uint32_t next;               /* number of the next frame */
    uint32_t flight[FLIGHT_MAX]; /* sent and not acknowledged, in the order of sending */
    size_t in_flight;
};

static unsigned kills(void)
{
    const char *text = getenv("SELKIE_TEST_KILLS");

    return text != NULL ? (unsigned)strtoul(text, NULL, 10) : KILLS;
}

/* On a thread of its own: the moment has nothing to do with what the test is at. */
static void *kill_on_time(void *context)
{
    const struct death *death = context;

    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &death->after, NULL) != 0)
        ;
    (void)kill(death->victim, SIGKILL);
    atomic_store(&dead, true);
    return NULL;
}

static void kill_later(struct death *death, pid_t pid, bool brief)
{
    long us = 1 + random() % (brief ? BRIEF_US : LIFE_US * slower);

    death->victim = pid;
    death->after = (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    atomic_store(&dead, false);
    ck_assert_int_eq(pthread_create(&death->thread, NULL, kill_on_time, death), 0);
}

static void acknowledge(struct radio *radio, const uint8_t *ack)
{
    for (size_t i = 0; i < radio->in_flight; i++)
        if (rig_crc(radio->flight[i]) == (ack[1] << 8 | ack[2])) {
            acked[radio->flight[i]] = true;
            acked_count++;
            radio->in_flight--;
            memmove(&radio->flight[i], &radio->flight[i + 1], (radio->in_flight - i) * sizeof(radio->flight[0]));
            return;
        }
}

/* Take the ACKs that come until nothing has come for so long. */
static void hear(struct radio *radio, int patience_ms)
{
    uint8_t byte;

    while (radio->in_flight > 0 && harness_pty_read(radio->pty, &byte, 1, patience_ms) == 1) {
        int len = selkie_link_rx_byte(&radio->rx, byte);
        if (len == 3 && radio->rx.body[0] == 0x12)
            acknowledge(radio, radio->rx.body);
    }
}

static void speak(struct radio *radio)
{
    size_t burst = 1 + (size_t)random() % FLIGHT_MAX;

    while (radio->in_flight < burst && radio->next < NUMBERS - 1) {
        rig_send(radio->pty, radio->next);
        radio->flight[radio->in_flight++] = radio->next++;
    }
}

/* Take what has arrived, waiting for the first; with `give`, answer with a receipt for it. Returns how many. */
static unsigned deal(struct harness_client *plugin, bool give, int patience_ms)
{
    char receipt[16 + RECEIPT_MAX * 20] = "{\"seq\":[";
    size_t len = strlen(receipt);
    struct harness_message *message;
    unsigned count = 0;

    while (count < RECEIPT_MAX &&
           (message = harness_receive_try(plugin, RIG_UP, count == 0 ? patience_ms : 0)) != NULL) {
        uint32_t number = rig_number(message->payload);
        ck_assert_uint_lt(number, NUMBERS);
        arrived[number] = true;
        len += (size_t)snprintf(receipt + len, sizeof(receipt) - len, "%s%s", count > 0 ? "," : "",
                                harness_message_property(message, "seq"));
        count++;
        harness_message_free(message);
    }
    len += (size_t)snprintf(receipt + len, sizeof(receipt) - len, "]}");
    if (give && count > 0)
        harness_publish_async(plugin, RIG_RECEIPT, receipt, len, 1, NULL);
    return count;
}

static void mark_stored(const uint8_t *body, size_t len)
{
    ck_assert_uint_eq(len, RIG_BODY_SIZE);
    stored[rig_number(body)] = true;
}

/* One life; with receipts now and then one is held back, so that frames stay for the next life. */
static void live_and_die(const char *config, struct radio *radio, struct harness_client *plugin, bool receipts)
{
    struct harness_process *gateway = rig_gateway(config);
    unsigned before = acked_count;
    bool brief = random() % 2 == 0;
    struct death death;

    kill_later(&death, gateway->pid, brief);
    while (!atomic_load(&dead)) {
        if (random() % 4 != 0 || radio->in_flight == 0)
            speak(radio);
        hear(radio, 3);
        (void)deal(plugin, receipts && random() % 4 != 0, 0);
    }
    ck_assert_int_eq(pthread_join(death.thread, NULL), 0);
    ck_assert_int_eq(harness_wait_exit(gateway), 128 + SIGKILL);
    hear(radio, 1); /* said before its death */
    radio->in_flight = 0;
    rig_each_waiting(mark_stored);
    harness_pty_unplug(radio->pty); /* what stood in the line is gone, as with a real one */
    harness_pty_plug(radio->pty);
    selkie_link_rx_init(&radio->rx);
    if (acked_count > before)
        slower = 1;
    else if (!brief && slower < SLOWER_MAX)
        slower *= 2;
}

/* A last life that is left in peace: all that waits goes out. */
static void live_to_the_end(const char *config, struct radio *radio, struct harness_client *plugin, bool receipts)
{
    struct harness_process *gateway = rig_gateway_ready(config, true);
    uint32_t last = radio->next;

    speak(radio);
    while (radio->in_flight > 0)
        hear(radio, HARNESS_PATIENCE);
    while (!arrived[last]) /* comes last, since frames go in order */
        ck_assert_uint_gt(deal(plugin, receipts, HARNESS_PATIENCE), 0);
    while (deal(plugin, receipts, 500) > 0)
        ;
    rig_stop(gateway, 0);
}

static void account(uint32_t sent, unsigned lives, const char *confirm)
{
    unsigned sure = 0;
    unsigned only_stored = 0;

    for (uint32_t i = 0; i < sent; i++) {
        ck_assert_msg(!acked[i] || arrived[i], "frame %u was acknowledged and is lost", i);
        ck_assert_msg(!stored[i] || arrived[i], "frame %u was stored and is lost", i);
        sure += acked[i];
        only_stored += stored[i] && !acked[i];
    }
    printf("confirm by %s, %u kills: %u frames sent, %u acknowledged, %u more in the spool at a death, 0 lost\n",
           confirm, lives, sent, sure, only_stored);
}

START_TEST(nothing_acknowledged_or_stored_is_lost_over_many_kills)
{
    static const char *const confirms[] = {"receipt", "broker"};
    bool receipts = _i == 0;
    unsigned lives = kills() / 2;
    unsigned seed = (unsigned)time(NULL);
    struct harness_broker *broker = harness_broker("max_queued_messages 0\n");
    struct harness_client *plugin = rig_plugin(broker);
    struct radio radio = {.pty = harness_pty("tty")};
    const char *config = rig_config_text("\"broker\":{\"uri\":\"%s\"},\"confirm\":\"%s\","
                                         "\"serial\":[{\"device\":\"%s\",\"quiet_ms\":1}]",
                                         broker->uri, confirms[_i], radio.pty->path);

    printf("seed %u\n", seed);
    srandom(seed);
    selkie_link_rx_init(&radio.rx);
    unsigned lived = 0;
    for (; lived < lives || acked_count <= lives; lived++) /* less would show little */
        live_and_die(config, &radio, plugin, receipts);
    live_to_the_end(config, &radio, plugin, receipts);
    account(radio.next, lived, confirms[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gateway_kill");
    TCase *tcase = tcase_create("gateway_kill");

    tcase_set_timeout(tcase, 60 + 2 * (int)kills());
    tcase_add_loop_test(tcase, nothing_acknowledged_or_stored_is_lost_over_many_kills, 0, 2);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
