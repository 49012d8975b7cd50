/* SPDX-License-Identifier: Apache-2.0 */
/* The broker of a run: a Mosquitto with the plugin on a free loopback port, started here with the simulator's own keys;
 * or yours, by its URI. One thread; starting waits until it listens. */
#ifndef SELKIE_SIM_MOSQUITTO_H
#define SELKIE_SIM_MOSQUITTO_H

#include "cloud/keys.h"
#include "cloud/sim_client.h"
#include "core/process.h"
#include "scenario/scenario.h"

#define SELKIE_SIM_ADMIN "operator"

struct selkie_sim_broker {
    const struct selkie_scenario_broker *options;
    bool own;
    struct selkie_process process;
    uint16_t port;
    int hold; /* a socket bound to the port, so that nobody takes it while the broker is down */
    char password[SELKIE_MQTT_PASSWORD_MAX]; /* yours: from its file; empty = none */
    struct selkie_mqtt_settings settings;
    struct selkie_mqtt_queue *queue; /* where the events of all its clients come in */
    struct selkie_sim_key keys[SELKIE_KEYS_OWN];
    size_t key_count;
    const struct selkie_folder *folder;
};

/* SELKIE_EIO, SELKIE_ECONFIG … after a line on stderr. */
SELKIE_USE_RESULT int selkie_sim_broker_open(struct selkie_sim_broker *broker,
                                             const struct selkie_scenario_broker *options,
                                             const struct selkie_folder *folder);
void selkie_sim_broker_close(struct selkie_sim_broker *broker);

/* Start it again after it was stopped. */
SELKIE_USE_RESULT int selkie_sim_broker_start(struct selkie_sim_broker *broker);
void selkie_sim_broker_stop(struct selkie_sim_broker *broker, bool kill);

/* Whether the broker started here has ended though nobody stopped it; its log is then on stderr. */
bool selkie_sim_broker_died(struct selkie_sim_broker *broker);

/* Let it write its sessions to disk, so that the observer's outlives a kill. */
void selkie_sim_broker_save(const struct selkie_sim_broker *broker);

#endif
