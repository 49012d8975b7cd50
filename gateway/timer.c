/* SPDX-License-Identifier: Apache-2.0 */
#include "timer.h"

#include "log.h"

#include <selkie/clock.h>
#include <selkie/error.h>
#include <string.h>
#include <sys/random.h>

/* sd-event's default of a quarter of a second is longer than a device waits for its ACK. */
static uint64_t accuracy(int64_t after_us)
{
    int64_t tenth = after_us / 10;

    return (uint64_t)(tenth < SELKIE_MS_US ? SELKIE_MS_US : tenth > SELKIE_SEC_US ? SELKIE_SEC_US : tenth);
}

void selkie_timer_init(struct selkie_timer *timer, sd_event *event, void (*handler)(void *context), void *context)
{
    *timer = (struct selkie_timer){.event = event, .handler = handler, .context = context};
}

void selkie_timer_wipe(struct selkie_timer *timer)
{
    timer->source = sd_event_source_disable_unref(timer->source);
}

static int on_later(sd_event_source *source, void *context)
{
    const struct selkie_timer *timer = context;

    (void)source;
    timer->handler(timer->context);
    return 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *context)
{
    (void)usec;
    return on_later(source, context);
}

static void set(struct selkie_timer *timer, int64_t after_us, uint64_t accuracy_us)
{
    uint64_t at = (uint64_t)(selkie_clock_monotonic_us() + after_us);
    int result;

    if (!timer->source)
        result = sd_event_add_time(timer->event, &timer->source, CLOCK_MONOTONIC, at, accuracy_us, on_time, timer);
    else
        result = sd_event_source_set_time(timer->source, at);
    if (result >= 0)
        result = sd_event_source_set_time_accuracy(timer->source, accuracy_us);
    if (result >= 0)
        result = sd_event_source_set_enabled(timer->source, SD_EVENT_ONESHOT);
    if (result < 0)
        selkie_log(LOG_ERR, "cannot set a timer: %s", strerror(-result));
}

void selkie_timer_set(struct selkie_timer *timer, int64_t after_us)
{
    set(timer, after_us, accuracy(after_us));
}

void selkie_timer_set_exact(struct selkie_timer *timer, int64_t after_us)
{
    set(timer, after_us, SELKIE_MS_US);
}

void selkie_timer_start(struct selkie_timer *timer, int64_t after_us)
{
    if (!timer->source || sd_event_source_get_enabled(timer->source, NULL) <= 0)
        selkie_timer_set(timer, after_us);
}

void selkie_timer_stop(struct selkie_timer *timer)
{
    if (timer->source)
        (void)sd_event_source_set_enabled(timer->source, SD_EVENT_OFF);
}

int selkie_timer_later(struct selkie_timer *timer, int64_t rank)
{
    int result = 0;

    if (!timer->source)
        result = sd_event_add_defer(timer->event, &timer->source, on_later, timer);
    if (result >= 0)
        result = sd_event_source_set_priority(timer->source, rank);
    if (result >= 0)
        result = sd_event_source_set_enabled(timer->source, SD_EVENT_ONESHOT);
    if (result < 0)
        selkie_log(LOG_ERR, "cannot defer work on the event loop: %s", strerror(-result));
    return result < 0 ? SELKIE_ENOMEM : 0;
}

int64_t selkie_timer_back_off_us(unsigned failures)
{
    int64_t longest = failures < 6 ? SELKIE_BACK_OFF_FIRST_US << failures : SELKIE_BACK_OFF_MAX_US;
    uint32_t random;

    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return longest;
    return longest / 2 + (longest / 2) * random / UINT32_MAX;
}
