/* SPDX-License-Identifier: Apache-2.0 */
#include "spool.h"

#include "log.h"
#include "spool_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* How many of the oldest a full disk drops at once, so that not every new frame has to try twice. */
#define MAKE_ROOM 64

/* At most so many frames are forgotten in one transaction, and at most so many dropped: three of the largest share a
 * page, so the log holds both in the space reserved for it. */
#define DELETE_MAX 512

/* How often what looks damaged is read, and what to wait between. */
#define READ_TRIES 3
#define AGAIN_NS   50000000

enum statement { BEGIN, COMMIT, ROLLBACK, INSERT, NEXT, FORGET, DROP, LEDGER, OLDEST, STATEMENTS };

static const char *const sql[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [INSERT] = "INSERT INTO frame (seq, rx, boot, since_boot, port, body, rssi) VALUES (?, ?, ?, ?, ?, ?, ?)",
    [NEXT] = "SELECT seq, rx, boot, since_boot, port, body, rssi FROM frame WHERE seq > ? ORDER BY seq LIMIT 1",
    [FORGET] = "DELETE FROM frame WHERE seq = ?",
    [DROP] = "DELETE FROM frame WHERE seq IN (SELECT seq FROM frame ORDER BY seq LIMIT ?)",
    [LEDGER] = "UPDATE ledger SET next_seq = ?, frames = ?",
    [OLDEST] = "SELECT rx FROM frame ORDER BY seq LIMIT 1",
};

struct selkie_spool {
    char *path;
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    struct selkie_spool_ledger ledger; /* in the open transaction */
    struct selkie_spool_ledger stored; /* on the disk */
    int64_t max_frames;
    int64_t instance;
    uint64_t dropped;
    uint64_t hiccups;
    uint64_t dropping; /* in the open transaction */
    size_t forgetting; /* in the open transaction */
    unsigned generation;
    bool damaged; /* the file must be renamed before a fresh one can be opened */
    bool failing; /* a failure is in the log, and no success since */
};

static void detach(struct selkie_spool *spool)
{
    for (int i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(spool->statements[i]);
        spool->statements[i] = NULL;
    }
    (void)sqlite3_close(spool->db);
    spool->db = NULL;
}

static int attach(struct selkie_spool *spool, char why[static SELKIE_SPOOL_WHY_MAX])
{
    bool other = spool->damaged || spool->generation == 0;

    if (spool->damaged && selkie_spool_file_replace(spool->path, why) < 0)
        return SELKIE_ESTORAGE;
    spool->damaged = false;
    int result = selkie_spool_file_open(spool->path, &spool->db, &spool->ledger, spool->instance, why);
    if (result < 0)
        return result;
    for (int i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(spool->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &spool->statements[i], NULL) !=
            SQLITE_OK) {
            (void)snprintf(why, SELKIE_SPOOL_WHY_MAX, "%s", sqlite3_errmsg(spool->db));
            detach(spool);
            return SELKIE_ESTORAGE;
        }
    spool->stored = spool->ledger;
    spool->generation += other || spool->ledger.replaced ? 1 : 0;
    return 0;
}

/* SELKIE_EENTROPY if the kernel has no random numbers. */
static int draw_instance(struct selkie_spool *spool)
{
    uint64_t random;

    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return SELKIE_EENTROPY;
    spool->instance = (int64_t)(random >> 11) | 1;
    return 0;
}

struct selkie_spool *selkie_spool_open(const char *path, int64_t max_frames)
{
    struct selkie_spool *spool = calloc(1, sizeof *spool);
    char why[SELKIE_SPOOL_WHY_MAX];

    if (!spool || !(spool->path = strdup(path)))
        (void)snprintf(why, sizeof why, "%s", selkie_error_text(SELKIE_ENOMEM));
    else if (draw_instance(spool) < 0)
        (void)snprintf(why, sizeof why, "%s", selkie_error_text(SELKIE_EENTROPY));
    else if (attach(spool, why) == 0) {
        spool->max_frames = max_frames;
        return spool;
    }
    selkie_log(LOG_ERR, "spool %s: %s", path, why);
    selkie_spool_close(spool);
    return NULL;
}

void selkie_spool_close(struct selkie_spool *spool)
{
    if (!spool)
        return;
    selkie_spool_sync(spool);
    detach(spool);
    free(spool->path);
    free(spool);
}

void selkie_spool_set_max(struct selkie_spool *spool, int64_t max_frames)
{
    spool->max_frames = max_frames;
}

/* Run a statement that returns no rows. SQLite's result. */
static int run(struct selkie_spool *spool, enum statement which)
{
    int result = sqlite3_step(spool->statements[which]);

    (void)sqlite3_reset(spool->statements[which]);
    return result == SQLITE_DONE ? SQLITE_OK : result;
}

static bool in_transaction(struct selkie_spool *spool)
{
    return spool->db && sqlite3_get_autocommit(spool->db) == 0;
}

static int begin(struct selkie_spool *spool)
{
    return in_transaction(spool) ? SQLITE_OK : run(spool, BEGIN);
}

/* SQLite rolls back by itself after some failures, but not after others. */
static void roll_back(struct selkie_spool *spool)
{
    if (in_transaction(spool))
        (void)run(spool, ROLLBACK);
    spool->ledger = spool->stored;
    spool->dropping = 0;
    spool->generation += spool->forgetting > 0 ? 1 : 0; /* what was forgotten is back */
    spool->forgetting = 0;
}

static int commit(struct selkie_spool *spool)
{
    (void)sqlite3_bind_int64(spool->statements[LEDGER], 1, spool->ledger.next_seq);
    (void)sqlite3_bind_int64(spool->statements[LEDGER], 2, spool->ledger.frames);
    int result = run(spool, LEDGER);
    if (result == SQLITE_OK)
        result = run(spool, COMMIT);
    if (result != SQLITE_OK)
        return result;
    spool->stored = spool->ledger;
    spool->dropped += spool->dropping;
    spool->dropping = 0;
    spool->forgetting = 0;
    return SQLITE_OK;
}

static void works_again(struct selkie_spool *spool)
{
    if (spool->failing)
        selkie_log(LOG_NOTICE, "spool %s: works again", spool->path);
    spool->failing = false;
}

static void complain(struct selkie_spool *spool, const char *doing, const char *why)
{
    if (!spool->failing)
        selkie_log(LOG_ERR, "spool %s: cannot %s: %s", spool->path, doing, why);
    spool->failing = true;
}

/* Replace a damaged file. */
static bool replace(struct selkie_spool *spool)
{
    char why[SELKIE_SPOOL_WHY_MAX];

    detach(spool);
    spool->damaged = true;
    spool->failing = attach(spool, why) < 0;
    if (spool->failing)
        selkie_log(LOG_ERR, "spool %s: %s; retrying, and nothing is stored until it works", spool->path, why);
    return !spool->failing;
}

/* Damage may be a hiccup of the disk: open the file again, and read what it says now. */
static bool reopen(struct selkie_spool *spool, const char *doing)
{
    const struct timespec pause = {.tv_nsec = AGAIN_NS};
    char why[SELKIE_SPOOL_WHY_MAX];

    detach(spool);
    (void)nanosleep(&pause, NULL);
    if (attach(spool, why) == 0)
        return true;
    complain(spool, doing, why);
    return false;
}

/* After a failure: true if the same may be tried again. `tries` is 0 before the first. */
static bool failed(struct selkie_spool *spool, int result, const char *doing, int *tries)
{
    bool damage = selkie_spool_file_is_damage(result);

    roll_back(spool);
    if (damage && ++*tries < READ_TRIES)
        return reopen(spool, doing);
    complain(spool, doing, sqlite3_errmsg(spool->db));
    return damage && *tries == READ_TRIES && replace(spool);
}

/* A card that must be read twice will not last long. */
static void succeeded(struct selkie_spool *spool, const char *doing, int tries)
{
    if (tries > 0 && tries < READ_TRIES && spool->hiccups++ % 1000 == 0)
        selkie_log(LOG_WARNING,
                   "spool %s: could %s only after reading again: the disk may be failing (%" PRIu64 " times so far)",
                   spool->path, doing, spool->hiccups);
}

/* Whether the file is open. If it could not be opened again after damage, try now, and log only a success. */
static bool ready(struct selkie_spool *spool)
{
    char why[SELKIE_SPOOL_WHY_MAX];

    if (spool->db)
        return true;
    if (attach(spool, why) < 0)
        return false;
    works_again(spool);
    return true;
}

static int drop_oldest(struct selkie_spool *spool, int64_t count, const char *why)
{
    (void)sqlite3_bind_int64(spool->statements[DROP], 1, count);
    int result = run(spool, DROP);
    int changes = sqlite3_changes(spool->db);

    if (result != SQLITE_OK || changes == 0)
        return result;
    /* Log the first frame and each thousandth, not each of a million. */
    if (spool->dropped == 0 || spool->dropped / 1000 != (spool->dropped + (uint64_t)changes) / 1000)
        selkie_log(LOG_WARNING, "spool %s: %s; dropping the oldest frames (%" PRIu64 " so far)", spool->path, why,
                   spool->dropped + (uint64_t)changes);
    spool->dropping += (uint64_t)changes;
    spool->ledger.frames -= changes;
    return SQLITE_OK;
}

static int insert(struct selkie_spool *spool, struct selkie_spool_frame *frame)
{
    sqlite3_stmt *statement = spool->statements[INSERT];

    frame->seq = spool->ledger.next_seq;
    (void)sqlite3_bind_int64(statement, 1, frame->seq);
    (void)sqlite3_bind_int64(statement, 2, frame->rx);
    (void)sqlite3_bind_int64(statement, 3, frame->boot);
    (void)sqlite3_bind_int64(statement, 4, frame->since_boot);
    (void)sqlite3_bind_text(statement, 5, frame->port, -1, SQLITE_STATIC);
    (void)sqlite3_bind_blob(statement, 6, frame->body, frame->len, SQLITE_STATIC);
    (void)sqlite3_bind_int(statement, 7, frame->rssi);
    int result = run(spool, INSERT);
    (void)sqlite3_clear_bindings(statement);
    if (result != SQLITE_OK)
        return result;
    spool->ledger.next_seq++;
    spool->ledger.frames++;
    return SQLITE_OK;
}

static int put_once(struct selkie_spool *spool, struct selkie_spool_frame *frames, size_t count, bool disk_full)
{
    int result = begin(spool);

    if (result == SQLITE_OK && disk_full)
        result = drop_oldest(spool, MAKE_ROOM, "the disk is full");
    for (size_t i = 0; i < count && result == SQLITE_OK; i++)
        result = insert(spool, &frames[i]);
    int64_t over = spool->ledger.frames - spool->max_frames;
    if (result == SQLITE_OK && over > 0)
        result = drop_oldest(spool, over < DELETE_MAX ? over : DELETE_MAX, "max_frames reached");
    if (result == SQLITE_OK)
        result = selkie_spool_file_reserve(spool->db);
    return result == SQLITE_OK ? commit(spool) : result;
}

int selkie_spool_put(struct selkie_spool *spool, struct selkie_spool_frame *frames, size_t count)
{
    static const char doing[] = "store a frame";
    bool disk_full = false, again = true;
    int tries = 0;

    while (again && ready(spool)) {
        int result = put_once(spool, frames, count, disk_full);
        if (result == SQLITE_OK) {
            succeeded(spool, doing, tries);
            works_again(spool);
            return 0;
        }
        again = (result & 0xFF) == SQLITE_FULL && !disk_full;
        if (again) {
            disk_full = true;
            roll_back(spool);
        } else {
            again = failed(spool, result, doing, &tries);
        }
    }
    return SELKIE_ESTORAGE;
}

static void copy_row(struct selkie_spool_frame *frame, sqlite3_stmt *row)
{
    const char *port = (const char *)sqlite3_column_text(row, 4);
    const void *body = sqlite3_column_blob(row, 5);
    int len = sqlite3_column_bytes(row, 5);

    frame->seq = sqlite3_column_int64(row, 0);
    frame->rx = sqlite3_column_int64(row, 1);
    frame->boot = sqlite3_column_int64(row, 2);
    frame->since_boot = sqlite3_column_int64(row, 3);
    frame->rssi = (int16_t)sqlite3_column_int(row, 6);
    strncpy(frame->port, port ? port : "", sizeof frame->port - 1);
    frame->port[sizeof frame->port - 1] = '\0';
    frame->len = len > (int)sizeof frame->body ? sizeof frame->body : (uint16_t)len;
    if (body)
        memcpy(frame->body, body, frame->len);
}

/* SQLite's result. */
static int read_one(struct selkie_spool *spool, int64_t after, struct selkie_spool_frame *frame)
{
    sqlite3_stmt *statement = spool->statements[NEXT];

    (void)sqlite3_bind_int64(statement, 1, after);
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        copy_row(frame, statement);
    (void)sqlite3_reset(statement);
    return result;
}

int selkie_spool_next(struct selkie_spool *spool, int64_t after, struct selkie_spool_frame *frame)
{
    static const char doing[] = "read a frame";
    int tries = 0;
    int result;

    do {
        if (!ready(spool))
            return SELKIE_ESTORAGE;
        result = read_one(spool, after, frame);
        if (result == SQLITE_ROW || result == SQLITE_DONE) {
            succeeded(spool, doing, tries);
            return result == SQLITE_ROW ? 0 : SELKIE_ENOTFOUND;
        }
    } while (failed(spool, result, doing, &tries));
    return SELKIE_ESTORAGE;
}

/* SQLite's result. */
static int forget_one(struct selkie_spool *spool, int64_t seq)
{
    int result = begin(spool);

    if (result != SQLITE_OK)
        return result;
    (void)sqlite3_bind_int64(spool->statements[FORGET], 1, seq);
    result = run(spool, FORGET);
    if (result != SQLITE_OK)
        return result;
    int changes = sqlite3_changes(spool->db);
    spool->forgetting += (size_t)changes;
    spool->ledger.frames -= changes;
    return spool->forgetting < DELETE_MAX ? SQLITE_OK : commit(spool);
}

size_t selkie_spool_forget(struct selkie_spool *spool, const int64_t *seqs, size_t count)
{
    int tries = 0;
    int result;

    do {
        if (!ready(spool))
            return 0;
        int64_t frames = spool->ledger.frames;
        result = SQLITE_OK;
        for (size_t i = 0; i < count && result == SQLITE_OK; i++)
            result = forget_one(spool, seqs[i]);
        if (result == SQLITE_OK)
            return (size_t)(frames - spool->ledger.frames);
    } while (failed(spool, result, "forget a frame", &tries));
    return 0;
}

void selkie_spool_sync(struct selkie_spool *spool)
{
    int tries = 0;

    if (!in_transaction(spool))
        return;
    int result = commit(spool);
    if (result != SQLITE_OK)
        (void)failed(spool, result, "forget a frame", &tries);
}

/* SQLite's result. */
static int read_oldest(struct selkie_spool *spool, int64_t *rx)
{
    int result = sqlite3_step(spool->statements[OLDEST]);

    if (result == SQLITE_ROW)
        *rx = sqlite3_column_int64(spool->statements[OLDEST], 0);
    (void)sqlite3_reset(spool->statements[OLDEST]);
    return result;
}

void selkie_spool_info(struct selkie_spool *spool, struct selkie_spool_info *info)
{
    int tries = 0;
    int result;

    *info = (struct selkie_spool_info){.dropped = spool->dropped};
    do {
        result = SQLITE_DONE;
        if (spool->ledger.frames > 0 && ready(spool))
            result = read_oldest(spool, &info->oldest_rx);
    } while (result != SQLITE_ROW && result != SQLITE_DONE && failed(spool, result, "read a frame", &tries));
    info->frames = spool->ledger.frames;
}

unsigned selkie_spool_generation(const struct selkie_spool *spool)
{
    return spool->generation;
}

int64_t selkie_spool_instance(const struct selkie_spool *spool)
{
    return spool->instance;
}

int64_t selkie_spool_count(const struct selkie_spool *spool)
{
    return spool->ledger.frames;
}
