/* SPDX-License-Identifier: Apache-2.0 */
#include "trail.h"

#include "attacker.h"
#include "channel.h"
#include "fleet_port.h"

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

struct selkie_trail {
    struct entry *entries;
};

int selkie_trail_open(struct selkie_world *world)
{
    world->trail = calloc(1, sizeof *world->trail);
    return world->trail == NULL ? SELKIE_ENOMEM : 0;
}

static void drop(struct selkie_trail *trail, struct entry *entry)
{
    if (entry == NULL)
        return;
    HASH_DEL(trail->entries, entry);
    free(entry);
}

void selkie_trail_close(struct selkie_world *world)
{
    if (world->trail == NULL)
        return;
    while (world->trail->entries != NULL)
        drop(world->trail, world->trail->entries);
    free(world->trail);
    world->trail = NULL;
}

static struct entry *find(const struct selkie_trail *trail, const struct key *key)
{
    struct entry *entry;

    HASH_FIND(hh, trail->entries, key, sizeof *key, entry);
    return entry;
}

static void note(struct selkie_world *world, struct key key, enum selkie_attack_kind attack)
{
    struct selkie_trail *trail = world->trail;
    struct entry *entry = malloc(sizeof *entry);

    if (entry == NULL) {
        selkie_world_fail(world, "%s", selkie_error_text(SELKIE_ENOMEM));
        return;
    }
    drop(trail, find(trail, &key)); /* the latest has it */
    if (HASH_COUNT(trail->entries) == SELKIE_TRAIL_MAX)
        drop(trail, trail->entries);
    *entry = (struct entry){.key = key, .set_us = world->clock.now_us, .attack = attack};
    HASH_ADD(hh, trail->entries, key, sizeof entry->key, entry);
}

void selkie_trail_book(struct selkie_world *world, enum selkie_attack_kind attack, const char *what, double count)
{
    char name[SELKIE_FIGURE_NAME_MAX];

    (void)snprintf(name, sizeof name, "%s.%s", selkie_attack_words[attack], what);
    selkie_figures_add(&world->figures, "results", name, count);
}

void selkie_trail_sent(struct selkie_world *world, enum selkie_attack_kind attack, uint32_t channel,
                       const uint8_t *body, size_t len)
{
    note(world, (struct key){ON_AIR, channel, selkie_fleet_digest(body, len)}, attack);
}

void selkie_trail_heard(struct selkie_world *world, uint32_t channel, const uint8_t *body, size_t len)
{
    struct entry *entry = find(world->trail, &(struct key){ON_AIR, channel, selkie_fleet_digest(body, len)});

    if (entry == NULL || world->clock.now_us > entry->set_us + ON_AIR_US)
        return;
    enum selkie_attack_kind attack = entry->attack;
    drop(world->trail, entry);
    selkie_trail_book(world, attack, "heard", 1);
    if (world->channels[channel].virtual != NULL)
        note(world, (struct key){CAPTURE, channel, (uint64_t)selkie_world_rx_ms(world)}, attack);
}

void selkie_trail_follow(struct selkie_world *world, enum selkie_attack_kind attack, uint32_t device, uint32_t number)
{
    if (number != UINT32_MAX)
        note(world, (struct key){PAYLOAD, device, number}, attack);
}

void selkie_trail_out(struct selkie_world *world, uint32_t device, uint32_t number)
{
    struct entry *entry = find(world->trail, &(struct key){PAYLOAD, device, number});

    if (entry == NULL)
        return;
    selkie_trail_book(world, entry->attack, "delivered", 1);
    drop(world->trail, entry);
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
        const struct entry *entry = find(world->trail, &(struct key){CAPTURE, i, (uint64_t)rx_ms});
        return entry != NULL ? entry->attack : SELKIE_ATTACK_KINDS;
    }
    return SELKIE_ATTACK_KINDS;
}

bool selkie_trail_rejected(struct selkie_world *world, const char *gateway, int64_t rx_ms, const char *reason)
{
    enum selkie_attack_kind attack = attack_of(world, gateway, rx_ms);

    if (attack == SELKIE_ATTACK_KINDS)
        return false;
    selkie_trail_book(world, attack, "rejected", 1);
    selkie_trail_book(world, attack, reason, 1);
    return true;
}

bool selkie_trail_alarm(struct selkie_world *world, const char *gateway, int64_t rx_ms, const char *event)
{
    enum selkie_attack_kind attack = attack_of(world, gateway, rx_ms);
    char what[32];

    if (attack == SELKIE_ATTACK_KINDS)
        return false;
    (void)snprintf(what, sizeof what, "alarm-%.20s", event);
    selkie_trail_book(world, attack, what, 1);
    return true;
}
