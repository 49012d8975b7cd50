/* SPDX-License-Identifier: Apache-2.0 */
/* The note beside a spool, PATH.instance: that there was one, so that a spool that is gone is not taken for one that
 * never was. Blocks on the disk; one thread. */
#ifndef SELKIE_GATEWAY_SPOOL_NOTE_H
#define SELKIE_GATEWAY_SPOOL_NOTE_H

#include <stdbool.h>
#include <stdint.h>

struct selkie_spool_note {
    bool known;        /* there is a note */
    bool log_gone;     /* the spool has no log, but each spool leaves one */
    char instance[24]; /* that wrote the note */
};

/* Before the spool is opened. */
void selkie_spool_note_read(struct selkie_spool_note *note, const char *path);

/* After it was opened: log what is lost, and write the note where there is none. `fresh`: there was nothing to open. */
void selkie_spool_note_compare(const struct selkie_spool_note *note, const char *path, bool fresh, int64_t instance);

#endif
