/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl gateway import: the whole file is read and checked, and the room for the passwords is there, before the
 * first gateway is sent. The passwords of a message are on the disk before the next message goes out. */
#include "control_client.h"
#include "csv.h"
#include "ctl_text.h"
#include "gateways/password_file.h"
#include "print.h"

#include <errno.h>
#include <selkie/topic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MESSAGE_MAX 250 /* gateways: as many passwords are lost if the answer is */

struct row {
    unsigned line;
    char name[SELKIE_GATEWAY_NAME_MAX + 1];
    bool known; /* registered already */
};

struct import {
    const char *path;
    struct ctl_csv csv;
    size_t columns, column; /* how many there are; the one with the names */
    struct row *rows;
    size_t count, room;
    struct row **sorted; /* by name */
    bool certificate;
    struct ctl_password_file passwords;
    size_t added, unchanged;
    json_t *refused;
};

static enum ctl_exit fail_at(const struct import *import, const char *what, const char *text)
{
    return ctl_csv_fail(&import->csv, import->path, what, text);
}

static enum ctl_exit read_titles(struct import *import)
{
    const char *fault = "the first row, with the name of the column, is missing";
    char text[CTL_CSV_TRIMMED_SIZE];
    size_t found = 0;
    if (ctl_csv_next_filled(&import->csv, &fault) != 1)
        return fail_at(import, fault, NULL);
    import->columns = import->csv.count;
    for (size_t i = 0; i < import->columns; i++) {
        const char *title = ctl_csv_trimmed(text, import->csv.fields[i]);
        if (strcasecmp(title, "gateway") != 0)
            return fail_at(import, "unknown column (known is gateway)", title);
        import->column = i;
        found++;
    }
    return found == 1 ? CTL_DONE : fail_at(import, "the column appears twice", "gateway");
}

static enum ctl_exit read_row(struct import *import)
{
    char text[CTL_CSV_TRIMMED_SIZE];
    if (import->csv.count != import->columns)
        return fail_at(import, "the row has more or fewer fields than the first row", NULL);
    const char *name = ctl_csv_trimmed(text, import->csv.fields[import->column]);
    if (!selkie_gateway_name_valid(name))
        return fail_at(import, "not a gateway's name (1 to 64 letters, digits, '-', '_' or '.')", name);
    if (import->count == import->room) {
        size_t room = import->room == 0 ? 1024 : 2 * import->room;
        struct row *rows = realloc(import->rows, room * sizeof *rows);
        if (!rows)
            return ctl_fail("out of memory");
        import->rows = rows;
        import->room = room;
    }
    struct row *row = &import->rows[import->count++];
    *row = (struct row){.line = import->csv.line};
    (void)snprintf(row->name, sizeof row->name, "%s", name);
    return CTL_DONE;
}

static int compare_names(const void *left, const void *right)
{
    const struct row *const *a = left, *const *b = right;
    return strcmp((*a)->name, (*b)->name);
}

static int compare_rows(const void *left, const void *right)
{
    const struct row *const *a = left, *const *b = right;
    int order = compare_names(left, right);
    return order != 0 ? order : (*a)->line < (*b)->line ? -1 : 1;
}

static enum ctl_exit find_twins(struct import *import)
{
    size_t twins = 0;
    import->sorted = calloc(import->count + 1, sizeof(struct row *));
    if (!import->sorted)
        return ctl_fail("out of memory");
    for (size_t i = 0; i < import->count; i++)
        import->sorted[i] = &import->rows[i];
    qsort(import->sorted, import->count, sizeof *import->sorted, compare_rows);
    for (size_t i = 1; i < import->count; i++) {
        const struct row *row = import->sorted[i], *before = import->sorted[i - 1];
        if (strcmp(row->name, before->name) == 0 && twins++ < CTL_CSV_FAULTS_MAX)
            ctl_fail("%s:%u: the gateway %s is in line %u too", import->path, row->line, row->name, before->line);
    }
    if (twins > CTL_CSV_FAULTS_MAX)
        ctl_fail("… and %zu more", twins - CTL_CSV_FAULTS_MAX);
    return twins == 0 ? CTL_DONE : CTL_FAILED;
}

static enum ctl_exit read_file(struct import *import)
{
    bool standard = strcmp(import->path, "-") == 0;
    const char *fault;
    int read = 1;
    import->csv.file = standard ? stdin : fopen(import->path, "re");
    if (!import->csv.file)
        return ctl_fail("%s: %s", import->path, strerror(errno));
    enum ctl_exit result = read_titles(import);
    while (result == CTL_DONE && (read = ctl_csv_next_filled(&import->csv, &fault)) == 1)
        result = read_row(import);
    if (result == CTL_DONE && read < 0)
        result = fail_at(import, fault, NULL);
    if (result == CTL_DONE)
        result = find_twins(import);
    if (!standard)
        fclose(import->csv.file);
    return result;
}

/* Mark those that are registered already. One that proves its name in another way is not what the file's reader wants.
 */
static enum ctl_exit find_known(struct import *import, struct selkie_control_client *control)
{
    json_t *data = selkie_control_client_ask_take(control, ctl_json_pack("{s:s}", "command", "listGateways"));
    enum ctl_exit result = data ? CTL_DONE : CTL_FAILED;
    const char *auth = import->certificate ? "certificate" : "password";
    json_t *each;
    size_t i;
    json_array_foreach (json_object_get(data, "gateways"), i, each) {
        const char *name = json_string_value(json_object_get(each, "gateway"));
        const char *has = json_string_value(json_object_get(each, "auth"));
        struct row wanted = {.line = 0}, *key = &wanted;
        (void)snprintf(wanted.name, sizeof wanted.name, "%s", name ? name : "");
        struct row **found = bsearch(&key, import->sorted, import->count, sizeof *import->sorted, compare_names);
        if (!found)
            continue;
        (*found)->known = true;
        import->unchanged++;
        if (!has || strcmp(has, auth) != 0)
            result = ctl_fail("%s:%u: %s is registered with a %s", import->path, (*found)->line, (*found)->name,
                              has ? has : "way to log in that this selkiectl does not know");
    }
    json_decref(data);
    return result;
}

/* SIGINT and its like wait for the passwords that are under way. */
static void block_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGXFSZ, SIG_IGN); /* a limit on files is a full disk */
}

static bool is_interrupted(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1 ||
                                         sigismember(&pending, SIGHUP) == 1);
}

static enum ctl_exit take_response(struct import *import, const struct row *row, const json_t *response)
{
    const char *error = selkie_control_client_error(response);
    const char *password = json_string_value(json_object_get(json_object_get(response, "data"), "password"));
    if (!error && !import->certificate && !password)
        error = "the plugin gave no password";
    if (error) {
        ctl_json_append_take(import->refused, ctl_json_pack("{s:i, s:s, s:s}", "line", (int)row->line, "gateway",
                                                            row->name, "error", error));
        return CTL_DONE;
    }
    import->added++;
    return import->certificate ? CTL_DONE : ctl_password_file_add(&import->passwords, row->name, password);
}

/* Whoever is in doubt about a gateway gives it another password. */
static enum ctl_exit fail_from(const struct import *import, const struct row *first, const struct row *last)
{
    return ctl_fail("%s:%u to %u: these gateways may be registered%s", import->path, first->line, last->line,
                    import->certificate ? "; import the file again"
                                        : ", with passwords that nobody knows: 'selkiectl gateway list' shows those "
                                          "that are, and 'selkiectl gateway reset-password NAME' makes another");
}

/* One message, of the first rows from `next` on that are not known. Advances it. */
static enum ctl_exit send_some(struct import *import, struct selkie_control_client *control, size_t *next)
{
    const struct row *rows[MESSAGE_MAX];
    size_t count = 0, i;
    bool full = false;
    for (; *next < import->count && count < MESSAGE_MAX && !full; (*next)++) {
        const struct row *row = &import->rows[*next];
        if (row->known)
            continue;
        json_t *command = ctl_json_pack("{s:s, s:s, s:s}", "command", "addGateway", "gateway", row->name, "auth",
                                        import->certificate ? "certificate" : "password");
        if (selkie_control_client_add_take(control, command, &full) != CTL_DONE)
            return ctl_fail("%s:%u: not sent; nor are the rows after it", import->path, row->line);
        rows[count++] = row;
    }
    if (count == 0)
        return CTL_DONE;
    json_t *responses = selkie_control_client_send(control), *response;
    enum ctl_exit result = responses ? CTL_DONE : CTL_FAILED;
    json_array_foreach (responses, i, response) {
        if (take_response(import, rows[i], response) != CTL_DONE)
            result = CTL_FAILED;
    }
    json_decref(responses);
    if (responses && !import->certificate && ctl_password_file_sync(&import->passwords) != CTL_DONE)
        result = CTL_FAILED;
    return result == CTL_DONE ? result : fail_from(import, rows[0], rows[count - 1]);
}

static enum ctl_exit send_all(struct import *import, const struct ctl_options *options)
{
    struct selkie_control_client *control;
    block_signals();
    enum ctl_exit result = selkie_control_client_open(&control, options);
    if (result == CTL_DONE)
        result = find_known(import, control);
    if (result == CTL_DONE && !import->certificate && import->unchanged < import->count)
        result = ctl_password_file_open(&import->passwords, options->passwords, import->count - import->unchanged);
    for (size_t next = 0; next < import->count && result == CTL_DONE;) {
        result = send_some(import, control, &next);
        if (result == CTL_DONE && next < import->count && is_interrupted())
            result = ctl_fail("%s: interrupted; the rows after line %u were not sent", import->path,
                              import->rows[next - 1].line);
    }
    selkie_control_client_close(control);
    return result;
}

static void report(const struct import *import, const struct ctl_options *options)
{
    size_t refused = json_array_size(import->refused);
    if (options->json) {
        json_t *object = ctl_json_pack("{s:I, s:I, s:O}", "added", (json_int_t)import->added, "unchanged",
                                       (json_int_t)import->unchanged, "refused", import->refused);
        ctl_print(object, true);
        json_decref(object);
        return;
    }
    ctl_csv_print_refused(import->path, "gateway", import->refused);
    printf("%zu added, %zu unchanged, %zu refused\n", import->added, import->unchanged, refused);
    if (import->added > 0 && !import->certificate)
        printf("their passwords are in %s, and nowhere else\n", options->passwords);
}

enum ctl_exit ctl_gateway_import(const struct ctl_options *options, const struct ctl_command *command)
{
    (void)command;
    if (options->certificate == (options->passwords != NULL)) {
        ctl_fail("gateway import: say either --passwords OUT.csv, where the passwords go, or --certificate");
        return CTL_USAGE;
    }
    struct import *import = calloc(1, sizeof *import);
    if (!import)
        return ctl_fail("out of memory");
    import->path = options->args[0];
    import->certificate = options->certificate;
    import->csv.find_separator = true;
    import->refused = ctl_json_must(json_array());
    enum ctl_exit result = read_file(import);
    if (result == CTL_DONE && options->passwords)
        result = ctl_password_file_check(options->passwords);
    if (result == CTL_DONE) {
        result = send_all(import, options);
        if (ctl_password_file_close(&import->passwords) != CTL_DONE)
            result = CTL_FAILED;
        report(import, options);
    }
    if (json_array_size(import->refused) != 0)
        result = CTL_FAILED;
    json_decref(import->refused);
    free(import->sorted);
    free(import->rows);
    free(import);
    return result;
}
