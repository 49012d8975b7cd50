/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/frame_index.h"

#include "account/attribution.h"

struct selkie_fleet_frame *selkie_frame_index_find(const struct selkie_frame_index *frames, const uint8_t *body,
                                                   size_t len)
{
    uint64_t digest = selkie_attribution_digest(body, len);
    struct selkie_fleet_frame *frame;

    HASH_FIND(hh, frames->by_digest, &digest, sizeof digest, frame);
    return frame;
}

void selkie_frame_index_add(struct selkie_frame_index *frames, struct selkie_fleet_frame *frame)
{
    struct selkie_fleet_frame *known;

    HASH_FIND(hh, frames->by_digest, &frame->digest, sizeof frame->digest, known);
    if (!known && frame->digest != 0)
        HASH_ADD(hh, frames->by_digest, digest, sizeof frame->digest, frame);
}

void selkie_frame_index_remove(struct selkie_frame_index *frames, struct selkie_fleet_frame *frame)
{
    if (frame->hh.tbl)
        HASH_DEL(frames->by_digest, frame);
    memset(frame, 0, sizeof *frame);
}

void selkie_frame_index_clear(struct selkie_frame_index *frames)
{
    HASH_CLEAR(hh, frames->by_digest);
}
