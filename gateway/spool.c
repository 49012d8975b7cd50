/* SPDX-License-Identifier: Apache-2.0 */
#include "spool.h"

#include "log.h"
#include "spool/spool_disk.h"
#include "spool/spool_memory.h"

#include <inttypes.h>
#include <selkie/clock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* How many of the oldest a full disk drops at once, so that not every new frame has to try twice. */
#define MAKE_ROOM 64

/* At most so many frames are forgotten in one transaction, and at most so many dropped: three of the largest share a
 * page, so the log holds both in the space reserved for it. */
#define DELETE_MAX 512

/* Between the last seq that the disk may have, whatever it reported, and those of frames in memory. */
#define HELD_GAP 4096

/* A slow disk is left alone for so long: the next put makes durable what was forgotten, too. */
#define SYNC_REST_US 20000000

struct selkie_spool {
    struct selkie_spool_disk disk;
    struct selkie_spool_memory *memory;
    int64_t next_held; /* seq of the next frame in memory; 0: there was none yet */
    selkie_spool_safe *safe;
    void *context;
    int64_t gone[SELKIE_SPOOL_MEMORY_MAX]; /* forgotten while the disk failed: still there, and not to be sent */
    size_t gone_count;
    bool gone_missed; /* there were more: they are sent, and receipted, once more */
    int64_t max_frames;
};

/* SELKIE_EENTROPY if the kernel has no random numbers. */
static int draw_instance(struct selkie_spool *spool)
{
    uint64_t random;

    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return SELKIE_EENTROPY;
    spool->disk.instance = (int64_t)(random >> 11) | 1;
    return 0;
}

/* A spool that is not open yet; NULL after a line in the log. */
static struct selkie_spool *make(const char *path, int64_t max_frames)
{
    struct selkie_spool *spool = calloc(1, sizeof *spool);
    int result = SELKIE_ENOMEM;

    if (spool && (spool->disk.path = strdup(path)) && (spool->memory = selkie_spool_memory_open()))
        result = draw_instance(spool);
    if (result == 0) {
        spool->max_frames = max_frames;
        return spool;
    }
    selkie_log(LOG_ERR, "spool %s: %s", path, selkie_error_text(result));
    selkie_spool_close(spool);
    return NULL;
}

struct selkie_spool *selkie_spool_open(const char *path, int64_t max_frames)
{
    struct selkie_spool *spool = make(path, max_frames);
    char why[SELKIE_SPOOL_WHY_MAX];

    if (!spool)
        return NULL;
    int result = selkie_spool_disk_attach(&spool->disk, why);
    if (result == 0)
        return spool;
    if (result == SELKIE_ESTORAGE) {
        selkie_log(LOG_ERR, "spool %s: %s%s", path, why,
                   spool->disk.ending ? "" : "; frames pass through memory until it works");
        selkie_spool_disk_fail(&spool->disk, why);
        return spool;
    }
    selkie_log(LOG_ERR, "spool %s: %s", path, why);
    selkie_spool_close(spool);
    return NULL;
}

static void sync_now(struct selkie_spool *spool)
{
    int tries = 0;

    if (!selkie_spool_sql_in_transaction(&spool->disk.sql))
        return;
    int result = selkie_spool_disk_commit(&spool->disk);
    if (result != SQLITE_OK)
        (void)selkie_spool_disk_failed(&spool->disk, result, "forget a frame", &tries);
}

void selkie_spool_end(struct selkie_spool *spool)
{
    spool->disk.ending = true;
}

static bool has_moved(const struct selkie_spool *spool)
{
    return spool->disk.sql.db && selkie_spool_disk_has_moved(&spool->disk);
}

void selkie_spool_close(struct selkie_spool *spool)
{
    if (!spool)
        return;
    size_t held = spool->memory ? selkie_spool_memory_count(spool->memory) : 0;
    if ((held > 0 || has_moved(spool)) && !selkie_spool_mend(spool) && held > 0)
        selkie_log(LOG_WARNING, "spool %s: %zu frames in memory are lost; no device was told that they arrived",
                   spool->disk.path, held);
    sync_now(spool);
    selkie_spool_disk_detach(&spool->disk);
    selkie_spool_memory_close(spool->memory);
    free(spool->disk.path);
    free(spool);
}

void selkie_spool_set_max(struct selkie_spool *spool, int64_t max_frames)
{
    spool->max_frames = max_frames;
}

void selkie_spool_set_safe(struct selkie_spool *spool, selkie_spool_safe *safe, void *context)
{
    spool->safe = safe;
    spool->context = context;
}

static int drop_oldest(struct selkie_spool *spool, int64_t count, const char *why)
{
    int changes;
    int result = selkie_spool_sql_drop(&spool->disk.sql, count, &changes);

    if (result != SQLITE_OK || changes == 0)
        return result;
    /* Log the first frame and each thousandth, not each of a million. */
    if (spool->disk.dropped == 0 || spool->disk.dropped / 1000 != (spool->disk.dropped + (uint64_t)changes) / 1000)
        selkie_log(LOG_WARNING, "spool %s: %s; dropping the oldest frames (%" PRIu64 " so far)", spool->disk.path, why,
                   spool->disk.dropped + (uint64_t)changes);
    spool->disk.dropping += (uint64_t)changes;
    spool->disk.ledger.frames -= changes;
    return SQLITE_OK;
}

static int insert(struct selkie_spool *spool, const struct selkie_spool_frame *frame)
{
    int result = selkie_spool_sql_insert(&spool->disk.sql, frame);

    if (result != SQLITE_OK)
        return result;
    if (spool->disk.ledger.next_seq <= frame->seq)
        spool->disk.ledger.next_seq = frame->seq + 1;
    spool->disk.ledger.frames++;
    return SQLITE_OK;
}

/* SQLite's result. */
static int forget_one(struct selkie_spool *spool, int64_t seq)
{
    int changes;
    int result = selkie_spool_sql_begin(&spool->disk.sql);

    if (result == SQLITE_OK)
        result = selkie_spool_sql_forget(&spool->disk.sql, seq, &changes);
    if (result != SQLITE_OK)
        return result;
    spool->disk.forgetting += (size_t)changes;
    spool->disk.ledger.frames -= changes;
    return spool->disk.forgetting < DELETE_MAX ? SQLITE_OK : selkie_spool_disk_commit(&spool->disk);
}

/* A commit that failed may have stored it all the same: SQLite finds it in the log when the file is opened again. */
static int insert_once(struct selkie_spool *spool, const struct selkie_spool_frame *frame)
{
    int result = insert(spool, frame);

    if ((result & 0xFF) != SQLITE_CONSTRAINT)
        return result;
    if (spool->disk.ledger.next_seq <= frame->seq)
        spool->disk.ledger.next_seq = frame->seq + 1;
    return SQLITE_OK;
}

/* What could not be done while the disk failed. If it fails again, that stays to be done. */
static int catch_up(struct selkie_spool *spool)
{
    int result = SQLITE_OK;
    int changes;

    for (size_t i = 0; i < spool->gone_count && result == SQLITE_OK; i++) {
        result = selkie_spool_sql_forget(&spool->disk.sql, spool->gone[i], &changes);
        spool->disk.ledger.frames -= changes;
    }
    for (size_t i = 0; i < selkie_spool_memory_count(spool->memory) && result == SQLITE_OK; i++)
        result = insert_once(spool, selkie_spool_memory_at(spool->memory, i));
    return result;
}

static void caught_up(struct selkie_spool *spool)
{
    spool->gone_count = 0;
    spool->disk.generation += spool->gone_missed;
    spool->gone_missed = false;
    for (size_t i = 0; spool->safe && i < selkie_spool_memory_count(spool->memory); i++)
        spool->safe(spool->context, selkie_spool_memory_at(spool->memory, i));
    selkie_spool_memory_clear(spool->memory);
}

static int put_once(struct selkie_spool *spool, struct selkie_spool_frame *frames, size_t count, bool disk_full)
{
    int result = selkie_spool_sql_begin(&spool->disk.sql);

    if (result == SQLITE_OK && disk_full)
        result = drop_oldest(spool, MAKE_ROOM, "the disk is full");
    if (result == SQLITE_OK)
        result = catch_up(spool);
    for (size_t i = 0; i < count && result == SQLITE_OK; i++) {
        frames[i].seq = spool->next_held > spool->disk.ledger.next_seq ? spool->next_held : spool->disk.ledger.next_seq;
        result = insert(spool, &frames[i]);
    }
    int64_t over = spool->disk.ledger.frames - spool->max_frames;
    if (result == SQLITE_OK && over > 0)
        result = drop_oldest(spool, over < DELETE_MAX ? over : DELETE_MAX, "max_frames reached");
    if (result == SQLITE_OK)
        result = selkie_spool_file_reserve(spool->disk.sql.db);
    return result == SQLITE_OK ? selkie_spool_disk_commit(&spool->disk) : result;
}

static int store(struct selkie_spool *spool, struct selkie_spool_frame *frames, size_t count)
{
    static const char doing[] = "store a frame";
    bool disk_full = false, again = true;
    int tries = 0;

    while (again && selkie_spool_disk_ready(&spool->disk)) {
        int result = put_once(spool, frames, count, disk_full);
        if (result == SQLITE_OK) {
            selkie_spool_disk_succeeded(&spool->disk, doing, tries);
            selkie_spool_disk_works_again(&spool->disk);
            caught_up(spool);
            return 0;
        }
        again = (result & 0xFF) == SQLITE_FULL && !disk_full && count + selkie_spool_memory_count(spool->memory) > 0;
        if (again) {
            disk_full = true;
            selkie_spool_disk_roll_back(&spool->disk);
        } else {
            again = selkie_spool_disk_failed(&spool->disk, result, doing, &tries);
        }
    }
    return SELKIE_ESTORAGE;
}

int selkie_spool_put(struct selkie_spool *spool, struct selkie_spool_frame *frames, size_t count)
{
    int result = store(spool, frames, count);

    if (result < 0 && spool->gone_count > 0) {
        spool->gone_count = 0;
        spool->disk.generation++;
    }
    return result;
}

bool selkie_spool_mend(struct selkie_spool *spool)
{
    if (has_moved(spool) && !selkie_spool_disk_follow(&spool->disk))
        return false;
    if (!spool->disk.failing && selkie_spool_memory_count(spool->memory) == 0)
        return true;
    return store(spool, NULL, 0) == 0;
}

bool selkie_spool_works(const struct selkie_spool *spool)
{
    return !spool->disk.failing;
}

/* The seqs of frames in memory are not the next on the disk: a write that failed may be there all the same after the
 * next start, and has those. Where the disk never worked, they begin as a fresh spool does. */
static int64_t first_held(const struct selkie_spool *spool)
{
    int64_t first = spool->disk.stored.next_seq + HELD_GAP;
    uint32_t random;

    if (spool->disk.stored.next_seq == 0 && getrandom(&random, sizeof random, 0) == (ssize_t)sizeof random)
        first = ((int64_t)random << 20) + 1;
    return first > spool->next_held ? first : spool->next_held;
}

void selkie_spool_hold(struct selkie_spool *spool, struct selkie_spool_frame *frames, size_t count)
{
    if (selkie_spool_memory_count(spool->memory) == 0)
        spool->next_held = first_held(spool);
    for (size_t i = 0; i < count; i++) {
        frames[i].seq = spool->next_held++;
        if (!selkie_spool_memory_add(spool->memory, &frames[i]))
            continue;
        if (spool->disk.dropped++ % 1000 == 0)
            selkie_log(LOG_WARNING, "spool %s: the memory is full too; dropping the oldest frames (%" PRIu64 " so far)",
                       spool->disk.path, spool->disk.dropped);
    }
}

bool selkie_spool_holds(const struct selkie_spool *spool, const uint8_t *body, size_t len)
{
    return selkie_spool_memory_has(spool->memory, body, len);
}

static bool is_gone(const struct selkie_spool *spool, int64_t seq)
{
    for (size_t i = 0; i < spool->gone_count; i++)
        if (spool->gone[i] == seq)
            return true;
    return false;
}

/* From the disk. */
static int read_next(struct selkie_spool *spool, int64_t after, struct selkie_spool_frame *frame)
{
    static const char doing[] = "read a frame";
    int tries = 0;
    int result;

    do {
        if (!selkie_spool_disk_ready(&spool->disk))
            return SELKIE_ESTORAGE;
        do
            result = selkie_spool_sql_next(&spool->disk.sql, after, frame);
        while (result == SQLITE_ROW && is_gone(spool, after = frame->seq));
        if (result == SQLITE_ROW || result == SQLITE_DONE) {
            selkie_spool_disk_succeeded(&spool->disk, doing, tries);
            return result == SQLITE_ROW ? 0 : SELKIE_ENOTFOUND;
        }
    } while (selkie_spool_disk_failed(&spool->disk, result, doing, &tries));
    return SELKIE_ESTORAGE;
}

/* Whether the disk is left to selkie_spool_mend: nobody else tries it all the time. */
static bool is_closed(const struct selkie_spool *spool)
{
    return spool->disk.failing && !spool->disk.sql.db;
}

int selkie_spool_next(struct selkie_spool *spool, int64_t after, struct selkie_spool_frame *frame)
{
    const struct selkie_spool_frame *held = selkie_spool_memory_next(spool->memory, after);
    int result = is_closed(spool) ? SELKIE_ESTORAGE : read_next(spool, after, frame);

    if (!held || (result == 0 && frame->seq < held->seq))
        return result;
    *frame = *held;
    return 0;
}

/* While the disk fails: remember what is not to be sent again. */
static size_t put_off(struct selkie_spool *spool, const int64_t *seqs, size_t count)
{
    struct selkie_spool_frame there;
    size_t forgotten = 0;

    for (size_t i = 0; i < count && spool->disk.sql.db; i++) {
        if (spool->gone_count == SELKIE_SPOOL_MEMORY_MAX) {
            spool->gone_missed = true;
            break;
        }
        if (!is_gone(spool, seqs[i]) && read_next(spool, seqs[i] - 1, &there) == 0 && there.seq == seqs[i]) {
            spool->gone[spool->gone_count++] = seqs[i];
            forgotten++;
        }
    }
    return forgotten;
}

static size_t forget_held(struct selkie_spool *spool, const int64_t *seqs, size_t count)
{
    size_t forgotten = 0;

    for (size_t i = 0; i < count; i++) {
        const struct selkie_spool_frame *held = selkie_spool_memory_next(spool->memory, seqs[i] - 1);
        if (!held || held->seq != seqs[i])
            continue;
        if (spool->safe)
            spool->safe(spool->context, held);
        selkie_spool_memory_remove(spool->memory, seqs[i]);
        forgotten++;
    }
    return forgotten;
}

size_t selkie_spool_forget(struct selkie_spool *spool, const int64_t *seqs, size_t count)
{
    size_t held = forget_held(spool, seqs, count);
    int tries = 0;
    int result;

    if (held == count)
        return held;
    if (spool->disk.failing)
        return held + put_off(spool, seqs, count);
    do {
        if (!selkie_spool_disk_ready(&spool->disk))
            return held;
        int64_t frames = spool->disk.ledger.frames;
        result = SQLITE_OK;
        for (size_t i = 0; i < count && result == SQLITE_OK; i++)
            result = forget_one(spool, seqs[i]);
        if (result == SQLITE_OK)
            return held + (size_t)(frames - spool->disk.ledger.frames);
    } while (selkie_spool_disk_failed(&spool->disk, result, "forget a frame", &tries));
    return held;
}

void selkie_spool_sync(struct selkie_spool *spool)
{
    if (!spool->disk.slow || selkie_clock_monotonic_us() - spool->disk.committed_us >= SYNC_REST_US)
        sync_now(spool);
}

void selkie_spool_info(struct selkie_spool *spool, struct selkie_spool_info *info)
{
    size_t held = selkie_spool_memory_count(spool->memory);
    int tries = 0;
    int result;

    *info = (struct selkie_spool_info){.dropped = spool->disk.dropped, .held = (int64_t)held};
    do {
        result = SQLITE_DONE;
        if (spool->disk.ledger.frames > 0 && !is_closed(spool) && selkie_spool_disk_ready(&spool->disk))
            result = selkie_spool_sql_oldest(&spool->disk.sql, &info->oldest_rx);
    } while (result != SQLITE_ROW && result != SQLITE_DONE &&
             selkie_spool_disk_failed(&spool->disk, result, "read a frame", &tries));
    if (info->oldest_rx == 0 && held > 0)
        info->oldest_rx = selkie_spool_memory_at(spool->memory, 0)->rx;
    info->frames = selkie_spool_count(spool);
    info->slow = spool->disk.slow;
    (void)snprintf(info->fault, sizeof info->fault, "%s", spool->disk.failing ? spool->disk.fault : "");
}

unsigned selkie_spool_generation(const struct selkie_spool *spool)
{
    return spool->disk.generation;
}

int64_t selkie_spool_instance(const struct selkie_spool *spool)
{
    return spool->disk.instance;
}

int64_t selkie_spool_count(const struct selkie_spool *spool)
{
    return spool->disk.ledger.frames - (int64_t)spool->gone_count + (int64_t)selkie_spool_memory_count(spool->memory);
}
