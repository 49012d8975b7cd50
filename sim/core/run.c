/* SPDX-License-Identifier: Apache-2.0 */
#include "core/run.h"

#include <stdarg.h>
#include <stdio.h>

static void (*hook)(void *context);
static void *hook_context;

void selkie_say_hook(void (*clear)(void *context), void *context)
{
    hook = clear;
    hook_context = context;
}

void selkie_say(const char *format, ...)
{
    va_list arguments;

    if (hook)
        hook(hook_context);
    (void)fputs("selkie-sim: ", stderr);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
}

int64_t selkie_run_rx_ms(const struct selkie_run *run)
{
    return run->epoch_ms + (int64_t)(run->clock.now_us / SELKIE_MS_US);
}

void selkie_run_fail(struct selkie_run *run, const char *format, ...)
{
    char text[256];
    va_list arguments;

    if (run->failed)
        return;
    run->failed = true;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    selkie_say("%s", text);
}

void selkie_run_set(struct selkie_run *run, struct selkie_sim_timer *timer, uint64_t due_us)
{
    if (selkie_sim_clock_set(&run->clock, timer, due_us) < 0)
        selkie_run_fail(run, "%s", selkie_error_text(SELKIE_ENOMEM));
}
