/* SPDX-License-Identifier: Apache-2.0 */
/* Attackers: who listens in, and what each does with it. The table in attacker.c tells for each attack what must come
 * of it; those expectations hold in every scenario that has the attack. An attack is counted (figure attacks.NAME) each
 * time that it was really made, so that one which never happened cannot pass. What an attacker knows: all that is on
 * the air, the public keys, how the protocol works; the thief also a device's ID. None knows the key that marks genuine
 * payloads. One thread. */
#ifndef SELKIE_SIM_ATTACKER_H
#define SELKIE_SIM_ATTACKER_H

#include "cloud/mqtt.h"
#include "cloud/vgateway.h"
#include "fleet/fleet.h"
#include "world/world.h"

#define SELKIE_ATTACKER_TAPES 32 /* recorded frames; when full the oldest is taped over */

struct selkie_tape {
    uint64_t recorded_us; /* virtual */
    uint32_t device;
    size_t len; /* 0 = empty */
    uint8_t body[SELKIE_SEALED_SIZE];
    struct selkie_fleet_frame frame; /* what is in it: the account hears when a gateway gets it after all */
};

struct selkie_attacker {
    struct selkie_world *world;
    const struct selkie_scenario_attack *plan;
    const struct selkie_attack *attack;
    struct selkie_sim_timer turn;
    struct selkie_prng random;
    uint32_t source; /* on the air */
    uint32_t made;   /* attacks so far */
    uint32_t step;   /* the attack's own */
    struct selkie_tape tapes[SELKIE_ATTACKER_TAPES];
    unsigned tape_at;
    struct selkie_vgateway *gateway; /* of a compromised gateway */
    struct selkie_mqtt *client;      /* of a hostile client */
    bool client_connected;
    uint32_t answered; /* thief: the victim's payload that it spoke after last; UINT32_MAX = none */
    bool has_id;       /* forged-register: its own */
    uint8_t id[SELKIE_ID_SIZE];
};

struct selkie_attack {
    const char *what;
    /* A frame goes on the air within the attacker's reach. Returns true to keep it from every gateway. Optional. */
    bool (*tap)(struct selkie_attacker *attacker, const struct selkie_fleet_device *device, const uint8_t *body,
                size_t len);
    /* Its turn: returns true if the attack was made, false to try again soon. */
    bool (*act)(struct selkie_attacker *attacker);
    enum { SELKIE_NEEDS_NOTHING, SELKIE_NEEDS_GATEWAY, SELKIE_NEEDS_CLIENT } needs;
    double after_s;         /* how long a frame is kept, where the scenario says nothing */
    const char *must[6][2]; /* figure and relation; ".replay" is results.NAME.replay: attribution.h */
};

const struct selkie_attack *selkie_attack_of(enum selkie_attack_kind kind);

SELKIE_USE_RESULT int selkie_attackers_open(struct selkie_world *world);
void selkie_attackers_close(struct selkie_world *world);

/* A device's frame goes on the air. Returns whether an attacker keeps it from the gateways. */
bool selkie_attackers_tap(struct selkie_world *world, const struct selkie_fleet_device *device, const uint8_t *body,
                          size_t len);

/* Let the attackers' gateways publish what is due. Call now and then. */
void selkie_attackers_serve(struct selkie_world *world, uint64_t wall_us);

/* Frames that an attacker's gateway handed over and that have no receipt yet; of all of them. */
size_t selkie_attacker_waiting(const struct selkie_attacker *attacker);
size_t selkie_attackers_waiting(const struct selkie_world *world);

/* As selkie_vgateway_hurry, for all of their gateways. */
void selkie_attackers_hurry(struct selkie_world *world, uint64_t most_us);

/* Whose gateway this is; SELKIE_ENOTFOUND for a name that is no attacker's. */
SELKIE_USE_RESULT int64_t selkie_attacker_of_gateway(const struct selkie_world *world, const char *name);

/* For the attacks. Each in the file of its kind. */

/* Send a body on the attacker's channel once it is quiet there. False: it was not. */
bool selkie_attacker_transmit(struct selkie_attacker *attacker, const uint8_t *body, size_t len);
void selkie_attacker_record(struct selkie_attacker *attacker, uint32_t device, const uint8_t *body, size_t len);
struct selkie_tape *selkie_attacker_latest(struct selkie_attacker *attacker);
struct selkie_tape *selkie_attacker_oldest(struct selkie_attacker *attacker, double age_s); /* at least so old */
/* The device it is after: the scenario's, or the first on its channel that is registered; NULL = none yet. */
struct selkie_fleet_device *selkie_attacker_victim(struct selkie_attacker *attacker);
/* Seal a message under an ID with the current public key. */
SELKIE_USE_RESULT int selkie_attacker_seal(struct selkie_attacker *attacker, uint8_t body[static SELKIE_SEALED_SIZE],
                                           struct selkie_message *message);

bool selkie_attack_tap_record(struct selkie_attacker *attacker, const struct selkie_fleet_device *device,
                              const uint8_t *body, size_t len);
bool selkie_attack_replay(struct selkie_attacker *attacker);
bool selkie_attack_replay_late(struct selkie_attacker *attacker);
bool selkie_attack_tap_hold(struct selkie_attacker *attacker, const struct selkie_fleet_device *device,
                            const uint8_t *body, size_t len);
bool selkie_attack_release(struct selkie_attacker *attacker);
bool selkie_attack_flip(struct selkie_attacker *attacker);
bool selkie_attack_noise(struct selkie_attacker *attacker);
bool selkie_attack_tap_next(struct selkie_attacker *attacker, const struct selkie_fleet_device *device,
                            const uint8_t *body, size_t len);

bool selkie_attack_register(struct selkie_attacker *attacker);
bool selkie_attack_storm(struct selkie_attacker *attacker);
bool selkie_attack_thief(struct selkie_attacker *attacker);
bool selkie_attack_eager_thief(struct selkie_attacker *attacker);
bool selkie_attack_tap_robbed(struct selkie_attacker *attacker, const struct selkie_fleet_device *device,
                              const uint8_t *body, size_t len);

bool selkie_attack_gateway_replay(struct selkie_attacker *attacker);
bool selkie_attack_tap_all(struct selkie_attacker *attacker, const struct selkie_fleet_device *device,
                           const uint8_t *body, size_t len);
bool selkie_attack_gateway_reorder(struct selkie_attacker *attacker);
bool selkie_attack_gateway_flood(struct selkie_attacker *attacker);
bool selkie_attack_gateway_liar(struct selkie_attacker *attacker);

bool selkie_attack_publisher(struct selkie_attacker *attacker);
bool selkie_attack_will(struct selkie_attacker *attacker);
void selkie_attack_client_letter(void *owner, const struct selkie_sim_event *event);

#endif
