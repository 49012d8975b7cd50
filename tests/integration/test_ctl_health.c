/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl health against a real plugin that works and that cannot store, and against what a plugin in worse trouble
 * publishes. */
#include "frames.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct harness_broker *broker;

/* Run it; its exit status and what it said (heap). */
static int health(char **output, const char *more, const char *another)
{
    const char *argv[] = {harness_program("selkiectl"), "health", "--broker", broker->uri, more, another, NULL};

    return harness_run("health", argv, output);
}

static void expect(int status, const char *text, const char *more, const char *another)
{
    char *output;
    int ended = health(&output, more, another);

    ck_assert_msg(ended == status && strstr(output, text) != NULL, "exit %d, expected %d and \"%s\":\n%s", ended,
                  status, text, output);
    free(output);
}

static void say(struct harness_client *client, const char *topic, const char *text)
{
    ck_assert_int_ge(harness_publish(client, topic, text, strlen(text), 1, true, NULL), 0);
}

START_TEST(a_plugin_that_works_is_healthy_until_it_cannot_store)
{
    sqlite3 *db;

    broker = harness_broker_with_plugin("", "\"gateways\":\"any\"");
    expect(0, "healthy", NULL, NULL);
    expect(0, "\"healthy\": true", "--json", NULL);
    expect(1, "gateway roof-1 has never been here", "roof-1", NULL);
    struct harness_client *first = frames_gateway(broker, "roof-1", NULL);
    struct harness_client *second = frames_gateway(broker, "roof-2", NULL);
    say(first, "selkie/gateway/roof-1/state", "{\"state\":\"online\"}");
    say(second, "selkie/gateway/roof-2/state", "{\"state\":\"offline\"}");
    expect(0, "healthy", "roof-1", NULL);
    expect(1, "gateway roof-2 is offline", "roof-2", NULL);
    expect(1, "gateway roof-2 is offline", "--gateways", NULL);
    say(second, "selkie/gateway/roof-2/state", "{\"state\":\"online\"}");
    expect(0, "healthy", "--gateways", "roof-1");
    expect(2, "not a gateway's name", "a/b", NULL);

    /* Nothing can be written: another process holds the database. */
    ck_assert_int_eq(sqlite3_open(harness_path("state/registry.db"), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    struct frames_device device = frames_device(1);
    frames_send_data(first, "roof-1", &device, "x", 1);
    harness_wait_log(broker->process, "frames wait without a receipt");
    expect(1, "the plugin cannot store", NULL, NULL);
    ck_assert_int_eq(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
    harness_wait_log(broker->process, "works again");
    expect(0, "healthy", NULL, NULL);
    harness_disconnect(first);
    harness_disconnect(second);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
    expect(1, "no broker at", NULL, NULL);
}
END_TEST

#define STATS(damaged, refused)                                                                                        \
    "{\"started\":1,\"storage\":{\"working\":true,\"damaged\":" damaged "},\"dropped\":{\"intake_full\":" refused "}}"

/* A broker whose plugin is gone still has its last stats. */
START_TEST(stats_that_the_broker_kept_prove_nothing)
{
    broker = harness_broker("");
    struct harness_client *plugin = harness_connect(broker, NULL);
    say(plugin, "selkie/stats", STATS("false", "7"));
    expect(1, "has published no stats for 15 s", NULL, NULL);
    harness_disconnect(plugin);
}
END_TEST

static const struct {
    const char *kept, *fresh;
    int status;
    const char *said;
} cases[] = {
    {STATS("false", "7"), STATS("false", "7"), 0, "healthy"},
    {STATS("false", "7"), STATS("false", "9"), 1, "the intake is full: 2 frames were refused"},
    {STATS("false", "7"), STATS("true", "7"), 1, "the registry is damaged"},
    {STATS("false", "7"), "{\"started\":1}", 1, "the registry is damaged"},
    {STATS("false", "7"),
     "{\"started\":2,\"storage\":{\"working\":true,\"damaged\":false},\"dropped\":{\"intake_full\":9}}", 0, "healthy"},
};

START_TEST(what_is_wrong_is_said)
{
    char *output;

    broker = harness_broker("");
    struct harness_client *plugin = harness_connect(broker, NULL);
    say(plugin, "selkie/stats", cases[_i].kept);
    const char *argv[] = {harness_program("selkiectl"), "health", "--broker", broker->uri, NULL};
    struct harness_process *asking = harness_spawn("asking", argv, false);
    harness_wait_log(broker->process, "selkie/stats (QoS 0)");
    say(plugin, "selkie/stats", cases[_i].fresh);
    ck_assert_int_eq(harness_wait_exit(asking), cases[_i].status);
    output = harness_read(asking->log);
    ck_assert_msg(strstr(output, cases[_i].said) != NULL, "%s", output);
    free(output);
    harness_disconnect(plugin);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl_health");
    TCase *tcase = tcase_create("ctl_health");

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_plugin_that_works_is_healthy_until_it_cannot_store);
    tcase_add_test(tcase, stats_that_the_broker_kept_prove_nothing);
    tcase_add_loop_test(tcase, what_is_wrong_is_said, 0, (int)(sizeof cases / sizeof cases[0]));
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
