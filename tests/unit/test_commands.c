/* SPDX-License-Identifier: Apache-2.0 */
/* Every command of $CONTROL/selkie/v1, and the policies that they serve. PROTOCOL.md, section 7. */
#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <sched.h>
#include <selkie/clock.h>
#include <selkie/mbedtls.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_1 "0200000000000001"
#define ADDRESS_2 "0200000000000002"

static struct kit_host *open_with(const char *dir, enum selkie_enrolment enrolment, enum selkie_rebind rebind)
{
    const struct selkie_unsealer_options options = {.state_dir = dir, .enrolment = enrolment, .rebind = rebind};
    return kit_open(&options);
}

static void expect_error(struct kit_host *host, const char *command, const char *error)
{
    json_t *response = kit_command(host, command);
    const char *text = json_string_value(json_object_get(response, "error"));
    ck_assert_msg(text && strstr(text, error), "%s: expected \"%s\", got \"%s\"", command, error, text ? text : "none");
    ck_assert_ptr_null(json_object_get(response, "data"));
    json_decref(response);
}

/* A member of the data that a command answers with; borrowed from *response. */
static json_t *ask(struct kit_host *host, const char *command, const char *member, json_t **response)
{
    *response = kit_command(host, command);
    json_t *value = json_object_get(json_object_get(*response, "data"), member);
    ck_assert_msg(value != NULL, "%s: no %s", command, member);
    return value;
}

static void expect_status(struct kit_host *host, const char *address, const char *status, size_t bindings)
{
    char command[128];
    json_t *response;
    snprintf(command, sizeof command, "{\"command\":\"getDevice\",\"address\":\"%s\"}", address);
    ck_assert_str_eq(json_string_value(ask(host, command, "status", &response)), status);
    json_decref(response);
    ck_assert_uint_eq(json_array_size(ask(host, command, "bindings", &response)), bindings);
    json_decref(response);
}

START_TEST(approval_releases_what_was_parked_in_counter_order)
{
    struct kit_host *host = open_with(kit_dir(), SELKIE_ENROL_APPROVE, SELKIE_REBIND_APPROVE);
    struct kit_device device = kit_device(1, 1);
    struct kit_body registration = kit_register(&device, NULL, "1.0"), first = kit_data(&device, "first"),
                    second = kit_session(&device, "second");

    kit_submit_wait(host, registration);
    kit_submit_wait(host, second);
    kit_submit_wait(host, first);
    kit_submit_wait(host, first);
    kit_event(host, "registered");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), 0);
    expect_status(host, ADDRESS_1, "pending", 1);
    kit_do(host, "{\"command\":\"approveDevice\",\"address\":\"%s\"}", ADDRESS_1);
    kit_expect_payload(host, &device, 1, "first");
    kit_expect_payload(host, &device, 2, "second");
    kit_event(host, "approved");
    expect_status(host, ADDRESS_1, "active", 1);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    kit_close(host);
}
END_TEST

START_TEST(a_reset_keeps_the_old_id_until_the_administrator_decides)
{
    const char *dir = kit_dir();
    struct kit_host *host = open_with(dir, SELKIE_ENROL_OPEN, SELKIE_REBIND_APPROVE);
    struct kit_device old = kit_device(1, 1), new = kit_device(1, 2);

    kit_submit_wait(host, kit_register(&old, NULL, NULL));
    kit_event(host, "registered");
    kit_submit_wait(host, kit_register(&new, NULL, NULL));
    kit_event(host, "reset");
    kit_submit_wait(host, kit_data(&new, "parked"));
    kit_submit_wait(host, kit_data(&old, "still active"));
    kit_expect_payload(host, &old, 1, "still active");
    kit_close(host);

    host = open_with(dir, SELKIE_ENROL_OPEN, SELKIE_REBIND_APPROVE);
    kit_event(host, "registered"); /* not delivered before */
    kit_event(host, "reset");
    kit_expect_payload(host, &old, 1, "still active");
    kit_do(host, "{\"command\":\"approveDevice\",\"address\":\"%s\"}", ADDRESS_1);
    kit_expect_payload(host, &new, 1, "parked");
    kit_submit_wait(host, kit_data(&old, "retired"));
    kit_expect_rejected(host, "retired");
    struct kit_body session = kit_session(&old, "retired");
    kit_submit(host, &session, 0);
    kit_expect_rejected(host, "retired");
    expect_status(host, ADDRESS_1, "active", 2);
    kit_close(host);
}
END_TEST

START_TEST(denial_retires_the_id_and_rejects_what_was_parked)
{
    struct kit_host *host = open_with(kit_dir(), SELKIE_ENROL_OPEN, SELKIE_REBIND_APPROVE);
    struct kit_device old = kit_device(1, 1), new = kit_device(1, 2), third = kit_device(1, 3);
    json_t *event;
    char id[17];

    kit_submit_wait(host, kit_register(&old, NULL, NULL));
    kit_event(host, "registered");
    kit_submit_wait(host, kit_data(&new, "parked"));
    event = kit_expect_event(host, "reset");
    snprintf(id, sizeof id, "%s", json_string_value(json_object_get(event, "id")));
    json_decref(event);
    kit_submit_wait(host, kit_data(&third, "parked too"));
    kit_event(host, "reset");
    expect_error(host, "{\"command\":\"denyDevice\",\"address\":\"" ADDRESS_1 "\"}", "several IDs are pending");
    expect_error(host, "{\"command\":\"denyDevice\",\"address\":\"" ADDRESS_1 "\",\"id\":\"00\"}", "not pending");
    kit_do(host, "{\"command\":\"denyDevice\",\"address\":\"%s\",\"id\":\"%s\"}", ADDRESS_1, id);
    kit_expect_rejected(host, "denied");
    kit_event(host, "denied");
    kit_submit_wait(host, kit_data(&new, "again"));
    kit_expect_rejected(host, "retired");
    kit_close(host);
}
END_TEST

START_TEST(a_revoked_address_rejects_everything_until_it_is_restored)
{
    struct kit_host *host = open_with(kit_dir(), SELKIE_ENROL_OPEN, SELKIE_REBIND_APPROVE);
    struct kit_device device = kit_device(1, 1);

    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    expect_error(host, "{\"command\":\"restoreDevice\",\"address\":\"" ADDRESS_1 "\"}", "not revoked");
    kit_do(host, "{\"command\":\"revokeDevice\",\"address\":\"%s\"}", ADDRESS_1);
    kit_event(host, "registered");
    kit_event(host, "revoked");
    expect_status(host, ADDRESS_1, "revoked", 1);
    kit_submit_wait(host, kit_data(&device, "no"));
    kit_expect_rejected(host, "revoked");
    kit_submit_wait(host, kit_session(&device, "no"));
    kit_expect_rejected(host, "revoked");
    kit_do(host, "{\"command\":\"restoreDevice\",\"address\":\"%s\"}", ADDRESS_1);
    kit_submit_wait(host, kit_data(&device, "yes"));
    kit_expect_payload(host, &device, 3, "yes");
    kit_close(host);
}
END_TEST

START_TEST(a_removed_device_may_come_back_but_not_with_its_old_id)
{
    struct kit_host *host = open_with(kit_dir(), SELKIE_ENROL_OPEN, SELKIE_REBIND_APPROVE);
    struct kit_device old = kit_device(1, 1), new = kit_device(1, 2);
    struct selkie_output *state;

    kit_submit_wait(host, kit_register(&old, NULL, NULL));
    selkie_output_free(kit_next(host, SELKIE_OUTPUT_STATE));
    kit_do(host, "{\"command\":\"removeDevice\",\"address\":\"%s\"}", ADDRESS_1);
    state = kit_next(host, SELKIE_OUTPUT_STATE);
    ck_assert_uint_eq(state->len, 0);
    selkie_output_free(state);
    expect_error(host, "{\"command\":\"getDevice\",\"address\":\"" ADDRESS_1 "\"}", "no such device");
    kit_submit_wait(host, kit_data(&old, "no"));
    kit_expect_rejected(host, "retired");
    kit_submit_wait(host, kit_data(&new, "yes"));
    kit_expect_payload(host, &new, 0, "yes");
    kit_close(host);
}
END_TEST

START_TEST(listed_enrolment_takes_the_listed_with_their_claim)
{
    struct kit_host *host = open_with(kit_dir(), SELKIE_ENROL_LISTED, SELKIE_REBIND_CLAIM);
    struct kit_device stranger = kit_device(2, 1), device = kit_device(1, 1), reset = kit_device(1, 2);

    kit_do(host, "{\"command\":\"addDevice\",\"address\":\"%s\",\"name\":\"pump\",\"claim\":\"secret\"}", ADDRESS_1);
    expect_status(host, ADDRESS_1, "listed", 0);
    kit_submit_wait(host, kit_data(&stranger, "no"));
    kit_expect_rejected(host, "not-listed");

    kit_submit_wait(host, kit_register(&device, "wrong!", NULL));
    kit_expect_rejected(host, "claim");
    kit_submit_wait(host, kit_data(&device, "parked"));
    kit_event(host, "registered");
    kit_submit_wait(host, kit_register(&device, "longer than that", NULL));
    kit_expect_rejected(host, "claim");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), 0);
    kit_submit_wait(host, kit_register(&device, "secret", NULL));
    kit_expect_payload(host, &device, 1, "parked");
    kit_event(host, "approved");

    /* and a reset is approved by the claim, with the alarm */
    kit_event(host, "lost"); /* the REGISTERs with the wrong claims */
    kit_event(host, "lost");
    kit_submit_wait(host, kit_data(&reset, "parked after the reset"));
    kit_event(host, "reset");
    kit_submit_wait(host, kit_register(&reset, "secret", NULL));
    kit_expect_payload(host, &reset, 0, "parked after the reset");
    kit_close(host);
}
END_TEST

/* The word in the answer. */
static void expect_result(struct kit_host *host, const char *command, const char *word)
{
    json_t *response;
    const char *said = json_string_value(ask(host, command, "result", &response));

    ck_assert_msg(said != NULL && strcmp(said, word) == 0, "%s: %s", command, said ? said : "an error");
    json_decref(response);
}

#define ADD "{\"command\":\"addDevice\",\"address\":\"" ADDRESS_1 "\""
#define SET "{\"command\":\"setDevice\",\"address\":\"" ADDRESS_1 "\""

START_TEST(adding_a_known_device_changes_nothing_and_setting_does)
{
    struct kit_host *host = open_with(kit_dir(), SELKIE_ENROL_LISTED, SELKIE_REBIND_CLAIM);
    struct kit_device device = kit_device(1, 1);

    expect_result(host, ADD ",\"name\":\"pump\",\"claim\":\"secret\"}", "added");
    expect_result(host, ADD "}", "unchanged");
    expect_result(host, ADD ",\"claim\":\"secret\"}", "unchanged");
    expect_error(host, ADD ",\"claim\":\"other!\"}", "added already, with another claim");
    json_t *refused = kit_command(host, ADD ",\"claim\":\"other!\"}"); /* said without words, too */
    ck_assert(json_is_true(json_object_get(refused, "exists")));
    json_decref(refused);
    refused = kit_command(host, ADD ",\"claim\":5}");
    ck_assert_ptr_nonnull(json_object_get(refused, "error"));
    ck_assert_ptr_null(json_object_get(refused, "exists"));
    json_decref(refused);
    expect_error(host, ADD ",\"claim\":\"secre\"}", "added already, with another claim");
    expect_error(host, ADD ",\"name\":\"Pump\"}", "added already, with another name");
    expect_error(host, ADD ",\"name\":\"\",\"claim\":\"x\",\"update\":false}", "with another name and claim");
    /* None of them changed the claim. */
    kit_submit_wait(host, kit_register(&device, "other!", NULL));
    kit_expect_rejected(host, "claim");
    expect_result(host, ADD ",\"claim\":\"other!\",\"update\":true}", "changed");
    expect_result(host, SET ",\"claim\":\"other!\"}", "unchanged");
    expect_result(host, SET ",\"name\":\"roof\"}", "changed");
    kit_submit_wait(host, kit_register(&device, "other!", NULL));
    kit_event(host, "registered");
    expect_result(host, SET ",\"claim\":null}", "changed");
    expect_result(host, SET ",\"claim\":null}", "unchanged");
    expect_error(host, "{\"command\":\"setDevice\",\"address\":\"" ADDRESS_2 "\",\"name\":\"x\"}", "no such device");
    expect_error(host, ADD ",\"update\":1}", "update: must be true or false");
    expect_error(host, ADD ",\"claim\":null}", "claim: must be a string");
    expect_error(host, SET ",\"claim\":7}", "claim: must be a string");
    kit_close(host);
}
END_TEST

/* It is not added yet: this is how an administrator vouches for it. */
START_TEST(a_device_that_registered_by_itself_can_be_added)
{
    struct kit_host *host = open_with(kit_dir(), SELKIE_ENROL_OPEN, SELKIE_REBIND_CLAIM);
    struct kit_device device = kit_device(1, 1);

    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    kit_event(host, "registered");
    expect_result(host, ADD ",\"claim\":\"secret\"}", "added");
    expect_result(host, ADD ",\"claim\":\"secret\"}", "unchanged");
    expect_status(host, ADDRESS_1, "active", 1);
    kit_close(host);
}
END_TEST

START_TEST(rebind_deny_and_allow_do_so_with_the_alarm)
{
    const char *dir = kit_dir();
    struct kit_host *host = open_with(dir, SELKIE_ENROL_OPEN, SELKIE_REBIND_DENY);
    struct kit_device old = kit_device(1, 1), new = kit_device(1, 2);

    kit_submit_wait(host, kit_register(&old, NULL, NULL));
    kit_event(host, "registered");
    kit_submit_wait(host, kit_data(&new, "no"));
    kit_expect_rejected(host, "denied");
    kit_event(host, "reset");
    kit_submit_wait(host, kit_data(&new, "no"));
    kit_expect_rejected(host, "denied");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_EVENT), 0);
    kit_delivered(host);
    kit_submit_wait(host, kit_data(&old, "yes"));
    kit_delivered(host);
    kit_close(host);

    host = open_with(dir, SELKIE_ENROL_OPEN, SELKIE_REBIND_ALLOW);
    kit_submit_wait(host, kit_data(&new, "allowed"));
    while (kit_waiting(host, SELKIE_OUTPUT_PAYLOAD) > 1)
        selkie_output_free(kit_next(host, SELKIE_OUTPUT_PAYLOAD));
    kit_expect_payload(host, &new, 2, "allowed");
    kit_close(host);
}
END_TEST

START_TEST(a_clone_reveals_nothing_of_the_device)
{
    struct kit_host *host = open_with(kit_dir(), SELKIE_ENROL_OPEN, SELKIE_REBIND_APPROVE);
    struct kit_device device = kit_device(1, 1), thief = device;

    kit_submit_wait(host, kit_register(&device, NULL, "1.0"));
    kit_submit_wait(host, kit_register(&thief, NULL, "forged"));
    kit_expect_rejected(host, "clone");
    json_t *response = kit_command(host, "{\"command\":\"getDevice\",\"address\":\"" ADDRESS_1 "\"}");
    json_t *bindings = json_object_get(json_object_get(response, "data"), "bindings");
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(bindings, 0), "firmware")), "1.0");
    json_decref(response);
    kit_close(host);
}
END_TEST

/* A member of the next event, which is this one. */
static const char *event_member(struct kit_host *host, const char *event, const char *member)
{
    static char text[32];
    json_t *json = kit_expect_event(host, event);
    const char *value = json_string_value(json_object_get(json, member));

    ck_assert_msg(value != NULL, "%s: no %s", event, member);
    snprintf(text, sizeof text, "%s", value);
    json_decref(json);
    return text;
}

/* How an event and a command name an ID. */
static const char *id_text(const struct kit_device *device)
{
    static char text[17];
    uint8_t digest[32];

    ck_assert_int_eq(selkie_mbedtls_sha256(device->id, sizeof device->id, digest, 0), 0);
    for (int i = 0; i < 8; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return text;
}

START_TEST(four_ids_may_be_pending_and_one_more_takes_the_place_of_the_most_silent)
{
    struct kit_host *host = open_with(kit_dir(), SELKIE_ENROL_APPROVE, SELKIE_REBIND_APPROVE);
    struct kit_device first = kit_device(1, 1), fifth = kit_device(1, 5);
    struct kit_body parked = kit_data(&first, "parked");

    kit_submit_wait(host, parked);
    for (uint32_t life = 2; life <= 4; life++) {
        struct kit_device device = kit_device(1, life);
        kit_submit_wait(host, kit_register(&device, NULL, NULL));
    }
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    kit_submit_wait(host, kit_data(&fifth, "fifth"));
    kit_expect_rejected(host, "pending-full"); /* what was parked for the first one */
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_EVENT), 5);
    expect_status(host, ADDRESS_1, "pending", 4);
    ck_assert_int_eq(kit_stat(host, "queues", "parked"), 4);

    /* It may come again, in its turn, and with what it sent before. */
    kit_submit_wait(host, parked);
    kit_expect_rejected(host, "pending-full");
    expect_status(host, ADDRESS_1, "pending", 4);
    kit_do(host, "{\"command\":\"approveDevice\",\"address\":\"%s\",\"id\":\"%s\"}", ADDRESS_1, id_text(&first));
    kit_expect_payload(host, &first, 0, "parked");
    kit_submit_wait(host, kit_data(&first, "next"));
    kit_expect_payload(host, &first, 1, "next");
    kit_close(host);
}
END_TEST

START_TEST(each_newcomer_has_its_own_alarm_and_four_dead_ones_lock_nobody_out)
{
    struct kit_host *host = open_with(kit_dir(), SELKIE_ENROL_OPEN, SELKIE_REBIND_APPROVE);
    struct kit_device device = kit_device(1, 1), reset = kit_device(1, 100);

    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    kit_event(host, "registered");
    for (uint32_t life = 2; life <= 9; life++) {
        struct kit_device forged = kit_device(1, life);
        kit_submit_wait(host, kit_register(&forged, NULL, NULL));
        ck_assert_str_eq(event_member(host, "reset", "id"), id_text(&forged));
    }
    kit_submit_wait(host, kit_register(&reset, NULL, NULL));
    kit_submit_wait(host, kit_data(&reset, "after the power cut"));
    ck_assert_str_eq(event_member(host, "reset", "id"), id_text(&reset));
    kit_do(host, "{\"command\":\"approveDevice\",\"address\":\"%s\",\"id\":\"%s\"}", ADDRESS_1, id_text(&reset));
    kit_expect_payload(host, &reset, 1, "after the power cut");
    kit_close(host);
}
END_TEST

/* One that was heard twice, a minute apart, stays while there is one that was not: however many come. */
START_TEST(a_flood_displaces_no_id_that_shows_life)
{
    const char *dir = kit_dir();
    struct kit_host *host = open_with(dir, SELKIE_ENROL_OPEN, SELKIE_REBIND_APPROVE);
    struct kit_device device = kit_device(1, 1),
                      alive[4] = {kit_device(1, 2), kit_device(1, 3), kit_device(1, 4), kit_device(1, 5)};

    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    for (int i = 0; i < 4; i++)
        kit_submit_wait(host, kit_register(&alive[i], NULL, NULL));
    kit_close(host);
    kit_execute(dir, "UPDATE binding SET first_seen = first_seen - 120000, last_seen = last_seen - 120000");
    host = open_with(dir, SELKIE_ENROL_OPEN, SELKIE_REBIND_APPROVE);
    for (int i = 0; i < 4; i++)
        kit_submit_wait(host, kit_session(&alive[i], "alive"));
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    for (uint32_t life = 6; life <= 20; life++) {
        struct kit_device forged = kit_device(1, life);
        kit_submit_wait(host, kit_register(&forged, NULL, NULL));
    }
    for (int i = 0; i < 2 + 14; i++) /* two of the first that was alive, and the forged ones but the last */
        kit_expect_rejected(host, "pending-full");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    kit_do(host, "{\"command\":\"approveDevice\",\"address\":\"%s\",\"id\":\"%s\"}", ADDRESS_1, id_text(&alive[3]));
    kit_expect_payload(host, &alive[3], 1, "alive");
    kit_close(host);

    /* Life ends a day after the last sign of it. */
    kit_execute(dir, "UPDATE binding SET first_seen = first_seen - 86400000, last_seen = last_seen - 86400000");
    host = open_with(dir, SELKIE_ENROL_OPEN, SELKIE_REBIND_APPROVE);
    for (uint32_t life = 21; life <= 24; life++) {
        struct kit_device forged = kit_device(1, life);
        kit_submit_wait(host, kit_register(&forged, NULL, NULL));
    }
    for (int i = 0; i < 2 + 2 + 1; i++) /* what waited for the other two, and the forged one of yesterday */
        kit_expect_rejected(host, "pending-full");
    kit_close(host);
}
END_TEST

START_TEST(a_full_parking_lets_the_oldest_go)
{
    struct kit_host *host = open_with(kit_dir(), SELKIE_ENROL_APPROVE, SELKIE_REBIND_APPROVE);
    struct kit_device device = kit_device(1, 1);

    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    for (int i = 0; i < 257; i++)
        kit_submit_wait(host, kit_session(&device, "x"));
    kit_expect_rejected(host, "parking-full");
    kit_expect_rejected(host, "parking-full");
    kit_do(host, "{\"command\":\"approveDevice\",\"address\":\"%s\"}", ADDRESS_1);
    for (uint32_t counter = 2; counter < 258; counter++)
        kit_expect_payload(host, &device, counter, "x");
    kit_close(host);
}
END_TEST

START_TEST(devices_are_listed_by_status_and_in_pages)
{
    struct kit_host *host = open_with(kit_dir(), SELKIE_ENROL_OPEN, SELKIE_REBIND_APPROVE);
    struct kit_device device = kit_device(2, 1);
    json_t *response;

    for (int i = 1; i <= 5; i++)
        kit_do(host, "{\"command\":\"addDevice\",\"address\":\"020000000000000%d\"}", i);
    kit_submit_wait(host, kit_data(&device, ""));
    ck_assert_int_eq(json_integer_value(ask(host, "{\"command\":\"listDevices\"}", "total", &response)), 5);
    json_decref(response);
    ck_assert_int_eq(
        json_integer_value(ask(host, "{\"command\":\"listDevices\",\"status\":\"listed\"}", "total", &response)), 4);
    json_decref(response);
    json_t *page = ask(host, "{\"command\":\"listDevices\",\"offset\":1,\"limit\":2}", "devices", &response);
    ck_assert_uint_eq(json_array_size(page), 2);
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(page, 0), "address")), ADDRESS_2);
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(page, 0), "status")), "active");
    json_decref(response);
    page = ask(host, "{\"command\":\"listDevices\",\"after\":\"" ADDRESS_2 "\",\"limit\":1}", "devices", &response);
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(page, 0), "address")), "0200000000000003");
    json_decref(response);
    kit_close(host);
}
END_TEST

/* A payload with one command over and over; `addresses` counts up from 0. */
static void command_many(struct kit_host *host, const char *command, bool addresses, unsigned count)
{
    json_t *payload = json_pack("{s:[]}", "commands"), *commands = json_object_get(payload, "commands");
    char address[17];

    for (unsigned i = 0; i < count; i++) {
        json_t *each = json_loads(command, 0, NULL);
        snprintf(address, sizeof address, "%016x", i);
        if (addresses)
            json_object_set_new(each, "address", json_string(address));
        json_array_append_new(commands, each);
    }
    char *text = json_dumps(payload, JSON_COMPACT);
    ck_assert_int_eq(selkie_unsealer_command(kit_unsealer(host), 1, text, strlen(text)), 0);
    free(text);
    json_decref(payload);
}

static json_t *next_responses(struct kit_host *host, size_t *len)
{
    struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_ANSWER);
    json_t *answer = json_loadb((const char *)output->data, output->len, 0, NULL);
    json_t *responses = json_incref(json_object_get(answer, "responses"));

    *len = output->len;
    selkie_output_free(output);
    json_decref(answer);
    return responses;
}

static size_t count_errors(const json_t *responses)
{
    size_t count = 0, i;
    json_t *response;

    json_array_foreach (responses, i, response)
        count += json_object_get(response, "error") != NULL;
    return count;
}

START_TEST(frames_are_decided_between_the_commands_of_one_payload)
{
    enum { COMMANDS = 8000 };
    struct kit_host *host = open_with(kit_dir(), SELKIE_ENROL_OPEN, SELKIE_REBIND_APPROVE);
    struct kit_device device = kit_device(1, 1);
    struct selkie_output *output;
    bool decided = false, answered = false;

    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    struct kit_body body = kit_session(&device, "between");
    command_many(host, "{\"command\":\"addDevice\"}", true, COMMANDS);
    (void)kit_submit(host, &body, 0);
    /* Both wait; which comes out first? */
    while (!decided && !answered) {
        while ((output = selkie_unsealer_take(kit_unsealer(host))) == NULL)
            sched_yield();
        decided = output->kind == SELKIE_OUTPUT_RECEIPT;
        answered = output->kind == SELKIE_OUTPUT_ANSWER;
        selkie_output_free(output);
    }
    ck_assert(decided);
    size_t len;
    json_t *responses = next_responses(host, &len);
    ck_assert_uint_eq(json_array_size(responses), COMMANDS);
    ck_assert_uint_eq(count_errors(responses), 0);
    json_decref(responses);
    kit_close(host);
}
END_TEST

START_TEST(an_answer_is_bounded_however_much_is_asked_for)
{
    enum { DEVICES = 1000, COMMANDS = 3600 };
    struct kit_host *host = open_with(kit_dir(), SELKIE_ENROL_OPEN, SELKIE_REBIND_APPROVE);
    size_t len;

    command_many(host, "{\"command\":\"addDevice\"}", true, DEVICES);
    json_decref(next_responses(host, &len));
    command_many(host, "{\"command\":\"listDevices\",\"limit\":1000}", false, COMMANDS);
    json_t *responses = next_responses(host, &len);
    ck_assert_uint_eq(json_array_size(responses), COMMANDS);
    ck_assert_uint_lt(len, 8 << 20);
    size_t errors = count_errors(responses);
    ck_assert_uint_gt(errors, COMMANDS / 2);
    ck_assert_uint_lt(errors, COMMANDS);
    const json_t *last = json_array_get(responses, COMMANDS - 1);
    ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(last, "error")), "ask in smaller parts"));
    json_decref(responses);

    command_many(host, "{\"command\":\"getStats\"}", false, 16385);
    responses = next_responses(host, &len);
    ck_assert_uint_eq(json_array_size(responses), 1);
    ck_assert_uint_eq(count_errors(responses), 1);
    json_decref(responses);
    kit_close(host);
}
END_TEST

/* What may be readmitted is in the list, however many IDs were retired since, and it is at the end. */
START_TEST(retired_ids_that_can_be_readmitted_are_not_left_out)
{
    const char *dir = kit_dir();
    struct kit_host *host = open_with(dir, SELKIE_ENROL_OPEN, SELKIE_REBIND_ALLOW);
    json_t *response;
    sqlite3 *db;

    json_decref(kit_command(host, "{\"command\":\"addDevice\",\"address\":\"0000000000000001\"}"));
    kit_close(host);
    ck_assert_int_eq(sqlite3_open(kit_path(dir, "registry.db"), &db), SQLITE_OK);
    const char *sql =
        "WITH RECURSIVE life(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM life WHERE i < 70) INSERT INTO "
        "binding SELECT NULL, address, randomblob(32), randomblob(4), NULL, 4, 1, i, 0, 0, 0, 0, 'g', 0, '', "
        "0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, CASE WHEN i IN (2, 4, 50) THEN 1 ELSE 0 END, 0, 0, zeroblob(448) "
        "FROM life, device";
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    host = open_with(dir, SELKIE_ENROL_OPEN, SELKIE_REBIND_ALLOW);
    json_t *bindings = ask(host, "{\"command\":\"getDevice\",\"address\":\"0000000000000001\"}", "bindings", &response);
    json_int_t counters[64], expected[64];
    for (int i = 0, counter = 9; i < 61; i++, counter += counter == 49 ? 2 : 1)
        expected[i] = counter;
    expected[61] = 2;
    expected[62] = 4;
    expected[63] = 50;
    ck_assert_uint_eq(json_array_size(bindings), 64);
    for (size_t i = 0; i < 64; i++) {
        const json_t *binding = json_array_get(bindings, i);
        counters[i] = json_integer_value(json_object_get(binding, "counter"));
        ck_assert((json_object_get(binding, "retired") != NULL) == (i >= 61));
    }
    ck_assert_mem_eq(counters, expected, sizeof expected);
    json_decref(response);
    kit_close(host);
}
END_TEST

/* An address whose device was reset many times: its newest retired IDs are shown, and a page of such devices ends
 * early, to be gone on with after the last. */
START_TEST(a_page_of_devices_with_many_ids_is_short)
{
    enum { DEVICES = 100, PAGE = 32 /* of 64 retired IDs each: 2,000 */ };
    const char *dir = kit_dir();
    struct kit_host *host = open_with(dir, SELKIE_ENROL_OPEN, SELKIE_REBIND_ALLOW);
    char command[100], after[17] = "";
    size_t devices = 0, pages = 0, count, len;
    sqlite3 *db;

    command_many(host, "{\"command\":\"addDevice\"}", true, DEVICES);
    json_decref(next_responses(host, &len));
    kit_close(host);
    ck_assert_int_eq(sqlite3_open(kit_path(dir, "registry.db"), &db), SQLITE_OK);
    const char *sql =
        "WITH RECURSIVE life(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM life WHERE i < 70) INSERT INTO "
        "binding SELECT NULL, address, randomblob(32), randomblob(4), NULL, 4, 1, i, 0, 0, 0, 0, 'g', 0, '', "
        "0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, zeroblob(448) FROM life, device";
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    host = open_with(dir, SELKIE_ENROL_OPEN, SELKIE_REBIND_ALLOW);
    do {
        json_t *response;
        snprintf(command, sizeof command, "{\"command\":\"listDevices\",\"limit\":1000%s%s%s}",
                 pages > 0 ? ",\"after\":\"" : "", after, pages > 0 ? "\"" : "");
        json_t *page = ask(host, command, "devices", &response);
        count = json_array_size(page);
        for (size_t i = 0; i < count; i++) {
            json_t *bindings = json_object_get(json_array_get(page, i), "bindings");
            ck_assert_uint_eq(json_array_size(bindings), 64);
            ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(bindings, 0), "counter")), 7);
            ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(bindings, 63), "counter")), 70);
        }
        if (count > 0)
            snprintf(after, sizeof after, "%s",
                     json_string_value(json_object_get(json_array_get(page, count - 1), "address")));
        devices += count;
        pages++;
        json_decref(response);
    } while (count > 0);
    ck_assert_uint_eq(devices, DEVICES);
    ck_assert_uint_eq(pages, (DEVICES + PAGE - 1) / PAGE + 1); /* and the empty one */
    kit_close(host);
}
END_TEST

START_TEST(gateways_are_known_by_password_or_certificate)
{
    const char *dir = kit_dir();
    struct kit_host *host = open_with(dir, SELKIE_ENROL_OPEN, SELKIE_REBIND_APPROVE);
    json_t *response;
    char password[64];

    const char *made =
        json_string_value(ask(host, "{\"command\":\"addGateway\",\"gateway\":\"roof\"}", "password", &response));
    ck_assert_uint_ge(strlen(made), 32);
    snprintf(password, sizeof password, "%s", made);
    json_decref(response);
    kit_do(host, "{\"command\":\"addGateway\",\"gateway\":\"cellar\",\"auth\":\"certificate\"}");
    expect_error(host, "{\"command\":\"addGateway\",\"gateway\":\"roof\"}", "already");
    expect_error(host, "{\"command\":\"addGateway\",\"gateway\":\"a/b\"}", "letters");
    expect_error(host, "{\"command\":\"addGateway\",\"gateway\":\"x\",\"auth\":\"magic\"}", "auth");
    ck_assert_uint_eq(json_array_size(ask(host, "{\"command\":\"listGateways\"}", "gateways", &response)), 2);
    json_decref(response);
    kit_close(host);

    host = open_with(dir, SELKIE_ENROL_OPEN, SELKIE_REBIND_APPROVE);
    struct selkie_unsealer *unsealer = kit_unsealer(host);
    ck_assert_int_eq(selkie_unsealer_gateway(unsealer, "roof"), SELKIE_GATEWAY_PASSWORD);
    ck_assert_int_eq(selkie_unsealer_gateway(unsealer, "cellar"), SELKIE_GATEWAY_CERTIFICATE);
    ck_assert_int_eq(selkie_unsealer_gateway(unsealer, "attic"), SELKIE_GATEWAY_UNKNOWN);
    ck_assert(selkie_unsealer_check_gateway(unsealer, "roof", password));
    ck_assert(!selkie_unsealer_check_gateway(unsealer, "cellar", ""));
    ck_assert(!selkie_unsealer_check_gateway(unsealer, "attic", password));
    password[0] ^= 1;
    ck_assert(!selkie_unsealer_check_gateway(unsealer, "roof", password));
    ck_assert(!selkie_unsealer_check_gateway(unsealer, "roof", ""));
    password[0] ^= 1;
    const char *other = json_string_value(
        ask(host, "{\"command\":\"resetGatewayPassword\",\"gateway\":\"roof\"}", "password", &response));
    ck_assert_uint_ge(strlen(other), 32);
    ck_assert_str_ne(other, password);
    ck_assert(!selkie_unsealer_check_gateway(unsealer, "roof", password));
    ck_assert(selkie_unsealer_check_gateway(unsealer, "roof", other));
    json_decref(response);
    expect_error(host, "{\"command\":\"resetGatewayPassword\",\"gateway\":\"cellar\"}", "has a certificate");
    expect_error(host, "{\"command\":\"resetGatewayPassword\",\"gateway\":\"attic\"}", "not registered");
    kit_do(host, "{\"command\":\"removeGateway\",\"gateway\":\"roof\"}");
    ck_assert_int_eq(selkie_unsealer_gateway(unsealer, "roof"), SELKIE_GATEWAY_UNKNOWN);
    expect_error(host, "{\"command\":\"removeGateway\",\"gateway\":\"roof\"}", "not registered");
    kit_close(host);
}
END_TEST

/* A payload with many gateways does not read them all for each. */
START_TEST(ten_thousand_gateways_are_added_in_seconds)
{
    enum { GATEWAYS = 10000 };
    struct kit_host *host = open_with(kit_dir(), SELKIE_ENROL_OPEN, SELKIE_REBIND_APPROVE);
    json_t *payload = json_pack("{s:[]}", "commands"), *response;
    int64_t start_us = selkie_clock_monotonic_us();

    for (int i = 0; i < GATEWAYS; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "gateway-%d", i);
        ck_assert_int_eq(json_array_append_new(json_object_get(payload, "commands"),
                                               json_pack("{s:s, s:s}", "command", "addGateway", "gateway", name)),
                         0);
    }
    char *text = json_dumps(payload, JSON_COMPACT);
    ck_assert_int_eq(selkie_unsealer_command(kit_unsealer(host), 1, text, strlen(text)), 0);
    size_t len;
    json_t *responses = next_responses(host, &len);
    ck_assert_uint_eq(json_array_size(responses), GATEWAYS);
    ck_assert_uint_eq(count_errors(responses), 0);
    ck_assert_int_eq(selkie_unsealer_gateway(kit_unsealer(host), "gateway-9999"), SELKIE_GATEWAY_PASSWORD);
    expect_error(host, "{\"command\":\"addGateway\",\"gateway\":\"gateway-0\"}", "already");
    ck_assert_uint_eq(json_array_size(ask(host, "{\"command\":\"listGateways\"}", "gateways", &response)), GATEWAYS);
    json_decref(response);
    double seconds = (double)(selkie_clock_monotonic_us() - start_us) / 1e6;
    printf("%d gateways: %.1f s\n", GATEWAYS, seconds);
    ck_assert(seconds < 20);
    json_decref(responses);
    json_decref(payload);
    free(text);
    kit_close(host);
}
END_TEST

START_TEST(keys_are_listed_with_the_number_of_their_devices)
{
    struct kit_host *host = open_with(kit_dir(), SELKIE_ENROL_OPEN, SELKIE_REBIND_APPROVE);
    struct kit_device one = kit_device(1, 1), two = kit_device(2, 1);
    json_t *response;

    kit_submit_wait(host, kit_data(&one, ""));
    kit_submit_wait(host, kit_data(&two, ""));
    kit_do(host, "{\"command\":\"removeDevice\",\"address\":\"%s\"}", ADDRESS_2);
    json_t *key = json_array_get(ask(host, "{\"command\":\"listKeys\"}", "keys", &response), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(key, "id")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(key, "bits")), 4096);
    ck_assert_int_eq(json_integer_value(json_object_get(key, "bindings")), 1);
    ck_assert_str_eq(json_string_value(json_object_get(key, "provider")), "openssl");
    json_decref(response);
    json_t *frames = ask(host, "{\"command\":\"getStats\"}", "frames", &response);
    ck_assert_int_eq(json_integer_value(json_object_get(frames, "accepted")), 2);
    json_decref(response);
    kit_close(host);
}
END_TEST

START_TEST(bad_commands_are_answered_and_change_nothing)
{
    struct kit_host *host = open_with(kit_dir(), SELKIE_ENROL_OPEN, SELKIE_REBIND_APPROVE);
    static const struct {
        const char *command, *error;
    } cases[] = {
        {"]", "not JSON"},
        {"{\"command\":\"nonsense\"}", "unknown command"},
        {"{\"command\":1}", "command: must be a string"},
        {"[]", "must be an object"},
        {"{\"command\":\"addDevice\"}", "address: is missing"},
        {"{\"command\":\"addDevice\",\"address\":7}", "address: must be a string"},
        {"{\"command\":\"addDevice\",\"address\":\"0200\"}", "16 hex digits"},
        {"{\"command\":\"addDevice\",\"address\":\"" ADDRESS_1 "\",\"colour\":1}", "no such field"},
        /* 63 letters and an umlaut of two bytes: the name is cut in its middle. */
        {"{\"command\":\"listKeys\",\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\u00e4\":1}",
         "no such field"},
        {"{\"command\":\"addDevice\",\"address\":\"" ADDRESS_1 "\",\"claim\":\"\"}", "claim: must be 1 to 64"},
        {"{\"command\":\"addDevice\",\"address\":\"" ADDRESS_1 "\",\"name\":\"a\\u0000b\"}", "not JSON"},
        {"{\"command\":\"listDevices\",\"limit\":-1}", "limit"},
        {"{\"command\":\"listDevices\",\"limit\":1001}", "limit"},
        {"{\"command\":\"listDevices\",\"offset\":\"x\"}", "offset: must be an integer"},
        {"{\"command\":\"listDevices\",\"status\":\"odd\"}", "status"},
        {"{\"command\":\"approveDevice\",\"address\":\"" ADDRESS_1 "\"}", "no such device"},
        {"{\"command\":\"getStats\",\"command\":\"getStats\"}", "not JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_error(host, cases[i].command, cases[i].error);

    size_t deep = 100000;
    char *nested = malloc(deep + 1);
    memset(nested, '[', deep);
    nested[deep] = 0;
    expect_error(host, nested, "not JSON");
    ck_assert_int_eq(selkie_unsealer_command(kit_unsealer(host), 1, nested, SELKIE_COMMAND_MAX + 1), SELKIE_ELENGTH);
    free(nested);

    json_t *response = kit_command(host, "{\"command\":\"listDevices\",\"correlationData\":\"abc\"}");
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(response, "data"), "total")), 0);
    ck_assert_str_eq(json_string_value(json_object_get(response, "correlationData")), "abc");
    json_decref(response);
    kit_close(host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("commands");
    TCase *tcase = tcase_create("commands");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_test(tcase, approval_releases_what_was_parked_in_counter_order);
    tcase_add_test(tcase, a_reset_keeps_the_old_id_until_the_administrator_decides);
    tcase_add_test(tcase, denial_retires_the_id_and_rejects_what_was_parked);
    tcase_add_test(tcase, a_revoked_address_rejects_everything_until_it_is_restored);
    tcase_add_test(tcase, a_removed_device_may_come_back_but_not_with_its_old_id);
    tcase_add_test(tcase, listed_enrolment_takes_the_listed_with_their_claim);
    tcase_add_test(tcase, adding_a_known_device_changes_nothing_and_setting_does);
    tcase_add_test(tcase, a_device_that_registered_by_itself_can_be_added);
    tcase_add_test(tcase, rebind_deny_and_allow_do_so_with_the_alarm);
    tcase_add_test(tcase, a_clone_reveals_nothing_of_the_device);
    tcase_add_test(tcase, four_ids_may_be_pending_and_one_more_takes_the_place_of_the_most_silent);
    tcase_add_test(tcase, each_newcomer_has_its_own_alarm_and_four_dead_ones_lock_nobody_out);
    tcase_add_test(tcase, a_flood_displaces_no_id_that_shows_life);
    tcase_add_test(tcase, a_full_parking_lets_the_oldest_go);
    tcase_add_test(tcase, devices_are_listed_by_status_and_in_pages);
    tcase_add_test(tcase, frames_are_decided_between_the_commands_of_one_payload);
    tcase_add_test(tcase, an_answer_is_bounded_however_much_is_asked_for);
    tcase_add_test(tcase, retired_ids_that_can_be_readmitted_are_not_left_out);
    tcase_add_test(tcase, a_page_of_devices_with_many_ids_is_short);
    tcase_add_test(tcase, gateways_are_known_by_password_or_certificate);
    tcase_add_test(tcase, ten_thousand_gateways_are_added_in_seconds);
    tcase_add_test(tcase, keys_are_listed_with_the_number_of_their_devices);
    tcase_add_test(tcase, bad_commands_are_answered_and_change_nothing);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
