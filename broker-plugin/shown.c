/* SPDX-License-Identifier: Apache-2.0 */
#include "shown.h"

#include "log_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#define FILE_NAME "shown"
#define GROWTH    (8L * 1024 * 1024) /* bytes appended after which the file is written anew */
#define RETRY_US  60000000

struct selkie_shown {
    char path[PATH_MAX], new_path[PATH_MAX]; /* "" = nothing is kept */
    FILE *file;                              /* NULL = it cannot be written */
    long appended;
    int64_t retry_us;
    bool settled; /* the broker has had a turn since the last change */
    unsigned gone;
    struct selkie_shown_text *texts;
    struct selkie_shown_device *devices;
    const struct selkie_models *models;
    bool models_missing;
};

static void give_up(struct selkie_shown *shown, const char *path)
{
    selkie_plugin_log(LOG_ERR, "%s: %s; what is over may stay visible after a restart", path, strerror(errno));
    if (shown->file)
        (void)fclose(shown->file);
    shown->file = NULL;
}

/* Only numbers and hex digits in it, so it needs no escapes: there are hundreds of thousands at a start. */
static void append_change(struct selkie_shown *shown, FILE *file, const char *what, const uint8_t *address, int kind,
                          unsigned number)
{
    char hex[SELKIE_ADDRESS_TEXT_SIZE];

    selkie_address_format(hex, address);
    shown->appended += fprintf(file, "[\"%s\",\"%s\",%d,%u]\n", what, hex, kind, number);
}

static void append_device(struct selkie_shown *shown, FILE *file, const uint8_t *address, int kind,
                          const struct selkie_shown_text *text)
{
    append_change(shown, file, "device", address, kind, text ? text->number : 0);
}

static void append_text(struct selkie_shown *shown, FILE *file, const struct selkie_shown_text *text)
{
    json_t *line = json_pack("[s, i, s]", "text", (int)text->number, text->text);
    char *dumped = line ? json_dumps(line, JSON_COMPACT) : NULL;

    json_decref(line);
    if (dumped)
        shown->appended += fprintf(file, "%s\n", dumped);
    free(dumped);
}

static bool has_anything(const struct selkie_shown_device *device)
{
    for (int kind = 0; kind < SELKIE_SHOWN_KINDS; kind++)
        if (device->of[kind].now || device->of[kind].former[0])
            return true;
    return false;
}

static bool is_shown(const struct selkie_shown_device *device)
{
    return device->of[SELKIE_SHOWN_VALUES].now || device->of[SELKIE_SHOWN_HOME].now;
}

/* Former ones first, so that reading makes the same of it. */
static void write_device(struct selkie_shown *shown, FILE *file, const struct selkie_shown_device *device)
{
    for (int kind = 0; kind < SELKIE_SHOWN_KINDS; kind++) {
        const struct selkie_shown_record *of = &device->of[kind];
        for (int i = SELKIE_SHOWN_FORMER_MAX - 1; i >= 0; i--)
            if (of->former[i])
                append_device(shown, file, device->address, kind, of->former[i]);
        if (of->former[0]) /* it may be former and shown again */
            append_device(shown, file, device->address, kind, NULL);
        if (of->now)
            append_device(shown, file, device->address, kind, of->now);
    }
}

static void mark(const struct selkie_shown_text *text)
{
    if (text)
        ((struct selkie_shown_text *)text)->used = true; /* all are of shown->texts */
}

/* Free the texts that no device has, and number the others. */
static void tidy_texts(struct selkie_shown *shown)
{
    struct selkie_shown_text *text, *next;
    unsigned number = 0;

    for (struct selkie_shown_device *device = shown->devices; device; device = device->hh.next)
        for (int kind = 0; kind < SELKIE_SHOWN_KINDS; kind++) {
            mark(device->of[kind].now);
            for (unsigned i = 0; i < SELKIE_SHOWN_FORMER_MAX; i++)
                mark(device->of[kind].former[i]);
        }
    HASH_ITER (hh, shown->texts, text, next) {
        if (text->used) {
            text->number = ++number;
            text->used = false;
            continue;
        }
        HASH_DEL(shown->texts, text);
        free(text);
    }
}

static void write_anew(struct selkie_shown *shown)
{
    if (!shown->path[0])
        return;
    tidy_texts(shown);
    int descriptor = open(shown->new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");

    if (!file) {
        give_up(shown, shown->new_path);
        if (descriptor >= 0)
            (void)close(descriptor);
        return;
    }
    for (struct selkie_shown_text *text = shown->texts; text; text = text->hh.next)
        append_text(shown, file, text);
    for (struct selkie_shown_device *device = shown->devices; device; device = device->hh.next)
        write_device(shown, file, device);
    if (fflush(file) != 0 || ferror(file) || fsync(descriptor) < 0 || rename(shown->new_path, shown->path) < 0) {
        give_up(shown, shown->new_path);
        (void)fclose(file);
        return;
    }
    if (shown->file)
        (void)fclose(shown->file);
    shown->file = file; /* what follows is appended to it */
    shown->appended = 0;
}

void selkie_shown_flush(struct selkie_shown *shown)
{
    if (shown->file && (fflush(shown->file) != 0 || ferror(shown->file)))
        give_up(shown, shown->path);
}

static struct selkie_shown_text *intern(struct selkie_shown *shown, const char *text, unsigned number)
{
    struct selkie_shown_text *found;
    size_t len = strlen(text);

    HASH_FIND(hh, shown->texts, text, len, found);
    if (found || !(found = calloc(1, sizeof *found + len + 1)))
        return found;
    memcpy(found->text, text, len);
    found->number = number;
    HASH_ADD_KEYPTR(hh, shown->texts, found->text, len, found);
    return found;
}

static struct selkie_shown_device *add(struct selkie_shown *shown, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    struct selkie_shown_device *device = calloc(1, sizeof *device);

    if (!device)
        return NULL;
    memcpy(device->address, address, SELKIE_ADDRESS_SIZE);
    HASH_ADD(hh, shown->devices, address, SELKIE_ADDRESS_SIZE, device);
    shown->gone++;
    return device;
}

struct selkie_shown_device *selkie_shown_first(const struct selkie_shown *shown)
{
    return shown->devices;
}

struct selkie_shown_device *selkie_shown_find(const struct selkie_shown *shown,
                                              const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    struct selkie_shown_device *device;

    HASH_FIND(hh, shown->devices, address, SELKIE_ADDRESS_SIZE, device);
    return device;
}

/* What was shown is former now; it is the first, and once in the list. */
static void add_former(struct selkie_shown_record *of, const struct selkie_shown_text *text)
{
    unsigned place = 0;

    while (place < SELKIE_SHOWN_FORMER_MAX - 1 && of->former[place] && of->former[place] != text)
        place++;
    for (; place > 0; place--) {
        of->former[place] = of->former[place - 1];
        of->told[place] = of->told[place - 1];
    }
    of->former[0] = text;
    of->told[0] = false;
}

static void change(struct selkie_shown *shown, struct selkie_shown_device *device, int kind,
                   const struct selkie_shown_text *text)
{
    struct selkie_shown_record *of = &device->of[kind];
    bool was_shown = is_shown(device);

    if (of->now)
        add_former(of, of->now);
    of->now = text;
    shown->gone += (unsigned)was_shown - (unsigned)is_shown(device);
}

static void drop_former(struct selkie_shown_record *of, unsigned place)
{
    for (; place + 1 < SELKIE_SHOWN_FORMER_MAX; place++) {
        of->former[place] = of->former[place + 1];
        of->told[place] = of->told[place + 1];
    }
    of->former[SELKIE_SHOWN_FORMER_MAX - 1] = NULL;
}

int selkie_shown_set(struct selkie_shown *shown, enum selkie_shown_kind kind,
                     const uint8_t address[static SELKIE_ADDRESS_SIZE], const char *text)
{
    struct selkie_shown_device *device = selkie_shown_find(shown, address);
    unsigned texts = HASH_COUNT(shown->texts);

    if (device &&
        (text ? device->of[kind].now && strcmp(device->of[kind].now->text, text) == 0 : !device->of[kind].now))
        return 0;
    if (!device && (!text || !(device = add(shown, address))))
        return text ? SELKIE_ENOMEM : 0;
    struct selkie_shown_text *kept = text ? intern(shown, text, texts + 1) : NULL;
    if (text && !kept)
        return SELKIE_ENOMEM;
    change(shown, device, (int)kind, kept);
    shown->settled = false;
    if (shown->file && kept && HASH_COUNT(shown->texts) > texts)
        append_text(shown, shown->file, kept);
    if (shown->file)
        append_device(shown, shown->file, address, (int)kind, kept);
    return 0;
}

void selkie_shown_forget(struct selkie_shown *shown, struct selkie_shown_device *device, enum selkie_shown_kind kind,
                         unsigned place)
{
    struct selkie_shown_record *of = &device->of[kind];

    if (shown->file)
        append_change(shown, shown->file, "sure", device->address, (int)kind, of->former[place]->number);
    drop_former(of, place);
}

bool selkie_shown_is_owed(const struct selkie_shown_device *device, enum selkie_shown_kind kind)
{
    const struct selkie_shown_record *of = &device->of[kind];

    for (unsigned i = 0; i < SELKIE_SHOWN_FORMER_MAX && of->former[i]; i++)
        if (!of->told[i])
            return true;
    return false;
}

void selkie_shown_tell(struct selkie_shown_device *device, enum selkie_shown_kind kind)
{
    for (unsigned i = 0; i < SELKIE_SHOWN_FORMER_MAX; i++)
        device->of[kind].told[i] = true;
}

bool selkie_shown_begins(const struct selkie_shown_text *text, const char *line)
{
    size_t len = strlen(line);

    return text && strncmp(text->text, line, len) == 0 && text->text[len] == '\n';
}

bool selkie_shown_has_line(const struct selkie_shown *shown, const char *line)
{
    for (const struct selkie_shown_text *text = shown->texts; text; text = text->hh.next)
        if (selkie_shown_begins(text, line))
            return true;
    return false;
}

void selkie_shown_set_models(struct selkie_shown *shown, const struct selkie_models *models, bool missing)
{
    shown->models = models;
    shown->models_missing = missing;
}

bool selkie_shown_misses_models(const struct selkie_shown *shown)
{
    return shown->models_missing;
}

bool selkie_shown_is_unjudged(const struct selkie_shown *shown, const struct selkie_shown_device *device)
{
    char name[SELKIE_MODEL_NAME_MAX + 1];

    if (!shown->models_missing || !device || !device->of[SELKIE_SHOWN_VALUES].now)
        return false;
    (void)snprintf(name, sizeof name, "%s", device->of[SELKIE_SHOWN_VALUES].now->text);
    name[strcspn(name, "\n")] = '\0';
    return !shown->models || !selkie_models_named(shown->models, name);
}

static const struct selkie_shown_text *numbered(struct selkie_shown_text *const *texts, size_t count, json_int_t number)
{
    return number > 0 && (size_t)number <= count ? texts[number - 1] : NULL;
}

/* While the file is read. */
struct reading {
    struct selkie_shown *shown;
    struct selkie_shown_text **texts; /* by their numbers in the file, from 1 */
    size_t count;
};

static int read_text(struct reading *reading, const json_t *line)
{
    json_int_t number = json_integer_value(json_array_get(line, 1));
    const char *text = json_string_value(json_array_get(line, 2));

    if (!text || number != (json_int_t)reading->count + 1)
        return SELKIE_EMALFORMED;
    struct selkie_shown_text **texts = realloc(reading->texts, (reading->count + 1) * sizeof(*texts));
    if (!texts)
        return SELKIE_ENOMEM;
    reading->texts = texts;
    texts[reading->count] = intern(reading->shown, text, (unsigned)number);
    return texts[reading->count++] ? 0 : SELKIE_ENOMEM;
}

static int read_change(struct reading *reading, const json_t *line, bool is_sure)
{
    const char *hex = json_string_value(json_array_get(line, 1));
    json_int_t kind = json_integer_value(json_array_get(line, 2)), number = json_integer_value(json_array_get(line, 3));
    uint8_t address[SELKIE_ADDRESS_SIZE];

    if (!hex || selkie_address_parse(address, hex) < 0 || kind < 0 || kind >= SELKIE_SHOWN_KINDS || number < 0 ||
        number > (json_int_t)reading->count)
        return SELKIE_EMALFORMED;
    const struct selkie_shown_text *text = numbered(reading->texts, reading->count, number);
    struct selkie_shown_device *device = selkie_shown_find(reading->shown, address);
    if (!device && !(device = add(reading->shown, address)))
        return SELKIE_ENOMEM;
    struct selkie_shown_record *of = &device->of[kind];
    if (!is_sure) {
        change(reading->shown, device, (int)kind, text);
        return 0;
    }
    for (unsigned i = 0; i < SELKIE_SHOWN_FORMER_MAX && of->former[i]; i++)
        if (of->former[i] == text)
            drop_former(of, i);
    return 0;
}

static int read_line(struct reading *reading, const char *text)
{
    json_t *line = json_loads(text, 0, NULL);
    const char *what = json_string_value(json_array_get(line, 0));
    int result = SELKIE_EMALFORMED;

    if (what && strcmp(what, "text") == 0)
        result = read_text(reading, line);
    else if (what && (strcmp(what, "device") == 0 || strcmp(what, "sure") == 0))
        result = read_change(reading, line, what[0] == 's');
    json_decref(line);
    return result;
}

/* Those of which nothing is noted any more, or (all) shown. */
static void drop_devices(struct selkie_shown *shown, bool all)
{
    struct selkie_shown_device *device, *next;

    HASH_ITER (hh, shown->devices, device, next) {
        if (all ? is_shown(device) : has_anything(device))
            continue;
        HASH_DEL(shown->devices, device);
        free(device);
        shown->gone--;
    }
}

/* The last line may be cut: kill -9. */
static int read_file(struct selkie_shown *shown)
{
    struct reading reading = {.shown = shown};
    FILE *file = fopen(shown->path, "re");
    char *line = NULL;
    size_t size = 0, number = 0;
    int result = 0;

    if (!file) {
        if (errno != ENOENT)
            selkie_plugin_log(LOG_ERR, "%s: %s", shown->path, strerror(errno));
        return 0;
    }
    while (result != SELKIE_ENOMEM && getline(&line, &size, file) > 0) {
        number++;
        result = read_line(&reading, line);
        if (result == SELKIE_EMALFORMED && strchr(line, '\n'))
            selkie_plugin_log(LOG_WARNING, "%s:%zu: is damaged and left out", shown->path, number);
    }
    free(line);
    free(reading.texts);
    (void)fclose(file);
    drop_devices(shown, false);
    return result == SELKIE_ENOMEM ? result : 0;
}

int selkie_shown_open(struct selkie_shown **shown)
{
    *shown = calloc(1, sizeof **shown);
    return *shown ? 0 : SELKIE_ENOMEM;
}

int selkie_shown_load(struct selkie_shown *shown, const char *dir)
{
    if (snprintf(shown->path, sizeof shown->path, "%s/" FILE_NAME, dir) >= PATH_MAX ||
        snprintf(shown->new_path, sizeof shown->new_path, "%s/" FILE_NAME ".new", dir) >= PATH_MAX) {
        shown->path[0] = '\0';
        selkie_plugin_log(LOG_ERR, "%s: the path is too long for what was shown", dir);
        return 0;
    }
    int result = read_file(shown);
    if (result == 0)
        write_anew(shown);
    return result;
}

void selkie_shown_turn(struct selkie_shown *shown, int64_t now_us)
{
    shown->settled = true;
    if (shown->gone > SELKIE_SHOWN_GONE_MAX)
        drop_devices(shown, true);
    if (!shown->path[0] || (shown->file && shown->appended < GROWTH) || now_us < shown->retry_us)
        return;
    shown->retry_us = now_us + RETRY_US;
    write_anew(shown);
}

/* Returns whether there were some. */
static bool drop_cleared(struct selkie_shown_device *device)
{
    struct selkie_shown_record *of = &device->of[SELKIE_SHOWN_VALUES];
    bool any = false;

    for (unsigned i = SELKIE_SHOWN_FORMER_MAX; i-- > 0;)
        if (of->former[i] && of->told[i]) {
            drop_former(of, i);
            any = true;
        }
    return any;
}

void selkie_shown_close(struct selkie_shown *shown)
{
    bool any = false;

    if (!shown)
        return;
    for (struct selkie_shown_device *device = shown->devices; device && shown->settled; device = device->hh.next)
        any |= drop_cleared(device);
    if (any)
        write_anew(shown);
    for (int kind = 0; kind < SELKIE_SHOWN_KINDS; kind++)
        for (struct selkie_shown_device *device = shown->devices; device; device = device->hh.next)
            device->of[kind] = (struct selkie_shown_record){.now = NULL};
    shown->gone = HASH_COUNT(shown->devices);
    drop_devices(shown, false);
    struct selkie_shown_text *text, *next;
    HASH_ITER (hh, shown->texts, text, next) {
        HASH_DEL(shown->texts, text);
        free(text);
    }
    if (shown->file)
        (void)fclose(shown->file);
    free(shown);
}
