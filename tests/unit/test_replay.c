/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads wait after a start until somebody reads. PROTOCOL.md, section 9. */
#include "pipeline/replay.h"

#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <stdio.h>
#include <syslog.h>

#define LONG_MS 600000

static struct kit_host *start(const char *dir, unsigned wait_ms)
{
    const struct selkie_unsealer_options options = {.state_dir = dir, .replay_wait_ms = wait_ms};

    return kit_open(&options);
}

static void submit(struct kit_host *host, struct kit_device *device, const char *payload)
{
    kit_submit_wait(host, kit_data(device, payload));
}

START_TEST(payloads_wait_for_a_reader_and_nothing_else_does)
{
    struct kit_host *host = start(kit_dir(), LONG_MS);
    struct kit_device device = kit_device(1, 1);

    submit(host, &device, "one"); /* with its receipt */
    submit(host, &device, "two");
    kit_event(host, "registered");
    selkie_output_free(kit_next(host, SELKIE_OUTPUT_STATE));
    kit_do(host, "{\"command\":\"listDevices\"}");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), 0);
    ck_assert_int_eq(kit_stat(host, "queues", "outputs"), 0); /* they take no place in the queue */
    selkie_unsealer_reader(kit_unsealer(host));
    kit_expect_payload(host, &device, 0, "one");
    kit_expect_payload(host, &device, 1, "two");
    submit(host, &device, "three");
    kit_expect_payload(host, &device, 2, "three");
    ck_assert(kit_log_has(host, "2 payloads that waited for a reader since the start are published now\n"));
    kit_close(host);
}
END_TEST

START_TEST(a_reader_who_is_there_first_lets_nothing_wait)
{
    struct kit_host *host = start(kit_dir(), LONG_MS);
    struct kit_device device = kit_device(1, 1);

    selkie_unsealer_reader(kit_unsealer(host));
    submit(host, &device, "one");
    kit_expect_payload(host, &device, 0, "one");
    kit_close(host);
}
END_TEST

START_TEST(without_a_reader_they_wait_no_longer_than_they_may)
{
    struct kit_host *host = start(kit_dir(), 300);
    struct kit_device device = kit_device(1, 1);

    submit(host, &device, "one");
    kit_expect_payload(host, &device, 0, "one");
    ck_assert(kit_log_has(host, "but nobody has subscribed to the payloads of all devices"));
    kit_close(host);
}
END_TEST

START_TEST(those_of_an_earlier_run_come_first)
{
    const char *dir = kit_dir();
    struct kit_host *host = start(dir, 0);
    struct kit_device device = kit_device(1, 1);

    submit(host, &device, "delivered");
    kit_expect_payload(host, &device, 0, "delivered");
    kit_delivered(host);
    submit(host, &device, "old");
    kit_expect_payload(host, &device, 1, "old");
    kit_close(host);
    host = start(dir, LONG_MS);
    submit(host, &device, "new");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), 0);
    selkie_unsealer_reader(kit_unsealer(host));
    kit_expect_payload(host, &device, 1, "old");
    kit_expect_payload(host, &device, 2, "new");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), 0);
    kit_close(host);
}
END_TEST

/* What overtook a payload and is delivered says nothing about the payload. */
START_TEST(a_stop_during_the_wait_loses_nothing)
{
    const char *dir = kit_dir();
    struct kit_host *host;
    struct kit_device device = kit_device(1, 1);
    char payload[8];

    for (int run = 0; run < 3; run++) {
        host = start(dir, LONG_MS);
        (void)snprintf(payload, sizeof payload, "%d", run);
        submit(host, &device, payload);
        selkie_output_free(kit_next(host, SELKIE_OUTPUT_STATE));
        kit_delivered(host);
        submit(host, &device, ""); /* whose transaction would have emptied the outbox */
        kit_delivered(host);
        kit_close(host);
    }
    host = start(dir, LONG_MS);
    selkie_unsealer_reader(kit_unsealer(host));
    for (uint32_t run = 0; run < 3; run++) {
        (void)snprintf(payload, sizeof payload, "%u", run);
        kit_expect_payload(host, &device, 2 * run, payload);
        kit_expect_payload(host, &device, 2 * run + 1, "");
    }
    kit_close(host);
}
END_TEST

START_TEST(the_outbox_is_emptied_once_all_is_delivered)
{
    const char *dir = kit_dir();
    struct kit_host *host = start(dir, LONG_MS);
    struct kit_device device = kit_device(1, 1);

    submit(host, &device, "one");
    selkie_output_free(kit_next(host, SELKIE_OUTPUT_STATE)); /* it is behind the payload in the outbox */
    selkie_unsealer_reader(kit_unsealer(host));
    kit_expect_payload(host, &device, 0, "one");
    kit_delivered(host);
    submit(host, &device, "two");
    kit_expect_payload(host, &device, 1, "two");
    kit_delivered(host);
    submit(host, &device, "three");
    kit_expect_payload(host, &device, 2, "three");
    kit_close(host);
    kit_execute(dir,
                "CREATE TABLE few (count INTEGER CHECK (count <= 3)); INSERT INTO few SELECT count(*) FROM outbox");
    host = start(dir, 0);
    kit_expect_payload(host, &device, 2, "three");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), 0);
    kit_close(host);
}
END_TEST

/* More than is read from the outbox at a time, with new ones in between. */
START_TEST(a_long_wait_keeps_the_order)
{
    enum { BEFORE = 2 * SELKIE_REPLAY_STEP + 100, ALL = BEFORE + 500 };
    struct kit_host *host = start(kit_dir(), LONG_MS);
    struct kit_device device = kit_device(1, 1);
    uint64_t seq = 0;

    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    for (int i = 0; i < ALL; i++) {
        struct kit_body body = kit_session(&device, "");
        seq = kit_submit(host, &body, 0);
        if (i % 1000 == 0) /* more than the intake takes would be refused */
            kit_receipt(host, seq);
        if (i == BEFORE) {
            kit_receipt(host, seq);
            ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), 0);
            selkie_unsealer_reader(kit_unsealer(host));
        }
    }
    for (uint32_t i = 0; i < ALL; i++)
        kit_expect_payload(host, &device, 1 + i, "");
    kit_receipt(host, seq);
    kit_close(host);
}
END_TEST

START_TEST(a_corrupt_payload_stops_none_of_the_others)
{
    const char *dir = kit_dir();
    struct kit_host *host = start(dir, LONG_MS);
    struct kit_device device = kit_device(1, 1);

    submit(host, &device, "one");
    submit(host, &device, "two");
    submit(host, &device, "three");
    kit_close(host);
    kit_execute(dir, "UPDATE outbox SET data = zeroblob(40) WHERE counter = 1");
    host = start(dir, LONG_MS);
    submit(host, &device, "four");
    selkie_unsealer_reader(kit_unsealer(host));
    kit_expect_payload(host, &device, 0, "one");
    kit_expect_payload(host, &device, 2, "three");
    kit_expect_payload(host, &device, 3, "four");
    ck_assert_uint_eq(kit_logged(host, LOG_ERR), 1);
    kit_close(host);
}
END_TEST

/* The disk is not for any number of them. */
START_TEST(too_many_payloads_end_the_wait)
{
    struct selkie_replay replay = {0};

    selkie_replay_init(&replay, LONG_MS, 1);
    replay.count = SELKIE_REPLAY_MAX - 1;
    ck_assert(!selkie_replay_is_over(&replay, false, 2));
    replay.count = SELKIE_REPLAY_MAX;
    ck_assert(selkie_replay_is_over(&replay, false, 2));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replay");
    TCase *tcase = tcase_create("replay");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_test(tcase, payloads_wait_for_a_reader_and_nothing_else_does);
    tcase_add_test(tcase, a_reader_who_is_there_first_lets_nothing_wait);
    tcase_add_test(tcase, without_a_reader_they_wait_no_longer_than_they_may);
    tcase_add_test(tcase, those_of_an_earlier_run_come_first);
    tcase_add_test(tcase, a_stop_during_the_wait_loses_nothing);
    tcase_add_test(tcase, the_outbox_is_emptied_once_all_is_delivered);
    tcase_add_test(tcase, a_long_wait_keeps_the_order);
    tcase_add_test(tcase, a_corrupt_payload_stops_none_of_the_others);
    tcase_add_test(tcase, too_many_payloads_end_the_wait);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
