/* SPDX-License-Identifier: Apache-2.0 */
/* Each radio that people can buy, as docs/RADIOS.md describes it: selkie-device --radio X, a model of two modules X, a
 * gateway whose line has "radio": "X", Mosquitto with the plugin, a subscriber. */
#include "harness_internal.h"
#include "radio_model.h"

#include <selkie/radio_profile.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ADDRESS    "00112233445566aa"
#define HELD_UP_MS 25 /* less than any quiet time leaves to spare */

static struct harness_process *gateway(const char *broker_uri, const struct harness_pty *pty, const char *radio)
{
    const char *config = harness_write("gateway.json", 0600,
                                       "{\"gateway\":\"roof\",\"broker\":{\"uri\":\"%s\",\"username\":\"roof\"},"
                                       "\"serial\":[{\"device\":\"%s\",\"radio\":\"%s\"}],\"spool\":{\"path\":\"%s\"}}",
                                       broker_uri, pty->path, radio, harness_path("spool.db"));
    const char *argv[] = {harness_program("selkie-gateway"), "--config", config, NULL};

    return harness_spawn("gateway", argv, false);
}

/* One REGISTER, sealed; then a SESSION frame for each line. */
static struct harness_process *device(const struct harness_pty *pty, const char *radio)
{
    const char *argv[] = {harness_program("selkie-device"),
                          "--port",
                          pty->path,
                          "--radio",
                          radio,
                          "--public-key",
                          harness_public_key(),
                          "--key-id",
                          "1",
                          "--address",
                          ADDRESS,
                          "--form",
                          "session",
                          "--ack",
                          "--spread",
                          "0",
                          NULL};

    return harness_spawn("device", argv, true);
}

/* Let the radios work until the process has said it. */
static void work_until(struct radio_model *model, struct harness_process *process, const char *text)
{
    int64_t limit = harness_now_ms() + 2 * HARNESS_PATIENCE;

    while (!harness_log_has(process, text)) {
        for (int i = 0; i < 20; i++)
            radio_model_step(model);
        ck_assert_msg(harness_now_ms() < limit, "no '%s': %s", text, harness_log_tail(process));
    }
}

static void expect_payload(struct harness_client *client, const char *payload)
{
    struct harness_message *message = harness_receive(client, "selkie/device/" ADDRESS "/up");

    ck_assert_str_eq((const char *)message->payload, payload);
    harness_message_free(message);
}

START_TEST(readings_arrive_by_each_radio)
{
    const struct selkie_radio_profile *profile = &selkie_radio_profiles[_i];
    struct harness_broker *broker = harness_broker_with_plugin("", "\"gateways\":\"any\"");
    struct harness_client *client = harness_connect(broker, NULL);
    struct harness_pty *near = harness_pty("near"), *far = harness_pty("far");
    struct radio_model *model = radio_model(profile->name, near, far);
    const struct radio_model_counts *counts = radio_model_counts(model);

    ck_assert_int_eq(harness_subscribe(client, "selkie/device/#", 1), 1);
    struct harness_process *roof = gateway(broker->uri, far, profile->name);
    work_until(model, roof, "serial line"); /* it says that it is open, or set up */
    work_until(model, roof, "connected");
    struct harness_process *sender = device(near, profile->name);
    ck_assert_int_eq(dprintf(sender->input, "first\nsecond\n"), 13);
    (void)close(sender->input);
    sender->input = -1;
    int64_t began_ms = harness_now_ms();
    work_until(model, sender, "payloads "); /* the line with which it ends */
    printf("%s: %.1f s, %u packets, %u lost, held up for %u ms\n", profile->name,
           (double)(harness_now_ms() - began_ms) / 1000, counts->packets, counts->lost, counts->held_up_ms);
    (void)fflush(stdout);
    expect_payload(client, "first");
    expect_payload(client, "second");
    ck_assert_int_eq(harness_wait_exit(sender), 0);
    ck_assert_msg(harness_log_has(sender, "payloads 2,"), "%s", harness_log_tail(sender));
    ck_assert_uint_ge(counts->lost, 1);
    /* On a machine that keeps the radios from running, the parties do not hear each other in time, and bytes pile up.
     */
    ck_assert_msg((counts->collisions == 0 && counts->overflow == 0) || counts->held_up_ms > HELD_UP_MS,
                  "%u collisions, %u bytes too many, held up for %u ms", counts->collisions, counts->overflow,
                  counts->held_up_ms);
    ck_assert_uint_eq(counts->refused, 0);
    ck_assert_int_eq(counts->commands > 0, profile->init_count > 0);
    harness_disconnect(client);
    ck_assert_int_eq(harness_stop(roof, SIGTERM), 0);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("radios");
    TCase *tcase = tcase_create("radios");

    tcase_set_timeout(tcase, 240);
    tcase_add_loop_test(tcase, readings_arrive_by_each_radio, 0, (int)selkie_radio_profile_count);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
