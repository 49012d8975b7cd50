/* SPDX-License-Identifier: Apache-2.0 */
/* IDs that wait for an administrator, what follows from the decision about one, and the way back of an ID that was
 * denied or removed. PROTOCOL.md, sections 7 and 8. */
#define _GNU_SOURCE /* memmem */
#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <selkie/mbedtls.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEVICE  "0200000000000001"
#define ADDRESS ",\"address\":\"" DEVICE "\""
#define DAY_S   (24 * 3600)

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
static struct kit_device lives[5]; /* of one device: each reset makes the next */

static struct kit_host *open_host(enum selkie_enrolment enrolment)
{
    const struct selkie_unsealer_options options = {.state_dir = dir, .enrolment = enrolment};

    return kit_open(&options);
}

static void set_up(void)
{
    dir = kit_dir();
    for (uint32_t i = 0; i < 5; i++)
        lives[i] = kit_device(1, i + 1);
}

/* At a test's end: the clocks are right again, for Check's own sake. */
static void finish(struct kit_host *host)
{
    if (host)
        kit_close(host);
    wall_s = steady_s = 0;
}

static void pass(long seconds)
{
    wall_s += seconds;
    steady_s += seconds;
}

/* How an administrator names an ID; the text is good for three more calls. */
static const char *id_of(const struct kit_device *device)
{
    static char texts[4][17];
    static int next;
    char *text = texts[next++ % 4];
    uint8_t digest[32];

    ck_assert_int_eq(selkie_mbedtls_sha256(device->id, sizeof device->id, digest, 0), 0);
    for (int i = 0; i < 8; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return text;
}

__attribute__((format(printf, 3, 4))) static void refused(struct kit_host *host, const char *says, const char *format,
                                                          ...)
{
    char command[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    json_t *response = kit_command(host, command);
    const char *error = json_string_value(json_object_get(response, "error"));
    ck_assert_msg(error && strstr(error, says), "%s: expected \"%s\", got \"%s\"", command, says,
                  error ? error : "no error");
    json_decref(response);
}

/* A member of the answer's data, new. */
__attribute__((format(printf, 3, 4))) static json_t *ask(struct kit_host *host, const char *member, const char *format,
                                                         ...)
{
    char command[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    json_t *response = kit_command(host, command);
    json_t *value = json_incref(json_object_get(json_object_get(response, "data"), member));
    ck_assert_msg(value != NULL, "%s: no %s", command, member);
    json_decref(response);
    return value;
}

static json_int_t integer(const json_t *object, const char *member)
{
    ck_assert_msg(json_is_integer(json_object_get(object, member)), "no %s", member);
    return json_integer_value(json_object_get(object, member));
}

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text ? text : "none";
}

/* The last state that was published. */
static json_t *last_state(struct kit_host *host)
{
    json_t *state = NULL;

    do {
        struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_STATE);
        json_decref(state);
        state = json_loadb((const char *)output->data, output->len, 0, NULL);
        selkie_output_free(output);
    } while (kit_waiting(host, SELKIE_OUTPUT_STATE) > 0);
    return state;
}

static void expect_pending_state(struct kit_host *host, const char *status, json_int_t pending)
{
    json_t *state = last_state(host);

    ck_assert_str_eq(text_of(state, "status"), status);
    ck_assert_int_eq(integer(state, "pending"), pending);
    json_decref(state);
}

/* What happens to an ID: its events that are not about its registration, in their order. */
static void expect_event_of(struct kit_host *host, const char *name, const struct kit_device *device)
{
    json_t *event = kit_expect_event(host, name);

    ck_assert_str_eq(text_of(event, "id"), id_of(device));
    json_decref(event);
}

static void skip_events(struct kit_host *host)
{
    while (kit_waiting(host, SELKIE_OUTPUT_EVENT) > 0)
        selkie_output_free(kit_next(host, SELKIE_OUTPUT_EVENT));
}

/* A device whose power failed at night: whoever missed the event `reset` still sees that an ID waits. */
START_TEST(what_waits_is_in_the_state_the_stats_and_a_list_of_its_own)
{
    struct kit_host *host = open_host(SELKIE_ENROL_OPEN);
    json_t *list, *device;

    kit_do(host, "{\"command\":\"addDevice\"" ADDRESS ",\"name\":\"pump\"}");
    kit_submit_wait(host, kit_data(&lives[0], "before"));
    expect_pending_state(host, "active", 0);
    ck_assert_int_eq(kit_stat(host, "devices", "pending"), 0);
    list = ask(host, "pending", "{\"command\":\"listPending\"}");
    ck_assert_uint_eq(json_array_size(list), 0);
    json_decref(list);

    pass(3600);
    struct kit_body body = kit_data(&lives[1], "after");
    kit_receipt(host, kit_submit_from(host, "roof-1", &body, 0));
    body = kit_session(&lives[1], "after that");
    kit_receipt(host, kit_submit_from(host, "roof-1", &body, 0));
    expect_pending_state(host, "active", 1);
    ck_assert_int_eq(kit_stat(host, "devices", "pending"), 1);
    device = ask(host, "pending", "{\"command\":\"getDevice\"" ADDRESS "}");
    ck_assert_int_eq(json_integer_value(device), 1);
    json_decref(device);
    list = ask(host, "pending", "{\"command\":\"listPending\"}");
    ck_assert_uint_eq(json_array_size(list), 1);
    json_t *one = json_array_get(list, 0);
    ck_assert_str_eq(text_of(one, "address"), DEVICE);
    ck_assert_str_eq(text_of(one, "name"), "pump");
    ck_assert_str_eq(text_of(one, "id"), id_of(&lives[1]));
    ck_assert_str_eq(text_of(one, "gateway"), "roof-1");
    ck_assert_str_eq(text_of(one, "active"), id_of(&lives[0]));
    ck_assert_int_eq(integer(one, "parked"), 2);
    ck_assert_int_ge(integer(one, "first_seen") - integer(one, "active_seen"), 3600000);
    json_decref(list);

    /* A frame of the old ID publishes a state too, which goes on saying it; so does the next run. */
    pass(2);
    kit_submit_wait(host, kit_data(&lives[0], "still here"));
    expect_pending_state(host, "active", 1);
    kit_close(host);
    host = open_host(SELKIE_ENROL_OPEN);
    body = kit_data(&lives[1], "again");
    kit_receipt(host, kit_submit_from(host, "roof-1", &body, 0));
    ck_assert_int_eq(kit_stat(host, "devices", "pending"), 1);
    kit_do(host, "{\"command\":\"approveDevice\"" ADDRESS "}");
    expect_pending_state(host, "active", 0);
    ck_assert_int_eq(kit_stat(host, "devices", "pending"), 0);
    finish(host);
}
END_TEST

START_TEST(what_waits_is_listed_page_by_page)
{
    enum { DEVICES = 7, PAGE = 3 };
    struct kit_host *host = open_host(SELKIE_ENROL_APPROVE);
    char after[64] = "", last[17] = "";
    int found = 0, pages = 0, total;

    for (uint32_t i = 1; i <= DEVICES; i++) {
        struct kit_device first = kit_device(i, 1), second = kit_device(i, 2);
        kit_submit_wait(host, kit_register(&first, NULL, NULL));
        kit_submit_wait(host, kit_register(&second, NULL, NULL));
    }
    do {
        json_t *response, *each;
        size_t i;
        char command[128];
        snprintf(command, sizeof command, "{\"command\":\"listPending\",\"limit\":%d%s}", PAGE, after);
        response = kit_command(host, command);
        json_t *data = json_object_get(response, "data"), *page = json_object_get(data, "pending");
        total = (int)json_array_size(page);
        ck_assert_int_eq(integer(data, "total"), 2 * DEVICES);
        json_array_foreach (page, i, each) {
            ck_assert_int_ge(strcmp(text_of(each, "address"), last), 0);
            snprintf(last, sizeof last, "%s", text_of(each, "address"));
        }
        snprintf(after, sizeof after, ",\"after\":\"%s\"", last);
        found += total;
        pages++;
        json_decref(response);
    } while (total > 0);
    ck_assert_int_eq(found, 2 * DEVICES);
    ck_assert_int_eq(pages, 4);
    refused(host, "limit: must be", "{\"command\":\"listPending\",\"limit\":1001}");
    finish(host);
}
END_TEST

/* Three power cuts in one night: the lives between are dead, and the newest is the device. */
START_TEST(an_approval_denies_what_was_silent_since)
{
    struct kit_host *host = open_host(SELKIE_ENROL_OPEN);

    for (int i = 0; i < 4; i++) {
        kit_submit_wait(host, kit_data(&lives[i], "x"));
        pass(600);
    }
    kit_expect_payload(host, &lives[0], 0, "x");
    skip_events(host);
    refused(host, "or take the newest", "{\"command\":\"approveDevice\"" ADDRESS "}");
    refused(host, "is not the newest", "{\"command\":\"approveDevice\"" ADDRESS ",\"newest\":true,\"id\":\"%s\"}",
            id_of(&lives[1]));
    json_t *denied = ask(host, "denied", "{\"command\":\"approveDevice\"" ADDRESS ",\"newest\":true}");
    ck_assert_uint_eq(json_array_size(denied), 2);
    json_decref(denied);
    kit_expect_payload(host, &lives[3], 0, "x");
    expect_event_of(host, "denied", &lives[1]);
    expect_event_of(host, "denied", &lives[2]);
    expect_event_of(host, "approved", &lives[3]);
    for (int i = 0; i < 2; i++)
        kit_expect_rejected(host, "denied");
    expect_pending_state(host, "active", 0);
    ck_assert_int_eq(kit_stat(host, "devices", "pending"), 0);
    ck_assert_int_eq(kit_stat(host, "queues", "parked"), 0);
    finish(host);
}
END_TEST

/* Two that send at the same time cannot both be the device: no rule chooses, and none is denied silently. */
START_TEST(an_id_that_was_heard_since_is_not_denied_and_stops_the_newest)
{
    struct kit_host *host = open_host(SELKIE_ENROL_OPEN);

    for (int i = 0; i < 3; i++) {
        kit_submit_wait(host, kit_data(&lives[i], "x"));
        pass(60);
    }
    kit_submit_wait(host, kit_data(&lives[1], "I live"));
    refused(host, id_of(&lives[1]), "{\"command\":\"approveDevice\"" ADDRESS ",\"newest\":true}");
    json_t *denied = ask(host, "denied", "{\"command\":\"approveDevice\"" ADDRESS ",\"id\":\"%s\"}", id_of(&lives[2]));
    ck_assert_uint_eq(json_array_size(denied), 0);
    json_decref(denied);
    expect_pending_state(host, "active", 1);

    /* An attacker registers an ID for a device that runs. */
    pass(60);
    kit_submit_wait(host, kit_data(&lives[2], "I run"));
    kit_do(host, "{\"command\":\"denyDevice\"" ADDRESS "}");
    pass(60);
    kit_submit_wait(host, kit_data(&lives[4], "let me in"));
    pass(60);
    kit_submit_wait(host, kit_data(&lives[2], "I still run"));
    refused(host, "(active) was heard since", "{\"command\":\"approveDevice\"" ADDRESS ",\"newest\":true}");
    finish(host);
}
END_TEST

/* A recording is played just after the device has sent: it is the newest, and the device is not due yet. */
START_TEST(an_approval_denies_no_id_that_is_not_due_yet)
{
    struct kit_host *host = open_host(SELKIE_ENROL_OPEN);

    kit_submit_wait(host, kit_data(&lives[0], "x"));
    for (int i = 0; i < 4; i++) {
        kit_submit_wait(host, kit_data(&lives[1], "each quarter of an hour"));
        pass(900);
    }
    wall_s -= 890;
    kit_submit_wait(host, kit_data(&lives[2], "recorded"));
    wall_s += 300;
    json_t *denied = ask(host, "denied", "{\"command\":\"approveDevice\"" ADDRESS ",\"newest\":true}");
    ck_assert_uint_eq(json_array_size(denied), 0);
    json_decref(denied);
    kit_submit_wait(host, kit_data(&lives[3], "another one"));
    wall_s += 1800;
    denied = ask(host, "denied", "{\"command\":\"approveDevice\"" ADDRESS ",\"newest\":true}");
    ck_assert_uint_eq(json_array_size(denied), 1);
    json_decref(denied);
    finish(host);
}
END_TEST

START_TEST(all_pending_ids_are_denied_at_once)
{
    struct kit_host *host = open_host(SELKIE_ENROL_OPEN);

    for (int i = 0; i < 4; i++)
        kit_submit_wait(host, kit_data(&lives[i], "x"));
    refused(host, "or deny all", "{\"command\":\"denyDevice\"" ADDRESS "}");
    refused(host, "not together", "{\"command\":\"denyDevice\"" ADDRESS ",\"all\":true,\"id\":\"%s\"}",
            id_of(&lives[1]));
    refused(host, "all: must be true or false", "{\"command\":\"denyDevice\"" ADDRESS ",\"all\":\"yes\"}");
    json_t *denied = ask(host, "denied", "{\"command\":\"denyDevice\"" ADDRESS ",\"all\":true}");
    ck_assert_uint_eq(json_array_size(denied), 3);
    json_decref(denied);
    expect_pending_state(host, "active", 0);
    kit_submit_wait(host, kit_data(&lives[0], "goes on"));
    kit_expect_payload(host, &lives[0], 0, "x");
    kit_expect_payload(host, &lives[0], 1, "goes on");
    refused(host, "no ID is pending", "{\"command\":\"denyDevice\"" ADDRESS ",\"all\":true}");
    finish(host);
}
END_TEST

/* Removed and added again while it runs: the address is free, and its device is shut out. */
START_TEST(a_removed_device_that_runs_is_taken_back_where_it_was)
{
    struct kit_host *host = open_host(SELKIE_ENROL_LISTED);
    struct kit_body first, second;

    kit_do(host, "{\"command\":\"addDevice\"" ADDRESS ",\"name\":\"pump\"}");
    first = kit_data(&lives[0], "first");
    kit_submit_wait(host, first);
    kit_expect_payload(host, &lives[0], 0, "first");
    second = kit_session(&lives[0], "lost");
    kit_submit_wait(host, kit_session(&lives[0], "third"));
    kit_expect_payload(host, &lives[0], 2, "third");
    kit_do(host, "{\"command\":\"removeDevice\"" ADDRESS "}");
    refused(host, "device readmit takes it back", "{\"command\":\"getDevice\"" ADDRESS "}");
    json_t *retired = ask(host, "retired", "{\"command\":\"addDevice\"" ADDRESS ",\"name\":\"pump\"}");
    ck_assert_str_eq(json_string_value(json_array_get(retired, 0)), id_of(&lives[0]));
    json_decref(retired);
    kit_submit_wait(host, kit_session(&lives[0], "shut out"));
    kit_expect_rejected(host, "retired");
    kit_close(host);

    host = open_host(SELKIE_ENROL_LISTED);
    kit_do(host, "{\"command\":\"readmitDevice\"" ADDRESS "}");
    skip_events(host);
    kit_submit_wait(host, kit_session(&lives[0], "back")); /* its session key is there */
    kit_submit_wait(host, second);                         /* late, as it would have been */
    struct kit_body again = first;
    kit_receipt(host, kit_submit(host, &again, 0));      /* what was accepted is not accepted again */
    while (kit_waiting(host, SELKIE_OUTPUT_PAYLOAD) > 2) /* of the run before */
        selkie_output_free(kit_next(host, SELKIE_OUTPUT_PAYLOAD));
    kit_expect_payload(host, &lives[0], 4, "back");
    kit_expect_payload(host, &lives[0], 1, "lost");
    ck_assert_int_eq(kit_stat(host, "frames", "duplicate"), 1);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), 0);
    refused(host, "no ID was denied or removed", "{\"command\":\"readmitDevice\"" ADDRESS "}");
    finish(host);
}
END_TEST

START_TEST(a_readmission_of_what_was_removed_enrols_the_device_again)
{
    struct kit_host *host = open_host(SELKIE_ENROL_LISTED);

    kit_do(host, "{\"command\":\"addDevice\"" ADDRESS "}");
    kit_submit_wait(host, kit_data(&lives[0], "x"));
    kit_do(host, "{\"command\":\"removeDevice\"" ADDRESS "}");
    skip_events(host);
    kit_do(host, "{\"command\":\"readmitDevice\"" ADDRESS "}");
    json_t *event = kit_expect_event(host, "readmitted");
    ck_assert_str_eq(text_of(event, "id"), id_of(&lives[0]));
    ck_assert_str_eq(text_of(event, "was"), "removed");
    json_decref(event);
    expect_pending_state(host, "active", 0);
    /* It is listed: without its ID it is still known. */
    kit_submit_wait(host, kit_data(&lives[1], "reset"));
    kit_event(host, "reset");
    finish(host);
}
END_TEST

START_TEST(a_mistaken_denial_is_taken_back)
{
    struct kit_host *host = open_host(SELKIE_ENROL_OPEN);

    kit_submit_wait(host, kit_data(&lives[0], "old"));
    kit_submit_wait(host, kit_data(&lives[1], "new"));
    kit_do(host, "{\"command\":\"denyDevice\"" ADDRESS "}");
    kit_expect_rejected(host, "denied");
    refused(host, "it was denied; device readmit takes it back",
            "{\"command\":\"approveDevice\"" ADDRESS ",\"id\":\"%s\"}", id_of(&lives[1]));
    skip_events(host);
    kit_do(host, "{\"command\":\"readmitDevice\"" ADDRESS ",\"id\":\"%s\"}", id_of(&lives[1]));
    expect_event_of(host, "readmitted", &lives[1]);
    json_t *response = kit_command(host, "{\"command\":\"addDevice\"" ADDRESS "}");
    ck_assert_ptr_null(json_object_get(json_object_get(response, "data"), "retired")); /* nobody is shut out */
    json_decref(response);
    kit_submit_wait(host, kit_session(&lives[1], "next"));
    kit_expect_payload(host, &lives[0], 0, "old");
    kit_expect_payload(host, &lives[1], 1, "next");

    /* The ID whose place it took was replaced by a person's decision, which is final. */
    kit_submit_wait(host, kit_data(&lives[0], "old"));
    kit_expect_rejected(host, "retired");
    refused(host, "reset the device", "{\"command\":\"readmitDevice\"" ADDRESS ",\"id\":\"%s\"}", id_of(&lives[0]));
    refused(host, "reset the device", "{\"command\":\"approveDevice\"" ADDRESS ",\"id\":\"%s\"}", id_of(&lives[0]));
    refused(host, "no ID was denied or removed", "{\"command\":\"readmitDevice\"" ADDRESS "}");
    refused(host, "it is active", "{\"command\":\"approveDevice\"" ADDRESS ",\"id\":\"%s\"}", id_of(&lives[1]));
    finish(host);
}
END_TEST

START_TEST(of_several_one_is_named)
{
    struct kit_host *host = open_host(SELKIE_ENROL_OPEN);

    for (int i = 0; i < 3; i++)
        kit_submit_wait(host, kit_data(&lives[i], "x"));
    kit_do(host, "{\"command\":\"removeDevice\"" ADDRESS "}");
    refused(host, id_of(&lives[0]), "{\"command\":\"readmitDevice\"" ADDRESS "}");
    refused(host, "name one of them", "{\"command\":\"readmitDevice\"" ADDRESS "}");
    refused(host, "no ID that was denied", "{\"command\":\"readmitDevice\"" ADDRESS ",\"id\":\"0011223344556677\"}");
    kit_do(host, "{\"command\":\"readmitDevice\"" ADDRESS ",\"id\":\"%s\"}", id_of(&lives[1]));
    kit_submit_wait(host, kit_data(&lives[1], "y"));
    kit_expect_payload(host, &lives[0], 0, "x");
    kit_expect_payload(host, &lives[1], 1, "y");
    json_t *bindings = ask(host, "bindings", "{\"command\":\"getDevice\"" ADDRESS "}"), *each;
    size_t i, removed = 0;
    json_array_foreach (bindings, i, each)
        removed += strcmp(text_of(each, "retired"), "removed") == 0;
    ck_assert_uint_eq(removed, 2);
    json_decref(bindings);
    finish(host);
}
END_TEST

/* Somebody whose IDs were denied by the dozen since does not hide it. */
START_TEST(the_one_that_is_named_is_found_among_any_number)
{
    struct kit_host *host = open_host(SELKIE_ENROL_OPEN);

    kit_submit_wait(host, kit_data(&lives[0], "x"));
    kit_submit_wait(host, kit_data(&lives[1], "mistaken"));
    kit_do(host, "{\"command\":\"denyDevice\"" ADDRESS "}");
    for (uint32_t i = 0; i < 66; i++) {
        struct kit_device other = kit_device(1, 100 + i);
        kit_submit_wait(host, kit_data(&other, "y"));
        kit_do(host, "{\"command\":\"denyDevice\"" ADDRESS "}");
    }
    kit_do(host, "{\"command\":\"readmitDevice\"" ADDRESS ",\"id\":\"%s\"}", id_of(&lives[1]));
    finish(host);
}
END_TEST

/* Somebody read its ID out of it: nobody takes that back by the way. */
START_TEST(what_was_revoked_has_no_way_back)
{
    struct kit_host *host = open_host(SELKIE_ENROL_OPEN);

    kit_submit_wait(host, kit_data(&lives[0], "x"));
    kit_submit_wait(host, kit_data(&lives[1], "y"));
    kit_do(host, "{\"command\":\"denyDevice\"" ADDRESS "}");
    kit_do(host, "{\"command\":\"revokeDevice\"" ADDRESS "}");
    refused(host, "restore it first", "{\"command\":\"readmitDevice\"" ADDRESS "}");
    kit_do(host, "{\"command\":\"removeDevice\"" ADDRESS "}");
    refused(host, "reset the device", "{\"command\":\"readmitDevice\"" ADDRESS ",\"id\":\"%s\"}", id_of(&lives[0]));
    kit_close(host);

    /* One that was denied before learns that its device was restored meanwhile. */
    set_up();
    host = open_host(SELKIE_ENROL_OPEN);
    kit_submit_wait(host, kit_data(&lives[0], "x"));
    kit_submit_wait(host, kit_data(&lives[1], "y"));
    kit_do(host, "{\"command\":\"revokeDevice\"" ADDRESS "}");
    kit_do(host, "{\"command\":\"denyDevice\"" ADDRESS "}");
    kit_do(host, "{\"command\":\"restoreDevice\"" ADDRESS "}");
    kit_do(host, "{\"command\":\"readmitDevice\"" ADDRESS "}");
    kit_submit_wait(host, kit_data(&lives[1], "z"));
    kit_expect_payload(host, &lives[0], 0, "x");
    kit_expect_payload(host, &lives[1], 1, "z");
    finish(host);
}
END_TEST

/* Whoever generates IDs with one session tag must not get a ninth in by being readmitted. */
START_TEST(a_readmission_counts_under_its_session_tag)
{
    struct kit_host *host = open_host(SELKIE_ENROL_OPEN);

    kit_submit_wait(host, kit_data(&lives[0], "x"));
    kit_do(host, "{\"command\":\"removeDevice\"" ADDRESS "}");
    for (uint32_t i = 2; i < 10; i++) {
        struct kit_device other = kit_device(i, 1);
        kit_submit_wait(host, kit_data(&other, "x"));
    }
    kit_close(host);
    kit_execute(dir, "UPDATE binding SET tag = x'01020304'");
    host = open_host(SELKIE_ENROL_OPEN);
    refused(host, "session tag", "{\"command\":\"readmitDevice\"" ADDRESS "}");
    kit_do(host, "{\"command\":\"removeDevice\",\"address\":\"0200000000000002\"}");
    kit_do(host, "{\"command\":\"readmitDevice\"" ADDRESS "}");
    finish(host);
}
END_TEST

static void expect_one(const char *which)
{
    char sql[160];

    /* Fails unless there is exactly one row, and it is so. */
    snprintf(sql, sizeof sql,
             "CREATE TEMP TABLE one (n CHECK (n = 1)); INSERT INTO one SELECT count(*) FROM binding WHERE %s", which);
    kit_execute(dir, "%s", sql);
}

/* The way back ends, and with it the session key that was kept for it. */
START_TEST(the_way_back_ends_after_thirty_days)
{
    struct kit_host *host = open_host(SELKIE_ENROL_OPEN);
    struct kit_device other = kit_device(2, 1);

    kit_submit_wait(host, kit_data(&lives[0], "x"));
    kit_do(host, "{\"command\":\"removeDevice\"" ADDRESS "}");
    kit_submit_wait(host, kit_data(&other, "x"));
    for (int day = 0; day < 29; day++) {
        steady_s += DAY_S;
        kit_submit_wait(host, kit_data(&other, "x"));
    }
    kit_close(host);
    expect_one("session IS NOT NULL AND status = 4 AND ended = 2");
    host = open_host(SELKIE_ENROL_OPEN);
    for (int day = 0; day < 3; day++) {
        steady_s += DAY_S;
        kit_submit_wait(host, kit_data(&other, "x"));
    }
    kit_do(host, "{\"command\":\"listGateways\"}"); /* a walk has ended */
    refused(host, "reset the device", "{\"command\":\"readmitDevice\"" ADDRESS ",\"id\":\"%s\"}", id_of(&lives[0]));
    kit_submit_wait(host, kit_data(&lives[0], "y"));
    kit_expect_rejected(host, "retired");
    kit_close(host);
    finish(NULL);
    expect_one("session IS NULL AND entries = x'' AND status = 4 AND ended = 0");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("waiting");
    TCase *tcase = tcase_create("waiting");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_checked_fixture(tcase, set_up, NULL);
    tcase_add_test(tcase, what_waits_is_in_the_state_the_stats_and_a_list_of_its_own);
    tcase_add_test(tcase, what_waits_is_listed_page_by_page);
    tcase_add_test(tcase, an_approval_denies_what_was_silent_since);
    tcase_add_test(tcase, an_id_that_was_heard_since_is_not_denied_and_stops_the_newest);
    tcase_add_test(tcase, an_approval_denies_no_id_that_is_not_due_yet);
    tcase_add_test(tcase, all_pending_ids_are_denied_at_once);
    tcase_add_test(tcase, a_removed_device_that_runs_is_taken_back_where_it_was);
    tcase_add_test(tcase, a_readmission_of_what_was_removed_enrols_the_device_again);
    tcase_add_test(tcase, a_mistaken_denial_is_taken_back);
    tcase_add_test(tcase, of_several_one_is_named);
    tcase_add_test(tcase, the_one_that_is_named_is_found_among_any_number);
    tcase_add_test(tcase, what_was_revoked_has_no_way_back);
    tcase_add_test(tcase, a_readmission_counts_under_its_session_tag);
    tcase_add_test(tcase, the_way_back_ends_after_thirty_days);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
