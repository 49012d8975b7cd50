/* SPDX-License-Identifier: Apache-2.0 */
#include "shown/shown_file.h"

#include "log_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#define FILE_NAME "shown"
#define WHAT      "selkie-shown" /* with the version it is the first line */
#define VERSION   1
#define FILE_MAX  (1024L * 1024 * 1024)
#define LINE_SIZE ((size_t)1024 * 1024) /* of any line, with a NUL: a model's fields are a quarter of that at most */
#define GROWTH    (8L * 1024 * 1024)    /* bytes appended after which the file is written anew */
#define LOOK_US   1000000
#define RETRY_US  60000000

#define REASON_SIZE 200

static void reject(char reason[static REASON_SIZE], const char *format, ...) __attribute__((format(printf, 2, 3)));
static void reject(char reason[static REASON_SIZE], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(reason, REASON_SIZE, format, arguments);
    va_end(arguments);
}

/* Nobody waits for what is no file, and no link leads elsewhere. NULL with `reason` set, or "" if there is none. */
static FILE *open_old(const char *path, char reason[static REASON_SIZE])
{
    int descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status;
    FILE *file = NULL;

    if (descriptor < 0) {
        if (errno != ENOENT)
            reject(reason, "%s", strerror(errno));
        return NULL;
    }
    if (fstat(descriptor, &status) < 0)
        reject(reason, "%s", strerror(errno));
    else if (!S_ISREG(status.st_mode))
        reject(reason, "is not a regular file");
    else if (status.st_size > FILE_MAX)
        reject(reason, "has %lld bytes; at most %ld", (long long)status.st_size, FILE_MAX);
    else if (!(file = fdopen(descriptor, "r")))
        reject(reason, "%s", strerror(errno));
    if (!file)
        (void)close(descriptor);
    return file;
}

/* Returns false at the end. A line that is too long or has a NUL becomes "", which is no JSON. */
static bool next_line(FILE *file, char line[static LINE_SIZE], bool *cut)
{
    size_t len = 0;
    int byte;
    bool wrong = false;

    while ((byte = getc_unlocked(file)) != EOF && byte != '\n') {
        wrong |= byte == '\0' || len == LINE_SIZE - 1;
        if (!wrong)
            line[len++] = (char)byte;
    }
    line[wrong ? 0 : len] = '\0';
    *cut = byte == EOF && !wrong;
    return byte != EOF || len > 0 || wrong;
}

static bool is_first_line(const json_t *line)
{
    const char *what = json_string_value(json_array_get(line, 0));

    return what && strcmp(what, WHAT) == 0 && json_integer_value(json_array_get(line, 1)) == VERSION;
}

/* While it is read. */
struct reading {
    FILE *file;
    char *line; /* LINE_SIZE */
    size_t number, damaged, first;
    int (*take)(void *context, const json_t *line, size_t number);
    void *context;
};

/* 0 at the end, 1, SELKIE_ENOMEM; SELKIE_EMALFORMED: of another version. */
static int read_line(struct reading *reading)
{
    bool cut;

    if (!next_line(reading->file, reading->line, &cut))
        return reading->number > 0 ? 0 : SELKIE_EMALFORMED;
    json_t *line = json_loads(reading->line, 0, NULL);
    reading->number++;
    if (reading->number == 1) {
        int result = is_first_line(line) ? 1 : SELKIE_EMALFORMED;
        json_decref(line);
        return result;
    }
    int result = line ? reading->take(reading->context, line, reading->number) : SELKIE_EMALFORMED;
    json_decref(line);
    if (result == SELKIE_EMALFORMED && !cut && reading->damaged++ == 0)
        reading->first = reading->number;
    return result == SELKIE_ENOMEM ? result : 1;
}

static int read_lines(struct reading *reading, char reason[static REASON_SIZE])
{
    int result;

    while ((result = read_line(reading)) > 0)
        continue;
    if (ferror(reading->file))
        reject(reason, "%s", strerror(errno));
    else if (result == SELKIE_EMALFORMED)
        reject(reason, "is of another version, or damaged");
    else if (reading->damaged > 0)
        reject(reason, "%zu lines are damaged; the first is line %zu", reading->damaged, reading->first);
    return result == SELKIE_ENOMEM ? result : 0;
}

static bool set_aside(struct selkie_shown_file *file)
{
    file->unread = file->unread && rename(file->path, file->damaged_path) < 0 && errno != ENOENT;
    return !file->unread;
}

static int name_files(struct selkie_shown_file *file, const char *dir)
{
    if (snprintf(file->path, PATH_MAX, "%s/" FILE_NAME, dir) < PATH_MAX &&
        snprintf(file->new_path, PATH_MAX, "%s/" FILE_NAME ".new", dir) < PATH_MAX &&
        snprintf(file->damaged_path, PATH_MAX, "%s/" FILE_NAME ".damaged", dir) < PATH_MAX)
        return 0;
    file->path[0] = '\0';
    selkie_plugin_log(LOG_ERR, "%s: the path is too long, so what devices were shown is not kept", dir);
    return SELKIE_EINVAL;
}

int selkie_shown_file_read(struct selkie_shown_file *file, const char *dir,
                           int (*take)(void *context, const json_t *line, size_t number), void *context)
{
    char reason[REASON_SIZE] = "";
    struct reading reading = {.take = take, .context = context};

    if (name_files(file, dir) < 0)
        return SELKIE_SHOWN_DAMAGED;
    reading.file = open_old(file->path, reason);
    if (!reading.file && !reason[0])
        return SELKIE_SHOWN_MISSING;
    int result = 0;
    if (reading.file) {
        reading.line = malloc(LINE_SIZE);
        result = reading.line ? read_lines(&reading, reason) : SELKIE_ENOMEM;
        free(reading.line);
        (void)fclose(reading.file);
    }
    if (result < 0 || !reason[0])
        return result < 0 ? result : SELKIE_SHOWN_READ;
    file->unread = true;
    selkie_plugin_log(LOG_ERR, "%s: %s; it is %s. Retained values of all devices are cleared until their next reading",
                      file->path, reason, set_aside(file) ? "kept as " FILE_NAME ".damaged" : "left as it is");
    return SELKIE_SHOWN_DAMAGED;
}

static void fail(struct selkie_shown_file *file, const char *path)
{
    if (!file->failed)
        selkie_plugin_log(LOG_ERR,
                          "%s: %s; this is tried again each minute. Until then, what is over may stay visible "
                          "after a restart",
                          path, strerror(errno));
    file->failed = true;
}

/* What lacks a change must not be believed after the next start. */
static void give_up(struct selkie_shown_file *file, const char *path)
{
    fail(file, path);
    if (file->file)
        (void)fclose(file->file);
    file->file = NULL;
    if (!file->unread)
        (void)unlink(file->path);
}

bool selkie_shown_file_begin(struct selkie_shown_file *file)
{
    if (!file->path[0])
        return false;
    int descriptor = -1;
    if (set_aside(file) && (unlink(file->new_path) == 0 || errno == ENOENT))
        descriptor = open(file->new_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    file->fresh = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    if (!file->fresh) {
        const char *path = file->unread ? file->path : file->new_path;
        if (file->file)
            fail(file, path); /* all changes are in it until now */
        else
            give_up(file, path);
        if (descriptor >= 0)
            (void)close(descriptor);
        return false;
    }
    file->appended += fprintf(file->fresh, "[\"" WHAT "\",%d]\n", VERSION);
    return true;
}

void selkie_shown_file_end(struct selkie_shown_file *file, bool durable)
{
    FILE *fresh = file->fresh;

    file->fresh = NULL;
    bool lost = ferror(fresh) != 0; /* of an earlier write: errno is not its any more */
    if (lost)
        errno = EIO;
    if (lost || fflush(fresh) != 0 || (durable && fsync(fileno(fresh)) < 0) || rename(file->new_path, file->path) < 0) {
        give_up(file, file->new_path); /* texts have other numbers now */
        (void)fclose(fresh);
        (void)unlink(file->new_path);
        return;
    }
    if (file->file)
        (void)fclose(file->file);
    file->file = fresh; /* what follows is appended to it */
    file->appended = 0;
    file->next_us = 0;
    if (file->failed)
        selkie_plugin_log(LOG_NOTICE, "%s: is written again", file->path);
    file->failed = false;
}

static FILE *target(const struct selkie_shown_file *file)
{
    return file->fresh ? file->fresh : file->file;
}

/* Only numbers and hex digits in it, so it needs no escapes: there are hundreds of thousands at a start. */
void selkie_shown_file_put_change(struct selkie_shown_file *file, const char *what,
                                  const uint8_t address[static SELKIE_ADDRESS_SIZE], int kind, unsigned number)
{
    char hex[SELKIE_ADDRESS_TEXT_SIZE];

    if (!target(file))
        return;
    selkie_address_format(hex, address);
    file->appended += fprintf(target(file), "[\"%s\",\"%s\",%d,%u]\n", what, hex, kind, number);
}

/* Without memory the file lacks the text, so that what names it is damaged at the next start. */
void selkie_shown_file_put_text(struct selkie_shown_file *file, unsigned number, const char *text)
{
    if (!target(file))
        return;
    json_t *line = json_pack("[s, i, s]", "text", (int)number, text);
    char *dumped = line ? json_dumps(line, JSON_COMPACT) : NULL;
    json_decref(line);
    if (dumped)
        file->appended += fprintf(target(file), "%s\n", dumped);
    free(dumped);
}

void selkie_shown_file_put_doubt(struct selkie_shown_file *file, bool doubted)
{
    if (target(file))
        file->appended += fprintf(target(file), "[\"doubt\",%d]\n", doubted);
}

void selkie_shown_file_flush(struct selkie_shown_file *file)
{
    if (file->file && (ferror(file->file) || fflush(file->file) != 0))
        give_up(file, file->path);
}

/* SQLite's files are compared the same way (registry_place.c): what is written into a file that was removed is lost. */
static bool is_there(const struct selkie_shown_file *file)
{
    struct stat open_one, there;

    return fstat(fileno(file->file), &open_one) == 0 && lstat(file->path, &there) == 0 &&
           open_one.st_dev == there.st_dev && open_one.st_ino == there.st_ino;
}

bool selkie_shown_file_is_due(struct selkie_shown_file *file, int64_t now_us)
{
    if (!file->path[0] || now_us < file->next_us)
        return false;
    bool due = file->failed || !file->file || file->appended >= GROWTH || !is_there(file);
    file->next_us = now_us + (due ? RETRY_US : LOOK_US);
    return due;
}

void selkie_shown_file_close(struct selkie_shown_file *file)
{
    if (file->file)
        (void)fclose(file->file);
    file->file = NULL;
}
