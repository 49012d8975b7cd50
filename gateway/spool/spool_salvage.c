/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/spool_salvage.h"

#include "log.h"
#include "spool/spool_pages.h"
#include "spool/spool_rows.h"
#include "spool/spool_sql.h"

#include <errno.h>
#include <inttypes.h>
#include <selkie/clock.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define BATCH    1024 /* frames in one transaction */
#define SEQ_GAP  (1 << 20)
#define PULSE_US 1000000
#define LOG_US   10000000
#define KEEPING  "WATCHDOG=1\nEXTEND_TIMEOUT_USEC=60000000"
#define PREPARE  "PRAGMA journal_mode = MEMORY; PRAGMA cache_size = -256;"

struct salvage {
    const char *name;
    struct selkie_spool_pages *pages;
    int64_t pulse_us; /* the last; monotonic clock */
    int64_t log_us;
    struct selkie_spool_sql sql;
    int64_t first;    /* seq of a spool without frames */
    int64_t highest;  /* seq */
    int64_t inserted; /* in this transaction and before */
    int in_batch;
    struct selkie_spool_frame frame;
    struct selkie_spool_salvaged *found;
};

static int begin(struct salvage *salvage)
{
    salvage->in_batch = 0;
    salvage->inserted = salvage->found->frames;
    return selkie_spool_sql_begin(&salvage->sql);
}

static int commit(struct salvage *salvage)
{
    int result = selkie_spool_sql_commit(
        &salvage->sql, salvage->inserted > 0 ? salvage->highest + SEQ_GAP : salvage->first, salvage->inserted);

    if (result == SQLITE_OK)
        salvage->found->frames = salvage->inserted;
    return result;
}

/* Twice the same seq: a page that was moved, and the place where it was. */
static int insert(struct salvage *salvage)
{
    const struct selkie_spool_frame *frame = &salvage->frame;
    int result = selkie_spool_sql_insert(&salvage->sql, frame);

    if ((result & 0xFF) == SQLITE_CONSTRAINT)
        return SQLITE_OK;
    if (result != SQLITE_OK)
        return result;
    salvage->inserted++;
    if (frame->seq > salvage->highest)
        salvage->highest = frame->seq;
    if (++salvage->in_batch < BATCH)
        return SQLITE_OK;
    result = commit(salvage);
    return result == SQLITE_OK ? begin(salvage) : result;
}

/* The first byte of a page: of the file, of an index, of a table, or of a free one. */
static bool is_page(const uint8_t *page, uint32_t number)
{
    return number == 1 ? memcmp(page, "SQLite format 3", 16) == 0
                       : page[0] == 0x0D || page[0] == 0x05 || page[0] == 0x0A || page[0] == 0x02 || page[0] == 0;
}

static int take_page(struct salvage *salvage, uint32_t number)
{
    const uint8_t *page = selkie_spool_pages_read(salvage->pages, number);
    size_t size = selkie_spool_pages_size(salvage->pages);
    int result = SQLITE_OK;

    if (!page || !is_page(page, number)) {
        salvage->found->pages_bad++;
        return SQLITE_OK;
    }
    if (number == 1)
        return SQLITE_OK;
    for (size_t i = 0; i < selkie_spool_rows_count(page, size) && result == SQLITE_OK; i++)
        if (selkie_spool_rows_frame(page, size, i, &salvage->frame) == 0)
            result = insert(salvage);
    return result;
}

static bool asked_to_end(void)
{
    sigset_t pending;

    return sigpending(&pending) == 0 && (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

/* Between two pages: a card may take its time for each. */
static void pulse(struct salvage *salvage, uint32_t number, uint32_t count)
{
    int64_t now_us = selkie_clock_monotonic_us();
    unsigned percent = (unsigned)((uint64_t)number * 100 / count);

    if (now_us - salvage->pulse_us < PULSE_US)
        return;
    salvage->pulse_us = now_us;
    (void)sd_notifyf(0, KEEPING "\nSTATUS=the spool is damaged; taking over its frames: %u %%", percent);
    if (now_us - salvage->log_us < LOG_US)
        return;
    salvage->log_us = now_us;
    selkie_log(LOG_WARNING,
               "spool %s: damaged; taking over its frames: page %" PRIu32 " of %" PRIu32 " (%u %%), %" PRId64
               " frames so far; the radio waits",
               salvage->name, number, count, percent, salvage->inserted);
}

/* SQLite's result. On a full disk what was taken over until then stays. */
static int take_all(struct salvage *salvage)
{
    uint32_t count = selkie_spool_pages_count(salvage->pages);
    int result = begin(salvage);

    salvage->found->pages_bad = selkie_spool_pages_missing(salvage->pages);
    salvage->pulse_us = salvage->log_us = selkie_clock_monotonic_us();
    for (uint32_t number = 1; number <= count && result == SQLITE_OK; number++) {
        result = take_page(salvage, number);
        pulse(salvage, number, count);
        if (number < count && asked_to_end()) {
            selkie_log(LOG_WARNING,
                       "spool %s: damaged; taking over its frames was stopped at page %" PRIu32 " of %" PRIu32
                       "; the next start begins it again, and nothing is lost",
                       salvage->name, number, count);
            return SQLITE_INTERRUPT;
        }
    }
    if (result == SQLITE_OK)
        result = commit(salvage);
    if ((result & 0xFF) != SQLITE_FULL)
        return result;
    salvage->found->full = true;
    selkie_spool_sql_roll_back(&salvage->sql);
    return SQLITE_OK;
}

static int prepare(struct salvage *salvage, const char *into, int (*create)(sqlite3 *db, int64_t *first))
{
    int result =
        sqlite3_open_v2(into, &salvage->sql.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

    if (result == SQLITE_OK)
        result = sqlite3_exec(salvage->sql.db, PREPARE, NULL, NULL, NULL);
    if (result == SQLITE_OK)
        result = create(salvage->sql.db, &salvage->first);
    return result == SQLITE_OK ? selkie_spool_sql_prepare(&salvage->sql) : result;
}

int selkie_spool_salvage(const char *name, const char *from, const char *into,
                         int (*create)(sqlite3 *db, int64_t *first), struct selkie_spool_salvaged *found, char *why,
                         size_t why_size)
{
    struct salvage salvage = {.name = name, .found = found};

    *found = (struct selkie_spool_salvaged){.frames = 0};
    if (truncate(into, 0) != 0) {
        (void)snprintf(why, why_size, "%s: %s", into, strerror(errno));
        return SELKIE_ESTORAGE;
    }
    if (selkie_spool_pages_open(&salvage.pages, from) < 0) {
        (void)snprintf(why, why_size, "%s: %s", from, strerror(errno));
        return SELKIE_ESTORAGE;
    }
    int result = prepare(&salvage, into, create);
    if (result == SQLITE_OK)
        result = take_all(&salvage);
    if (result == SQLITE_INTERRUPT) {
        (void)snprintf(why, why_size, "damaged; the next start takes over its frames");
    } else if (result != SQLITE_OK) {
        int len = snprintf(why, why_size, "%s: ", into);
        if (len > 0 && (size_t)len < why_size)
            selkie_spool_sql_reason(salvage.sql.db, why + len, why_size - (size_t)len);
    }
    selkie_spool_sql_close(&salvage.sql);
    selkie_spool_pages_close(salvage.pages);
    return result == SQLITE_OK ? 0 : result == SQLITE_INTERRUPT ? SELKIE_ENOTREADY : SELKIE_ESTORAGE;
}
