/* SPDX-License-Identifier: Apache-2.0 */
/* Which retained values of devices the broker may show: PROTOCOL.md, section 8 ("Values"). They are cleared when their
 * device goes, and when it becomes one of another model, or its model has other fields.
 *
 * Values are not published again after a start, so those of an earlier run are good as long as their device has a
 * model. Which devices have one is known from the states that the plugin publishes. Until all of them are out, what is
 * asked for is shown, and cleared afterwards if its device turns out to be unknown or without a model.
 *
 * Keeps some 100 bytes for each device with a model. On Mosquitto's thread; never waits. */
#ifndef SELKIE_PLUGIN_RETAINED_VALUES_H
#define SELKIE_PLUGIN_RETAINED_VALUES_H

#include "models_topic.h"

#include <selkie/unsealer.h>

struct selkie_retained_values;

/* For one run of Mosquitto, whatever is reloaded meanwhile. */
SELKIE_USE_RESULT int selkie_retained_values_open(struct selkie_retained_values **values, const char *root);
void selkie_retained_values_close(struct selkie_retained_values *values);

/* An output SELKIE_OUTPUT_STATE or SELKIE_OUTPUT_VALUES that is not late is about to be published: clears values of
 * another model. 0; SELKIE_ENOMEM: try again. */
SELKIE_USE_RESULT int selkie_retained_values_follow(struct selkie_retained_values *values,
                                                    const struct selkie_output *output);
/* Other models are loaded, and all states will be published again: values of a model whose fields are others now are
 * cleared with the state of their device. */
void selkie_retained_values_change_models(struct selkie_retained_values *values,
                                          const struct selkie_models_topic *models);
/* All states have been published since the start. */
void selkie_retained_values_end_refresh(struct selkie_retained_values *values);

/* Whether somebody may read the values of a device that the broker has. If not, they are to be cleared. */
bool selkie_retained_values_are_current(struct selkie_retained_values *values,
                                        const uint8_t address[static SELKIE_ADDRESS_SIZE]);

#endif
