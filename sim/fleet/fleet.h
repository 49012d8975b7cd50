/* SPDX-License-Identifier: Apache-2.0 */
/* The devices of a run: each is the device library itself on a port of the simulator's (entropy from the seed, virtual
 * time, the simulated radio). One thread. */
#ifndef SELKIE_SIM_FLEET_H
#define SELKIE_SIM_FLEET_H

#include "world/world.h"

#include <selkie/device.h>
#include <uthash.h>

#define SELKIE_FLEET_FRAMES 4 /* a device's last frames that are known by sight */

/* A frame that was on the air, and what is in it. */
struct selkie_fleet_frame {
    UT_hash_handle hh;
    uint64_t digest; /* of the body; 0 = empty */
    uint32_t device;
    uint32_t number; /* of the payload; UINT32_MAX = none: a REGISTER */
    uint32_t epoch;  /* IDs that the device had before */
    bool sealed;
};

struct selkie_fleet_device {
    struct selkie_world *world;
    uint32_t index;
    struct selkie_device device;
    struct selkie_device_config config;
    struct selkie_port port;
    struct selkie_sim_timer wake;   /* the library's next poll */
    struct selkie_sim_timer report; /* the next payload */
    struct selkie_prng entropy, timing;
    struct selkie_payload_walk walk;
    uint64_t echo_cursor;  /* in its first channel's echo */
    uint64_t handed_us;    /* when the payload under way was handed to the library; 0 = it has been on the air */
    uint32_t number;       /* of that payload; UINT32_MAX = none yet */
    uint32_t epoch;        /* resets so far */
    uint32_t epoch_number; /* the first payload of this epoch */
    uint8_t slot;          /* of the public key */
    bool on;               /* started */
    bool anchored;         /* a SEALED frame of this epoch was heard: the cloud can know the ID */
    bool registered;       /* the cloud has told so */
    uint8_t frame_at;
    struct selkie_fleet_frame frames[SELKIE_FLEET_FRAMES];
};

struct selkie_fleet {
    uint32_t count;
    struct selkie_fleet_device *devices;
    struct selkie_fleet_frame *by_digest;
    struct selkie_link_rx *ack_rx; /* one for each device; NULL where no channel acknowledges */
    uint32_t heard_by;
    bool quiet;    /* no more payloads are made: the end of the run */
    uint64_t salt; /* of the devices' entropy: 0, or something new for a broker that remembers the IDs of other runs */
    uint64_t skipped; /* payloads that no device took: the one before was still under way, or there was no ID yet */
    uint64_t resets, key_changes;
};

/* What a gateway heard, as far as it is the fleet's. */
struct selkie_heard {
    bool known, is_payload;
    uint32_t device, number;
};

SELKIE_USE_RESULT int selkie_fleet_open(struct selkie_world *world);
void selkie_fleet_close(struct selkie_world *world);

/* The gateway of a channel has this body whole. */
struct selkie_heard selkie_fleet_heard(struct selkie_world *world, uint32_t channel, const uint8_t *body, size_t len);

/* Who that gateway is in the account of a device: SELKIE_VERIFY_BY. */
uint8_t selkie_fleet_by(const struct selkie_world *world, uint32_t device, uint32_t channel);

/* A gateway spoke on a channel: whoever waits for an ACK there looks. */
void selkie_fleet_echo(struct selkie_world *world, uint32_t channel);

/* What is in a body that was on the air lately. False: nobody knows. */
SELKIE_USE_RESULT bool selkie_fleet_look(const struct selkie_world *world, const uint8_t *body, size_t len,
                                         struct selkie_fleet_frame *frame);

/* A gateway has this frame whole, however it came by it. */
void selkie_fleet_book(struct selkie_world *world, const struct selkie_fleet_frame *frame, uint8_t by);

/* A frame that was kept goes on the air again: it is known by sight until forgotten, and must not move meanwhile. */
void selkie_fleet_recall(struct selkie_world *world, struct selkie_fleet_frame *frame);
void selkie_fleet_forget(struct selkie_world *world, struct selkie_fleet_frame *frame);

/* The power of a device fails and comes back. */
void selkie_fleet_reset(struct selkie_world *world, uint32_t device);

/* It seals with the next key from now on. */
void selkie_fleet_next_key(struct selkie_world *world, uint32_t device);

/* Make no more payloads; and whether everything that was taken has left the devices. */
void selkie_fleet_quiet(struct selkie_world *world);
bool selkie_fleet_idle(const struct selkie_world *world);

/* At the end: what nobody could ever open does not count as heard. */
void selkie_fleet_settle(struct selkie_world *world);

/* The sum of all devices' counters. */
struct selkie_uplink_counts selkie_fleet_counts(const struct selkie_world *world);

/* A device's address, and back; SELKIE_ENOTFOUND for one that is not of this fleet. */
void selkie_fleet_address(const struct selkie_world *world, uint32_t device,
                          uint8_t address[static SELKIE_ADDRESS_SIZE]);
SELKIE_USE_RESULT int64_t selkie_fleet_find(const struct selkie_world *world,
                                            const uint8_t address[static SELKIE_ADDRESS_SIZE]);

/* The channels that hear a device: `nth` of fleet.heard_by. */
static inline uint32_t selkie_fleet_channel(const struct selkie_world *world, uint32_t device, uint32_t nth)
{
    return (device + nth) % world->channel_count;
}

#endif
