/* SPDX-License-Identifier: Apache-2.0 */
/* The attackers of a run: who listens in, and whose turn it is. An attack is counted (metric attacks.NAME) each time
 * that it was really made, so that one which never happened cannot pass. One thread. */
#ifndef SELKIE_SIM_ATTACKERS_H
#define SELKIE_SIM_ATTACKERS_H

#include "attack/acts.h"

struct selkie_attackers {
    size_t count;
    struct selkie_attacker list[];
};

/* All attackers of the scenario; they then tap the fleet, and their gateways stand in its attribution. An error after a
 * line on stderr; close it then, too. */
SELKIE_USE_RESULT int selkie_attackers_open(struct selkie_attackers **attackers, struct selkie_fleet *fleet);
void selkie_attackers_close(struct selkie_attackers *attackers);

/* Let the attackers' gateways publish what is due. Call now and then. */
void selkie_attackers_serve(struct selkie_attackers *attackers, uint64_t wall_us);

/* Frames that the gateways of an attack (SELKIE_ATTACK_KINDS: of all) handed over and that have no receipt yet. */
size_t selkie_attackers_waiting(const struct selkie_attackers *attackers, enum selkie_attack_kind kind);

#endif
