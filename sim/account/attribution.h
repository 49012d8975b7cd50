/* SPDX-License-Identifier: Apache-2.0 */
/* Whose doing is what comes out: from a rejection, an alarm or a payload back to the attack that caused it, so that one
 * attack's effect never passes for another's. Each is booked as the figure results.ATTACK.WHAT:
 *
 *   heard        frames of the attack's that a gateway had whole, or that its own gateway handed over
 *   delivered    payloads that it had in hand and that came out after all
 *   rejected     its frames that were rejected, and once more under the reason's name
 *   alarm-NAME   alarms that name one of its frames
 *
 * The broker names a frame by the gateway and the time of its capture. Of virtual gateways both are the simulator's; a
 * real gateway reads a clock of its own, so there `heard` and `delivered` are known alone. It remembers the last
 * SELKIE_ATTRIBUTION_MAX frames; what comes of older ones is nobody's. One thread. */
#ifndef SELKIE_SIM_ATTRIBUTION_H
#define SELKIE_SIM_ATTRIBUTION_H

#include "world/world.h"

#define SELKIE_ATTRIBUTION_MAX 65536u

struct selkie_attribution;

SELKIE_USE_RESULT int selkie_attribution_open(struct selkie_world *world);
void selkie_attribution_close(struct selkie_world *world);

/* An attack puts a body on the air of a channel; a gateway there has a body whole. */
void selkie_attribution_sent(struct selkie_world *world, enum selkie_attack_kind attack, uint32_t channel,
                             const uint8_t *body, size_t len);
void selkie_attribution_heard(struct selkie_world *world, uint32_t channel, const uint8_t *body, size_t len);

/* An attack has a device's payload in hand; a payload came out for the first time. */
void selkie_attribution_follow(struct selkie_world *world, enum selkie_attack_kind attack, uint32_t device,
                               uint32_t number);
void selkie_attribution_out(struct selkie_world *world, uint32_t device, uint32_t number);

/* The broker tells of a frame by its gateway and capture: it was rejected, or raised an alarm. Returns whether it was
 * an attack's. */
bool selkie_attribution_rejected(struct selkie_world *world, const char *gateway, int64_t rx_ms, const char *reason);
bool selkie_attribution_alarm(struct selkie_world *world, const char *gateway, int64_t rx_ms, const char *event);

/* Book a result that needs no attribution. */
void selkie_attribution_book(struct selkie_world *world, enum selkie_attack_kind attack, const char *what,
                             double count);

#endif
