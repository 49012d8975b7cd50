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

/* Set a timer to fire once after so many microseconds: never earlier, and at most a tenth of that time (1 ms to 1 s)
 * later, so that the kernel can wake the machine once for several timers. The first call creates the timer; it belongs
 * to the caller. Without memory it does not fire, and the log has a line. */
void selkie_timer_set(sd_event *event, sd_event_source **timer, int64_t after_us, sd_event_time_handler_t handler,
                      void *context);

/* The same, but a timer that is already running keeps its time. */
void selkie_timer_start(sd_event *event, sd_event_source **timer, int64_t after_us, sd_event_time_handler_t handler,
                        void *context);

/* `timer` may be NULL. */
void selkie_timer_stop(sd_event_source *timer);

/* Call a handler once, in the first turn of the loop in which no source of a lower rank (sd-event's priority) waits.
 * The first call creates the source; it belongs to the caller. */
void selkie_timer_later(sd_event *event, sd_event_source **source, int64_t rank, sd_event_handler_t handler,
                        void *context);

/* How long to wait after so many failures in a row before this one: between half and the whole of 1 s, 2 s, 4 s … 64 s.
 * Random, so that a thousand gateways do not reconnect in the same second after their broker was away. */
int64_t selkie_timer_back_off_us(unsigned failures);

#endif
