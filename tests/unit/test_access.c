/* SPDX-License-Identifier: Apache-2.0 */
#include "access.h"

#include "run_suite.h"

#include <check.h>
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

enum { READ = MOSQ_ACL_READ, WRITE = MOSQ_ACL_WRITE, SUB = MOSQ_ACL_SUBSCRIBE, UNSUB = MOSQ_ACL_UNSUBSCRIBE };
enum { ALLOW = SELKIE_ACCESS_ALLOW, DENY = SELKIE_ACCESS_DENY, DEFER = SELKIE_ACCESS_DEFER };

#define A  "0011223344556677"
#define UP "selkie/gateway/gw1/up"

static const char *bob_topics[] = {"selkie/device/+/state", "selkie/stats"};
static const char *admins[] = {"root"};
static struct selkie_plugin_reader readers[] = {{.user = "alice"},
                                                {.user = "bob", .topics = bob_topics, .topic_count = 2}};

static const struct selkie_plugin_config open_house = {
    .root = "selkie", .admins = admins, .admin_count = 1, .any_reader = true};
static const struct selkie_plugin_config open_all = {
    .root = "selkie", .admins = admins, .admin_count = 1, .any_reader = true, .allow_other_topics = true};
static const struct selkie_plugin_config closed = {
    .root = "selkie", .admins = admins, .admin_count = 1, .readers = readers, .reader_count = 2};
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
    {&closed, "root", READ, "selkie/rejected/replay", ALLOW},
    {&closed, NULL, UNSUB, "selkie/device/#", ALLOW},
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
                                            .is_gateway = question->user != NULL && question->user[0] == 'g'};

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

int main(void)
{
    Suite *suite = suite_create("access");
    TCase *tcase = tcase_create("access");

    tcase_add_loop_test(tcase, each_question_has_its_answer, 0, (int)(sizeof questions / sizeof questions[0]));
    tcase_add_test(tcase, an_unknown_kind_of_access_is_denied);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
