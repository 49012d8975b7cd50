/* SPDX-License-Identifier: Apache-2.0 */
/* Which device classes, units and state classes Home Assistant takes together. It refuses a sensor with others, so a
 * model with others is refused when it is loaded, where somebody sees it. The same table as JSON, for the tests:
 * tests/home_assistant/classes.json. No heap, no I/O; safe from any thread. */
#ifndef SELKIE_HOME_ASSISTANT_CLASSES_H
#define SELKIE_HOME_ASSISTANT_CLASSES_H

#include <selkie/models.h>

/* 0, or SELKIE_ECONFIG: then *key is the member at fault ("device_class", "unit" or "state_class"), and `expected` what
 * fits there. A number may have any class with a numeric value, a boolean one of a binary sensor; a word is an "enum",
 * a text has no class. Without a class, a number may have any unit and any state class. */
SELKIE_USE_RESULT int selkie_home_assistant_classes_check(const struct selkie_field *field, const char **key,
                                                          char expected[static SELKIE_MODEL_ERROR_SIZE]);

#endif
