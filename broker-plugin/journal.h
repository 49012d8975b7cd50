/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines from any thread, written by Mosquitto's thread, the only one that may call Mosquitto's log.
 * Bounded: when SELKIE_JOURNAL_LINES wait, further lines are dropped and counted, and the count is logged. */
#ifndef SELKIE_PLUGIN_JOURNAL_H
#define SELKIE_PLUGIN_JOURNAL_H

#include <selkie/error.h>

#define SELKIE_JOURNAL_LINES 128

struct selkie_journal;

SELKIE_USE_RESULT int selkie_journal_open(struct selkie_journal **journal);
void selkie_journal_close(struct selkie_journal *journal);

/* From any thread; `level` as in <syslog.h>. The context is the journal, for the unsealer's log callback. */
void selkie_journal_write(void *context, int level, const char *line);

/* From Mosquitto's thread: hand what waits to Mosquitto's log. */
void selkie_journal_flush(struct selkie_journal *journal);

/* From Mosquitto's thread: log one line now. */
void selkie_journal_say(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
