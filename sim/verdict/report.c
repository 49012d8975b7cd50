/* SPDX-License-Identifier: Apache-2.0 */
/* The written report: JSON, and one HTML file with charts. */
#include "verdict/verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WIDTH  800.0
#define HEIGHT 200.0
#define LEFT   60.0
#define BOTTOM 30.0
#define TOP    20.0
#define TICKS  4

FILE *selkie_sim_report_open(const char *path)
{
    bool is_stdout = strcmp(path, "-") == 0;
    int fd = is_stdout ? -1 : open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
    /* A FIFO without a reader is refused; to one that reads slowly, writing waits. */
    FILE *file = is_stdout ? stdout : fd < 0 || fcntl(fd, F_SETFL, 0) != 0 ? NULL : fdopen(fd, "w");

    if (!file)
        selkie_say("%s: %s", path, strerror(errno));
    if (!file && fd >= 0)
        (void)close(fd);
    return file;
}

/* A report of an earlier run goes only now. Nothing else (a pipe, a terminal) can be cut. */
static void empty_file(FILE *file)
{
    struct stat info;

    if (file != stdout && fstat(fileno(file), &info) == 0 && S_ISREG(info.st_mode) && ftruncate(fileno(file), 0) != 0)
        selkie_say("report: %s", strerror(errno));
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

static json_t *expectations_json(const struct selkie_world *world, const struct selkie_sim_verdict *verdict)
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

int selkie_sim_report_json(const struct selkie_world *world, const struct selkie_sim_verdict *verdict, FILE *file,
                           const char *path)
{
    const struct selkie_scenario *scenario = world->scenario;
    char frames[17];

    empty_file(file);
    (void)snprintf(frames, sizeof frames, "%016" PRIx64, world->account.frames_digest);
    json_t *json = json_pack("{s:s, s:s, s:I, s:s, s:i, s:i, s:o, s:o, s:o}", "scenario", scenario->name, "version",
                             SELKIE_VERSION, "seed", (json_int_t)scenario->seed, "frames", frames, "devices",
                             (int)scenario->fleet.devices, "channels", (int)world->air.count, "figures",
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
        const char *entity = *text == '<' ? "&lt;" : *text == '&' ? "&amp;" : *text == '"' ? "&quot;" : NULL;
        if (entity)
            (void)fputs(entity, file);
        else
            (void)fputc(*text, file);
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

static void put_expectations(FILE *file, const struct selkie_sim_verdict *verdict)
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

/* 1, 2 or 5 times a power of ten: the next one up. */
static double nice_number(double value)
{
    if (value <= 0)
        return 1;
    double power = pow(10, floor(log10(value))), lead = value / power;
    return (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10) * power;
}

static void begin_chart(FILE *file, const char *title, double top, const char *unit)
{
    (void)fprintf(file, "<h2>%s</h2><svg viewBox=\"0 0 %.0f %.0f\" font-size=11 fill=currentColor>\n", title, WIDTH,
                  HEIGHT + BOTTOM + TOP);
    for (int i = 0; i <= TICKS; i++) {
        double y = TOP + HEIGHT - HEIGHT * i / TICKS;
        (void)fprintf(file,
                      "<line x1=%.0f x2=%.0f y1=%.1f y2=%.1f stroke=currentColor stroke-opacity=.15 /><text x=%.0f "
                      "y=%.1f text-anchor=end>%.3g%s</text>\n",
                      LEFT, WIDTH, y, y, LEFT - 6, y + 4, top * i / TICKS, unit);
    }
}

static const char *time_unit(double seconds, double *divisor)
{
    *divisor = seconds > 2 * 86400 ? 86400 : seconds > 7200 ? 3600 : seconds > 120 ? 60 : 1;
    return *divisor > 3600 ? "d" : *divisor > 60 ? "h" : *divisor > 1 ? "min" : "s";
}

static void time_axis(FILE *file, const struct selkie_series *series)
{
    double seconds = (double)series->slot_us * series->used / 1e6, divisor;
    const char *unit = time_unit(seconds, &divisor);

    for (int i = 0; i <= TICKS; i++)
        (void)fprintf(file, "<text x=%.1f y=%.0f text-anchor=%s>%.3g %s</text>\n", LEFT + (WIDTH - LEFT) * i / TICKS,
                      TOP + HEIGHT + 18, i == TICKS ? "end" : "middle", seconds * i / TICKS / divisor, unit);
}

struct curve {
    const char *label, *colour;
    enum selkie_series_line line;
};

/* A chart of curves; `scale` makes the unit of what a slot has. */
static void over_time(FILE *file, const char *title, const char *unit, const struct selkie_series *series, double scale,
                      const struct curve *curves, size_t count)
{
    double top = 0;

    for (size_t i = 0; i < count; i++) {
        for (unsigned slot = 0; slot < series->used; slot++)
            top = fmax(top, series->lines[curves[i].line][slot] * scale);
    }
    top = nice_number(top);
    begin_chart(file, title, top, unit);
    time_axis(file, series);
    for (size_t i = 0; i < count; i++) {
        const double *values = series->lines[curves[i].line];
        (void)fprintf(file, "<text x=%.0f y=12 fill=\"%s\">%s</text>\n", LEFT + 130.0 * (double)i, curves[i].colour,
                      curves[i].label);
        (void)fprintf(file, "<polyline fill=none stroke=\"%s\" stroke-width=1.5 points=\"", curves[i].colour);
        for (unsigned slot = 0; slot < series->used; slot++)
            (void)fprintf(file, "%.1f,%.1f ", LEFT + (WIDTH - LEFT) * (slot + 0.5) / series->used,
                          TOP + HEIGHT - HEIGHT * values[slot] * scale / top);
        (void)fputs("\" />\n", file);
    }
    (void)fputs("</svg>\n", file);
}

/* Bars over a logarithmic axis, as the histogram's buckets are: two of them to a bar. */
static void chart_latency(FILE *file, const struct selkie_histogram *latency)
{
    unsigned first = SELKIE_HISTOGRAM_BUCKETS, last = 0;
    double top = 0;

    for (unsigned i = 0; i < SELKIE_HISTOGRAM_BUCKETS; i++) {
        if (latency->buckets[i] == 0)
            continue;
        first = i < first ? i : first;
        last = i;
        top = fmax(top, latency->buckets[i]);
    }
    top = nice_number(top);
    begin_chart(file, "Latency from gateway to topic (logarithmic)", top, "");
    unsigned count = first <= last ? last - first + 1 : 0;
    for (unsigned i = 0; i < count; i++) {
        double height = HEIGHT * latency->buckets[first + i] / top, width = (WIDTH - LEFT) / count;
        (void)fprintf(file, "<rect x=%.1f y=%.1f width=%.1f height=%.1f fill=#2f6fde />\n", LEFT + width * i,
                      TOP + HEIGHT - height, fmax(width - 1, 0.5), height);
        if (i % (count / TICKS + 1) == 0)
            (void)fprintf(file, "<text x=%.1f y=%.0f>%.3g ms</text>\n", LEFT + width * i, TOP + HEIGHT + 18,
                          (double)selkie_histogram_edge(first + i) / 1e3);
    }
    (void)fputs("</svg>\n", file);
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

static void put_charts(FILE *file, const struct selkie_world *world)
{
    static const struct curve delivery[] = {{"sent", "#8a97a5", SELKIE_SERIES_SENT},
                                            {"heard by a gateway", "#c98500", SELKIE_SERIES_HEARD},
                                            {"delivered", "#1b7f4b", SELKIE_SERIES_DELIVERED}};
    static const struct curve air[] = {{"signals' time on the air, all channels", "#2f6fde", SELKIE_SERIES_AIR_MS}};
    static const struct curve events[] = {{"rejected", "#c98500", SELKIE_SERIES_REJECTED},
                                          {"alarms", "#b3261e", SELKIE_SERIES_ALARMS}};
    const struct selkie_series *series = &world->account.series;
    double slot_s = (double)series->slot_us / 1e6;

    over_time(file, "Delivery: payloads a second", "", series, 1 / slot_s, delivery, 3);
    chart_latency(file, &world->account.verify.latency);
    over_time(file, "Air use", " %", series, 0.1 / (slot_s * world->air.count), air, 1);
    over_time(file, "Rejections and alarms", "", series, 1, events, 2);
}

int selkie_sim_report_html(const struct selkie_world *world, const struct selkie_sim_verdict *verdict, FILE *file,
                           const char *path)
{
    const struct selkie_scenario *scenario = world->scenario;

    empty_file(file);
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
                  scenario->fleet.devices, world->air.count, scenario->seed,
                  selkie_metrics_get(&world->account.metrics, "duration_s"),
                  selkie_metrics_get(&world->account.metrics, "wall_s"));
    put_tiles(file, &world->account.metrics);
    put_expectations(file, verdict);
    put_charts(file, world);
    put_metrics(file, &world->account.metrics);
    (void)fputs("</html>\n", file);
    return close_file(file, path);
}
