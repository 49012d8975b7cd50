/* SPDX-License-Identifier: Apache-2.0 */
#include "figures.h"

#include <stdio.h>
#include <string.h>

static const struct selkie_figure *find(const struct selkie_figures *figures, const char *name)
{
    for (size_t i = 0; i < figures->count; i++) {
        if (strcmp(figures->list[i].name, name) == 0)
            return &figures->list[i];
    }
    return NULL;
}

static struct selkie_figure *find_or_make(struct selkie_figures *figures, const char *group, const char *name)
{
    char full[SELKIE_FIGURE_NAME_MAX];

    (void)snprintf(full, sizeof full, "%s%s%s", group != NULL ? group : "", group != NULL ? "." : "", name);
    const struct selkie_figure *found = find(figures, full);
    if (found != NULL)
        return &figures->list[found - figures->list];
    if (figures->count == SELKIE_FIGURES_MAX)
        return NULL;
    struct selkie_figure *made = &figures->list[figures->count++];
    memcpy(made->name, full, sizeof full);
    made->value = 0;
    return made;
}

void selkie_figures_set(struct selkie_figures *figures, const char *group, const char *name, double value)
{
    struct selkie_figure *figure = find_or_make(figures, group, name);

    if (figure != NULL)
        figure->value = value;
}

void selkie_figures_add(struct selkie_figures *figures, const char *group, const char *name, double value)
{
    struct selkie_figure *figure = find_or_make(figures, group, name);

    if (figure != NULL)
        figure->value += value;
}

bool selkie_figures_has(const struct selkie_figures *figures, const char *name)
{
    return find(figures, name) != NULL;
}

double selkie_figures_get(const struct selkie_figures *figures, const char *name)
{
    const struct selkie_figure *figure = find(figures, name);

    return figure != NULL ? figure->value : 0;
}
