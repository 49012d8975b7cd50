/* SPDX-License-Identifier: Apache-2.0 */
#include "access.h"
#include "filter.h"

#include "run_suite.h"

#include <check.h>
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <string.h>

enum { READ = MOSQ_ACL_READ, WRITE = MOSQ_ACL_WRITE, SUB = MOSQ_ACL_SUBSCRIBE, UNSUB = MOSQ_ACL_UNSUBSCRIBE };
enum { ALLOW = SELKIE_ACCESS_ALLOW, DENY = SELKIE_ACCESS_DENY, DEFER = SELKIE_ACCESS_DEFER };

#define A    "0011223344556677"
#define UP   "selkie/gateway/gw1/up"
#define HOME "homeassistant/device/selkie_" A "/config"

static const char *bob_topics[] = {"selkie/device/+/state", "selkie/stats"};
static const char *admins[] = {"root"};
static const char *dora_topics[] = {"selkie/device/+/up"}, *eve_topics[] = {"selkie/device/" A "/up"};
static const char *frank_topics[] = {"selkie/device/+/values"};
static const char *one_topics[] = {"selkie/device/" A "/state"};
static struct selkie_plugin_reader readers[] = {{.user = "alice"},
                                                {.user = "bob", .topics = bob_topics, .topic_count = 2},
                                                {.user = "one", .topics = one_topics, .topic_count = 1},
                                                {.user = "dora", .topics = dora_topics, .topic_count = 1},
                                                {.user = "eve", .topics = eve_topics, .topic_count = 1},
                                                {.user = "frank", .topics = frank_topics, .topic_count = 1}};

static const struct selkie_plugin_config open_house = {
    .root = "selkie", .admins = admins, .admin_count = 1, .any_reader = true};
static const struct selkie_plugin_config open_all = {
    .root = "selkie", .admins = admins, .admin_count = 1, .any_reader = true, .allow_other_topics = true};
static const struct selkie_plugin_config closed = {
    .root = "selkie", .admins = admins, .admin_count = 1, .readers = readers, .reader_count = 6};
static struct selkie_plugin_reader gateway_readers[] = {{.user = "gw1", .topics = bob_topics, .topic_count = 2}};
static const struct selkie_plugin_config with_reading_gateway = {
    .root = "selkie", .readers = gateway_readers, .reader_count = 1};
static const struct selkie_plugin_config with_home_assistant = {.root = "selkie",
                                                                .admins = admins,
                                                                .admin_count = 1,
                                                                .readers = readers,
                                                                .reader_count = 3,
                                                                .discovery_prefix = "homeassistant"};
static const struct selkie_plugin_config deep_root = {.root = "site/selkie", .any_reader = true};

/* "gw1" and "gw2" are gateways, everybody else is not. */
struct question {
    const struct selkie_plugin_config *config;
    const char *user; /* NULL = anonymous */
    int access;
    const char *topic;
    int answer;
};

static const struct question questions[] = {
    /* A gateway's tree is its own. */
    {&open_house, "gw1", WRITE, UP, ALLOW},
    {&open_house, "gw1", WRITE, "selkie/gateway/gw1/state", ALLOW},
    {&open_house, "gw1", WRITE, "selkie/gateway/gw1/stats", ALLOW},
    {&open_house, "gw2", WRITE, UP, DENY},
    {&open_house, "gw", WRITE, UP, DENY},
    {&open_house, "alice", WRITE, UP, DENY},
    {&open_house, "alice", WRITE, "selkie/gateway/alice/up", DENY},
    {&open_house, NULL, WRITE, UP, DENY},
    {&open_house, "root", WRITE, UP, DENY},
    {&open_house, "gw1", WRITE, "selkie/gateway/gw1/other", DENY},
    {&open_house, "gw1", WRITE, "selkie/gateway/gw1", DENY},
    {&open_house, "gw1", WRITE, "selkie/gateway/gw1/up/more", DENY},
    /* Nobody but the plugin publishes on these. */
    {&open_all, "gw1", WRITE, "selkie/gateway/gw1/receipt", DENY},
    {&open_all, "root", WRITE, "selkie/device/" A "/up", DENY},
    {&open_all, "gw1", WRITE, "selkie/device/" A "/state", DENY},
    {&open_all, NULL, WRITE, "selkie/device/" A "/event", DENY},
    {&open_all, "root", WRITE, "selkie/device/" A "/else", DENY},
    {&open_all, "root", WRITE, "selkie/device/x", DENY},
    {&open_all, "root", WRITE, "selkie/rejected/replay", DENY},
    {&open_all, "root", WRITE, "selkie/stats", DENY},
    {&open_all, "root", WRITE, "selkie", DENY},
    {&open_all, "root", WRITE, "selkie/", DENY},
    {&open_all, "root", WRITE, "selkie//up", DENY},
    {&open_all, "root", WRITE, "selkie/new", DENY},
    {&open_all, "root", WRITE, "selkiex/new", ALLOW},
    /* Receipts are for their gateway alone. */
    {&open_house, "gw1", READ, "selkie/gateway/gw1/receipt", ALLOW},
    {&open_house, "gw2", READ, "selkie/gateway/gw1/receipt", DENY},
    {&open_house, "root", READ, "selkie/gateway/gw1/receipt", DENY},
    {&open_house, NULL, READ, "selkie/gateway/gw1/receipt", DENY},
    {&open_house, "gw2", SUB, "selkie/gateway/gw1/receipt", DENY},
    {&open_house, "gw1", SUB, "selkie/gateway/gw1/receipt", ALLOW},
    {&closed, "gw1", SUB, "selkie/gateway/gw1/receipt", ALLOW},
    {&closed, "gw1", SUB, "selkie/gateway/gw1/#", ALLOW},
    {&closed, "gw1", SUB, "selkie/gateway/gw10/#", DENY},
    {&closed, "gw1", SUB, "selkie/gateway/+/receipt", DENY},
    /* Readers. */
    {&open_house, NULL, READ, "selkie/device/" A "/up", ALLOW},
    {&open_house, NULL, SUB, "selkie/device/+/up", ALLOW},
    {&open_house, NULL, SUB, "$share/g/selkie/device/+/up", ALLOW},
    {&open_house, NULL, SUB, "$share/g/selkie/gateway/gw1/receipt", DENY},
    {&closed, NULL, READ, "selkie/device/" A "/up", DENY},
    {&closed, "carol", READ, "selkie/device/" A "/up", DENY},
    {&closed, "carol", SUB, "selkie/#", DENY},
    {&closed, "carol", SUB, "$share/g/selkie/#", DENY},
    {&closed, "gw1", READ, "selkie/device/" A "/up", DENY},
    {&closed, "gw1", READ, UP, ALLOW},
    {&closed, "alice", READ, "selkie/device/" A "/up", ALLOW},
    {&closed, "alice", READ, UP, ALLOW},
    {&closed, "alice", SUB, "selkie/device/#", ALLOW},
    {&closed, "bob", READ, "selkie/device/" A "/state", ALLOW},
    {&closed, "bob", READ, "selkie/device/" A "/up", DENY},
    {&closed, "bob", READ, "selkie/stats", ALLOW},
    {&closed, "bob", SUB, "selkie/device/" A "/up", DENY},
    {&closed, "bob", SUB, "selkie/device/#", ALLOW}, /* each delivery is asked about again */
    /* A filter of which a reader may read nothing is refused, so that he knows. */
    {&closed, "bob", SUB, "selkie/#", ALLOW},
    {&closed, "bob", SUB, "selkie/device/+/state", ALLOW},
    {&closed, "bob", SUB, "selkie/+/" A "/state", ALLOW},
    {&closed, "bob", SUB, "selkie/device/+/up", DENY},
    {&closed, "bob", SUB, "selkie/device/+/values", DENY},
    {&closed, "bob", SUB, "selkie/device/+/event", DENY},
    {&closed, "bob", SUB, "selkie/gateway/+/state", DENY},
    {&closed, "bob", SUB, "selkie/gateway/#", DENY},
    {&closed, "bob", SUB, "selkie/rejected/+", DENY},
    {&closed, "bob", SUB, "selkie/models/+", ALLOW},
    {&closed, "dora", SUB, "selkie/+/+/values", ALLOW},
    {&closed, "dora", SUB, "selkie/device/+/values/#", ALLOW},
    {&closed, "dora", SUB, "selkie/device/+/values/late", ALLOW},
    {&closed, "dora", SUB, "selkie/device/+/valuesx", DENY},
    {&closed, "bob", SUB, "selkie/device/+/values/late", DENY},
    {&closed, "frank", SUB, "selkie/device/+/values/late", ALLOW},
    {&closed, "frank", SUB, "selkie/device/+/up", DENY},
    {&closed, "dora", SUB, "selkie/device/+/state", DENY},
    {&closed, "eve", SUB, "selkie/device/+/values", ALLOW},
    {&closed, "eve", SUB, "selkie/device/+/+", ALLOW},
    {&closed, "alice", SUB, "selkie/rejected/+", ALLOW},
    {&closed, "root", READ, "selkie/rejected/replay", ALLOW},
    {&closed, NULL, UNSUB, "selkie/device/#", ALLOW},
    /* readers: "any" is not for registered gateways. */
    {&open_house, "gw1", READ, "selkie/device/" A "/up", DENY},
    {&open_house, "gw1", READ, "selkie/rejected/replay", DENY},
    {&open_house, "gw1", READ, "selkie/gateway/gw2/up", DENY},
    {&open_house, "gw1", SUB, "selkie/device/+/up", DENY},
    {&open_house, "gw1", SUB, "selkie/#", DENY},
    {&open_house, "gw1", SUB, "selkie/gateway/gw1/+", ALLOW},
    {&with_reading_gateway, "gw1", READ, "selkie/stats", ALLOW},
    {&with_reading_gateway, "gw1", SUB, "selkie/device/" A "/up", DENY},
    /* A shared subscription takes messages from others of its group, so it must be able to read them all. */
    {&closed, "bob", SUB, "$share/billing/selkie/device/+/up", DENY},
    {&closed, "bob", SUB, "$share/billing/selkie/device/+/+", DENY},
    {&closed, "bob", SUB, "$share/billing/selkie/device/+/state", ALLOW},
    {&closed, "bob", SUB, "$share/billing/selkie/device/" A "/state", ALLOW},
    {&closed, "bob", SUB, "$share/billing/selkie/stats", ALLOW},
    {&closed, "bob", SUB, "$share/billing/selkie/#", DENY},
    {&closed, "bob", SUB, "$share/billing/#", DENY},
    {&closed, "bob", SUB, "$share/billing/+/device/+/state", DENY},
    {&closed, "alice", SUB, "$share/billing/selkie/device/+/up", ALLOW},
    {&closed, "alice", SUB, "$share/billing/selkie/#", DENY}, /* receipts are in there */
    {&closed, "root", SUB, "$share/billing/selkie/device/#", ALLOW},
    {&closed, "gw1", SUB, "$share/billing/selkie/gateway/gw1/#", ALLOW},
    {&closed, "gw1", SUB, "$share/billing/selkie/gateway/+/receipt", DENY},
    {&open_house, "gw1", SUB, "$share/billing/selkie/device/+/up", DENY},
    {&open_all, NULL, SUB, "$share/billing/#", DENY},
    {&open_all, NULL, SUB, "$share/billing/+/+/gw1/receipt", DENY},
    {&open_all, NULL, SUB, "$share/billing/other/#", ALLOW},
    {&open_house, NULL, SUB, "$share/billing/other/#", DEFER},
    {&closed, NULL, UNSUB, "$share/billing/selkie/#", ALLOW},
    /* Who may read payloads may read their values, and whoever reads anything the models; only the plugin writes. */
    {&closed, "dora", READ, "selkie/device/" A "/values", ALLOW},
    {&closed, "dora", READ, "selkie/device/" A "/state", DENY},
    {&closed, "dora", SUB, "selkie/device/" A "/values", ALLOW},
    {&closed, "dora", SUB, "selkie/device/+/values", ALLOW},
    {&closed, "dora", SUB, "$share/billing/selkie/device/+/values", ALLOW},
    {&closed, "dora", SUB, "$share/billing/selkie/device/+/+", DENY},
    {&closed, "dora", READ, "selkie/device/" A "/values/x", DENY},
    {&closed, "eve", READ, "selkie/device/" A "/values", ALLOW},
    {&closed, "eve", READ, "selkie/device/0011223344556678/values", DENY},
    {&closed, "eve", SUB, "$share/billing/selkie/device/" A "/values", ALLOW},
    {&closed, "eve", SUB, "$share/billing/selkie/device/+/values", DENY},
    {&closed, "bob", READ, "selkie/device/" A "/values", DENY},
    {&closed, "bob", SUB, "$share/billing/selkie/device/+/values", DENY},
    {&closed, "alice", READ, "selkie/device/" A "/values", ALLOW},
    {&closed, "carol", READ, "selkie/device/" A "/values", DENY},
    {&closed, "gw1", READ, "selkie/device/" A "/values", DENY},
    {&open_house, NULL, READ, "selkie/device/" A "/values", ALLOW},
    {&open_house, "gw1", READ, "selkie/device/" A "/values", DENY},
    /* The late ones as well, for who may read the others. */
    {&closed, "dora", READ, "selkie/device/" A "/values/late", ALLOW},
    {&closed, "dora", SUB, "selkie/device/+/values/late", ALLOW},
    {&closed, "dora", SUB, "$share/billing/selkie/device/+/values/late", ALLOW},
    {&closed, "dora", SUB, "$share/billing/selkie/device/+/values/+", DENY},
    {&closed, "dora", READ, "selkie/device/" A "/values/late/x", DENY},
    {&closed, "frank", READ, "selkie/device/" A "/values/late", ALLOW},
    {&closed, "frank", READ, "selkie/device/" A "/up", DENY},
    {&closed, "frank", SUB, "$share/billing/selkie/device/+/values/late", ALLOW},
    {&closed, "eve", READ, "selkie/device/0011223344556678/values/late", DENY},
    {&closed, "eve", SUB, "$share/billing/selkie/device/" A "/values/late", ALLOW},
    {&closed, "eve", SUB, "$share/billing/selkie/device/+/values/late", DENY},
    {&closed, "bob", READ, "selkie/device/" A "/values/late", DENY},
    {&closed, "carol", READ, "selkie/device/" A "/values/late", DENY},
    {&open_house, "gw1", READ, "selkie/device/" A "/values/late", DENY},
    {&deep_root, NULL, READ, "site/selkie/device/" A "/values/late", ALLOW},
    {&open_all, "root", WRITE, "selkie/device/" A "/values/late", DENY},
    {&closed, "dora", READ, "selkie/models/acme", ALLOW},
    {&closed, "dora", SUB, "selkie/models/+", ALLOW},
    {&closed, "dora", SUB, "$share/billing/selkie/models/+", ALLOW},
    {&closed, "carol", READ, "selkie/models/acme", DENY},
    {&closed, "carol", SUB, "$share/billing/selkie/models/+", DENY},
    {&open_house, "gw1", READ, "selkie/models/acme", DENY},
    {&deep_root, NULL, READ, "site/selkie/device/" A "/values", ALLOW},
    {&open_all, "root", WRITE, "selkie/device/" A "/values", DENY},
    {&open_all, "gw1", WRITE, "selkie/device/" A "/values", DENY},
    {&open_all, "root", WRITE, "selkie/models/acme", DENY},
    /* The control topic. */
    {&open_all, "root", WRITE, "$CONTROL/selkie/v1", ALLOW},
    {&open_all, "root", WRITE, "$CONTROL/selkie/v1/response", DENY},
    {&open_all, "root", SUB, "$CONTROL/selkie/v1/response", ALLOW},
    {&open_all, "root", READ, "$CONTROL/selkie/v1/response", ALLOW},
    {&open_all, "root", SUB, "$CONTROL/selkie/v1", DENY},
    {&open_all, "gw1", WRITE, "$CONTROL/selkie/v1", DENY},
    {&open_all, NULL, WRITE, "$CONTROL/selkie/v1", DENY},
    {&open_all, "alice", SUB, "$CONTROL/selkie/v1/response", DENY},
    /* What is not below the root. */
    {&open_house, "gw1", WRITE, "other", DEFER},
    {&open_house, NULL, SUB, "#", DEFER},
    {&open_house, NULL, SUB, "+/device/#", DEFER},
    {&open_house, NULL, READ, "$SYS/broker/uptime", DEFER},
    {&open_all, NULL, WRITE, "other", ALLOW},
    {&open_all, NULL, SUB, "#", ALLOW},
    {&open_all, NULL, UNSUB, "#", ALLOW},
    {&open_all, NULL, READ, "$SYS/broker/uptime", ALLOW},
    {&open_all, "root", WRITE, "$CONTROL/dynamic-security/v1", DEFER},
    {&open_all, "root", SUB, "$CONTROL/#", DEFER},
    {&open_all, "root", WRITE, "$else", DEFER},
    {&open_all, "root", WRITE, "$SYSx", DEFER},
    /* Home Assistant's tree: our messages there are for those who may read the device's state, and by the plugin. */
    {&closed, "alice", READ, HOME, DEFER},
    {&with_home_assistant, "alice", READ, HOME, ALLOW},
    {&with_home_assistant, "bob", READ, HOME, ALLOW},
    {&with_home_assistant, "root", READ, HOME, ALLOW},
    {&with_home_assistant, "eve", READ, HOME, DENY},
    {&with_home_assistant, NULL, READ, HOME, DENY},
    {&with_home_assistant, "gw1", READ, HOME, DENY},
    {&with_home_assistant, "root", WRITE, HOME, DENY},
    {&with_home_assistant, "alice", WRITE, HOME, DENY},
    {&with_home_assistant, "alice", SUB, HOME, ALLOW},
    {&with_home_assistant, "alice", SUB, "homeassistant/#", ALLOW},
    {&with_home_assistant, "bob", SUB, "homeassistant/+/+/config", ALLOW},
    {&with_home_assistant, "eve", SUB, "homeassistant/#", DEFER},
    {&with_home_assistant, "alice", SUB, "$share/x/homeassistant/#", DEFER},
    {&with_home_assistant, "bob", SUB, "$share/x/homeassistant/#", DEFER},
    {&with_home_assistant, "eve", SUB, "$share/x/homeassistant/#", DENY}, /* would take them from the others */
    {&with_home_assistant, NULL, SUB, "$share/x/homeassistant/+/+/config", DENY},
    {&with_home_assistant, "gw1", SUB, "$share/x/" HOME, DENY},
    {&with_home_assistant, "eve", SUB, "$share/x/homeassistant/+/selkie_" A "/config", DENY},
    {&with_home_assistant, "one", SUB, "$share/x/homeassistant/device/+/config", DENY},
    {&with_home_assistant, "one", SUB, "$share/x/" HOME, DEFER},
    {&with_home_assistant, "eve", SUB, "$share/x/homeassistant/status", DEFER},
    {&with_home_assistant, "eve", SUB, "$share/x/homeassistant/device/+/state", DEFER},
    {&with_home_assistant, "eve", UNSUB, "$share/x/homeassistant/#", DEFER},
    {&with_home_assistant, "alice", UNSUB, "homeassistant/#", ALLOW},
    {&with_home_assistant, "alice", WRITE, "homeassistant/status", DEFER},
    {&with_home_assistant, "alice", READ, "homeassistant/status", DEFER},
    {&with_home_assistant, "alice", READ, "homeassistant/sensor/x/config", DEFER},
    {&with_home_assistant, "alice", WRITE, "homeassistant/device/selkie_x/config", DEFER},
    {&with_home_assistant, "alice", SUB, "homeassistants/#", DEFER},
    {&with_home_assistant, "alice", SUB, "#", DEFER},
    /* A root of two levels. */
    {&deep_root, "gw1", WRITE, "site/selkie/gateway/gw1/up", ALLOW},
    {&deep_root, "gw1", WRITE, "site/selkie/device/" A "/up", DENY},
    {&deep_root, "gw1", WRITE, UP, DEFER},
    {&deep_root, "gw1", WRITE, "site", DEFER},
};

START_TEST(each_question_has_its_answer)
{
    const struct question *question = &questions[_i];
    struct selkie_access_request request = {.access = question->access,
                                            .topic = question->topic,
                                            .user = question->user,
                                            .is_gateway = question->user != NULL && question->user[0] == 'g',
                                            .is_registered = question->user != NULL && question->user[0] == 'g'};

    ck_assert_msg((int)selkie_access_decide(question->config, &request) == question->answer, "%s, access %d, %s",
                  question->user != NULL ? question->user : "anonymous", question->access, question->topic);
}
END_TEST

START_TEST(an_unknown_kind_of_access_is_denied)
{
    struct selkie_access_request request = {.access = 0x10, .topic = UP, .user = "gw1", .is_gateway = true};

    ck_assert_int_eq((int)selkie_access_decide(&open_all, &request), DENY);
}
END_TEST

static bool may_publish(const char *text, const char *user, bool is_gateway, bool is_bridge)
{
    struct selkie_access_publisher publisher = {.user = user, .is_gateway = is_gateway, .is_bridge = is_bridge};
    struct selkie_topic topic;

    ck_assert_int_eq(selkie_topic_parse(&topic, "selkie", text), 0);
    return selkie_access_may_publish(&topic, &publisher);
}

START_TEST(a_message_is_published_by_its_gateway_a_named_bridge_or_nobody)
{
    static const char *const plugins_own[] = {"selkie/device/" A "/up", "selkie/device/x", "selkie/gateway/gw1/receipt",
                                              "selkie/stats", "selkie/rejected/replay"};
    static const char *const gateways[] = {UP, "selkie/gateway/gw1/state", "selkie/gateway/gw1/stats"};

    for (size_t i = 0; i < sizeof plugins_own / sizeof *plugins_own; i++) {
        ck_assert(!may_publish(plugins_own[i], "gw1", true, false));
        ck_assert(!may_publish(plugins_own[i], NULL, false, true));
    }
    for (size_t i = 0; i < sizeof gateways / sizeof *gateways; i++) {
        ck_assert(may_publish(gateways[i], "gw1", true, false));
        ck_assert(!may_publish(gateways[i], "gw1", false, false));
        ck_assert(!may_publish(gateways[i], "gw2", true, false));
        ck_assert(!may_publish(gateways[i], NULL, false, false));
        ck_assert(may_publish(gateways[i], NULL, false, true));
    }
}
END_TEST

static bool is_gw(const void *context, const char *name)
{
    (void)context;
    return strncmp(name, "gw", 2) == 0;
}

START_TEST(a_gateways_client_id_is_its_own)
{
    static const char *const ids[] = {"gw1", "selkie-gateway-gw1"};

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        ck_assert(selkie_access_may_use_id("selkie", ids[i], "gw1", is_gw, NULL));
        ck_assert(!selkie_access_may_use_id("selkie", ids[i], "gw2", is_gw, NULL));
        ck_assert(!selkie_access_may_use_id("selkie", ids[i], "root", is_gw, NULL));
        ck_assert(!selkie_access_may_use_id("selkie", ids[i], NULL, is_gw, NULL));
    }
    ck_assert(selkie_access_may_use_id("selkie", "anything", "root", is_gw, NULL));
    ck_assert(selkie_access_may_use_id("selkie", "selkie-gateway-unknown", "root", is_gw, NULL));
}
END_TEST

START_TEST(filters_cover_and_overlap_as_mqtt_says)
{
    static const struct {
        const char *a, *b;
        bool covers, overlaps;
    } pairs[] = {
        {"a/b", "a/b", true, true},      {"a/b", "a/c", false, false},     {"a/+", "a/b", true, true},
        {"a/b", "a/+", false, true},     {"a/#", "a/+/c", true, true},     {"a/#", "a", true, true},
        {"a/#", "a/#", true, true},      {"a/+", "a/#", false, true},      {"a/+", "a/b/c", false, false},
        {"+/b", "a/+", false, true},     {"#", "a/b", true, true},         {"#", "$SYS/x", false, false},
        {"+/x", "$SYS/x", false, false}, {"$SYS/#", "$SYS/x", true, true}, {"a/b/#", "a/#", false, true},
        {"a/+/#", "a", false, false},    {"a//b", "a/+/b", false, true},   {"a/+/b", "a//b", true, true},
        {"a", "a/b", false, false},      {"a/b", "a", false, false},       {"a/+/#", "a/b", true, true},
    };

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        ck_assert_msg(selkie_filter_covers(pairs[i].a, pairs[i].b) == pairs[i].covers, "%s, %s", pairs[i].a,
                      pairs[i].b);
        ck_assert_msg(selkie_filter_overlaps(pairs[i].a, pairs[i].b) == pairs[i].overlaps, "%s, %s", pairs[i].a,
                      pairs[i].b);
        ck_assert_msg(selkie_filter_overlaps(pairs[i].b, pairs[i].a) == pairs[i].overlaps, "%s, %s", pairs[i].b,
                      pairs[i].a);
    }
}
END_TEST

static const char *all_ups[] = {"selkie/stats", "selkie/device/+/up"}, *one_up[] = {"selkie/device/" A "/up"};
static struct selkie_plugin_reader payload_readers[] = {{.user = "alice"},
                                                        {.user = "bob", .topics = bob_topics, .topic_count = 2},
                                                        {.user = "carol", .topics = all_ups, .topic_count = 2},
                                                        {.user = "dave", .topics = one_up, .topic_count = 1}};
static const struct selkie_plugin_config some = {
    .root = "selkie", .admins = admins, .admin_count = 1, .readers = payload_readers, .reader_count = 4};

/* Who subscribes to the payloads of all devices, and may read them. */
static const struct {
    const struct selkie_plugin_config *config;
    const char *user, *filter;
    bool covers;
} subscriptions[] = {
    {&open_house, "alice", "selkie/device/+/up", true},
    {&open_house, "alice", "selkie/device/#", true},
    {&open_house, "alice", "selkie/#", true},
    {&open_house, NULL, "selkie/+/+/up", true},
    {&open_house, "alice", "#", true},
    {&open_house, "alice", "$share/billing/selkie/device/+/up", true},
    {&open_house, "alice", "selkie/device/+/state", false},
    {&open_house, "alice", "selkie/device/" A "/up", false},
    {&open_house, "alice", "selkie/device/0000000000000000/up", false},
    {&open_house, "alice", "selkie/device/ffffffffffffffff/#", false},
    {&open_house, "alice", "selkie/gateway/#", false},
    {&open_house, "alice", "other/device/+/up", false},
    {&open_house, "alice", "$share/billing", false},
    {&deep_root, "alice", "site/selkie/device/+/up", true},
    {&deep_root, "alice", "selkie/device/+/up", false},
    {&some, "alice", "selkie/device/+/up", true},
    {&some, "root", "selkie/device/+/up", true},
    {&some, "carol", "selkie/device/#", true},
    {&some, "bob", "selkie/device/#", false},
    {&some, "dave", "selkie/device/+/up", false},
    {&some, "eve", "selkie/device/+/up", false},
    {&some, "gw1", "selkie/device/+/up", false},
    {&some, NULL, "selkie/device/+/up", false},
};

START_TEST(whoever_reads_all_payloads_is_known_by_the_filter)
{
    const struct selkie_access_request request = {
        .access = SUB, .topic = subscriptions[_i].filter, .user = subscriptions[_i].user, .is_gateway = false};

    ck_assert_msg(selkie_access_covers_payloads(subscriptions[_i].config, &request) == subscriptions[_i].covers,
                  "%s %s", subscriptions[_i].user ? subscriptions[_i].user : "anonymous", subscriptions[_i].filter);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("access");
    TCase *tcase = tcase_create("access");

    tcase_add_loop_test(tcase, each_question_has_its_answer, 0, (int)(sizeof questions / sizeof questions[0]));
    tcase_add_loop_test(tcase, whoever_reads_all_payloads_is_known_by_the_filter, 0,
                        (int)(sizeof subscriptions / sizeof subscriptions[0]));
    tcase_add_test(tcase, an_unknown_kind_of_access_is_denied);
    tcase_add_test(tcase, a_message_is_published_by_its_gateway_a_named_bridge_or_nobody);
    tcase_add_test(tcase, a_gateways_client_id_is_its_own);
    tcase_add_test(tcase, filters_cover_and_overlap_as_mqtt_says);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
