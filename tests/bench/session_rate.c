/* SPDX-License-Identifier: Apache-2.0 */
/* SESSION frames through Mosquitto with the plugin, all rules and the durable commit included, against the same
 * Mosquitto forwarding the same bytes without it. The same clients, the same number of messages under way, QoS 1 in and
 * out. The clients are libmosquitto's: Paho's cannot keep up with the broker. Prints; passes no judgement. */
#include "frames.h"

#include <selkie/session.h>

#include <inttypes.h>
#include <mosquitto.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BROKER "max_inflight_messages 0\nmax_queued_messages 0\nlog_type error\n"
#define RULES  "\"gateways\":\"any\",\"workers\":2"
#define TOPIC  "selkie/gateway/gw1/up"

enum {
    DEVICES = 50,
    FRAMES = 40000,
    SEALED = 1000,
    WINDOW = 400,
    PAYLOAD = 16,
    BODY = SELKIE_SESSION_OVERHEAD + PAYLOAD
};

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* What the subscriber's thread counts. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t come;
    bool subscribed;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void on_message(struct mosquitto *client, void *context, const struct mosquitto_message *message)
{
    (void)client;
    (void)context;
    (void)message;
    (void)pthread_mutex_lock(&seen.lock);
    seen.come++;
    (void)pthread_cond_signal(&seen.changed);
    (void)pthread_mutex_unlock(&seen.lock);
}

static void on_subscribe(struct mosquitto *client, void *context, int id, int count, const int *granted)
{
    (void)client;
    (void)context;
    (void)id;
    ck_assert(count == 1 && granted[0] == 1);
    (void)pthread_mutex_lock(&seen.lock);
    seen.subscribed = true;
    (void)pthread_cond_signal(&seen.changed);
    (void)pthread_mutex_unlock(&seen.lock);
}

/* Wait until so many have come. */
static void await(size_t count)
{
    struct timespec limit;

    (void)clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += HARNESS_PATIENCE / 1000;
    (void)pthread_mutex_lock(&seen.lock);
    while (seen.come < count || !seen.subscribed)
        ck_assert_msg(pthread_cond_timedwait(&seen.changed, &seen.lock, &limit) == 0, "%zu of %zu have come", seen.come,
                      count);
    (void)pthread_mutex_unlock(&seen.lock);
}

static struct mosquitto *connect_as(const struct harness_broker *broker, const char *user)
{
    struct mosquitto *client = mosquitto_new(NULL, true, NULL);

    ck_assert_ptr_nonnull(client);
    (void)mosquitto_username_pw_set(client, user, NULL);
    (void)mosquitto_max_inflight_messages_set(client, 0);
    (void)mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_message_callback_set(client, on_message);
    mosquitto_subscribe_callback_set(client, on_subscribe);
    ck_assert_int_eq(mosquitto_connect(client, "127.0.0.1", broker->port, 60), MOSQ_ERR_SUCCESS);
    ck_assert_int_eq(mosquitto_loop_start(client), MOSQ_ERR_SUCCESS);
    return client;
}

static void disconnect(struct mosquitto *client)
{
    (void)mosquitto_disconnect(client);
    (void)mosquitto_loop_stop(client, false);
    mosquitto_destroy(client);
}

/* Publish all, WINDOW under way at a time; microseconds until the last has come out. */
static int64_t run(struct mosquitto *gateway, const uint8_t *bodies, size_t size, size_t count)
{
    (void)pthread_mutex_lock(&seen.lock);
    seen.come = 0;
    (void)pthread_mutex_unlock(&seen.lock);
    int64_t start = now_us();
    for (size_t i = 0; i < count; i++) {
        if (i >= WINDOW)
            await(i - WINDOW);
        ck_assert_int_eq(mosquitto_publish(gateway, NULL, TOPIC, (int)size, bodies + i * size, 1, false), 0);
    }
    await(count);
    return now_us() - start;
}

static uint8_t *seal_sessions(void)
{
    uint8_t *bodies = calloc(FRAMES, BODY), payload[PAYLOAD] = "0123456789abcde";

    ck_assert_ptr_nonnull(bodies);
    for (unsigned d = 0; d < DEVICES; d++) {
        struct frames_device device = frames_device(d);
        struct selkie_session session;
        ck_assert_int_eq(selkie_session_derive(&session, device.address, device.id), 0);
        for (uint32_t i = 0; i < FRAMES / DEVICES; i++)
            ck_assert_int_eq(selkie_session_seal(bodies + ((size_t)i * DEVICES + d) * BODY, BODY, &session, i + 1,
                                                 payload, sizeof payload),
                             BODY);
    }
    return bodies;
}

/* SEALED frames: one that registers each device of the SESSION frames, or many of one more device. */
static uint8_t *seal_sealed(bool registrations, size_t count)
{
    uint8_t(*bodies)[SELKIE_SEALED_SIZE] = calloc(count, sizeof *bodies);
    struct frames_device one = frames_device(DEVICES);

    ck_assert_ptr_nonnull(bodies);
    for (uint32_t i = 0; i < count; i++) {
        struct frames_device device = registrations ? frames_device(i) : one;
        harness_seal_data(bodies[i], device.address, device.id, registrations ? 0 : i, "0123456789abcde");
    }
    return bodies[0];
}

static void start(const struct harness_broker *broker, const char *filter, struct mosquitto **gateway,
                  struct mosquitto **subscriber)
{
    seen.subscribed = false;
    *subscriber = connect_as(broker, "reader");
    ck_assert_int_eq(mosquitto_subscribe(*subscriber, NULL, filter, 1), MOSQ_ERR_SUCCESS);
    await(0);
    *gateway = connect_as(broker, "gw1");
}

START_TEST(figures)
{
    struct mosquitto *gateway, *subscriber;
    uint8_t *sessions = seal_sessions(), *registrations = seal_sealed(true, DEVICES),
            *sealed = seal_sealed(false, SEALED);
    struct harness_broker *plain = harness_broker(BROKER);
    start(plain, TOPIC, &gateway, &subscriber);
    (void)run(gateway, sessions, BODY, FRAMES / 4); /* warm */
    double forwarded = FRAMES * 1e6 / (double)run(gateway, sessions, BODY, FRAMES);
    disconnect(gateway);
    disconnect(subscriber);
    ck_assert_int_eq(harness_stop(plain->process, SIGTERM), 0);

    struct harness_broker *broker = harness_broker_with_plugin(BROKER, RULES);
    start(broker, "selkie/device/+/up", &gateway, &subscriber);
    (void)run(gateway, registrations, SELKIE_SEALED_SIZE, DEVICES);
    double rsa = SEALED * 1e6 / (double)run(gateway, sealed, SELKIE_SEALED_SIZE, SEALED);
    double opened = FRAMES * 1e6 / (double)run(gateway, sessions, BODY, FRAMES);
    disconnect(gateway);
    disconnect(subscriber);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);

    printf(
        "%d-byte readings, frames/s: forwarded by plain Mosquitto %.0f; SESSION through the plugin %.0f: %.2f of it; "
        "SEALED with two workers %.0f: SESSION is %.0f times as fast\n",
        PAYLOAD, forwarded, opened, opened / forwarded, rsa, opened / rsa);
    free(sessions);
    free(registrations);
    free(sealed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session_rate");
    TCase *tcase = tcase_create("session_rate");

    (void)mosquitto_lib_init();
    tcase_set_timeout(tcase, 600);
    tcase_add_test(tcase, figures);
    suite_add_tcase(suite, tcase);
    int result = harness_main(suite);
    (void)mosquitto_lib_cleanup();
    return result;
}
