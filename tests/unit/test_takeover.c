/* SPDX-License-Identifier: Apache-2.0 */
/* An ID that the policy let another one take the place of: the dead do not send; and claims that are guessed.
 * PROTOCOL.md, section 7, rule 6. */
#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <selkie/clock.h>
#include <selkie/mbedtls.h>
#include <stdio.h>
#include <string.h>

#define ADDRESS "0200000000000001"
#define HOUR_MS 3600000

static const char *dir;
static struct kit_host *host;
static struct kit_device old, new;

static struct kit_host *open_host(enum selkie_rebind rebind)
{
    const struct selkie_unsealer_options options = {.state_dir = dir, .enrolment = SELKIE_ENROL_OPEN, .rebind = rebind};
    return kit_open(&options);
}

/* Two IDs of one address. */
static void set_up(void)
{
    dir = kit_dir();
    host = open_host(SELKIE_REBIND_ALLOW);
    old = kit_device(1, 1);
    new = kit_device(1, 2);
}

/* What was published so far has reached the broker, and so much time passes. */
static void pass(long long seconds)
{
    kit_close(host);
    kit_execute(dir,
                "DELETE FROM outbox; UPDATE binding SET superseded = superseded - %lld, "
                "successor_rx = successor_rx - %lld, superseded_day = superseded_day - %lld WHERE status = 3",
                seconds * 1000, seconds * 1000, seconds / 86400);
    host = open_host(SELKIE_REBIND_ALLOW);
}

static const char *id_text(const struct kit_device *device)
{
    static char text[17];
    uint8_t digest[32];

    ck_assert_int_eq(selkie_mbedtls_sha256(device->id, sizeof device->id, digest, 0), 0);
    for (int i = 0; i < 8; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return text;
}

static void expect_status(const struct kit_device *device, const char *status)
{
    json_t *response = kit_command(host, "{\"command\":\"getDevice\",\"address\":\"" ADDRESS "\"}"), *binding;
    const char *found = "unknown";
    size_t i;

    json_array_foreach (json_object_get(json_object_get(response, "data"), "bindings"), i, binding)
        if (strcmp(json_string_value(json_object_get(binding, "id")), id_text(device)) == 0)
            found = json_string_value(json_object_get(binding, "status"));
    ck_assert_str_eq(found, status);
    json_decref(response);
}

static void accepted(struct kit_device *device, const char *payload)
{
    uint32_t counter = device->counter;
    kit_submit_wait(host, kit_data(device, payload));
    kit_expect_payload(host, device, counter, payload);
}

static void refused(struct kit_device *device, const char *reason)
{
    kit_submit_wait(host, kit_data(device, "no"));
    kit_expect_rejected(host, reason);
}

static void expect_takeover(const struct kit_device *alive, const struct kit_device *retired)
{
    json_t *event = kit_expect_event(host, "takeover");
    ck_assert_str_eq(json_string_value(json_object_get(event, "id")), id_text(alive));
    ck_assert_str_eq(json_string_value(json_object_get(event, "retired")), id_text(retired));
    ck_assert_ptr_nonnull(json_object_get(event, "gateway"));
    json_decref(event);
}

START_TEST(the_living_id_comes_back_and_the_newcomer_is_retired)
{
    accepted(&old, "alive");
    accepted(&new, "a recording that no gateway had");
    expect_status(&old, "superseded");
    expect_status(&new, "active");
    pass(11 * 60);

    if (_i == 0) {
        accepted(&old, "still alive");
    } else {
        kit_submit_wait(host, kit_session(&old, "still alive"));
        kit_expect_payload(host, &old, 1, "still alive");
    }
    expect_takeover(&old, &new);
    expect_status(&old, "active");
    expect_status(&new, "retired");
    refused(&new, "retired");
    kit_submit_wait(host, kit_session(&new, "no"));
    kit_expect_rejected(host, "retired");
    struct selkie_output *state = kit_next(host, SELKIE_OUTPUT_STATE);
    ck_assert_ptr_nonnull(strstr((const char *)state->data, id_text(&old)));
    selkie_output_free(state);
    kit_close(host);
}
END_TEST

START_TEST(a_claim_takes_the_place_no_more_finally_than_the_policy)
{
    kit_close(host);
    host = open_host(SELKIE_REBIND_CLAIM);
    kit_do(host, "{\"command\":\"addDevice\",\"address\":\"" ADDRESS "\",\"claim\":\"secret\"}");
    kit_submit_wait(host, kit_register(&old, "secret", NULL));
    kit_submit_wait(host, kit_register(&new, "secret", NULL));
    expect_status(&old, "superseded");
    pass(11 * 60);
    accepted(&old, "still alive");
    expect_takeover(&old, &new);
    kit_close(host);
}
END_TEST

/* A frame of the old ID, through another gateway than the newcomer's, so long ago by its age; or by its own clock
 * alone.
 */
static void hand_over(struct kit_body body, uint32_t counter, int64_t age_ms, bool with_age)
{
    int64_t rx_ms = selkie_clock_ms() - age_ms;

    kit_receipt(host, kit_submit_aged(host, "g2", &body, rx_ms, with_age ? age_ms : -1));
    kit_expect_payload(host, &old, counter, "late");
}

/* The device was reset, and a gateway that was cut off hands over what it sent before. */
START_TEST(what_was_captured_before_the_takeover_is_late_and_proves_nothing)
{
    struct kit_body late[5];

    accepted(&old, "first");
    for (int i = 0; i < 5; i++)
        late[i] = kit_data(&old, "late");
    accepted(&new, "after the reset");
    pass(3 * HOUR_MS / 1000);
    hand_over(late[2], 3, 4 * HOUR_MS, true); /* above the highest, and below */
    hand_over(late[0], 1, 4 * HOUR_MS, true);
    hand_over(late[1], 2, 4 * HOUR_MS, false);
    hand_over(late[3], 4, 3 * HOUR_MS - 5 * 60000, true); /* within the clocks' margin */
    hand_over(late[4], 5, 0, false);                      /* another gateway's clock proves nothing */
    expect_status(&old, "superseded");
    expect_status(&new, "active");
    accepted(&new, "goes on");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    hand_over(kit_data(&old, "late"), 6, 0, true); /* its age does */
    kit_event(host, "lost");
    expect_takeover(&old, &new);
    kit_close(host);
}
END_TEST

START_TEST(what_was_accepted_before_proves_nothing)
{
    struct kit_body twice = kit_data(&old, "once");
    struct kit_device thief = kit_device(1, 1);
    struct kit_body other = kit_data(&thief, "a clone's");

    kit_submit_wait(host, twice);
    kit_expect_payload(host, &old, 0, "once");
    accepted(&new, "new");
    pass(3 * HOUR_MS / 1000);
    kit_submit_wait(host, twice);
    kit_submit_wait(host, other);
    kit_expect_rejected(host, "clone");
    kit_event(host, "clone");
    expect_status(&old, "superseded");
    expect_status(&new, "active");
    kit_close(host);
}
END_TEST

START_TEST(after_thirty_days_it_is_retired)
{
    accepted(&old, "old");
    accepted(&new, "new");
    pass(30 * 24 * 3600);
    refused(&old, "retired");
    expect_status(&old, "retired");
    accepted(&new, "goes on");
    kit_close(host);
}
END_TEST

/* Two recordings in a row do not outdo the living ID. */
START_TEST(of_a_chain_the_living_id_retires_all_that_came_after_it)
{
    struct kit_device third = kit_device(1, 3);

    accepted(&old, "a");
    accepted(&new, "b");
    accepted(&third, "c");
    expect_status(&old, "superseded");
    expect_status(&new, "superseded");
    pass(11 * 60);
    struct kit_device *living = _i == 0 ? &old : &new;
    accepted(living, "alive");
    expect_takeover(living, &third);
    expect_status(&old, _i == 0 ? "active" : "superseded");
    expect_status(&new, _i == 0 ? "retired" : "active");
    expect_status(&third, "retired");
    if (_i == 1) {
        accepted(&old, "alive after all");
        expect_takeover(&old, &new);
    }
    kit_close(host);
}
END_TEST

START_TEST(four_are_kept_and_the_most_silent_one_goes)
{
    struct kit_device lives[6];

    for (uint32_t i = 0; i < 6; i++) {
        lives[i] = kit_device(1, 1 + i);
        accepted(&lives[i], "x");
        if (i == 4)
            accepted(&lives[0], "alive");
    }
    for (int i = 0; i < 5; i++)
        expect_status(&lives[i], i == 1 ? "retired" : "superseded");
    expect_status(&lives[5], "active");
    kit_close(host);
}
END_TEST

/* Whoever makes up IDs, even some that live for a while, does not push the living one out: none has lived so long. */
START_TEST(of_four_the_one_that_has_lived_longest_stays)
{
    accepted(&old, "x");
    kit_close(host);
    kit_execute(dir, "DELETE FROM outbox; UPDATE binding SET first_seen = first_seen - 3600000");
    host = open_host(SELKIE_REBIND_ALLOW);
    accepted(&old, "alive");
    for (uint32_t i = 0; i < 6; i++) {
        struct kit_device made_up = kit_device(1, 2 + i);
        accepted(&made_up, "x");
        kit_close(host);
        if (_i == 1)
            kit_execute(dir, "UPDATE binding SET first_seen = last_seen - 120000 WHERE status = 1");
        kit_execute(dir, "DELETE FROM outbox");
        host = open_host(SELKIE_REBIND_ALLOW);
        new = made_up;
    }
    expect_status(&old, "superseded");
    pass(11 * 60);
    accepted(&old, "still alive");
    expect_takeover(&old, &new);
    kit_close(host);
}
END_TEST

static void decide(const char *command, const char *id)
{
    kit_do(host, "{\"command\":\"%s\",\"address\":\"" ADDRESS "\",\"id\":\"%s\"}", command, id);
}

START_TEST(a_person_decides_for_good)
{
    struct kit_device third = kit_device(1, 3);

    accepted(&old, "old");
    accepted(&new, "new");
    switch (_i) {
    case 0: /* deny it */
        decide("denyDevice", id_text(&old));
        pass(11 * 60);
        refused(&old, "retired");
        accepted(&new, "goes on");
        break;
    case 1: /* approve it: the newcomer is refused */
        decide("approveDevice", id_text(&old));
        accepted(&old, "back");
        refused(&new, "retired");
        break;
    default: /* approve another one: nobody else comes back */
        kit_close(host);
        kit_execute(dir, "DELETE FROM outbox");
        host = open_host(SELKIE_REBIND_APPROVE);
        kit_submit_wait(host, kit_data(&third, "third"));
        decide("approveDevice", id_text(&third));
        kit_expect_payload(host, &third, 0, "third");
        refused(&old, "retired");
        refused(&new, "retired");
    }
    kit_close(host);
}
END_TEST

static void guess(unsigned times)
{
    struct kit_device stranger = kit_device(1, 9);

    for (unsigned i = 0; i < times; i++) {
        char claim[16];
        snprintf(claim, sizeof claim, "guess %u", i);
        kit_submit_wait(host, kit_register(&stranger, claim, NULL));
        kit_expect_rejected(host, "claim");
    }
}

/* So much time passes for the count of wrong claims. */
static void age_guesses(int minutes)
{
    const struct selkie_unsealer_options options = {
        .state_dir = dir, .enrolment = SELKIE_ENROL_LISTED, .rebind = SELKIE_REBIND_CLAIM};

    kit_close(host);
    kit_execute(dir, "DELETE FROM outbox; UPDATE device SET wrong_claims_since = wrong_claims_since - %d",
                minutes * 60000);
    host = kit_open(&options);
}

START_TEST(ten_wrong_claims_are_one_event_and_the_right_one_passes_all_the_same)
{
    age_guesses(0);
    kit_do(host, "{\"command\":\"addDevice\",\"address\":\"" ADDRESS "\",\"claim\":\"secret\"}");
    guess(9);
    kit_submit_wait(host, kit_data(&new, "no claim, no guess"));
    kit_event(host, "registered");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_EVENT), 0);
    guess(1);
    json_t *event = kit_expect_event(host, "claim");
    ck_assert_int_eq(json_integer_value(json_object_get(event, "count")), 10);
    ck_assert_ptr_nonnull(json_object_get(event, "id"));
    ck_assert_ptr_nonnull(json_object_get(event, "gateway"));
    json_decref(event);
    guess(30);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_EVENT), 0);
    kit_submit_wait(host, kit_register(&old, "secret", NULL));
    accepted(&old, "in");
    kit_event(host, "registered");

    /* After ten minutes the count begins again, and after an hour it does by itself. */
    age_guesses(10);
    guess(9);
    kit_event(host, "reset"); /* the address is bound by now */
    age_guesses(60);
    guess(9);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_EVENT), 0);
    guess(1);
    kit_event(host, "claim");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_EVENT), 0);
    kit_submit_wait(host, kit_register(&new, "secret", NULL));
    kit_expect_payload(host, &new, 0, "no claim, no guess");
    accepted(&new, "after a reset");
    kit_close(host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("takeover");
    TCase *tcase = tcase_create("takeover");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, set_up, NULL);
    tcase_add_loop_test(tcase, the_living_id_comes_back_and_the_newcomer_is_retired, 0, 2);
    tcase_add_test(tcase, a_claim_takes_the_place_no_more_finally_than_the_policy);
    tcase_add_test(tcase, what_was_captured_before_the_takeover_is_late_and_proves_nothing);
    tcase_add_test(tcase, what_was_accepted_before_proves_nothing);
    tcase_add_test(tcase, after_thirty_days_it_is_retired);
    tcase_add_loop_test(tcase, of_a_chain_the_living_id_retires_all_that_came_after_it, 0, 2);
    tcase_add_test(tcase, four_are_kept_and_the_most_silent_one_goes);
    tcase_add_loop_test(tcase, of_four_the_one_that_has_lived_longest_stays, 0, 2);
    tcase_add_test(tcase, ten_wrong_claims_are_one_event_and_the_right_one_passes_all_the_same);
    tcase_add_loop_test(tcase, a_person_decides_for_good, 0, 3);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
