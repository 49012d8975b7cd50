/* SPDX-License-Identifier: Apache-2.0 */
#include "account/attribution.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ON_AIR_US 30000000u /* a signal has ended long before; the same bytes later are the device's own repeat */

uint64_t selkie_attribution_digest(const void *bytes, size_t len)
{
    uint64_t digest = 0xcbf29ce484222325u;

    for (const uint8_t *byte = bytes; len > 0; len--)
        digest = (digest ^ *byte++) * 0x100000001b3u;
    return digest != 0 ? digest : 1;
}

static void drop(struct selkie_attribution *attribution, struct selkie_attribution_entry *entry)
{
    if (!entry)
        return;
    HASH_DEL(attribution->entries, entry);
    free(entry);
}

void selkie_attribution_close(struct selkie_attribution *attribution)
{
    while (attribution->entries)
        drop(attribution, attribution->entries);
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

static struct selkie_attribution_entry *find(const struct selkie_attribution *attribution,
                                             const struct selkie_attribution_key *key)
{
    struct selkie_attribution_entry *entry;

    HASH_FIND(hh, attribution->entries, key, sizeof *key, entry);
    return entry;
}

static void note(struct selkie_attribution *attribution, struct selkie_attribution_key key, const char *attack)
{
    struct selkie_attribution_entry *entry = malloc(sizeof *entry);

    if (!entry) {
        selkie_run_fail(attribution->run, "%s", selkie_error_text(SELKIE_ENOMEM));
        return;
    }
    drop(attribution, find(attribution, &key)); /* the latest has it */
    if (HASH_COUNT(attribution->entries) == SELKIE_ATTRIBUTION_MAX)
        drop(attribution, attribution->entries);
    *entry = (struct selkie_attribution_entry){.key = key, .set_us = attribution->run->clock.now_us, .attack = attack};
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
    note(attribution,
         (struct selkie_attribution_key){SELKIE_ATTRIBUTION_ON_AIR, channel, selkie_attribution_digest(body, len)},
         attack);
}

static struct selkie_attribution_key capture(const char *gateway, int64_t rx_ms)
{
    return (struct selkie_attribution_key){
        SELKIE_ATTRIBUTION_CAPTURE, (uint32_t)selkie_attribution_digest(gateway, strlen(gateway)), (uint64_t)rx_ms};
}

void selkie_attribution_heard(struct selkie_attribution *attribution, uint32_t channel, const char *gateway,
                              const uint8_t *body, size_t len)
{
    struct selkie_attribution_entry *entry =
        find(attribution, &(struct selkie_attribution_key){SELKIE_ATTRIBUTION_ON_AIR, channel,
                                                           selkie_attribution_digest(body, len)});

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
        note(attribution, (struct selkie_attribution_key){SELKIE_ATTRIBUTION_PAYLOAD, device, number}, attack);
}

void selkie_attribution_delivered(struct selkie_attribution *attribution, uint32_t device, uint32_t number)
{
    struct selkie_attribution_entry *entry =
        find(attribution, &(struct selkie_attribution_key){SELKIE_ATTRIBUTION_PAYLOAD, device, number});

    if (entry)
        selkie_attribution_count(attribution, entry->attack, "delivered");
    drop(attribution, entry);
}

/* The attack that made the frame, or NULL. */
static const char *attack_of(const struct selkie_attribution *attribution, const char *gateway, int64_t rx_ms)
{
    struct selkie_attribution_key key = capture(gateway, rx_ms);

    for (size_t i = 0; i < attribution->gateway_count; i++) {
        if (strcmp(attribution->gateways[i].name, gateway) == 0)
            return attribution->gateways[i].attack;
    }
    const struct selkie_attribution_entry *entry = find(attribution, &key);
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
