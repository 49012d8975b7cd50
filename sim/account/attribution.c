/* SPDX-License-Identifier: Apache-2.0 */
#include "account/attribution.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define ON_AIR_US 30000000u /* a signal has ended long before; the same bytes later are the device's own repeat */

/* Without padding: it is hashed as it stands. */
struct key {
    enum { ON_AIR, CAPTURE, PAYLOAD } kind;
    uint32_t place; /* channel, half the digest of the gateway's name, device */
    uint64_t what;  /* digest of the body, time of capture, number */
};

struct entry {
    UT_hash_handle hh; /* oldest first */
    struct key key;
    uint64_t set_us; /* virtual */
    const char *attack;
};

struct selkie_attribution {
    struct selkie_run *run;
    struct selkie_metrics *metrics;
    struct entry *entries;
    size_t gateway_count;
    struct {
        char name[32];
        const char *attack;
    } gateways[SELKIE_ATTRIBUTION_GATEWAYS_MAX];
};

uint64_t selkie_attribution_digest(const void *bytes, size_t len)
{
    uint64_t digest = 0xcbf29ce484222325u;

    for (const uint8_t *byte = bytes; len > 0; len--)
        digest = (digest ^ *byte++) * 0x100000001b3u;
    return digest != 0 ? digest : 1;
}

int selkie_attribution_open(struct selkie_attribution **attribution, struct selkie_run *run,
                            struct selkie_metrics *metrics)
{
    struct selkie_attribution *opened = *attribution = calloc(1, sizeof *opened);

    if (!opened)
        return SELKIE_ENOMEM;
    opened->run = run;
    opened->metrics = metrics;
    return 0;
}

static void drop(struct selkie_attribution *attribution, struct entry *entry)
{
    if (!entry)
        return;
    HASH_DEL(attribution->entries, entry);
    free(entry);
}

void selkie_attribution_close(struct selkie_attribution *attribution)
{
    while (attribution && attribution->entries)
        drop(attribution, attribution->entries);
    free(attribution);
}

int selkie_attribution_register(struct selkie_attribution *attribution, const char *gateway, const char *attack)
{
    size_t place = attribution->gateway_count;

    if (place == SELKIE_ATTRIBUTION_GATEWAYS_MAX)
        return SELKIE_EFULL;
    (void)snprintf(attribution->gateways[place].name, sizeof attribution->gateways[place].name, "%s", gateway);
    attribution->gateways[place].attack = attack;
    attribution->gateway_count++;
    return 0;
}

static struct entry *find(const struct selkie_attribution *attribution, const struct key *key)
{
    struct entry *entry;

    HASH_FIND(hh, attribution->entries, key, sizeof *key, entry);
    return entry;
}

static void note(struct selkie_attribution *attribution, struct key key, const char *attack)
{
    struct entry *entry = malloc(sizeof *entry);

    if (!entry) {
        selkie_run_fail(attribution->run, "%s", selkie_error_text(SELKIE_ENOMEM));
        return;
    }
    drop(attribution, find(attribution, &key)); /* the latest has it */
    if (HASH_COUNT(attribution->entries) == SELKIE_ATTRIBUTION_MAX)
        drop(attribution, attribution->entries);
    *entry = (struct entry){.key = key, .set_us = attribution->run->clock.now_us, .attack = attack};
    HASH_ADD(hh, attribution->entries, key, sizeof entry->key, entry);
}

void selkie_attribution_count(struct selkie_attribution *attribution, const char *attack, const char *what)
{
    char name[SELKIE_METRIC_NAME_MAX];

    (void)snprintf(name, sizeof name, "%s.%s", attack, what);
    selkie_metrics_count(attribution->metrics, "results", name);
}

void selkie_attribution_sent(struct selkie_attribution *attribution, const char *attack, uint32_t channel,
                             const uint8_t *body, size_t len)
{
    note(attribution, (struct key){ON_AIR, channel, selkie_attribution_digest(body, len)}, attack);
}

static struct key capture(const char *gateway, int64_t rx_ms)
{
    return (struct key){CAPTURE, (uint32_t)selkie_attribution_digest(gateway, strlen(gateway)), (uint64_t)rx_ms};
}

void selkie_attribution_heard(struct selkie_attribution *attribution, uint32_t channel, const char *gateway,
                              const uint8_t *body, size_t len)
{
    struct entry *entry = find(attribution, &(struct key){ON_AIR, channel, selkie_attribution_digest(body, len)});

    if (!entry || attribution->run->clock.now_us > entry->set_us + ON_AIR_US)
        return;
    const char *attack = entry->attack;
    drop(attribution, entry);
    selkie_attribution_count(attribution, attack, "heard");
    if (gateway)
        note(attribution, capture(gateway, selkie_run_rx_ms(attribution->run)), attack);
}

void selkie_attribution_follow(struct selkie_attribution *attribution, const char *attack, uint32_t device,
                               uint32_t number)
{
    if (number != UINT32_MAX)
        note(attribution, (struct key){PAYLOAD, device, number}, attack);
}

void selkie_attribution_delivered(struct selkie_attribution *attribution, uint32_t device, uint32_t number)
{
    struct entry *entry = find(attribution, &(struct key){PAYLOAD, device, number});

    if (entry)
        selkie_attribution_count(attribution, entry->attack, "delivered");
    drop(attribution, entry);
}

/* The attack that made the frame, or NULL. */
static const char *attack_of(const struct selkie_attribution *attribution, const char *gateway, int64_t rx_ms)
{
    struct key key = capture(gateway, rx_ms);

    for (size_t i = 0; i < attribution->gateway_count; i++) {
        if (strcmp(attribution->gateways[i].name, gateway) == 0)
            return attribution->gateways[i].attack;
    }
    const struct entry *entry = find(attribution, &key);
    return entry ? entry->attack : NULL;
}

bool selkie_attribution_rejected(struct selkie_attribution *attribution, const char *gateway, int64_t rx_ms,
                                 const char *reason)
{
    const char *attack = attack_of(attribution, gateway, rx_ms);

    if (!attack)
        return false;
    selkie_attribution_count(attribution, attack, "rejected");
    selkie_attribution_count(attribution, attack, reason);
    return true;
}

void selkie_attribution_alarm(struct selkie_attribution *attribution, const char *gateway, int64_t rx_ms,
                              const char *event)
{
    const char *attack = attack_of(attribution, gateway, rx_ms);
    char what[32];

    (void)snprintf(what, sizeof what, "alarm-%.20s", event);
    if (attack)
        selkie_attribution_count(attribution, attack, what);
}
