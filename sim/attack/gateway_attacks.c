/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks of a gateway that was taken over: it is believed to be one, and does what it likes with what it hears. */
#include "attack/acts.h"

#include <string.h>

#define FLOOD_FRAMES  200
#define REGISTRATIONS 60
#define REORDER_BATCH 8

static bool hand_over(struct selkie_attacker *attacker, const uint8_t *body, size_t len, int64_t rx_ms)
{
    bool taken = selkie_vgateway_put(attacker->gateway, body, len, rx_ms) == 0;

    if (taken)
        selkie_attribution_count(attacker->attribution, attacker->name, "heard");
    selkie_vgateway_pump(attacker->gateway, attacker->fleet->run->clock.wall_us);
    return taken;
}

/* From here on it is as with any gateway: what it has must be delivered. */
static bool hand_over_tape(struct selkie_attacker *attacker, const struct selkie_tape *tape, int64_t rx_ms)
{
    if (!hand_over(attacker, tape->body, tape->len, rx_ms))
        return false;
    selkie_fleet_book(attacker->fleet, &tape->frame, SELKIE_VERIFY_BY_ATTACKERS);
    return true;
}

static bool ready(const struct selkie_attacker *attacker)
{
    return selkie_vgateway_ready(attacker->gateway);
}

SELKIE_ACT(gateway_replay)
{
    unsigned handed = 0;

    for (unsigned i = 0; i < SELKIE_ATTACKER_TAPES && ready(attacker); i++) {
        const struct selkie_tape *tape = &attacker->tapes[i];
        if (tape->len > 0)
            handed += hand_over_tape(attacker, tape, selkie_run_rx_ms(attacker->fleet->run));
    }
    return handed > 0;
}

/* All that comes within reach goes through this gateway alone. */
SELKIE_TAP(all)
{
    /* What it holds at the end would never be handed over. */
    if (!device->registered || !selkie_attacker_wants_more(attacker, attacker->made) ||
        attacker->tape_at == REORDER_BATCH)
        return false;
    selkie_attacker_record(attacker, device->index, body, len);
    return true;
}

/* A batch in random order, or what there is at the end. */
SELKIE_ACT(gateway_reorder)
{
    if (!ready(attacker) || attacker->tape_at == 0 || (attacker->tape_at < REORDER_BATCH && !attacker->fleet->quiet))
        return false;
    for (unsigned left = attacker->tape_at; left > 0; left--) {
        unsigned pick = (unsigned)selkie_prng_below(&attacker->random, left);
        struct selkie_tape *tape = &attacker->tapes[pick];
        selkie_attribution_follow(attacker->attribution, attacker->name, tape->device, tape->frame.number);
        if (!hand_over_tape(attacker, tape, attacker->fleet->run->epoch_ms + (int64_t)(tape->recorded_us / 1000)))
            return false;
        *tape = attacker->tapes[left - 1];
        attacker->tapes[left - 1].len = 0;
        attacker->tape_at = left - 1;
    }
    return true;
}

/* Right in everything but the seal, so that each costs the broker an RSA operation. */
SELKIE_ACT(gateway_flood)
{
    uint8_t body[SELKIE_SEALED_SIZE];
    uint8_t address[SELKIE_ADDRESS_SIZE];

    if (!ready(attacker))
        return false;
    selkie_fleet_address(attacker->fleet, 0, address);
    for (unsigned i = 0; i < FLOOD_FRAMES; i++) {
        selkie_frame_put_sealed_header(body, attacker->fleet->broker->keys[0].id, address);
        selkie_prng_fill(&attacker->random, body + SELKIE_SEALED_HEADER_SIZE, SELKIE_CIPHERTEXT_SIZE);
        body[SELKIE_SEALED_HEADER_SIZE] = 0; /* below the modulus */
        if (!hand_over(attacker, body, sizeof body, selkie_run_rx_ms(attacker->fleet->run)))
            return false;
    }
    return true;
}

/* Devices that do not exist, each at an address of its own. */
SELKIE_ACT(registration_flood)
{
    struct selkie_message message = {.kind = SELKIE_REGISTER};
    uint8_t body[SELKIE_SEALED_SIZE];

    if (!ready(attacker))
        return false;
    for (unsigned i = 0; i < REGISTRATIONS; i++) {
        selkie_prng_fill(&attacker->random, message.address, sizeof message.address);
        selkie_prng_fill(&attacker->random, message.id, sizeof message.id);
        if (!selkie_attacker_seal(attacker, &message, body) ||
            !hand_over(attacker, body, sizeof body, selkie_run_rx_ms(attacker->fleet->run)))
            return false;
    }
    return true;
}

/* The epoch, long ago, just as before, far ahead. */
SELKIE_ACT(gateway_liar)
{
    const struct selkie_tape *tape = selkie_attacker_latest(attacker);
    int64_t now_ms = selkie_run_rx_ms(attacker->fleet->run);
    const int64_t lies[] = {0, now_ms - 86400000, now_ms - 1, now_ms + 86400000, INT64_MAX / 2};

    if (!tape || !ready(attacker) ||
        !hand_over_tape(attacker, tape, lies[attacker->step % (sizeof lies / sizeof lies[0])]))
        return false;
    attacker->step++;
    return true;
}
