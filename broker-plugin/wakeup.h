/* SPDX-License-Identifier: Apache-2.0 */
/* Ends Mosquitto's wait for the network, so that results do not lie until its next tick (up to 100 ms in 2.0).
 *
 * A timer of the kernel sends SIGURG to Mosquitto's thread: at once, then each millisecond until the ring is answered.
 * The handler does nothing; epoll_wait and poll return with EINTR whatever SA_RESTART says, and Mosquitto takes that as
 * a turn of its loop, with a tick at the end. Every other system call is restarted. A ring that falls just before the
 * wait begins is lost, and the next one a millisecond later is not: hence the repetition, and no thread of ours. */
#ifndef SELKIE_PLUGIN_WAKEUP_H
#define SELKIE_PLUGIN_WAKEUP_H

#include <selkie/error.h>

struct selkie_wakeup;

/* From Mosquitto's thread: it is the one that will be rung. */
SELKIE_USE_RESULT int selkie_wakeup_open(struct selkie_wakeup **wakeup);

/* Rings must have ended: close whatever may ring first. */
void selkie_wakeup_close(struct selkie_wakeup *wakeup);

/* From any thread: ring until it is answered. */
void selkie_wakeup_request(struct selkie_wakeup *wakeup);

/* From Mosquitto's thread: stop ringing. Call it before looking for results, so that one that comes meanwhile rings
 * anew. */
void selkie_wakeup_done(struct selkie_wakeup *wakeup);

#endif
