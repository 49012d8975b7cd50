/* SPDX-License-Identifier: Apache-2.0 */
/* The note beside a spool, PATH.instance: that there was one, so that a spool that is gone is not taken for one that
 * never was. Blocks on the disk; one thread. */
#ifndef SELKIE_GATEWAY_SPOOL_NOTE_H
#define SELKIE_GATEWAY_SPOOL_NOTE_H

#include <stdbool.h>
#include <stdint.h>

#define SELKIE_SPOOL_NOTE_LOG_MIN 4096 /* bytes; a log with a page in it has more */

struct selkie_spool_note {
    bool known;        /* there is a note */
    bool log_gone;     /* the spool has no log, but each spool leaves one */
    bool log_empty;    /* it has one with nothing in it, which none leaves */
    char instance[24]; /* that wrote the note */
};

/* Before the spool is opened. */
void selkie_spool_note_read(struct selkie_spool_note *note, const char *path);

/* After it was opened: log what is lost, and write the note where there is none. `fresh`: there was nothing to open. */
void selkie_spool_note_compare(const struct selkie_spool_note *note, const char *path, bool fresh, int64_t instance);

/* The spool was deleted on purpose: remove what it left beside it, its log and the note. */
void selkie_spool_note_forget(const char *path);

#endif
