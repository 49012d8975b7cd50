/* SPDX-License-Identifier: Apache-2.0 */
/* What a fleet would take of its air, before it takes it. */
#include "core/run.h"
#include "scenario/scenario.h"

#include <inttypes.h>
#include <selkie/fragment.h>
#include <selkie/link.h>
#include <stdlib.h>

#define BITS_A_BYTE       8
#define LINK_OVERHEAD     (SELKIE_LINK_WIRE_MAX - SELKIE_LINK_BODY_MAX)
#define FRAGMENT_OVERHEAD 11u /* of a packet, at most */

bool selkie_scenario_has_session(const struct selkie_scenario_fleet *fleet, uint32_t device)
{
    return (uint32_t)((device + 1) * fleet->session_share) > (uint32_t)(device * fleet->session_share);
}

/* A SESSION frame's body, which the payload of the fleet's first device stands for. */
static size_t session_len(const struct selkie_scenario *scenario, const struct selkie_payload_plan *plan)
{
    uint8_t payload[SELKIE_PAYLOAD_MAX];
    struct selkie_payload_walk walk;

    selkie_payload_walk_init(&walk, scenario->seed, 0);
    return SELKIE_SESSION_OVERHEAD + selkie_payload_make(plan, &walk, SELKIE_MADE_BY_DEVICE, 0, 0, payload);
}

/* On the air, for each payload and each of its repeats. */
static double payload_s(const struct selkie_scenario_fleet *fleet, const struct selkie_scenario_channels *group,
                        bool acknowledged, size_t body)
{
    size_t wire = body + LINK_OVERHEAD;

    if (group->air.bit_rate == 0)
        return 0;
    if (fleet->packet_max > FRAGMENT_OVERHEAD && wire > fleet->packet_max) {
        size_t chunk = fleet->packet_max - FRAGMENT_OVERHEAD;
        wire = ((body + chunk - 1) / chunk + fleet->parity) * fleet->packet_max;
    }
    return (double)wire * BITS_A_BYTE / group->air.bit_rate * (acknowledged ? 1 : fleet->data_times);
}

static const struct selkie_scenario_channels *group_of(const struct selkie_scenario *scenario, uint32_t channel)
{
    const struct selkie_scenario_channels *group = scenario->groups;

    for (; channel >= group->count; group++)
        channel -= group->count;
    return group;
}

double selkie_scenario_load(const struct selkie_scenario *scenario, const struct selkie_payload_plan *plan,
                            uint32_t *worst)
{
    const struct selkie_scenario_fleet *fleet = &scenario->fleet;
    const size_t session = session_len(scenario, plan);
    double *loads = calloc(scenario->channel_count, sizeof *loads), most = 0;

    for (uint32_t i = 0; loads && i < fleet->devices; i++) {
        const struct selkie_scenario_channels *own = group_of(scenario, i % scenario->channel_count);
        double duty = own->air.bit_rate > 0 ? fleet->duty_permille / 1e3 : 0;
        size_t body = selkie_scenario_has_session(fleet, i) ? session : SELKIE_SEALED_SIZE;
        for (uint32_t nth = 0; nth < fleet->heard_by; nth++) {
            uint32_t channel = (i + nth) % scenario->channel_count;
            double load = payload_s(fleet, group_of(scenario, channel), own->ack, body) / fleet->interval_s;
            loads[channel] += duty > 0 && load > duty ? duty : load;
        }
    }
    *worst = 0;
    for (uint32_t i = 0; loads && i < scenario->channel_count; i++)
        if (loads[i] > most) {
            most = loads[i];
            *worst = i;
        }
    free(loads);
    return most;
}

void selkie_scenario_weigh(const struct selkie_scenario *scenario, const struct selkie_payload_plan *plan)
{
    uint32_t worst;
    double load = selkie_scenario_load(scenario, plan, &worst);

    if (load > 1)
        selkie_say("channel %" PRIu32 " cannot carry this fleet: its payloads alone take %.0f %% of the air; make "
                   "--interval longer, or --devices fewer",
                   worst, 100 * load);
}
