/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/spool_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAGE_DEFAULT 4096
#define PAGE_MIN     512
#define PAGE_MAX     65536
#define LOG_HEAD     32
#define FRAME_HEAD   24
#define READ_TRIES   3
#define AGAIN_NS     20000000

struct selkie_spool_pages {
    int file; /* -1: missing */
    int log;
    size_t size;
    uint64_t file_bytes, log_bytes;
    uint32_t count;
    uint32_t *in_log;  /* for each page the frame of the log that has it last, from 1; 0: none */
    size_t log_frames; /* that count */
    uint8_t page[PAGE_MAX];
};

static uint32_t get32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static size_t get_size(uint32_t size)
{
    return size >= PAGE_MIN && size <= PAGE_MAX && (size & (size - 1)) == 0 ? size : 0;
}

/* A disk that has hiccups often reads a block the second time. */
static bool read_at(int fd, uint8_t *bytes, size_t len, uint64_t at)
{
    const struct timespec pause = {.tv_nsec = AGAIN_NS};
    ssize_t got = -1;

    for (int i = 0; fd >= 0 && i < READ_TRIES && got < 0; i++) {
        got = pread(fd, bytes, len, (off_t)at);
        if (got < 0 && i + 1 < READ_TRIES)
            (void)nanosleep(&pause, NULL);
    }
    return got == (ssize_t)len;
}

/* Returns 0 also for a file that is missing. */
static int open_file(const char *path, int *fd, uint64_t *bytes)
{
    struct stat status;

    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0)
        return errno == ENOENT ? 0 : SELKIE_EIO;
    if (fstat(*fd, &status) != 0)
        return SELKIE_EIO;
    *bytes = (uint64_t)status.st_size;
    return 0;
}

static uint64_t frame_at(const struct selkie_spool_pages *pages, size_t frame)
{
    return LOG_HEAD + (uint64_t)frame * (FRAME_HEAD + pages->size);
}

/* The size of a page, as the file or its log says. */
static void find_size(struct selkie_spool_pages *pages)
{
    uint8_t head[LOG_HEAD];
    size_t size = 0;

    if (read_at(pages->file, head, sizeof head, 0) && memcmp(head, "SQLite format 3", 16) == 0)
        size = get_size(head[16] == 0 && head[17] == 1 ? PAGE_MAX : (uint32_t)head[16] << 8 | head[17]);
    if (size == 0 && read_at(pages->log, head, sizeof head, 0))
        size = get_size(get32(head + 8));
    pages->size = size > 0 ? size : PAGE_DEFAULT;
}

/* The frames of the log that count carry the salt of its head. They are not held against their checksums: a page that
 * is half written has rows all the same, and whether a row is a frame is for the broker's plugin to say. If the head
 * cannot be read, the first frame has the salt too. */
static void read_log(struct selkie_spool_pages *pages, size_t frames, uint32_t in_file)
{
    uint32_t highest = 0;
    uint8_t head[LOG_HEAD], salt[8];
    bool known = read_at(pages->log, head, sizeof head, 0);

    if (known)
        memcpy(salt, head + 16, sizeof salt);
    for (size_t i = 0; i < frames; i++) {
        if (!read_at(pages->log, head, FRAME_HEAD, frame_at(pages, i)))
            continue;
        if (!known)
            memcpy(salt, head + 8, sizeof salt);
        known = true;
        if (memcmp(salt, head + 8, sizeof salt) != 0)
            break;
        uint32_t number = get32(head);
        if (number == 0 || number > pages->count)
            continue;
        pages->in_log[number] = (uint32_t)i + 1;
        pages->log_frames++;
        if (number > highest)
            highest = number;
    }
    pages->count = highest > in_file ? highest : in_file;
}

static int open_both(struct selkie_spool_pages *pages, const char *path)
{
    char log[PATH_MAX];
    int result = open_file(path, &pages->file, &pages->file_bytes);

    (void)snprintf(log, sizeof log, "%s-wal", path);
    if (result == 0)
        result = open_file(log, &pages->log, &pages->log_bytes);
    if (result < 0)
        return result;
    find_size(pages);
    size_t frames = pages->log_bytes < LOG_HEAD ? 0 : (pages->log_bytes - LOG_HEAD) / (FRAME_HEAD + pages->size);
    uint64_t in_file = pages->file_bytes / pages->size;
    if (in_file > INT32_MAX)
        in_file = INT32_MAX;
    pages->count = (uint32_t)(in_file + frames);
    pages->in_log = calloc(pages->count + 1, sizeof *pages->in_log);
    if (!pages->in_log)
        return SELKIE_ENOMEM;
    read_log(pages, frames, (uint32_t)in_file);
    return 0;
}

int selkie_spool_pages_open(struct selkie_spool_pages **opened, const char *path)
{
    struct selkie_spool_pages *pages = calloc(1, sizeof *pages);

    *opened = NULL;
    if (!pages)
        return SELKIE_ENOMEM;
    pages->file = pages->log = -1;
    int result = open_both(pages, path);
    if (result < 0) {
        int error = errno;
        selkie_spool_pages_close(pages);
        errno = error;
        return result;
    }
    *opened = pages;
    return 0;
}

void selkie_spool_pages_close(struct selkie_spool_pages *pages)
{
    if (!pages)
        return;
    if (pages->file >= 0)
        (void)close(pages->file);
    if (pages->log >= 0)
        (void)close(pages->log);
    free(pages->in_log);
    free(pages);
}

bool selkie_spool_pages_file_is_empty(const struct selkie_spool_pages *pages)
{
    return pages->file_bytes == 0;
}

size_t selkie_spool_pages_in_log(const struct selkie_spool_pages *pages)
{
    return pages->log_frames;
}

uint32_t selkie_spool_pages_count(const struct selkie_spool_pages *pages)
{
    return pages->count;
}

size_t selkie_spool_pages_size(const struct selkie_spool_pages *pages)
{
    return pages->size;
}

const uint8_t *selkie_spool_pages_read(struct selkie_spool_pages *pages, uint32_t number)
{
    if (number == 0 || number > pages->count)
        return NULL;
    uint32_t frame = pages->in_log[number];
    if (frame > 0 && read_at(pages->log, pages->page, pages->size, frame_at(pages, frame - 1) + FRAME_HEAD))
        return pages->page;
    return read_at(pages->file, pages->page, pages->size, (uint64_t)(number - 1) * pages->size) ? pages->page : NULL;
}

struct selkie_spool_head selkie_spool_pages_head(struct selkie_spool_pages *pages)
{
    const uint8_t *page = selkie_spool_pages_read(pages, 1);

    if (!page || memcmp(page, "SQLite format 3", 16) != 0)
        return (struct selkie_spool_head){.sqlite = false};
    return (struct selkie_spool_head){
        .sqlite = true,
        .made = get32(page + 40) != 0,
        .application_id = get32(page + 68),
        .user_version = get32(page + 60),
    };
}

/* The count in the first page is good if it was written together with the change counter. */
uint32_t selkie_spool_pages_missing(struct selkie_spool_pages *pages)
{
    const uint8_t *page = selkie_spool_pages_read(pages, 1);

    if (!page || memcmp(page, "SQLite format 3", 16) != 0 || get32(page + 24) != get32(page + 92))
        return 0;
    return get32(page + 28) > pages->count ? get32(page + 28) - pages->count : 0;
}
