/* SPDX-License-Identifier: Apache-2.0 */
/* Ends Mosquitto's wait for the network, so that results do not wait for its next tick (up to 100 ms in 2.0).
 *
 * A timer of the kernel sends SIGURG to Mosquitto's thread: at once, then each millisecond until the tick comes. The
 * handler does nothing. epoll_wait and poll return with EINTR whatever SA_RESTART says, and Mosquitto takes that as a
 * turn of its loop, with a tick at the end. The kernel restarts every other system call. A signal just before the wait
 * begins is lost, so the timer repeats. There is no thread of ours. */
#ifndef SELKIE_PLUGIN_WAKEUP_H
#define SELKIE_PLUGIN_WAKEUP_H

#include <selkie/error.h>

struct selkie_wakeup;

/* From Mosquitto's thread, which gets the signals. */
SELKIE_USE_RESULT int selkie_wakeup_open(struct selkie_wakeup **wakeup);

/* Close everything that may call selkie_wakeup_request first. */
void selkie_wakeup_close(struct selkie_wakeup *wakeup);

/* From any thread: wake Mosquitto, and repeat until selkie_wakeup_done. */
void selkie_wakeup_request(struct selkie_wakeup *wakeup);

/* From Mosquitto's thread: stop the timer. Call it before you look for results, so that a result that comes meanwhile
 * starts the timer again. */
void selkie_wakeup_done(struct selkie_wakeup *wakeup);

#endif
