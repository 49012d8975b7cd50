/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of the plugin do again and again: be a gateway, send frames of a device, read what comes of them. */
#ifndef SELKIE_TESTS_FRAMES_H
#define SELKIE_TESTS_FRAMES_H

#include "harness.h"

#include <jansson.h>

/* A device that exists in the test alone: an address and an ID made from a number. */
struct frames_device {
    uint8_t address[SELKIE_ADDRESS_SIZE];
    char text[SELKIE_ADDRESS_TEXT_SIZE];
    uint8_t id[SELKIE_ID_SIZE];
    uint32_t counter; /* of the next message */
};
struct frames_device frames_device(uint64_t number);

/* A topic below the root; static, good for the next three calls. */
const char *frames_topic(const struct frames_device *device, const char *leaf);

/* Connect as a gateway: its name is its user name. */
struct harness_client *frames_gateway(const struct harness_broker *broker, const char *name, const char *password);

/* Connect without a user name and subscribe. */
struct harness_client *frames_subscriber(const struct harness_broker *broker, const char *filter);

/* Publish a body on the gateway's topic with seq and rx (0 = leave out). Returns the PUBACK's reason. */
int frames_send(struct harness_client *gateway, const char *name, const uint8_t *body, size_t len, uint64_t seq);
/* Seal the device's next message and send it without waiting for the PUBACK. */
void frames_send_data(struct harness_client *gateway, const char *name, struct frames_device *device,
                      const char *payload, uint64_t seq);

/* The next message's payload as JSON (free with json_decref). */
json_t *frames_receive_json(struct harness_client *client, const char *prefix);

/* Read receipts on this topic until one names `seq`. */
void frames_await_receipt(struct harness_client *gateway, uint64_t seq);
/* … until each of the seqs first..last has been named. */
void frames_await_receipts(struct harness_client *gateway, uint64_t first, uint64_t last);

/* Receive a payload of this device and check text and counter. */
void frames_expect_payload(struct harness_client *subscriber, const struct frames_device *device, const char *payload,
                           uint32_t counter);

#endif
