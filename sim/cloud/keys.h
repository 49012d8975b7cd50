/* SPDX-License-Identifier: Apache-2.0 */
/* The cloud's keys of a simulation. A broker that the simulator starts has keys that the program carries, both halves:
 * so the same seed gives the same frames, and no run waits for RSA keys to be generated. They are public and protect
 * nothing. Of your own broker only the public halves are read. */
#ifndef SELKIE_SIM_KEYS_H
#define SELKIE_SIM_KEYS_H

#include <selkie/device/trust.h>

#define SELKIE_KEYS_OWN 2 /* key_id 1 and 2: current and next */

struct selkie_sim_key {
    uint8_t id;
    uint8_t spki[SELKIE_PUBLIC_KEY_SIZE];
    uint8_t pin[SELKIE_PIN_SIZE];
};

extern const char *const selkie_keys_private[SELKIE_KEYS_OWN]; /* PEM */

/* 0, or an error after a line on stderr. */
SELKIE_USE_RESULT int selkie_keys_own(struct selkie_sim_key *key, unsigned index);
SELKIE_USE_RESULT int selkie_keys_load(struct selkie_sim_key *key, uint8_t id, const char *path);

#endif
