/* SPDX-License-Identifier: Apache-2.0 */
/* One-shot timers on the event loop, by the monotonic clock, and work deferred to a later turn of the loop. Never
 * blocks. The loop's thread. */
#ifndef SELKIE_GATEWAY_TIMER_H
#define SELKIE_GATEWAY_TIMER_H

#include <stdint.h>
#include <systemd/sd-event.h>

#define SELKIE_MS_US  INT64_C(1000)
#define SELKIE_SEC_US INT64_C(1000000)

#define SELKIE_BACK_OFF_FIRST_US SELKIE_SEC_US
#define SELKIE_BACK_OFF_MAX_US   (64 * SELKIE_BACK_OFF_FIRST_US)

/* Either a timer or deferred work, for its whole life. The caller's memory. */
struct selkie_timer {
    sd_event *event;
    sd_event_source *source; /* NULL before the first use */
    void (*handler)(void *context);
    void *context;
};

void selkie_timer_init(struct selkie_timer *timer, sd_event *event, void (*handler)(void *context), void *context);

/* All zero is harmless. */
void selkie_timer_wipe(struct selkie_timer *timer);

/* Call the handler once after so many microseconds: never earlier, and at most a tenth of that time (1 ms to 1 s)
 * later, so that the kernel can wake the machine once for several timers. Without memory the handler is not called, and
 * the log has a line. */
void selkie_timer_set(struct selkie_timer *timer, int64_t after_us);

/* The same, at most 1 ms later. */
void selkie_timer_set_exact(struct selkie_timer *timer, int64_t after_us);

/* As selkie_timer_set, but a timer that is already running keeps its time. */
void selkie_timer_start(struct selkie_timer *timer, int64_t after_us);
void selkie_timer_stop(struct selkie_timer *timer);

/* Call the handler once, in the first turn of the loop in which no source of a lower rank (sd-event's priority) waits.
 * Without memory the handler is not called, the log has a line, and the result is SELKIE_ENOMEM. */
int selkie_timer_later(struct selkie_timer *timer, int64_t rank);

/* How long to wait after so many failures in a row before this one: between half and the whole of 1 s, 2 s, 4 s … 64 s.
 * Random, so that a thousand gateways do not reconnect in the same second after their broker was away. */
int64_t selkie_timer_back_off_us(unsigned failures);

#endif
