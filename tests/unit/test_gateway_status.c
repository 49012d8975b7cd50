/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl gateway list and show, over a fake connection: what they subscribe to, and what they make of what comes. */
#include "ctl_command.h"
#include "fake_ctl_client.h"
#include "run_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGISTER(entries)                                                                                              \
    "{\"responses\":[{\"command\":\"listGateways\",\"correlationData\":\"@\",\"data\":{\"gateways\":[" entries "]}}]}"
#define ENTRY(name) "{\"gateway\":\"" name "\",\"auth\":\"password\",\"added\":0}"
#define STATE(name) "selkie/gateway/" name "/state {\"state\":\"online\"}"
#define STATS(name) "selkie/gateway/" name "/stats {\"queue\":3}"

static char *printed;

static void setup(void)
{
    fake_subscribe_reason = fake_publish_reason = fake_filter_reason = 0;
    fake_then = CTL_TIMEOUT;
    fake_filters[0] = fake_said[0] = '\0';
}

static void teardown(void)
{
    ck_assert_int_eq(fake_open_count, 0);
    json_decref(fake_published);
    fake_published = NULL;
    free(printed);
    printed = NULL;
}

static enum ctl_exit run(const char *only, bool json, const char *const coming[])
{
    struct ctl_options options = {.args = {only}, .arg_count = only ? 1 : 0, .json = json};
    struct ctl_command command = {.control = "listGateways"};
    FILE *before = stdout;
    size_t len;

    fake_answers = coming;
    free(printed);
    stdout = open_memstream(&printed, &len);
    enum ctl_exit result = only ? ctl_gateway_show(&options, &command) : ctl_gateway_list(&options, &command);
    (void)fclose(stdout);
    stdout = before;
    return result;
}

START_TEST(what_is_retained_comes_before_the_answer)
{
    ck_assert_int_eq(
        run(NULL, false, (const char *const[]){STATE("roof"), STATS("roof"), REGISTER(ENTRY("roof")), NULL}), CTL_DONE);
    ck_assert_str_eq(fake_filters, "selkie/gateway/+/state selkie/gateway/+/stats ");
    ck_assert_str_eq(printed, "GATEWAY  AUTH      ADDED  STATE   QUEUE\n"
                              "roof     password  -      online      3\n");
}
END_TEST

/* Of very many, the broker dropped some. */
START_TEST(gateways_that_seem_unseen_are_asked_for_one_by_one)
{
    const char *const coming[] = {STATE("roof"), REGISTER(ENTRY("roof") "," ENTRY("yard")), STATE("yard"),
                                  STATS("yard"), REGISTER(ENTRY("roof") "," ENTRY("yard")), NULL};

    ck_assert_int_eq(run(NULL, true, coming), CTL_DONE);
    ck_assert_str_eq(fake_filters, "selkie/gateway/+/state selkie/gateway/+/stats selkie/gateway/roof/stats "
                                   "selkie/gateway/yard/state selkie/gateway/yard/stats ");
    json_t *root = json_loads(printed, 0, NULL), *list = json_object_get(root, "gateways");
    ck_assert_uint_eq(json_array_size(list), 2);
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(list, 1), "state")), "online");
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(json_array_get(list, 1), "stats"), "queue")),
                     3);
    json_decref(root);
}
END_TEST

START_TEST(who_is_not_registered_is_listed_last_and_what_was_taken_back_is_gone)
{
    ck_assert_int_eq(run(NULL, false,
                         (const char *const[]){STATE("any"), STATE("gone"), "selkie/gateway/gone/state ",
                                               "selkie/gateway/x/y/state {}", "selkie/device/0011223344556677/state {}",
                                               "selkie/gateway/yard/state [", REGISTER(ENTRY("yard")),
                                               REGISTER(ENTRY("yard")), NULL}),
                     CTL_DONE);
    ck_assert_str_eq(printed, "GATEWAY  AUTH      ADDED  STATE\n"
                              "yard     password  -      unknown\n"
                              "any      -         -      online\n");
}
END_TEST

START_TEST(one_gateway_is_shown)
{
    const char *const coming[] = {STATE("roof"), STATS("roof"), REGISTER(ENTRY("yard") "," ENTRY("roof")), NULL};

    ck_assert_int_eq(run("roof", false, coming), CTL_DONE);
    ck_assert_str_eq(fake_filters, "selkie/gateway/roof/state selkie/gateway/roof/stats ");
    ck_assert_ptr_nonnull(strstr(printed, "state    online\n"));
    ck_assert_ptr_nonnull(strstr(printed, "stats\n  queue  3\n"));
    ck_assert_int_eq(run("tower", false, (const char *const[]){REGISTER(ENTRY("yard")), NULL}), CTL_FAILED);
    ck_assert_ptr_nonnull(strstr(fake_said, "no such gateway: 'tower'"));
    ck_assert_int_eq(run("a/+", false, coming), CTL_USAGE);
    ck_assert_int_eq(run("roof", false, (const char *const[]){STATE("roof"), NULL}), CTL_FAILED);
    ck_assert_ptr_nonnull(strstr(fake_said, "no answer"));
}
END_TEST

/* Another plugin decides about the topics. */
START_TEST(a_broker_that_refuses_the_topics_still_gives_the_list)
{
    fake_filter_reason = 0x87;
    ck_assert_int_eq(run("roof", false, (const char *const[]){REGISTER(ENTRY("roof")), NULL}), CTL_DONE);
    ck_assert_ptr_nonnull(strstr(fake_said, "does not allow this user to read selkie/gateway/roof/state"));
    ck_assert_int_eq(run(NULL, false, (const char *const[]){REGISTER(ENTRY("roof") "," ENTRY("yard")), NULL}),
                     CTL_DONE);
    ck_assert_str_eq(fake_filters, "selkie/gateway/roof/state selkie/gateway/+/state "); /* once, not for each */
    fake_filter_reason = -1;
    ck_assert_int_eq(run("roof", false, (const char *const[]){REGISTER(ENTRY("roof")), NULL}), CTL_FAILED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gateway_status");
    TCase *tcase = tcase_create("gateway_status");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_is_retained_comes_before_the_answer);
    tcase_add_test(tcase, gateways_that_seem_unseen_are_asked_for_one_by_one);
    tcase_add_test(tcase, who_is_not_registered_is_listed_last_and_what_was_taken_back_is_gone);
    tcase_add_test(tcase, one_gateway_is_shown);
    tcase_add_test(tcase, a_broker_that_refuses_the_topics_still_gives_the_list);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
