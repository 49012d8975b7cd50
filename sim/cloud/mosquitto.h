/* SPDX-License-Identifier: Apache-2.0 */
/* The broker of a run: a Mosquitto with the plugin on a free loopback port, started here with the simulator's own keys;
 * or yours, by its URI; and the clients of the run. One thread; starting waits until it listens.
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
    uint64_t receipt_wait_us; /* virtual gateways wait no longer for a receipt, on the wall, and send the frame again */
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

/* An MQTT client of the run: the observer, virtual gateways, the operator, attackers. It connects again by itself; with
 * a session that is kept, nothing that the broker publishes during an outage escapes the account. All clients of a run
 * share one queue of events, whose context is this struct; the loop hands each to on_event. The loop's thread. */
typedef void selkie_sim_client_handler(void *owner, const struct selkie_mqtt_event *event);

struct selkie_sim_client {
    struct selkie_mqtt *mqtt; /* to subscribe and publish with */
    selkie_sim_client_handler *on_event;
    void *owner;
    char id[64];
};

/* Begin to connect to the run's broker. `name` makes the client's id. Of the options, username, password, will and
 * keep_session count; their strings must live as long as the client, which must not move. An error after a line on
 * stderr; close it then, too. */
SELKIE_USE_RESULT int selkie_sim_client_open(struct selkie_sim_client *client, const struct selkie_sim_broker *broker,
                                             const char *name, struct selkie_mqtt_options options,
                                             selkie_sim_client_handler *on_event, void *owner);

/* Disconnect; its events are dropped. Harmless for a zeroed one. */
void selkie_sim_client_close(struct selkie_sim_client *client);

#endif
