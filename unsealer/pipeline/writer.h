/* SPDX-License-Identifier: Apache-2.0 */
/* The writer: the one thread that decides and writes. It works in transactions (transaction.h): collect what is ready,
 * decide, write, commit once, and only then publish the payloads, receipts and events. A transaction of frames whose
 * commit fails is rolled back and repeated until storage works: no decision rests on what was not stored. A damaged row
 * is not a failure of storage: it is logged and skipped, and everything else continues. */
#ifndef SELKIE_WRITER_H
#define SELKIE_WRITER_H

#include "pipeline/pipeline.h"

struct selkie_writer;

/* All parts of the unsealer but its writer must be open. */
SELKIE_USE_RESULT int selkie_writer_start(struct selkie_writer **started, struct selkie_unsealer *unsealer);
/* Ends the thread after its current transaction. */
void selkie_writer_stop(struct selkie_writer *writer);

/* From the host's thread: see selkie_unsealer_delivered and selkie_unsealer_reader. */
void selkie_writer_delivered(struct selkie_writer *writer, uint64_t outbox);
void selkie_writer_reader(struct selkie_writer *writer);

#endif
