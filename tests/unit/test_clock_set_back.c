/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's clock is set back by an hour: no alarm is missed over it, and no state stays away. */
#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <stdatomic.h>
#include <time.h>

#define HOUR_S 3600

static atomic_long shift_s;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = __real_clock_gettime(clock, now);

    if (clock == CLOCK_REALTIME)
        now->tv_sec += atomic_load(&shift_s);
    return result;
}

static void set_back(void)
{
    atomic_fetch_sub(&shift_s, HOUR_S);
}

START_TEST(a_device_that_falls_silent_has_an_event)
{
    const struct selkie_unsealer_options options = {.state_dir = kit_dir(), .silent_after_s = 2};
    struct kit_host *host = kit_open(&options);
    struct kit_device device = kit_device(1, 1);
    struct kit_body body = kit_data(&device, "x");

    kit_submit_wait(host, body);
    json_decref(kit_expect_event(host, "registered"));
    set_back();
    json_t *event = kit_expect_event(host, "silent");
    /* It was not heard in the future. */
    ck_assert_int_le(json_integer_value(json_object_get(event, "last_seen")),
                     json_integer_value(json_object_get(event, "time")));
    json_decref(event);
    body = kit_data(&device, "y");
    kit_submit_wait(host, body);
    json_decref(kit_expect_event(host, "silent"));
    kit_close(host);
}
END_TEST

START_TEST(a_reset_rings_again)
{
    const struct selkie_unsealer_options options = {.state_dir = kit_dir(), .rebind = SELKIE_REBIND_DENY};
    struct kit_host *host = kit_open(&options);

    for (uint32_t life = 1; life <= 3; life++) {
        struct kit_device device = kit_device(1, life);
        kit_submit_wait(host, kit_register(&device, NULL, NULL));
        json_decref(kit_expect_event(host, life == 1 ? "registered" : "reset"));
        set_back();
    }
    kit_close(host);
}
END_TEST

START_TEST(a_clone_rings_again)
{
    const struct selkie_unsealer_options options = {.state_dir = kit_dir()};
    struct kit_host *host = kit_open(&options);
    struct kit_device device = kit_device(1, 1), clone = device;
    struct kit_body body = kit_data(&device, "x");

    kit_submit_wait(host, body);
    json_decref(kit_expect_event(host, "registered"));
    for (int i = 0; i < 2; i++) {
        clone.counter = 0;
        body = kit_data(&clone, "y");
        kit_submit_wait(host, body);
        json_decref(kit_expect_event(host, "clone"));
        set_back();
    }
    kit_close(host);
}
END_TEST

/* The second state comes a second after the first, whatever the wall's clock says meanwhile. */
START_TEST(a_state_that_is_due_comes)
{
    const struct selkie_unsealer_options options = {.state_dir = kit_dir()};
    struct kit_host *host = kit_open(&options);
    struct kit_device device = kit_device(1, 1);
    json_int_t counter = -1;

    for (int i = 0; i < 2; i++) {
        kit_submit_wait(host, kit_data(&device, "x"));
    }
    set_back();
    while (counter < 1) {
        struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_STATE);
        json_t *state = json_loadb((const char *)output->data, output->len, 0, NULL);
        counter = json_integer_value(json_object_get(state, "counter"));
        json_decref(state);
        selkie_output_free(output);
    }
    kit_close(host);
}
END_TEST

/* Frames that waited for the approval were heard before it: they do not say when. */
START_TEST(an_approval_does_not_change_when_a_device_was_heard)
{
    const struct selkie_unsealer_options options = {.state_dir = kit_dir(), .enrolment = SELKIE_ENROL_APPROVE};
    struct kit_host *host = kit_open(&options);
    struct kit_device device = kit_device(1, 1);

    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    kit_submit_wait(host, kit_data(&device, "x"));
    set_back();
    kit_do(host, "{\"command\":\"approveDevice\",\"address\":\"0200000000000001\"}");
    json_t *answer = kit_command(host, "{\"command\":\"getDevice\",\"address\":\"0200000000000001\"}");
    json_t *binding = json_array_get(json_object_get(json_object_get(answer, "data"), "bindings"), 0);
    ck_assert_int_gt(json_integer_value(json_object_get(binding, "last_seen")), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(binding, "received")), 2);
    json_decref(answer);
    kit_close(host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clock_set_back");
    TCase *tcase = tcase_create("clock_set_back");
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_test(tcase, a_device_that_falls_silent_has_an_event);
    tcase_add_test(tcase, a_reset_rings_again);
    tcase_add_test(tcase, a_clone_rings_again);
    tcase_add_test(tcase, a_state_that_is_due_comes);
    tcase_add_test(tcase, an_approval_does_not_change_when_a_device_was_heard);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
