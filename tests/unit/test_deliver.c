/* SPDX-License-Identifier: Apache-2.0 */
/* What the unsealer puts out, as messages of a fake Mosquitto: each once and in order, also through want of memory. The
 * unsealer's calls and the answers to commands are wrapped at link time. */
#include "deliver.h"
#include "fake_mosquitto.h"
#include "run_suite.h"
#include "shown.h"

#include "model/output.h"
#include <limits.h>
#include <mosquitto.h>
#include <stdio.h>
#include <string.h>

struct selkie_output *__wrap_selkie_unsealer_take(struct selkie_unsealer *unsealer);
void __wrap_selkie_unsealer_delivered(struct selkie_unsealer *unsealer, uint64_t outbox);
int __wrap_selkie_control_answer(struct selkie_control *control, const struct selkie_output *answer, const char *root);
int __wrap_mosquitto_property_add_string_pair(mosquitto_property **properties, int id, const char *name,
                                              const char *value);
int __real_mosquitto_property_add_string_pair(mosquitto_property **properties, int id, const char *name,
                                              const char *value);

static struct selkie_output_list waiting;
static uint64_t delivered;
static unsigned confirmations;
static unsigned property_room = UINT_MAX;
static unsigned answer_room = UINT_MAX, answers;
static struct selkie_deliver *deliver;
static struct selkie_retained *retained;
static struct selkie_retained_values *values;
static struct selkie_discovery *discovery;
static struct selkie_shown *shown;

struct selkie_output *__wrap_selkie_unsealer_take(struct selkie_unsealer *unsealer)
{
    struct selkie_output *output = waiting.first;

    (void)unsealer;
    if (output != NULL) {
        waiting.first = output->next;
        waiting.last = waiting.first == NULL ? NULL : waiting.last;
        waiting.count--;
        output->next = NULL;
    }
    return output;
}

void __wrap_selkie_unsealer_delivered(struct selkie_unsealer *unsealer, uint64_t outbox)
{
    (void)unsealer;
    delivered = outbox;
    confirmations++;
}

int __wrap_selkie_control_answer(struct selkie_control *control, const struct selkie_output *answer, const char *root)
{
    (void)control;
    (void)answer;
    ck_assert_str_eq(root, "selkie");
    if (answer_room == 0)
        return SELKIE_ENOMEM;
    answers++;
    return 0;
}

int __wrap_mosquitto_property_add_string_pair(mosquitto_property **properties, int id, const char *name,
                                              const char *value)
{
    if (property_room == 0)
        return MOSQ_ERR_NOMEM;
    property_room--;
    return __real_mosquitto_property_add_string_pair(properties, id, name, value);
}

static void setup(void)
{
    fake_reset();
    ck_assert_int_eq(selkie_shown_open(&shown), 0);
    ck_assert_int_eq(selkie_retained_open(&retained, "selkie"), 0);
    ck_assert_int_eq(selkie_retained_values_open(&values, "selkie", shown), 0);
    ck_assert_int_eq(selkie_discovery_open(&discovery, "selkie", retained, shown), 0);
    const struct selkie_deliver_parts parts = {
        .retained = retained, .values = values, .discovery = discovery, .root = "selkie"};
    ck_assert_int_eq(selkie_deliver_open(&deliver, &parts), 0);
}

static void teardown(void)
{
    selkie_deliver_close(deliver);
    selkie_discovery_close(discovery);
    selkie_retained_close(retained);
    selkie_retained_values_close(values);
    selkie_output_list_free(&waiting);
    selkie_shown_close(shown);
    ck_assert_uint_eq(fake_allocated, 0);
}

static struct selkie_output *put(enum selkie_output_kind kind, const char *data)
{
    static const uint8_t address[SELKIE_ADDRESS_SIZE] = {1, 2, 3, 4, 5, 6, 7, 0xab};
    struct selkie_output *output = selkie_output_new(kind, data, strlen(data));

    ck_assert_ptr_nonnull(output);
    memcpy(output->address, address, sizeof address);
    (void)snprintf(output->gateway, sizeof output->gateway, "roof");
    selkie_output_list_add(&waiting, output);
    return output;
}

/* A payload of the outbox, whose number is its text and its counter. */
static void put_payload(uint64_t outbox)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)outbox);
    struct selkie_output *output = put(SELKIE_OUTPUT_PAYLOAD, text);
    output->outbox = outbox;
    output->counter = (uint32_t)outbox;
}

static void put_receipt_of(const char *gateway, uint64_t instance, uint64_t seq)
{
    struct selkie_output *output = put(SELKIE_OUTPUT_RECEIPT, "");

    (void)snprintf(output->gateway, sizeof output->gateway, "%s", gateway);
    output->instance = instance;
    output->seq = seq;
}

static void put_receipt(const char *gateway, uint64_t seq)
{
    put_receipt_of(gateway, 0, seq);
}

static void expect(unsigned index, const char *topic, const char *payload, int qos, bool retain, const char *properties)
{
    ck_assert_uint_lt(index, fake_message_count);
    const struct fake_message *message = &fake_messages[index];
    ck_assert_str_eq(message->client_id, "");
    ck_assert_str_eq(message->topic, topic);
    ck_assert_str_eq(message->payload, payload);
    ck_assert_int_eq(message->qos, qos);
    ck_assert_int_eq(message->retain, retain);
    ck_assert_str_eq(message->properties, properties);
}

START_TEST(each_kind_of_output_has_its_topic_and_its_manners)
{
    struct selkie_output *output = put(SELKIE_OUTPUT_PAYLOAD, "21.5");
    output->counter = UINT32_MAX;
    output->rx_ms = 1700000000123;
    output->clock = SELKIE_CLOCK_PROMPT;
    output->form = SELKIE_SESSION;
    output->rssi = -87;
    output->outbox = 1;
    output = put(SELKIE_OUTPUT_PAYLOAD, ""); /* when it was heard is not known */
    output->form = SELKIE_SEALED;
    (void)put(SELKIE_OUTPUT_STATE, "{\"status\":\"active\"}");
    (void)put(SELKIE_OUTPUT_STATE, "");
    (void)put(SELKIE_OUTPUT_EVENT, "{\"event\":\"reset\"}");
    output = put(SELKIE_OUTPUT_REJECTED, "{\"reason\":\"stale\"}");
    (void)snprintf(output->reason, sizeof output->reason, "stale");
    (void)put(SELKIE_OUTPUT_ANSWER, "{}");
    ck_assert(!selkie_deliver_turn(deliver));
    ck_assert_uint_eq(fake_message_count, 6);
    expect(0, "selkie/device/01020304050607ab/up", "21.5", 1, false,
           "counter=4294967295 gateway=roof rx=1700000000123 clock=age form=session rssi=-87 ");
    expect(1, "selkie/device/01020304050607ab/up", "", 1, false, "counter=0 gateway=roof form=sealed ");
    const char *state = fake_messages[2].payload; /* with the mark of this run */
    ck_assert_int_eq(strncmp(state, "{\"status\":\"active\",\"run\":\"", 26), 0);
    expect(2, "selkie/device/01020304050607ab/state", state, 1, true, "");
    ck_assert(selkie_retained_is_current(retained, "topic", state, strlen(state)));
    expect(3, "selkie/device/01020304050607ab/state", "", 1, true, "");
    expect(4, "selkie/device/01020304050607ab/event", "{\"event\":\"reset\"}", 1, false, "");
    expect(5, "selkie/rejected/stale", "{\"reason\":\"stale\"}", 0, false, "");
    ck_assert_uint_eq(answers, 1);
}
END_TEST

/* Mosquitto passes a message on at the start of its next turn. */
START_TEST(what_was_published_is_delivered_a_turn_later_and_told_once)
{
    put_payload(7);
    put_payload(8);
    (void)selkie_deliver_turn(deliver);
    ck_assert_uint_eq(fake_message_count, 2);
    ck_assert_uint_eq(confirmations, 0);
    put_payload(9);
    (void)selkie_deliver_turn(deliver);
    ck_assert_uint_eq(delivered, 8);
    selkie_deliver_confirm(deliver);
    ck_assert_uint_eq(delivered, 9);
    (void)selkie_deliver_turn(deliver);
    ck_assert_uint_eq(confirmations, 2);
}
END_TEST

/* Room for so much, then none: each way in which the third of five payloads cannot be published. */
static const struct {
    unsigned publish, malloc, properties;
} rooms[] = {
    {2, UINT_MAX, UINT_MAX},         {UINT_MAX, 2, UINT_MAX},         {UINT_MAX, UINT_MAX, 2 * 3},
    {UINT_MAX, UINT_MAX, 2 * 3 + 1}, {UINT_MAX, UINT_MAX, 2 * 3 + 2},
};

START_TEST(want_of_memory_skips_nothing_and_keeps_the_order)
{
    fake_publish_room = rooms[_i].publish;
    fake_malloc_room = rooms[_i].malloc;
    property_room = rooms[_i].properties;
    for (uint64_t i = 1; i <= 5; i++)
        put_payload(i);
    for (int turn = 0; turn < 3; turn++) {
        ck_assert(!selkie_deliver_turn(deliver)); /* no hurry: what is refused now is refused at once again */
        ck_assert_uint_eq(fake_message_count, 2);
        ck_assert_uint_eq(delivered, turn == 0 ? 0 : 2); /* what was not published was not delivered */
    }
    fake_publish_room = fake_malloc_room = property_room = UINT_MAX;
    (void)selkie_deliver_turn(deliver);
    ck_assert_uint_eq(delivered, 2);
    selkie_deliver_confirm(deliver);
    ck_assert_uint_eq(delivered, 5);
    ck_assert_uint_eq(fake_message_count, 5);
    for (unsigned i = 0; i < 5; i++)
        ck_assert_int_eq(fake_messages[i].payload[0], (int)('1' + i));
}
END_TEST

START_TEST(an_answer_that_cannot_be_given_is_waited_for_too)
{
    answer_room = 0;
    (void)put(SELKIE_OUTPUT_ANSWER, "{}");
    put_payload(1);
    (void)selkie_deliver_turn(deliver);
    ck_assert_uint_eq(fake_message_count, 0);
    answer_room = UINT_MAX;
    (void)selkie_deliver_turn(deliver);
    ck_assert_uint_eq(answers, 1);
    ck_assert_uint_eq(fake_message_count, 1);
}
END_TEST

START_TEST(a_turn_is_bounded_and_says_that_more_waits)
{
    for (uint64_t i = 1; i <= SELKIE_DELIVER_MAX + 1; i++)
        put_payload(i);
    ck_assert(selkie_deliver_turn(deliver));
    ck_assert_uint_eq(fake_message_count, SELKIE_DELIVER_MAX);
    ck_assert(!selkie_deliver_turn(deliver));
    ck_assert_uint_eq(fake_message_count, SELKIE_DELIVER_MAX + 1);
}
END_TEST

START_TEST(a_turns_receipts_are_one_message_for_each_gateway)
{
    put_receipt("roof", 1);
    put_receipt("tower", 9007199254740993);
    put_receipt("roof", 2);
    put_receipt("roof-2", 3);
    (void)selkie_deliver_turn(deliver);
    ck_assert_uint_eq(fake_message_count, 3);
    expect(0, "selkie/gateway/roof/receipt", "{\"seq\":[1,2]}", 1, false, "");
    expect(1, "selkie/gateway/tower/receipt", "{\"seq\":[9007199254740993]}", 1, false, "");
    expect(2, "selkie/gateway/roof-2/receipt", "{\"seq\":[3]}", 1, false, "");
    put_receipt("roof", 4);
    (void)selkie_deliver_turn(deliver);
    ck_assert_uint_eq(fake_message_count, 4);
    expect(3, "selkie/gateway/roof/receipt", "{\"seq\":[4]}", 1, false, "");
}
END_TEST

START_TEST(each_instance_of_a_gateway_has_a_receipt_of_its_own)
{
    put_receipt_of("roof", 9007199254740991, 1);
    put_receipt_of("roof", 5, 1);
    put_receipt_of("roof", 9007199254740991, 2);
    put_receipt("roof", 3);
    (void)selkie_deliver_turn(deliver);
    ck_assert_uint_eq(fake_message_count, 3);
    expect(0, "selkie/gateway/roof/receipt", "{\"instance\":9007199254740991,\"seq\":[1,2]}", 1, false, "");
    expect(1, "selkie/gateway/roof/receipt", "{\"instance\":5,\"seq\":[1]}", 1, false, "");
    expect(2, "selkie/gateway/roof/receipt", "{\"seq\":[3]}", 1, false, "");
}
END_TEST

START_TEST(a_turn_has_room_for_a_receipt_of_each_of_its_outputs)
{
    char name[16];

    for (unsigned i = 0; i < SELKIE_DELIVER_MAX; i++) {
        (void)snprintf(name, sizeof name, "gateway-%u", i);
        put_receipt(name, i);
    }
    ck_assert(selkie_deliver_turn(deliver));
    ck_assert_uint_eq(fake_message_count, SELKIE_DELIVER_MAX);
    expect(SELKIE_DELIVER_MAX - 1, "selkie/gateway/gateway-255/receipt", "{\"seq\":[255]}", 1, false, "");
}
END_TEST

/* Its gateway sends the frame again, and then has one. */
START_TEST(a_receipt_that_is_refused_holds_up_nothing)
{
    fake_publish_room = 1;
    put_receipt("roof", 1);
    put_payload(1);
    (void)selkie_deliver_turn(deliver);
    ck_assert_uint_eq(fake_message_count, 1);
    ck_assert_str_eq(fake_messages[0].payload, "1");
    fake_publish_room = UINT_MAX;
    (void)selkie_deliver_turn(deliver);
    ck_assert_uint_eq(fake_message_count, 1);
    ck_assert_uint_eq(delivered, 1);
}
END_TEST

START_TEST(home_assistant_hears_of_each_state_and_when_all_are_out)
{
    selkie_discovery_configure(discovery, "homeassistant", false, NULL);
    (void)put(SELKIE_OUTPUT_STATE, "{\"status\":\"active\"}");
    (void)put(SELKIE_OUTPUT_REFRESHED, "");
    ck_assert(!selkie_discovery_is_refreshed(discovery));
    (void)selkie_deliver_turn(deliver);
    ck_assert(selkie_discovery_is_refreshed(discovery));
    selkie_discovery_turn(discovery, 1);
    ck_assert_uint_eq(fake_message_count, 2);
    ck_assert_str_eq(fake_messages[0].topic, "selkie/device/01020304050607ab/state");
    ck_assert_str_eq(fake_messages[1].topic, "homeassistant/device/selkie_01020304050607ab/config");
    (void)put(SELKIE_OUTPUT_STATE, "");
    (void)selkie_deliver_turn(deliver);
    ck_assert_uint_eq(fake_message_count, 4);
    ck_assert_str_eq(fake_messages[2].topic, "homeassistant/device/selkie_01020304050607ab/config");
    ck_assert_uint_eq(fake_messages[2].len, 0);
}
END_TEST

/* It comes out of the outbox at the next start. */
START_TEST(what_is_held_at_the_end_is_not_delivered)
{
    fake_publish_room = 0;
    put_payload(1);
    (void)selkie_deliver_turn(deliver);
    selkie_deliver_confirm(deliver);
    ck_assert_uint_eq(confirmations, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("deliver");
    TCase *tcase = tcase_create("deliver");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, each_kind_of_output_has_its_topic_and_its_manners);
    tcase_add_test(tcase, what_was_published_is_delivered_a_turn_later_and_told_once);
    tcase_add_loop_test(tcase, want_of_memory_skips_nothing_and_keeps_the_order, 0,
                        (int)(sizeof rooms / sizeof rooms[0]));
    tcase_add_test(tcase, an_answer_that_cannot_be_given_is_waited_for_too);
    tcase_add_test(tcase, a_turn_is_bounded_and_says_that_more_waits);
    tcase_add_test(tcase, a_turns_receipts_are_one_message_for_each_gateway);
    tcase_add_test(tcase, each_instance_of_a_gateway_has_a_receipt_of_its_own);
    tcase_add_test(tcase, a_turn_has_room_for_a_receipt_of_each_of_its_outputs);
    tcase_add_test(tcase, a_receipt_that_is_refused_holds_up_nothing);
    tcase_add_test(tcase, home_assistant_hears_of_each_state_and_when_all_are_out);
    tcase_add_test(tcase, what_is_held_at_the_end_is_not_delivered);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
