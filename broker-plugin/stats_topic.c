/* SPDX-License-Identifier: Apache-2.0 */
#include "stats_topic.h"

#include "publish.h"

#include <selkie/clock.h>
#include <selkie/topic.h>

#include <stdlib.h>
#include <string.h>

void selkie_stats_topic_turn(struct selkie_stats_topic *stats, struct selkie_unsealer *unsealer, const char *root)
{
    int64_t now_s = selkie_clock_monotonic_us() / 1000000;
    char topic[SELKIE_TOPIC_MAX];

    if (now_s < stats->due_s)
        return;
    stats->due_s = now_s + SELKIE_STATS_TOPIC_EVERY_S;
    char *json = selkie_unsealer_stats(unsealer);
    if (json && selkie_topic_stats(topic, root) > 0) {
        int result = selkie_publish_text(NULL, topic, json, strlen(json), 0, true, NULL);
        (void)result; /* the next one is soon due */
    }
    free(json);
}
