/* SPDX-License-Identifier: Apache-2.0 */
/* The attacks: a table of what each does and what must come of it (those expectations hold in every scenario that has
 * the attack), and its tap and act, each in the file of its kind. One thread. */
#ifndef SELKIE_SIM_ACTS_H
#define SELKIE_SIM_ACTS_H

#include "attack/attacker.h"

/* attacks.c */
const struct selkie_attack *selkie_attack_of(enum selkie_attack_kind kind);

#define SELKIE_TAP(name)                                                                                               \
    bool selkie_tap_##name(struct selkie_attacker *attacker, const struct selkie_fleet_device *device,                 \
                           const uint8_t *body, size_t len)
#define SELKIE_ACT(name) bool selkie_act_##name(struct selkie_attacker *attacker)

/* radio_attacks.c */
SELKIE_TAP(record);
SELKIE_TAP(hold);
SELKIE_TAP(next);
SELKIE_TAP(life);
SELKIE_ACT(replay);
SELKIE_ACT(send_old);
SELKIE_ACT(flip);
SELKIE_ACT(noise);
SELKIE_ACT(late_claim);
SELKIE_ACT(forged_fragments);

/* forging_attacks.c */
SELKIE_TAP(robbed);
SELKIE_ACT(register);
SELKIE_ACT(storm);
SELKIE_ACT(thief);

/* gateway_attacks.c */
SELKIE_TAP(all);
SELKIE_ACT(gateway_replay);
SELKIE_ACT(gateway_reorder);
SELKIE_ACT(gateway_flood);
SELKIE_ACT(gateway_liar);
SELKIE_ACT(registration_flood);

/* client_attacks.c */
SELKIE_ACT(publish);
SELKIE_ACT(will);
void selkie_attack_client_event(void *owner, const struct selkie_mqtt_event *event);

#endif
