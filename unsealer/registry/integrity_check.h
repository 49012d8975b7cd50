/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that reads the whole registry once, at the start, to see whether it is damaged: page by page, then each
 * index against its table and the order of all keys, beside the writer and with a connection of its own, since a
 * registry of a million devices is a gigabyte. It never writes. Where it cannot read on just now, for want of memory or
 * because others hold a lock, it tries again until it can, ever more rarely, up to once a minute. */
#ifndef SELKIE_INTEGRITY_CHECK_H
#define SELKIE_INTEGRITY_CHECK_H

#include <selkie/error.h>
#include <stdbool.h>
#include <stdint.h>

struct selkie_integrity_check;

#define SELKIE_EXAMINER_FINDING_SIZE 160

/* Start on this file. 0, SELKIE_ENOMEM or SELKIE_ESTORAGE. */
SELKIE_USE_RESULT int selkie_integrity_check_start(struct selkie_integrity_check **integrity_check, const char *path);
/* Where it still reads, or pauses, it is interrupted. NULL is harmless. */
void selkie_integrity_check_stop(struct selkie_integrity_check *integrity_check);

/* Wait until it is through, but not longer than that. True: it is. */
bool selkie_integrity_check_wait(struct selkie_integrity_check *integrity_check, int64_t patience_us);

/* Whether something was found so far: a damage, or that the file could not be read to its end. Then `finding` says
 * what. Cheap, from any thread. */
bool selkie_integrity_check_found(struct selkie_integrity_check *integrity_check,
                                  char finding[static SELKIE_EXAMINER_FINDING_SIZE]);

/* Whether something keeps it, or has kept it, from being through: then `check_delay` says what first did. Likewise. */
bool selkie_integrity_check_delayed(struct selkie_integrity_check *integrity_check,
                                    char check_delay[static SELKIE_EXAMINER_FINDING_SIZE]);

#endif
