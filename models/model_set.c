/* SPDX-License-Identifier: Apache-2.0 */
/* Models as a set, from a folder. */
#include "model.h"

#include <dirent.h>
#include <errno.h>
#include <selkie/error_text.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define FILES_MAX 1000
#define PATH_SIZE 4096

struct selkie_models {
    struct selkie_model **models; /* by name */
    unsigned count, refused;
};

/* A file that is refused. */
struct wrong {
    char path[PATH_SIZE], error[SELKIE_MODEL_ERROR_SIZE];
    struct wrong *next;
};

/* While a folder is read. */
struct reading {
    struct selkie_models *models;
    const struct selkie_models *before; /* NULL = none */
    const char *dir;
    void (*refuse)(void *context, const char *line);
    void *context;
    struct wrong *wrong;
};

static int is_model_file(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".json") == 0;
}

static int compare_files(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int compare_models(const void *a, const void *b)
{
    return strcmp((*(struct selkie_model *const *)a)->name, (*(struct selkie_model *const *)b)->name);
}

static void refuse(struct reading *reading, const char *line)
{
    reading->models->refused++;
    if (reading->refuse)
        reading->refuse(reading->context, line);
}

static bool is_known(const struct selkie_models *models, const char *name)
{
    for (unsigned i = 0; i < models->count; i++) {
        if (strcmp(models->models[i]->name, name) == 0)
            return true;
    }
    return false;
}

/* The model that a file had before, unless another file has that name now. */
static struct selkie_model *find_earlier(const struct reading *reading, const char *path)
{
    const struct selkie_models *before = reading->before;

    for (unsigned i = 0; before && i < before->count; i++) {
        struct selkie_model *model = before->models[i];
        if (strcmp(model->file, path) == 0)
            return is_known(reading->models, model->name) ? NULL : model;
    }
    return NULL;
}

static int keep_wrong(struct reading *reading, const char *path, const char *error)
{
    struct wrong *wrong = calloc(1, sizeof *wrong);

    if (!wrong)
        return SELKIE_ENOMEM;
    (void)snprintf(wrong->path, sizeof wrong->path, "%s", path);
    (void)snprintf(wrong->error, sizeof wrong->error, "%s", error);
    LL_APPEND(reading->wrong, wrong);
    return 0;
}

/* Once all others are read: a right file has its model's name, wherever it stands in the order. */
static void refuse_wrong(struct reading *reading)
{
    struct selkie_models *models = reading->models;
    char line[SELKIE_MODEL_ERROR_SIZE + 100 + SELKIE_MODEL_NAME_MAX];

    for (const struct wrong *wrong = reading->wrong; wrong; wrong = wrong->next) {
        struct selkie_model *earlier = find_earlier(reading, wrong->path);
        (void)snprintf(line, sizeof line, "%s%s%s%s", wrong->error, earlier ? "; its model of before, " : "",
                       earlier ? earlier->name : "", earlier ? ", stays in force" : "");
        refuse(reading, line);
        if (earlier)
            models->models[models->count++] = selkie_model_share(earlier);
    }
}

static int read_model(struct reading *reading, const char *name)
{
    char path[PATH_SIZE], error[SELKIE_MODEL_ERROR_SIZE];
    struct selkie_models *models = reading->models;
    struct selkie_model *model;

    (void)snprintf(path, sizeof path, "%s/%s", reading->dir, name);
    int result = selkie_model_open(&model, path, error);
    if (result == SELKIE_ENOMEM)
        return result;
    if (result == 0 && is_known(models, model->name)) {
        selkie_error_text_format(error, sizeof error, "%s: model: another file of this folder describes %s already",
                                 path, model->name);
        selkie_model_close(model);
        result = SELKIE_ECONFIG;
    }
    if (result < 0)
        return keep_wrong(reading, path, error);
    model->file = strdup(path);
    models->models[models->count++] = model;
    return model->file ? 0 : SELKIE_ENOMEM;
}

/* The folder cannot be read: all that it had before stays. */
static int keep_all(struct reading *reading, const char *error)
{
    const struct selkie_models *before = reading->before;
    char line[SELKIE_MODEL_ERROR_SIZE + 100];

    (void)snprintf(line, sizeof line, "%s%s", error, before ? "; the models of before stay in force" : "");
    refuse(reading, line);
    if (!before)
        return SELKIE_ECONFIG;
    reading->models->models = calloc((size_t)before->count + 1, sizeof(struct selkie_model *));
    if (!reading->models->models)
        return SELKIE_ENOMEM;
    for (unsigned i = 0; i < before->count; i++)
        reading->models->models[reading->models->count++] = selkie_model_share(before->models[i]);
    return 0;
}

static int read_folder(struct reading *reading)
{
    char error[SELKIE_MODEL_ERROR_SIZE];
    struct dirent **files;
    int result = 0, count = scandir(reading->dir, &files, is_model_file, compare_files);

    if (count < 0) {
        selkie_error_text_format(error, sizeof error, "%s: %s", reading->dir, strerror(errno));
        return keep_all(reading, error);
    }
    reading->models->models = calloc((size_t)count + 1, sizeof(struct selkie_model *));
    if (!reading->models->models)
        result = SELKIE_ENOMEM;
    for (int i = 0; i < count; i++) {
        if (result == 0 && i < FILES_MAX)
            result = read_model(reading, files[i]->d_name);
        free(files[i]);
    }
    free(files);
    if (result == 0)
        refuse_wrong(reading);
    if (result == 0 && count > FILES_MAX) {
        selkie_error_text_format(error, sizeof error, "%s: has %d models; the first %d are read", reading->dir, count,
                                 FILES_MAX);
        refuse(reading, error);
    }
    return result;
}

int selkie_models_open(struct selkie_models **opened, const char *dir,
                       void (*refuse_line)(void *context, const char *line), void *context)
{
    return selkie_models_reopen(opened, NULL, dir, refuse_line, context);
}

int selkie_models_reopen(struct selkie_models **opened, const struct selkie_models *before, const char *dir,
                         void (*refuse_line)(void *context, const char *line), void *context)
{
    struct selkie_models *models = calloc(1, sizeof *models);
    struct reading reading = {
        .models = models, .before = before, .dir = dir, .refuse = refuse_line, .context = context};
    struct wrong *wrong, *next;

    *opened = NULL;
    if (!models)
        return SELKIE_ENOMEM;
    int result = dir ? read_folder(&reading) : 0;
    LL_FOREACH_SAFE(reading.wrong, wrong, next)
    free(wrong);
    if (result < 0) {
        selkie_models_close(models);
        return result;
    }
    if (models->count > 1)
        qsort(models->models, models->count, sizeof(struct selkie_model *), compare_models);
    *opened = models;
    return 0;
}

void selkie_models_close(struct selkie_models *models)
{
    if (!models)
        return;
    for (unsigned i = 0; i < models->count; i++)
        selkie_model_close(models->models[i]);
    free(models->models);
    free(models);
}

unsigned selkie_models_count(const struct selkie_models *models)
{
    return models->count;
}

unsigned selkie_models_refused(const struct selkie_models *models)
{
    return models->refused;
}

const struct selkie_model *selkie_models_at(const struct selkie_models *models, unsigned index)
{
    return index < models->count ? models->models[index] : NULL;
}

const struct selkie_model *selkie_models_named(const struct selkie_models *models, const char *name)
{
    unsigned low = 0, high = models->count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        int order = strcmp(name, models->models[middle]->name);
        if (order == 0)
            return models->models[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* '*' stands for any characters, '?' for one. Steps back only to the last '*', so that no pattern takes long. */
static bool matches(const char *pattern, const char *text)
{
    const char *star = NULL, *resume = NULL;

    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            resume = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

const struct selkie_model *selkie_models_for_firmware(const struct selkie_models *models, const char *firmware)
{
    const struct selkie_model *best = NULL;
    size_t best_len = 0;

    for (unsigned i = 0; i < models->count; i++) {
        const struct selkie_model *model = models->models[i];
        for (unsigned k = 0; k < model->firmware_count; k++) {
            size_t len = strlen(model->firmware[k]);
            if (len > best_len && matches(model->firmware[k], firmware)) {
                best = model;
                best_len = len;
            }
        }
    }
    return best;
}
