/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines from any thread, written by Mosquitto's thread, the only one that may call Mosquitto's log.
 * Bounded: when SELKIE_LOG_QUEUE_LINES wait, further lines are dropped and counted, and the count is logged. */
#ifndef SELKIE_PLUGIN_LOG_QUEUE_H
#define SELKIE_PLUGIN_LOG_QUEUE_H

#include <selkie/error.h>

#define SELKIE_LOG_QUEUE_LINES 128

struct selkie_log_queue;

SELKIE_USE_RESULT int selkie_log_queue_open(struct selkie_log_queue **log_queue);
void selkie_log_queue_close(struct selkie_log_queue *log_queue);

/* From any thread; `level` as in <syslog.h>. The context is the log_queue, for the unsealer's log callback. */
void selkie_log_queue_write(void *context, int level, const char *line);

/* From Mosquitto's thread: hand what waits to Mosquitto's log. */
void selkie_log_queue_flush(struct selkie_log_queue *log_queue);

/* From Mosquitto's thread: log one line now. */
void selkie_plugin_log(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
