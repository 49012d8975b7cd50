/* SPDX-License-Identifier: Apache-2.0 */
/* Which attack caused what: from a rejection, an alarm or a payload back to the attack, so that the effect of
 * one attack never passes for the effect of another. Each is counted as the metric results.ATTACK.WHAT:
 *
 *   heard        frames of the attack that a gateway had whole, or that its own gateway handed over
 *   delivered    payloads that it had in hand and that were delivered after all
 *   rejected     its frames that were rejected, and once more under the reason's name
 *   alarm-NAME   alarms that name one of its frames
 *
 * The broker names a frame by the gateway and the time of its capture. For virtual gateways the simulator knows both; a
 * real gateway reads a clock of its own, so there only `heard` and `delivered` are known. The last
 * SELKIE_ATTRIBUTION_MAX frames are remembered; what follows from older ones is attributed to nobody. One thread. */
#ifndef SELKIE_SIM_ATTRIBUTION_H
#define SELKIE_SIM_ATTRIBUTION_H

#include "account/metrics.h"
#include "core/run.h"

#include <uthash.h>

#define SELKIE_ATTRIBUTION_MAX          65536u
#define SELKIE_ATTRIBUTION_GATEWAYS_MAX 64

/* What an attack is found by. Without padding: it is hashed as it stands. */
struct selkie_attribution_key {
    enum { SELKIE_ATTRIBUTION_ON_AIR, SELKIE_ATTRIBUTION_CAPTURE, SELKIE_ATTRIBUTION_PAYLOAD } kind;
    uint32_t place; /* channel, half the digest of the gateway's name, device */
    uint64_t what;  /* digest of the body, time of capture, number */
};

struct selkie_attribution_entry {
    UT_hash_handle hh; /* oldest first */
    struct selkie_attribution_key key;
    uint64_t set_us; /* virtual */
    const char *attack;
};

/* Zeroed, and with the two pointers, it is ready. The attacks' names that the functions below are given must outlive
 * it. */
struct selkie_attribution {
    struct selkie_run *run;
    struct selkie_metrics *metrics;
    struct selkie_attribution_entry *entries;
    size_t gateway_count;
    struct {
        char name[32];
        const char *attack;
    } gateways[SELKIE_ATTRIBUTION_GATEWAYS_MAX];
};

void selkie_attribution_close(struct selkie_attribution *attribution);

/* All that comes through this gateway is the attack's. SELKIE_EFULL beyond SELKIE_ATTRIBUTION_GATEWAYS_MAX. */
SELKIE_USE_RESULT int selkie_attribution_register(struct selkie_attribution *attribution, const char *gateway,
                                                  const char *attack);

/* An attack sends a body on a channel; a gateway there has a body whole (`gateway`: its name if it is a virtual one,
 * which then reports it under virtual time; else NULL). */
void selkie_attribution_sent(struct selkie_attribution *attribution, const char *attack, uint32_t channel,
                             const uint8_t *body, size_t len);
void selkie_attribution_heard(struct selkie_attribution *attribution, uint32_t channel, const char *gateway,
                              const uint8_t *body, size_t len);

/* An attack has a device's payload in hand (UINT32_MAX: a frame without one); a payload was delivered. */
void selkie_attribution_follow(struct selkie_attribution *attribution, const char *attack, uint32_t device,
                               uint32_t number);
void selkie_attribution_delivered(struct selkie_attribution *attribution, uint32_t device, uint32_t number);

/* The broker reports a frame by its gateway and capture: it was rejected for this reason (returns whether it was an
 * attack's), or raised an alarm. */
bool selkie_attribution_rejected(struct selkie_attribution *attribution, const char *gateway, int64_t rx_ms,
                                 const char *reason);
void selkie_attribution_alarm(struct selkie_attribution *attribution, const char *gateway, int64_t rx_ms,
                              const char *event);

/* Count one more of a result that needs no attribution. */
void selkie_attribution_count(struct selkie_attribution *attribution, const char *attack, const char *what);

/* FNV-1a, 64 bits, never 0: by it a body is recognised. */
uint64_t selkie_attribution_digest(const void *bytes, size_t len);

#endif
