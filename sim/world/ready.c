/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting until all parts of the world are there. */
#include "world/world.h"

#define PATIENCE_US 20000000u /* with what is ours; yours may take its time */
#define SILENCE_US  4000000u  /* then stderr says what is missing */

/* Yours need to know where to go: the broker's port and the pty's name are of this run. */
static void invite(const struct selkie_world *world)
{
    bool any = false;

    for (uint32_t i = 0; i < world->air.count; i++) {
        const struct selkie_channel *channel = &world->air.channels[i];
        if (!selkie_channel_is_yours(channel))
            continue;
        selkie_say("channel %u waits for a gateway of yours on %s", i, channel->line.name);
        any = true;
    }
    if (any)
        selkie_say("the broker is %s", world->broker.settings.name);
}

static bool refused(const struct selkie_world *world)
{
    for (uint32_t i = 0; i < world->air.count; i++) {
        const struct selkie_channel *channel = &world->air.channels[i];
        int reason = channel->virtual ? selkie_vgateway_refused(channel->virtual) : 0;
        if (reason == 0)
            continue;
        selkie_say("%s refuses gateway %s: %s (reason 0x%02x)", world->broker.settings.name, channel->name,
                   selkie_mqtt_reason(reason), (unsigned)reason);
        return true;
    }
    return false;
}

/* What is missing: a gateway of ours, or (NULL) the observer. */
static void report(const struct selkie_world *world, const struct selkie_channel *ours)
{
    if (!ours)
        selkie_say("the broker does not answer the observer, %s", world->broker.settings.name);
    else if (ours->virtual || ours->line.live)
        selkie_say("gateway %s has not come to the broker, %s", ours->name, world->broker.settings.name);
    else
        selkie_say("gateway %s has not opened its line, %s", ours->name, world->broker.settings.name);
}

/* The first channel of ours that is not ready; `*yours`: one of yours is not. */
static const struct selkie_channel *find_missing(struct selkie_world *world, bool *yours)
{
    const struct selkie_channel *ours = NULL;

    *yours = false;
    for (uint32_t i = 0; i < world->air.count; i++) {
        struct selkie_channel *channel = &world->air.channels[i];
        bool ready = selkie_channel_ready(channel);
        *yours = *yours || (!ready && selkie_channel_is_yours(channel));
        if (!ready && !selkie_channel_is_yours(channel) && !ours)
            ours = channel;
    }
    return ours;
}

int selkie_ready_wait(struct selkie_world *world)
{
    uint64_t since_us = selkie_wall_us(); /* something of ours has been missing */
    bool yours, reported = false;

    invite(world);
    for (;; selkie_loop_turn(world, PATIENCE_US, 0)) {
        const struct selkie_channel *ours = find_missing(world, &yours);
        if (ours || !world->observer.ready) {
            uint64_t waited_us = selkie_wall_us() - since_us;
            if (waited_us > SILENCE_US && !reported)
                report(world, ours);
            reported = waited_us > SILENCE_US;
            if (waited_us > PATIENCE_US) {
                selkie_say("gave up waiting after %u s", (unsigned)(PATIENCE_US / 1000000));
                if (ours && ours->process.pid != 0)
                    selkie_process_show_log(&ours->process);
                return SELKIE_EIO;
            }
        } else if (yours) {
            since_us = selkie_wall_us();
        } else {
            break;
        }
        if (world->run.failed || world->stops > 0 || refused(world))
            return SELKIE_EIO;
    }
    selkie_sim_broker_save(&world->broker);
    world->wall_start_us = world->run.clock.wall_us = selkie_wall_us();
    return 0;
}
