/* SPDX-License-Identifier: Apache-2.0 */
/* The live view on stderr, and the summary at the end. */
#include "verdict/verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REDRAW_US 250000u
#define LINE_US   5000000u

static const char *const groups[] = {"events", "rejected", "attacks", "results"};
#define GROUPS_LIVE 3 /* the last at the end only */

/* Take the drawing off the screen: what is said next stands in its place. */
static void clear(void *context)
{
    struct selkie_view *view = context;

    if (view->lines > 0)
        (void)fprintf(stderr, "\033[%uA\033[J", view->lines);
    view->lines = 0;
}

void selkie_view_init(struct selkie_view *view, bool quiet)
{
    const char *term = getenv("TERM");

    memset(view, 0, sizeof *view);
    view->quiet = quiet;
    view->terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    selkie_say_hook(clear, view);
}

void selkie_view_end(struct selkie_view *view)
{
    view->lines = 0;
    view->quiet = true;
    selkie_say_hook(NULL, NULL);
}

static double get(const struct selkie_world *world, const char *name)
{
    return selkie_metrics_get(&world->account.metrics, name);
}

static void format_time(char text[static 24], double seconds)
{
    uint64_t s = (uint64_t)seconds;

    if (s < 86400)
        (void)snprintf(text, 24, "%02u:%02u:%02u", (unsigned)(s / 3600), (unsigned)(s / 60 % 60), (unsigned)(s % 60));
    else
        (void)snprintf(text, 24, "%ud %02u:%02u", (unsigned)(s / 86400), (unsigned)(s / 3600 % 24),
                       (unsigned)(s / 60 % 60));
}

/* The metrics of a group, each behind `separator`; what does not fit is cut off. */
static const char *group(char *text, size_t size, const struct selkie_world *world, const char *name,
                         const char *separator)
{
    const struct selkie_metrics *metrics = &world->account.metrics;
    size_t fill = 0, len = strlen(name);

    text[0] = '\0';
    for (size_t i = 0; i < metrics->count && fill < size; i++) {
        const struct selkie_metric *metric = &metrics->list[i];
        if (strncmp(metric->name, name, len) == 0 && metric->name[len] == '.')
            fill += (size_t)snprintf(text + fill, size - fill, "%s %s %.0f", fill > 0 ? separator : "",
                                     metric->name + len + 1, metric->value);
    }
    return text;
}

static void draw(struct selkie_view *view, const struct selkie_world *world)
{
    static const char full[] = "##############################", empty[] = "..............................";
    char now[24], end[24], text[160];
    double done = get(world, "duration_s") / world->scenario->duration_s;
    int bar = done < 1 ? (int)(done * (int)strlen(full) + 0.5) : (int)strlen(full);
    uint32_t on = 0;

    for (uint32_t i = 0; i < world->fleet.count; i++)
        on += world->fleet.devices[i].on;
    clear(view);
    format_time(now, get(world, "duration_s"));
    format_time(end, world->scenario->duration_s);
    (void)fprintf(stderr,
                  "%s  [%.*s%s]  %s of %s%s\n"
                  "fleet       %u of %u devices on, %.0f resets, air %.1f %% used, %.1f %% of signals collided\n"
                  "payloads    %.0f sent, %.0f delivered (%.2f %%), %.0f lost on the air, %.0f on their way\n"
                  "wrong       %.0f forged, %.0f impersonated, %.0f doubled\n"
                  "latency     %.1f ms median, %.1f ms p99, from gateway to topic\n",
                  world->scenario->name, bar, full, empty + bar, now, end,
                  world->run.clock.held ? "  (waiting for the broker)" : "", on, world->fleet.count,
                  get(world, "resets"), 100 * get(world, "air_use"), 100 * get(world, "collided_share"),
                  get(world, "sent"), get(world, "delivered"), 100 * get(world, "delivered_share"),
                  get(world, "lost_on_air"), get(world, "lost_elsewhere"), get(world, "forged"),
                  get(world, "impersonated"), get(world, "doubled"), get(world, "latency_p50_ms"),
                  get(world, "latency_p99_ms"));
    view->lines = 5;
    for (size_t i = 0; i < GROUPS_LIVE; i++) {
        if (group(text, sizeof text, world, groups[i], " ")[0] == '\0')
            continue;
        (void)fprintf(stderr, "%-10s %s\n", groups[i], text);
        view->lines++;
    }
}

void selkie_view_update(struct selkie_view *view, struct selkie_world *world)
{
    uint64_t now_us = selkie_wall_us();

    if (view->quiet || now_us < view->drawn_us + (view->terminal ? REDRAW_US : LINE_US))
        return;
    view->drawn_us = now_us;
    selkie_verdict_metrics(world);
    if (view->terminal) {
        draw(view, world);
        return;
    }
    char now[24];
    format_time(now, get(world, "duration_s"));
    (void)fprintf(
        stderr,
        "%s %s: %.0f sent, %.0f delivered, %.0f lost on the air, %.0f on their way, %.0f forged, %.0f rejected, "
        "p99 %.1f ms\n",
        world->scenario->name, now, get(world, "sent"), get(world, "delivered"), get(world, "lost_on_air"),
        get(world, "lost_elsewhere"), get(world, "forged"), get(world, "rejected_total"), get(world, "latency_p99_ms"));
}

void selkie_view_summary(const struct selkie_world *world, const struct selkie_sim_verdict *verdict, FILE *file)
{
    char virtual[24], text[SELKIE_METRICS_MAX * SELKIE_METRIC_NAME_MAX];

    format_time(virtual, get(world, "duration_s"));
    (void)fprintf(file, "%s, seed %" PRIu64 ": %s of virtual time in %.1f s\n", world->scenario->name,
                  world->scenario->seed, virtual, get(world, "wall_s"));
    (void)fprintf(file,
                  "sent %.0f, delivered %.0f, lost on the air %.0f, lost elsewhere %.0f, doubled %.0f, forged %.0f, "
                  "impersonated %.0f\n",
                  get(world, "sent"), get(world, "delivered"), get(world, "lost_on_air"), get(world, "lost_elsewhere"),
                  get(world, "doubled"), get(world, "forged"), get(world, "impersonated"));
    (void)fprintf(
        file, "latency from gateway to topic: median %.1f ms, p99 %.1f ms; air %.1f %% used; %.0f MB, %.1f s of CPU\n",
        get(world, "latency_p50_ms"), get(world, "latency_p99_ms"), 100 * get(world, "air_use"),
        get(world, "memory_mb"), get(world, "cpu_s"));
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        group(text, sizeof text, world, groups[i], ",");
        (void)fprintf(file, "%s:%s\n", groups[i], text[0] != '\0' ? text : " none");
    }
    for (size_t i = 0; i < verdict->expect.count; i++)
        (void)fprintf(file, "  %s %s\n", verdict->holds[i] ? "ok    " : "FAILED", verdict->text[i]);
    (void)fprintf(file, "%s: %u of %zu expectations held\n", verdict->held ? "passed" : "failed", verdict->held_count,
                  verdict->expect.count);
}
