/* SPDX-License-Identifier: Apache-2.0 */
/* All that a run is made of, and who may reach what. One thread; Paho's threads see the event queue alone. */
#ifndef SELKIE_SIM_WORLD_H
#define SELKIE_SIM_WORLD_H

#include "account/metrics.h"
#include "account/payload.h"
#include "account/series.h"
#include "account/verify.h"
#include "cloud/event_queue.h"
#include "cloud/keys.h"
#include "cloud/mosquitto.h"
#include "core/folder.h"
#include "core/virtual_clock.h"
#include "scenario/scenario.h"

struct selkie_world {
    const struct selkie_scenario *scenario;
    struct selkie_folder folder;
    struct selkie_sim_clock clock;
    int64_t epoch_ms; /* the time of day at virtual time 0 */
    uint64_t wall_start_us;

    struct selkie_sim_key keys[SELKIE_KEYS_OWN];
    size_t key_count;
    struct selkie_payload_plan plan;
    struct selkie_verify *verify;
    struct selkie_metrics metrics;    /* events, rejections, attacks and what else is counted on the way */
    struct selkie_sim_histogram wait; /* from the reading to the end of its first transmission, virtual microseconds */
    struct selkie_series series;
    uint64_t frames_digest; /* of every frame of the fleet's and when it went out: the same seed, the same digest */

    struct selkie_sim_event_queue *queue;
    struct selkie_sim_broker broker;
    struct selkie_observer *observer;
    struct selkie_sim_operator *operator; /* NULL = nobody approves anything */
    struct selkie_channel *channels;
    uint32_t channel_count;
    struct selkie_fleet *fleet;
    struct selkie_attacker *attackers;
    size_t attacker_count;
    struct selkie_attribution *attribution; /* from what comes out back to the attackers */

    uint64_t last_arrival_us; /* on the wall, of a payload, event, rejection or receipt */
    bool failed;              /* something broke that is none of the scenario's: the run ends, and has no verdict */
};

/* Virtual time in the two shapes that others ask for. */
static inline uint64_t selkie_world_now_ms(const struct selkie_world *world)
{
    return world->clock.now_us / SELKIE_MS_US;
}

static inline int64_t selkie_world_rx_ms(const struct selkie_world *world)
{
    return world->epoch_ms + (int64_t)selkie_world_now_ms(world);
}

/* Set an event; without memory the run has failed, and says so. */
void selkie_world_set(struct selkie_world *world, struct selkie_sim_timer *timer, uint64_t due_us);

/* The run cannot go on: one sentence on stderr, once. */
void selkie_world_fail(struct selkie_world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
