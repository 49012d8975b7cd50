/* SPDX-License-Identifier: Apache-2.0 */
/* A spool's disk: the open database, its transaction, and what becomes of a failure: what looks damaged is read again,
 * then replaced; the rest is logged once, until it works again. Blocks on the disk; one thread. */
#ifndef SELKIE_GATEWAY_SPOOL_DISK_H
#define SELKIE_GATEWAY_SPOOL_DISK_H

#include "spool/spool_sql.h"
#include "spool_file.h"

#include <selkie/error.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define SELKIE_SPOOL_DISK_FAULT_MAX 256

/* All zero but `path` and `instance` at first. */
struct selkie_spool_disk {
    char *path;
    int64_t instance;
    struct selkie_spool_sql sql;
    struct stat file;                  /* that is open */
    struct selkie_spool_ledger ledger; /* in the open transaction */
    struct selkie_spool_ledger stored; /* on the disk */
    uint64_t dropped;
    uint64_t hiccups;
    uint64_t dropping;    /* in the open transaction */
    size_t forgetting;    /* in the open transaction */
    unsigned generation;  /* spool.h; 0: was never open */
    int64_t committed_us; /* when the last commit ended, well or not; monotonic clock */
    unsigned fast;        /* commits since the last slow one; up to FAST_RUNS */
    bool slow;            /* and it is in the log */
    bool damaged;         /* the file must be replaced before it can be opened */
    bool ending;          /* the process is: a damaged file is left to the next start */
    bool failing;         /* a failure is in the log, and no success since */
    bool orphan;          /* the open file no longer has the path, and what has it could not be opened */
    char fault[SELKIE_SPOOL_DISK_FAULT_MAX];
};

/* Open the spool. Results and `why` as selkie_spool_file_open. */
SELKIE_USE_RESULT int selkie_spool_disk_attach(struct selkie_spool_disk *disk, char why[static SELKIE_SPOOL_WHY_MAX]);
void selkie_spool_disk_detach(struct selkie_spool_disk *disk);

/* Whether the spool is open. If it is not, try now, and log nothing. */
bool selkie_spool_disk_ready(struct selkie_spool_disk *disk);

/* Whether the path has another file than the open one, or none: the file was deleted, or the disk was replaced or
 * mounted again. What is in the open file would be lost at the next start. */
bool selkie_spool_disk_has_moved(const struct selkie_spool_disk *disk);

/* Go on with what has the path now, a fresh file if there is none, and take over the frames of the open one. False if
 * that cannot be opened or filled: the disk fails then, and the open file stays what is read. */
bool selkie_spool_disk_follow(struct selkie_spool_disk *disk);

/* SQLite's result. */
SELKIE_USE_RESULT int selkie_spool_disk_commit(struct selkie_spool_disk *disk);
void selkie_spool_disk_roll_back(struct selkie_spool_disk *disk);

/* Something failed with a result of SQLite's; it was to `doing` ("store a frame"). Rolls back. True if the same may be
 * tried again. `tries` is 0 before the first time. */
bool selkie_spool_disk_failed(struct selkie_spool_disk *disk, int result, const char *doing, int *tries);
/* It went well, after so many tries. */
void selkie_spool_disk_succeeded(struct selkie_spool_disk *disk, const char *doing, int tries);

/* The disk fails for a reason that is in the log already; it works. */
void selkie_spool_disk_fail(struct selkie_spool_disk *disk, const char *why);
void selkie_spool_disk_works_again(struct selkie_spool_disk *disk);

#endif
