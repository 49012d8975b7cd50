/* SPDX-License-Identifier: Apache-2.0 */
/* The file of shown.h: lines of JSON that are appended, and written anew from time to time. It knows a line's form, and
 * shown.c what a line means. The first line has the version. `text` gives a text a number, `device` says that a device
 * is shown a text (0 = nothing) from now on, `sure` that a former one is gone, `doubt` whether what was shown before is
 * not known for every device.
 *
 * What cannot be read, or only in part, is never overwritten: it is kept as shown.damaged. What is no longer appended
 * to is removed, because a file that lacks changes would be believed. Each fault is logged once, and its end too. On
 * Mosquitto's thread. */
#ifndef SELKIE_PLUGIN_SHOWN_FILE_H
#define SELKIE_PLUGIN_SHOWN_FILE_H

#include <selkie/error.h>
#include <selkie/frame.h>

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct selkie_shown_file {
    char path[PATH_MAX], new_path[PATH_MAX], damaged_path[PATH_MAX]; /* "" = nothing is kept */
    FILE *file;      /* what is appended to; NULL = it cannot be written */
    FILE *fresh;     /* while it is written anew: what is put goes here */
    long appended;   /* bytes since */
    bool unread;     /* what is there could not be read: it must be set aside first */
    bool failed;     /* that was logged */
    int64_t next_us; /* when it is looked at again */
};

enum selkie_shown_knowledge {
    SELKIE_SHOWN_READ,    /* all of it */
    SELKIE_SHOWN_MISSING, /* there is no file */
    SELKIE_SHOWN_DAMAGED  /* not or not wholly; that is logged in one line */
};

/* Read the file of this folder: `take` gets each line but the first, and its number, and returns 0, SELKIE_EMALFORMED
 * or SELKIE_ENOMEM. A last line that is cut (kill -9) is left out: Mosquitto had nothing of that change yet. A
 * selkie_shown_knowledge, or SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_shown_file_read(struct selkie_shown_file *file, const char *dir,
                                             int (*take)(void *context, const json_t *line, size_t number),
                                             void *context);

/* Write it anew: begin, put all, end. `durable`: it is on the disk then; else a power loss may damage it. Begin returns
 * false if that cannot be; where there is a file to append to, it stays that. After begin, all texts may have other
 * numbers. */
SELKIE_USE_RESULT bool selkie_shown_file_begin(struct selkie_shown_file *file);
void selkie_shown_file_end(struct selkie_shown_file *file, bool durable);

/* Without a file they do nothing. `what` is "device" or "sure". */
void selkie_shown_file_put_text(struct selkie_shown_file *file, unsigned number, const char *text);
void selkie_shown_file_put_change(struct selkie_shown_file *file, const char *what,
                                  const uint8_t address[static SELKIE_ADDRESS_SIZE], int kind, unsigned number);
void selkie_shown_file_put_doubt(struct selkie_shown_file *file, bool doubted);
void selkie_shown_file_flush(struct selkie_shown_file *file);

/* Whether it must be written anew: it has grown, was removed or replaced, or could not be written. It is looked at once
 * a second, and a fault tried again once a minute. */
SELKIE_USE_RESULT bool selkie_shown_file_is_due(struct selkie_shown_file *file, int64_t now_us);
void selkie_shown_file_close(struct selkie_shown_file *file);

#endif
