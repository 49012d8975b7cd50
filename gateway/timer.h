/* SPDX-License-Identifier: Apache-2.0 */
/* One-shot timers on the event loop, by the steady clock, and work put off to a later turn of it. The loop's thread. */
#ifndef SELKIE_GATEWAY_TIMER_H
#define SELKIE_GATEWAY_TIMER_H

#include <stdint.h>
#include <systemd/sd-event.h>

#define SELKIE_MS_US  INT64_C(1000)
#define SELKIE_SEC_US INT64_C(1000000)

/* Set a timer, made on first use, to fire once after so many microseconds: not before, and at most a tenth of that
 * (between 1 ms and 1 s) after, so that the kernel can wake this machine once for several. It belongs to the caller. */
void selkie_timer_set(sd_event *event, sd_event_source **timer, int64_t after_us, sd_event_time_handler_t handler,
                      void *context);
void selkie_timer_stop(sd_event_source *timer);

/* Call a handler once more, as soon as nothing else of a rank (sd-event's priority) before this one waits. The source
 * is made on first use and belongs to the caller. */
void selkie_timer_later(sd_event *event, sd_event_source **source, int64_t rank, sd_event_handler_t handler,
                        void *context);

#endif
