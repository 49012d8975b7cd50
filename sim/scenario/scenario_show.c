/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/scenario.h"

#include <inttypes.h>
#include <stdio.h>

static void show_air(const struct selkie_sim_radio_options *air)
{
    if (air->bit_rate == 0)
        printf("no radio in between");
    else
        printf("%" PRIu32 " bit/s", air->bit_rate);
    if (air->noise.bit_errors > 0)
        printf(", bit errors %g", air->noise.bit_errors);
    if (air->noise.lost_bytes > 0)
        printf(", lost bytes %g", air->noise.lost_bytes);
    if (air->noise.burst_every_s > 0)
        printf(", a burst of %g s each %g s", air->noise.burst_s, air->noise.burst_every_s);
    if (air->fade_share > 0)
        printf(", faded %g %% of the time", 100 * air->fade_share);
}

void selkie_scenario_show(const struct selkie_scenario *scenario)
{
    static const char *const links[] = {
        [SELKIE_SIM_LINK_PTY] = "pty", [SELKIE_SIM_LINK_SOCKET] = "socket", [SELKIE_SIM_LINK_MQTT] = "mqtt"};
    const struct selkie_scenario_fleet *fleet = &scenario->fleet;

    printf("scenario  %s, seed %" PRIu64 ", %g s, speed ", scenario->name, scenario->seed, scenario->duration_s);
    if (scenario->speed > 0)
        printf("%g\n", scenario->speed);
    else
        printf("max\n");
    printf("fleet     %" PRIu32 " devices, a payload each %g s, %g %% of them with SESSION frames, heard by %" PRIu32
           "\n",
           fleet->devices, fleet->interval_s, 100 * fleet->session_share, fleet->heard_by);
    for (size_t i = 0; i < scenario->group_count; i++) {
        const struct selkie_scenario_channels *group = &scenario->groups[i];
        printf("channels  %" PRIu32 " by %s%s, %s, ", group->count, links[group->link],
               group->own_gateways ? " with selkie-gateway" : "", group->ack ? "acknowledged" : "one-way");
        show_air(&group->air);
        printf("\n");
    }
    printf("broker    %s\n", scenario->broker.uri ? scenario->broker.uri : "Mosquitto, started here");
    printf("happens   %zu actions, %zu attackers\n", scenario->action_count, scenario->attack_count);
    printf("expects   %zu figures\n", scenario->expect.count);
}
