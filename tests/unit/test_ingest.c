/* SPDX-License-Identifier: Apache-2.0 */
/* What of a gateway's message reaches the unsealer, whatever its properties say. selkie_unsealer_submit is wrapped. */
#include "ingest.h"
#include "run_suite.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <selkie/link.h>
#include <string.h>

int __wrap_selkie_unsealer_submit(struct selkie_unsealer *unsealer, const struct selkie_arrival *arrival);

static struct selkie_arrival taken; /* body and gateway: only while it was submitted, hence the copies */
static char gateway[SELKIE_GATEWAY_NAME_MAX + 1];
static uint8_t body[SELKIE_LINK_BODY_MAX + 1];
static unsigned submitted;
static int answer;

int __wrap_selkie_unsealer_submit(struct selkie_unsealer *unsealer, const struct selkie_arrival *arrival)
{
    (void)unsealer;
    ck_assert_ptr_nonnull(arrival->body);
    ck_assert_uint_lt(arrival->len, sizeof body);
    taken = *arrival;
    memcpy(body, arrival->body, arrival->len);
    strcpy(gateway, arrival->gateway);
    submitted++;
    return answer;
}

static unsigned heard, heard_interval_s;
static char noted[SELKIE_GATEWAY_NAME_MAX + 1]; /* who was heard last */

void __wrap_selkie_unsealer_hear_gateway(struct selkie_unsealer *unsealer, unsigned interval_s);

void __wrap_selkie_unsealer_hear_gateway(struct selkie_unsealer *unsealer, unsigned interval_s)
{
    (void)unsealer;
    heard_interval_s = interval_s;
    heard++;
}

void __wrap_selkie_retained_hear(struct selkie_retained *retained, struct selkie_unsealer *unsealer,
                                 const struct selkie_topic *topic);

void __wrap_selkie_retained_hear(struct selkie_retained *retained, struct selkie_unsealer *unsealer,
                                 const struct selkie_topic *topic)
{
    (void)retained;
    (void)unsealer;
    strcpy(noted, topic->gateway);
}

struct property {
    const char *name, *value;
};

/* A gateway that is called as the topic says; a bridge may publish whatever any gateway may. Who else may is tested in
 * test_access.c. */
static struct selkie_access_publisher publisher = {.is_gateway = true};

/* Returns whether the message may go on to the subscribers. */
static bool ingest(const char *topic_text, void *payload, size_t len, const struct property *pairs, size_t count)
{
    char topic[128], user[128];
    struct mosquitto_evt_message message = {.topic = topic, .payload = payload, .payloadlen = (uint32_t)len};

    strcpy(topic, topic_text);
    message.retain = true;
    for (size_t i = 0; i < count && pairs[i].name != NULL; i++)
        ck_assert_int_eq(mosquitto_property_add_string_pair(&message.properties, MQTT_PROP_USER_PROPERTY, pairs[i].name,
                                                            pairs[i].value),
                         0);
    unsigned before = submitted;
    publisher.user = strncmp(topic, "selkie/gateway/", 15) == 0 ? strtok(strcpy(user, topic + 15), "/") : NULL;
    bool allowed = selkie_ingest_message(NULL, NULL, "selkie", &publisher, &message);
    mosquitto_property_free_all(&message.properties);
    ck_assert_int_eq(message.retain, submitted == before); /* a frame is never retained; the rest is not our matter */
    return allowed;
}

static uint8_t frame[] = {0x10, 1, 2, 3};

START_TEST(a_frame_is_taken_with_its_gateway_number_and_time)
{
    static const struct property pairs[] = {
        {"port", "/dev/ttyUSB0"}, {"seq", "42"}, {"rx", "1700000000123"}, {"age", "86400000"}, {"rssi", "-87"}};

    ck_assert(ingest("selkie/gateway/roof-1/up", frame, sizeof frame, pairs, 5));
    ck_assert_uint_eq(submitted, 1);
    ck_assert_str_eq(gateway, "roof-1");
    ck_assert_str_eq(noted, "roof-1");
    ck_assert_uint_eq(taken.len, sizeof frame);
    ck_assert_mem_eq(body, frame, sizeof frame);
    ck_assert(taken.has_seq);
    ck_assert_uint_eq(taken.seq, 42);
    ck_assert_int_eq(taken.rx_ms, 1700000000123);
    ck_assert_int_eq(taken.age_ms, 86400000);
    ck_assert_int_eq(taken.rssi, -87);
}
END_TEST

START_TEST(the_age_of_what_a_bridge_may_have_held_back_is_not_used)
{
    static const struct property pairs[] = {{"age", "10"}, {"rx", "1700000000123"}};

    publisher.is_bridge = true;
    ck_assert(ingest("selkie/gateway/roof-1/up", frame, sizeof frame, pairs, 2));
    ck_assert_int_eq(taken.age_ms, -1);
    ck_assert_int_eq(taken.rx_ms, 1700000000123);
}
END_TEST

static const struct {
    struct property pairs[4];
    bool has_seq;
    uint64_t seq;
    int64_t rx_ms;
    int64_t age_ms; /* 0 = none */
    int rssi;
    uint64_t instance;
} told[] = {
    {.pairs = {{"instance", "9007199254740991"}, {"instance", "5"}}, .rx_ms = -1, .instance = 9007199254740991},
    {.pairs = {{"instance", "9007199254740992"}}, .rx_ms = -1},
    {.pairs = {{"instance", "-1"}, {"instance", "0x10"}, {"Instance", "5"}}, .rx_ms = -1},
    {.pairs = {{NULL, NULL}}, .rx_ms = -1},
    {.pairs = {{"seq", "0"}, {"rx", "0"}}, .has_seq = true},
    {.pairs = {{"seq", "9223372036854775807"}}, .has_seq = true, .seq = INT64_MAX, .rx_ms = -1},
    /* The first that is a number counts. */
    {.pairs = {{"seq", "1"}, {"seq", "2"}, {"rx", "3"}, {"rx", "4"}}, .has_seq = true, .seq = 1, .rx_ms = 3},
    {.pairs = {{"seq", "x"}, {"seq", "2"}, {"rx", ""}, {"rx", "4"}}, .has_seq = true, .seq = 2, .rx_ms = 4},
    {.pairs = {{"age", "5"}, {"age", "6"}}, .rx_ms = -1, .age_ms = 5},
    {.pairs = {{"age", "9223372036854775807"}}, .rx_ms = -1, .age_ms = INT64_MAX},
    {.pairs = {{"age", "9223372036854775808"}, {"age", "-1"}, {"age", "1.5"}, {"age", ""}}, .rx_ms = -1},
    /* What no radio has measured. */
    {.pairs = {{"rssi", "-200"}, {"rssi", "-1"}}, .rx_ms = -1, .rssi = -200},
    {.pairs = {{"rssi", "0"}, {"rssi", "-0"}, {"rssi", "-201"}, {"rssi", "-1"}}, .rx_ms = -1, .rssi = -1},
    {.pairs = {{"rssi", "87"}, {"rssi", "--87"}, {"rssi", "-87.5"}, {"rssi", "-87 dBm"}}, .rx_ms = -1},
    {.pairs = {{"rssi", "-"}, {"rssi", "- 87"}, {"rssi", "-+87"}, {"rssi", ""}}, .rx_ms = -1},
    {.pairs = {{"rssi", "-9223372036854775807"}, {"rssi", "-9223372036854775809"}, {"RSSI", "-5"}}, .rx_ms = -1},
    /* No decimal numbers. */
    {.pairs = {{"seq", ""}, {"rx", ""}}, .rx_ms = -1},
    {.pairs = {{"seq", "-1"}, {"rx", "-1"}}, .rx_ms = -1},
    {.pairs = {{"seq", "+1"}, {"rx", " 1"}}, .rx_ms = -1},
    {.pairs = {{"seq", "1 "}, {"rx", "1.0"}}, .rx_ms = -1},
    {.pairs = {{"seq", "0x10"}, {"rx", "1e3"}}, .rx_ms = -1},
    {.pairs = {{"seq", "9223372036854775808"}, {"rx", "99999999999999999999999999"}}, .rx_ms = -1},
    /* Other names. */
    {.pairs = {{"Seq", "1"}, {"RX", "1"}, {"sequence", "1"}, {"", "1"}}, .rx_ms = -1},
};

START_TEST(properties_that_make_no_sense_are_as_if_they_were_not_there)
{
    ck_assert(ingest("selkie/gateway/g/up", frame, sizeof frame, told[_i].pairs, 4));
    ck_assert_uint_eq(submitted, 1); /* the frame is dealt with all the same */
    ck_assert_int_eq(taken.has_seq, told[_i].has_seq);
    ck_assert_uint_eq(taken.seq, told[_i].seq);
    ck_assert_int_eq(taken.rx_ms, told[_i].rx_ms);
    ck_assert_int_eq(taken.age_ms, told[_i].age_ms ? told[_i].age_ms : -1);
    ck_assert_int_eq(taken.rssi, told[_i].rssi);
    ck_assert_uint_eq(taken.instance, told[_i].instance);
}
END_TEST

START_TEST(only_a_gateways_up_is_a_frame)
{
    static const char *const topics[] = {"selkie/gateway/g/state",
                                         "selkie/gateway/g/stats",
                                         "selkie/gateway/g/up/x",
                                         "selkie/gateway//up",
                                         "selkie/gateway/a b/up",
                                         "other/gateway/g/up",
                                         "selkie/device/0011223344556677/up",
                                         "selkie",
                                         ""};

    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++)
        (void)ingest(topics[i], frame, sizeof frame, NULL, 0);
    ck_assert_uint_eq(submitted, 0);
    ck_assert_uint_eq(heard, 2); /* state and stats show that the gateway is there */
}
END_TEST

START_TEST(interval_of_the_stats_is_read_and_nothing_else_of_them_matters)
{
    static char large[70000];
    static const struct {
        const char *text;
        unsigned interval_s;
    } cases[] = {{"{\"interval\":900,\"lines\":[]}", 900},
                 {"{\"interval\":-5}", 0},
                 {"{\"interval\":99999999999}", UINT32_MAX},
                 {"{\"interval\":\"900\"}", 0},
                 {"{\"interval\":1e3}", 0},
                 {"[900]", 0},
                 {"{\"interval\":900", 0},
                 {"", 0}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heard_interval_s = 1;
        (void)strcpy(large, cases[i].text);
        ck_assert(ingest("selkie/gateway/g/stats", large, strlen(large), NULL, 0));
        ck_assert_msg(heard_interval_s == cases[i].interval_s, "%s: %u", cases[i].text, heard_interval_s);
    }
    memset(large, ' ', sizeof large);
    memcpy(large, "{\"interval\":900}", 16);
    ck_assert(ingest("selkie/gateway/g/stats", large, sizeof large, NULL, 0));
    ck_assert_uint_eq(heard_interval_s, 0);
}
END_TEST

START_TEST(an_empty_body_and_an_endless_one_are_handed_on_within_bounds)
{
    static uint8_t endless[4 * SELKIE_LINK_BODY_MAX];

    ck_assert(ingest("selkie/gateway/g/up", NULL, 0, NULL, 0));
    ck_assert_uint_eq(taken.len, 0);
    ck_assert(ingest("selkie/gateway/g/up", endless, sizeof endless, NULL, 0));
    ck_assert_uint_eq(taken.len, SELKIE_LINK_BODY_MAX); /* which no frame has */
    ck_assert_uint_eq(submitted, 2);
}
END_TEST

START_TEST(a_full_intake_is_no_reason_to_refuse_the_message)
{
    answer = SELKIE_EFULL;
    ck_assert(ingest("selkie/gateway/g/up", frame, sizeof frame, NULL, 0));
    ck_assert_uint_eq(submitted, 1);
}
END_TEST

START_TEST(on_the_plugins_own_topics_nobody_else_publishes)
{
    static const struct {
        const char *topic;
        bool allowed;
    } cases[] = {{"selkie/device/0011223344556677/up", false},
                 {"selkie/device/x", false},
                 {"selkie/gateway/gw1/receipt", false},
                 {"selkie/stats", false},
                 {"selkie/rejected/replay", false},
                 {"selkie/gateway/gw1/up", true},
                 {"selkie/gateway/gw1/state", true},
                 {"other/device/0011223344556677/up", true}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_int_eq(ingest(cases[i].topic, frame, sizeof frame, NULL, 0), cases[i].allowed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ingest");
    TCase *tcase = tcase_create("ingest");

    tcase_add_test(tcase, a_frame_is_taken_with_its_gateway_number_and_time);
    tcase_add_test(tcase, the_age_of_what_a_bridge_may_have_held_back_is_not_used);
    tcase_add_loop_test(tcase, properties_that_make_no_sense_are_as_if_they_were_not_there, 0,
                        (int)(sizeof told / sizeof told[0]));
    tcase_add_test(tcase, only_a_gateways_up_is_a_frame);
    tcase_add_test(tcase, interval_of_the_stats_is_read_and_nothing_else_of_them_matters);
    tcase_add_test(tcase, an_empty_body_and_an_endless_one_are_handed_on_within_bounds);
    tcase_add_test(tcase, a_full_intake_is_no_reason_to_refuse_the_message);
    tcase_add_test(tcase, on_the_plugins_own_topics_nobody_else_publishes);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
