/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks by making frames: with an ID of one's own for somebody else's address, or with a stolen one. */
#include "attack/acts.h"

#include <string.h>

#define JUMP 200000u

static bool send_register(struct selkie_attacker *attacker, const struct selkie_fleet_device *victim,
                          const uint8_t id[static SELKIE_ID_SIZE])
{
    struct selkie_message message = {.kind = SELKIE_REGISTER};

    memcpy(message.address, victim->config.address, SELKIE_ADDRESS_SIZE);
    memcpy(message.id, id, SELKIE_ID_SIZE);
    return selkie_attacker_send_sealed(attacker, &message);
}

/* A payload that looks right to everybody but the verdict. */
static bool send_data(struct selkie_attacker *attacker, const struct selkie_fleet_device *victim,
                      const uint8_t id[static SELKIE_ID_SIZE], uint32_t counter, enum selkie_payload_maker maker)
{
    uint8_t payload[SELKIE_PAYLOAD_MAX];
    struct selkie_payload_walk walk = victim->walk;
    struct selkie_message message = {.kind = SELKIE_DATA, .counter = counter};

    memcpy(message.address, victim->config.address, SELKIE_ADDRESS_SIZE);
    memcpy(message.id, id, SELKIE_ID_SIZE);
    message.data.payload = payload;
    message.data.payload_len =
        selkie_payload_make(&attacker->fleet->account->plan, &walk, maker, victim->index, attacker->made, payload);
    if (message.data.payload_len == 0)
        return false;
    if (maker != SELKIE_MADE_BY_THIEF) /* nobody but a device can make the code: this one has to guess */
        payload[message.data.payload_len - 1] ^= 1;
    return selkie_attacker_send_sealed(attacker, &message);
}

/* First the REGISTER, then payloads under the same ID. */
SELKIE_ACT(register)
{
    const struct selkie_fleet_device *victim = selkie_attacker_victim(attacker);

    if (!victim)
        return false;
    if (!attacker->has_id) {
        selkie_prng_fill(&attacker->random, attacker->id, SELKIE_ID_SIZE);
        attacker->has_id = true;
    }
    bool sent = attacker->step == 0 ? send_register(attacker, victim, attacker->id)
                                    : send_data(attacker, victim, attacker->id, attacker->step, SELKIE_MADE_BY_DEVICE);
    attacker->step += sent;
    return sent;
}

SELKIE_ACT(storm)
{
    const struct selkie_fleet_device *victim = selkie_attacker_victim(attacker);
    uint8_t id[SELKIE_ID_SIZE];

    selkie_prng_fill(&attacker->random, id, sizeof id);
    return victim && send_register(attacker, victim, id);
}

/* Somebody with a debugger on the device: sees its ID, its counter and what it sends. The careful one speaks under a
 * counter that the device has used and whose payload was delivered, so that it does not silence the device; the eager
 * one under the next; the jumping one far above it, and then the device's own frames come late. */
SELKIE_ACT(thief)
{
    const struct selkie_fleet_device *victim = selkie_attacker_victim(attacker);
    enum selkie_attack_kind kind = attacker->plan->kind;

    if (!victim || victim->number == UINT32_MAX || victim->number == attacker->answered || !victim->device.identified)
        return false;
    uint32_t counter = victim->device.identity.next_counter;
    if (kind == SELKIE_ATTACK_JUMPING_THIEF)
        counter += JUMP;
    else if (kind != SELKIE_ATTACK_EAGER_THIEF)
        counter--;
    bool came_out = selkie_verify_is_delivered(&attacker->fleet->account->verify, victim->index, victim->number);
    if (!came_out || !send_data(attacker, victim, victim->device.identity.id, counter, SELKIE_MADE_BY_THIEF))
        return false;
    attacker->answered = victim->number;
    return true;
}

/* Under a counter that was taken already it is the device's own frame that raises the alarm. */
SELKIE_TAP(robbed)
{
    (void)device;
    if (attacker->made > 0)
        selkie_attribution_sent(attacker->attribution, attacker->name, attacker->plan->channel, body, len);
    return false;
}
