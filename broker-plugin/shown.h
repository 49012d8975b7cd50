/* SPDX-License-Identifier: Apache-2.0 */
/* What readers were shown of each device: the model of its retained values, and its components in Home Assistant. Kept
 * in a file, so that after a restart with other models, or after kill -9, what is over is known and can be taken back.
 *
 * A plugin cannot ask Mosquitto what is retained, and after a crash the broker may have any earlier state of it. So
 * what was shown before stays noted as *former* until it is sure that nobody has it any more; and each change is in the
 * file before Mosquitto has what is published with it. Lines are appended, and the file is written anew at each start.
 *
 * If the file is missing, damaged or of another version, nothing is known, and what was read of it is not all. Then
 * values of each device count as those of a former model, and are cleared once. Components that are gone cannot be
 * named then: they stay in Home Assistant.
 *
 * Some 150 bytes of memory for each device. On Mosquitto's thread. kill -9 loses nothing. The file is flushed to the
 * disk only when it is written at a start and at the end: after a power loss it may be older than what the broker and
 * Home Assistant have, by what the kernel had not written yet (some 30 s). What was over in that time may stay. */
#ifndef SELKIE_PLUGIN_SHOWN_H
#define SELKIE_PLUGIN_SHOWN_H

#include "shown/shown_record.h"

#include <selkie/error.h>
#include <selkie/frame.h>
#include <selkie/models.h>

#include <stdbool.h>
#include <uthash.h>

enum selkie_shown_kind {
    SELKIE_SHOWN_VALUES, /* "<model>\n<its fields as JSON>" */
    SELKIE_SHOWN_HOME,   /* "<prefix>\n" and the message's parts, as selkie_discovery_message_parts has them */
    SELKIE_SHOWN_KINDS
};

#define SELKIE_SHOWN_GONE_MAX 65536 /* devices of which nothing is shown any more: of more, some are forgotten */

struct selkie_shown_device {
    uint8_t address[SELKIE_ADDRESS_SIZE];
    bool heard; /* its state has come in this run */
    struct selkie_shown_record of[SELKIE_SHOWN_KINDS];
    UT_hash_handle hh;
};

struct selkie_shown;

/* Nothing is kept in a file yet. */
SELKIE_USE_RESULT int selkie_shown_open(struct selkie_shown **shown);
/* What was shown in earlier runs; and keep it from now on. `dir` is the folder of the registry, which exists, and in
 * which nobody else writes. With a new registry, no file means that nothing was shown. A file that cannot be read or
 * written is logged, and the plugin works without it. 0 or SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_shown_load(struct selkie_shown *shown, const char *dir, bool is_new);
/* All devices of the registry have been heard of: of others, and of those to come, nothing need be doubted. */
void selkie_shown_end_doubt(struct selkie_shown *shown);
/* The broker has saved what it retains: former values that were cleared are no more. */
void selkie_shown_close(struct selkie_shown *shown);

/* The models from now on (borrowed; NULL = none), and whether some are missing because files are wrong. */
void selkie_shown_set_models(struct selkie_shown *shown, const struct selkie_models *models, bool missing);
bool selkie_shown_misses_models(const struct selkie_shown *shown);
/* Whether the values of a device are of a model that is not there, but only because files are wrong: nobody can judge
 * them now, so they stay as they are. */
bool selkie_shown_is_unjudged(const struct selkie_shown *shown, const struct selkie_shown_device *device);

/* All devices: from the first one by hh.next. */
struct selkie_shown_device *selkie_shown_first(const struct selkie_shown *shown);
struct selkie_shown_device *selkie_shown_find(const struct selkie_shown *shown,
                                              const uint8_t address[static SELKIE_ADDRESS_SIZE]);

/* This is about to be shown; NULL: nothing any more. What was there before is former, and not yet taken back. 0 or
 * SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_shown_set(struct selkie_shown *shown, enum selkie_shown_kind kind,
                                       const uint8_t address[static SELKIE_ADDRESS_SIZE], const char *text);
/* Former ones are sure to be gone: forget the one with this place in the list. */
void selkie_shown_forget(struct selkie_shown *shown, struct selkie_shown_device *device, enum selkie_shown_kind kind,
                         unsigned place);

/* Whether some were not yet taken back; and note that all were. */
bool selkie_shown_is_owed(const struct selkie_shown_device *device, enum selkie_shown_kind kind);
void selkie_shown_tell(struct selkie_shown *shown, struct selkie_shown_device *device, enum selkie_shown_kind kind);

/* Whether any device was ever shown a text that begins with this line. */
bool selkie_shown_has_line(const struct selkie_shown *shown, const char *line);

/* Call it at the end of each turn: Mosquitto passes on what was published in this turn at the start of the next, so all
 * changes are in the file before that. */
void selkie_shown_flush(struct selkie_shown *shown);

/* Call it at the start of each turn: the file is written anew if it has grown or is gone, and once a minute while it
 * cannot be written. */
void selkie_shown_turn(struct selkie_shown *shown, int64_t now_us);

#endif
