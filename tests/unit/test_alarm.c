/* SPDX-License-Identifier: Apache-2.0 */
/* The alarms `clone` and `takeover` stand in the device's state until an administrator approves the ID, or another ID
 * takes its place. PROTOCOL.md, section 8, "Alarms". */
#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <selkie/mbedtls.h>
#include <stdio.h>
#include <string.h>

#define ADDRESS ",\"address\":\"0200000000000001\""

static const char *dir;
static struct kit_host *host;
static struct kit_device old, new;

static struct kit_host *open_host(enum selkie_rebind rebind)
{
    const struct selkie_unsealer_options options = {
        .state_dir = dir, .enrolment = SELKIE_ENROL_OPEN, .rebind = rebind, .refresh = true};
    return kit_open(&options);
}

static void set_up(void)
{
    dir = kit_dir();
    host = open_host(SELKIE_REBIND_ALLOW);
    old = kit_device(1, 1);
    new = kit_device(1, 2);
}

static const char *id_text(const struct kit_device *device)
{
    static char text[17];
    uint8_t digest[32];

    ck_assert_int_eq(selkie_mbedtls_sha256(device->id, sizeof device->id, digest, 0), 0);
    for (int i = 0; i < 8; i++)
        (void)snprintf(text + 2 * (size_t)i, 3, "%02x", digest[i]);
    return text;
}

/* The alarm in the device's last state; static. "" if there is none. */
static const char *alarm(void)
{
    static char text[16];
    struct selkie_output *state;

    text[0] = '\0';
    /* What the writer publishes with a command's transaction is there when the answer is. */
    json_decref(kit_command(host, "{\"command\":\"getDevice\"" ADDRESS "}"));
    ck_assert_uint_gt(kit_waiting(host, SELKIE_OUTPUT_STATE), 0);
    while (kit_waiting(host, SELKIE_OUTPUT_STATE) > 0) {
        state = kit_next(host, SELKIE_OUTPUT_STATE);
        json_t *json = json_loadb((const char *)state->data, state->len, 0, NULL);
        const char *value = json_string_value(json_object_get(json, "alarm"));
        (void)snprintf(text, sizeof text, "%s", value ? value : "");
        json_decref(json);
        selkie_output_free(state);
    }
    return text;
}

static void approve(const struct kit_device *device)
{
    kit_do(host, "{\"command\":\"approveDevice\"" ADDRESS ",\"id\":\"%s\"}", id_text(device));
}

static void make_clone(struct kit_device *device)
{
    struct kit_device thief = *device;

    kit_submit_wait(host, kit_data(device, "mine"));
    kit_submit_wait(host, kit_data(&thief, "a clone's"));
    kit_expect_rejected(host, "clone");
}

START_TEST(a_clone_stands_until_somebody_approves_the_id)
{
    make_clone(&old);
    ck_assert_str_eq(alarm(), "clone");
    kit_submit_wait(host, kit_data(&old, "goes on"));
    kit_close(host);
    host = open_host(SELKIE_REBIND_ALLOW); /* and a restart is no decision */
    selkie_output_free(kit_next(host, SELKIE_OUTPUT_REFRESHED));
    ck_assert_str_eq(alarm(), "clone");
    approve(&old);
    ck_assert_str_eq(alarm(), "");
    kit_submit_wait(host, kit_data(&old, "goes on"));
    json_t *response = kit_command(host, "{\"command\":\"approveDevice\"" ADDRESS ",\"id\":\"x\"}");
    ck_assert_ptr_nonnull(json_object_get(response, "error"));
    json_decref(response);
    make_clone(&old); /* the next one is another alarm */
    ck_assert_str_eq(alarm(), "clone");
    kit_close(host);
}
END_TEST

START_TEST(an_id_without_an_alarm_is_not_approved_again)
{
    char command[200];

    kit_submit_wait(host, kit_data(&old, "alive"));
    ck_assert_str_eq(alarm(), "");
    (void)snprintf(command, sizeof command, "{\"command\":\"approveDevice\"" ADDRESS ",\"id\":\"%s\"}", id_text(&old));
    json_t *response = kit_command(host, command);
    ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(response, "error")), "it is active"));
    json_decref(response);
    kit_close(host);
}
END_TEST

START_TEST(a_takeover_stands_until_somebody_approves_the_id)
{
    kit_submit_wait(host, kit_data(&old, "alive"));
    kit_submit_wait(host, kit_data(&new, "a recording that no gateway had"));
    kit_close(host);
    kit_execute(dir, "DELETE FROM outbox; UPDATE binding SET superseded = superseded - 660000, "
                     "successor_rx = successor_rx - 660000 WHERE status = 3");
    host = open_host(SELKIE_REBIND_ALLOW);
    kit_submit_wait(host, kit_data(&old, "still alive"));
    kit_event(host, "takeover");
    ck_assert_str_eq(alarm(), "takeover");
    approve(&old);
    ck_assert_str_eq(alarm(), "");
    kit_close(host);
}
END_TEST

START_TEST(another_id_that_is_approved_ends_the_alarm)
{
    kit_close(host);
    host = open_host(SELKIE_REBIND_APPROVE);
    make_clone(&old);
    ck_assert_str_eq(alarm(), "clone");
    kit_submit_wait(host, kit_data(&new, "after a reset"));
    ck_assert_str_eq(alarm(), "clone");
    approve(&new);
    ck_assert_str_eq(alarm(), "");
    kit_close(host);
}
END_TEST

START_TEST(what_an_administrator_brought_back_is_no_takeover)
{
    kit_submit_wait(host, kit_data(&old, "alive"));
    kit_submit_wait(host, kit_data(&new, "allowed"));
    approve(&old); /* of a superseded ID */
    ck_assert_str_eq(alarm(), "");
    kit_do(host, "{\"command\":\"removeDevice\"" ADDRESS "}");
    kit_do(host, "{\"command\":\"readmitDevice\"" ADDRESS "}");
    ck_assert_str_eq(alarm(), "");
    kit_close(host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("alarm");
    TCase *tcase = tcase_create("alarm");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, set_up, NULL);
    tcase_add_test(tcase, a_clone_stands_until_somebody_approves_the_id);
    tcase_add_test(tcase, an_id_without_an_alarm_is_not_approved_again);
    tcase_add_test(tcase, a_takeover_stands_until_somebody_approves_the_id);
    tcase_add_test(tcase, another_id_that_is_approved_ends_the_alarm);
    tcase_add_test(tcase, what_an_administrator_brought_back_is_no_takeover);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
