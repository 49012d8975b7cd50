/* SPDX-License-Identifier: Apache-2.0 */
#include "stats_topic.h"

#include "publish.h"

#include <selkie/topic.h>

#include <stdlib.h>
#include <string.h>

void selkie_stats_topic_turn(struct selkie_stats_topic *stats, struct selkie_unsealer *unsealer, const char *root)
{
    struct timespec now;
    char topic[SELKIE_TOPIC_MAX];

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec < stats->due)
        return;
    stats->due = now.tv_sec + SELKIE_STATS_TOPIC_EVERY_S;
    char *json = selkie_unsealer_stats(unsealer);
    if (json && selkie_topic_stats(topic, root) > 0) {
        int result = selkie_publish(NULL, topic, json, strlen(json), 0, true, NULL);
        (void)result; /* the next one is soon due */
    }
    free(json);
}
