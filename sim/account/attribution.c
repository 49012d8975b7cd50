/* SPDX-License-Identifier: Apache-2.0 */
#include "account/attribution.h"

#include "air/channel.h"
#include "attack/attacker.h"
#include "fleet/fleet_port.h"

#include <stdlib.h>
#include <string.h>

#define ON_AIR_US 30000000u /* a signal is out long before; the same bytes later are the device's own repeat */

/* Without padding: it is hashed as it stands. */
struct key {
    enum { ON_AIR, CAPTURE, PAYLOAD } kind;
    uint32_t place; /* channel, channel, device */
    uint64_t what;  /* digest of the body, time of capture, number */
};

struct entry {
    UT_hash_handle hh; /* in the order of their coming */
    struct key key;
    uint64_t set_us; /* virtual */
    enum selkie_attack_kind attack;
};

struct selkie_attribution {
    struct entry *entries;
};

int selkie_attribution_open(struct selkie_world *world)
{
    world->attribution = calloc(1, sizeof *world->attribution);
    return world->attribution == NULL ? SELKIE_ENOMEM : 0;
}

static void drop(struct selkie_attribution *attribution, struct entry *entry)
{
    if (entry == NULL)
        return;
    HASH_DEL(attribution->entries, entry);
    free(entry);
}

void selkie_attribution_close(struct selkie_world *world)
{
    if (world->attribution == NULL)
        return;
    while (world->attribution->entries != NULL)
        drop(world->attribution, world->attribution->entries);
    free(world->attribution);
    world->attribution = NULL;
}

static struct entry *find(const struct selkie_attribution *attribution, const struct key *key)
{
    struct entry *entry;

    HASH_FIND(hh, attribution->entries, key, sizeof *key, entry);
    return entry;
}

static void note(struct selkie_world *world, struct key key, enum selkie_attack_kind attack)
{
    struct selkie_attribution *attribution = world->attribution;
    struct entry *entry = malloc(sizeof *entry);

    if (entry == NULL) {
        selkie_world_fail(world, "%s", selkie_error_text(SELKIE_ENOMEM));
        return;
    }
    drop(attribution, find(attribution, &key)); /* the latest has it */
    if (HASH_COUNT(attribution->entries) == SELKIE_ATTRIBUTION_MAX)
        drop(attribution, attribution->entries);
    *entry = (struct entry){.key = key, .set_us = world->clock.now_us, .attack = attack};
    HASH_ADD(hh, attribution->entries, key, sizeof entry->key, entry);
}

void selkie_attribution_book(struct selkie_world *world, enum selkie_attack_kind attack, const char *what, double count)
{
    char name[SELKIE_METRIC_NAME_MAX];

    (void)snprintf(name, sizeof name, "%s.%s", selkie_attack_words[attack], what);
    selkie_metrics_add(&world->metrics, "results", name, count);
}

void selkie_attribution_sent(struct selkie_world *world, enum selkie_attack_kind attack, uint32_t channel,
                             const uint8_t *body, size_t len)
{
    note(world, (struct key){ON_AIR, channel, selkie_fleet_digest(body, len)}, attack);
}

void selkie_attribution_heard(struct selkie_world *world, uint32_t channel, const uint8_t *body, size_t len)
{
    struct entry *entry = find(world->attribution, &(struct key){ON_AIR, channel, selkie_fleet_digest(body, len)});

    if (entry == NULL || world->clock.now_us > entry->set_us + ON_AIR_US)
        return;
    enum selkie_attack_kind attack = entry->attack;
    drop(world->attribution, entry);
    selkie_attribution_book(world, attack, "heard", 1);
    if (world->channels[channel].virtual != NULL)
        note(world, (struct key){CAPTURE, channel, (uint64_t)selkie_world_rx_ms(world)}, attack);
}

void selkie_attribution_follow(struct selkie_world *world, enum selkie_attack_kind attack, uint32_t device,
                               uint32_t number)
{
    if (number != UINT32_MAX)
        note(world, (struct key){PAYLOAD, device, number}, attack);
}

void selkie_attribution_out(struct selkie_world *world, uint32_t device, uint32_t number)
{
    struct entry *entry = find(world->attribution, &(struct key){PAYLOAD, device, number});

    if (entry == NULL)
        return;
    selkie_attribution_book(world, entry->attack, "delivered", 1);
    drop(world->attribution, entry);
}

/* The attack that made the frame, or SELKIE_ATTACK_KINDS. */
static enum selkie_attack_kind attack_of(const struct selkie_world *world, const char *gateway, int64_t rx_ms)
{
    int64_t attacker = selkie_attacker_of_gateway(world, gateway);

    if (attacker >= 0)
        return world->attackers[attacker].plan->kind;
    for (uint32_t i = 0; i < world->channel_count; i++) {
        if (strcmp(world->channels[i].name, gateway) != 0)
            continue;
        const struct entry *entry = find(world->attribution, &(struct key){CAPTURE, i, (uint64_t)rx_ms});
        return entry != NULL ? entry->attack : SELKIE_ATTACK_KINDS;
    }
    return SELKIE_ATTACK_KINDS;
}

bool selkie_attribution_rejected(struct selkie_world *world, const char *gateway, int64_t rx_ms, const char *reason)
{
    enum selkie_attack_kind attack = attack_of(world, gateway, rx_ms);

    if (attack == SELKIE_ATTACK_KINDS)
        return false;
    selkie_attribution_book(world, attack, "rejected", 1);
    selkie_attribution_book(world, attack, reason, 1);
    return true;
}

bool selkie_attribution_alarm(struct selkie_world *world, const char *gateway, int64_t rx_ms, const char *event)
{
    enum selkie_attack_kind attack = attack_of(world, gateway, rx_ms);
    char what[32];

    if (attack == SELKIE_ATTACK_KINDS)
        return false;
    (void)snprintf(what, sizeof what, "alarm-%.20s", event);
    selkie_attribution_book(world, attack, what, 1);
    return true;
}
