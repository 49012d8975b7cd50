/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks of a gateway that was taken over: it is believed to be one, and does what it likes with what it hears. */
#include "account/attribution.h"
#include "attack/attacker.h"

#include <string.h>

#define FLOOD_FRAMES  200
#define REORDER_BATCH 8

static bool hand_over(struct selkie_attacker *attacker, const uint8_t *body, size_t len, int64_t rx_ms)
{
    bool taken = selkie_vgateway_put(attacker->gateway, body, len, rx_ms) == 0;

    if (taken)
        selkie_attribution_book(attacker->world, attacker->plan->kind, "heard", 1);
    selkie_vgateway_pump(attacker->gateway, attacker->world->clock.wall_us);
    return taken;
}

/* From here on it is as with any gateway: what it has must come out. */
static bool hand_over_tape(struct selkie_attacker *attacker, const struct selkie_tape *tape, int64_t rx_ms)
{
    if (!hand_over(attacker, tape->body, tape->len, rx_ms))
        return false;
    selkie_fleet_book(attacker->world, &tape->frame, SELKIE_VERIFY_BY_ATTACKERS);
    return true;
}

static bool ready(const struct selkie_attacker *attacker)
{
    return selkie_vgateway_ready(attacker->gateway);
}

bool selkie_attack_gateway_replay(struct selkie_attacker *attacker)
{
    unsigned handed = 0;

    for (unsigned i = 0; i < SELKIE_ATTACKER_TAPES && ready(attacker); i++) {
        const struct selkie_tape *tape = &attacker->tapes[i];
        if (tape->len > 0)
            handed += hand_over_tape(attacker, tape, selkie_world_rx_ms(attacker->world));
    }
    return handed > 0;
}

/* All that comes within reach goes through this gateway alone. */
bool selkie_attack_tap_all(struct selkie_attacker *attacker, const struct selkie_fleet_device *device,
                           const uint8_t *body, size_t len)
{
    bool due = attacker->world->clock.now_us >= (uint64_t)(attacker->plan->at_s * 1e6);
    bool over = attacker->plan->count != 0 && attacker->made >= attacker->plan->count;

    /* What it holds at the end would never be handed over. */
    if (!device->registered || !due || over || attacker->tape_at == REORDER_BATCH || attacker->world->fleet->quiet)
        return false;
    selkie_attacker_record(attacker, device->index, body, len);
    return true;
}

/* A batch in random order, or what there is at the end. */
bool selkie_attack_gateway_reorder(struct selkie_attacker *attacker)
{
    if (!ready(attacker) || attacker->tape_at == 0 ||
        (attacker->tape_at < REORDER_BATCH && !attacker->world->fleet->quiet))
        return false;
    for (unsigned left = attacker->tape_at; left > 0; left--) {
        unsigned pick = (unsigned)selkie_prng_below(&attacker->random, left);
        struct selkie_tape *tape = &attacker->tapes[pick];
        selkie_attribution_follow(attacker->world, attacker->plan->kind, tape->device, tape->frame.number);
        if (!hand_over_tape(attacker, tape, attacker->world->epoch_ms + (int64_t)(tape->recorded_us / 1000)))
            return false;
        *tape = attacker->tapes[left - 1];
        attacker->tapes[left - 1].len = 0;
        attacker->tape_at = left - 1;
    }
    return true;
}

/* Right in everything but the seal, so that each costs the broker an RSA operation. */
bool selkie_attack_gateway_flood(struct selkie_attacker *attacker)
{
    uint8_t body[SELKIE_SEALED_SIZE];
    uint8_t address[SELKIE_ADDRESS_SIZE];

    if (!ready(attacker))
        return false;
    selkie_fleet_address(attacker->world, 0, address);
    for (unsigned i = 0; i < FLOOD_FRAMES; i++) {
        selkie_frame_put_sealed_header(body, attacker->world->keys[0].id, address);
        selkie_prng_fill(&attacker->random, body + SELKIE_SEALED_HEADER_SIZE, SELKIE_CIPHERTEXT_SIZE);
        body[SELKIE_SEALED_HEADER_SIZE] = 0; /* below the modulus */
        if (!hand_over(attacker, body, sizeof body, selkie_world_rx_ms(attacker->world)))
            return false;
    }
    return true;
}

/* The epoch, long ago, just as before, far ahead. */
bool selkie_attack_gateway_liar(struct selkie_attacker *attacker)
{
    const struct selkie_tape *tape = selkie_attacker_latest(attacker);
    int64_t now_ms = selkie_world_rx_ms(attacker->world);
    const int64_t lies[] = {0, now_ms - 86400000, now_ms - 1, now_ms + 86400000, INT64_MAX / 2};

    if (tape == NULL || !ready(attacker) ||
        !hand_over_tape(attacker, tape, lies[attacker->step % (sizeof lies / sizeof lies[0])]))
        return false;
    attacker->step++;
    return true;
}
