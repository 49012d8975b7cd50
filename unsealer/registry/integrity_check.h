/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that checks the whole registry for damage, once at the start: every page, then each index against its table,
 * and the order of all keys. It runs beside the writer on its own connection, since a registry of a million devices is
 * a gigabyte, and never writes. If it cannot read at the moment (no memory, locked), it retries until it can, at longer
 * and longer intervals, up to a minute. All functions but start and stop may be called from any thread. */
#ifndef SELKIE_INTEGRITY_CHECK_H
#define SELKIE_INTEGRITY_CHECK_H

#include <selkie/error.h>
#include <stdbool.h>
#include <stdint.h>

struct selkie_integrity_check;

#define SELKIE_INTEGRITY_TEXT_SIZE 160

/* Start to check this file. 0, SELKIE_ENOMEM or SELKIE_ESTORAGE. */
SELKIE_USE_RESULT int selkie_integrity_check_start(struct selkie_integrity_check **integrity_check, const char *path);
/* Stop; interrupts a check that is not done. NULL is harmless. */
void selkie_integrity_check_stop(struct selkie_integrity_check *integrity_check);

/* Wait until the check is done, at most this long. True if it is done. */
bool selkie_integrity_check_wait(struct selkie_integrity_check *integrity_check, int64_t timeout_us);

/* Whether there is a finding: damage, or a file that cannot be read to its end. `finding` says what. Does not block. */
bool selkie_integrity_check_found(struct selkie_integrity_check *integrity_check,
                                  char finding[static SELKIE_INTEGRITY_TEXT_SIZE]);
/* Whether the check is not done and had to retry. `reason` is the first error. Does not block. */
bool selkie_integrity_check_delayed(struct selkie_integrity_check *integrity_check,
                                    char reason[static SELKIE_INTEGRITY_TEXT_SIZE]);

#endif
