/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of the whole broker, each against another of the same run:
 *   the rate of SEALED frames through Mosquitto with two workers, against twice what one thread opens by itself, and
 *   against what two threads open, since a virtual machine's second core is not always a whole one;
 *   the time from a frame's arrival to its plaintext on an idle broker, against the time to open it;
 *   a plain client's round trip while the workers are saturated, against that on an idle broker.
 * Prints; passes no judgement. */
#include "frames.h"
#include "pump.h"

#include <selkie/keyring.h>

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RULES      "\"gateways\":\"any\",\"workers\":2,\"other_topics\":\"allow\""
#define TOPIC      "selkie/gateway/gw1/up"
#define ROUNDS     9   /* of the rate: one thread, then the broker, so that a machine's moods strike both */
#define OPENED     80  /* ciphertexts that the single thread opens in a round */
#define FRAMES     320 /* frames of a round through the broker */
#define WINDOW     128 /* of these, under way at a time */
#define LATENCIES  200
#define ROUNDTRIPS 600

static int compare(const void *left, const void *right)
{
    const int64_t *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

/* The value that `per_mille` of all lie below; sorts. */
static int64_t quantile(int64_t *values, size_t count, size_t per_mille)
{
    qsort(values, count, sizeof values[0], compare);
    return values[(count - 1) * per_mille / 1000];
}

/* What one thread does by itself, without a broker. */
struct single {
    struct selkie_keyring *keyring;
    uint8_t body[SELKIE_SEALED_SIZE];
};

static void single_open(struct single *single)
{
    struct selkie_key_source source = {.id = 1, .file = harness_private_key()};
    char error[SELKIE_KEYRING_ERROR_SIZE];
    struct frames_device device = frames_device(1);

    ck_assert_int_eq(selkie_keyring_open(&single->keyring), 0);
    ck_assert_msg(selkie_keyring_add(single->keyring, &source, error) == 0, "%s", error);
    harness_seal_data(single->body, device.address, device.id, 0, "21.5");
}

/* Microseconds to open so many seals. */
static int64_t single_run(const struct single *single, size_t count)
{
    uint8_t message[SELKIE_MESSAGE_MAX];
    int64_t start = pump_now_us();

    for (size_t i = 0; i < count; i++)
        ck_assert_int_gt(selkie_keyring_unseal(single->keyring, 1, single->body + SELKIE_SEALED_HEADER_SIZE, message),
                         0);
    return pump_now_us() - start;
}

static int64_t one_round_trip(struct harness_client *client)
{
    int64_t start = pump_now_us();

    harness_publish_async(client, "plain/x", "ping", 4, 0, NULL);
    harness_message_free(harness_receive(client, "plain/x"));
    return pump_now_us() - start;
}

/* Keep WINDOW frames under way until so many of the device have come out, and measure the plain client's round trips
 * meanwhile; returns how many it made. */
static size_t saturate(struct harness_client *gateway, struct harness_client *subscriber, struct frames_device *device,
                       size_t count, struct harness_client *plain, int64_t trips[ROUNDTRIPS])
{
    uint8_t(*bodies)[SELKIE_SEALED_SIZE] = calloc(count, sizeof *bodies);
    size_t sent = 0, come = 0, made = 0;

    ck_assert_ptr_nonnull(bodies);
    for (size_t i = 0; i < count; i++)
        harness_seal_data(bodies[i], device->address, device->id, device->counter++, "21.5");
    while (come < count) {
        while (sent < count && sent - come < WINDOW)
            harness_publish_async(gateway, TOPIC, bodies[sent++], SELKIE_SEALED_SIZE, 1, NULL);
        if (made < ROUNDTRIPS)
            trips[made++] = one_round_trip(plain);
        struct harness_message *message;
        while ((message = harness_receive_try(subscriber, "selkie/device/", 0)) != NULL) {
            harness_message_free(message);
            come++;
        }
    }
    free(bodies);
    return made;
}

static void *run_beside(void *context)
{
    (void)single_run(context, OPENED);
    return NULL;
}

/* Microseconds in which two threads open as many each, without a broker: what the machine has to give just now. */
static int64_t pair_run(struct single *single)
{
    pthread_t other;
    int64_t start = pump_now_us();

    ck_assert_int_eq(pthread_create(&other, NULL, run_beside, single), 0);
    (void)single_run(single, OPENED);
    (void)pthread_join(other, NULL);
    return pump_now_us() - start;
}

static void print_rate(struct single *single, const struct harness_broker *broker)
{
    static uint8_t bodies[FRAMES][SELKIE_SEALED_SIZE];
    struct frames_device devices[PUMP_GATEWAYS];
    struct pump *pump = pump_open(broker, "selkie/device/+/up", true);
    int64_t twice[ROUNDS], pair[ROUNDS], alone_us = 0, pair_us = 0, broker_us = 0;

    for (unsigned i = 0; i < PUMP_GATEWAYS; i++)
        devices[i] = frames_device(10 + i);
    for (size_t i = 0; i < ROUNDS; i++) {
        for (size_t j = 0; j < FRAMES; j++) {
            struct frames_device *device = &devices[j % PUMP_GATEWAYS];
            harness_seal_data(bodies[j], device->address, device->id, device->counter++, "21.5");
        }
        int64_t alone = single_run(single, OPENED), both = pair_run(single);
        int64_t through = pump_run(pump, bodies[0], SELKIE_SEALED_SIZE, FRAMES, WINDOW);
        twice[i] = 1000 * (alone * FRAMES) / (2 * through * OPENED);
        pair[i] = 1000 * (both * FRAMES) / (2 * through * OPENED);
        alone_us += alone;
        pair_us += both;
        broker_us += through;
    }
    pump_close(pump);
    double twice_median = (double)quantile(twice, ROUNDS, 500) / 1000; /* which sorts them */
    double pair_median = (double)quantile(pair, ROUNDS, 500) / 1000;
    printf("two workers: %.0f frames/s through the broker; without one, a thread opens %.0f/s and two threads %.0f/s\n",
           ROUNDS * FRAMES * 1e6 / (double)broker_us, ROUNDS * OPENED * 1e6 / (double)alone_us,
           2 * ROUNDS * OPENED * 1e6 / (double)pair_us);
    printf("of %d rounds: against twice the thread median %.2f (%.2f to %.2f), against the two threads %.2f (%.2f to "
           "%.2f)\n",
           ROUNDS, twice_median, (double)twice[0] / 1000, (double)twice[ROUNDS - 1] / 1000, pair_median,
           (double)pair[0] / 1000, (double)pair[ROUNDS - 1] / 1000);
}

static void print_latency(const struct single *single, const struct harness_broker *broker)
{
    static int64_t open_us[LATENCIES], took[LATENCIES];
    struct harness_client *subscriber = frames_subscriber(broker, "selkie/device/+/up");
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct frames_device device = frames_device(2);

    for (size_t i = 0; i < LATENCIES; i++) {
        uint8_t body[SELKIE_SEALED_SIZE];
        harness_seal_data(body, device.address, device.id, device.counter++, "21.5");
        open_us[i] = single_run(single, 1);
        int64_t start = pump_now_us();
        harness_publish_async(gateway, TOPIC, body, sizeof body, 1, NULL);
        harness_message_free(harness_receive(subscriber, "selkie/device/"));
        took[i] = pump_now_us() - start;
    }
    harness_disconnect(gateway);
    harness_disconnect(subscriber);
    int64_t opening = quantile(open_us, LATENCIES, 500), latency = quantile(took, LATENCIES, 500);
    printf("idle broker, publish to plaintext: %" PRId64 " us (median; p90 %" PRId64 "); opening alone %" PRId64
           " us (median); %" PRId64 " us more\n",
           latency, quantile(took, LATENCIES, 900), opening, latency - opening);
}

static void print_round_trip(const struct harness_broker *broker)
{
    static int64_t idle[ROUNDTRIPS], busy[ROUNDTRIPS];
    struct harness_client *subscriber = frames_subscriber(broker, "selkie/device/+/up");
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct harness_client *plain = frames_subscriber(broker, "plain/x");
    struct frames_device device = frames_device(4);

    for (size_t i = 0; i < ROUNDTRIPS; i++)
        idle[i] = one_round_trip(plain);
    size_t busy_count = saturate(gateway, subscriber, &device, (size_t)ROUNDS * FRAMES, plain, busy);
    harness_disconnect(plain);
    harness_disconnect(gateway);
    harness_disconnect(subscriber);
    int64_t idle_p99 = quantile(idle, ROUNDTRIPS, 990), busy_p99 = quantile(busy, busy_count, 990);
    printf("plain round trip: p50 %" PRId64 " us idle, %" PRId64 " us saturated; p99 %" PRId64 " us idle, %" PRId64
           " us saturated: %" PRId64 " us more (%zu trips)\n",
           quantile(idle, ROUNDTRIPS, 500), quantile(busy, busy_count, 500), idle_p99, busy_p99, busy_p99 - idle_p99,
           busy_count);
}

START_TEST(figures)
{
    struct single single;
    struct harness_broker *broker = harness_broker_with_plugin(PUMP_BROKER, RULES);

    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    single_open(&single);
    print_latency(&single, broker);
    print_rate(&single, broker);
    print_round_trip(broker);
    selkie_keyring_close(single.keyring);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("broker");
    TCase *tcase = tcase_create("broker");

    tcase_set_timeout(tcase, 600);
    tcase_add_test(tcase, figures);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
