/* SPDX-License-Identifier: Apache-2.0 */
/* The table of attacks: what each does, and what must come of it. Those expectations hold in every scenario that has
 * the attack. Pure; any thread. */
#ifndef SELKIE_SIM_ATTACKS_H
#define SELKIE_SIM_ATTACKS_H

#include "attack/attacker.h"

const struct selkie_attack *selkie_attack_of(enum selkie_attack_kind kind);

#endif
