/* SPDX-License-Identifier: Apache-2.0 */
/* What one device is shown of one kind, and what it was shown before: shown.h. Pure; one thread. */
#ifndef SELKIE_PLUGIN_SHOWN_RECORD_H
#define SELKIE_PLUGIN_SHOWN_RECORD_H

#include <stdbool.h>
#include <uthash.h>

#define SELKIE_SHOWN_FORMER_MAX 3 /* for a device and kind; of more, the oldest is forgotten */

/* One for all devices that are shown the same. */
struct selkie_shown_text {
    unsigned number; /* in the file, from 1 */
    bool used;
    UT_hash_handle hh;
    char text[];
};

struct selkie_shown_record {
    const struct selkie_shown_text *now;                             /* NULL = nothing */
    const struct selkie_shown_text *former[SELKIE_SHOWN_FORMER_MAX]; /* the newest first; NULL at the end */
    bool told[SELKIE_SHOWN_FORMER_MAX]; /* it was taken back in this run, but a crash or an absent reader may undo it */
    bool answered[SELKIE_SHOWN_FORMER_MAX]; /* and that while its reader was there: see discovery_past.h */
};

/* The text of the set that reads so; a new one gets the number. NULL without memory. */
struct selkie_shown_text *selkie_shown_text_intern(struct selkie_shown_text **texts, const char *text, unsigned number);
/* Free the texts that were not marked, and number the others from 1. */
void selkie_shown_text_tidy(struct selkie_shown_text **texts);
/* Whether a text begins with this line; NULL does not. */
bool selkie_shown_begins(const struct selkie_shown_text *text, const char *line);

/* Show a text (NULL = nothing): what was shown is the first of the former ones, once, and not told. */
void selkie_shown_record_change(struct selkie_shown_record *of, const struct selkie_shown_text *text);
/* Forget the former one with this place in the list. */
void selkie_shown_record_drop(struct selkie_shown_record *of, unsigned place);
/* Whether some of the former ones were not told. */
bool selkie_shown_record_is_owed(const struct selkie_shown_record *of);
/* Mark its texts. */
void selkie_shown_record_mark(const struct selkie_shown_record *of);

#endif
