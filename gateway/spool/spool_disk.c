/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/spool_disk.h"

#include "log.h"
#include "spool/spool_note.h"

#include <errno.h>
#include <inttypes.h>
#include <selkie/clock.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

/* How often what looks damaged is read, and what to wait between. */
#define READ_TRIES 3
#define AGAIN_NS   50000000

/* A commit that takes as long as this is slow; so many faster ones end that. */
#define SLOW_US   1000000
#define FAST_RUNS 10

/* Frames that are taken over in one transaction. */
#define COPY_BATCH 512

void selkie_spool_disk_detach(struct selkie_spool_disk *disk)
{
    selkie_spool_sql_close(&disk->sql);
}

/* Open the file; where it is damaged, replace it first. */
static int open_file(struct selkie_spool_disk *disk, char why[static SELKIE_SPOOL_WHY_MAX])
{
    if (disk->damaged && !disk->ending) {
        int result = selkie_spool_file_replace(disk->path, why);
        if (result < 0)
            return result == SELKIE_ENOTREADY ? result : SELKIE_ESTORAGE;
        disk->damaged = false;
    }
    if (disk->damaged) {
        (void)snprintf(why, SELKIE_SPOOL_WHY_MAX, "damaged; the next start takes over its frames");
        return SELKIE_ENOTREADY;
    }
    return selkie_spool_file_open(disk->path, &disk->sql.db, &disk->ledger, disk->instance, !disk->ending, why);
}

int selkie_spool_disk_attach(struct selkie_spool_disk *disk, char why[static SELKIE_SPOOL_WHY_MAX])
{
    bool other = disk->damaged || disk->generation == 0;
    int result = open_file(disk, why);

    disk->ending |= result == SELKIE_ENOTREADY;
    if (result < 0)
        return result == SELKIE_ENOTREADY ? SELKIE_ESTORAGE : result;
    if (selkie_spool_sql_prepare(&disk->sql) != SQLITE_OK) {
        selkie_spool_sql_reason(disk->sql.db, why, SELKIE_SPOOL_WHY_MAX);
        selkie_spool_disk_detach(disk);
        return SELKIE_ESTORAGE;
    }
    if (stat(disk->path, &disk->file) != 0)
        disk->file = (struct stat){.st_ino = 0};
    disk->stored = disk->ledger;
    disk->generation += other || disk->ledger.replaced ? 1 : 0;
    return 0;
}

void selkie_spool_disk_fail(struct selkie_spool_disk *disk, const char *why)
{
    disk->failing = true;
    (void)snprintf(disk->fault, sizeof disk->fault, "%.*s", SELKIE_SPOOL_DISK_FAULT_MAX - 1, why);
}

void selkie_spool_disk_roll_back(struct selkie_spool_disk *disk)
{
    selkie_spool_sql_roll_back(&disk->sql);
    disk->ledger = disk->stored;
    disk->dropping = 0;
    disk->generation += disk->forgetting > 0 ? 1 : 0; /* what was forgotten is back */
    disk->forgetting = 0;
}

/* A device waits for its ACK as long as the disk takes, and so do the broker's answers. */
static void judge_speed(struct selkie_spool_disk *disk, int64_t took_us)
{
    if (took_us >= SLOW_US) {
        if (!disk->slow)
            selkie_log(
                LOG_WARNING,
                "spool %s: the disk is slow: it took %.1f s to store; ACKs and the broker's answers wait meanwhile",
                disk->path, (double)took_us / 1e6);
        disk->slow = true;
        disk->fast = 0;
    } else if (disk->slow && ++disk->fast == FAST_RUNS) {
        selkie_log(LOG_NOTICE, "spool %s: the disk is fast again", disk->path);
        disk->slow = false;
    }
}

int selkie_spool_disk_commit(struct selkie_spool_disk *disk)
{
    int64_t began_us = selkie_clock_monotonic_us();
    int result = selkie_spool_sql_commit(&disk->sql, disk->ledger.next_seq, disk->ledger.frames);

    disk->committed_us = selkie_clock_monotonic_us();
    judge_speed(disk, disk->committed_us - began_us);
    if (result != SQLITE_OK)
        return result;
    disk->stored = disk->ledger;
    disk->dropped += disk->dropping;
    disk->dropping = 0;
    disk->forgetting = 0;
    return SQLITE_OK;
}

void selkie_spool_disk_works_again(struct selkie_spool_disk *disk)
{
    if (disk->failing)
        selkie_log(LOG_NOTICE, "spool %s: works again", disk->path);
    disk->failing = false;
}

static void complain(struct selkie_spool_disk *disk, const char *doing, const char *why)
{
    if (!disk->failing)
        selkie_log(LOG_ERR, "spool %s: cannot %s: %s", disk->path, doing, why);
    selkie_spool_disk_fail(disk, why);
}

/* Replace a damaged file. */
static bool replace(struct selkie_spool_disk *disk)
{
    char why[SELKIE_SPOOL_WHY_MAX];

    selkie_spool_disk_detach(disk);
    disk->damaged = true;
    if (selkie_spool_disk_attach(disk, why) == 0) {
        disk->failing = false;
        return true;
    }
    selkie_log(LOG_ERR, "spool %s: %s%s", disk->path, why,
               disk->ending ? "" : "; retrying, and nothing is stored until it works");
    selkie_spool_disk_fail(disk, why);
    return false;
}

/* Damage may be a hiccup of the disk: open the file again, and read what it says now. */
static bool reopen(struct selkie_spool_disk *disk, const char *doing)
{
    const struct timespec pause = {.tv_nsec = AGAIN_NS};
    char why[SELKIE_SPOOL_WHY_MAX];

    selkie_spool_disk_detach(disk);
    (void)nanosleep(&pause, NULL);
    if (selkie_spool_disk_attach(disk, why) == 0)
        return true;
    complain(disk, doing, why);
    return false;
}

/* After a failure: true if the same may be tried again. `tries` is 0 before the first. */
bool selkie_spool_disk_failed(struct selkie_spool_disk *disk, int result, const char *doing, int *tries)
{
    char why[SELKIE_SPOOL_DISK_FAULT_MAX];
    bool damage = selkie_spool_file_is_damage(result);

    selkie_spool_disk_roll_back(disk);
    if (damage && ++*tries < READ_TRIES)
        return reopen(disk, doing);
    selkie_spool_sql_reason(disk->sql.db, why, sizeof why);
    complain(disk, doing, why);
    return damage && *tries == READ_TRIES && replace(disk);
}

/* A card that must be read twice will not last long. */
void selkie_spool_disk_succeeded(struct selkie_spool_disk *disk, const char *doing, int tries)
{
    if (tries > 0 && tries < READ_TRIES && disk->hiccups++ % 1000 == 0)
        selkie_log(LOG_WARNING,
                   "spool %s: could %s only after reading again: the disk may be failing (%" PRIu64 " times so far)",
                   disk->path, doing, disk->hiccups);
}

/* Whether the file is open. If it could not be opened, try now. */
bool selkie_spool_disk_ready(struct selkie_spool_disk *disk)
{
    char why[SELKIE_SPOOL_WHY_MAX];

    if (disk->sql.db)
        return true;
    if (selkie_spool_disk_attach(disk, why) < 0) {
        selkie_spool_disk_fail(disk, why);
        return false;
    }
    disk->generation++; /* meanwhile only what was in memory could be read, and that is behind these */
    return true;
}

bool selkie_spool_disk_has_moved(const struct selkie_spool_disk *disk)
{
    struct stat now;

    if (stat(disk->path, &now) != 0)
        return errno == ENOENT;
    return now.st_dev != disk->file.st_dev || now.st_ino != disk->file.st_ino;
}

/* SQLite's result. A frame whose seq is there already is the same frame: a backup of the spool was put in its place. */
static int copy_one(struct selkie_spool_disk *disk, const struct selkie_spool_frame *frame, int64_t *copied)
{
    int result = selkie_spool_sql_begin(&disk->sql);

    if (result == SQLITE_OK)
        result = selkie_spool_sql_insert(&disk->sql, frame);
    if (result == SQLITE_OK) {
        disk->ledger.frames++;
        (*copied)++;
    }
    if (disk->ledger.next_seq <= frame->seq)
        disk->ledger.next_seq = frame->seq + 1;
    return (result & 0xFF) == SQLITE_CONSTRAINT ? SQLITE_OK : result;
}

/* SQLite's result of the writing. What can no longer be read stays behind. */
static int copy_all(struct selkie_spool_disk *disk, struct selkie_spool_sql *from, int64_t *copied)
{
    struct selkie_spool_frame frame = {.seq = 0};
    int result = SQLITE_OK;

    for (int i = 1; result == SQLITE_OK && selkie_spool_sql_next(from, frame.seq, &frame) == SQLITE_ROW; i++) {
        result = copy_one(disk, &frame, copied);
        if (result == SQLITE_OK && i % COPY_BATCH == 0) {
            result = selkie_spool_disk_commit(disk);
            (void)sd_notify(0, "WATCHDOG=1");
        }
    }
    if (result == SQLITE_OK && selkie_spool_sql_in_transaction(&disk->sql))
        result = selkie_spool_disk_commit(disk);
    return result;
}

/* As selkie_spool_disk_attach, for a file with the frames of `from` in it. */
static int attach_with(struct selkie_spool_disk *disk, struct selkie_spool_sql *from, int64_t *copied,
                       char why[static SELKIE_SPOOL_WHY_MAX])
{
    int result = selkie_spool_disk_attach(disk, why);

    if (result < 0 || copy_all(disk, from, copied) == SQLITE_OK)
        return result;
    selkie_spool_sql_reason(disk->sql.db, why, SELKIE_SPOOL_WHY_MAX);
    selkie_spool_disk_detach(disk);
    return SELKIE_ESTORAGE;
}

bool selkie_spool_disk_follow(struct selkie_spool_disk *disk)
{
    char why[SELKIE_SPOOL_WHY_MAX];
    int64_t copied = 0;
    bool gone = access(disk->path, F_OK) != 0;

    if (selkie_spool_sql_in_transaction(&disk->sql) && selkie_spool_disk_commit(disk) != SQLITE_OK)
        selkie_spool_disk_roll_back(disk);
    struct selkie_spool_disk before = *disk;
    if (gone)
        selkie_spool_note_forget(disk->path);
    disk->sql = (struct selkie_spool_sql){.db = NULL};
    if (attach_with(disk, &before.sql, &copied, why) < 0) {
        bool keep = gone || !disk->failing || disk->orphan;
        *disk = before;
        disk->orphan = keep;
        if (!keep)
            selkie_spool_disk_detach(disk);
        complain(disk, gone ? "replace its file, which was deleted" : "go on in the file that took its place", why);
        return false;
    }
    selkie_spool_sql_close(&before.sql);
    disk->orphan = false;
    disk->generation += !gone || copied != before.ledger.frames ? 1 : 0;
    selkie_log(LOG_ERR,
               "spool %s: the file was %s while the gateway had it open; going on with %s, and with the %" PRId64
               " frames that waited",
               disk->path, gone ? "deleted" : "replaced", gone ? "a fresh one" : "the one that is there now", copied);
    return true;
}
