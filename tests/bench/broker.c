/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of the whole broker, each against another of the same run:
 *   the rate of SEALED frames through Mosquitto with two workers, against twice what one thread opens by itself;
 *   the time from a frame's arrival to its plaintext on an idle broker, against the time to open it;
 *   a plain client's round trip while the workers are saturated, against that on an idle broker.
 * Prints; passes no judgement. */
#include "frames.h"

#include <selkie/keyring.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RULES      "\"gateways\":\"any\",\"workers\":2,\"other_topics\":\"allow\""
#define BROKER     "max_inflight_messages 0\nmax_queued_messages 0\nset_tcp_nodelay true\n"
#define OPENED     400  /* ciphertexts that the single thread opens */
#define FRAMES     2000 /* frames of the rate */
#define WINDOW     256  /* of these, under way at a time */
#define LATENCIES  200
#define ROUNDTRIPS 600

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

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

/* Seconds to open one seal with one thread: the median. */
static int64_t time_to_open(void)
{
    struct selkie_keyring *keyring;
    struct selkie_key_source source = {.id = 1, .file = harness_private_key()};
    char error[SELKIE_KEYRING_ERROR_SIZE];
    struct frames_device device = frames_device(1);
    uint8_t body[SELKIE_SEALED_SIZE], message[SELKIE_MESSAGE_MAX];
    int64_t took[OPENED];

    ck_assert_int_eq(selkie_keyring_open(&keyring), 0);
    ck_assert_msg(selkie_keyring_add(keyring, &source, error) == 0, "%s", error);
    harness_seal_data(body, device.address, device.id, 0, "21.5");
    for (size_t i = 0; i < OPENED; i++) {
        int64_t start = now_us();
        ck_assert_int_gt(selkie_keyring_unseal(keyring, 1, body + SELKIE_SEALED_HEADER_SIZE, message), 0);
        took[i] = now_us() - start;
    }
    selkie_keyring_close(keyring);
    return quantile(took, OPENED, 500);
}

static int64_t one_round_trip(struct harness_client *client)
{
    int64_t start = now_us();

    harness_publish_async(client, "plain/x", "ping", 4, 0, NULL);
    harness_message_free(harness_receive(client, "plain/x"));
    return now_us() - start;
}

static uint8_t (*seal_frames(size_t count, uint64_t device_number))[SELKIE_SEALED_SIZE]
{
    uint8_t(*bodies)[SELKIE_SEALED_SIZE] = calloc(count, sizeof *bodies);
    struct frames_device device = frames_device(device_number);

    ck_assert_ptr_nonnull(bodies);
    for (size_t i = 0; i < count; i++)
        harness_seal_data(bodies[i], device.address, device.id, (uint32_t)i, "21.5");
    return bodies;
}

/* Keep WINDOW frames under way until all have come out; with a client, measure its round trips meanwhile. */
static int64_t run_frames(struct harness_client *gateway, struct harness_client *subscriber, size_t count,
                          uint64_t device_number, struct harness_client *plain, int64_t *trips, size_t *trip_count)
{
    uint8_t(*bodies)[SELKIE_SEALED_SIZE] = seal_frames(count, device_number);
    size_t sent = 0, come = 0;
    int64_t start = now_us();

    while (come < count) {
        while (sent < count && sent - come < WINDOW)
            harness_publish_async(gateway, "selkie/gateway/gw1/up", bodies[sent++], SELKIE_SEALED_SIZE, 1, NULL);
        if (plain != NULL && *trip_count < ROUNDTRIPS)
            trips[(*trip_count)++] = one_round_trip(plain);
        int patience = plain != NULL ? 0 : HARNESS_PATIENCE;
        struct harness_message *message;
        while ((message = harness_receive_try(subscriber, "selkie/device/", patience)) != NULL) {
            harness_message_free(message);
            come++;
            patience = 0;
        }
    }
    free(bodies);
    return now_us() - start;
}

START_TEST(figures)
{
    static int64_t took[LATENCIES], idle[ROUNDTRIPS], busy[ROUNDTRIPS];
    size_t busy_count = 0;
    struct harness_broker *broker = harness_broker_with_plugin(BROKER, RULES);
    struct harness_client *subscriber = frames_subscriber(broker, "selkie/device/+/up");
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct harness_client *plain = frames_subscriber(broker, "plain/x");
    struct frames_device device = frames_device(2);

    int64_t open_us = time_to_open();
    printf("one thread opens a seal in %" PRId64 " us (median)\n", open_us);

    for (size_t i = 0; i < LATENCIES; i++) {
        uint8_t body[SELKIE_SEALED_SIZE];
        harness_seal_data(body, device.address, device.id, (uint32_t)i, "21.5");
        int64_t start = now_us();
        harness_publish_async(gateway, "selkie/gateway/gw1/up", body, sizeof body, 1, NULL);
        harness_message_free(harness_receive(subscriber, "selkie/device/"));
        took[i] = now_us() - start;
    }
    int64_t latency = quantile(took, LATENCIES, 500);
    printf("idle broker, publish to plaintext: %" PRId64 " us (median), %" PRId64 " us more than opening; p90 %" PRId64
           " us\n",
           latency, latency - open_us, quantile(took, LATENCIES, 900));

    for (size_t i = 0; i < ROUNDTRIPS; i++)
        idle[i] = one_round_trip(plain);
    int64_t all_us = run_frames(gateway, subscriber, FRAMES, 3, NULL, NULL, NULL);
    int64_t again_us = time_to_open();
    double rate = (double)FRAMES * 1e6 / (double)all_us, single = 2e6 / (double)(open_us + again_us);
    printf("two workers: %.0f frames/s through the broker, one thread alone opens %.0f/s: %.2f of twice that\n", rate,
           single, rate / (2 * single));

    (void)run_frames(gateway, subscriber, FRAMES, 4, plain, busy, &busy_count);
    int64_t idle_p99 = quantile(idle, ROUNDTRIPS, 990), busy_p99 = quantile(busy, busy_count, 990);
    printf("plain round trip: p50 %" PRId64 " us idle, %" PRId64 " us saturated; p99 %" PRId64 " us idle, %" PRId64
           " us saturated: %" PRId64 " us more (%zu trips)\n",
           quantile(idle, ROUNDTRIPS, 500), quantile(busy, busy_count, 500), idle_p99, busy_p99, busy_p99 - idle_p99,
           busy_count);
    harness_disconnect(plain);
    harness_disconnect(gateway);
    harness_disconnect(subscriber);
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
