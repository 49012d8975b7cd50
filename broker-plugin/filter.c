/* SPDX-License-Identifier: Apache-2.0 */
#include "filter.h"

#include <stddef.h>
#include <string.h>

struct level {
    const char *text;
    size_t len;
};

/* The level at *filter, which moves behind it; false at the end. */
static bool next_level(const char **filter, struct level *level)
{
    if (!*filter)
        return false;
    level->text = *filter;
    level->len = strcspn(*filter, "/");
    *filter = level->text[level->len] == '/' ? level->text + level->len + 1 : NULL;
    return true;
}

static bool is(const struct level *level, char wildcard)
{
    return level->len == 1 && level->text[0] == wildcard;
}

static bool same(const struct level *a, const struct level *b)
{
    return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

/* A wildcard at the start matches no topic that begins with '$'. */
static bool parted_by_dollar(const char *a, const char *b)
{
    return (a[0] == '$' && (b[0] == '+' || b[0] == '#')) || (b[0] == '$' && (a[0] == '+' || a[0] == '#'));
}

bool selkie_filter_covers(const char *wide, const char *narrow)
{
    struct level w, n;

    if (parted_by_dollar(wide, narrow))
        return false;
    while (next_level(&wide, &w)) {
        if (is(&w, '#'))
            return true;
        if (!next_level(&narrow, &n) || is(&n, '#') || !(is(&w, '+') || same(&w, &n)))
            return false;
        if (!narrow && wide && strcmp(wide, "#") == 0) /* "a/#" matches "a" as well */
            return true;
    }
    return !narrow;
}

bool selkie_filter_overlaps(const char *a, const char *b)
{
    struct level x, y;

    if (parted_by_dollar(a, b))
        return false;
    for (;;) {
        bool has_x = next_level(&a, &x), has_y = next_level(&b, &y);
        if ((has_x && is(&x, '#')) || (has_y && is(&y, '#')))
            return true;
        if (!has_x || !has_y)
            return has_x == has_y;
        if (!is(&x, '+') && !is(&y, '+') && !same(&x, &y))
            return false;
    }
}
