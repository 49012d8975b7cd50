/* SPDX-License-Identifier: Apache-2.0 */
/* SESSION frames that are nobody's yet: anybody can make them up, so they are bounded, fairly among gateways; and they
 * wait an hour, whatever the wall's clock is set to. PROTOCOL.md, section 7, rule 7. */
#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define HOUR_S 3600
#define YEAR_S (365 * 24 * HOUR_S)

static atomic_long wall_s, steady_s;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = __real_clock_gettime(clock, now);

    now->tv_sec += atomic_load(clock == CLOCK_REALTIME ? &wall_s : &steady_s);
    return result;
}

static void submit_by(struct kit_host *host, const char *gateway, struct kit_body body)
{
    kit_receipt(host, kit_submit_from(host, gateway, &body, 0));
}

/* Frames of 15 bytes, each with a tag of its own, and of each flood. */
static void flood(struct kit_host *host, const char *gateway, uint8_t which, uint32_t count)
{
    uint64_t seq = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct kit_body body = {.bytes = {0x11, which}, .len = 15};
        memcpy(body.bytes + 2, &i, 3);
        seq = kit_submit_from(host, gateway, &body, 0);
        if (i % 512 == 511)
            kit_receipt(host, seq);
    }
    kit_receipt(host, seq);
}

START_TEST(a_flood_by_one_gateway_leaves_room_for_another)
{
    const char *dir = kit_dir();
    struct kit_host *host = kit_open_dir(dir);
    struct kit_device device = kit_device(1, 1), late = kit_device(2, 1);
    struct kit_body registration = kit_register(&device, NULL, NULL);

    flood(host, "g1", 1, 8193);
    kit_expect_rejected(host, "unknown");
    ck_assert_int_eq(kit_stat(host, "queues", "unmatched"), 8192);
    submit_by(host, "g2", kit_session(&device, "reading"));
    submit_by(host, "g2", registration);
    kit_expect_payload(host, &device, 1, "reading");
    kit_close(host);

    /* It is known over a restart who has how many. */
    host = kit_open_dir(dir);
    kit_expect_payload(host, &device, 1, "reading"); /* nobody said that it was delivered */
    flood(host, "g1", 2, 1);
    kit_expect_rejected(host, "unknown");
    /* Two that flood leave a third. */
    flood(host, "g2", 3, 4097);
    kit_expect_rejected(host, "unknown");
    ck_assert_int_eq(kit_stat(host, "queues", "unmatched"), 8192 + 4096);
    registration = kit_register(&late, NULL, NULL);
    submit_by(host, "g3", kit_session(&late, "reading"));
    submit_by(host, "g3", registration);
    kit_expect_payload(host, &late, 1, "reading");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    kit_close(host);
}
END_TEST

/* Who has heard one SESSION frame of a device knows its tag. */
START_TEST(a_flood_under_one_tag_leaves_room_for_its_device)
{
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device device = kit_device(1, 1);
    struct kit_body registration = kit_register(&device, NULL, NULL), forged = kit_session(&device, "forged");

    for (unsigned i = 0; i < 257; i++) { /* none of them opens */
        forged.bytes[forged.len - 1 - i % 2]++;
        submit_by(host, "g1", forged);
    }
    kit_expect_rejected(host, "unknown");
    ck_assert_int_eq(kit_stat(host, "queues", "unmatched"), 256);
    for (int i = 0; i < 128; i++)
        submit_by(host, "g2", kit_session(&device, "reading"));
    submit_by(host, "g2", registration);
    for (uint32_t counter = 2; counter < 130; counter++)
        kit_expect_payload(host, &device, counter, "reading");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    kit_close(host);
}
END_TEST

/* And the clocks are right again, for Check's own sake. */
static void close_host(struct kit_host *host)
{
    kit_close(host);
    wall_s = steady_s = 0;
}

/* A frame with an unknown tag. Its receipt shows that a transaction has ended, and with it what was due. */
static void submit_unmatched(struct kit_host *host, uint32_t number)
{
    struct kit_device device = kit_device(number, 1);
    submit_by(host, "g1", kit_session(&device, "x"));
}

static void expect(struct kit_host *host, json_int_t waiting, unsigned rejected)
{
    ck_assert_int_eq(kit_stat(host, "queues", "unmatched"), waiting);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), rejected);
}

START_TEST(an_unmatched_frame_is_rejected_after_an_hour)
{
    struct kit_host *host = kit_open_dir(kit_dir());

    submit_unmatched(host, 1);
    steady_s += HOUR_S - 60;
    submit_unmatched(host, 2);
    expect(host, 2, 0);
    steady_s += 61;
    submit_unmatched(host, 3);
    expect(host, 2, 1);
    kit_expect_rejected(host, "unknown");
    steady_s += HOUR_S + 1;
    submit_unmatched(host, 4);
    expect(host, 1, 2);
    close_host(host);
}
END_TEST

START_TEST(a_clock_that_is_set_forward_takes_none_of_their_hour)
{
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device device = kit_device(1, 1);
    struct kit_body registration = kit_register(&device, NULL, NULL);

    submit_by(host, "g1", kit_session(&device, "reading"));
    wall_s += YEAR_S;
    submit_unmatched(host, 2);
    expect(host, 2, 0);
    submit_by(host, "g1", registration);
    kit_expect_payload(host, &device, 1, "reading");
    close_host(host);
}
END_TEST

START_TEST(a_clock_that_is_set_back_holds_none_up)
{
    struct kit_host *host = kit_open_dir(kit_dir());

    wall_s += YEAR_S;
    submit_unmatched(host, 1);
    wall_s -= YEAR_S;
    submit_unmatched(host, 2);
    steady_s += HOUR_S + 1;
    submit_unmatched(host, 3);
    expect(host, 1, 2);
    close_host(host);
}
END_TEST

START_TEST(they_age_over_a_restart_but_not_while_nobody_listens)
{
    const char *dir = kit_dir();
    struct kit_host *host = kit_open_dir(dir);

    submit_unmatched(host, 1);
    steady_s += HOUR_S - 60;
    submit_unmatched(host, 2);
    kit_close(host);
    wall_s += YEAR_S;
    steady_s = 0; /* another boot */
    host = kit_open_dir(dir);
    submit_unmatched(host, 3);
    expect(host, 3, 0);
    steady_s += 61;
    submit_unmatched(host, 4);
    expect(host, 3, 1);
    close_host(host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unmatched");
    TCase *tcase = tcase_create("unmatched");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_test(tcase, a_flood_by_one_gateway_leaves_room_for_another);
    tcase_add_test(tcase, a_flood_under_one_tag_leaves_room_for_its_device);
    tcase_add_test(tcase, an_unmatched_frame_is_rejected_after_an_hour);
    tcase_add_test(tcase, a_clock_that_is_set_forward_takes_none_of_their_hour);
    tcase_add_test(tcase, a_clock_that_is_set_back_holds_none_up);
    tcase_add_test(tcase, they_age_over_a_restart_but_not_while_nobody_listens);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
