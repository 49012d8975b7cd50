/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl device import: the whole file is read and checked before the first device is sent. */
#include "csv.h"
#include "ctl_devices.h"
#include "ctl_text.h"
#include "print.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <selkie/message.h>
#include <selkie/topic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum column { ADDRESS, NAME, CLAIM, MODEL, IGNORED, EMPTY };

struct row {
    unsigned line;
    char address[SELKIE_ADDRESS_TEXT_SIZE];
    char *name;  /* NULL = none */
    char *claim; /* NULL = none; a secret */
    char *model; /* NULL = none */
};

struct import {
    const char *path;
    struct ctl_csv csv;
    enum column columns[CTL_CSV_FIELDS_MAX];
    size_t column_count;
    struct row *rows;
    size_t count, room;
    bool update;
};

/* Columns that device export writes are ignored. Any other name is an error: a claim under a misspelt name must not get
 * lost. A spreadsheet writes columns without a name where something once was: they must be empty. */
static bool find_column(enum column *column, const char *title)
{
    static const char *const used[] = {[ADDRESS] = "address", [NAME] = "name", [CLAIM] = "claim", [MODEL] = "model"};
    for (size_t i = 0; i < sizeof used / sizeof used[0]; i++) {
        if (strcasecmp(used[i], title) == 0) {
            *column = (enum column)i;
            return true;
        }
    }
    *column = title[0] == '\0' ? EMPTY : IGNORED;
    if (*column == EMPTY)
        return true;
    for (size_t i = 0; ctl_export_columns[i]; i++) {
        if (strcasecmp(ctl_export_columns[i], title) == 0)
            return true;
    }
    return false;
}

static enum ctl_exit fail_at(const struct import *import, const char *what, const char *text)
{
    return ctl_csv_fail(&import->csv, import->path, what, text);
}

static enum ctl_exit read_titles(struct import *import)
{
    const char *fault = "the first row, with the names of the columns, is missing";
    bool has_address = false;
    if (ctl_csv_next_filled(&import->csv, &fault) != 1)
        return fail_at(import, fault, NULL);
    import->column_count = import->csv.count;
    for (size_t i = 0; i < import->csv.count; i++) {
        char text[CTL_CSV_TRIMMED_SIZE];
        const char *title = ctl_csv_trimmed(text, import->csv.fields[i]);
        if (!find_column(&import->columns[i], title))
            return fail_at(import, "unknown column (known are address, name, claim, model)", title);
        for (size_t j = 0; j < i; j++) {
            if (import->columns[j] == import->columns[i] && import->columns[i] < IGNORED)
                return fail_at(import, "the column appears twice", title);
        }
        has_address = has_address || import->columns[i] == ADDRESS;
    }
    return has_address ? CTL_DONE : fail_at(import, "the column 'address' is missing", NULL);
}

static struct row *add_row(struct import *import)
{
    if (import->count == import->room) {
        size_t room = import->room == 0 ? 1024 : 2 * import->room;
        struct row *rows = realloc(import->rows, room * sizeof *rows);
        if (!rows)
            return NULL;
        import->rows = rows;
        import->room = room;
    }
    struct row *row = &import->rows[import->count++];
    *row = (struct row){.line = import->csv.line};
    return row;
}

/* 1.23457E+15: what a spreadsheet makes of digits when it takes them for a number. */
static bool is_rounded_number(const char *text)
{
    size_t mantissa = strspn(text, "0123456789.,");
    const char *exponent = text + mantissa;
    return mantissa > 0 && (exponent[0] == 'E' || exponent[0] == 'e') && (exponent[1] == '+' || exponent[1] == '-') &&
           exponent[2] != '\0' && exponent[2 + strspn(exponent + 2, "0123456789")] == '\0';
}

static enum ctl_exit read_address(const struct import *import, struct row *row, const char *field)
{
    char text[CTL_CSV_TRIMMED_SIZE];
    field = ctl_csv_trimmed(text, field);
    if (ctl_device_address(row->address, field))
        return CTL_DONE;
    if (is_rounded_number(field))
        return fail_at(import,
                       "a spreadsheet took the address for a number and rounded it; format the column as text and "
                       "enter the address again",
                       field);
    if (field[0] != '\0' && strspn(field, "0123456789") == strlen(field) &&
        strlen(field) < SELKIE_ADDRESS_TEXT_SIZE - 1)
        return fail_at(import,
                       "not an address (16 hex digits); if a spreadsheet dropped zeros in front, format the column as "
                       "text and enter the address again",
                       field);
    return fail_at(import, "not an address (16 hex digits)", field);
}

static enum ctl_exit read_field(const struct import *import, struct row *row, enum column column, const char *field)
{
    if (column == ADDRESS)
        return read_address(import, row, field);
    if (column == EMPTY && field[0] != '\0')
        return fail_at(import, "text in a column without a name", NULL); /* it may be a claim */
    if (column == CLAIM && strlen(field) > SELKIE_CLAIM_MAX)
        return fail_at(import, "the claim is longer than 64 bytes", NULL);
    char text[CTL_CSV_TRIMMED_SIZE];
    if (column == MODEL)
        field = ctl_csv_trimmed(text, field);
    if (column == MODEL && strlen(field) > SELKIE_TOPIC_MODEL_MAX)
        return fail_at(import, "the model's name is longer than 64 bytes", field);
    if (column == NAME && strlen(field) > SELKIE_DEVICE_NAME_MAX)
        return fail_at(import, "the name is longer than 64 bytes", field);
    char **copy = column == NAME ? &row->name : column == CLAIM ? &row->claim : column == MODEL ? &row->model : NULL;
    if (copy && field[0] != '\0' && !(*copy = strdup(field)))
        return ctl_fail("out of memory");
    return CTL_DONE;
}

static enum ctl_exit read_row(struct import *import)
{
    if (import->csv.count != import->column_count)
        return fail_at(import, "the row has more or fewer fields than the first row", NULL);
    struct row *row = add_row(import);
    if (!row)
        return ctl_fail("out of memory");
    enum ctl_exit result = CTL_DONE;
    for (size_t i = 0; i < import->column_count && result == CTL_DONE; i++)
        result = read_field(import, row, import->columns[i], import->csv.fields[i]);
    return result;
}

static enum ctl_exit read_rows(struct import *import)
{
    enum ctl_exit result = read_titles(import);
    while (result == CTL_DONE) {
        const char *fault;
        int read = ctl_csv_next_filled(&import->csv, &fault);
        if (read == 0)
            break;
        result = read < 0 ? fail_at(import, fault, NULL) : read_row(import);
    }
    return result;
}

static int compare_rows(const void *left, const void *right)
{
    const struct row *const *a = left, *const *b = right;
    int order = strcmp((*a)->address, (*b)->address);
    return order != 0 ? order : (*a)->line < (*b)->line ? -1 : 1;
}

/* Each address once: of two rows, nobody knows which is right. */
static enum ctl_exit find_twins(const struct import *import)
{
    size_t twins = 0;
    const struct row **sorted = calloc(import->count + 1, sizeof *sorted);
    if (!sorted)
        return ctl_fail("out of memory");
    for (size_t i = 0; i < import->count; i++)
        sorted[i] = &import->rows[i];
    qsort(sorted, import->count, sizeof *sorted, compare_rows);
    for (size_t i = 1; i < import->count; i++) {
        if (strcmp(sorted[i]->address, sorted[i - 1]->address) != 0)
            continue;
        if (twins++ < CTL_CSV_FAULTS_MAX)
            ctl_fail("%s:%u: the address %s is in line %u too", import->path, sorted[i]->line, sorted[i]->address,
                     sorted[i - 1]->line);
    }
    if (twins > CTL_CSV_FAULTS_MAX)
        ctl_fail("… and %zu more", twins - CTL_CSV_FAULTS_MAX);
    free(sorted);
    return twins == 0 ? CTL_DONE : CTL_FAILED;
}

static enum ctl_exit read_file(struct import *import)
{
    bool standard = strcmp(import->path, "-") == 0;
    import->csv.file = standard ? stdin : fopen(import->path, "re");
    if (!import->csv.file)
        return ctl_fail("%s: %s", import->path, strerror(errno));
    enum ctl_exit result = read_rows(import);
    if (result == CTL_DONE)
        result = find_twins(import);
    if (!standard)
        fclose(import->csv.file);
    return result;
}

/* What happened to the devices. */
struct outcome {
    size_t added, changed, unchanged;
    size_t shut_out;      /* those that have IDs that were denied or removed, and none that is active */
    const char *shut_one; /* the address of the first of them */
    bool exists;          /* one of the refused was added before, with another name, claim or model */
    json_t *refused;
};

static void take_response(struct outcome *outcome, const struct row *row, const json_t *response)
{
    const char *error = selkie_control_client_error(response);
    const char *word = json_string_value(json_object_get(json_object_get(response, "data"), "result"));
    if (!error) {
        *(word && strcmp(word, "changed") == 0     ? &outcome->changed
          : word && strcmp(word, "unchanged") == 0 ? &outcome->unchanged
                                                   : &outcome->added) += 1;
        if (json_array_size(json_object_get(json_object_get(response, "data"), "retired")) != 0 &&
            outcome->shut_out++ == 0)
            outcome->shut_one = row->address;
        return;
    }
    outcome->exists = outcome->exists || json_is_true(json_object_get(response, "exists"));
    ctl_json_append_take(outcome->refused, ctl_json_pack("{s:i, s:s, s:s}", "line", (int)row->line, "address",
                                                         row->address, "error", error));
}

/* Devices from `first` up to one message full. Returns how many, 0 after a failure. */
static size_t send_some(struct selkie_control_client *control, struct outcome *outcome, const struct import *import,
                        size_t first)
{
    size_t next = first;
    bool full = false;
    while (next < import->count && !full) {
        const struct row *row = &import->rows[next++];
        json_t *command = ctl_device_add_command(row->address, row->name, row->claim, row->model);
        if (import->update)
            ctl_json_set_take(command, "update", json_true());
        if (selkie_control_client_add_take(control, command, &full) != CTL_DONE) {
            ctl_fail("%s:%u: not sent; nor are the rows after it", import->path, row->line);
            return 0;
        }
    }
    json_t *responses = selkie_control_client_send(control), *response;
    if (!responses) {
        ctl_fail("%s:%u: this row and those after it have no answer; import the file again, which changes nothing of "
                 "what was taken",
                 import->path, import->rows[first].line);
        return 0;
    }
    size_t i;
    json_array_foreach (responses, i, response) {
        take_response(outcome, &import->rows[first + i], response);
    }
    json_decref(responses);
    return next - first;
}

static void report(const struct import *import, const struct outcome *outcome, bool as_json)
{
    size_t refused = json_array_size(outcome->refused);
    if (as_json) {
        json_t *object = ctl_json_pack("{s:I, s:I, s:I, s:I, s:O}", "added", (json_int_t)outcome->added, "changed",
                                       (json_int_t)outcome->changed, "unchanged", (json_int_t)outcome->unchanged,
                                       "shut_out", (json_int_t)outcome->shut_out, "refused", outcome->refused);
        ctl_print(object, true);
        json_decref(object);
        return;
    }
    ctl_csv_print_refused(import->path, "address", outcome->refused);
    if (refused != 0 && !import->update && outcome->exists)
        ctl_fail("--update changes devices that were added before");
    printf("%zu added, %zu changed, %zu unchanged, %zu refused\n", outcome->added, outcome->changed, outcome->unchanged,
           refused);
    if (outcome->shut_out != 0)
        printf(
            "%zu of them (the first: %s) had an ID that was denied or removed: a device that runs under one is shut\n"
            "out until its next power cut, unless 'selkiectl device readmit ADDRESS' takes it back\n",
            outcome->shut_out, outcome->shut_one);
}

static bool has_model(const json_t *models, const char *name)
{
    const json_t *each;
    size_t i;
    json_array_foreach (models, i, each) {
        const char *known = json_string_value(json_object_get(each, "model"));
        if (known && strcmp(known, name) == 0)
            return true;
    }
    return false;
}

/* Ask for the models if a row names one, before the first row goes out: a file with a mistake changes nothing. */
static enum ctl_exit check_models(struct selkie_control_client *control, const struct import *import)
{
    size_t first = 0, unknown = 0;
    while (first < import->count && !import->rows[first].model)
        first++;
    if (first == import->count)
        return CTL_DONE;
    json_t *data = selkie_control_client_ask_take(control, ctl_json_pack("{s:s}", "command", "listModels"));
    if (!data)
        return CTL_FAILED;
    for (size_t i = first; i < import->count; i++) {
        const struct row *row = &import->rows[i];
        if (row->model && !has_model(json_object_get(data, "models"), row->model) && unknown++ < CTL_CSV_FAULTS_MAX)
            ctl_fail("%s:%u: there is no model %s; 'selkiectl model list' shows those that the plugin has",
                     import->path, row->line, row->model);
    }
    if (unknown > CTL_CSV_FAULTS_MAX)
        ctl_fail("… and %zu more", unknown - CTL_CSV_FAULTS_MAX);
    json_decref(data);
    return unknown == 0 ? CTL_DONE : CTL_FAILED;
}

static enum ctl_exit send_all(const struct import *import, const struct ctl_options *options)
{
    struct selkie_control_client *control;
    struct outcome outcome = {0};
    enum ctl_exit result = selkie_control_client_open(&control, options);
    if (result != CTL_DONE)
        return result;
    if (check_models(control, import) != CTL_DONE) {
        selkie_control_client_close(control);
        return CTL_FAILED;
    }
    outcome.refused = ctl_json_must(json_array());
    for (size_t sent = 0, some; sent < import->count && result == CTL_DONE; sent += some) {
        some = send_some(control, &outcome, import, sent);
        if (some == 0)
            result = CTL_FAILED;
    }
    selkie_control_client_close(control);
    report(import, &outcome, options->json);
    if (json_array_size(outcome.refused) != 0)
        result = CTL_FAILED;
    json_decref(outcome.refused);
    return result;
}

enum ctl_exit ctl_device_import(const struct ctl_options *options, const struct ctl_command *command)
{
    (void)command;
    struct import *import = calloc(1, sizeof *import);
    if (!import)
        return ctl_fail("out of memory");
    import->path = options->args[0];
    import->csv.find_separator = true;
    import->update = options->update;
    enum ctl_exit result = read_file(import);
    if (result == CTL_DONE)
        result = send_all(import, options);
    for (size_t i = 0; i < import->count; i++) {
        if (import->rows[i].claim)
            OPENSSL_cleanse(import->rows[i].claim, strlen(import->rows[i].claim));
        free(import->rows[i].claim);
        free(import->rows[i].name);
        free(import->rows[i].model);
    }
    free(import->rows);
    OPENSSL_cleanse(import, sizeof *import);
    free(import);
    return result;
}
