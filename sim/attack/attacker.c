/* SPDX-License-Identifier: Apache-2.0 */
#include "attack/attacker.h"

#include "account/attribution.h"
#include "air/channel.h"
#include "core/say.h"

#include <selkie/device/seal.h>
#include <selkie/link.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SOURCE 0x80000000u
#define AGAIN_US     50000u
#define QUIET_US     30000u
#define GATEWAY_NAME "mallory"

static const struct selkie_attack attacks[SELKIE_ATTACK_KINDS] = {
    [SELKIE_ATTACK_REPLAY] = {"records a frame and sends it again at once",
                              selkie_attack_tap_record,
                              selkie_attack_replay,
                              SELKIE_NEEDS_NOTHING,
                              0,
                              {{"forged", "0"}, {"doubled", "0"}, {".heard", ">=1"}}},
    [SELKIE_ATTACK_REPLAY_LATE] = {"sends a recorded frame again an hour later",
                                   selkie_attack_tap_record,
                                   selkie_attack_replay_late,
                                   SELKIE_NEEDS_NOTHING,
                                   3600,
                                   {{"forged", "0"}, {"doubled", "0"}, {".heard", ">=1"}, {".replay", ">=1"}}},
    [SELKIE_ATTACK_HOLD_BACK] = {"jams a frame while recording it, and sends it later",
                                 selkie_attack_tap_hold,
                                 selkie_attack_release,
                                 SELKIE_NEEDS_NOTHING,
                                 30,
                                 {{"forged", "0"}, {"doubled", "0"}, {"lost_elsewhere", "0"}, {".delivered", ">=1"}}},
    [SELKIE_ATTACK_FLIP] = {"flips a bit in each field of a recorded frame, and mends the CRC",
                            selkie_attack_tap_record,
                            selkie_attack_flip,
                            SELKIE_NEEDS_NOTHING,
                            0,
                            {{"forged", "0"}, {".heard", ">=1"}, {"rejected_total", ">=1"}, {".rejected", ">=1"}}},
    [SELKIE_ATTACK_FORGED_REGISTER] =
        {"registers an ID of its own for a live address, and sends under it",
         NULL,
         selkie_attack_register,
         SELKIE_NEEDS_NOTHING,
         0,
         {{"forged", "0"}, {".heard", ">=1"}, {"events.reset", ">=1"}, {".alarm-reset", ">=1"}}},
    [SELKIE_ATTACK_THIEF] =
        {"has a device's ID, and sends beside it",
         NULL,
         selkie_attack_thief,
         SELKIE_NEEDS_NOTHING,
         0,
         {{"forged", "0"}, {".heard", ">=1"}, {"events.clone", ">=1"}, {".alarm-clone", ">=1"}, {".clone", ">=1"}}},
    [SELKIE_ATTACK_EAGER_THIEF] = {"has a device's ID, and sends before it does: delivered, but not unseen",
                                   selkie_attack_tap_robbed,
                                   selkie_attack_eager_thief,
                                   SELKIE_NEEDS_NOTHING,
                                   0,
                                   {{"forged", "0"},
                                    {"lost_elsewhere", ">=0"},
                                    {"impersonated", ">=1"},
                                    {"events.clone", ">=1"},
                                    {".alarm-clone", ">=1"}}},
    [SELKIE_ATTACK_RESET_STORM] = {"registers one new ID after another for an address",
                                   NULL,
                                   selkie_attack_storm,
                                   SELKIE_NEEDS_NOTHING,
                                   0,
                                   {{"forged", "0"},
                                    {".heard", ">=1"},
                                    {"events.reset", ">=1"},
                                    {".alarm-reset", ">=1"},
                                    {"rejected.pending-full", ">=1"},
                                    {".pending-full", ">=1"}}},
    [SELKIE_ATTACK_GATEWAY_REPLAY] = {"a gateway hands over what it has heard again and again",
                                      selkie_attack_tap_record,
                                      selkie_attack_gateway_replay,
                                      SELKIE_NEEDS_GATEWAY,
                                      0,
                                      {{"forged", "0"}, {"doubled", "0"}, {".heard", ">=1"}, {".unanswered", "0"}}},
    [SELKIE_ATTACK_GATEWAY_REORDER] =
        {"a gateway hands frames over in an order of its own",
         selkie_attack_tap_all,
         selkie_attack_gateway_reorder,
         SELKIE_NEEDS_GATEWAY,
         0,
         {{"forged", "0"}, {"doubled", "0"}, {"lost_elsewhere", "0"}, {".delivered", ">=1"}, {".unanswered", "0"}}},
    [SELKIE_ATTACK_GATEWAY_FLOOD] =
        {"a gateway hands over hundreds of frames of chance at once",
         NULL,
         selkie_attack_gateway_flood,
         SELKIE_NEEDS_GATEWAY,
         0,
         {{"forged", "0"}, {"lost_elsewhere", "0"}, {".bad-seal", ">=1"}, {".unanswered", "0"}}},
    [SELKIE_ATTACK_GATEWAY_LIAR] =
        {"a gateway lies about when it heard a frame",
         selkie_attack_tap_record,
         selkie_attack_gateway_liar,
         SELKIE_NEEDS_GATEWAY,
         0,
         {{"forged", "0"}, {"doubled", "0"}, {"lost_elsewhere", "0"}, {".heard", ">=1"}, {".unanswered", "0"}}},
    [SELKIE_ATTACK_PUBLISHER] = {"a client publishes on devices' topics, as rejections, statistics and receipts",
                                 NULL,
                                 selkie_attack_publisher,
                                 SELKIE_NEEDS_CLIENT,
                                 0,
                                 {{"forged", "0"}, {"unrefused_publishes", "0"}, {".refused", ">=1"}}},
    [SELKIE_ATTACK_WILL] = {"a client leaves a will on a device's topic, and dies",
                            NULL,
                            selkie_attack_will,
                            SELKIE_NEEDS_CLIENT,
                            0,
                            {{"forged", "0"}}},
    [SELKIE_ATTACK_NOISE] = {"puts random bytes on the line",
                             selkie_attack_tap_next,
                             selkie_attack_noise,
                             SELKIE_NEEDS_NOTHING,
                             0,
                             {{"forged", "0"}, {"delivered_share", ">=0.5"}, {".delivered", ">=1"}}},
};

const struct selkie_attack *selkie_attack_of(enum selkie_attack_kind kind)
{
    return &attacks[kind];
}

static void on_turn(struct selkie_sim_timer *timer)
{
    struct selkie_attacker *attacker =
        (struct selkie_attacker *)((char *)timer - offsetof(struct selkie_attacker, turn));
    struct selkie_world *world = attacker->world;
    uint64_t next_us = world->clock.now_us + AGAIN_US + selkie_prng_below(&attacker->random, AGAIN_US);

    if (attacker->attack->act(attacker)) {
        attacker->made++;
        selkie_metrics_add(&world->metrics, "attacks", selkie_attack_words[attacker->plan->kind], 1);
        /* Not on the dot, or those who act at the same intervals would jam each other. */
        double wait_s = attacker->plan->every_s * (0.9 + 0.2 * selkie_prng_unit(&attacker->random));
        next_us = world->clock.now_us + (uint64_t)(wait_s * 1e6);
    }
    if (attacker->plan->count == 0 || attacker->made < attacker->plan->count)
        selkie_world_set(world, timer, next_us);
}

static int open_means(struct selkie_attacker *attacker, unsigned index)
{
    struct selkie_world *world = attacker->world;
    const struct selkie_sim_broker *broker = &world->broker;
    char id[64], name[32], topic[SELKIE_TOPIC_MAX];
    uint8_t address[SELKIE_ADDRESS_SIZE];

    (void)snprintf(id, sizeof id, "selkie-sim-attacker-%u-%lld", index, (long long)world->epoch_ms);
    if (attacker->attack->needs == SELKIE_NEEDS_GATEWAY) {
        (void)snprintf(name, sizeof name, GATEWAY_NAME "-%u", index);
        return selkie_vgateway_open(&attacker->gateway, world->queue, &broker->server, broker->options->root, name, id,
                                    NULL);
    }
    if (attacker->attack->needs == SELKIE_NEEDS_NOTHING)
        return 0;
    struct selkie_mqtt_options options = {
        .id = id, .username = "eve", .on_event = selkie_attack_client_letter, .owner = attacker};
    if (attacker->plan->kind == SELKIE_ATTACK_WILL) {
        selkie_fleet_address(world, 0, address);
        if (selkie_topic_device(topic, broker->options->root, address, SELKIE_TOPIC_DEVICE_UP) < 0)
            return SELKIE_EINVAL;
        options.will_topic = topic;
        options.will_payload = "my last reading";
    }
    return selkie_mqtt_open(&attacker->client, world->queue, &broker->server, &options);
}

int selkie_attackers_open(struct selkie_world *world)
{
    const struct selkie_scenario *scenario = world->scenario;

    world->attackers = calloc(scenario->attack_count + 1, sizeof *world->attackers);
    if (world->attackers == NULL)
        return SELKIE_ENOMEM;
    for (unsigned i = 0; i < scenario->attack_count; i++) {
        struct selkie_attacker *attacker = &world->attackers[i];
        attacker->world = world;
        attacker->plan = &scenario->attacks[i];
        attacker->attack = &attacks[attacker->plan->kind];
        attacker->source = FIRST_SOURCE + i;
        attacker->answered = UINT32_MAX;
        attacker->turn.run = on_turn;
        selkie_prng_init(&attacker->random, scenario->seed, SELKIE_PRNG_ATTACK, i);
        world->attacker_count++;
        int error = open_means(attacker, i);
        if (error < 0) {
            selkie_say("attacker %s: %s", selkie_attack_words[attacker->plan->kind], selkie_error_text(error));
            return error;
        }
        double start_s = attacker->plan->at_s + selkie_prng_unit(&attacker->random);
        selkie_world_set(world, &attacker->turn, (uint64_t)(start_s * 1e6));
    }
    return 0;
}

void selkie_attackers_close(struct selkie_world *world)
{
    for (size_t i = 0; i < world->attacker_count; i++) {
        for (unsigned j = 0; j < SELKIE_ATTACKER_TAPES; j++)
            selkie_fleet_forget(world, &world->attackers[i].tapes[j].frame);
        selkie_vgateway_close(world->attackers[i].gateway);
        selkie_mqtt_close(world->attackers[i].client);
    }
    free(world->attackers);
    world->attackers = NULL;
    world->attacker_count = 0;
}

void selkie_attackers_serve(struct selkie_world *world, uint64_t wall_us)
{
    for (size_t i = 0; i < world->attacker_count; i++) {
        if (world->attackers[i].gateway != NULL)
            selkie_vgateway_pump(world->attackers[i].gateway, wall_us);
    }
}

void selkie_attackers_hurry(struct selkie_world *world, uint64_t most_us)
{
    for (size_t i = 0; i < world->attacker_count; i++)
        if (world->attackers[i].gateway != NULL)
            selkie_vgateway_hurry(world->attackers[i].gateway, most_us);
}

size_t selkie_attackers_waiting(const struct selkie_world *world)
{
    size_t waiting = 0;

    for (size_t i = 0; i < world->attacker_count; i++)
        waiting += selkie_attacker_waiting(&world->attackers[i]);
    return waiting;
}

size_t selkie_attacker_waiting(const struct selkie_attacker *attacker)
{
    return attacker->gateway != NULL ? selkie_vgateway_waiting(attacker->gateway) : 0;
}

int64_t selkie_attacker_of_gateway(const struct selkie_world *world, const char *name)
{
    unsigned index;
    char rest;

    if (sscanf(name, GATEWAY_NAME "-%u%c", &index, &rest) != 1 || index >= world->attacker_count ||
        world->attackers[index].gateway == NULL)
        return SELKIE_ENOTFOUND;
    return index;
}

static bool in_reach(const struct selkie_attacker *attacker, uint32_t device)
{
    const struct selkie_world *world = attacker->world;

    if (attacker->plan->device >= 0 && (uint32_t)attacker->plan->device != device)
        return false;
    return selkie_fleet_channel(world, device, 0) == attacker->plan->channel;
}

bool selkie_attackers_tap(struct selkie_world *world, const struct selkie_fleet_device *device, const uint8_t *body,
                          size_t len)
{
    bool kept = false;

    for (size_t i = 0; i < world->attacker_count; i++) {
        struct selkie_attacker *attacker = &world->attackers[i];
        if (attacker->attack->tap != NULL && in_reach(attacker, device->index))
            kept = attacker->attack->tap(attacker, device, body, len) || kept;
    }
    return kept;
}

bool selkie_attacker_transmit(struct selkie_attacker *attacker, const uint8_t *body, size_t len)
{
    struct selkie_channel *channel = &attacker->world->channels[attacker->plan->channel];
    uint8_t wire[SELKIE_LINK_WIRE_MAX];

    if (channel->radio.options.bit_rate > 0 &&
        selkie_sim_radio_quiet_us(&channel->radio, attacker->source, attacker->world->clock.now_us) < QUIET_US)
        return false;
    int wire_len = selkie_link_encode(wire, sizeof wire, body, len);
    selkie_attribution_sent(attacker->world, attacker->plan->kind, attacker->plan->channel, body, len);
    return wire_len > 0 && selkie_channel_send(channel, attacker->source, wire, (size_t)wire_len) == 0;
}

void selkie_attacker_record(struct selkie_attacker *attacker, uint32_t device, const uint8_t *body, size_t len)
{
    struct selkie_tape *tape = &attacker->tapes[attacker->tape_at++ % SELKIE_ATTACKER_TAPES];

    tape->recorded_us = attacker->world->clock.now_us;
    tape->device = device;
    tape->len = len < sizeof tape->body ? len : sizeof tape->body;
    memcpy(tape->body, body, tape->len);
    selkie_fleet_forget(attacker->world, &tape->frame);
    if (!selkie_fleet_look(attacker->world, body, len, &tape->frame))
        selkie_world_fail(attacker->world, "a frame of device %u is not known by sight", device);
}

struct selkie_tape *selkie_attacker_latest(struct selkie_attacker *attacker)
{
    if (attacker->tape_at == 0)
        return NULL;
    struct selkie_tape *tape = &attacker->tapes[(attacker->tape_at - 1) % SELKIE_ATTACKER_TAPES];
    return tape->len > 0 ? tape : NULL;
}

struct selkie_tape *selkie_attacker_oldest(struct selkie_attacker *attacker, double age_s)
{
    struct selkie_tape *oldest = NULL;

    for (unsigned i = 0; i < SELKIE_ATTACKER_TAPES; i++) {
        struct selkie_tape *tape = &attacker->tapes[i];
        if (tape->len > 0 && (oldest == NULL || tape->recorded_us < oldest->recorded_us))
            oldest = tape;
    }
    if (oldest == NULL || attacker->world->clock.now_us < oldest->recorded_us + (uint64_t)(age_s * 1e6))
        return NULL;
    return oldest;
}

struct selkie_fleet_device *selkie_attacker_victim(struct selkie_attacker *attacker)
{
    struct selkie_fleet *fleet = attacker->world->fleet;

    for (uint32_t i = 0; i < fleet->count; i++) {
        struct selkie_fleet_device *device = &fleet->devices[i];
        if (in_reach(attacker, i) && device->on && device->registered)
            return device;
    }
    return NULL;
}

static int draw(void *context, uint8_t *bytes, size_t len)
{
    selkie_prng_fill(context, bytes, len);
    return 0;
}

int selkie_attacker_seal(struct selkie_attacker *attacker, uint8_t body[static SELKIE_SEALED_SIZE],
                         struct selkie_message *message)
{
    const struct selkie_sim_key *own = &attacker->world->keys[0];
    const struct selkie_public_key key = {.key_id = own->id, .spki = own->spki};

    return selkie_seal_message(body, &key, message, draw, &attacker->random);
}
