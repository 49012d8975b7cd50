/* SPDX-License-Identifier: Apache-2.0 */
#include "gateways/gateway_report.h"

#include "ctl_text.h"
#include "print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX     4
#define FIELDS_MAX    64
#define ELEMENTS_MAX  16 /* as many lines as a gateway may have */
#define NAME_MAX_SIZE 33
#define TEXT_MAX_SIZE 129
#define INTERVAL_S    30 /* of the stats of gateways that do not say */

static json_t *tame(const json_t *value, int depth);

static json_t *tame_text(const char *text)
{
    char kept[TEXT_MAX_SIZE];
    size_t len = 0;

    for (; len < sizeof kept - 1 && text[len] != '\0'; len++)
        kept[len] = text[len] >= ' ' && text[len] <= '~' ? text[len] : '?';
    return ctl_json_must(json_stringn(kept, len));
}

static json_t *tame_object(const json_t *object, int depth)
{
    json_t *kept = ctl_json_must(json_object()), *value;
    const char *name;

    json_object_foreach ((json_t *)object, name, value) {
        if (json_object_size(kept) < FIELDS_MAX && strlen(name) < NAME_MAX_SIZE)
            ctl_json_set_take(kept, name, tame(value, depth + 1));
    }
    return kept;
}

static json_t *tame_list(const json_t *list, int depth)
{
    json_t *kept = ctl_json_must(json_array()), *value;
    size_t i;

    json_array_foreach (list, i, value) {
        if (i < ELEMENTS_MAX)
            ctl_json_append_take(kept, tame(value, depth + 1));
    }
    return kept;
}

static json_t *tame(const json_t *value, int depth)
{
    if (json_is_string(value))
        return tame_text(json_string_value(value));
    if (depth < DEPTH_MAX && json_is_object(value))
        return tame_object(value, depth);
    if (depth < DEPTH_MAX && json_is_array(value))
        return tame_list(value, depth);
    if (json_is_object(value) || json_is_array(value))
        return ctl_json_must(json_string("..."));
    return ctl_json_must(json_copy((json_t *)value));
}

json_t *ctl_gateway_claim(const void *payload, size_t len)
{
    json_t *root = len > CTL_CLAIM_BYTES_MAX ? NULL : json_loadb(payload, len, 0, NULL);
    json_t *kept = json_is_object(root) ? tame(root, 0) : NULL;

    json_decref(root);
    return kept;
}

/* Whole numbers of 0 and above; -1 for all else. */
static int64_t number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return json_is_integer(value) && json_integer_value(value) >= 0 ? json_integer_value(value) : -1;
}

/* Seconds since the last frame of any line; -1: not known. The stats may be older than what they say: by the gateway's
 * own clock, so as long as it is online no more than two of its intervals are believed. */
static int64_t frame_age_s(const json_t *stats, bool online, int64_t now_ms)
{
    int64_t youngest = -1, time = number(stats, "time");
    json_t *line;
    size_t i;

    json_array_foreach (json_object_get(stats, "lines"), i, line) {
        int64_t age = number(line, "frame_age_s");
        if (age >= 0 && (youngest < 0 || age < youngest))
            youngest = age;
    }
    int64_t since = time < 0 || time > now_ms ? -1 : (now_ms - time) / 1000;
    int64_t interval = number(stats, "interval") > INTERVAL_S ? number(stats, "interval") : INTERVAL_S;
    if (online && (since < 0 || since / 2 > interval))
        since = 0;
    return youngest < 0 || since < 0 || youngest > INT64_MAX - since ? -1 : youngest + since;
}

static const char *state_of(const json_t *state)
{
    const char *text = json_string_value(json_object_get(state, "state"));

    if (!state)
        return "never seen";
    if (text && strcmp(text, "online") == 0)
        return "online";
    return text && strcmp(text, "offline") == 0 ? "offline" : "unknown";
}

json_t *ctl_gateway_report(const char *gateway, const json_t *registered, const json_t *state, const json_t *stats,
                           int64_t now_ms)
{
    json_t *report = ctl_json_pack("{s:s}", "gateway", gateway);
    const char *word = state_of(state);
    int64_t age = frame_age_s(stats, strcmp(word, "online") == 0, now_ms);

    if (registered)
        ctl_json_update(report, (json_t *)registered);
    ctl_json_set_take(report, "state", json_string(word));
    if (strcmp(word, "online") == 0 && json_object_get(state, "storage"))
        ctl_json_set(report, "storage", json_object_get(state, "storage"));
    if (age >= 0)
        ctl_json_set_take(report, "frame_age_s", json_integer((json_int_t)age));
    if (stats)
        ctl_json_set(report, "stats", (json_t *)stats);
    return report;
}

/* "12 s", "3 min", "5 h", "9 d"; NULL if it is not known. */
static json_t *age_text(const json_t *report)
{
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}};
    int64_t age = number(report, "frame_age_s");
    size_t i = 0;

    if (age < 0)
        return NULL;
    while (i < sizeof units / sizeof units[0] && age < 2 * units[i].seconds)
        i++;
    if (i == sizeof units / sizeof units[0])
        return ctl_json_must(json_sprintf("%" PRId64 " s", age));
    return ctl_json_must(json_sprintf("%" PRId64 " %s", age / units[i].seconds, units[i].unit));
}

/* Of all link frames: a body that fragments gave is one of "received", and each of its fragments was a frame. */
static json_t *broken_share(const json_t *stats)
{
    int64_t broken = number(stats, "broken"), received = number(stats, "received");
    json_t *line;
    size_t i;

    if (broken < 0 || received < 0 || (broken == 0 && received == 0))
        return NULL;
    double good = (double)received;
    json_array_foreach (json_object_get(stats, "lines"), i, line)
        if (number(line, "fragments") > 0 && number(line, "restored") >= 0)
            good += (double)number(line, "fragments") - (double)number(line, "restored");
    return ctl_json_must(json_real(good + (double)broken > 0 ? (double)broken / (good + (double)broken) : 1));
}

/* Whether most bodies that came in fragments did not become whole. */
static bool loses_sets(const json_t *line)
{
    static const char *const lost[] = {"sets_broken", "sets_expired", "sets_displaced"};
    double count = 0;

    for (size_t i = 0; i < sizeof lost / sizeof lost[0]; i++)
        if (number(line, lost[i]) > 0)
            count += (double)number(line, lost[i]);
    return count > (double)number(line, "restored") && count > 0;
}

/* "ok", "1 of 2 missing", "1 missing, 1 deaf of 3"; NULL if it is not known. */
static json_t *lines_text(const json_t *stats)
{
    json_t *lines = json_object_get(stats, "lines"), *line;
    struct {
        const char *word;
        size_t lines;
    } faults[] = {{"missing", 0}, {"deaf", 0}, {"losing sets", 0}};
    size_t count = json_array_size(lines), kinds = 0, i;
    char text[96] = "";

    if (count == 0)
        return NULL;
    json_array_foreach (lines, i, line) {
        faults[0].lines += json_is_false(json_object_get(line, "open"));
        faults[1].lines += number(line, "deaf_s") >= 0;
        faults[2].lines += loses_sets(line);
    }
    for (i = 0; i < sizeof faults / sizeof faults[0]; i++)
        if (faults[i].lines > 0) {
            size_t len = strlen(text);
            (void)snprintf(text + len, sizeof text - len, "%s%zu %s", kinds++ > 0 ? ", " : "", faults[i].lines,
                           faults[i].word);
        }
    if (kinds == 0)
        return ctl_json_must(json_string("ok"));
    if (kinds > 1)
        return ctl_json_must(json_sprintf("%s, of %zu", text, count));
    const char *word = strchr(text, ' ') + 1;
    return ctl_json_must(json_sprintf("%.*sof %zu %s", (int)(word - text), text, count, word));
}

static void set_known(json_t *object, const char *name, json_t *value)
{
    if (value)
        ctl_json_set_take(object, name, value);
}

void ctl_gateway_print_list(const json_t *reports)
{
    static const struct ctl_column columns[] = {
        {"GATEWAY", "gateway", CTL_TEXT}, {"AUTH", "auth", CTL_TEXT},      {"ADDED", "added", CTL_TIME},
        {"STATE", "state", CTL_TEXT},     {"LAST FRAME", "age", CTL_TEXT}, {"QUEUE", "queue", CTL_NUMBER},
        {"BROKEN", "broken", CTL_SHARE},  {"LINES", "lines", CTL_TEXT},
    };
    json_t *rows = ctl_json_must(json_array()), *report;
    size_t i;

    json_array_foreach (reports, i, report) {
        const json_t *stats = json_object_get(report, "stats");
        json_t *row = ctl_json_must(json_copy(report));
        int64_t queue = number(stats, "queue");
        const char *storage = json_string_value(json_object_get(report, "storage"));
        if (storage && strcmp(storage, "failing") == 0)
            ctl_json_set_take(row, "state", json_string("online, disk fails"));
        set_known(row, "age", age_text(report));
        set_known(row, "queue", queue < 0 ? NULL : json_integer((json_int_t)queue));
        set_known(row, "broken", broken_share(stats));
        set_known(row, "lines", lines_text(stats));
        ctl_json_append_take(rows, row);
    }
    ctl_table_print(columns, sizeof columns / sizeof columns[0], rows);
    json_decref(rows);
}

static void set_time(json_t *object, const char *name)
{
    char text[CTL_CELL_SIZE];
    const json_t *time = json_object_get(object, name);

    if (json_is_integer(time))
        ctl_json_set_take(object, name, json_string(ctl_table_cell(text, time, CTL_TIME)));
}

void ctl_gateway_print(const json_t *report)
{
    json_t *shown = ctl_json_must(json_deep_copy(report)), *stats = json_object_get(shown, "stats"), *line;
    json_t *lines = json_incref(json_object_get(stats, "lines"));
    char name[32];
    size_t i;

    set_time(shown, "added");
    set_time(stats, "time");
    (void)json_object_del(shown, "frame_age_s");
    set_known(shown, "last frame", age_text(report));
    (void)json_object_del(stats, "lines");
    json_array_foreach (lines, i, line) {
        (void)snprintf(name, sizeof name, "line %zu", i + 1);
        ctl_json_set(stats, name, line);
    }
    json_decref(lines);
    if (stats) { /* at the end, after what is short */
        json_incref(stats);
        (void)json_object_del(shown, "stats");
        ctl_json_set_take(shown, "stats", stats);
    }
    ctl_print(shown, false);
    json_decref(shown);
}
