/* SPDX-License-Identifier: Apache-2.0 */
/* What the simulated devices report, and how a delivered payload is checked for who made it: each carries
 * its number and an HMAC-SHA-256 (RFC 2104), cut to 8 bytes, over who made it, the device, the number and the content.
 * The key comes from the seed and is known to the fleet and the verdict alone.
 *
 *   constant, binary:  filling || number 4 || code 8
 *   sensor, binary:    temperature 2 (0.01 °C) || humidity 1 (0.5 %) || battery 1 (0.01 V above 1.5 V) || number 4 ||
 *                      code 8: 16 bytes, so that a SESSION frame has 31
 *   csv, text:         content || " n=NUMBER k=CODE"      (16 hex digits)
 *
 * No globals; file input in selkie_payload_plan_open only; safe from any thread on distinct walks. */
#ifndef SELKIE_SIM_PAYLOAD_H
#define SELKIE_SIM_PAYLOAD_H

#include "core/prng.h"

#include <selkie/error.h>
#include <selkie/message.h>
#include <stddef.h>
#include <stdint.h>

#define SELKIE_PAYLOAD_SIZE_MIN    12 /* of a binary one: number and code */
#define SELKIE_PAYLOAD_SENSOR_SIZE 16
#define SELKIE_PAYLOAD_KEY_SIZE    32
#define SELKIE_PAYLOAD_TEXT_MAX    (SELKIE_PAYLOAD_MAX - 40) /* of a CSV line: what follows it must fit */

enum selkie_payload_kind { SELKIE_PAYLOAD_CONSTANT, SELKIE_PAYLOAD_SENSOR, SELKIE_PAYLOAD_CSV };

/* Who made a payload. */
enum selkie_payload_maker {
    SELKIE_MADE_BY_DEVICE,
    SELKIE_MADE_BY_THIEF, /* who has a device's ID: only the alarm distinguishes these from the device's own */
    SELKIE_MAKERS
};

struct selkie_payload_plan {
    enum selkie_payload_kind kind;
    size_t size; /* constant: bytes */
    uint8_t key[SELKIE_PAYLOAD_KEY_SIZE];
    char **lines; /* csv: without their line ends */
    size_t line_count;
};

/* A device's place between two readings. */
struct selkie_payload_walk {
    struct selkie_prng random;
    float celsius, humidity;
};

/* csv: read the file's lines (empty ones are left out). 0, or SELKIE_EIO with one sentence in `error`. */
SELKIE_USE_RESULT int selkie_payload_plan_open(struct selkie_payload_plan *plan, enum selkie_payload_kind kind,
                                               size_t size, const char *file, uint64_t seed, char error[static 256]);
void selkie_payload_plan_close(struct selkie_payload_plan *plan);

void selkie_payload_walk_init(struct selkie_payload_walk *walk, uint64_t seed, uint32_t device);

/* What a device that sends such payloads says of its firmware: for a sensor, the text that its model is chosen by. */
const char *selkie_payload_firmware(const struct selkie_payload_plan *plan);

/* Make payload `number` of a device. Returns its length; 0 without memory. */
size_t selkie_payload_make(const struct selkie_payload_plan *plan, struct selkie_payload_walk *walk,
                           enum selkie_payload_maker maker, uint32_t device, uint32_t number,
                           uint8_t bytes[static SELKIE_PAYLOAD_MAX]);

/* Who made this payload of `device`, and its number; SELKIE_EREFUSED where nobody did. */
SELKIE_USE_RESULT int selkie_payload_check(const struct selkie_payload_plan *plan, uint32_t device,
                                           const uint8_t *bytes, size_t len, uint32_t *number);

#endif
