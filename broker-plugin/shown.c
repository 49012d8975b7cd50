/* SPDX-License-Identifier: Apache-2.0 */
#include "shown.h"

#include "log_queue.h"
#include "shown/shown_file.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

/* Former values of a device of which it is not known what it was shown. */
#define UNKNOWN "?\n"

struct selkie_shown {
    struct selkie_shown_file file;
    bool settled;           /* the broker has had a turn since the last change */
    bool doubted;           /* what was shown before is not known, until all devices were heard of */
    bool missing;           /* because there was no file */
    unsigned unknown_count; /* devices that had to be doubted */
    unsigned gone;
    struct selkie_shown_text *texts;
    struct selkie_shown_device *devices;
    const struct selkie_models *models;
    bool models_missing;
};

static void put_device(struct selkie_shown *shown, const uint8_t *address, int kind,
                       const struct selkie_shown_text *text)
{
    selkie_shown_file_put_change(&shown->file, "device", address, kind, text ? text->number : 0);
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
static void put_all(struct selkie_shown *shown, const struct selkie_shown_device *device)
{
    for (int kind = 0; kind < SELKIE_SHOWN_KINDS; kind++) {
        const struct selkie_shown_record *of = &device->of[kind];
        for (int i = SELKIE_SHOWN_FORMER_MAX - 1; i >= 0; i--)
            if (of->former[i])
                put_device(shown, device->address, kind, of->former[i]);
        if (of->former[0]) /* it may be former and shown again */
            put_device(shown, device->address, kind, NULL);
        if (of->now)
            put_device(shown, device->address, kind, of->now);
    }
}

/* Free the texts that no device has, and number the others. */
static void tidy_texts(struct selkie_shown *shown)
{
    for (struct selkie_shown_device *device = shown->devices; device; device = device->hh.next)
        for (int kind = 0; kind < SELKIE_SHOWN_KINDS; kind++)
            selkie_shown_record_mark(&device->of[kind]);
    selkie_shown_text_tidy(&shown->texts);
}

static void write_anew(struct selkie_shown *shown, bool durable)
{
    if (!selkie_shown_file_begin(&shown->file))
        return;
    tidy_texts(shown);
    selkie_shown_file_put_doubt(&shown->file, shown->doubted);
    for (struct selkie_shown_text *text = shown->texts; text; text = text->hh.next)
        selkie_shown_file_put_text(&shown->file, text->number, text->text);
    for (struct selkie_shown_device *device = shown->devices; device; device = device->hh.next)
        put_all(shown, device);
    selkie_shown_file_end(&shown->file, durable);
}

void selkie_shown_flush(struct selkie_shown *shown)
{
    selkie_shown_file_flush(&shown->file);
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

static void change(struct selkie_shown *shown, struct selkie_shown_device *device, int kind,
                   const struct selkie_shown_text *text)
{
    bool was_shown = is_shown(device);

    selkie_shown_record_change(&device->of[kind], text);
    shown->gone += (unsigned)was_shown - (unsigned)is_shown(device);
}

/* The broker may have values of any model: they are former, so that they are cleared. */
static int doubt(struct selkie_shown *shown, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    int result = selkie_shown_set(shown, SELKIE_SHOWN_VALUES, address, UNKNOWN);

    shown->unknown_count++;
    return result < 0 ? result : selkie_shown_set(shown, SELKIE_SHOWN_VALUES, address, NULL);
}

int selkie_shown_set(struct selkie_shown *shown, enum selkie_shown_kind kind,
                     const uint8_t address[static SELKIE_ADDRESS_SIZE], const char *text)
{
    struct selkie_shown_device *device = selkie_shown_find(shown, address);
    bool is_new = !device;

    if (device &&
        (text ? device->of[kind].now && strcmp(device->of[kind].now->text, text) == 0 : !device->of[kind].now))
        return 0;
    if (!device && (!text || !(device = add(shown, address))))
        return text ? SELKIE_ENOMEM : 0;
    if (is_new && shown->doubted && doubt(shown, address) < 0)
        return SELKIE_ENOMEM;
    unsigned texts = HASH_COUNT(shown->texts);
    struct selkie_shown_text *kept = text ? selkie_shown_text_intern(&shown->texts, text, texts + 1) : NULL;
    if (text && !kept)
        return SELKIE_ENOMEM;
    change(shown, device, (int)kind, kept);
    shown->settled = false;
    if (kept && HASH_COUNT(shown->texts) > texts)
        selkie_shown_file_put_text(&shown->file, kept->number, kept->text);
    put_device(shown, address, (int)kind, kept);
    return 0;
}

void selkie_shown_forget(struct selkie_shown *shown, struct selkie_shown_device *device, enum selkie_shown_kind kind,
                         unsigned place)
{
    struct selkie_shown_record *of = &device->of[kind];

    selkie_shown_file_put_change(&shown->file, "sure", device->address, (int)kind, of->former[place]->number);
    selkie_shown_record_drop(of, place);
}

bool selkie_shown_is_owed(const struct selkie_shown_device *device, enum selkie_shown_kind kind)
{
    return selkie_shown_record_is_owed(&device->of[kind]);
}

void selkie_shown_tell(struct selkie_shown *shown, struct selkie_shown_device *device, enum selkie_shown_kind kind)
{
    struct selkie_shown_record *of = &device->of[kind];

    for (unsigned i = 0; i < SELKIE_SHOWN_FORMER_MAX && of->former[i]; i++) {
        shown->settled &= of->told[i];
        of->told[i] = true;
    }
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
    struct selkie_shown_text **texts; /* by their numbers in the file, from 1; NULL where a line is damaged */
    size_t count;
};

/* `line_number` bounds it: each text has a line, and the first line none. */
static int read_text(struct reading *reading, const json_t *line, size_t line_number)
{
    json_int_t number = json_integer_value(json_array_get(line, 1));
    const char *text = json_string_value(json_array_get(line, 2));

    if (!text || number < 1 || (uint64_t)number > line_number)
        return SELKIE_EMALFORMED;
    if ((size_t)number > reading->count) {
        struct selkie_shown_text **texts = realloc(reading->texts, (size_t)number * sizeof(*texts));
        if (!texts)
            return SELKIE_ENOMEM;
        reading->texts = texts;
        while (reading->count < (size_t)number)
            texts[reading->count++] = NULL;
    }
    reading->texts[number - 1] = selkie_shown_text_intern(&reading->shown->texts, text, (unsigned)number);
    return reading->texts[number - 1] ? 0 : SELKIE_ENOMEM;
}

static int read_change(struct reading *reading, const json_t *line, bool is_sure)
{
    const char *hex = json_string_value(json_array_get(line, 1));
    const json_t *kind_json = json_array_get(line, 2), *number_json = json_array_get(line, 3);
    json_int_t kind = json_integer_value(kind_json), number = json_integer_value(number_json);
    uint8_t address[SELKIE_ADDRESS_SIZE];

    const struct selkie_shown_text *text = numbered(reading->texts, reading->count, number);
    if (!hex || selkie_address_parse(address, hex) < 0 || !json_is_integer(kind_json) || kind < 0 ||
        kind >= SELKIE_SHOWN_KINDS || !json_is_integer(number_json) || (number != 0 && !text))
        return SELKIE_EMALFORMED;
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
            selkie_shown_record_drop(of, i);
    return 0;
}

static int read_line(void *context, const json_t *line, size_t number)
{
    struct reading *reading = context;
    const char *what = json_string_value(json_array_get(line, 0));

    if (what && strcmp(what, "text") == 0)
        return read_text(reading, line, number);
    if (what && strcmp(what, "doubt") == 0) {
        reading->shown->doubted = json_integer_value(json_array_get(line, 1)) != 0;
        return 0;
    }
    if (what && (strcmp(what, "device") == 0 || strcmp(what, "sure") == 0))
        return read_change(reading, line, what[0] == 's');
    return SELKIE_EMALFORMED;
}

/* Those of which nothing is noted any more, or (all) shown. */
static void drop_devices(struct selkie_shown *shown, bool all)
{
    struct selkie_shown_device *next;

    for (struct selkie_shown_device *device = shown->devices; device; device = next) {
        next = device->hh.next;
        if (all ? is_shown(device) : has_anything(device))
            continue;
        HASH_DEL(shown->devices, device);
        free(device);
        shown->gone--;
    }
}

int selkie_shown_open(struct selkie_shown **shown)
{
    *shown = calloc(1, sizeof **shown);
    return *shown ? 0 : SELKIE_ENOMEM;
}

/* What was read is only a part, or an earlier run ended before it had judged all. */
static int doubt_all(struct selkie_shown *shown)
{
    int result = 0;

    for (struct selkie_shown_device *device = shown->devices; device && result == 0; device = device->hh.next)
        result = doubt(shown, device->address);
    return result;
}

int selkie_shown_load(struct selkie_shown *shown, const char *dir, bool is_new)
{
    struct reading reading = {.shown = shown};
    int result = selkie_shown_file_read(&shown->file, dir, read_line, &reading);

    free(reading.texts);
    if (result < 0)
        return result;
    shown->doubted |= result == SELKIE_SHOWN_DAMAGED || (result == SELKIE_SHOWN_MISSING && !is_new);
    shown->missing = result == SELKIE_SHOWN_MISSING;
    drop_devices(shown, false);
    result = shown->doubted ? doubt_all(shown) : 0;
    if (result == 0)
        write_anew(shown, true);
    return result;
}

void selkie_shown_end_doubt(struct selkie_shown *shown)
{
    if (!shown->doubted)
        return;
    shown->doubted = false;
    selkie_shown_file_put_doubt(&shown->file, false);
    if (shown->missing && shown->unknown_count > 0)
        selkie_plugin_log(LOG_NOTICE,
                          "%s: was missing, so retained values of %u devices were cleared until their next reading",
                          shown->file.path, shown->unknown_count);
}

void selkie_shown_turn(struct selkie_shown *shown, int64_t now_us)
{
    shown->settled = true;
    if (shown->gone > SELKIE_SHOWN_GONE_MAX)
        drop_devices(shown, true);
    if (selkie_shown_file_is_due(&shown->file, now_us))
        write_anew(shown, false);
}

/* Returns whether there were some. */
static bool drop_cleared(struct selkie_shown_device *device)
{
    struct selkie_shown_record *of = &device->of[SELKIE_SHOWN_VALUES];
    bool any = false;

    for (unsigned i = SELKIE_SHOWN_FORMER_MAX; i-- > 0;)
        if (of->former[i] && of->told[i]) {
            selkie_shown_record_drop(of, i);
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
        write_anew(shown, true);
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
    selkie_shown_file_close(&shown->file);
    free(shown);
}
