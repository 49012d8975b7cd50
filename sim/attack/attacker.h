/* SPDX-License-Identifier: Apache-2.0 */
/* One attacker, and the means that attacks have: listening in, recording, sending, sealing. What an attacker knows: all
 * that is on the air, the public keys, how the protocol works; the thief also a device's ID. None knows the key that
 * marks genuine payloads. One thread. */
#ifndef SELKIE_SIM_ATTACKER_H
#define SELKIE_SIM_ATTACKER_H

#include "fleet/fleet.h"

/* What every event, state or statistic forged by an attacker says; a genuine one never does. */
#define SELKIE_ATTACKER_MARK "selkie-sim: forged"

#define SELKIE_ATTACKER_TAPES 32 /* recorded frames; when full the oldest is taped over */

struct selkie_attacker;

/* A kind of attack. */
struct selkie_attack {
    const char *what;
    /* A frame goes on the air within the attacker's reach. Returns true to keep it from every gateway. Optional. */
    bool (*tap)(struct selkie_attacker *attacker, const struct selkie_fleet_device *device, const uint8_t *body,
                size_t len);
    /* Its turn: returns true if the attack was made, false to try again soon. */
    bool (*act)(struct selkie_attacker *attacker);
    /* What must come of it: "METRIC RELATION …", separated by spaces; ".replay>=1" is about results.NAME.replay, see
     * attribution.h. */
    const char *must;
    enum { SELKIE_NEEDS_NOTHING, SELKIE_NEEDS_GATEWAY, SELKIE_NEEDS_CLIENT } needs;
    double after_s; /* how long a frame is kept, where the scenario says nothing */
};

struct selkie_tape {
    uint64_t recorded_us; /* virtual */
    uint32_t device;
    size_t len; /* 0 = empty */
    uint8_t body[SELKIE_SEALED_SIZE];
    struct selkie_fleet_frame frame; /* what is in it: the account hears when a gateway gets it after all */
};

struct selkie_attacker {
    struct selkie_fleet *fleet;
    struct selkie_attribution *attribution;
    struct selkie_channel *channel; /* that it is on */
    const struct selkie_scenario_attack *plan;
    const struct selkie_attack *attack;
    const char *name; /* the attack's */
    struct selkie_sim_timer turn;
    struct selkie_prng random;
    uint32_t source; /* on the air */
    uint32_t made;   /* attacks so far */
    uint32_t step;   /* the attack's own */
    struct selkie_tape tapes[SELKIE_ATTACKER_TAPES];
    unsigned tape_at;
    struct selkie_vgateway *gateway; /* of a compromised gateway */
    struct selkie_sim_client client; /* of a hostile client */
    char will_topic[SELKIE_TOPIC_MAX];
    bool client_connected;
    uint32_t answered; /* thief: the victim's payload that it spoke after last; UINT32_MAX = none */
    bool has_id;       /* forged-register: its own */
    uint8_t id[SELKIE_ID_SIZE];
};

/* Whether it can hear a device, and is after it. */
bool selkie_attacker_in_reach(const struct selkie_attacker *attacker, uint32_t device);

/* Whether the time of the scenario's attack has come, `count` of them have not been made, and the run still makes
 * payloads. */
bool selkie_attacker_wants_more(const struct selkie_attacker *attacker, uint32_t count);

/* Send a body on the attacker's channel once it is quiet there. False: it was not. */
bool selkie_attacker_transmit(struct selkie_attacker *attacker, const uint8_t *body, size_t len);

void selkie_attacker_record(struct selkie_attacker *attacker, uint32_t device, const uint8_t *body, size_t len);
struct selkie_tape *selkie_attacker_latest(struct selkie_attacker *attacker);
struct selkie_tape *selkie_attacker_oldest(struct selkie_attacker *attacker, double age_s); /* at least so old */

/* The device it is after: the scenario's, or the first on its channel that is registered; NULL = none yet. */
struct selkie_fleet_device *selkie_attacker_victim(struct selkie_attacker *attacker);

/* Seal a message under an ID with the current public key; and transmit it. False: not sealed, or not sent. */
bool selkie_attacker_seal(struct selkie_attacker *attacker, struct selkie_message *message,
                          uint8_t body[static SELKIE_SEALED_SIZE]);
bool selkie_attacker_send_sealed(struct selkie_attacker *attacker, struct selkie_message *message);

#endif
