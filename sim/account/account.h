/* SPDX-License-Identifier: Apache-2.0 */
/* What a run counts: the parts add to it as things happen, the verdict reads it. One thread. */
#ifndef SELKIE_SIM_ACCOUNT_H
#define SELKIE_SIM_ACCOUNT_H

#include "account/attribution.h"
#include "account/metrics.h"
#include "account/payload.h"
#include "account/verify.h"

struct selkie_account {
    struct selkie_payload_plan plan; /* what devices report, and who made what is delivered */
    struct selkie_verify verify;
    struct selkie_attribution attribution;
    struct selkie_metrics metrics; /* events, rejections, attacks and what else is counted on the way */
    struct selkie_series series;
    struct selkie_histogram wait; /* from a reading to the end of its first transmission, virtual microseconds */
    uint64_t frames_digest;       /* of every frame of the fleet and when it was sent: the same seed, the same digest */
    uint64_t last_arrival_us;     /* on the wall: the last payload, event, rejection or receipt */
};

#endif
