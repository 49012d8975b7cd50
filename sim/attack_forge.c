/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks by making frames: with an ID of one's own for somebody else's address, or with a stolen one. */
#include "attacker.h"
#include "fleet_port.h"

#include <mbedtls/platform_util.h>
#include <string.h>

static bool send_sealed(struct selkie_attacker *attacker, struct selkie_message *message)
{
    uint8_t body[SELKIE_SEALED_SIZE];

    return selkie_attacker_seal(attacker, body, message) == 0 && selkie_attacker_transmit(attacker, body, sizeof body);
}

static bool send_register(struct selkie_attacker *attacker, const struct selkie_fleet_device *victim,
                          const uint8_t id[static SELKIE_ID_SIZE])
{
    struct selkie_message message = {.kind = SELKIE_REGISTER};

    memcpy(message.address, victim->config.address, SELKIE_ADDRESS_SIZE);
    memcpy(message.id, id, SELKIE_ID_SIZE);
    return send_sealed(attacker, &message);
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
        selkie_payload_make(&attacker->world->plan, &walk, maker, victim->index, attacker->made, payload);
    if (maker != SELKIE_MADE_BY_THIEF) /* nobody but a device can make the code: this one has to guess */
        payload[message.data.payload_len - 1] ^= 1;
    return send_sealed(attacker, &message);
}

/* First the REGISTER, then payloads under the same ID. */
bool selkie_attack_register(struct selkie_attacker *attacker)
{
    const struct selkie_fleet_device *victim = selkie_attacker_victim(attacker);

    if (victim == NULL)
        return false;
    if (!attacker->has_stolen) {
        selkie_random_fill(&attacker->random, attacker->stolen_id, SELKIE_ID_SIZE);
        attacker->has_stolen = true;
    }
    bool sent = attacker->step == 0
                    ? send_register(attacker, victim, attacker->stolen_id)
                    : send_data(attacker, victim, attacker->stolen_id, attacker->step, SELKIE_MADE_BY_DEVICE);
    attacker->step += sent;
    return sent;
}

bool selkie_attack_storm(struct selkie_attacker *attacker)
{
    const struct selkie_fleet_device *victim = selkie_attacker_victim(attacker);
    uint8_t id[SELKIE_ID_SIZE];

    selkie_random_fill(&attacker->random, id, sizeof id);
    return victim != NULL && send_register(attacker, victim, id);
}

/* Follow the victim's counter from the theft on: each new frame is one message. */
bool selkie_attack_tap_thief(struct selkie_attacker *attacker, const struct selkie_fleet_device *device,
                             const uint8_t *body, size_t len)
{
    uint64_t digest = selkie_fleet_digest(body, len);

    if (!device->registered || (attacker->has_stolen && device != selkie_attacker_victim(attacker)))
        return false;
    if (!attacker->has_stolen && device == selkie_attacker_victim(attacker)) {
        memcpy(attacker->stolen_id, device->device.identity.id, SELKIE_ID_SIZE);
        attacker->stolen_counter = device->device.identity.next_counter - 1;
        attacker->has_stolen = true;
        attacker->step = 1;
    } else if (attacker->has_stolen && digest != attacker->last_digest) {
        attacker->stolen_counter++;
        attacker->step = 1; /* there is something to answer */
    }
    attacker->last_digest = digest;
    return false;
}

/* Under the counter that the device has just used: the careful one, who does not silence it. */
bool selkie_attack_thief(struct selkie_attacker *attacker)
{
    const struct selkie_fleet_device *victim = selkie_attacker_victim(attacker);

    if (victim == NULL || attacker->step == 0 ||
        !send_data(attacker, victim, attacker->stolen_id, attacker->stolen_counter, SELKIE_MADE_BY_THIEF))
        return false;
    attacker->step = 0;
    return true;
}

/* Under the one that the device will use next. */
bool selkie_attack_eager_thief(struct selkie_attacker *attacker)
{
    const struct selkie_fleet_device *victim = selkie_attacker_victim(attacker);

    if (victim == NULL || attacker->step == 0 ||
        !send_data(attacker, victim, attacker->stolen_id, attacker->stolen_counter + 1, SELKIE_MADE_BY_THIEF))
        return false;
    attacker->step = 0;
    return true;
}
