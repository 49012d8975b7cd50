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

#define SELKIE_GATEWAY_STATUS_MAX 1024 /* what does not fit is cut */

struct selkie_gateway_stats {
    const char *version;
    int64_t uptime_us;
    int64_t now_ms;      /* time of day */
    unsigned interval_s; /* until the next stats */
    int64_t boot_ms;     /* by the clock that counts suspend: for ages */
    uint64_t spooled;    /* frames stored since the start */
    uint64_t unstored;   /* frames that could not be stored, and so were not acknowledged */
    struct selkie_spool_info spool;
    struct selkie_forwarder_counters forwarder;
    bool online;
    bool shared_name;           /* another gateway uses it */
    bool acknowledges_all;      /* devices of others too */
    int64_t certificate_end_ms; /* when the first of the certificates ends that the gateway needs; < 0: it has none */
    struct selkie_radio_line *const *lines;
    size_t line_count;
};

/* The caller frees the text. NULL without memory. */
char *selkie_gateway_stats_json(const struct selkie_gateway_stats *stats);

/* "serial ok, storage ok, broker ok, 0 waiting" ("broker used by another gateway of this name" where that is so), and
 * ", acknowledges every device" where that is so; then what the line hears:
 * ", last frame 12 s ago", ", no frame yet" or ", bytes, but no frames for 90 s". Of several lines each is named. At
 * the end "; /dev/ttyUSB0: …" for each line with which something is wrong. */
void selkie_gateway_stats_status(char text[static SELKIE_GATEWAY_STATUS_MAX], const struct selkie_gateway_stats *stats);

#endif
