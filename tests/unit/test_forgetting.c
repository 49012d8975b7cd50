/* SPDX-License-Identifier: Apache-2.0 */
/* What expires by days, and what a clock must not make expire. PROTOCOL.md, section 7, "Bounds". */
#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define DAY_S  (24 * 3600)
#define YEAR_S (365L * DAY_S)

static atomic_long wall_s, steady_s;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = __real_clock_gettime(clock, now);

    now->tv_sec += atomic_load(clock == CLOCK_REALTIME ? &wall_s : &steady_s);
    return result;
}

static const char *dir;
static struct kit_device device, other; /* the other one sends each day */

static struct kit_host *open_host(enum selkie_enrolment enrolment, unsigned days)
{
    const struct selkie_unsealer_options options = {
        .state_dir = dir, .enrolment = enrolment, .forget_after_days = days};
    struct kit_host *host = kit_open(&options);

    kit_do(host, "{\"command\":\"listGateways\"}"); /* now its days have begun */
    return host;
}

/* And the clocks are right again, for Check's own sake. */
static void close_host(struct kit_host *host)
{
    kit_close(host);
    wall_s = steady_s = 0;
}

static void set_up(void)
{
    dir = kit_dir();
    device = kit_device(1, 1);
    other = kit_device(2, 1);
}

static void pass_days(struct kit_host *host, int days)
{
    for (int i = 0; i < days; i++) {
        steady_s += DAY_S;
        kit_submit_wait(host, kit_data(&other, "x"));
    }
}

/* After the next walk: one precedes the second command, if none precedes the first. */
static bool is_known(struct kit_host *host, const char *address)
{
    char command[80];
    bool known = false;

    snprintf(command, sizeof command, "{\"command\":\"getDevice\",\"address\":\"%s\"}", address);
    steady_s += DAY_S / 3;
    for (int i = 0; i < 2; i++) {
        json_t *response = kit_command(host, command);
        known = json_object_get(response, "data") != NULL;
        json_decref(response);
    }
    return known;
}

#define DEVICE "0200000000000001"

static void command(struct kit_host *host, const char *name)
{
    kit_do(host, "{\"command\":\"%s\",\"address\":\"" DEVICE "\"}", name);
}

static void await_event(struct kit_host *host, const char *event)
{
    struct selkie_output *output;
    char text[64];

    snprintf(text, sizeof text, "{\"event\":\"%s\"", event);
    do {
        output = kit_next(host, SELKIE_OUTPUT_EVENT);
        bool found = strncmp((const char *)output->data, text, strlen(text)) == 0;
        selkie_output_free(output);
        if (found)
            return;
    } while (true);
}

/* The retained state is cleared. */
static void await_no_state(struct kit_host *host)
{
    size_t len;

    do {
        struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_STATE);
        len = output->len;
        selkie_output_free(output);
    } while (len != 0);
}

START_TEST(a_device_that_is_silent_for_a_month_is_forgotten)
{
    struct kit_host *host = open_host(SELKIE_ENROL_OPEN, 30);
    struct kit_body recorded = kit_register(&device, NULL, NULL);
    struct kit_device again = kit_device(1, 2);

    kit_submit_wait(host, recorded);
    pass_days(host, 30);
    ck_assert(is_known(host, DEVICE));
    pass_days(host, 1);
    ck_assert(!is_known(host, DEVICE));
    await_event(host, "forgotten");
    await_no_state(host);
    ck_assert_int_eq(kit_stat(host, "devices", "unlisted"), 1);
    /* A recording does not bring it back, nor does the device itself before its reset. */
    kit_submit_wait(host, recorded);
    kit_expect_rejected(host, "retired");
    kit_submit_wait(host, kit_data(&device, "x"));
    kit_expect_rejected(host, "retired");
    kit_submit_wait(host, kit_session(&device, "x"));
    kit_expect_rejected(host, "retired");
    kit_submit_wait(host, kit_register(&again, NULL, NULL));
    await_event(host, "registered");
    ck_assert(is_known(host, DEVICE));
    close_host(host);
}
END_TEST

START_TEST(one_that_is_heard_stays)
{
    struct kit_host *host = open_host(SELKIE_ENROL_OPEN, 2);

    for (int i = 0; i < 10; i++) {
        kit_submit_wait(host, i % 2 ? kit_session(&device, "x") : kit_data(&device, "x"));
        pass_days(host, 2);
    }
    ck_assert(is_known(host, DEVICE));
    close_host(host);
}
END_TEST

/* A Pi without a clock starts in 1970, and NTP sets it. */
START_TEST(a_wall_clock_that_jumps_forgets_nobody)
{
    struct kit_host *host = open_host(SELKIE_ENROL_OPEN, 30);

    kit_submit_wait(host, kit_data(&device, "x"));
    for (int i = 0; i < 3; i++) {
        wall_s += i == 1 ? -20 * YEAR_S : 10 * YEAR_S;
        pass_days(host, 2);
        kit_close(host);
        host = open_host(SELKIE_ENROL_OPEN, 30);
        pass_days(host, 2);
    }
    ck_assert(is_known(host, DEVICE));
    close_host(host);
}
END_TEST

/* Nobody can be heard while the receiver is stopped, or while no gateway reaches it. */
START_TEST(time_in_which_nothing_comes_counts_as_a_day)
{
    struct kit_host *host = open_host(SELKIE_ENROL_OPEN, 30);

    kit_submit_wait(host, kit_data(&device, "x"));
    steady_s += YEAR_S;
    kit_submit_wait(host, kit_data(&other, "x"));
    kit_close(host);
    steady_s += YEAR_S;
    host = open_host(SELKIE_ENROL_OPEN, 30);
    pass_days(host, 2);
    ck_assert(is_known(host, DEVICE));
    /* The days before a restart count. */
    pass_days(host, 14);
    kit_close(host);
    host = open_host(SELKIE_ENROL_OPEN, 30);
    pass_days(host, 15);
    ck_assert(!is_known(host, DEVICE));
    close_host(host);
}
END_TEST

START_TEST(a_device_of_an_administrator_is_never_forgotten)
{
    static const char *const commands[] = {"addDevice", "approveDevice", "revokeDevice"};
    struct kit_host *host = open_host(_i == 1 ? SELKIE_ENROL_APPROVE : SELKIE_ENROL_OPEN, 1);

    kit_submit_wait(host, kit_data(&device, "x"));
    command(host, commands[_i]);
    pass_days(host, 40);
    ck_assert(is_known(host, DEVICE));
    if (_i < 2) {
        kit_submit_wait(host, kit_data(&device, "after a long time"));
        struct selkie_output *output = NULL;
        do {
            selkie_output_free(output);
            output = kit_next(host, SELKIE_OUTPUT_PAYLOAD);
        } while (strcmp((const char *)output->data, "after a long time") != 0);
        selkie_output_free(output);
    }
    close_host(host);
}
END_TEST

START_TEST(nobody_is_forgotten_after_0_days)
{
    struct kit_host *host = open_host(SELKIE_ENROL_OPEN, 0);

    kit_submit_wait(host, kit_data(&device, "x"));
    pass_days(host, 100);
    ck_assert(is_known(host, DEVICE));
    close_host(host);
}
END_TEST

START_TEST(a_pending_id_without_a_frame_goes_and_may_come_again)
{
    struct kit_host *host = open_host(SELKIE_ENROL_APPROVE, 0);

    kit_submit_wait(host, kit_data(&device, "old"));
    kit_submit_wait(host, kit_register(&other, NULL, NULL));
    pass_days(host, 31);
    ck_assert(!is_known(host, DEVICE));
    await_event(host, "forgotten");
    await_no_state(host);
    struct kit_body body = kit_data(&device, "new");
    kit_submit_wait(host, body);
    command(host, "approveDevice");
    kit_expect_payload(host, &device, 1, "new");
    close_host(host);
}
END_TEST

START_TEST(a_parked_frame_goes_after_a_month)
{
    struct kit_host *host = open_host(SELKIE_ENROL_APPROVE, 30);

    kit_submit_wait(host, kit_data(&device, "old"));
    pass_days(host, 20);
    kit_submit_wait(host, kit_data(&device, "new"));
    pass_days(host, 10);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    pass_days(host, 1);
    struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_REJECTED);
    ck_assert_str_eq(output->reason, "parking-full");
    ck_assert_mem_eq(output->address, device.address, sizeof device.address);
    selkie_output_free(output);
    command(host, "approveDevice");
    kit_expect_payload(host, &device, 1, "new");
    close_host(host);
}
END_TEST

/* After a reset under `approve` its new ID waits, and the old one is silent. */
START_TEST(a_device_whose_new_id_waits_is_not_forgotten)
{
    struct kit_host *host = open_host(SELKIE_ENROL_OPEN, 10);
    struct kit_device reset = kit_device(1, 2);

    kit_submit_wait(host, kit_data(&device, "x"));
    for (int i = 0; i < 5; i++) {
        pass_days(host, 10);
        kit_submit_wait(host, kit_data(&reset, "x"));
    }
    ck_assert(is_known(host, DEVICE));
    pass_days(host, 31);
    ck_assert(!is_known(host, DEVICE));
    close_host(host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("forgetting");
    TCase *tcase = tcase_create("forgetting");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, set_up, NULL);
    tcase_add_test(tcase, a_device_that_is_silent_for_a_month_is_forgotten);
    tcase_add_test(tcase, one_that_is_heard_stays);
    tcase_add_test(tcase, a_wall_clock_that_jumps_forgets_nobody);
    tcase_add_test(tcase, time_in_which_nothing_comes_counts_as_a_day);
    tcase_add_loop_test(tcase, a_device_of_an_administrator_is_never_forgotten, 0, 3);
    tcase_add_test(tcase, nobody_is_forgotten_after_0_days);
    tcase_add_test(tcase, a_pending_id_without_a_frame_goes_and_may_come_again);
    tcase_add_test(tcase, a_parked_frame_goes_after_a_month);
    tcase_add_test(tcase, a_device_whose_new_id_waits_is_not_forgotten);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
