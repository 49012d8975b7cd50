/* SPDX-License-Identifier: Apache-2.0 */
/* The counters in words: JSON for the `stats` topic, one line for the service manager. PROTOCOL.md, section 8. No I/O;
 * the loop's thread. */
#ifndef SELKIE_GATEWAY_STATS_H
#define SELKIE_GATEWAY_STATS_H

#include "radio.h"
#include "spool.h"
#include "uplink.h"

#include <stddef.h>
#include <stdint.h>

#define SELKIE_STATUS_MAX 160

struct selkie_stats {
    const char *version;
    uint64_t uptime_us;
    int64_t now_ms;    /* time of day */
    uint64_t spooled;  /* frames stored since the start */
    uint64_t unstored; /* frames that the disk did not take, and that were not acknowledged */
    struct selkie_spool_info spool;
    struct selkie_uplink_counters uplink;
    bool online;
    struct selkie_radio *const *radios;
    size_t radio_count;
};

/* The caller frees it. NULL without memory. */
char *selkie_stats_json(const struct selkie_stats *stats);

/* "serial ok, broker ok, 0 waiting" */
void selkie_stats_status(char text[static SELKIE_STATUS_MAX], const struct selkie_stats *stats);

#endif
