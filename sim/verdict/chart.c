/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict/chart.h"

#include <math.h>

#define WIDTH  800.0
#define HEIGHT 200.0
#define LEFT   60.0
#define BOTTOM 30.0
#define TOP    20.0
#define TICKS  4

struct curve {
    const char *label, *colour;
    const double *values;
    double scale;
};

/* 1, 2 or 5 times a power of ten: the next one up. */
static double nice(double value)
{
    if (value <= 0)
        return 1;
    double power = pow(10, floor(log10(value))), lead = value / power;
    return (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10) * power;
}

static void begin(FILE *file, const char *title, double top, const char *unit)
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

static void legend(FILE *file, const struct curve *curves, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)fprintf(file, "<text x=%.0f y=12 fill=\"%s\">%s</text>\n", LEFT + 130.0 * (double)i, curves[i].colour,
                      curves[i].label);
}

static void over_time(FILE *file, const char *title, const char *unit, const struct selkie_series *series,
                      const struct curve *curves, size_t count)
{
    double top = 0;

    for (size_t i = 0; i < count; i++) {
        for (unsigned slot = 0; slot < series->used; slot++)
            top = fmax(top, curves[i].values[slot] * curves[i].scale);
    }
    top = nice(top);
    begin(file, title, top, unit);
    time_axis(file, series);
    legend(file, curves, count);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(file, "<polyline fill=none stroke=\"%s\" stroke-width=1.5 points=\"", curves[i].colour);
        for (unsigned slot = 0; slot < series->used; slot++)
            (void)fprintf(file, "%.1f,%.1f ", LEFT + (WIDTH - LEFT) * (slot + 0.5) / series->used,
                          TOP + HEIGHT - HEIGHT * curves[i].values[slot] * curves[i].scale / top);
        (void)fputs("\" />\n", file);
    }
    (void)fputs("</svg>\n", file);
}

void selkie_chart_delivery(FILE *file, const struct selkie_series *series)
{
    double a_second = 1e6 / (double)series->slot_us;
    const struct curve curves[] = {{"sent", "#8a97a5", series->lines[SELKIE_SERIES_SENT], a_second},
                                   {"heard by a gateway", "#c98500", series->lines[SELKIE_SERIES_HEARD], a_second},
                                   {"delivered", "#1b7f4b", series->lines[SELKIE_SERIES_DELIVERED], a_second}};

    over_time(file, "Delivery: payloads a second", "", series, curves, sizeof curves / sizeof curves[0]);
}

void selkie_chart_air(FILE *file, const struct selkie_series *series, uint32_t channels)
{
    const struct curve curves[] = {{"signals' time on the air, all channels", "#2f6fde",
                                    series->lines[SELKIE_SERIES_AIR_MS], 1e5 / ((double)series->slot_us * channels)}};

    over_time(file, "Air use", " %", series, curves, 1);
}

void selkie_chart_events(FILE *file, const struct selkie_series *series)
{
    const struct curve curves[] = {{"rejected", "#c98500", series->lines[SELKIE_SERIES_REJECTED], 1},
                                   {"alarms", "#b3261e", series->lines[SELKIE_SERIES_ALARMS], 1}};

    over_time(file, "Rejections and alarms", "", series, curves, sizeof curves / sizeof curves[0]);
}

/* Bars over a logarithmic axis, as the histogram's buckets are: two of them to a bar. */
void selkie_chart_latency(FILE *file, const struct selkie_sim_histogram *latency)
{
    unsigned first = SELKIE_SIM_HISTOGRAM_BUCKETS, last = 0;
    double top = 0;

    for (unsigned i = 0; i < SELKIE_SIM_HISTOGRAM_BUCKETS; i++) {
        if (latency->buckets[i] == 0)
            continue;
        first = i < first ? i : first;
        last = i;
        top = fmax(top, latency->buckets[i]);
    }
    top = nice(top);
    begin(file, "Latency from gateway to topic (logarithmic)", top, "");
    unsigned count = first <= last ? last - first + 1 : 0;
    for (unsigned i = 0; i < count; i++) {
        double height = HEIGHT * latency->buckets[first + i] / top, width = (WIDTH - LEFT) / count;
        (void)fprintf(file, "<rect x=%.1f y=%.1f width=%.1f height=%.1f fill=#2f6fde />\n", LEFT + width * i,
                      TOP + HEIGHT - height, fmax(width - 1, 0.5), height);
        if (i % (count / TICKS + 1) == 0)
            (void)fprintf(file, "<text x=%.1f y=%.0f>%.3g ms</text>\n", LEFT + width * i, TOP + HEIGHT + 18,
                          (double)selkie_sim_histogram_edge(first + i) / 1e3);
    }
    (void)fputs("</svg>\n", file);
}
