/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin from the inside: what plugin.c (start, reload, end) and events.c (Mosquitto's events) share. On
 * Mosquitto's one thread. */
#ifndef SELKIE_PLUGIN_H
#define SELKIE_PLUGIN_H

#include "control.h"
#include "deliver.h"
#include "discovery.h"
#include "log_queue.h"
#include "models_topic.h"
#include "plugin_config.h"
#include "retained.h"
#include "retained_values.h"
#include "shown.h"
#include "stats_topic.h"
#include "wakeup.h"

#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

struct selkie_plugin {
    mosquitto_plugin_id_t *id;
    char *config_path;
    struct selkie_log_queue *log_queue;
    struct selkie_wakeup *wakeup;
    struct selkie_control *control;
    struct selkie_stats_topic stats;
    struct selkie_models_topic models;
    struct selkie_shown *shown;
    struct selkie_retained *retained;
    struct selkie_retained_values *values;
    struct selkie_discovery *discovery;
    struct selkie_plugin_config *config;
    struct selkie_unsealer *unsealer; /* NULL after a reload that failed for good: then every message is refused */
    struct selkie_deliver *deliver;
    int64_t started_us; /* monotonic */
    bool has_reader;    /* somebody has subscribed to the payloads since */
    int dumpable;       /* as it was before */
    bool has_auth;      /* on_basic_auth is registered */
    bool has_tick;      /* Mosquitto's ticks come */
    bool logged_no_ticks;
};

/* Register for all of Mosquitto's events, and undo it. The first returns Mosquitto's error, and has logged it. */
int selkie_plugin_events_register(struct selkie_plugin *plugin);
void selkie_plugin_events_unregister(struct selkie_plugin *plugin);
/* After another configuration: whether connections are authenticated here follows from it. */
int selkie_plugin_events_follow_config(struct selkie_plugin *plugin);

/* SIGHUP. In plugin.c. */
void selkie_plugin_reload(struct selkie_plugin *plugin);

#endif
