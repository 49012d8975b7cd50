/* SPDX-License-Identifier: Apache-2.0 */
#include "recording.h"
#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

struct reader {
    double began; /* seconds, of the first edge */
    double last;
    int level;
    bool known; /* the level before */
};

/* One line of a level. Returns false if it is wrong. */
static bool take_line(struct recording *recording, struct reader *reader, const char *line)
{
    double time;
    int level;
    if (sscanf(line, "%lf ,%d", &time, &level) != 2 || (level != 0 && level != 1))
        return false;
    if (reader->known && time < reader->last)
        return false;
    reader->last = time;
    if (reader->known && level != reader->level) {
        if (recording->count == 0)
            reader->began = time;
        double since_us = round((time - reader->began) * 1e6);
        if (recording->count == RECORDING_EDGES_MAX || since_us > UINT32_MAX)
            return false;
        recording->edges[recording->count++] = (uint32_t)since_us;
    }
    reader->level = level;
    reader->known = true;
    return true;
}

int recording_read(struct recording *recording, FILE *file)
{
    struct reader reader = {0};
    char line[512];
    int number = 0;
    memset(recording, 0, sizeof *recording);
    while (fgets(line, sizeof line, file) != NULL) {
        bool whole = strchr(line, '\n') != NULL || feof(file);
        bool header = number++ == 0 && isalpha((unsigned char)line[0]);
        if (!whole || (!header && !take_line(recording, &reader, line)))
            return number;
    }
    return ferror(file) || recording->count == 0 ? number + (number == 0) : 0;
}

static uint32_t longer(uint32_t one, uint32_t other)
{
    return one > other ? one : other;
}

/* The moment that ends before edge `end`. Edges turn the level round, so an odd number of them is a closed contact. */
static void end_moment(struct recording_summary *summary, size_t begin, size_t end)
{
    summary->moments++;
    if ((end - begin) % 2 == 0)
        summary->glitches++;
    else if (end % 2 == 1)
        summary->presses++;
    else
        summary->releases++;
}

struct recording_summary recording_summarize(const struct recording *recording, uint32_t bounce_us)
{
    struct recording_summary summary = {.shortest_rest_us = UINT32_MAX};
    const uint32_t *edges = recording->edges;
    size_t begin = 0;
    for (size_t i = 1; i < recording->count; i++) {
        uint32_t pause = edges[i] - edges[i - 1];
        if (pause < bounce_us) {
            summary.longest_pause_us = longer(summary.longest_pause_us, pause);
            summary.longest_bounce_us = longer(summary.longest_bounce_us, edges[i] - edges[begin]);
            continue;
        }
        if (pause < summary.shortest_rest_us)
            summary.shortest_rest_us = pause;
        end_moment(&summary, begin, i);
        begin = i;
    }
    end_moment(&summary, begin, recording->count);
    return summary;
}
