/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway put together: radio lines, spool and forwarder on one event loop. PROTOCOL.md, section 9: a frame is in
 * the spool before it is acknowledged or sent. Disk writes block the event loop on purpose (docs/DESIGN.md, "Threads").
 * The loop's thread. */
#ifndef SELKIE_GATEWAY_GATEWAY_SERVICE_H
#define SELKIE_GATEWAY_GATEWAY_SERVICE_H

#include "gateway_config.h"

#include <selkie/error.h>
#include <systemd/sd-event.h>

struct selkie_gateway_service;

/* Takes the configuration in any case; `path` is where a reload reads it again. NULL after a line in the log. */
struct selkie_gateway_service *selkie_gateway_service_open_take(sd_event *event, const char *path,
                                                                struct selkie_gateway_config *config);
void selkie_gateway_service_close(struct selkie_gateway_service *gateway);

/* Send what can be sent, then end the loop. When called again: end it now. */
void selkie_gateway_service_stop(struct selkie_gateway_service *gateway);

/* Read the configuration again; one with a mistake changes nothing. */
void selkie_gateway_service_reload(struct selkie_gateway_service *gateway);

#endif
