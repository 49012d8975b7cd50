/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks of somebody with a radio and no secret: replays, held back frames, flipped bits, noise. */
#include "account/attribution.h"
#include "air/channel.h"
#include "attack/attacker.h"

#include <string.h>

bool selkie_attack_tap_record(struct selkie_attacker *attacker, const struct selkie_fleet_device *device,
                              const uint8_t *body, size_t len)
{
    /* A frame that is to be kept for an hour must not be taped over meanwhile. */
    bool full = attacker->tapes[attacker->tape_at % SELKIE_ATTACKER_TAPES].len > 0;

    if (device->registered && (!full || attacker->attack->after_s == 0))
        selkie_attacker_record(attacker, device->index, body, len);
    return false;
}

bool selkie_attack_replay(struct selkie_attacker *attacker)
{
    const struct selkie_tape *tape = selkie_attacker_latest(attacker);

    return tape != NULL && selkie_attacker_transmit(attacker, tape->body, tape->len);
}

static double age_of(const struct selkie_attacker *attacker)
{
    return attacker->plan->after_s >= 0 ? attacker->plan->after_s : attacker->attack->after_s;
}

/* Send the oldest frame once it is old enough, and forget it. */
static bool send_old(struct selkie_attacker *attacker)
{
    struct selkie_tape *tape = selkie_attacker_oldest(attacker, age_of(attacker));

    if (tape == NULL)
        return false;
    selkie_fleet_recall(attacker->world, &tape->frame);
    selkie_attribution_follow(attacker->world, attacker->plan->kind, tape->device, tape->frame.number);
    if (!selkie_attacker_transmit(attacker, tape->body, tape->len))
        return false;
    tape->len = 0;
    return true;
}

bool selkie_attack_replay_late(struct selkie_attacker *attacker)
{
    return send_old(attacker);
}

/* One frame of each three: as many as it will release, no more. */
bool selkie_attack_tap_hold(struct selkie_attacker *attacker, const struct selkie_fleet_device *device,
                            const uint8_t *body, size_t len)
{
    bool due = attacker->world->clock.now_us >= (uint64_t)(attacker->plan->at_s * 1e6);
    bool enough = attacker->plan->count != 0 && attacker->step >= attacker->plan->count;

    if (!device->registered || !due || enough || attacker->world->fleet->quiet ||
        selkie_prng_below(&attacker->random, 3) != 0)
        return false;
    attacker->step++;
    selkie_attacker_record(attacker, device->index, body, len);
    return true;
}

bool selkie_attack_release(struct selkie_attacker *attacker)
{
    return send_old(attacker);
}

/* Where a bit is flipped: the first byte of each field and its length. PROTOCOL.md, section 3. */
static const struct field {
    uint16_t offset, len;
} sealed_fields[] = {{0, 1}, {1, 1}, {2, 8}, {10, 128}, {138, 256}, {394, 128}},
  session_fields[] = {{0, 1}, {1, 4}, {5, 2}, {7, 1}};

bool selkie_attack_flip(struct selkie_attacker *attacker)
{
    const struct selkie_tape *tape = selkie_attacker_latest(attacker);
    uint8_t body[SELKIE_SEALED_SIZE];

    if (tape == NULL)
        return false;
    bool sealed = tape->len == SELKIE_SEALED_SIZE;
    size_t count =
        sealed ? sizeof sealed_fields / sizeof sealed_fields[0] : sizeof session_fields / sizeof session_fields[0];
    const struct field *field =
        sealed ? &sealed_fields[attacker->step % count] : &session_fields[attacker->step % count];
    /* The last field of a SESSION frame reaches from the ciphertext to the end of the tag. */
    size_t len = !sealed && field->offset == SELKIE_SESSION_HEADER_SIZE ? tape->len - field->offset : field->len;
    size_t bit = selkie_prng_below(&attacker->random, 8 * len);

    memcpy(body, tape->body, tape->len);
    body[field->offset + bit / 8] ^= (uint8_t)(1u << bit % 8);
    if (!selkie_attacker_transmit(attacker, body, tape->len))
        return false;
    attacker->step++;
    return true;
}

bool selkie_attack_noise(struct selkie_attacker *attacker)
{
    struct selkie_channel *channel = &attacker->world->channels[attacker->plan->channel];
    uint8_t bytes[256];
    size_t len = 1 + selkie_prng_below(&attacker->random, sizeof bytes);

    selkie_prng_fill(&attacker->random, bytes, len);
    bytes[len - 1] |= 1; /* a frame's end by chance would be one attack, half a frame left open is the worse one */
    if (channel->radio.options.bit_rate > 0 &&
        selkie_sim_radio_quiet_us(&channel->radio, attacker->source, attacker->world->clock.now_us) < 1000)
        return false;
    attacker->step = 1;
    return selkie_channel_send(channel, attacker->source, bytes, len) == 0;
}

/* The first payload behind the noise is the one that it may spoil. */
bool selkie_attack_tap_next(struct selkie_attacker *attacker, const struct selkie_fleet_device *device,
                            const uint8_t *body, size_t len)
{
    struct selkie_fleet_frame frame;

    if (attacker->step == 0 || !selkie_fleet_look(attacker->world, body, len, &frame) || frame.number == UINT32_MAX)
        return false;
    attacker->step = 0;
    selkie_attribution_follow(attacker->world, attacker->plan->kind, device->index, frame.number);
    return false;
}
