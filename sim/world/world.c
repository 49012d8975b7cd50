/* SPDX-License-Identifier: Apache-2.0 */
#include "world/world.h"

#include "core/say.h"

#include <stdarg.h>
#include <stdio.h>

void selkie_world_fail(struct selkie_world *world, const char *format, ...)
{
    char text[256];
    va_list arguments;

    if (world->failed)
        return;
    world->failed = true;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    selkie_say("%s", text);
}

void selkie_world_set(struct selkie_world *world, struct selkie_sim_timer *timer, uint64_t due_us)
{
    if (selkie_sim_clock_set(&world->clock, timer, due_us) < 0)
        selkie_world_fail(world, "%s", selkie_error_text(SELKIE_ENOMEM));
}
