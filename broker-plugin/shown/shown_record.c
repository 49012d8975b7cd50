/* SPDX-License-Identifier: Apache-2.0 */
#include "shown/shown_record.h"

#include <stdlib.h>
#include <string.h>

struct selkie_shown_text *selkie_shown_text_intern(struct selkie_shown_text **texts, const char *text, unsigned number)
{
    struct selkie_shown_text *found;
    size_t len = strlen(text);

    HASH_FIND(hh, *texts, text, len, found);
    if (found || !(found = calloc(1, sizeof *found + len + 1)))
        return found;
    memcpy(found->text, text, len);
    found->number = number;
    HASH_ADD_KEYPTR(hh, *texts, found->text, len, found);
    return found;
}

void selkie_shown_text_tidy(struct selkie_shown_text **texts)
{
    struct selkie_shown_text *next;
    unsigned number = 0;

    for (struct selkie_shown_text *text = *texts; text; text = next) {
        next = text->hh.next;
        if (text->used) {
            text->number = ++number;
            text->used = false;
            continue;
        }
        HASH_DEL(*texts, text);
        free(text);
    }
}

bool selkie_shown_begins(const struct selkie_shown_text *text, const char *line)
{
    size_t len = strlen(line);

    return text && strncmp(text->text, line, len) == 0 && text->text[len] == '\n';
}

static void move(struct selkie_shown_record *of, unsigned to, unsigned from)
{
    of->former[to] = of->former[from];
    of->told[to] = of->told[from];
    of->answered[to] = of->answered[from];
}

void selkie_shown_record_change(struct selkie_shown_record *of, const struct selkie_shown_text *text)
{
    unsigned place = 0;

    if (of->now) {
        while (place < SELKIE_SHOWN_FORMER_MAX - 1 && of->former[place] && of->former[place] != of->now)
            place++;
        for (; place > 0; place--)
            move(of, place, place - 1);
        of->former[0] = of->now;
        of->told[0] = of->answered[0] = false;
    }
    of->now = text;
}

void selkie_shown_record_drop(struct selkie_shown_record *of, unsigned place)
{
    for (; place + 1 < SELKIE_SHOWN_FORMER_MAX; place++)
        move(of, place, place + 1);
    of->former[place] = NULL;
}

bool selkie_shown_record_is_owed(const struct selkie_shown_record *of)
{
    for (unsigned i = 0; i < SELKIE_SHOWN_FORMER_MAX && of->former[i]; i++)
        if (!of->told[i])
            return true;
    return false;
}

static void mark(const struct selkie_shown_text *text)
{
    if (text)
        ((struct selkie_shown_text *)text)->used = true; /* all are of a set, and so not constant */
}

void selkie_shown_record_mark(const struct selkie_shown_record *of)
{
    mark(of->now);
    for (unsigned i = 0; i < SELKIE_SHOWN_FORMER_MAX; i++)
        mark(of->former[i]);
}
