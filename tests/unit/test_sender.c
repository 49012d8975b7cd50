/* SPDX-License-Identifier: Apache-2.0 */
/* The sender on a fake spool and a fake broker, timers and clock: their calls are wrapped at link time, so that the
 * test says what the disk does and what time it is. */
#include "run_suite.h"
#include "sender.h"
#include "timer.h"

#include <selkie/frame.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STORED_MAX   5000
#define SENT_MAX     8000
#define RECEIPT_SEQS 40

unsigned __wrap_selkie_spool_generation(const struct selkie_spool *spool);
int __wrap_selkie_spool_next(struct selkie_spool *spool, int64_t after, struct selkie_spool_frame *frame);
size_t __wrap_selkie_spool_forget(struct selkie_spool *spool, const int64_t *seqs, size_t count);
void __wrap_selkie_spool_sync(struct selkie_spool *spool);
int64_t __wrap_selkie_spool_instance(const struct selkie_spool *spool);
const char *__wrap_selkie_gateway_broker_uri(const struct selkie_gateway_broker *broker);
int __wrap_selkie_gateway_broker_publish_frame(struct selkie_gateway_broker *broker,
                                               const struct selkie_spool_frame *frame);
void __wrap_selkie_timer_set(struct selkie_timer *timer, int64_t after_us);
void __wrap_selkie_timer_start(struct selkie_timer *timer, int64_t after_us);
int __wrap_selkie_timer_later(struct selkie_timer *timer, int64_t rank);
int __wrap_clock_gettime(clockid_t id, struct timespec *now);
void __wrap_selkie_log(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int64_t stored[STORED_MAX];         /* ascending; 0 = none */
static uint8_t (*key_of_seq)(int64_t seq); /* NULL = no frame is sealed */
static const uint8_t address[SELKIE_ADDRESS_SIZE];
static unsigned generation;
static bool unreadable;
static int64_t sent[SENT_MAX];
static int sent_count; /* also the last token */
static int64_t now_us;
static int64_t frame_us;             /* what a frame takes on the way to the broker; 0: no answer by itself */
static int64_t arrives_us[SENT_MAX]; /* of each publish, one behind the other */
static struct {
    struct selkie_timer *timer;
    int64_t due_us;
    bool runs;
} timers[6];

static struct {
    struct selkie_timer *timer;
    int64_t rank;
} later[4];            /* what waits for the next turn */
static unsigned turns; /* taken */

static unsigned lines; /* of the log */
static char line[256];
static struct selkie_sender *sender;
static unsigned dead;

unsigned __wrap_selkie_spool_generation(const struct selkie_spool *spool)
{
    (void)spool;
    return generation;
}

int __wrap_selkie_spool_next(struct selkie_spool *spool, int64_t after, struct selkie_spool_frame *frame)
{
    (void)spool;
    if (unreadable)
        return SELKIE_ESTORAGE;
    for (size_t i = 0; i < STORED_MAX; i++)
        if (stored[i] > after) {
            frame->seq = stored[i];
            frame->len = 0;
            if (key_of_seq) {
                frame->len = SELKIE_SEALED_SIZE;
                selkie_frame_put_sealed_header(frame->body, key_of_seq(stored[i]), address);
            }
            return 0;
        }
    return SELKIE_ENOTFOUND;
}

size_t __wrap_selkie_spool_forget(struct selkie_spool *spool, const int64_t *seqs, size_t count)
{
    size_t forgotten = 0;

    (void)spool;
    for (size_t i = 0; i < STORED_MAX; i++)
        for (size_t k = 0; k < count; k++)
            if (stored[i] == seqs[k] && stored[i] != 0) {
                stored[i] = 0;
                forgotten++;
            }
    return forgotten;
}

int64_t __wrap_selkie_spool_instance(const struct selkie_spool *spool)
{
    (void)spool;
    return 77;
}

void __wrap_selkie_spool_sync(struct selkie_spool *spool)
{
    (void)spool;
}

const char *__wrap_selkie_gateway_broker_uri(const struct selkie_gateway_broker *broker)
{
    (void)broker;
    return "mqtt://broker";
}

int __wrap_selkie_gateway_broker_publish_frame(struct selkie_gateway_broker *broker,
                                               const struct selkie_spool_frame *frame)
{
    (void)broker;
    ck_assert_uint_lt((size_t)sent_count, sizeof(sent) / sizeof(sent[0]));
    int64_t before_us = sent_count > 0 ? arrives_us[sent_count - 1] : 0;
    arrives_us[sent_count] = (before_us > now_us ? before_us : now_us) + frame_us;
    ck_assert_int_le(arrives_us[sent_count] - now_us, 25 * SELKIE_SEC_US); /* not a whole window under way */
    sent[sent_count++] = frame->seq;
    return sent_count;
}

void __wrap_selkie_log(int level, const char *format, ...)
{
    va_list arguments;

    (void)level;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    lines++;
}

static void set_timer(struct selkie_timer *timer, int64_t after_us, bool keep)
{
    size_t i = 0;

    while (timers[i].timer && timers[i].timer != timer)
        ck_assert_uint_lt(++i, sizeof timers / sizeof timers[0]);
    if (keep && timers[i].runs)
        return;
    timers[i].timer = timer;
    timers[i].due_us = now_us + after_us;
    timers[i].runs = true;
}

void __wrap_selkie_timer_set(struct selkie_timer *timer, int64_t after_us)
{
    set_timer(timer, after_us, false);
}

void __wrap_selkie_timer_start(struct selkie_timer *timer, int64_t after_us)
{
    set_timer(timer, after_us, true);
}

int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
    (void)id;
    now->tv_sec = (time_t)(now_us / SELKIE_SEC_US);
    now->tv_nsec = (long)(now_us % SELKIE_SEC_US) * 1000;
    return 0;
}

int __wrap_selkie_timer_later(struct selkie_timer *timer, int64_t rank)
{
    size_t i = 0;

    while (later[i].timer && later[i].timer != timer)
        ck_assert_uint_lt(++i, sizeof later / sizeof later[0]);
    later[i].timer = timer;
    later[i].rank = rank;
    return 0;
}

/* The loop's next turn: the lowest rank. False where nothing waits for it. */
static bool turn(void)
{
    size_t first = 0;

    turns++;
    for (size_t i = 1; i < sizeof later / sizeof later[0]; i++)
        if (later[i].timer && (!later[first].timer || later[i].rank < later[first].rank))
            first = i;
    struct selkie_timer *next = later[first].timer;
    if (!next)
        return false;
    later[first].timer = NULL;
    next->handler(next->context);
    return true;
}

static void take_turns(void)
{
    while (turn())
        ;
}

/* Go on to a time, and let each timer that is due on the way fire. Returns how many did. */
static unsigned go_to(int64_t seconds)
{
    unsigned fired = 0;
    bool again = true;

    while (again) {
        again = false;
        for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
            if (timers[i].runs && timers[i].due_us <= seconds * SELKIE_SEC_US) {
                timers[i].runs = false;
                now_us = timers[i].due_us > now_us ? timers[i].due_us : now_us;
                ck_assert_uint_lt(++fired, 1000); /* a timer that spins */
                timers[i].timer->handler(timers[i].timer->context);
                take_turns();
                again = true;
            }
    }
    now_us = seconds * SELKIE_SEC_US;
    return fired;
}

/* When the next timer fires. */
static int64_t due_at(void)
{
    int64_t first = INT64_MAX;

    for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
        if (timers[i].runs && timers[i].due_us < first)
            first = timers[i].due_us;
    return first;
}

static void on_dead(void *context)
{
    (void)context;
    dead++;
}

static void start(enum selkie_gateway_confirm confirm, size_t receive_maximum)
{
    static struct selkie_gateway_config config = {.window = 8};

    config.confirm = confirm;
    now_us = 1;
    sender = selkie_sender_open(NULL, NULL, NULL, on_dead, NULL);
    ck_assert_ptr_nonnull(sender);
    selkie_sender_start(sender, &config, receive_maximum);
    take_turns();
}

static void store(int64_t first, int64_t second)
{
    memset(stored, 0, sizeof(stored));
    stored[0] = first;
    stored[1] = second;
}

static void teardown(void)
{
    selkie_sender_close(sender);
}

START_TEST(fresh_spool_with_lower_numbers_is_sent)
{
    store(1000, 1001);
    start(SELKIE_CONFIRM_BROKER, 100);
    ck_assert_int_eq(sent_count, 2);
    store(7, 8); /* damage was found, and chance set the fresh numbers lower */
    generation++;
    selkie_sender_fill(sender);
    take_turns();
    ck_assert_int_eq(sent_count, 4);
    ck_assert_int_eq(sent[2], 7);
    ck_assert_int_eq(sent[3], 8);
}
END_TEST

START_TEST(frames_that_came_back_are_sent_and_those_under_way_are_not)
{
    store(1, 2);
    start(SELKIE_CONFIRM_BROKER, 100);
    selkie_sender_answered(sender, 1, 0); /* frame 1 is forgotten */
    ck_assert_int_eq(stored[0], 0);
    store(1, 2); /* the commit failed */
    generation++;
    selkie_sender_fill(sender);
    ck_assert_int_eq(sent_count, 3);
    ck_assert_int_eq(sent[2], 1);
}
END_TEST

START_TEST(spool_that_cannot_be_read_is_tried_again)
{
    store(1, 2);
    unreadable = true;
    start(SELKIE_CONFIRM_BROKER, 100);
    ck_assert_int_eq(sent_count, 0);
    (void)go_to(5);
    unreadable = false;
    (void)go_to(10); /* and nobody kicks */
    take_turns();
    ck_assert_int_eq(sent_count, 2);
}
END_TEST

START_TEST(frame_that_cannot_be_read_for_its_repeat_stays_under_way)
{
    store(1, 0);
    start(SELKIE_CONFIRM_RECEIPT, 100);
    selkie_sender_answered(sender, 1, 0); /* and no receipt comes */
    unreadable = true;
    (void)go_to(40);
    ck_assert_int_eq(sent_count, 1);
    unreadable = false;
    (void)go_to(50);
    ck_assert_int_eq(sent_count, 2);
    ck_assert_int_eq(sent[1], 1);
}
END_TEST

START_TEST(repeat_that_must_wait_for_an_answer_does_not_spin)
{
    store(1, 0);
    start(SELKIE_CONFIRM_RECEIPT, 2); /* one unanswered publish, besides `state` */
    selkie_sender_answered(sender, 1, 0);
    (void)go_to(20);
    store(1, 2);
    selkie_sender_fill(sender);
    ck_assert_int_eq(sent_count, 2); /* frame 2 is unanswered when frame 1 is due */
    ck_assert_uint_le(go_to(40), 12);
    selkie_sender_answered(sender, 2, 0);
    (void)go_to(42);
    ck_assert_int_eq(sent_count, 3);
    ck_assert_int_eq(sent[2], 1);
    ck_assert_uint_eq(dead, 0);
}
END_TEST

START_TEST(backlog_is_sent_one_frame_in_a_turn)
{
    for (int i = 0; i < 8; i++)
        stored[i] = i + 1;
    start(SELKIE_CONFIRM_BROKER, 100); /* nobody kicks */
    ck_assert_int_eq(sent_count, 8);
    ck_assert_uint_ge(turns, 8);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(sent[i], i + 1);
}
END_TEST

/* RECEIPT_SEQS seqs, from `first` on. */
static const char *long_receipt(int first)
{
    static char receipt[256];
    size_t len = (size_t)snprintf(receipt, sizeof receipt, "{\"seq\":[%d", first);

    for (int i = 1; i < RECEIPT_SEQS; i++)
        len += (size_t)snprintf(receipt + len, sizeof receipt - len, ",%d", first + i);
    (void)snprintf(receipt + len, sizeof receipt - len, "]}");
    return receipt;
}

START_TEST(long_receipt_is_worked_off_in_several_turns)
{
    const char *receipt = long_receipt(1);
    unsigned pieces = 1;

    for (int i = 0; i < RECEIPT_SEQS; i++)
        stored[i] = i + 1;
    start(SELKIE_CONFIRM_RECEIPT, 1);
    for (; !selkie_sender_receipt(sender, receipt, strlen(receipt)); pieces++)
        ck_assert_uint_lt(pieces, RECEIPT_SEQS);
    ck_assert_uint_gt(pieces, 1);
    for (size_t i = 0; i < RECEIPT_SEQS; i++)
        ck_assert_int_eq(stored[i], 0);
    ck_assert_uint_eq(selkie_sender_counters(sender)->receipted, RECEIPT_SEQS);
}
END_TEST

START_TEST(receipt_for_another_instance_forgets_nothing)
{
    static const char foreign[] = "{\"instance\":78,\"seq\":[1,2]}", own[] = "{\"instance\":77,\"seq\":[1]}";

    store(1, 2);
    start(SELKIE_CONFIRM_RECEIPT, 100);
    ck_assert(selkie_sender_receipt(sender, foreign, strlen(foreign)));
    ck_assert_int_eq(stored[0], 1);
    ck_assert(selkie_sender_receipt(sender, own, strlen(own)));
    ck_assert_int_eq(stored[0], 0);
    ck_assert_int_eq(stored[1], 2);
}
END_TEST

START_TEST(junk_in_place_of_receipts_is_told_of_with_a_count)
{
    start(SELKIE_CONFIRM_RECEIPT, 1);
    for (int i = 0; i < 1000; i++)
        ck_assert(selkie_sender_receipt(sender, "junk", 4));
    ck_assert_uint_eq(lines, 1);
    ck_assert_str_eq(line, "ignored a receipt: malformed");
    now_us += 60000000;
    ck_assert(selkie_sender_receipt(sender, "[]", 2));
    ck_assert(selkie_sender_receipt(sender, "[]", 2));
    ck_assert_uint_eq(lines, 2);
    ck_assert_str_eq(line, "ignored 1000 more receipts, the last one: malformed");
}
END_TEST

START_TEST(receipt_of_a_connection_that_ended_is_not_gone_on_with)
{
    const char *receipt = long_receipt(100);

    store(1, 2);
    start(SELKIE_CONFIRM_RECEIPT, 100);
    ck_assert(!selkie_sender_receipt(sender, receipt, strlen(receipt)));
    selkie_sender_stop(sender);
    ck_assert(selkie_sender_receipt(sender, "{\"seq\":[1]}", 11));
    ck_assert_int_eq(stored[0], 0);
}
END_TEST

START_TEST(broker_that_owes_an_answer_is_dead_whatever_is_held_back)
{
    store(1, 0);
    start(SELKIE_CONFIRM_RECEIPT, 2); /* one unanswered publish, besides `state` */
    selkie_sender_answered(sender, 1, 0);
    (void)go_to(5);
    store(1, 2);
    selkie_sender_fill(sender); /* frame 2 is never answered, and holds frame 1 back */
    ck_assert_int_eq(sent_count, 2);
    (void)go_to(34);
    ck_assert_uint_eq(dead, 0);
    (void)go_to(37);
    ck_assert_uint_ge(dead, 1);
}
END_TEST

START_TEST(frames_that_go_without_a_pause_do_not_put_off_the_commit)
{
    store(1, 2);
    start(SELKIE_CONFIRM_BROKER, 100);
    selkie_sender_answered(sender, 1, 0);
    now_us += SELKIE_SEC_US / 2;
    int64_t first = due_at();
    selkie_sender_answered(sender, 2, 0);
    ck_assert_int_eq(due_at(), first);
}
END_TEST

/* The line to the broker takes its time, and so each answer and each receipt, but one comes after the other. */
static void drain(int64_t count, size_t window, unsigned bits_per_s)
{
    static struct selkie_gateway_config config = {.confirm = SELKIE_CONFIRM_RECEIPT};
    char receipt[64];
    int answered = 0, receipted = 0;

    for (int64_t i = 0; i < count; i++)
        stored[i] = i + 1;
    config.window = window;
    frame_us = 680 * 8 * SELKIE_SEC_US / bits_per_s; /* a SEALED frame with its properties and headers */
    now_us = 1;
    sender = selkie_sender_open(NULL, NULL, NULL, on_dead, NULL);
    ck_assert_ptr_nonnull(sender);
    selkie_sender_start(sender, &config, window + 1);
    take_turns();
    while (receipted < sent_count && dead == 0) {
        int64_t answer_us = answered < sent_count ? arrives_us[answered] : INT64_MAX;
        int64_t receipt_us = receipted < answered ? arrives_us[receipted] + 2 * SELKIE_SEC_US : INT64_MAX;
        int64_t next_us = answer_us < receipt_us ? answer_us : receipt_us;
        for (int64_t due_us = due_at(); due_us <= next_us && dead == 0; due_us = due_at())
            (void)go_to(due_us / SELKIE_SEC_US + 1);
        now_us = now_us > next_us ? now_us : next_us;
        if (answer_us < receipt_us) {
            selkie_sender_answered(sender, ++answered, 0);
        } else {
            (void)snprintf(receipt, sizeof receipt, "{\"seq\":[%lld]}", (long long)sent[receipted++]);
            ck_assert(selkie_sender_receipt(sender, receipt, strlen(receipt)));
        }
        take_turns();
    }
    const struct selkie_sender_counters *counters = selkie_sender_counters(sender);
    ck_assert_msg(dead == 0 && counters->receipted == (uint64_t)count && counters->sent == (uint64_t)count,
                  "given up %u times; %llu of %lld receipted after %llu publishes, %llu of them again", dead,
                  (unsigned long long)counters->receipted, (long long)count, (unsigned long long)counters->sent,
                  (unsigned long long)counters->resent);
    ck_assert_int_le(now_us, count * frame_us + 10 * SELKIE_SEC_US); /* and the line is never idle */
}

START_TEST(slow_line_drains_without_a_reconnect_and_without_a_double)
{
    drain(150, 16, 2400);
}
END_TEST

START_TEST(wide_window_on_a_slow_line_drains_without_a_reconnect_and_without_a_double)
{
    drain(5000, 1000, 16000);
}
END_TEST

/* The loop was held up by the disk: the answer is there, and waits for its turn. */
START_TEST(broker_is_not_blamed_for_answers_that_wait_for_the_loop)
{
    store(1, 0);
    start(SELKIE_CONFIRM_RECEIPT, 100);
    now_us += 60 * SELKIE_SEC_US;
    for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++)
        if (timers[i].runs) {
            timers[i].runs = false;
            timers[i].timer->handler(timers[i].timer->context);
        }
    selkie_sender_answered(sender, 1, 0); /* rank of the broker: before what was deferred behind it */
    take_turns();
    ck_assert_uint_eq(dead, 0);
    ck_assert_int_eq(sent_count, 1);
}
END_TEST

/* Each third frame is for a key that is there. */
static uint8_t mixed_keys(int64_t seq)
{
    return seq % 3 == 0 ? 1 : 2;
}

/* The plugin decides all that was published for the key that is there. */
static void receipt_the_rest(int *seen, bool all)
{
    for (; *seen < sent_count; (*seen)++) {
        char text[40];
        int64_t seq = sent[*seen];
        selkie_sender_answered(sender, *seen + 1, 0);
        if (!all && mixed_keys(seq) != 1)
            continue;
        int len = snprintf(text, sizeof text, "{\"seq\":[%d]}", (int)seq);
        ck_assert(selkie_sender_receipt(sender, text, (size_t)len));
        take_turns();
    }
}

static size_t count_stored(uint8_t key)
{
    size_t count = 0;

    for (size_t i = 0; i < STORED_MAX; i++)
        count += stored[i] != 0 && mixed_keys(stored[i]) == key;
    return count;
}

/* 3,000 frames wait, two of three for a token that is away. The window is 8. */
START_TEST(frames_of_a_key_that_is_away_stop_no_others)
{
    int seen = 0;

    key_of_seq = mixed_keys;
    for (int i = 0; i < 3000; i++)
        stored[i] = i + 1;
    start(SELKIE_CONFIRM_RECEIPT, 100);
    receipt_the_rest(&seen, false);
    ck_assert_uint_gt(count_stored(1), 900); /* the window is full of the others */
    for (int s = 1; s <= 40; s++) {
        (void)go_to(s);
        receipt_the_rest(&seen, false);
    }
    ck_assert_uint_eq(count_stored(1), 0);
    ck_assert_uint_eq(count_stored(2), 2000);
    int before = sent_count;
    for (int s = 41; s <= 160; s++) { /* one of them goes out each half minute */
        (void)go_to(s);
        receipt_the_rest(&seen, false);
    }
    ck_assert_int_le(sent_count - before, 5);
    ck_assert_int_ge(sent_count - before, 1);
    for (int s = 161; s <= 200; s++) { /* the token is back */
        (void)go_to(s);
        receipt_the_rest(&seen, true);
    }
    ck_assert_uint_eq(count_stored(2), 0);
    ck_assert_int_lt(sent_count, 3000 + 40);
    ck_assert_uint_eq(dead, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sender");
    TCase *tcase = tcase_create("sender");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, fresh_spool_with_lower_numbers_is_sent);
    tcase_add_test(tcase, frames_that_came_back_are_sent_and_those_under_way_are_not);
    tcase_add_test(tcase, spool_that_cannot_be_read_is_tried_again);
    tcase_add_test(tcase, frame_that_cannot_be_read_for_its_repeat_stays_under_way);
    tcase_add_test(tcase, repeat_that_must_wait_for_an_answer_does_not_spin);
    tcase_add_test(tcase, backlog_is_sent_one_frame_in_a_turn);
    tcase_add_test(tcase, long_receipt_is_worked_off_in_several_turns);
    tcase_add_test(tcase, receipt_for_another_instance_forgets_nothing);
    tcase_add_test(tcase, junk_in_place_of_receipts_is_told_of_with_a_count);
    tcase_add_test(tcase, receipt_of_a_connection_that_ended_is_not_gone_on_with);
    tcase_add_test(tcase, broker_that_owes_an_answer_is_dead_whatever_is_held_back);
    tcase_add_test(tcase, frames_that_go_without_a_pause_do_not_put_off_the_commit);
    tcase_add_test(tcase, slow_line_drains_without_a_reconnect_and_without_a_double);
    tcase_add_test(tcase, wide_window_on_a_slow_line_drains_without_a_reconnect_and_without_a_double);
    tcase_add_test(tcase, broker_is_not_blamed_for_answers_that_wait_for_the_loop);
    tcase_add_test(tcase, frames_of_a_key_that_is_away_stop_no_others);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
