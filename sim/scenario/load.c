/* SPDX-License-Identifier: Apache-2.0 */
/* What a fleet would take of its air, before it takes it. */
#include "fleet/fleet.h"

#include <selkie/fragment.h>
#include <selkie/link.h>
#include <stdlib.h>

#define LINK_OVERHEAD     (SELKIE_LINK_WIRE_MAX - SELKIE_LINK_BODY_MAX)
#define FRAGMENT_OVERHEAD 11u /* of a packet, at most */

/* A payload's body, which the payload of the fleet's first device stands for. */
static size_t body_len(const struct selkie_fleet *fleet, enum selkie_frame_type form)
{
    uint8_t payload[SELKIE_PAYLOAD_MAX];
    struct selkie_payload_walk walk = fleet->devices[0].walk;

    return form == SELKIE_SEALED ? SELKIE_SEALED_SIZE
                                 : SELKIE_SESSION_OVERHEAD + selkie_payload_make(&fleet->account->plan, &walk,
                                                                                 SELKIE_MADE_BY_DEVICE, 0, 0, payload);
}

/* On the air, for each payload and each of its repeats. */
static double payload_us(const struct selkie_fleet_device *device, const struct selkie_channel *channel, size_t body)
{
    const struct selkie_uplink_settings *uplink = &device->config.uplink;
    size_t wire = body + LINK_OVERHEAD;

    if (uplink->packet_max > FRAGMENT_OVERHEAD && wire > uplink->packet_max) {
        size_t chunk = uplink->packet_max - FRAGMENT_OVERHEAD;
        wire = ((body + chunk - 1) / chunk + uplink->parity) * uplink->packet_max;
    }
    return (double)selkie_sim_radio_duration_us(&channel->radio, wire) * (uplink->ack_ms > 0 ? 1 : uplink->data_times);
}

double selkie_fleet_load(const struct selkie_fleet *fleet, uint32_t *worst)
{
    const double interval_us = fleet->scenario->fleet.interval_s * 1e6;
    const size_t sealed = body_len(fleet, SELKIE_SEALED), session = body_len(fleet, SELKIE_SESSION);
    double *loads = calloc(fleet->air->count, sizeof *loads), most = 0;

    for (uint32_t i = 0; loads && i < fleet->count; i++) {
        const struct selkie_fleet_device *device = &fleet->devices[i];
        for (uint32_t nth = 0; nth < fleet->heard_by; nth++) {
            const struct selkie_channel *channel = selkie_fleet_channel(fleet, i, nth);
            uint16_t duty = device->config.uplink.duty_permille;
            double load =
                payload_us(device, channel, device->config.form == SELKIE_SESSION ? session : sealed) / interval_us;
            loads[channel->index] += duty > 0 && load > duty / 1e3 ? duty / 1e3 : load;
        }
    }
    *worst = 0;
    for (uint32_t i = 0; loads && i < fleet->air->count; i++)
        if (loads[i] > most) {
            most = loads[i];
            *worst = i;
        }
    free(loads);
    return most;
}
