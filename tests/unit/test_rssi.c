/* SPDX-License-Identifier: Apache-2.0 */
/* The signal strength of a frame, through the whole unsealer: on its payload, whatever it waited for, and in the state
 * of its device. PROTOCOL.md, section 8. */
#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <string.h>

#define ADDRESS "0200000000000001"

static const char *dir;
static struct kit_host *host;
static struct kit_device device;

static void open_host(enum selkie_enrolment enrolment)
{
    const struct selkie_unsealer_options options = {.state_dir = dir, .enrolment = enrolment};
    host = kit_open(&options);
}

static void set_up(void)
{
    dir = kit_dir();
    device = kit_device(1, 1);
    open_host(SELKIE_ENROL_OPEN);
}

static void submit(struct kit_body body, int16_t rssi)
{
    kit_receipt(host, kit_submit_rssi(host, &body, rssi));
}

static void expect_payload(int rssi)
{
    struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_PAYLOAD);

    ck_assert_int_eq(output->rssi, rssi);
    selkie_output_free(output);
}

/* What getDevice tells of an ID, the first or second one: 0 where it tells nothing. */
static void expect_id(size_t index, json_int_t rssi, json_int_t mean)
{
    json_t *response = kit_command(host, "{\"command\":\"getDevice\",\"address\":\"" ADDRESS "\"}");
    const json_t *binding = json_array_get(json_object_get(json_object_get(response, "data"), "bindings"), index);

    ck_assert_ptr_nonnull(binding);
    ck_assert_int_eq(json_object_get(binding, "rssi") != NULL, rssi != 0);
    ck_assert_int_eq(json_object_get(binding, "rssi_mean") != NULL, rssi != 0);
    ck_assert_int_eq(json_integer_value(json_object_get(binding, "rssi")), rssi);
    ck_assert_int_eq(json_integer_value(json_object_get(binding, "rssi_mean")), mean);
    json_decref(response);
}

static void expect_device(json_int_t rssi, json_int_t mean)
{
    expect_id(0, rssi, mean);
}

START_TEST(without_it_nothing_is_added)
{
    submit(kit_register(&device, NULL, NULL), 0);
    submit(kit_data(&device, "x"), 0);
    expect_payload(0);
    expect_device(0, 0);
    struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_STATE);
    ck_assert_ptr_null(strstr((const char *)output->data, "rssi"));
    selkie_output_free(output);
    kit_close(host);
}
END_TEST

START_TEST(it_is_on_the_payload_and_in_the_state)
{
    submit(kit_register(&device, NULL, NULL), -80);
    struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_STATE);
    json_t *state = json_loadb((const char *)output->data, output->len, 0, NULL);
    ck_assert_int_eq(json_integer_value(json_object_get(state, "rssi")), -80);
    ck_assert_int_eq(json_integer_value(json_object_get(state, "rssi_mean")), -80);
    json_decref(state);
    selkie_output_free(output);
    submit(kit_data(&device, "x"), -96);
    submit(kit_session(&device, "x"), -200);
    expect_payload(-96);
    expect_payload(-200);
    expect_device(-200, -88); /* -80, then -81, then a sixteenth of -119 below */
    kit_close(host);
}
END_TEST

START_TEST(the_mean_follows_and_stays_within_what_was_measured)
{
    submit(kit_register(&device, NULL, NULL), -200);
    for (int i = 0; i < 200; i++)
        submit(kit_session(&device, "x"), -1);
    expect_device(-1, -1);
    for (int i = 0; i < 200; i++)
        submit(kit_session(&device, "x"), -200);
    expect_device(-200, -200);
    kit_close(host);
}
END_TEST

/* The gateway that hears the device meanwhile has another radio. */
START_TEST(a_frame_without_it_changes_nothing)
{
    submit(kit_register(&device, NULL, NULL), -80);
    submit(kit_data(&device, "x"), 0);
    expect_payload(0);
    expect_device(-80, -80);
    kit_close(host);
}
END_TEST

START_TEST(a_repeat_does_not_count)
{
    struct kit_body body = kit_data(&device, "x");

    submit(body, -80);
    submit(body, -120);
    expect_payload(-80);
    expect_device(-80, -80);
    kit_close(host);
}
END_TEST

START_TEST(it_waits_with_a_frame_that_is_parked)
{
    kit_close(host);
    open_host(SELKIE_ENROL_APPROVE);
    submit(kit_register(&device, NULL, NULL), -70);
    submit(kit_data(&device, "x"), -80);
    expect_device(0, 0); /* of what is not accepted, nothing is told */
    kit_close(host);
    open_host(SELKIE_ENROL_APPROVE);
    kit_do(host, "{\"command\":\"approveDevice\",\"address\":\"" ADDRESS "\"}");
    expect_payload(-80);
    expect_device(-80, -71);
    kit_close(host);
}
END_TEST

START_TEST(it_waits_with_a_frame_whose_registration_is_late)
{
    struct kit_body registration = kit_register(&device, NULL, NULL);

    submit(kit_session(&device, "x"), -80);
    submit(registration, 0);
    expect_payload(-80);
    expect_device(-80, -80);
    kit_close(host);
}
END_TEST

START_TEST(it_outlives_a_restart)
{
    submit(kit_data(&device, "x"), -80);
    kit_close(host); /* the payload is still in the outbox */
    open_host(SELKIE_ENROL_OPEN);
    expect_payload(-80);
    expect_device(-80, -80);
    kit_close(host);
}
END_TEST

START_TEST(of_a_retired_id_nothing_is_kept)
{
    struct kit_device reset = kit_device(1, 2);

    submit(kit_register(&device, NULL, NULL), -80);
    submit(kit_register(&reset, NULL, NULL), -90);
    kit_do(host, "{\"command\":\"approveDevice\",\"address\":\"" ADDRESS "\"}");
    expect_device(-90, -90);
    expect_id(1, 0, 0);
    kit_close(host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rssi");
    TCase *tcase = tcase_create("rssi");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, set_up, NULL);
    tcase_add_test(tcase, without_it_nothing_is_added);
    tcase_add_test(tcase, it_is_on_the_payload_and_in_the_state);
    tcase_add_test(tcase, the_mean_follows_and_stays_within_what_was_measured);
    tcase_add_test(tcase, a_frame_without_it_changes_nothing);
    tcase_add_test(tcase, a_repeat_does_not_count);
    tcase_add_test(tcase, it_waits_with_a_frame_that_is_parked);
    tcase_add_test(tcase, it_waits_with_a_frame_whose_registration_is_late);
    tcase_add_test(tcase, it_outlives_a_restart);
    tcase_add_test(tcase, of_a_retired_id_nothing_is_kept);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
