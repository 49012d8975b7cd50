/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop: virtual time, lines, MQTT events and signals. */
#include "world/world.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define EVENTS_A_TURN 1024
#define CHORES_US     20000 /* lines without a reader, virtual gateways, the operator: looked after so often */

int selkie_loop_open(struct selkie_world *world)
{
    struct sigaction hangup;
    sigset_t stops;

    (void)sigemptyset(&stops);
    (void)sigaddset(&stops, SIGINT);
    (void)sigaddset(&stops, SIGTERM);
    /* A terminal that is closed; under nohup it may be. */
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        (void)sigaddset(&stops, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &stops, NULL);
    world->signals = signalfd(-1, &stops, SFD_CLOEXEC | SFD_NONBLOCK);
    if (world->signals < 0)
        selkie_say("signals: %s", strerror(errno));
    return world->signals < 0 ? SELKIE_EIO : 0;
}

static void wait_for(struct selkie_world *world, uint64_t wait_us)
{
    struct timespec wait = {.tv_sec = (time_t)(wait_us / 1000000), .tv_nsec = (long)(wait_us % 1000000) * 1000};
    nfds_t count = 0;

    world->fds[count++] = (struct pollfd){.fd = world->signals, .events = POLLIN};
    world->fds[count++] = (struct pollfd){.fd = selkie_mqtt_queue_fd(world->broker.queue), .events = POLLIN};
    for (uint32_t i = 0; i < world->air.count; i++)
        world->fds[count++] = selkie_sim_line_poll(&world->air.channels[i].line); /* poll leaves out negative ones */
    (void)ppoll(world->fds, count, &wait, NULL);
}

static void take_signals(struct selkie_world *world)
{
    struct signalfd_siginfo info;

    while (read(world->signals, &info, sizeof info) == sizeof info)
        world->stops++;
}

static void take_events(struct selkie_world *world)
{
    struct selkie_mqtt_event *event;

    for (unsigned i = 0; i < EVENTS_A_TURN && (event = selkie_mqtt_take(world->broker.queue)); i++) {
        const struct selkie_sim_client *client = event->context;
        client->on_event(client->owner, event);
        free(event);
    }
    if (selkie_mqtt_queue_dropped(world->broker.queue) > 0)
        selkie_run_fail(&world->run, "the event queue overflowed: messages are missing from the account");
}

void selkie_loop_turn(struct selkie_world *world, uint64_t wait_us, size_t timers)
{
    if (wait_us > CHORES_US)
        wait_us = CHORES_US;
    if (timers > 0) {
        uint64_t next_us = selkie_sim_clock_turn(&world->run.clock, selkie_wall_us(), timers);
        if (next_us < wait_us)
            wait_us = next_us;
    } else {
        world->run.clock.wall_us = selkie_wall_us(); /* this time is not for the virtual world */
    }
    wait_for(world, wait_us);
    take_signals(world);
    take_events(world);
    for (uint32_t i = 0; i < world->air.count; i++)
        selkie_channel_serve(&world->air.channels[i]);
    selkie_attackers_serve(world->attackers, selkie_wall_us());
    if (selkie_sim_broker_died(&world->broker))
        selkie_run_fail(&world->run, "the broker ended by itself");
    selkie_sim_operator_work(world);
}
