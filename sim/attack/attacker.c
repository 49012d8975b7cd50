/* SPDX-License-Identifier: Apache-2.0 */
#include "attack/attacker.h"

#include <selkie/device/seal.h>
#include <string.h>

#define QUIET_US 30000u

bool selkie_attacker_in_reach(const struct selkie_attacker *attacker, uint32_t device)
{
    if (attacker->plan->device >= 0 && (uint32_t)attacker->plan->device != device)
        return false;
    return selkie_fleet_channel(attacker->fleet, device, 0) == attacker->channel;
}

bool selkie_attacker_wants_more(const struct selkie_attacker *attacker, uint32_t count)
{
    bool due = attacker->fleet->run->clock.now_us >= (uint64_t)(attacker->plan->at_s * 1e6);

    return due && (attacker->plan->count == 0 || count < attacker->plan->count) && !attacker->fleet->quiet;
}

bool selkie_attacker_transmit(struct selkie_attacker *attacker, const uint8_t *body, size_t len)
{
    struct selkie_channel *channel = attacker->channel;
    uint8_t wire[SELKIE_LINK_WIRE_MAX];

    if (channel->radio.options.bit_rate > 0 &&
        selkie_channel_quiet_us(channel, attacker->source) < QUIET_US + channel->pause_us)
        return false;
    int wire_len = selkie_link_encode(wire, sizeof wire, body, len);
    selkie_attribution_sent(attacker->attribution, attacker->name, channel->index, body, len);
    return wire_len > 0 && selkie_channel_send(channel, attacker->source, wire, (size_t)wire_len) == 0;
}

void selkie_attacker_record(struct selkie_attacker *attacker, uint32_t device, const uint8_t *body, size_t len)
{
    struct selkie_tape *tape = &attacker->tapes[attacker->tape_at++ % SELKIE_ATTACKER_TAPES];
    struct selkie_frame_index *frames = &attacker->fleet->frames;
    const struct selkie_fleet_frame *known = selkie_frame_index_find(frames, body, len);

    tape->recorded_us = attacker->fleet->run->clock.now_us;
    tape->device = device;
    tape->len = len < sizeof tape->body ? len : sizeof tape->body;
    memcpy(tape->body, body, tape->len);
    selkie_frame_index_remove(frames, &tape->frame);
    if (!known) {
        selkie_run_fail(attacker->fleet->run, "a frame of device %u is not recognised", device);
        return;
    }
    tape->frame = *known;
    memset(&tape->frame.hh, 0, sizeof tape->frame.hh);
}

struct selkie_tape *selkie_attacker_latest(struct selkie_attacker *attacker)
{
    if (attacker->tape_at == 0)
        return NULL;
    struct selkie_tape *tape = &attacker->tapes[(attacker->tape_at - 1) % SELKIE_ATTACKER_TAPES];
    return tape->len > 0 ? tape : NULL;
}

struct selkie_tape *selkie_attacker_oldest(struct selkie_attacker *attacker, double age_s)
{
    struct selkie_tape *oldest = NULL;

    for (unsigned i = 0; i < SELKIE_ATTACKER_TAPES; i++) {
        struct selkie_tape *tape = &attacker->tapes[i];
        if (tape->len > 0 && (!oldest || tape->recorded_us < oldest->recorded_us))
            oldest = tape;
    }
    if (!oldest || attacker->fleet->run->clock.now_us < oldest->recorded_us + (uint64_t)(age_s * 1e6))
        return NULL;
    return oldest;
}

struct selkie_fleet_device *selkie_attacker_victim(struct selkie_attacker *attacker)
{
    struct selkie_fleet *fleet = attacker->fleet;

    for (uint32_t i = 0; i < fleet->count; i++) {
        struct selkie_fleet_device *device = &fleet->devices[i];
        if (selkie_attacker_in_reach(attacker, i) && device->on && device->registered)
            return device;
    }
    return NULL;
}

static int draw(void *context, uint8_t *bytes, size_t len)
{
    selkie_prng_fill(context, bytes, len);
    return 0;
}

bool selkie_attacker_seal(struct selkie_attacker *attacker, struct selkie_message *message,
                          uint8_t body[static SELKIE_SEALED_SIZE])
{
    const struct selkie_sim_key *own = &attacker->fleet->broker->keys[0];
    const struct selkie_public_key key = {.key_id = own->id, .spki = own->spki};

    return selkie_seal_message(body, &key, message, draw, &attacker->random) == 0;
}

bool selkie_attacker_send_sealed(struct selkie_attacker *attacker, struct selkie_message *message)
{
    uint8_t body[SELKIE_SEALED_SIZE];

    return selkie_attacker_seal(attacker, message, body) && selkie_attacker_transmit(attacker, body, sizeof body);
}
