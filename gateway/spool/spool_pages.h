/* SPDX-License-Identifier: Apache-2.0 */
/* The pages of a spool's files, read past SQLite: what it no longer opens, and what must not be changed by opening it.
 * The formats: https://www.sqlite.org/fileformat2.html, sections 1.3 (header) and 4 (write-ahead log).
 *
 * Never writes. Takes no lock, and its closing drops the locks that this process has on the file: only while the
 * database is closed. Blocks on the disk; one thread. */
#ifndef SELKIE_GATEWAY_SPOOL_PAGES_H
#define SELKIE_GATEWAY_SPOOL_PAGES_H

#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct selkie_spool_pages;

/* What the first page says of the whole file. */
struct selkie_spool_head {
    bool sqlite; /* there is a first page, and it is SQLite's; else the rest is 0 */
    bool made;   /* somebody has made a table in it */
    uint32_t application_id;
    uint32_t user_version;
};

/* Open the file and its log (PATH-wal), either of which may be missing. SELKIE_ENOMEM, or SELKIE_EIO (errno says why)
 * for a file that is there and cannot be opened. */
SELKIE_USE_RESULT int selkie_spool_pages_open(struct selkie_spool_pages **opened, const char *path);
void selkie_spool_pages_close(struct selkie_spool_pages *pages);

/* Whether the file is missing or has no bytes, and how many pages its log has. */
bool selkie_spool_pages_file_is_empty(const struct selkie_spool_pages *pages);
size_t selkie_spool_pages_in_log(const struct selkie_spool_pages *pages);

/* The highest number that a page can have, and the bytes of each. */
uint32_t selkie_spool_pages_count(const struct selkie_spool_pages *pages);
/* How many more the first page says that there are: the file was truncated. */
uint32_t selkie_spool_pages_missing(struct selkie_spool_pages *pages);
size_t selkie_spool_pages_size(const struct selkie_spool_pages *pages);

/* A page as it was last written: from the log, else from the file. Reads again what fails to be read. The page is
 * valid until the next call; NULL if it can be read from neither. */
const uint8_t *selkie_spool_pages_read(struct selkie_spool_pages *pages, uint32_t number);

struct selkie_spool_head selkie_spool_pages_head(struct selkie_spool_pages *pages);

#endif
