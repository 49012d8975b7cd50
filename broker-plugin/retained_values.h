/* SPDX-License-Identifier: Apache-2.0 */
/* Which retained values of devices the broker may show: PROTOCOL.md, section 8 ("Values"). They are cleared when their
 * device goes, and when it becomes one of another model, or its model has other fields.
 *
 * Values are not published again after a start, so those of an earlier run are good as long as their device's model is
 * the one that was shown (shown.h). Which model a device has is known from the states that the plugin publishes. Until
 * a device's state is out, its values are shown; they are cleared if they turn out to be of another model, or of an
 * unknown device. While files of models are wrong, values of a model that is missing stay.
 *
 * On Mosquitto's thread; never waits. */
#ifndef SELKIE_PLUGIN_RETAINED_VALUES_H
#define SELKIE_PLUGIN_RETAINED_VALUES_H

#include <selkie/unsealer.h>

struct selkie_retained_values;
struct selkie_shown;

/* Most devices in a turn, of those that the registry turns out not to have. */
#define SELKIE_RETAINED_VALUES_STEP 256

/* For one run of Mosquitto, whatever is reloaded meanwhile. `shown` is borrowed. */
SELKIE_USE_RESULT int selkie_retained_values_open(struct selkie_retained_values **values, const char *root,
                                                  struct selkie_shown *shown);
void selkie_retained_values_close(struct selkie_retained_values *values);

/* An output SELKIE_OUTPUT_STATE or SELKIE_OUTPUT_VALUES that is not late is about to be published: clears values of
 * another model. 0; SELKIE_ENOMEM: try again. */
SELKIE_USE_RESULT int selkie_retained_values_follow(struct selkie_retained_values *values,
                                                    const struct selkie_output *output);
/* Other models are loaded: no output has one of those before. */
void selkie_retained_values_change_models(struct selkie_retained_values *values);
/* All states have been published since the start. */
void selkie_retained_values_end_refresh(struct selkie_retained_values *values);
/* The work of one turn. */
void selkie_retained_values_turn(struct selkie_retained_values *values);

/* Whether somebody may read the values of a device that the broker has. If not, they are to be cleared. */
bool selkie_retained_values_are_current(struct selkie_retained_values *values,
                                        const uint8_t address[static SELKIE_ADDRESS_SIZE]);

#endif
