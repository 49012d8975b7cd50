/* SPDX-License-Identifier: Apache-2.0 */
#include "timer.h"

#include "log.h"

#include <selkie/clock.h>
#include <string.h>
#include <sys/random.h>

/* sd-event's default of a quarter of a second is longer than a device waits for its ACK. */
static uint64_t accuracy(int64_t after_us)
{
    int64_t tenth = after_us / 10;

    return (uint64_t)(tenth < SELKIE_MS_US ? SELKIE_MS_US : tenth > SELKIE_SEC_US ? SELKIE_SEC_US : tenth);
}

void selkie_timer_set(sd_event *event, sd_event_source **timer, int64_t after_us, sd_event_time_handler_t handler,
                      void *context)
{
    uint64_t at = (uint64_t)(selkie_clock_monotonic_us() + after_us);
    int result;

    if (!*timer)
        result = sd_event_add_time(event, timer, CLOCK_MONOTONIC, at, accuracy(after_us), handler, context);
    else
        result = sd_event_source_set_time(*timer, at);
    if (result >= 0)
        result = sd_event_source_set_time_accuracy(*timer, accuracy(after_us));
    if (result >= 0)
        result = sd_event_source_set_enabled(*timer, SD_EVENT_ONESHOT);
    if (result < 0)
        selkie_log(LOG_ERR, "cannot set a timer: %s", strerror(-result));
}

void selkie_timer_start(sd_event *event, sd_event_source **timer, int64_t after_us, sd_event_time_handler_t handler,
                        void *context)
{
    if (!*timer || sd_event_source_get_enabled(*timer, NULL) <= 0)
        selkie_timer_set(event, timer, after_us, handler, context);
}

void selkie_timer_stop(sd_event_source *timer)
{
    if (timer)
        (void)sd_event_source_set_enabled(timer, SD_EVENT_OFF);
}

void selkie_timer_later(sd_event *event, sd_event_source **source, int64_t rank, sd_event_handler_t handler,
                        void *context)
{
    int result = 0;

    if (!*source)
        result = sd_event_add_defer(event, source, handler, context);
    if (result >= 0)
        result = sd_event_source_set_priority(*source, rank);
    if (result >= 0)
        result = sd_event_source_set_enabled(*source, SD_EVENT_ONESHOT);
    if (result < 0)
        selkie_log(LOG_ERR, "cannot defer work on the event loop: %s", strerror(-result));
}

int64_t selkie_timer_back_off_us(unsigned failures)
{
    int64_t longest = failures < 6 ? SELKIE_BACK_OFF_FIRST_US << failures : SELKIE_BACK_OFF_MAX_US;
    uint32_t random;

    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return longest;
    return longest / 2 + (longest / 2) * random / UINT32_MAX;
}
