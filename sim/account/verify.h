/* SPDX-License-Identifier: Apache-2.0 */
/* The account of every payload: sent, heard by a gateway, delivered. Both facts are kept for the whole run, so a double
 * is found however late it comes.
 *
 *   delivered         published on its device's topic, once or more
 *   doubled           published again: further copies of a delivered payload
 *   lost on the air   no gateway ever had the whole frame
 *   lost elsewhere    a gateway had it, and it was never published: PROTOCOL.md, section 9, rules this out
 *   forged            published, but no device made it: altered, invented, or on another device's topic
 *   impersonated      published, made by a thief who holds the device's ID
 *
 * Pure: no I/O, no clock; heap; one thread. */
#ifndef SELKIE_SIM_VERIFY_H
#define SELKIE_SIM_VERIFY_H

#include <selkie/error.h>
#include <selkie/histogram.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SELKIE_VERIFY_RECENT 4 /* payloads of a device whose latency is measured */

struct selkie_verify_tally {
    uint64_t sent;
    uint64_t delivered;
    uint64_t doubled;
    uint64_t lost_on_air;
    uint64_t lost_elsewhere;
    uint64_t forged;
    uint64_t impersonated;
    uint64_t waiting; /* heard and not yet delivered: what lost_elsewhere would be if this were the end */
};

struct selkie_verify_device {
    uint32_t sent;
    uint32_t room;  /* payloads that there are marks for */
    uint8_t *marks; /* of each payload: a bit for each who heard it, and one for "delivered" */
    uint32_t recent_number[SELKIE_VERIFY_RECENT];
    uint64_t recent_us[SELKIE_VERIFY_RECENT]; /* 0 = empty */
};

struct selkie_verify {
    uint32_t device_count;
    struct selkie_verify_device *devices;
    struct selkie_verify_tally tally; /* as counted so far; whoever finds a forged payload counts it here */
    uint64_t heard;                   /* payloads marked so, */
    uint64_t heard_delivered;         /* and of them, delivered ones */
    /* From the moment the first gateway had the frame to the first arrival on the topic, in microseconds of the wall.
     * Exact for the last SELKIE_VERIFY_RECENT payloads heard of each device; what comes later is not measured. */
    struct selkie_histogram latency;
};

enum selkie_verify_outcome { SELKIE_VERIFY_FIRST, SELKIE_VERIFY_AGAIN, SELKIE_VERIFY_FORGED };

SELKIE_USE_RESULT int selkie_verify_open(struct selkie_verify *verify, uint32_t devices);
void selkie_verify_close(struct selkie_verify *verify);

/* A device took the next payload for sending. Returns its number (they count from 0), or SELKIE_ENOMEM. */
SELKIE_USE_RESULT int64_t selkie_verify_sent(struct selkie_verify *verify, uint32_t device);

/* Who hears a payload: a bit for each gateway in a device's reach, six at most, and one for attackers' gateways. */
#define SELKIE_VERIFY_BY(nth)      ((uint8_t)(1u << (nth)))
#define SELKIE_VERIFY_BY_ATTACKERS 0x80
#define SELKIE_VERIFY_BY_ANYBODY   0xff

/* A gateway has the whole frame with this payload. */
void selkie_verify_heard(struct selkie_verify *verify, uint32_t device, uint32_t number, uint8_t by, uint64_t wall_us);

/* These payloads, from..to - 1, do not count as heard by these after all: they could not have taken them in. What
 * another heard stays heard, and delivered ones stay delivered. */
void selkie_verify_unhear(struct selkie_verify *verify, uint32_t device, uint32_t from, uint32_t to, uint8_t by);

/* A genuine payload was published. FORGED where the device never sent that number. */
enum selkie_verify_outcome selkie_verify_delivered(struct selkie_verify *verify, uint32_t device, uint32_t number,
                                                   uint64_t wall_us);

/* Payloads that a device has sent so far. */
uint32_t selkie_verify_count(const struct selkie_verify *verify, uint32_t device);
bool selkie_verify_is_delivered(const struct selkie_verify *verify, uint32_t device, uint32_t number);

/* The account as it stands, with what follows from the marks. */
struct selkie_verify_tally selkie_verify_tally(const struct selkie_verify *verify);

#endif
