/* SPDX-License-Identifier: Apache-2.0 */
/* What the log says about the broker: each condition once for as long as it lasts, and what a refusal means. The loop's
 * thread. */
#ifndef SELKIE_GATEWAY_BROKER_LOG_H
#define SELKIE_GATEWAY_BROKER_LOG_H

#include "gateway_config.h"
#include "log.h"

#include <mqtt_queue.h>

/* All zero at first. */
struct selkie_broker_log {
    /* The last two conditions, so that a week without a broker is one line. Two: a broker's answer may or may not come
     * through before it closes the connection. */
    char logged[2][SELKIE_LOG_LINE_MAX];
};

/* Log what is wrong with the broker of this URI, unless the condition (NULL: the text itself) was logged last. */
void selkie_broker_log_say(struct selkie_broker_log *log, const char *uri, int level, const char *condition,
                           const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The same for a connection that was REFUSED or UNREACHABLE. */
void selkie_broker_log_failure(struct selkie_broker_log *log, const char *uri,
                               const struct selkie_gateway_config *config, const struct selkie_mqtt_event *event);

/* The same for a subscription to the receipts that was refused with this MQTT reason. */
void selkie_broker_log_no_receipts(struct selkie_broker_log *log, const char *uri,
                                   const struct selkie_gateway_config *config, int code);

/* All is well: whatever comes next is new. */
void selkie_broker_log_reset(struct selkie_broker_log *log);

#endif
