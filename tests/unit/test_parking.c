/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that wait: of pending bindings, and SESSION frames that are nobody's yet. PROTOCOL.md, section 7, rule 7. */
#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <stdio.h>

static struct kit_host *open_host(const char *dir, enum selkie_enrolment enrolment)
{
    const struct selkie_unsealer_options options = {.state_dir = dir, .enrolment = enrolment};
    return kit_open(&options);
}

/* A registry with so many parked frames of other devices, from one gateway. */
static const char *parking_with(unsigned count, const char *gateway)
{
    const char *dir = kit_dir();
    kit_close(open_host(dir, SELKIE_ENROL_OPEN));
    kit_execute(dir,
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %u) INSERT INTO parked "
                "SELECT i, 1000000 + i / 256, i, randomblob(8), 0, 0, '%s', 0, 1, 0, 0, NULL FROM n",
                count, gateway);
    return dir;
}

/* As many as there is room for in all. */
static const char *full_parking(void)
{
    return parking_with(65536, "g9");
}

static void submit_by(struct kit_host *host, const char *gateway, struct kit_body body)
{
    kit_receipt(host, kit_submit_from(host, gateway, &body, 0));
}

static void expect_sessions(struct kit_host *host, const struct kit_device *device, uint32_t first, uint32_t last)
{
    for (uint32_t counter = first; counter <= last; counter++)
        kit_expect_payload(host, device, counter, "x");
}

START_TEST(a_full_row_of_unmatched_frames_comes_out_with_its_registration)
{
    struct kit_host *host = open_host(kit_dir(), SELKIE_ENROL_OPEN);
    struct kit_device device = kit_device(1, 1);
    struct kit_body registration = kit_register(&device, NULL, NULL);

    for (int i = 0; i < 256; i++)
        kit_submit_wait(host, kit_session(&device, "x"));
    kit_submit_wait(host, registration);
    expect_sessions(host, &device, 1, 256);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    kit_close(host);
}
END_TEST

/* And a REGISTER of its device that comes later takes the place of no reading. */
START_TEST(a_full_row_of_unmatched_frames_waits_with_its_registration)
{
    struct kit_host *host = open_host(kit_dir(), SELKIE_ENROL_APPROVE);
    struct kit_device device = kit_device(1, 1);
    struct kit_body registration = kit_register(&device, NULL, NULL);

    for (int i = 0; i < 256; i++)
        kit_submit_wait(host, kit_session(&device, "x"));
    kit_submit_wait(host, registration);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    kit_expect_rejected(host, "parking-full");
    ck_assert_int_eq(kit_stat(host, "queues", "parked"), 257);
    kit_do(host, "{\"command\":\"approveDevice\",\"address\":\"0200000000000001\"}");
    expect_sessions(host, &device, 1, 256);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    ck_assert_int_eq(kit_stat(host, "frames", "lost"), 0);
    kit_close(host);
}
END_TEST

START_TEST(a_full_row_pushes_its_oldest_out_for_a_reading)
{
    struct kit_host *host = open_host(kit_dir(), SELKIE_ENROL_APPROVE);
    struct kit_device device = kit_device(1, 1);

    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    for (int i = 0; i < 257; i++)
        kit_submit_wait(host, kit_session(&device, "x"));
    for (int i = 0; i < 2; i++) /* the REGISTER, and the first reading */
        kit_expect_rejected(host, "parking-full");
    ck_assert_int_eq(kit_stat(host, "queues", "parked"), 256);
    kit_do(host, "{\"command\":\"approveDevice\",\"address\":\"0200000000000001\"}");
    expect_sessions(host, &device, 2, 257);
    kit_close(host);
}
END_TEST

START_TEST(a_full_parking_loses_nothing_of_a_device_that_is_admitted)
{
    struct kit_host *host = open_host(full_parking(), SELKIE_ENROL_OPEN);
    struct kit_device device = kit_device(1, 1);

    device.counter = 1; /* its REGISTER was lost */
    for (int i = 0; i < 3; i++)
        kit_submit_wait(host, kit_session(&device, "x"));
    kit_submit_wait(host, kit_data(&device, "sealed"));
    expect_sessions(host, &device, 1, 3);
    kit_expect_payload(host, &device, 4, "sealed");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    ck_assert_int_eq(kit_stat(host, "queues", "parked"), 65536);
    kit_close(host);
}
END_TEST

START_TEST(a_full_parking_takes_no_more_of_those_that_wait)
{
    struct kit_host *host = open_host(full_parking(), SELKIE_ENROL_APPROVE);
    struct kit_device device = kit_device(1, 1);

    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    kit_expect_rejected(host, "parking-full");
    ck_assert_int_eq(kit_stat(host, "queues", "parked"), 65536);
    kit_close(host);
}
END_TEST

/* Anybody can send REGISTERs, and under `approve` each of them is parked. */
START_TEST(a_gateway_that_floods_leaves_room_for_another)
{
    const char *dir = parking_with(32767, "g1");
    struct kit_host *host = open_host(dir, SELKIE_ENROL_APPROVE);
    struct kit_device flood = kit_device(1, 1), device = kit_device(2, 1);

    submit_by(host, "g1", kit_register(&flood, NULL, NULL)); /* now it has half of all places */
    submit_by(host, "g1", kit_data(&flood, "x"));
    kit_expect_rejected(host, "parking-full");
    ck_assert_int_eq(kit_stat(host, "queues", "parked"), 32768);
    submit_by(host, "g2", kit_data(&device, "reading"));
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    kit_close(host);

    /* It is known over a restart who has how many. */
    host = open_host(dir, SELKIE_ENROL_APPROVE);
    submit_by(host, "g1", kit_data(&flood, "x"));
    kit_expect_rejected(host, "parking-full");
    submit_by(host, "g2", kit_data(&device, "reading"));
    kit_do(host, "{\"command\":\"approveDevice\",\"address\":\"0200000000000002\"}");
    kit_expect_payload(host, &device, 0, "reading");
    kit_expect_payload(host, &device, 1, "reading");
    ck_assert_int_eq(kit_stat(host, "queues", "parked"), 32768);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    kit_close(host);
}
END_TEST

START_TEST(a_claim_that_comes_late_frees_all_that_waited_for_it)
{
    struct kit_host *host = open_host(kit_dir(), SELKIE_ENROL_LISTED);
    struct kit_device device = kit_device(1, 1);
    struct kit_body registration = kit_register(&device, "claim", NULL);
    char address[SELKIE_ADDRESS_TEXT_SIZE];

    selkie_address_format(address, device.address);
    kit_do(host, "{\"command\":\"addDevice\",\"address\":\"%s\",\"claim\":\"claim\"}", address);
    for (int i = 0; i < 256; i++)
        kit_submit_wait(host, i == 0 ? kit_data(&device, "x") : kit_session(&device, "x"));
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), 0);
    kit_submit_wait(host, registration);
    expect_sessions(host, &device, 1, 256);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    kit_close(host);
}
END_TEST

START_TEST(a_frame_counts_once_as_parked_and_once_as_released)
{
    struct kit_host *host = open_host(kit_dir(), SELKIE_ENROL_OPEN);
    struct kit_device device = kit_device(1, 1);
    struct kit_body registration = kit_register(&device, NULL, NULL);

    for (int i = 0; i < 10; i++)
        kit_submit_wait(host, kit_session(&device, "x"));
    ck_assert_int_eq(kit_stat(host, "frames", "parked"), 10);
    kit_submit_wait(host, registration);
    ck_assert_int_eq(kit_stat(host, "frames", "parked"), 10);
    ck_assert_int_eq(kit_stat(host, "frames", "released"), 10);
    ck_assert_int_eq(kit_stat(host, "frames", "accepted"), 11);
    kit_close(host);

    host = open_host(kit_dir(), SELKIE_ENROL_APPROVE);
    device = kit_device(1, 1);
    registration = kit_register(&device, NULL, NULL);
    for (int i = 0; i < 10; i++)
        kit_submit_wait(host, kit_session(&device, "x"));
    kit_submit_wait(host, registration);
    kit_submit_wait(host, kit_data(&device, "x"));
    ck_assert_int_eq(kit_stat(host, "frames", "parked"), 12);
    kit_do(host, "{\"command\":\"approveDevice\",\"address\":\"0200000000000001\"}");
    ck_assert_int_eq(kit_stat(host, "frames", "parked"), 12);
    ck_assert_int_eq(kit_stat(host, "frames", "released"), 12);
    kit_close(host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parking");
    TCase *tcase = tcase_create("parking");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_test(tcase, a_full_row_of_unmatched_frames_comes_out_with_its_registration);
    tcase_add_test(tcase, a_full_row_of_unmatched_frames_waits_with_its_registration);
    tcase_add_test(tcase, a_full_row_pushes_its_oldest_out_for_a_reading);
    tcase_add_test(tcase, a_full_parking_loses_nothing_of_a_device_that_is_admitted);
    tcase_add_test(tcase, a_full_parking_takes_no_more_of_those_that_wait);
    tcase_add_test(tcase, a_gateway_that_floods_leaves_room_for_another);
    tcase_add_test(tcase, a_claim_that_comes_late_frees_all_that_waited_for_it);
    tcase_add_test(tcase, a_frame_counts_once_as_parked_and_once_as_released);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
