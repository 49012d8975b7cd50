/* SPDX-License-Identifier: Apache-2.0 */
/* Two gateways of one name, as after a card was copied: each says so and leaves the other one time, and a receipt for
 * one of them forgets no frame of the other, though both count with the same numbers. */
#include "rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The card, and its copy. */
struct twin {
    struct harness_pty *pty;
    char spool[300], config[300];
    struct harness_process *process;
};

static void start(struct twin *twin)
{
    const char *argv[] = {harness_program("selkie-gateway"), "--config", twin->config, NULL};
    const char *name = strrchr(twin->config, '/') + 1;

    twin->process = harness_spawn(name, argv, false);
    harness_wait_log(twin->process, "open, ");
}

static struct twin make(const char *name, const char *uri)
{
    struct twin twin = {.pty = harness_pty(name)};
    char file[40];

    (void)snprintf(file, sizeof file, "%s.json", name);
    (void)snprintf(twin.spool, sizeof twin.spool, "%s-spool.db", harness_path(name));
    const char *config = harness_write(
        file, 0600,
        "{\"gateway\":\"" RIG_NAME "\",\"spool\":{\"path\":\"%s\"},"
        "\"broker\":{\"uri\":\"%s\",\"username\":\"roof\"},\"serial\":[{\"device\":\"%s\"}],\"stats_s\":10}",
        twin.spool, uri, twin.pty->path);
    (void)snprintf(twin.config, sizeof twin.config, "%s", config);
    return twin;
}

static void copy_card(const struct twin *from, const struct twin *to)
{
    const char *argv[] = {"cp", from->spool, to->spool, NULL};

    ck_assert_int_eq(harness_run("cp", argv, NULL), 0);
}

struct published {
    uint32_t number;
    char seq[24], instance[24];
};

static struct published receive(struct harness_client *plugin)
{
    struct published published;
    struct harness_message *message = harness_receive(plugin, RIG_UP);

    published.number = rig_number(message->payload);
    (void)snprintf(published.seq, sizeof published.seq, "%s", harness_message_property(message, "seq"));
    (void)snprintf(published.instance, sizeof published.instance, "%s", harness_message_property(message, "instance"));
    harness_message_free(message);
    return published;
}

static void give_receipt(struct harness_client *plugin, const struct published *published)
{
    char text[100];
    int len = snprintf(text, sizeof text, "{\"instance\":%s,\"seq\":[%s]}", published->instance, published->seq);

    ck_assert_int_eq(harness_publish(plugin, RIG_RECEIPT, text, (size_t)len, 1, false, NULL), 0);
}

/* Both have a frame of the same seq; the copy takes the connection over before the first has its receipt. */
START_TEST(receipt_of_one_twin_forgets_no_frame_of_the_other)
{
    struct harness_broker *broker = harness_broker("");
    struct harness_client *plugin = rig_plugin(broker);
    struct twin card = make("card", broker->uri), copy = make("copy", broker->uri);

    start(&card);
    harness_wait_log(card.process, ": connected");
    ck_assert_int_eq(harness_stop(card.process, SIGTERM), 0);
    copy_card(&card, &copy);

    start(&card);
    rig_wait_log_count(card.process, ": connected", 2);
    rig_send_acked(card.pty, 1);
    struct published first = receive(plugin);
    ck_assert_uint_eq(first.number, 1);
    start(&copy);
    harness_wait_log(copy.process, ": connected");
    harness_wait_log(card.process, "another gateway uses the name \"roof\" and ended this connection");
    rig_send_acked(copy.pty, 2);
    struct published second = receive(plugin);
    for (; second.number == 1; second = receive(plugin)) /* the card has sent its frame again */
        first = second;
    ck_assert_uint_eq(second.number, 2);
    ck_assert_str_eq(first.seq, second.seq); /* else this test shows nothing */
    ck_assert_str_ne(first.instance, second.instance);

    give_receipt(plugin, &first); /* late: the copy gets it */
    rig_send_acked(copy.pty, 3);
    struct published third = receive(plugin);
    ck_assert_uint_eq(third.number, 3);
    give_receipt(plugin, &third);
    ck_assert_int_eq(harness_stop(copy.process, SIGTERM), 0);

    start(&copy); /* its frame 2 is still there */
    struct published again = receive(plugin);
    ck_assert_uint_eq(again.number, 2);
    give_receipt(plugin, &again);
    ck_assert_int_eq(harness_stop(copy.process, SIGTERM), 0);
    ck_assert_int_eq(harness_stop(card.process, SIGTERM), 0);
}
END_TEST

/* With the real plugin: neither reconnects at once, the one that goes on delivers, and a reload lets the other one do
 * so. */
START_TEST(twins_leave_each_other_time_and_lose_nothing)
{
    struct harness_broker *broker = harness_broker_with_plugin("", "\"gateways\":\"any\"");
    struct harness_client *watcher = harness_connect(broker, NULL);
    struct twin card = make("card", broker->uri), copy = make("copy", broker->uri);

    ck_assert_int_eq(harness_subscribe(watcher, RIG_STATS, 1), 1);
    start(&card);
    harness_wait_log(card.process, ": connected");
    start(&copy);
    harness_wait_log(copy.process, ": connected");
    harness_wait_log(card.process, "another gateway uses the name \"roof\" and ended this connection");
    unsigned of_card = rig_log_count(card.process, ": connected");
    for (uint32_t i = 0; i < 15; i++) {
        rig_send_acked(card.pty, i);
        rig_send_acked(copy.pty, 100 + i);
    }
    struct harness_message *stats;
    do { /* of the copy: its frames are decided, though nobody knows their devices */
        stats = harness_receive(watcher, RIG_STATS);
        bool done = strstr((const char *)stats->payload, "\"receipted\":15,");
        harness_message_free(stats);
        if (done)
            break;
    } while (true);
    ck_assert_uint_eq(rig_log_count(card.process, ": connected"), of_card);
    ck_assert(harness_log_has(copy.process, "another gateway uses the name \"roof\"; if its card is a copy"));

    harness_signal(card.process, SIGHUP);
    rig_wait_log_count(card.process, ": connected", of_card + 1);
    harness_wait_log(copy.process, "another gateway uses the name \"roof\" and ended this connection");
    do {
        stats = harness_receive(watcher, RIG_STATS);
        bool done = strstr((const char *)stats->payload, "\"receipted\":15,") &&
                    strstr((const char *)stats->payload, "\"name_conflicts\":1,"); /* so the card's */
        harness_message_free(stats);
        if (done)
            break;
    } while (true);
    ck_assert_int_eq(harness_stop(copy.process, SIGTERM), 0);
    ck_assert_int_eq(harness_stop(card.process, SIGTERM), 0);
}
END_TEST

/* The next broker of the list, or one that came back as it was, may have kept the state of this gateway's last run. */
START_TEST(state_that_a_broker_has_kept_is_of_no_twin)
{
    static const char old[] = "{\"state\":\"offline\",\"instance\":12345}";
    struct harness_broker *first = harness_broker(""), *second = harness_broker("");
    struct harness_client *watcher = harness_connect(second, NULL);
    struct twin card = make("card", "");

    ck_assert_int_ge(harness_publish(watcher, RIG_STATE, old, sizeof old - 1, 1, true, NULL), 0);
    ck_assert_int_eq(harness_subscribe(watcher, RIG_STATE, 1), 1);
    harness_message_free(harness_receive(watcher, RIG_STATE));
    (void)harness_write("card.json", 0600,
                        "{\"gateway\":\"" RIG_NAME "\",\"spool\":{\"path\":\"%s\"},\"broker\":{\"uri\":[\"%s\","
                        "\"%s\"],\"username\":\"roof\"},\"serial\":[{\"device\":\"%s\"}]}",
                        card.spool, first->uri, second->uri, card.pty->path);
    start(&card);
    harness_wait_log(card.process, ": connected");
    ck_assert_int_eq(harness_stop(first->process, SIGTERM), 0);
    rig_wait_log_count(card.process, ": connected", 2);
    struct harness_message *state = harness_receive(watcher, RIG_STATE);
    ck_assert_ptr_nonnull(strstr((const char *)state->payload, "online"));
    harness_message_free(state);
    ck_assert_int_eq(harness_stop(card.process, SIGTERM), 0);
    ck_assert(!harness_log_has(card.process, "another gateway"));
}
END_TEST

/* The broker's machine loses its power again and again, and comes back each time with what it once wrote to its disk:
 * the state of this gateway's last run. */
START_TEST(state_that_a_broker_restores_again_and_again_is_of_no_twin)
{
    static const char old[] = "{\"state\":\"online\",\"instance\":12345,\"connection\":7}";
    char persistence[400];

    (void)snprintf(persistence, sizeof persistence,
                   "persistence true\npersistence_location %s/\nautosave_interval 100000\n", harness_path("."));
    struct harness_broker *broker = harness_broker(persistence);
    struct harness_client *writer = harness_connect(broker, NULL);
    struct twin card = make("card", broker->uri);

    ck_assert_int_ge(harness_publish(writer, RIG_STATE, old, sizeof old - 1, 1, true, NULL), 0);
    harness_disconnect(writer);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0); /* it is on the disk now */
    harness_broker_restart(broker);
    start(&card);
    for (unsigned i = 1; i <= 3; i++) {
        struct harness_message *state = NULL;
        struct harness_client *watcher;

        rig_wait_log_count(card.process, ": connected", i);
        watcher = harness_connect(broker, NULL);
        ck_assert_int_eq(harness_subscribe(watcher, RIG_STATE, 1), 1);
        do { /* until the gateway's own is there */
            harness_message_free(state);
            state = harness_receive(watcher, RIG_STATE);
        } while (strstr((const char *)state->payload, "12345"));
        harness_message_free(state);
        ck_assert_int_eq(harness_stop(broker->process, SIGKILL), 128 + SIGKILL);
        harness_drop(watcher);
        harness_broker_restart(broker);
    }
    rig_wait_log_count(card.process, ": connected", 4);
    ck_assert_int_eq(harness_stop(card.process, SIGTERM), 0);
    ck_assert(!harness_log_has(card.process, "another gateway"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gateway_twins");
    TCase *tcase = tcase_create("gateway_twins");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, receipt_of_one_twin_forgets_no_frame_of_the_other);
    tcase_add_test(tcase, state_that_a_broker_has_kept_is_of_no_twin);
    tcase_add_test(tcase, state_that_a_broker_restores_again_and_again_is_of_no_twin);
    tcase_add_test(tcase, twins_leave_each_other_time_and_lose_nothing);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
