/* SPDX-License-Identifier: Apache-2.0 */
#include "attack/attackers.h"

#include <selkie/topic.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_SOURCE 0x80000000u
#define AGAIN_US     50000u

static void on_turn(struct selkie_sim_timer *timer)
{
    struct selkie_attacker *attacker = SELKIE_TIMER_OWNER(timer, selkie_attacker, turn);
    struct selkie_fleet *fleet = attacker->fleet;
    uint64_t next_us = fleet->run->clock.now_us + AGAIN_US + selkie_prng_below(&attacker->random, AGAIN_US);

    if (attacker->attack->act(attacker)) {
        attacker->made++;
        selkie_metrics_count(&fleet->account->metrics, "attacks", attacker->name);
        /* Not on the dot, or those who act at the same intervals would jam each other. */
        double wait_s = attacker->plan->every_s * (0.9 + 0.2 * selkie_prng_unit(&attacker->random));
        next_us = fleet->run->clock.now_us + (uint64_t)(wait_s * 1e6);
    }
    if (attacker->plan->count == 0 || attacker->made < attacker->plan->count)
        selkie_run_set(fleet->run, timer, next_us);
}

static bool on_frame(void *context, const struct selkie_fleet_device *device, const uint8_t *body, size_t len)
{
    struct selkie_attackers *attackers = context;
    bool kept = false;

    for (size_t i = 0; i < attackers->count; i++) {
        struct selkie_attacker *attacker = &attackers->list[i];
        if (attacker->attack->tap && selkie_attacker_in_reach(attacker, device->index))
            kept = attacker->attack->tap(attacker, device, body, len) || kept;
    }
    return kept;
}

static int open_gateway(struct selkie_attacker *attacker, unsigned index)
{
    char name[32];

    (void)snprintf(name, sizeof name, "mallory-%u", index);
    int error = selkie_attribution_register(attacker->attribution, name, attacker->name);
    return error < 0 ? error : selkie_vgateway_open(&attacker->gateway, attacker->fleet->broker, name, NULL);
}

static int open_client(struct selkie_attacker *attacker, unsigned index)
{
    const struct selkie_sim_broker *broker = attacker->fleet->broker;
    struct selkie_mqtt_options options = {.username = "eve"};
    uint8_t address[SELKIE_ADDRESS_SIZE];
    char name[32];

    if (attacker->plan->kind == SELKIE_ATTACK_WILL) {
        selkie_fleet_address(attacker->fleet, 0, address);
        if (selkie_topic_device(attacker->will_topic, broker->options->root, address, SELKIE_TOPIC_DEVICE_UP) < 0)
            return SELKIE_EINVAL;
        options.will_topic = attacker->will_topic;
        options.will_payload = "my last reading";
    }
    (void)snprintf(name, sizeof name, "attacker-%u", index);
    return selkie_sim_client_open(&attacker->client, broker, name, options, selkie_attack_client_event, attacker);
}

static int open_attacker(struct selkie_attacker *attacker, struct selkie_fleet *fleet, unsigned index)
{
    int error = 0;

    attacker->fleet = fleet;
    attacker->attribution = &fleet->account->attribution;
    attacker->plan = &fleet->scenario->attacks[index];
    attacker->channel = &fleet->air->channels[attacker->plan->channel];
    attacker->attack = selkie_attack_of(attacker->plan->kind);
    attacker->name = selkie_attack_words[attacker->plan->kind];
    attacker->source = FIRST_SOURCE + index;
    attacker->answered = UINT32_MAX;
    attacker->turn.run = on_turn;
    selkie_prng_init(&attacker->random, fleet->scenario->seed, SELKIE_PRNG_ATTACK, index);
    if (attacker->attack->needs == SELKIE_NEEDS_GATEWAY)
        error = open_gateway(attacker, index);
    else if (attacker->attack->needs == SELKIE_NEEDS_CLIENT)
        error = open_client(attacker, index);
    if (error < 0) {
        selkie_say("attacker %s: %s", attacker->name, selkie_error_text(error));
        return error;
    }
    double start_s = attacker->plan->at_s + selkie_prng_unit(&attacker->random);
    selkie_run_set(fleet->run, &attacker->turn, (uint64_t)(start_s * 1e6));
    return 0;
}

int selkie_attackers_open(struct selkie_attackers **attackers, struct selkie_fleet *fleet)
{
    size_t count = fleet->scenario->attack_count;
    struct selkie_attackers *opened = *attackers = calloc(1, sizeof *opened + count * sizeof opened->list[0]);
    int error = opened ? 0 : SELKIE_ENOMEM;

    while (error == 0 && opened->count < count) {
        error = open_attacker(&opened->list[opened->count], fleet, (unsigned)opened->count);
        opened->count++; /* a half opened one is closed as well */
    }
    if (error == 0 && count > 0)
        fleet->tap = (struct selkie_fleet_tap){.context = opened, .frame = on_frame};
    return error;
}

void selkie_attackers_close(struct selkie_attackers *attackers)
{
    for (size_t i = 0; attackers && i < attackers->count; i++) {
        struct selkie_attacker *attacker = &attackers->list[i];
        for (unsigned j = 0; j < SELKIE_ATTACKER_TAPES; j++)
            selkie_frame_index_remove(&attacker->fleet->frames, &attacker->tapes[j].frame);
        selkie_vgateway_close(attacker->gateway);
        selkie_sim_client_close(&attacker->client);
    }
    free(attackers);
}

void selkie_attackers_serve(struct selkie_attackers *attackers, uint64_t wall_us)
{
    for (size_t i = 0; i < attackers->count; i++) {
        if (attackers->list[i].gateway)
            selkie_vgateway_pump(attackers->list[i].gateway, wall_us);
    }
}

size_t selkie_attackers_waiting(const struct selkie_attackers *attackers, enum selkie_attack_kind kind)
{
    size_t waiting = 0;

    for (size_t i = 0; i < attackers->count; i++) {
        const struct selkie_attacker *attacker = &attackers->list[i];
        if (attacker->gateway && (kind == SELKIE_ATTACK_KINDS || attacker->plan->kind == kind))
            waiting += selkie_vgateway_waiting(attacker->gateway);
    }
    return waiting;
}
