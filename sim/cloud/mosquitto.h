/* SPDX-License-Identifier: Apache-2.0 */
/* The broker of a run: a Mosquitto with the plugin on a free loopback port, started here with the simulator's own keys;
 * or yours, by its URI. One thread; starting waits until it listens.
 *
 * The own keys, both halves, are part of the program: so the same seed gives the same frames, and no run waits for RSA
 * keys to be generated. They are public and protect nothing. Of your own broker only the public halves are read. */
#ifndef SELKIE_SIM_MOSQUITTO_H
#define SELKIE_SIM_MOSQUITTO_H

#include "core/process.h"
#include "core/run.h"
#include "scenario/scenario.h"

#include <mqtt_client.h>
#include <selkie/device/trust.h>

#define SELKIE_SIM_ADMIN "operator"
#define SELKIE_SIM_KEYS  2 /* key_id 1 and 2: current and next */

struct selkie_sim_key {
    uint8_t id;
    uint8_t spki[SELKIE_PUBLIC_KEY_SIZE];
    uint8_t pin[SELKIE_PIN_SIZE];
};

struct selkie_sim_broker {
    struct selkie_run *run;
    const struct selkie_scenario_broker *options;
    bool own;
    struct selkie_process process;
    uint16_t port;
    int hold; /* a socket bound to the port, so that nobody takes it while the broker is down */
    char password_text[SELKIE_MQTT_PASSWORD_MAX];
    const char *password; /* yours: from its file; NULL = none */
    struct selkie_mqtt_settings settings;
    struct selkie_mqtt_queue *queue; /* where the events of all its clients come in */
    struct selkie_sim_key keys[SELKIE_SIM_KEYS];
    size_t key_count;
    const struct selkie_folder *folder;
};

/* SELKIE_EIO, SELKIE_ECONFIG … after a line on stderr. */
SELKIE_USE_RESULT int selkie_sim_broker_open(struct selkie_sim_broker *broker, struct selkie_run *run,
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
