/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict/report.h"

#include "core/say.h"
#include "verdict/chart.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *open_file(const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");

    if (!file)
        selkie_say("%s: %s", path, strerror(errno));
    return file;
}

static int close_file(FILE *file, const char *path)
{
    int failed = ferror(file) || fflush(file) != 0;

    if (file != stdout && fclose(file) != 0)
        failed = 1;
    if (failed)
        selkie_say("%s: %s", path, strerror(errno));
    return failed ? SELKIE_EIO : 0;
}

static json_t *metrics_json(const struct selkie_metrics *metrics)
{
    json_t *json = json_object();

    for (size_t i = 0; i < metrics->count; i++) {
        const struct selkie_metric *metric = &metrics->list[i];
        json_object_set_new(json, metric->name, json_real(metric->value));
    }
    return json;
}

static json_t *expectations_json(const struct selkie_world *world, const struct selkie_verdict *verdict)
{
    json_t *json = json_array();

    for (size_t i = 0; i < verdict->expect.count; i++) {
        const char *name = verdict->expect.list[i].name;
        json_array_append_new(json,
                              json_pack("{s:s, s:b, s:f, s:s}", "figure", name, "held", (int)verdict->holds[i], "is",
                                        selkie_metrics_get(&world->account.metrics, name), "text", verdict->text[i]));
    }
    return json;
}

static json_t *series_json(const struct selkie_series *series)
{
    static const char *const names[SELKIE_SERIES_LINES] = {
        [SELKIE_SERIES_SENT] = "sent",           [SELKIE_SERIES_HEARD] = "heard",
        [SELKIE_SERIES_DELIVERED] = "delivered", [SELKIE_SERIES_REJECTED] = "rejected",
        [SELKIE_SERIES_ALARMS] = "alarms",       [SELKIE_SERIES_AIR_MS] = "air_ms"};
    json_t *json = json_pack("{s:f}", "slot_s", (double)series->slot_us / 1e6);

    for (int line = 0; line < SELKIE_SERIES_LINES; line++) {
        json_t *values = json_array();
        for (unsigned i = 0; i < series->used; i++)
            json_array_append_new(values, json_real(series->lines[line][i]));
        json_object_set_new(json, names[line], values);
    }
    return json;
}

int selkie_sim_report_json(const struct selkie_world *world, const struct selkie_verdict *verdict, const char *path)
{
    const struct selkie_scenario *scenario = world->scenario;
    FILE *file = open_file(path);

    if (!file)
        return SELKIE_EIO;
    char frames[17];

    (void)snprintf(frames, sizeof frames, "%016" PRIx64, world->account.frames_digest);
    json_t *json = json_pack("{s:s, s:s, s:I, s:s, s:i, s:i, s:o, s:o, s:o}", "scenario", scenario->name, "version",
                             SELKIE_VERSION, "seed", (json_int_t)scenario->seed, "frames", frames, "devices",
                             (int)scenario->fleet.devices, "channels", (int)world->air->count, "figures",
                             metrics_json(&world->account.metrics), "expectations", expectations_json(world, verdict),
                             "series", series_json(&world->account.series));
    int failed = !json || json_dumpf(json, file, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) != 0;
    (void)fputc('\n', file);
    json_decref(json);
    int result = close_file(file, path);
    return failed ? SELKIE_EIO : result;
}

/* Names come from scenarios, which anybody may write. */
static void put_text(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            (void)fputs("&lt;", file);
            break;
        case '&':
            (void)fputs("&amp;", file);
            break;
        case '"':
            (void)fputs("&quot;", file);
            break;
        default:
            (void)fputc(*text, file);
        }
    }
}

static const char style[] =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2733}"
    "h1{margin-bottom:0}h2{margin:2rem 0 .5rem;font-size:1.1rem}table{border-collapse:collapse}"
    "td,th{padding:.15rem .8rem .15rem 0;text-align:left;vertical-align:top}td.n{text-align:right}"
    ".ok{color:#1b7f4b}.bad{color:#b3261e;font-weight:600}.tiles{display:flex;flex-wrap:wrap;gap:.8rem;margin:1rem 0}"
    ".tile{border:1px solid #d5dde5;border-radius:6px;padding:.5rem .9rem;min-width:7rem}.tile b{display:block;"
    "font-size:1.4rem}svg{width:100%;height:auto}.muted{color:#5b6b7a}"
    "@media(prefers-color-scheme:dark){body{background:#12181f;color:#dbe4ec}.tile{border-color:#33404d}}";

static void put_tiles(FILE *file, const struct selkie_metrics *metrics)
{
    static const struct {
        const char *name, *label, *unit;
        int decimals;
        double scale;
    } tiles[] = {{"sent", "sent", "", 0, 1},
                 {"delivered_share", "delivered", " %", 2, 100},
                 {"lost_on_air", "lost on the air", "", 0, 1},
                 {"lost_elsewhere", "lost elsewhere", "", 0, 1},
                 {"forged", "forged", "", 0, 1},
                 {"doubled", "doubled", "", 0, 1},
                 {"latency_p50_ms", "latency, median", " ms", 1, 1},
                 {"latency_p99_ms", "latency, p99", " ms", 1, 1},
                 {"air_use", "air used", " %", 1, 100}};

    (void)fputs("<div class=tiles>", file);
    for (size_t i = 0; i < sizeof tiles / sizeof tiles[0]; i++)
        (void)fprintf(file, "<div class=tile><b>%.*f%s</b>%s</div>", tiles[i].decimals,
                      tiles[i].scale * selkie_metrics_get(metrics, tiles[i].name), tiles[i].unit, tiles[i].label);
    (void)fputs("</div>\n", file);
}

static void put_expectations(FILE *file, const struct selkie_verdict *verdict)
{
    (void)fputs("<h2>Expectations</h2><table>\n", file);
    for (size_t i = 0; i < verdict->expect.count; i++) {
        bool holds = verdict->holds[i];
        (void)fprintf(file, "<tr><td class=%s>%s<td>", holds ? "ok" : "bad", holds ? "held" : "FAILED");
        put_text(file, verdict->text[i]);
        (void)fputc('\n', file);
    }
    (void)fputs("</table>\n", file);
}

static void put_metrics(FILE *file, const struct selkie_metrics *metrics)
{
    (void)fputs("<h2>All figures</h2><table>\n", file);
    for (size_t i = 0; i < metrics->count; i++) {
        (void)fputs("<tr><td>", file);
        put_text(file, metrics->list[i].name);
        (void)fprintf(file, "<td class=n>%.6g\n", metrics->list[i].value);
    }
    (void)fputs("</table>\n", file);
}

int selkie_sim_report_html(const struct selkie_world *world, const struct selkie_verdict *verdict, const char *path)
{
    const struct selkie_scenario *scenario = world->scenario;
    FILE *file = open_file(path);

    if (!file)
        return SELKIE_EIO;
    (void)fprintf(file, "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport "
                        "content=\"width=device-width\"><title>Selkie: ");
    put_text(file, scenario->name);
    (void)fprintf(file, "</title><style>%s</style>\n<h1>", style);
    put_text(file, scenario->name);
    (void)fputs("</h1><p>", file);
    put_text(file, scenario->description);
    (void)fprintf(file,
                  "<p class=muted>%u devices, %u channels, seed %" PRIu64 ", %.0f s of virtual time in %.1f s, "
                  "selkie-sim " SELKIE_VERSION "\n",
                  scenario->fleet.devices, world->air->count, scenario->seed,
                  selkie_metrics_get(&world->account.metrics, "duration_s"),
                  selkie_metrics_get(&world->account.metrics, "wall_s"));
    put_tiles(file, &world->account.metrics);
    put_expectations(file, verdict);
    selkie_chart_delivery(file, &world->account.series);
    selkie_chart_latency(file, selkie_verify_latency(world->account.verify));
    selkie_chart_air(file, &world->account.series, world->air->count);
    selkie_chart_events(file, &world->account.series);
    put_metrics(file, &world->account.metrics);
    (void)fputs("</html>\n", file);
    return close_file(file, path);
}
