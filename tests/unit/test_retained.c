/* SPDX-License-Identifier: Apache-2.0 */
/* What of the broker's retained messages counts, with a fake Mosquitto. The registry's answers are wrapped. */
#include "retained.h"

#include "fake_mosquitto.h"
#include "run_suite.h"

#include "model/output.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

#define STATE "selkie/device/0102030405060708/state"

static struct selkie_retained *retained;
static unsigned noted;

enum selkie_gateway_auth __wrap_selkie_unsealer_gateway(struct selkie_unsealer *unsealer, const char *name);
void __wrap_selkie_unsealer_note_gateway(struct selkie_unsealer *unsealer, const char *name);

enum selkie_gateway_auth __wrap_selkie_unsealer_gateway(struct selkie_unsealer *unsealer, const char *name)
{
    (void)unsealer;
    return strncmp(name, "roof", 4) == 0 ? SELKIE_GATEWAY_PASSWORD : SELKIE_GATEWAY_UNKNOWN;
}

void __wrap_selkie_unsealer_note_gateway(struct selkie_unsealer *unsealer, const char *name)
{
    (void)unsealer;
    ck_assert_str_eq(name, "roof-1");
    noted++;
}

static void setup(void)
{
    fake_reset();
    ck_assert_int_eq(selkie_retained_open(&retained, "selkie"), 0);
}

static void teardown(void)
{
    selkie_retained_close(retained);
    ck_assert_uint_eq(fake_allocated, 0);
}

/* What a run publishes as the state of a device; static. */
static const char *state_of(struct selkie_retained *run, const char *json)
{
    struct selkie_output *output = selkie_output_new(SELKIE_OUTPUT_STATE, json, strlen(json));

    memcpy(output->address, "\1\2\3\4\5\6\7\10", SELKIE_ADDRESS_SIZE);
    ck_assert_int_eq(selkie_retained_publish_state(run, output), 0);
    selkie_output_free(output);
    const struct fake_message *message = &fake_messages[fake_message_count - 1];
    ck_assert_str_eq(message->topic, STATE);
    ck_assert(message->retain);
    ck_assert_int_eq(message->qos, 1);
    return message->payload;
}

static bool is_current(const char *payload)
{
    return selkie_retained_is_current(retained, STATE, payload, strlen(payload));
}

START_TEST(a_state_of_another_run_is_nobodys_and_is_cleared_once_all_are_out)
{
    struct selkie_retained *earlier;

    ck_assert_int_eq(selkie_retained_open(&earlier, "selkie"), 0);
    const char *old = state_of(earlier, "{\"status\":\"active\"}"),
               *now = state_of(retained, "{\"status\":\"active\"}");
    ck_assert_str_ne(old, now);
    ck_assert(is_current(now));
    ck_assert(!is_current(old));
    ck_assert(!is_current("{\"status\":\"active\"}")); /* of a version that did not mark them */
    ck_assert(!is_current("x"));
    ck_assert_uint_eq(fake_message_count, 2); /* its turn may still come */
    selkie_retained_end_refresh(retained);
    ck_assert(is_current(now));
    ck_assert_uint_eq(fake_message_count, 2);
    ck_assert(!is_current(old));
    ck_assert_uint_eq(fake_message_count, 3);
    ck_assert_str_eq(fake_messages[2].topic, STATE);
    ck_assert_uint_eq(fake_messages[2].len, 0);
    ck_assert(fake_messages[2].retain);
    selkie_retained_close(earlier);
}
END_TEST

START_TEST(a_removed_device_has_no_state)
{
    ck_assert_str_eq(state_of(retained, ""), "");
}
END_TEST

/* Whoever subscribes to a million of them must not fill the broker's memory with as many messages. */
START_TEST(a_turn_clears_a_bounded_number)
{
    selkie_retained_end_refresh(retained);
    for (unsigned i = 0; i < SELKIE_RETAINED_CLEAR_MAX + 10; i++)
        ck_assert(!is_current("{}"));
    ck_assert_uint_eq(fake_message_count, SELKIE_RETAINED_CLEAR_MAX);
    fake_reset();
    selkie_retained_turn(retained);
    ck_assert(!is_current("{}"));
    ck_assert_uint_eq(fake_message_count, 1);
}
END_TEST

static void hear(const char *gateway, enum selkie_topic_kind kind)
{
    struct selkie_topic topic = {.kind = kind};

    (void)snprintf(topic.gateway, sizeof topic.gateway, "%s", gateway);
    selkie_retained_hear(retained, NULL, &topic);
}

START_TEST(who_was_heard_is_not_said_to_be_offline)
{
    hear("roof-1", SELKIE_TOPIC_GATEWAY_STATE);
    ck_assert_uint_eq(noted, 1);
    hear("roof-2", SELKIE_TOPIC_GATEWAY_UP);
    hear("stranger", SELKIE_TOPIC_GATEWAY_STATE); /* which the registry does not learn of */
    ck_assert_uint_eq(noted, 1);
    ck_assert_int_eq(selkie_retained_publish_absent(retained, "roof-1"), 0);
    ck_assert_int_eq(selkie_retained_publish_absent(retained, "roof-2"), 0);
    ck_assert_uint_eq(fake_message_count, 0);
    ck_assert_int_eq(selkie_retained_publish_absent(retained, "roof-3"), 0);
    ck_assert_uint_eq(fake_message_count, 1);
    ck_assert_str_eq(fake_messages[0].topic, "selkie/gateway/roof-3/state");
    ck_assert_str_eq(fake_messages[0].payload, "{\"state\":\"offline\"}");
    ck_assert(fake_messages[0].retain);
}
END_TEST

static int64_t now_ms;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    (void)clock;
    *now = (struct timespec){.tv_sec = now_ms / 1000};
    return 0;
}

static bool is_stranger_current(const char *gateway, const char *payload)
{
    return selkie_retained_is_stranger_current(retained, gateway, payload, strlen(payload));
}

/* With "gateways": "any", or behind a bridge: the registry does not know them, so nobody can publish for them all. */
START_TEST(a_stranger_that_does_not_come_back_is_offline)
{
    ck_assert(is_stranger_current("dead", "{\"state\":\"online\"}")); /* it may come yet */
    now_ms += SELKIE_RETAINED_GATEWAYS_WAIT_MS;
    hear("back", SELKIE_TOPIC_GATEWAY_UP);
    ck_assert(is_stranger_current("back", "{\"state\":\"online\"}"));
    ck_assert(is_stranger_current("dead", "{\"state\":\"offline\"}"));
    ck_assert_uint_eq(fake_message_count, 0);
    ck_assert(!is_stranger_current("dead", "{\"state\":\"online\"}"));
    ck_assert_uint_eq(fake_message_count, 1);
    ck_assert_str_eq(fake_messages[0].topic, "selkie/gateway/dead/state");
    ck_assert_str_eq(fake_messages[0].payload, "{\"state\":\"offline\"}");
    ck_assert(fake_messages[0].retain);
    for (unsigned i = 0; i < 2 * SELKIE_RETAINED_CLEAR_MAX; i++) /* as many as are cleared in a turn */
        ck_assert(!is_stranger_current("dead", "{\"state\":\"online\"}"));
    ck_assert_uint_eq(fake_message_count, SELKIE_RETAINED_CLEAR_MAX);
}
END_TEST

/* Whoever makes up names fills no memory, and does not make others offline. */
START_TEST(a_bounded_number_of_strangers_is_kept)
{
    char name[32];

    for (unsigned i = 0; i <= 65536; i++) {
        (void)snprintf(name, sizeof name, "made-up-%u", i);
        hear(name, SELKIE_TOPIC_GATEWAY_STATE);
    }
    now_ms += SELKIE_RETAINED_GATEWAYS_WAIT_MS;
    ck_assert(is_stranger_current("made-up-65536", "{\"state\":\"online\"}"));
    ck_assert_uint_eq(fake_message_count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("retained");
    TCase *tcase = tcase_create("retained");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_state_of_another_run_is_nobodys_and_is_cleared_once_all_are_out);
    tcase_add_test(tcase, a_removed_device_has_no_state);
    tcase_add_test(tcase, a_turn_clears_a_bounded_number);
    tcase_add_test(tcase, who_was_heard_is_not_said_to_be_offline);
    tcase_add_test(tcase, a_stranger_that_does_not_come_back_is_offline);
    tcase_add_test(tcase, a_bounded_number_of_strangers_is_kept);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
