/* SPDX-License-Identifier: Apache-2.0 */
#include "frames.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct frames_device frames_device(uint64_t number)
{
    struct frames_device device = {.counter = 0};

    for (unsigned i = 0; i < 8; i++)
        device.address[i] = device.id[24 + i] = (uint8_t)(number >> (56 - 8 * i));
    device.id[0] = 0x5e;
    selkie_address_format(device.text, device.address);
    return device;
}

const char *frames_topic(const struct frames_device *device, const char *leaf)
{
    static char ring[4][SELKIE_ADDRESS_TEXT_SIZE + 32];
    static unsigned next;
    char *topic = ring[next++ % 4];

    (void)snprintf(topic, sizeof ring[0], "selkie/device/%s/%s", device->text, leaf);
    return topic;
}

struct harness_client *frames_gateway(const struct harness_broker *broker, const char *name, const char *password)
{
    struct harness_client_options options = {.username = name, .password = password};
    char topic[128];
    struct harness_client *client = harness_connect(broker, &options);

    (void)snprintf(topic, sizeof topic, "selkie/gateway/%s/receipt", name);
    ck_assert_int_eq(harness_subscribe(client, topic, 1), 1);
    return client;
}

struct harness_client *frames_subscriber(const struct harness_broker *broker, const char *filter)
{
    struct harness_client *client = harness_connect(broker, NULL);

    ck_assert_int_eq(harness_subscribe(client, filter, 1), 1);
    return client;
}

struct up {
    char topic[128];
    char seq[24], rx[24];
    struct harness_property properties[4];
};

static void up_init(struct up *up, const char *name, uint64_t seq)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)snprintf(up->topic, sizeof up->topic, "selkie/gateway/%s/up", name);
    (void)snprintf(up->seq, sizeof up->seq, "%" PRIu64, seq);
    (void)snprintf(up->rx, sizeof up->rx, "%" PRId64, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    up->properties[0] = (struct harness_property){"seq", up->seq};
    up->properties[1] = (struct harness_property){"rx", up->rx};
    up->properties[2] = (struct harness_property){"port", "test"};
    up->properties[3] = (struct harness_property){NULL, NULL};
}

int frames_send(struct harness_client *gateway, const char *name, const uint8_t *body, size_t len, uint64_t seq)
{
    struct up up = {.seq = ""};

    up_init(&up, name, seq);
    return harness_publish(gateway, up.topic, body, len, 1, false, seq == 0 ? NULL : up.properties);
}

void frames_send_data(struct harness_client *gateway, const char *name, struct frames_device *device,
                      const char *payload, uint64_t seq)
{
    uint8_t body[SELKIE_SEALED_SIZE];
    struct up up = {.seq = ""};

    harness_seal_data(body, device->address, device->id, device->counter++, payload);
    up_init(&up, name, seq);
    harness_publish_async(gateway, up.topic, body, sizeof body, 1, up.properties);
}

json_t *frames_receive_json(struct harness_client *client, const char *prefix)
{
    struct harness_message *message = harness_receive(client, prefix);
    json_t *json = json_loadb((const char *)message->payload, message->len, 0, NULL);

    ck_assert_msg(json != NULL, "%s: not JSON: %s", message->topic, (const char *)message->payload);
    harness_message_free(message);
    return json;
}

void frames_await_receipt(struct harness_client *gateway, uint64_t seq)
{
    frames_await_receipts(gateway, seq, seq);
}

void frames_await_receipts(struct harness_client *gateway, uint64_t first, uint64_t last)
{
    uint64_t missing = last - first + 1;
    bool *seen = calloc((size_t)missing, sizeof *seen);
    size_t index;
    json_t *seq;

    ck_assert_ptr_nonnull(seen);
    while (missing > 0) {
        json_t *receipt = frames_receive_json(gateway, "selkie/gateway/");
        json_array_foreach (json_object_get(receipt, "seq"), index, seq) {
            uint64_t number = (uint64_t)json_integer_value(seq);
            if (number < first || number > last || seen[number - first])
                continue;
            seen[number - first] = true;
            missing--;
        }
        json_decref(receipt);
    }
    free(seen);
}

void frames_expect_payload(struct harness_client *subscriber, const struct frames_device *device, const char *payload,
                           uint32_t counter)
{
    struct harness_message *message = harness_receive(subscriber, frames_topic(device, "up"));
    const char *told = harness_message_property(message, "counter");

    ck_assert_str_eq((const char *)message->payload, payload);
    ck_assert_uint_eq(message->len, strlen(payload));
    ck_assert_msg(told != NULL && strtoul(told, NULL, 10) == counter, "counter %s, not %u", told, counter);
    harness_message_free(message);
}
