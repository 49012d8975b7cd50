/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks of somebody with a radio and no secret: replays, held back frames, flipped bits, noise. */
#include "attack/acts.h"

#include <selkie/fragment.h>
#include <string.h>

#define PACKET 58 /* bytes, of those who cut a fleet's frames that travel whole */

SELKIE_TAP(record)
{
    /* A frame that is to be kept for an hour must not be taped over meanwhile. */
    bool full = attacker->tapes[attacker->tape_at % SELKIE_ATTACKER_TAPES].len > 0;

    if (device->registered && (!full || attacker->attack->after_s == 0))
        selkie_attacker_record(attacker, device->index, body, len);
    return false;
}

SELKIE_ACT(replay)
{
    const struct selkie_tape *tape = selkie_attacker_latest(attacker);

    return tape && selkie_attacker_transmit(attacker, tape->body, tape->len);
}

/* Send the oldest frame once it is old enough, and forget it. */
SELKIE_ACT(send_old)
{
    double age_s = attacker->plan->after_s >= 0 ? attacker->plan->after_s : attacker->attack->after_s;
    struct selkie_tape *tape = selkie_attacker_oldest(attacker, age_s);

    if (!tape)
        return false;
    selkie_frame_index_add(&attacker->fleet->frames, &tape->frame);
    selkie_attribution_follow(attacker->attribution, attacker->name, tape->device, tape->frame.number);
    if (!selkie_attacker_transmit(attacker, tape->body, tape->len))
        return false;
    tape->len = 0;
    return true;
}

/* One frame of each three: as many as it will release, no more. */
SELKIE_TAP(hold)
{
    if (!device->registered || !selkie_attacker_wants_more(attacker, attacker->step) ||
        selkie_prng_below(&attacker->random, 3) != 0)
        return false;
    attacker->step++;
    selkie_attacker_record(attacker, device->index, body, len);
    return true;
}

/* Where a bit is flipped: the first byte of each field and its length. PROTOCOL.md, section 3. */
static const struct field {
    uint16_t offset, len;
} sealed_fields[] = {{0, 1}, {1, 1}, {2, 8}, {10, 128}, {138, 256}, {394, 128}},
  session_fields[] = {{0, 1}, {1, 4}, {5, 2}, {7, 1}};

SELKIE_ACT(flip)
{
    const struct selkie_tape *tape = selkie_attacker_latest(attacker);
    uint8_t body[SELKIE_SEALED_SIZE];

    if (!tape)
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

SELKIE_ACT(noise)
{
    struct selkie_channel *channel = attacker->channel;
    uint8_t bytes[256];
    size_t len = 1 + selkie_prng_below(&attacker->random, sizeof bytes);

    selkie_prng_fill(&attacker->random, bytes, len);
    bytes[len - 1] |= 1; /* a frame's end by chance would be one attack, half a frame left open is the worse one */
    if (channel->radio.options.bit_rate > 0 && selkie_channel_quiet_us(channel, attacker->source) < 1000)
        return false;
    attacker->step = 1;
    return selkie_channel_send(channel, attacker->source, bytes, len) == 0;
}

/* One more set than a receiver keeps. */
#define FORGED_SETS (SELKIE_FRAGMENT_SETS + 1)

/* In turn: fragments of the latest frame's set that do not belong to it, one of them of data and one of parity; and
 * fragments of sets that will never be whole, one more than a receiver keeps. */
SELKIE_ACT(forged_fragments)
{
    const struct selkie_tape *tape = selkie_attacker_latest(attacker);
    uint16_t packet_max = attacker->fleet->scenario->fleet.packet_max;
    struct selkie_fragment_plan plan;
    uint8_t fragment[SELKIE_FRAGMENT_SIZE_MAX];
    bool flood = attacker->step % 2 == 1;
    unsigned sent = 0;

    if (!tape || selkie_fragment_make_plan(&plan, tape->body, tape->len, packet_max ? packet_max : PACKET) < 0)
        return false;
    for (unsigned i = 0; i < (flood ? FORGED_SETS : 2); i++) {
        if (flood)
            plan.set = (uint16_t)selkie_prng_next(&attacker->random);
        size_t len = selkie_fragment_write(fragment, &plan, tape->body, tape->len, (uint8_t)(i * plan.k));
        selkie_prng_fill(&attacker->random, fragment + SELKIE_FRAGMENT_HEADER_SIZE, len - SELKIE_FRAGMENT_HEADER_SIZE);
        sent += selkie_attacker_transmit(attacker, fragment, len);
    }
    attacker->step += sent > 0;
    return sent > 0;
}

/* The first payload behind the noise is the one that it may spoil. */
SELKIE_TAP(next)
{
    const struct selkie_fleet_frame *frame = selkie_frame_index_find(&attacker->fleet->frames, body, len);

    if (attacker->step == 0 || !frame || frame->number == UINT32_MAX)
        return false;
    attacker->step = 0;
    selkie_attribution_follow(attacker->attribution, attacker->name, device->index, frame->number);
    return false;
}

/* The life of one device between its first two resets: it is jammed and recorded from its REGISTER on. */
SELKIE_TAP(life)
{
    bool another = attacker->step != 0 && attacker->step != device->index + 1;

    if (device->epoch != 1 || another || !selkie_attacker_wants_more(attacker, attacker->made))
        return false;
    attacker->step = device->index + 1;
    if (attacker->tape_at < SELKIE_ATTACKER_TAPES)
        selkie_attacker_record(attacker, device->index, body, len);
    return true;
}

/* In the life after that: first the REGISTER, which takes the device's place where the policy lets it; later a reading,
 * when the device has shown that it lives. */
SELKIE_ACT(late_claim)
{
    const struct selkie_fleet_device *victim =
        attacker->step != 0 ? &attacker->fleet->devices[attacker->step - 1] : NULL;

    if (!victim || victim->epoch < 2 || victim->number < victim->epoch_number || attacker->tape_at < 2)
        return false;
    const struct selkie_tape *tape = &attacker->tapes[attacker->made == 0 ? 0 : attacker->tape_at - 1];
    return selkie_verify_is_delivered(&attacker->fleet->account->verify, victim->index, victim->number) &&
           selkie_attacker_transmit(attacker, tape->body, tape->len);
}
