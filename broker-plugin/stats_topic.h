/* SPDX-License-Identifier: Apache-2.0 */
/* Publishes the retained message on <root>/stats, every SELKIE_STATS_TOPIC_EVERY_S seconds. On Mosquitto's thread. */
#ifndef SELKIE_PLUGIN_STATS_TOPIC_H
#define SELKIE_PLUGIN_STATS_TOPIC_H

#include <selkie/unsealer.h>

#include <stdint.h>

#define SELKIE_STATS_TOPIC_EVERY_S 5

struct selkie_stats_topic {
    int64_t due_s; /* monotonic; 0 = at once */
};

/* Call it in each turn. Publishes when the time has come. */
void selkie_stats_topic_turn(struct selkie_stats_topic *stats, struct selkie_unsealer *unsealer, const char *root);

#endif
