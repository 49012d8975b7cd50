/* SPDX-License-Identifier: Apache-2.0 */
/* selkie-sim with what is not its own: a broker, gateways, files and other people's devices. It says where it waits and
 * for whom, names who refuses it, and leaves alone what it did not make. */
#include "frames.h"
#include "harness.h"
#include "sim_program.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST(a_broker_of_yours_that_does_not_answer_is_named)
{
    char uri[64], *output;

    (void)snprintf(uri, sizeof uri, "mqtt://127.0.0.1:%d", harness_free_port());
    const char *argv[] = {harness_program("selkie-sim"), "run",      "--link", "mqtt", "--broker", uri, "--public-key",
                          harness_public_key(),          "--key-id", "1",      NULL};
    ck_assert_int_eq(harness_run("selkie-sim", argv, &output), 1);
    ck_assert_ptr_nonnull(strstr(output, uri));
    ck_assert_ptr_nonnull(strstr(output, "no broker answers"));
    free(output);
}
END_TEST

/* The options of a run over virtual gateways into this broker. */
#define INTO(broker)                                                                                                   \
    "run", "--link", "mqtt", "--broker", (broker)->uri, "--public-key", harness_public_key(), "--key-id", "1"

START_TEST(a_gateway_that_the_broker_refuses_is_named_with_the_reason)
{
    /* The observer may read, but no gateway has been added. */
    struct harness_broker *broker = harness_broker_with_plugin("", "");
    char *output;

    ck_assert_int_eq(RUN(&output, INTO(broker)), 1);
    ck_assert_msg(strstr(output, "refuses gateway sim-0: ") != NULL && strstr(output, "(reason 0x87)") != NULL, "%s",
                  output);
    free(output);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

/* Somebody else's gateway hands over frames of chance all the while, and one of ours never comes out. */
START_TEST(strangers_rejections_are_not_counted_and_hold_up_nothing)
{
    struct harness_broker *broker = harness_broker_with_plugin("", "\"gateways\":\"any\",\"enrolment\":\"listed\"");
    struct harness_client *gateway = frames_gateway(broker, "stranger", NULL);
    struct harness_client *reader = frames_subscriber(broker, "selkie/rejected/bad-seal");
    struct frames_device device = frames_device(7);
    uint8_t body[SELKIE_SEALED_SIZE];
    const char *argv[] = {harness_program("selkie-sim"),
                          INTO(broker),
                          "--bit-rate",
                          "0",
                          "--speed",
                          "max",
                          "--duration",
                          "30",
                          "--set",
                          "settle_s=2",
                          "--set",
                          "backlog=0",
                          "--expect",
                          "rejected.bad-seal=0",
                          NULL};

    harness_seal_data(body, device.address, device.id, 0, "x");
    body[SELKIE_SEALED_SIZE - 1] ^= 1;
    struct harness_process *sim = harness_spawn("sim", argv, false);
    for (uint64_t seq = 1; !harness_log_has(sim, "expectations held"); seq++) {
        (void)frames_send(gateway, "stranger", body, sizeof body, seq);
        harness_message_free(harness_receive(reader, "selkie/rejected/bad-seal")); /* no faster than it is dealt with */
    }
    ck_assert_int_eq(harness_wait_exit(sim), 1);
    ck_assert(harness_log_has(sim, "expected lost_elsewhere = 0, but is"));
    ck_assert(harness_log_has(sim, "ok     rejected.bad-seal = 0, is 0"));
    ck_assert(harness_log_has(sim, "not-listed")); /* the fleet's own count */
    harness_disconnect(gateway);
    harness_disconnect(reader);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

/* What stands under the first line's name before the run, and must stand there after it. */
static const struct {
    const char *link;
    enum { FILE_THERE, LINK_THERE, FOLDER_THERE } what;
} precious[] = {
    {"pty", FILE_THERE}, {"pty", LINK_THERE}, {"pty", FOLDER_THERE}, {"socket", FILE_THERE}, {"socket", LINK_THERE}};

START_TEST(a_file_of_yours_under_a_lines_name_is_left_alone)
{
    char line[256], target[256], *output;
    struct stat before, after;

    (void)snprintf(line, sizeof line, "%s", harness_path("precious"));
    (void)snprintf(target, sizeof target, "%s", harness_write("target", 0600, "mine"));
    const char *there = harness_path("precious0");
    if (precious[_i].what == FILE_THERE)
        ck_assert_str_eq(harness_write("precious0", 0600, "mine"), there);
    else if (precious[_i].what == LINK_THERE)
        ck_assert_int_eq(symlink(target, there), 0);
    else
        ck_assert_int_eq(mkdir(there, 0700), 0);
    ck_assert_int_eq(lstat(there, &before), 0);
    ck_assert_int_eq(RUN(&output, "run", "--link", precious[_i].link, "--gateways", "yours", "--line", line), 1);
    ck_assert_msg(strstr(output, "precious0: exists and is not a line of an earlier run") != NULL, "%s", output);
    ck_assert_int_eq(lstat(there, &after), 0);
    ck_assert(before.st_ino == after.st_ino && before.st_mode == after.st_mode);
    free(output);
}
END_TEST

/* The word behind a text in a log. */
static char *word_behind(const struct harness_process *process, const char *text)
{
    char *log = harness_read(process->log), *found = strstr(log, text);

    ck_assert_msg(found != NULL, "%s", log);
    found += strlen(text);
    char *word = strndup(found, strcspn(found, " \n"));
    free(log);
    return word;
}

START_TEST(a_gateway_of_yours_finds_its_line_and_the_broker_by_what_is_printed)
{
    const char *argv[] = {harness_program("selkie-sim"),
                          "run",
                          "--gateways",
                          "yours",
                          "--line",
                          harness_path("radio"),
                          "--speed",
                          "20",
                          "--duration",
                          "120",
                          "--devices",
                          "3",
                          "--expect",
                          "delivered=>=5",
#ifdef SELKIE_SIM_MOSQUITTO
                          "--set",
                          "broker/mosquitto=" SELKIE_SIM_MOSQUITTO,
#endif
                          NULL};
    struct harness_process *sim = harness_spawn("sim", argv, false);

    harness_wait_log(sim, "the broker is mqtt://");
    char *line = word_behind(sim, "waits for a gateway of yours on "), *uri = word_behind(sim, "the broker is ");
    const char *config = harness_write("gateway.json", 0600,
                                       "{\"gateway\":\"roof\",\"broker\":{\"uri\":\"%s\",\"username\":\"roof\"},"
                                       "\"serial\":[{\"device\":\"%s\"}],\"spool\":{\"path\":\"%s\"}}",
                                       uri, line, harness_path("spool.db"));
    const char *gateway_argv[] = {harness_program("selkie-gateway"), "--config", config, NULL};
    struct harness_process *gateway = harness_spawn("gateway", gateway_argv, false);
    int status = harness_wait_exit(sim);
    ck_assert_msg(status == 0, "%d:\n%s", status, harness_read(sim->log));
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    free(line);
    free(uri);
}
END_TEST

/* As between containers: a broker that was there before, and a gateway at the other end of a socket. */
START_TEST(a_socket_carries_a_channel_to_a_gateway_and_a_broker_of_yours)
{
    struct harness_broker *broker = harness_broker_with_plugin("", "\"gateways\":\"any\"");
    char air[256], socket[320], pty[320];

    (void)snprintf(air, sizeof air, "%s", harness_path("air"));
    (void)snprintf(socket, sizeof socket, "UNIX-CONNECT:%s0,retry=200,interval=0.05", air);
    (void)snprintf(pty, sizeof pty, "pty,rawer,link=%s", harness_path("tty"));
    const char *sim_argv[] = {harness_program("selkie-sim"),
                              "run",
                              "--broker",
                              broker->uri,
                              "--key-id",
                              "1",
                              "--public-key",
                              harness_public_key(),
                              "--link",
                              "socket",
                              "--line",
                              air,
                              "--speed",
                              "20",
                              "--duration",
                              "120",
                              "--devices",
                              "3",
                              "--expect",
                              "sent=>=5",
                              "--expect",
                              "lost_elsewhere=0",
                              "--expect",
                              "delivered_share=>=0.5",
                              NULL};
    struct harness_process *sim = harness_spawn("sim", sim_argv, false);
    const char *cable_argv[] = {"socat", pty, socket, NULL};
    struct harness_process *cable = harness_spawn("cable", cable_argv, false);
    const char *config = harness_write("gateway.json", 0600,
                                       "{\"gateway\":\"roof\",\"broker\":{\"uri\":\"%s\",\"username\":\"roof\"},"
                                       "\"serial\":[{\"device\":\"%s\"}],\"spool\":{\"path\":\"%s\"}}",
                                       broker->uri, harness_path("tty"), harness_path("spool.db"));
    const char *gateway_argv[] = {harness_program("selkie-gateway"), "--config", config, NULL};
    struct harness_process *gateway = harness_spawn("gateway", gateway_argv, false);

    int status = harness_wait_exit(sim);
    ck_assert_msg(status == 0, "%d:\n%s", status, harness_read(sim->log));
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    (void)harness_wait_exit(cable); /* the line went with the simulator */
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim yours");
    TCase *tcase = tcase_create("yours");

    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, sim_keep_together, NULL);
    tcase_add_test(tcase, a_broker_of_yours_that_does_not_answer_is_named);
    tcase_add_test(tcase, a_gateway_that_the_broker_refuses_is_named_with_the_reason);
    tcase_add_test(tcase, strangers_rejections_are_not_counted_and_hold_up_nothing);
    tcase_add_loop_test(tcase, a_file_of_yours_under_a_lines_name_is_left_alone, 0,
                        sizeof precious / sizeof precious[0]);
    tcase_add_test(tcase, a_gateway_of_yours_finds_its_line_and_the_broker_by_what_is_printed);
    tcase_add_test(tcase, a_socket_carries_a_channel_to_a_gateway_and_a_broker_of_yours);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
