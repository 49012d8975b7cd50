/* SPDX-License-Identifier: Apache-2.0 */
/* The sender on a fake spool and a fake broker, timers and clock: their calls are wrapped at link time, so that the
 * test says what the disk does and what time it is. */
#include "clock.h"
#include "run_suite.h"
#include "sender.h"
#include "timer.h"

#include <string.h>

#define STORED_MAX 16

unsigned __wrap_selkie_spool_generation(const struct selkie_spool *spool);
int __wrap_selkie_spool_next(struct selkie_spool *spool, int64_t after, struct selkie_spool_frame *frame);
size_t __wrap_selkie_spool_forget(struct selkie_spool *spool, const int64_t *seqs, size_t count);
int __wrap_selkie_broker_publish_frame(struct selkie_broker *broker, const struct selkie_spool_frame *frame);
void __wrap_selkie_timer_set(sd_event *event, sd_event_source **timer, uint64_t after_us,
                             sd_event_time_handler_t handler, void *context);
int __wrap_clock_gettime(clockid_t id, struct timespec *now);

static int64_t stored[STORED_MAX]; /* ascending; 0 = none */
static unsigned generation;
static bool unreadable;
static int64_t sent[64];
static int sent_count; /* also the last token */
static uint64_t now_us;
static struct {
    sd_event_source **timer;
    uint64_t due_us;
    sd_event_time_handler_t handler;
} timers[4];

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

int __wrap_selkie_broker_publish_frame(struct selkie_broker *broker, const struct selkie_spool_frame *frame)
{
    (void)broker;
    ck_assert_uint_lt((size_t)sent_count, sizeof(sent) / sizeof(sent[0]));
    sent[sent_count++] = frame->seq;
    return sent_count;
}

void __wrap_selkie_timer_set(sd_event *event, sd_event_source **timer, uint64_t after_us,
                             sd_event_time_handler_t handler, void *context)
{
    size_t i = 0;

    (void)event;
    (void)context;
    while (timers[i].timer != NULL && timers[i].timer != timer)
        ck_assert_uint_lt(++i, sizeof(timers) / sizeof(timers[0]));
    timers[i].timer = timer;
    timers[i].due_us = now_us + after_us;
    timers[i].handler = handler;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
    (void)id;
    now->tv_sec = (time_t)(now_us / SELKIE_SEC_US);
    now->tv_nsec = (long)(now_us % SELKIE_SEC_US) * 1000;
    return 0;
}

/* Go on to a time, and let each timer that is due on the way fire. Returns how many did. */
static unsigned go_to(uint64_t seconds)
{
    unsigned fired = 0;
    bool again = true;

    while (again) {
        again = false;
        for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
            if (timers[i].handler != NULL && timers[i].due_us <= seconds * SELKIE_SEC_US) {
                sd_event_time_handler_t handler = timers[i].handler;
                timers[i].handler = NULL;
                now_us = timers[i].due_us > now_us ? timers[i].due_us : now_us;
                ck_assert_uint_lt(++fired, 1000); /* a timer that spins */
                (void)handler(NULL, now_us, sender);
                again = true;
            }
    }
    now_us = seconds * SELKIE_SEC_US;
    return fired;
}

static void on_forgot(void *context)
{
    (void)context;
}

static void on_dead(void *context)
{
    (void)context;
    dead++;
}

static void start(enum selkie_confirm confirm, size_t receive_maximum)
{
    static char uri[] = "mqtt://broker";
    static struct selkie_config config = {.broker = {.uri = uri}, .window = 8};
    const struct selkie_sender_handler handler = {.forgot = on_forgot, .dead = on_dead};

    config.confirm = confirm;
    now_us = 1;
    sender = selkie_sender_open(NULL, NULL, NULL, &handler);
    ck_assert_ptr_nonnull(sender);
    selkie_sender_start(sender, &config, receive_maximum);
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
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
