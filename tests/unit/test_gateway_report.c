/* SPDX-License-Identifier: Apache-2.0 */
/* What selkiectl makes of a gateway's claims: the truth where there is one, and nothing hostile. */
#include "gateways/gateway_report.h"
#include "run_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOW INT64_C(1700000100000)

static char *printed;

static void setup(void)
{
    ck_assert_int_eq(setenv("TZ", "UTC", 1), 0);
    tzset();
}

static json_t *claim(const char *text)
{
    return ctl_gateway_claim(text, strlen(text));
}

/* A gateway that said this; NULL: nothing. */
static json_t *report_of(const char *name, const char *state, const char *stats)
{
    json_t *registered =
        json_pack("{s:s, s:s, s:I}", "gateway", name, "auth", "password", "added", (json_int_t)1700000000000);
    json_t *state_json = state ? claim(state) : NULL, *stats_json = stats ? claim(stats) : NULL;
    json_t *report = ctl_gateway_report(name, registered, state_json, stats_json, NOW);

    json_decref(registered);
    json_decref(state_json);
    json_decref(stats_json);
    return report;
}

/* Print reports as a list, or one as a whole. */
static void print_take(json_t *reports)
{
    FILE *before = stdout;
    size_t len;

    free(printed);
    stdout = open_memstream(&printed, &len);
    if (json_is_array(reports))
        ctl_gateway_print_list(reports);
    else
        ctl_gateway_print(reports);
    (void)fclose(stdout);
    stdout = before;
    json_decref(reports);
}

static void expect_list(const char *state, const char *stats, const char *expected)
{
    print_take(json_pack("[o]", report_of("roof", state, stats)));
    ck_assert_str_eq(strchr(printed, '\n') + 1, expected);
}

#define ONLINE  "{\"state\":\"online\"}"
#define OFFLINE "{\"state\":\"offline\"}"
#define WHO     "roof     password  2023-11-14 22:13:20 +0000  "

START_TEST(state_age_queue_and_broken_are_listed)
{
    print_take(json_pack(
        "[o,o,o]",
        report_of("roof", ONLINE,
                  "{\"time\":1700000090000,\"queue\":7,\"received\":90,\"broken\":10,\"lines\":[{\"open\":true,"
                  "\"frame_age_s\":50,\"deaf_s\":null},{\"open\":true,\"frame_age_s\":2,\"deaf_s\":null}]}"),
        report_of("tower", OFFLINE,
                  "{\"time\":1699992900000,\"queue\":123,\"received\":1,\"broken\":0,\"lines\":[{\"open\":false,"
                  "\"frame_age_s\":10,\"deaf_s\":null}]}"),
        report_of("yard", NULL, NULL)));
    ck_assert_str_eq(
        printed, "GATEWAY  AUTH      ADDED                      STATE       LAST FRAME  QUEUE  BROKEN  LINES\n"
                 "roof     password  2023-11-14 22:13:20 +0000  online      12 s            7  10 %    ok\n"
                 "tower    password  2023-11-14 22:13:20 +0000  offline     2 h           123  0 %     1 of 1 missing\n"
                 "yard     password  2023-11-14 22:13:20 +0000  never seen  -               -  -       -\n");
}
END_TEST

START_TEST(a_failing_disk_is_seen)
{
#define FAILING "{\"state\":\"online\",\"storage\":\"failing\"}"
    expect_list(FAILING, "{\"queue\":3}", WHO "online, disk fails      3\n");
    expect_list("{\"state\":\"online\",\"storage\":[7]}", NULL, WHO "online\n");
    json_t *report = report_of("roof", FAILING, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(report, "state")), "online");
    ck_assert_str_eq(json_string_value(json_object_get(report, "storage")), "failing");
    json_decref(report);
}
END_TEST

START_TEST(a_deaf_line_is_seen)
{
    print_take(json_pack("[o]", report_of("roof", ONLINE,
                                          "{\"lines\":[{\"open\":true,\"deaf_s\":600,\"frame_age_s\":600},"
                                          "{\"open\":true,\"deaf_s\":null,\"frame_age_s\":null}]}")));
    ck_assert_ptr_nonnull(strstr(printed, "10 min "));
    ck_assert_ptr_nonnull(strstr(printed, "1 of 2 deaf\n"));
    print_take(
        json_pack("[o]", report_of("roof", ONLINE, "{\"lines\":[{\"open\":true,\"deaf_s\":0},{\"open\":false}]}")));
    ck_assert_ptr_nonnull(strstr(printed, "1 missing, 1 deaf, of 2\n"));
    print_take(json_pack("[o]", report_of("roof", ONLINE,
                                          "{\"lines\":[{\"restored\":3,\"sets_expired\":2,\"sets_broken\":2},"
                                          "{\"restored\":5,\"sets_expired\":2,\"sets_broken\":2}]}")));
    ck_assert_ptr_nonnull(strstr(printed, "1 of 2 losing sets\n"));
}
END_TEST

/* As long as a gateway is online, its stats are at most a minute old, whatever its clock says. */
START_TEST(a_wrong_clock_makes_no_wrong_age)
{
#define AT(time) "{\"time\":" time ",\"lines\":[{\"frame_age_s\":5}]}"
    json_t *report = report_of("roof", ONLINE, AT("1500000000000"));
    ck_assert_int_eq(json_integer_value(json_object_get(report, "frame_age_s")), 5);
    json_decref(report);
    report = report_of("roof", ONLINE, AT("1800000000000"));
    ck_assert_int_eq(json_integer_value(json_object_get(report, "frame_age_s")), 5);
    json_decref(report);
    report = report_of("roof", ONLINE, "{\"time\":1699999000000,\"interval\":900,\"lines\":[{\"frame_age_s\":5}]}");
    ck_assert_int_gt(json_integer_value(json_object_get(report, "frame_age_s")), 1000); /* its stats come seldom */
    json_decref(report);
    report = report_of("roof", OFFLINE, AT("1800000000000")); /* nobody knows */
    ck_assert_ptr_null(json_object_get(report, "frame_age_s"));
    json_decref(report);
    report = report_of("roof", OFFLINE, AT("1700000000000"));
    ck_assert_int_eq(json_integer_value(json_object_get(report, "frame_age_s")), 105);
    json_decref(report);
}
END_TEST

START_TEST(all_of_it_is_shown_and_apart_from_what_the_plugin_knows)
{
    print_take(report_of("roof", ONLINE,
                         "{\"version\":\"1.2.3\",\"time\":1700000090000,\"uptime\":61,\"auth\":\"mine\",\"queue\":7,"
                         "\"lines\":[{\"port\":\"/dev/one\",\"received\":3,\"deaf_s\":null,\"frame_age_s\":2}]}"));
    ck_assert_str_eq(printed, "gateway     roof\n"
                              "auth        password\n"
                              "added       2023-11-14 22:13:20 +0000\n"
                              "state       online\n"
                              "last frame  12 s\n"
                              "stats\n"
                              "  version  1.2.3\n"
                              "  time     2023-11-14 22:14:50 +0000\n"
                              "  uptime   61\n"
                              "  auth     mine\n"
                              "  queue    7\n"
                              "  line 1\n"
                              "    port         /dev/one\n"
                              "    received     3\n"
                              "    deaf_s       null\n"
                              "    frame_age_s  2\n");
    print_take(report_of("roof", NULL, NULL));
    ck_assert_str_eq(printed,
                     "gateway  roof\nauth     password\nadded    2023-11-14 22:13:20 +0000\nstate    never seen\n");
}
END_TEST

START_TEST(a_state_of_another_form_is_unknown)
{
    static const char *const states[] = {"{}", "{\"state\":7}", "{\"state\":\"\\u001b[2J\"}", "{\"state\":\"Online\"}"};

    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        expect_list(states[i], NULL, WHO "unknown\n");
}
END_TEST

START_TEST(claims_of_wrong_types_are_not_known)
{
    static const char *const stats[] = {
        "{}",
        "{\"queue\":-1,\"broken\":\"all\",\"received\":[],\"lines\":7,\"time\":\"now\"}",
        "{\"queue\":1.5,\"broken\":0,\"received\":0,\"lines\":[],\"time\":-1}",
        "{\"queue\":{},\"broken\":null,\"received\":true,\"lines\":{}}",
    };

    for (size_t i = 0; i < sizeof stats / sizeof stats[0]; i++)
        expect_list(ONLINE, stats[i], WHO "online\n");
    expect_list(OFFLINE, "{\"time\":0,\"lines\":[7,null,[],{\"frame_age_s\":9223372036854775807}]}",
                WHO "offline  ok\n");
    expect_list(ONLINE, "{\"broken\":1,\"received\":3,\"lines\":[{\"fragments\":18,\"restored\":2},{\"fragments\":7}]}",
                WHO "online  5 %     ok\n"); /* 20 link frames: 1 of 3 whole, 18 fragments, and a broken one */
    expect_list(ONLINE, "{\"broken\":1,\"received\":0,\"lines\":[{\"fragments\":1,\"restored\":7}]}",
                WHO "online  100 %   ok\n");
    expect_list(ONLINE, "{\"broken\":9223372036854775807,\"received\":9223372036854775807}", WHO "online  50 %\n");
}
END_TEST

START_TEST(what_is_no_object_is_no_claim)
{
    static const char *const payloads[] = {"", "x", "7", "[]", "null", "{\"a\":1e999}", "{\"a\":99999999999999999999}"};

    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++)
        ck_assert_ptr_null(claim(payloads[i]));
    char *huge = malloc(CTL_CLAIM_BYTES_MAX + 2);
    memset(huge, ' ', CTL_CLAIM_BYTES_MAX + 1);
    memcpy(huge, "{}", 2);
    ck_assert_ptr_null(ctl_gateway_claim(huge, CTL_CLAIM_BYTES_MAX + 1));
    free(huge);
}
END_TEST

START_TEST(hostile_text_steers_nothing_and_has_an_end)
{
    json_t *stats = json_object(), *deep = json_object();
    char name[64], *text;

    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof name, "%s%d", i % 2 ? "field" : "\x1b[2J\xC2\x9B", i);
        (void)json_object_set_new(stats, name, json_string("\x1b]0;owned\a\xE2\x80\xAE\xC2\x9B\n\r\x7f"));
    }
    for (int i = 0; i < 200; i++)
        deep = json_pack("{s:o}", "d", deep);
    (void)json_object_set_new(stats, "deep", deep);
    text = json_dumps(stats, 0);
    ck_assert_uint_lt(strlen(text), CTL_CLAIM_BYTES_MAX);
    print_take(report_of("roof", ONLINE, text));
    for (const char *at = printed; *at != '\0'; at++)
        ck_assert_msg(*at == '\n' || (*at >= ' ' && *at <= '~'), "%02x", (unsigned char)*at);
    ck_assert_uint_lt(strlen(printed), 64 * 256);
    print_take(json_pack("[o]", report_of("roof", ONLINE, text)));
    ck_assert_ptr_null(strpbrk(printed, "\x1b\a\x7f"));
    free(text);
    json_decref(stats);
    stats = json_pack("{s:[]}", "lines");
    for (int i = 0; i < 1000; i++)
        (void)json_array_append_new(json_object_get(stats, "lines"), json_pack("{s:s}", "port", "/dev/x"));
    text = json_dumps(stats, 0);
    print_take(report_of("roof", ONLINE, text));
    ck_assert_ptr_nonnull(strstr(printed, "line 16\n"));
    ck_assert_ptr_null(strstr(printed, "line 17\n"));
    free(text);
    json_decref(stats);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gateway_report");
    TCase *tcase = tcase_create("gateway_report");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, state_age_queue_and_broken_are_listed);
    tcase_add_test(tcase, a_failing_disk_is_seen);
    tcase_add_test(tcase, a_deaf_line_is_seen);
    tcase_add_test(tcase, a_wrong_clock_makes_no_wrong_age);
    tcase_add_test(tcase, all_of_it_is_shown_and_apart_from_what_the_plugin_knows);
    tcase_add_test(tcase, a_state_of_another_form_is_unknown);
    tcase_add_test(tcase, claims_of_wrong_types_are_not_known);
    tcase_add_test(tcase, what_is_no_object_is_no_claim);
    tcase_add_test(tcase, hostile_text_steers_nothing_and_has_an_end);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
