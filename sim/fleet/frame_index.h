/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of the fleet that are recognised when a gateway has them: by the digest of the body. The frames live with
 * their owners (a device's last ones, an attacker's recordings) and must not move while they are in. One thread. */
#ifndef SELKIE_SIM_FRAME_INDEX_H
#define SELKIE_SIM_FRAME_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

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

/* NULL: nobody knows this body. */
struct selkie_fleet_frame *selkie_frame_index_find(const struct selkie_frame_index *frames, const uint8_t *body,
                                                   size_t len);

/* Put a frame in, unless it is empty or one with this digest is in. */
void selkie_frame_index_add(struct selkie_frame_index *frames, struct selkie_fleet_frame *frame);

/* Take it out, if it is in, and empty it. */
void selkie_frame_index_remove(struct selkie_frame_index *frames, struct selkie_fleet_frame *frame);

/* Empty all of it; the frames themselves are left as they are. */
void selkie_frame_index_clear(struct selkie_frame_index *frames);

#endif
