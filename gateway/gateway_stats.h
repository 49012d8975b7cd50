/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's counters as text: JSON for the `stats` topic, one line for the service manager. PROTOCOL.md, section 8.
 * No I/O; the loop's thread. */
#ifndef SELKIE_GATEWAY_GATEWAY_STATS_H
#define SELKIE_GATEWAY_GATEWAY_STATS_H

#include "forwarder.h"
#include "radio_line.h"
#include "spool.h"

#include <stddef.h>
#include <stdint.h>

#define SELKIE_GATEWAY_STATUS_MAX 160

struct selkie_gateway_stats {
    const char *version;
    int64_t uptime_us;
    int64_t now_ms;    /* time of day */
    uint64_t spooled;  /* frames stored since the start */
    uint64_t unstored; /* frames that could not be stored, and so were not acknowledged */
    struct selkie_spool_info spool;
    struct selkie_forwarder_counters forwarder;
    bool online;
    bool acknowledges_all; /* devices of others too */
    struct selkie_radio_line *const *lines;
    size_t line_count;
};

/* The caller frees the text. NULL without memory. */
char *selkie_gateway_stats_json(const struct selkie_gateway_stats *stats);

/* "serial ok, broker ok, 0 waiting", and ", acknowledges every device" where that is so */
void selkie_gateway_stats_status(char text[static SELKIE_GATEWAY_STATUS_MAX], const struct selkie_gateway_stats *stats);

#endif
