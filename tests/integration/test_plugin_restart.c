/* SPDX-License-Identifier: Apache-2.0 */
/* Frames on their way while the broker reloads, restarts or is killed. PROTOCOL.md, section 9. */
#include "frames.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define ANY  "\"gateways\":\"any\""
#define WAIT ",\"replay_wait\":30"

/* Frames for each time that the broker is killed, and the longest that it lives after its clients have come back. */
enum { A_ROUND = 12, MAX_US = 150000 };

/* Who reads: two with a session, by QoS 0 and 1, and one without, which subscribes anew by QoS 0. */
enum reader { PLAIN, ORDINARY, FRESH, READERS };

/* Frames of one device, sealed beforehand, and what is known of each. */
struct frame {
    uint8_t body[SELKIE_SEALED_SIZE];
    int64_t sent_ms;
    bool receipted;
    unsigned seen[READERS]; /* times that its payload came out */
};

static struct frame *make_frames(struct frames_device *device, size_t count)
{
    struct frame *frames = calloc(count, sizeof *frames);
    char payload[24];

    ck_assert_ptr_nonnull(frames);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(payload, sizeof payload, "%zu", i);
        harness_seal_data(frames[i].body, device->address, device->id, device->counter++, payload);
    }
    return frames;
}

/* Take in what receipts have come; seq is index + 1. */
static void note_receipts(struct harness_client *gateway, struct frame *frames, size_t count, int patience_ms)
{
    struct harness_message *message;

    while ((message = harness_receive_try(gateway, "selkie/gateway/gw1/receipt", patience_ms)) != NULL) {
        json_t *json = json_loadb((const char *)message->payload, message->len, 0, NULL), *seq;
        size_t index;
        json_array_foreach (json_object_get(json, "seq"), index, seq) {
            size_t number = (size_t)json_integer_value(seq) - 1;
            ck_assert_uint_lt(number, count);
            frames[number].receipted = true;
        }
        json_decref(json);
        harness_message_free(message);
        patience_ms = 0;
    }
}

/* The device's counter never goes back, whatever the broker died of. */
static void note_state(enum reader reader, const struct harness_message *message)
{
    static json_int_t highest_of[READERS] = {-1, -1};
    json_int_t highest = highest_of[reader];
    json_t *state = json_loadb((const char *)message->payload, message->len, 0, NULL);
    json_int_t counter = json_integer_value(json_object_get(state, "counter"));

    ck_assert_msg(counter >= highest, "the counter went back from %d to %d", (int)highest, (int)counter);
    highest_of[reader] = counter;
    json_decref(state);
}

/* Take in what payloads have come. False once the frame behind the last one has come out. */
static bool note_payloads(struct harness_client *subscriber, enum reader reader, struct frame *frames, size_t count,
                          int patience_ms)
{
    struct harness_message *message;
    bool more = true;

    while (more && (message = harness_receive_try(subscriber, "selkie/device/", patience_ms)) != NULL) {
        const char *leaf = strrchr(message->topic, '/');
        size_t number = strtoul((const char *)message->payload, NULL, 10);
        if (strcmp(leaf, "/state") == 0)
            note_state(reader, message);
        if (strcmp(leaf, "/up") == 0 && number < count)
            frames[number].seen[reader]++;
        more = strcmp(leaf, "/up") != 0 || number < count;
        harness_message_free(message);
    }
    ck_assert_msg(patience_ms == 0 || !more, "the last frame does not come out");
    return more;
}

/* Send one frame more, and note what comes out before it. */
static void end_of_payloads(struct harness_client *gateway, struct harness_client *subscriber,
                            struct frames_device *device, struct frame *frames, size_t count)
{
    char payload[24];

    (void)snprintf(payload, sizeof payload, "%zu", count);
    frames_send_data(gateway, "gw1", device, payload, count + 1);
    while (note_payloads(subscriber, PLAIN, frames, count, HARNESS_PATIENCE))
        continue;
}

static size_t count_open(const struct frame *frames, size_t count)
{
    size_t open = 0;

    for (size_t i = 0; i < count; i++)
        open += !frames[i].receipted;
    return open;
}

static size_t count_seen(const struct frame *frames, size_t count)
{
    size_t seen = 0;

    for (size_t i = 0; i < count; i++)
        seen += frames[i].seen[PLAIN];
    return seen;
}

/* Send what has no receipt, as a gateway does, and again what has had none for so long. Returns early where the broker
 * is gone. At most `window` are under way: whoever sends again and again makes a slow broker slower. */
static void send_open(struct harness_client *gateway, struct frame *frames, size_t count, size_t window, int again_ms)
{
    size_t under_way = 0;

    for (size_t i = 0; i < count && under_way < window; i++) {
        if (frames[i].receipted)
            continue;
        under_way++;
        if (frames[i].sent_ms != 0 && harness_now_ms() < frames[i].sent_ms + again_ms)
            continue;
        if (frames_send(gateway, "gw1", frames[i].body, sizeof frames[i].body, i + 1) < 0)
            return;
        frames[i].sent_ms = harness_now_ms();
        note_receipts(gateway, frames, count, 0);
    }
    note_receipts(gateway, frames, count, 20);
}

START_TEST(a_reload_loses_no_frame)
{
    enum { FRAMES = 200, RELOADS = 5 };
    struct harness_broker *broker = harness_broker_with_plugin("", ANY);
    struct harness_client *subscriber = frames_subscriber(broker, "selkie/device/+/up");
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct frames_device device = frames_device(1);
    struct frame *frames = make_frames(&device, FRAMES);
    int64_t limit = harness_now_ms() + HARNESS_PATIENCE * 5;

    for (int round = 0; count_open(frames, FRAMES) > 0; round++) {
        ck_assert_int_lt(harness_now_ms(), limit);
        if (round < RELOADS)
            harness_signal(broker->process, SIGHUP);
        send_open(gateway, frames, FRAMES, FRAMES / 4, 1000);
    }
    end_of_payloads(gateway, subscriber, &device, frames, FRAMES);
    for (size_t i = 0; i < FRAMES; i++)
        ck_assert_msg(frames[i].seen[PLAIN] > 0, "frame %zu is lost", i);
    harness_wait_log(broker->process, "plugin.json: reloaded");
    free(frames);
    harness_disconnect(gateway);
    harness_disconnect(subscriber);
}
END_TEST

START_TEST(a_broken_configuration_does_not_replace_a_good_one)
{
    struct harness_broker *broker = harness_broker_with_plugin("", ANY);
    struct harness_client *subscriber = frames_subscriber(broker, "selkie/device/+/up");
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct frames_device device = frames_device(2);

    (void)harness_write("plugin.json", 0600, "{\n\"gateways\":\"any\",\n\"colour\":1}");
    harness_signal(broker->process, SIGHUP);
    harness_wait_log(broker->process, "plugin.json:1: state_dir: is required");
    harness_wait_log(broker->process, "the previous configuration stays in force");
    (void)harness_write("plugin.json", 0600,
                        "{\"state_dir\":\"else\",\"gateways\":\"any\",\"keys\":[{\"id\":1,\"file\":\"1.key.pem\"}]}");
    harness_signal(broker->process, SIGHUP);
    harness_wait_log(broker->process, "root and state_dir cannot change on a reload");
    frames_send_data(gateway, "gw1", &device, "still", 1);
    frames_expect_payload(subscriber, &device, "still", 0);
    harness_disconnect(gateway);
    harness_disconnect(subscriber);
}
END_TEST

/* Key 2 comes and goes while the broker runs. */
START_TEST(a_reload_brings_new_keys_and_new_rules)
{
    struct harness_broker *broker = harness_broker_with_plugin("", ANY);
    struct harness_client *subscriber = frames_subscriber(broker, "selkie/#");
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct frames_device device = frames_device(3);
    uint8_t body[SELKIE_SEALED_SIZE];
    char *config = harness_read(harness_path("plugin.json"));
    struct selkie_message message = {.kind = SELKIE_DATA,
                                     .data = {.payload = (const uint8_t *)"two", .payload_len = 3}};

    memcpy(message.address, device.address, sizeof message.address);
    memcpy(message.id, device.id, sizeof message.id);
    harness_seal_second(body, &message);
    ck_assert_int_ge(frames_send(gateway, "gw1", body, sizeof body, 1), 0);
    harness_message_free(harness_receive(subscriber, "selkie/rejected/unknown-key"));
    (void)harness_write("plugin.json", 0600,
                        "{\"state_dir\":\"%s\",\"gateways\":\"any\",\"readers\":[\"gw1\"],\"keys\":[{\"id\":1,\"file\":"
                        "\"1.key.pem\"},{\"id\":2,\"file\":\"%s\"}]}",
                        harness_path("state"), harness_second_key());
    harness_signal(broker->process, SIGHUP);
    harness_wait_log(broker->process, "plugin.json: reloaded");
    ck_assert_int_eq(harness_subscribe(subscriber, "selkie/stats", 1), 135);
    ck_assert_int_eq(harness_subscribe(gateway, "selkie/device/#", 1), 1);
    ck_assert_int_ge(frames_send(gateway, "gw1", body, sizeof body, 2), 0);
    frames_expect_payload(gateway, &device, "two", 0);
    ck_assert_ptr_null(harness_receive_try(subscriber, "selkie/device/", 0));
    /* One key under two numbers is refused, and both numbers are still served as before. */
    (void)harness_write("plugin.json", 0600,
                        "{\"state_dir\":\"%s\",\"gateways\":\"any\",\"keys\":[{\"id\":1,\"file\":\"1.key.pem\"},\n"
                        "{\"id\":2,\"file\":\"1.key.pem\"}]}",
                        harness_path("state"));
    harness_signal(broker->process, SIGHUP);
    harness_wait_log(broker->process, "plugin.json:2: file: keys 1 and 2 are the same RSA key");
    message.counter = 1;
    harness_seal_second(body, &message);
    ck_assert_int_ge(frames_send(gateway, "gw1", body, sizeof body, 3), 0);
    frames_expect_payload(gateway, &device, "two", 1);
    free(config);
    harness_disconnect(gateway);
    harness_disconnect(subscriber);
}
END_TEST

START_TEST(a_restart_keeps_bindings_and_states)
{
    char persistence[300];
    (void)snprintf(persistence, sizeof persistence, "persistence true\npersistence_location %s/\n", harness_path(""));
    struct harness_broker *broker = harness_broker_with_plugin(persistence, ANY WAIT);
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct frames_device device = frames_device(4);
    struct frame *frames = make_frames(&device, 3);

    send_open(gateway, frames, 2, 2, 0);
    while (count_open(frames, 2) > 0)
        note_receipts(gateway, frames, 2, HARNESS_PATIENCE);
    harness_disconnect(gateway);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
    harness_broker_restart(broker);

    struct harness_client *subscriber = frames_subscriber(broker, "selkie/device/#");
    json_int_t counter = -1;
    while (counter != 1) { /* an older one may have been saved, and the outbox brings the last one */
        json_t *state = frames_receive_json(subscriber, frames_topic(&device, "state"));
        counter = json_integer_value(json_object_get(state, "counter"));
        json_decref(state);
    }
    gateway = frames_gateway(broker, "gw1", NULL);
    ck_assert_int_ge(frames_send(gateway, "gw1", frames[1].body, sizeof frames[1].body, 2), 0);
    frames_await_receipt(gateway, 2);
    ck_assert_int_ge(frames_send(gateway, "gw1", frames[2].body, sizeof frames[2].body, 3), 0);
    frames_expect_payload(subscriber, &device, "0", 0); /* these have waited: nobody has read before */
    frames_expect_payload(subscriber, &device, "1", 1);
    frames_expect_payload(subscriber, &device, "2", 2); /* and not 1 again before it */
    free(frames);
    harness_disconnect(gateway);
    harness_disconnect(subscriber);
}
END_TEST

/* A session that Mosquitto restores subscribes to nothing, and a reader of one device does not read all: neither ends
 * the wait, and both get the payload after it. */
START_TEST(who_does_not_end_the_wait_misses_nothing)
{
    char persistence[300];
    (void)snprintf(persistence, sizeof persistence, "persistence true\npersistence_location %s/\n", harness_path(""));
    struct harness_broker *broker = harness_broker_with_plugin(persistence, ANY ",\"replay_wait\":5");
    struct harness_client_options keeping = {.id = "session", .keep_session = true};
    struct harness_client *session = harness_connect(broker, &keeping);
    struct frames_device device = frames_device(6);

    ck_assert_int_eq(harness_subscribe(session, "selkie/device/+/up", 1), 1);
    harness_disconnect(session);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
    harness_broker_restart(broker);
    session = harness_connect(broker, &keeping);
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct harness_client *single = frames_subscriber(broker, frames_topic(&device, "up"));
    frames_send_data(gateway, "gw1", &device, "late", 1);
    frames_await_receipt(gateway, 1); /* which does not wait */
    ck_assert_ptr_null(harness_receive_try(single, "selkie/device/", 0));
    frames_expect_payload(single, &device, "late", 0);
    frames_expect_payload(session, &device, "late", 0);
    frames_send_data(gateway, "gw1", &device, "soon", 2);
    frames_expect_payload(single, &device, "soon", 1);
    frames_expect_payload(session, &device, "soon", 1);
    harness_wait_log(broker->process, "but nobody has subscribed to the payloads of all devices");
    harness_disconnect(gateway);
    harness_disconnect(single);
    harness_disconnect(session);
}
END_TEST

static pid_t victim;

static void on_time(int number)
{
    (void)number;
    (void)kill(victim, SIGKILL);
}

/* kill -9 after a random time of up to `max_us`. */
static void kill_later(timer_t timer, pid_t pid, long max_us)
{
    long us = 1 + random() % max_us;
    struct itimerspec after = {.it_value = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}};

    victim = pid;
    ck_assert_int_eq(timer_settime(timer, 0, &after, NULL), 0);
}

static unsigned rounds(void)
{
    const char *text = getenv("SELKIE_TEST_KILLS");

    return text != NULL ? (unsigned)strtoul(text, NULL, 10) : SELKIE_KILLS;
}

/* Subscribers with a session. The plain one reads all that the broker wrote before its death, since it writes nothing:
 * what an ordinary one has to acknowledge comes back as a reset, which takes away what it had not read yet. The fresh
 * one has no session, so a payload that is published before it has subscribed again is lost to it. It writes nothing
 * either: whatever it misses, the broker has not sent. */
static struct harness_client *connect_reader(const struct harness_broker *broker, enum reader reader)
{
    static const char *const ids[] = {[PLAIN] = "plain", [ORDINARY] = "ordinary", [FRESH] = "fresh"};
    struct harness_client_options options = {.id = ids[reader], .keep_session = reader != FRESH};
    struct harness_client *client = harness_connect(broker, &options);

    if (reader == FRESH)
        ck_assert_int_eq(harness_subscribe(client, "selkie/device/+/up", 0), 0);
    return client;
}

static struct harness_broker *start_with_readers(struct harness_client *readers[static READERS])
{
    char configuration[400];

    (void)snprintf(configuration, sizeof configuration,
                   "persistence true\npersistence_location %s/\nqueue_qos0_messages true\nmax_inflight_messages "
                   "0\nmax_queued_messages 0\n",
                   harness_path(""));
    struct harness_broker *broker = harness_broker_with_plugin(configuration, ANY WAIT);
    for (enum reader reader = PLAIN; reader < READERS; reader++) {
        readers[reader] = connect_reader(broker, reader);
        if (reader != FRESH)
            ck_assert_int_eq(harness_subscribe(readers[reader], "selkie/device/#", (int)reader), (int)reader);
    }
    harness_signal(broker->process, SIGUSR1); /* the sessions go to disk, as autosave would do in time */
    harness_wait_log(broker->process, "Saving in-memory database");
    return broker;
}

/* Send until the broker is killed; then start it again, with the readers connected anew. */
static void live_and_die(struct harness_broker *broker, struct harness_client *readers[static READERS], timer_t timer,
                         struct frame *frames, size_t count)
{
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);

    kill_later(timer, broker->process->pid, MAX_US);
    while (harness_connected(gateway) && harness_connected(readers[PLAIN]))
        send_open(gateway, frames, count, A_ROUND * 2, 0);
    ck_assert_int_eq(harness_wait_exit(broker->process), 128 + SIGKILL);
    note_receipts(gateway, frames, count, 0);
    harness_disconnect(gateway);
    for (enum reader reader = PLAIN; reader < READERS; reader++) {
        while (harness_connected(readers[reader]))
            (void)harness_receive_try(readers[reader], "nothing", 1);
        (void)note_payloads(readers[reader], reader, frames, count, 0);
        harness_disconnect(readers[reader]);
    }
    harness_broker_restart(broker);
    for (enum reader reader = PLAIN; reader < READERS; reader++)
        readers[reader] = connect_reader(broker, reader);
}

/* Everything that has no receipt yet, then old frames once more: the registry knows those, so nothing comes out. */
static void send_rest(const struct harness_broker *broker, struct harness_client *readers[static READERS],
                      struct frames_device *device, struct frame *frames, size_t count)
{
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    int64_t limit = harness_now_ms() + HARNESS_PATIENCE * 5;

    while (count_open(frames, count) > 0) {
        ck_assert_int_lt(harness_now_ms(), limit);
        send_open(gateway, frames, count, A_ROUND * 10, 1000); /* more would leave some below the window */
    }
    (void)note_payloads(readers[PLAIN], PLAIN, frames, count, 0);
    size_t before = count_seen(frames, A_ROUND);
    for (size_t i = 0; i < A_ROUND; i++)
        ck_assert_int_ge(frames_send(gateway, "gw1", frames[i].body, sizeof frames[i].body, i + 1), 0);
    end_of_payloads(gateway, readers[PLAIN], device, frames, count);
    for (enum reader reader = ORDINARY; reader < READERS; reader++)
        while (note_payloads(readers[reader], reader, frames, count, HARNESS_PATIENCE))
            continue;
    ck_assert_uint_eq(count_seen(frames, A_ROUND), before);
    harness_disconnect(gateway);
}

/* Returns how often a reader missed some: a reset takes all that it had not read yet, which is not more than was sent
 * in that life, or in two in a row. */
static size_t account(enum reader reader, const struct frame *frames, size_t count)
{
    size_t lost = 0, gaps = 0, gap = 0, longest = 0, doubles = 0;

    for (size_t i = 0; i < count; i++) {
        bool missing = frames[i].seen[reader] == 0;
        gaps += missing && gap == 0;
        gap = missing ? gap + 1 : 0;
        longest = gap > longest ? gap : longest;
        lost += missing;
        doubles += frames[i].seen[reader] > 1;
    }
    printf("reader %d: %zu frames, %zu lost in %zu places, %zu came twice\n", (int)reader, count, lost, gaps, doubles);
    ck_assert_uint_le(longest, A_ROUND * 4);
    return gaps;
}

START_TEST(whatever_the_broker_dies_of_nothing_is_lost)
{
    unsigned kills = rounds(), seed = (unsigned)time(NULL);
    size_t count = (size_t)kills * A_ROUND;
    struct sigaction action = {.sa_handler = on_time, .sa_flags = SA_RESTART};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    timer_t timer;
    struct frames_device device = frames_device(5);
    struct frame *frames = make_frames(&device, count);
    struct harness_client *readers[READERS];

    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    printf("seed %u, %u kills\n", seed, kills);
    srandom(seed);
    ck_assert_int_eq(sigaction(SIGUSR2, &action, NULL), 0);
    ck_assert_int_eq(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    struct harness_broker *broker = start_with_readers(readers);
    for (unsigned round = 1; round <= kills; round++)
        live_and_die(broker, readers, timer, frames, (size_t)round * A_ROUND);
    send_rest(broker, readers, &device, frames, count);
    ck_assert_uint_eq(account(PLAIN, frames, count), 0);
    ck_assert_uint_le(account(ORDINARY, frames, count), kills / 10); /* as a rule it has read all as well */
    ck_assert_uint_eq(account(FRESH, frames, count), 0);
    free(frames);
    (void)timer_delete(timer);
    for (enum reader reader = PLAIN; reader < READERS; reader++)
        harness_disconnect(readers[reader]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin_restart");
    TCase *tcase = tcase_create("restart");

    tcase_set_timeout(tcase, 600);
    tcase_add_test(tcase, a_reload_loses_no_frame);
    tcase_add_test(tcase, a_broken_configuration_does_not_replace_a_good_one);
    tcase_add_test(tcase, a_reload_brings_new_keys_and_new_rules);
    tcase_add_test(tcase, a_restart_keeps_bindings_and_states);
    tcase_add_test(tcase, who_does_not_end_the_wait_misses_nothing);
    suite_add_tcase(suite, tcase);
    TCase *kill_case = tcase_create("kill");
    tcase_set_timeout(kill_case, 3600);
    tcase_add_test(kill_case, whatever_the_broker_dies_of_nothing_is_lost);
    suite_add_tcase(suite, kill_case);
    return harness_main(suite);
}
