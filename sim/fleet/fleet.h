/* SPDX-License-Identifier: Apache-2.0 */
/* The devices of a run: their start, readings, resets and keys, and what gateways have of them. Each is the device
 * library itself on a board of the simulator's, which is port.h filled in with entropy from the seed, virtual time and
 * the simulated radio. One thread. */
#ifndef SELKIE_SIM_FLEET_H
#define SELKIE_SIM_FLEET_H

#include "air/channel.h"

#include <selkie/device.h>

#define SELKIE_FLEET_FRAMES 4 /* a device's last frames that are recognised */

/* A frame of the fleet that is recognised when a gateway has it: by the digest of the body. It lives with its owner (a
 * device's last ones, an attacker's recordings) and must not move while it is in the index. */
struct selkie_fleet_frame {
    UT_hash_handle hh;
    uint64_t digest; /* of the body; 0 = empty */
    uint32_t device;
    uint32_t number; /* of the payload; UINT32_MAX = none: a REGISTER */
    uint32_t epoch;  /* IDs that the device had before */
    bool sealed;
};

struct selkie_frame_index {
    struct selkie_fleet_frame *by_digest;
};

struct selkie_fleet;

struct selkie_fleet_device {
    struct selkie_fleet *fleet;
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
    uint64_t approval_us;  /* when the operator approves its new ID, on the wall; 0 = nothing to approve */
    uint32_t number;       /* of that payload; UINT32_MAX = none yet */
    uint32_t epoch;        /* resets so far */
    uint32_t epoch_number; /* the first payload of this epoch */
    uint8_t slot;          /* of the public key */
    bool on;               /* started */
    bool dark;             /* without power */
    bool due;              /* a payload is to be made as soon as the device takes one: phase "together" */
    bool anchored;         /* a SEALED frame of this epoch was heard: the cloud can know the ID */
    bool registered;       /* the cloud has said so */
    bool jammed;           /* the transmission under way is kept from every gateway */
    uint8_t frame_at;
    struct selkie_fleet_frame frames[SELKIE_FLEET_FRAMES];
};

/* Who listens in. */
struct selkie_fleet_tap {
    void *context;
    /* A device's frame goes on the air. Returns whether it is kept from every gateway. */
    bool (*frame)(void *context, const struct selkie_fleet_device *device, const uint8_t *body, size_t len);
};

struct selkie_fleet {
    struct selkie_run *run;
    const struct selkie_scenario *scenario;
    struct selkie_account *account;
    const struct selkie_sim_broker *broker;
    struct selkie_air *air;
    struct selkie_fleet_tap tap; /* .frame NULL = nobody listens */
    uint32_t count;
    struct selkie_fleet_device *devices;
    struct selkie_frame_index frames;
    struct selkie_link_rx
        *ack_rx; /* one for each device; untouched memory, which costs nothing, where none is needed */
    uint32_t heard_by;
    bool quiet;    /* no more payloads are made: the end of the run */
    uint64_t salt; /* of the devices' entropy: 0, or something new for a broker that remembers the IDs of other runs */
    uint64_t skipped; /* payloads that no device took: the one before was still under way, or there was no ID yet */
    uint64_t resets, key_changes;
};

/* NULL: nobody knows this body. */
struct selkie_fleet_frame *selkie_frame_index_find(const struct selkie_frame_index *frames, const uint8_t *body,
                                                   size_t len);

/* Put a frame in, unless it is empty or one with this digest is in. */
void selkie_frame_index_add(struct selkie_frame_index *frames, struct selkie_fleet_frame *frame);

/* Take it out, if it is in, and empty it. */
void selkie_frame_index_remove(struct selkie_frame_index *frames, struct selkie_fleet_frame *frame);

/* The channels that hear a device: `nth` of heard_by. */
struct selkie_channel *selkie_fleet_channel(const struct selkie_fleet *fleet, uint32_t device, uint32_t nth);

/* Fill in a device's port; its context is the device. */
void selkie_fleet_device_port(struct selkie_fleet_device *device, bool listens, bool senses);

/* All devices of the scenario; the fleet then listens on the channels. An error after a line on stderr; close it then,
 * too. */
SELKIE_USE_RESULT int selkie_fleet_open(struct selkie_fleet *fleet, struct selkie_run *run,
                                        const struct selkie_scenario *scenario, struct selkie_account *account,
                                        const struct selkie_sim_broker *broker, struct selkie_air *air);
void selkie_fleet_close(struct selkie_fleet *fleet);

/* A gateway has this frame whole, however it came by it: SELKIE_VERIFY_BY. */
void selkie_fleet_book(struct selkie_fleet *fleet, const struct selkie_fleet_frame *frame, uint8_t by);

/* The power of a device fails and comes back. */
void selkie_fleet_reset(struct selkie_fleet *fleet, uint32_t device);

/* The power of a device is gone, or back. Devices whose power comes back in the same instant boot together. */
void selkie_fleet_power(struct selkie_fleet *fleet, uint32_t device, bool back);

/* It seals with the next key from now on. */
void selkie_fleet_next_key(struct selkie_fleet *fleet, uint32_t device);

/* Whether everything that was taken has left the devices. */
bool selkie_fleet_idle(const struct selkie_fleet *fleet);

/* At the end: what nobody could ever open does not count as heard. */
void selkie_fleet_settle(struct selkie_fleet *fleet);

/* A device's address, and back; SELKIE_ENOTFOUND for one that is not of this fleet. */
void selkie_fleet_address(const struct selkie_fleet *fleet, uint32_t device,
                          uint8_t address[static SELKIE_ADDRESS_SIZE]);
SELKIE_USE_RESULT int64_t selkie_fleet_find(const struct selkie_fleet *fleet,
                                            const uint8_t address[static SELKIE_ADDRESS_SIZE]);

#endif
