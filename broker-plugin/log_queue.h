/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines from any thread, which Mosquitto's thread writes: no other thread may call Mosquitto's log. Bounded: when
 * SELKIE_LOG_QUEUE_LINES wait, further lines are dropped, and their number is logged. */
#ifndef SELKIE_PLUGIN_LOG_QUEUE_H
#define SELKIE_PLUGIN_LOG_QUEUE_H

#include <selkie/error.h>

#define SELKIE_LOG_QUEUE_LINES 128

struct selkie_log_queue;

SELKIE_USE_RESULT int selkie_log_queue_open(struct selkie_log_queue **log_queue);
void selkie_log_queue_close(struct selkie_log_queue *log_queue);

/* From any thread; `level` as in <syslog.h>. The context is the queue, for the unsealer's log callback. */
void selkie_log_queue_write(void *context, int level, const char *line);

/* From Mosquitto's thread: write the waiting lines to Mosquitto's log. */
void selkie_log_queue_flush(struct selkie_log_queue *log_queue);

/* From Mosquitto's thread: log one line now. */
void selkie_plugin_log(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
