/* SPDX-License-Identifier: Apache-2.0 */
/* selkie-sim as a program: what it says, how it ends, and what it writes. The scenarios themselves are tests of their
 * own (sim_…). */
#include "harness.h"
#include "sim_program.h"

#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(a_run_accounts_for_every_payload)
{
    const char *json = harness_path("out.json");
    json_t *root;

    ck_assert_int_eq(RUN(NULL, QUICK, "--quiet", "--json", json), 0);
    json_t *figures = sim_figures(json, &root);
    ck_assert_double_ge(sim_figure(figures, "sent"), 20);
    ck_assert_double_eq(sim_figure(figures, "sent"), sim_figure(figures, "delivered"));
    ck_assert_double_eq(sim_figure(figures, "lost_elsewhere") + sim_figure(figures, "lost_on_air"), 0);
    ck_assert_double_eq(sim_figure(figures, "events.registered"), 3);
    ck_assert_double_gt(sim_figure(figures, "latency_p50_ms"), 0);
    json_decref(root);
}
END_TEST

static char *frames_of(const char *seed)
{
    const char *json = harness_path("out.json");

    ck_assert_int_eq(
        RUN(NULL, QUICK, "--set", "channels/0/air/bit_rate=2000", "--quiet", "--json", json, "--seed", seed), 0);
    json_t *root = json_load_file(json, 0, NULL);
    ck_assert_ptr_nonnull(root);
    char *frames = strdup(json_string_value(json_object_get(root, "frames")));
    json_decref(root);
    return frames;
}

START_TEST(the_same_seed_sends_the_same_frames_and_another_does_not)
{
    char *first = frames_of("5"), *second = frames_of("5"), *other = frames_of("6");

    ck_assert_str_eq(first, second);
    ck_assert_str_ne(first, other);
    free(first);
    free(second);
    free(other);
}
END_TEST

START_TEST(an_expectation_that_fails_is_named_and_ends_with_1)
{
    char *output;

    ck_assert_int_eq(RUN(&output, QUICK, "--quiet", "--expect", "delivered=1", "--expect", "forged=0"), 1);
    ck_assert_ptr_nonnull(strstr(output, "selkie-sim: expected delivered = 1, but is"));
    ck_assert_ptr_null(strstr(output, "expected forged"));
    free(output);
}
END_TEST

START_TEST(a_payload_lost_between_gateway_and_topic_is_found_out)
{
    char *output;

    /* Addresses that nobody listed: each frame reaches the plugin, and none comes out. */
    ck_assert_int_eq(
        RUN(&output, QUICK, "--set", "broker/enrolment=listed", "--set", "settle_s=2", "--set", "backlog=0"), 1);
    ck_assert_ptr_nonnull(strstr(output, "expected lost_elsewhere = 0, but is")); /* though nobody asked */
    free(output);
}
END_TEST

START_TEST(what_must_come_of_an_attack_cannot_be_talked_away)
{
    char *output;

    ck_assert_int_eq(RUN(&output, "attack", "replay", "--expect", "doubled=>=0"), 0);
    ck_assert_ptr_nonnull(strstr(output, "ok     doubled >= 0"));
    ck_assert_ptr_nonnull(strstr(output, "ok     doubled = 0"));
    free(output);
}
END_TEST

/* A gateway is killed while the broker is away: what it had is in its spool alone. */
#define KILLED_OFFLINE                                                                                                 \
    "{\"duration_s\": 240, \"speed\": 60, \"settle_s\": %d, \"fleet\": {\"interval_s\": 20},"                          \
    "\"channels\": [{\"air\": {\"bit_rate\": 9600}}], \"broker\": {\"plugin\": \"%s\"},"                               \
    "\"actions\": [{\"do\": \"broker-stop\", \"at_s\": 60, \"for_s\": 130},"                                           \
    "{\"do\": \"gateway-kill\", \"at_s\": 170, \"for_s\": 10}]}"

START_TEST(a_gateway_that_loses_its_spool_is_found_out)
{
    const char *real = harness_program("selkie-gateway"), *plugin = harness_program("mosquitto_selkie.so");
    char sim[256], *output;

    (void)snprintf(sim, sizeof sim, "%s", harness_path("selkie-sim"));
    const char *copy_argv[] = {"cp", harness_program("selkie-sim"), sim, NULL};
    ck_assert_int_eq(RUN(NULL, "run", harness_write("kept.json", 0600, KILLED_OFFLINE, 30, plugin), "--quiet"), 0);
    /* The simulator takes the gateway beside it: one that forgets everything whenever it starts. */
    ck_assert_int_eq(harness_run("cp", copy_argv, NULL), 0);
    (void)harness_write("selkie-gateway", 0700, "#!/bin/sh\nrm -f \"${2%%.json}.spool\"*\nexec '%s' \"$@\"\n", real);
    const char *wiped = harness_write("wiped.json", 0600, KILLED_OFFLINE, 10, plugin);
    const char *argv[] = {sim,     "run",
                          wiped,   "--quiet",
#ifdef SELKIE_SIM_MOSQUITTO
                          "--set", "broker/mosquitto=" SELKIE_SIM_MOSQUITTO,
#endif
                          NULL};
    ck_assert_int_eq(harness_run("wiped", argv, &output), 1);
    ck_assert_msg(strstr(output, "expected lost_elsewhere = 0, but is") != NULL, "%s", output);
    free(output);
}
END_TEST

START_TEST(a_thief_who_comes_first_is_called_by_his_name)
{
    char *output;

    int status = RUN(&output, "attack", "eager-thief");
    ck_assert_msg(status == 0, "%s", output);
    ck_assert_ptr_nonnull(strstr(output, "ok     impersonated >= 1"));
    ck_assert_ptr_nonnull(strstr(output, "ok     events.clone >= 1"));
    ck_assert_ptr_nonnull(strstr(output, "ok     forged = 0"));
    free(output);
}
END_TEST

/* Only what the program itself prints on its standard output. */
static char *standard_output(const char *option)
{
    const char *path = harness_path("stdout");
    char command[1024];

    (void)snprintf(command, sizeof command, "exec '%s' run --link mqtt --bit-rate 0 --duration 20 --speed max %s >'%s'",
                   harness_program("selkie-sim"), option, path);
#ifdef SELKIE_SIM_MOSQUITTO
    (void)strncat(command, " --set broker/mosquitto=" SELKIE_SIM_MOSQUITTO, sizeof command - strlen(command) - 1);
#endif
    ck_assert_int_eq(harness_run("sh", (const char *const[]){"sh", "-c", command, NULL}, NULL), 0);
    return harness_read(path);
}

START_TEST(a_document_on_standard_output_is_all_that_is_there)
{
    char *json = standard_output("--json -"), *html = standard_output("--report -"), *output;
    json_t *root = json_loads(json, 0, NULL); /* nothing may follow it */

    ck_assert_msg(root != NULL, "%s", json);
    ck_assert_str_eq(json_string_value(json_object_get(root, "scenario")), "unnamed");
    ck_assert_int_eq(strncmp(html, "<!doctype html>", strlen("<!doctype html>")), 0);
    ck_assert_ptr_null(strstr(html, "expectations held"));
    ck_assert_int_eq(RUN(&output, QUICK, "--json", "-", "--report", "-"), 2);
    json_decref(root);
    free(json);
    free(html);
    free(output);
}
END_TEST

START_TEST(the_report_stands_alone)
{
    const char *path = harness_path("report.html");

    ck_assert_int_eq(RUN(NULL, QUICK, "--quiet", "--report", path, "--set", "name=<b>&\"x\""), 0);
    char *html = harness_read(path);
    ck_assert_ptr_nonnull(strstr(html, "<title>Selkie: &lt;b>&amp;&quot;x&quot;</title>"));
    ck_assert_ptr_nonnull(strstr(html, "<h2>Delivery"));
    ck_assert_ptr_nonnull(strstr(html, "<h2>Latency"));
    ck_assert_ptr_nonnull(strstr(html, "<h2>Air use"));
    ck_assert_ptr_nonnull(strstr(html, "<h2>Rejections and alarms"));
    ck_assert_ptr_nonnull(strstr(html, "<polyline"));
    ck_assert_ptr_null(strstr(html, "http"));
    ck_assert_ptr_null(strstr(html, "<script"));
    ck_assert_ptr_null(strstr(html, "nan"));
    free(html);
}
END_TEST

START_TEST(mistakes_end_with_78_or_2_and_name_the_place)
{
    const char *scenario = harness_write("bad.json", 0600, "{\n\"fleet\": {\n\"devices\": \"ten\"}}");
    char *output;

    ck_assert_int_eq(RUN(&output, "run", scenario), 78);
    ck_assert_ptr_nonnull(strstr(output, "bad.json:3: devices: must be a whole number"));
    free(output);
    ck_assert_int_eq(RUN(&output, "run", "--devices", "0"), 78);
    ck_assert_ptr_nonnull(strstr(output, "devices: must be 1 to"));
    free(output);
    ck_assert_int_eq(RUN(&output, "run", "/nonexistent.json"), 78);
    ck_assert_ptr_nonnull(strstr(output, "/nonexistent.json: No such file"));
    free(output);
    ck_assert_int_eq(RUN(&output, "attack", "nothing"), 2);
    ck_assert_ptr_nonnull(strstr(output, "no attack is called \"nothing\""));
    free(output);
    static const char *const nowhere[] = {"channels/5/ack", "channels/5", "channels/x/ack", "fleet/devices/0"};
    for (size_t i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++) {
        char set[64];
        (void)snprintf(set, sizeof set, "%s=true", nowhere[i]);
        ck_assert_int_eq(
            RUN(&output, "run", SELKIE_SOURCE_DIR "/sim/scenarios/first-light.json", "--set", set, "--check-config"),
            78);
        ck_assert_msg(strstr(output, nowhere[i]) != NULL && strstr(output, "no such place") != NULL, "%s", output);
        free(output);
    }
    ck_assert_int_eq(RUN(NULL, "walk"), 2);
    ck_assert_int_eq(RUN(NULL, "run", "--nonsense"), 2);
}
END_TEST

START_TEST(a_broker_that_does_not_start_is_named_with_its_log)
{
    char *output;

    ck_assert_int_eq(RUN(&output, QUICK, "--set", "broker/plugin=/nonexistent.so"), 1);
    ck_assert_ptr_nonnull(strstr(output, "the broker does not start"));
    ck_assert_ptr_nonnull(strstr(output, "/nonexistent.so"));
    free(output);
}
END_TEST

/* Runs that show nothing. */
static const struct {
    const char *option, *value, *expected;
} vain[] = {
    {"--set", "fleet/start_s=1000", "selkie-sim: expected sent >= 1, but is 0"},
    {"--set", "channels/0/air/lost_bytes=1", "selkie-sim: expected delivered >= 1, but is 0"},
};

START_TEST(a_run_in_which_nothing_happened_does_not_pass)
{
    char *output;

    int status = RUN(&output, QUICK, "--quiet", "--bit-rate", "9600", vain[_i].option, vain[_i].value);
    ck_assert_msg(status == 1 && strstr(output, vain[_i].expected), "%d: %s", status, output);
    free(output);
    /* Who means it says so. */
    ck_assert_int_eq(RUN(NULL, QUICK, "--quiet", "--bit-rate", "9600", vain[_i].option, vain[_i].value, "--expect",
                         "sent=>=0", "--expect", "delivered=0"),
                     0);
}
END_TEST

START_TEST(a_fleet_that_its_air_cannot_carry_is_told_before_it_starts)
{
    char *output, *told;

    /* 3 SEALED frames of 2.1 s in 5 s. */
    (void)RUN(&output, QUICK, "--bit-rate", "2000", "--quiet");
    told = strstr(output, "selkie-sim: channel 0 cannot carry this fleet: its payloads alone take 127 % of the air");
    ck_assert_msg(told != NULL, "%s", output);
    free(output);
    ck_assert_int_eq(RUN(&output, QUICK, "--bit-rate", "9600", "--quiet"), 0);
    ck_assert_msg(!strstr(output, "cannot carry"), "%s", output);
    free(output);
    /* And without a run. */
    ck_assert_int_eq(RUN(&output, QUICK, "--bit-rate", "2000", "--check-config"), 0);
    ck_assert_msg(strstr(output, "\nload      the payloads take 127.4 % of the air of channel 0, the busiest\n") &&
                      strstr(output, "selkie-sim: channel 0 cannot carry this fleet: its payloads alone take 127 %"),
                  "%s", output);
    free(output);
    ck_assert_int_eq(RUN(&output, QUICK, "--bit-rate", "9600", "--check-config"), 0);
    ck_assert_msg(strstr(output, "\nload      the payloads take 26.") && !strstr(output, "cannot carry"), "%s", output);
    free(output);
    ck_assert_int_eq(RUN(&output, QUICK, "--check-config"), 0); /* without a radio in between */
    ck_assert_msg(!strstr(output, "cannot carry") && !strstr(output, "\nload"), "%s", output);
    free(output);
}
END_TEST

/* A run may take hours: its report has its place from the first minute on. */
START_TEST(a_report_that_cannot_be_written_is_found_out_before_the_run)
{
    static const char *const options[] = {"--report", "--json"};
    char *output;

    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(
            RUN(&output, "run", "--duration", "100000", options[i], harness_path("nowhere/out"), "--link", "mqtt"), 1);
        ck_assert_msg(strstr(output, "nowhere/out: No such file") && !strstr(output, "held"), "%s", output);
        free(output);
    }
    ck_assert_int_eq(RUN(&output, QUICK, "--quiet", "--json", "/dev/full"), 1);
    ck_assert_msg(strstr(output, "/dev/full: No space left"), "%s", output);
    free(output);
    /* The report of the last run stays where it is as long as there is no other. */
    const char *report = harness_write("out.json", 0600, "%s", "{\"figures\": \"of the last run\"}");
    ck_assert_int_eq(RUN(NULL, QUICK, "--json", report, "--set", "broker/plugin=/nonexistent.so"), 1);
    output = harness_read(report);
    ck_assert_str_eq(output, "{\"figures\": \"of the last run\"}");
    free(output);
}
END_TEST

static const int hangups[] = {SIGINT, SIGTERM, SIGHUP};

START_TEST(an_interrupted_run_still_ends_with_its_verdict_but_does_not_pass)
{
    const char *argv[] = {harness_program("selkie-sim"),
                          "run",
                          "--link",
                          "mqtt",
                          "--bit-rate",
                          "0",
                          "--interval",
                          "1",
                          "--start",
                          "0",
                          "--duration",
                          "100000",
#ifdef SELKIE_SIM_MOSQUITTO
                          "--set",
                          "broker/mosquitto=" SELKIE_SIM_MOSQUITTO,
#endif
                          NULL};
    struct harness_process *sim = harness_spawn("sim", argv, false);

    harness_wait_log(sim, "unnamed 00:00:00"); /* the first line of the live view: it runs */
    ck_assert_int_eq(harness_stop(sim, hangups[_i]), 1);
    ck_assert(harness_log_has(sim, "selkie-sim: interrupted"));
    ck_assert(harness_log_has(sim, "failed: "));
    char *log = harness_read(sim->log), *held = strstr(log, " expectations held");
    ck_assert_msg(held != NULL, "%s", log);
    free(log);
    /* No folder stays behind (sim_keep_together). */
    glob_t left;
    ck_assert_int_eq(glob(harness_path("selkie-sim*"), 0, NULL, &left), GLOB_NOMATCH);
}
END_TEST

START_TEST(a_broker_that_dies_by_itself_ends_the_run)
{
#ifdef SELKIE_SIM_MOSQUITTO
    const char *mosquitto = SELKIE_SIM_MOSQUITTO;
#else
    const char *mosquitto = "mosquitto";
#endif
    const char *script = harness_write(
        "mortal", 0700, "#!/bin/sh\necho $$ >\"$0.pid\"\nPATH=$PATH:/usr/sbin exec %s \"$@\"\n", mosquitto);
    char option[300];

    (void)snprintf(option, sizeof option, "broker/mosquitto=%s", script);
    const char *argv[] = {harness_program("selkie-sim"), "run", "--link", "mqtt", "--set", option, NULL};
    struct harness_process *sim = harness_spawn("sim", argv, false);
    harness_wait_log(sim, "unnamed 00:00:00"); /* it runs */
    char *pid = harness_read(harness_path("mortal.pid"));
    ck_assert_int_eq(kill((pid_t)strtol(pid, NULL, 10), SIGKILL), 0);
    free(pid);
    ck_assert_int_eq(harness_wait_exit(sim), 1);
    ck_assert(harness_log_has(sim, "selkie-sim: the broker ended by itself"));
}
END_TEST

START_TEST(the_template_is_a_scenario_and_can_be_checked)
{
    char *output;

    ck_assert_int_eq(RUN(&output, "--print-config"), 0);
    const char *path = harness_write("template.json", 0600, "%s", output);
    free(output);
    ck_assert_int_eq(RUN(&output, "run", path, "--check-config"), 0);
    ck_assert_ptr_nonnull(strstr(output, "fleet     10 devices"));
    free(output);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim");
    TCase *tcase = tcase_create("program");

    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, sim_keep_together, NULL);
    tcase_add_test(tcase, a_run_accounts_for_every_payload);
    tcase_add_test(tcase, the_same_seed_sends_the_same_frames_and_another_does_not);
    tcase_add_test(tcase, an_expectation_that_fails_is_named_and_ends_with_1);
    tcase_add_test(tcase, a_payload_lost_between_gateway_and_topic_is_found_out);
    tcase_add_test(tcase, what_must_come_of_an_attack_cannot_be_talked_away);
    tcase_add_test(tcase, a_gateway_that_loses_its_spool_is_found_out);
    tcase_add_test(tcase, a_thief_who_comes_first_is_called_by_his_name);
    tcase_add_test(tcase, a_document_on_standard_output_is_all_that_is_there);
    tcase_add_test(tcase, the_report_stands_alone);
    tcase_add_test(tcase, mistakes_end_with_78_or_2_and_name_the_place);
    tcase_add_test(tcase, a_broker_that_does_not_start_is_named_with_its_log);
    tcase_add_loop_test(tcase, an_interrupted_run_still_ends_with_its_verdict_but_does_not_pass, 0,
                        (int)(sizeof hangups / sizeof hangups[0]));
    tcase_add_loop_test(tcase, a_run_in_which_nothing_happened_does_not_pass, 0, (int)(sizeof vain / sizeof vain[0]));
    tcase_add_test(tcase, a_fleet_that_its_air_cannot_carry_is_told_before_it_starts);
    tcase_add_test(tcase, a_report_that_cannot_be_written_is_found_out_before_the_run);
    tcase_add_test(tcase, a_broker_that_dies_by_itself_ends_the_run);
    tcase_add_test(tcase, the_template_is_a_scenario_and_can_be_checked);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
