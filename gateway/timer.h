/* SPDX-License-Identifier: Apache-2.0 */
/* One-shot timers on the event loop, by the steady clock. The loop's thread. */
#ifndef SELKIE_GATEWAY_TIMER_H
#define SELKIE_GATEWAY_TIMER_H

#include <stdint.h>
#include <systemd/sd-event.h>

/* Set a timer, made on first use, to fire once after so many microseconds: not before, and at most a tenth of that
 * (between 1 ms and 1 s) after, so that the kernel can wake this machine once for several. It belongs to the caller. */
void selkie_timer_set(sd_event *event, sd_event_source **timer, uint64_t after_us, sd_event_time_handler_t handler,
                      void *context);
void selkie_timer_stop(sd_event_source *timer);

#endif
