/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to a serial server (ser2net's raw mode) for a line on tcp://host:port: look up the name, try each
 * address. On the event loop; never blocks. The loop's thread. */
#ifndef SELKIE_GATEWAY_LINE_DIAL_H
#define SELKIE_GATEWAY_LINE_DIAL_H

#include <selkie/error.h>
#include <systemd/sd-event.h>

#define SELKIE_LINE_DIAL_TIMEOUT_S 10 /* for the name, and for each address */

struct selkie_line_dial;

/* The socket, connected and not blocking, which the callee owns; or -1 and why not. Called once, from the loop; nothing
 * but selkie_line_dial_close may follow, also from within. */
typedef void selkie_line_dial_done(void *context, int fd, const char *fault);

/* Begin. SELKIE_EINVAL: not tcp://host:port. SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_line_dial_open(struct selkie_line_dial **opened, sd_event *event, const char *device,
                                            selkie_line_dial_done *done, void *context);
void selkie_line_dial_close(struct selkie_line_dial *dial);

#endif
