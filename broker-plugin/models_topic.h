/* SPDX-License-Identifier: Apache-2.0 */
/* The retained descriptions of the models on <root>/models/<model>: published at the start and where a reload brought
 * another one, cleared where it took one away. PROTOCOL.md, section 8. On Mosquitto's thread; never waits. */
#ifndef SELKIE_PLUGIN_MODELS_TOPIC_H
#define SELKIE_PLUGIN_MODELS_TOPIC_H

#include <selkie/models.h>

#include <jansson.h>
#include <stdbool.h>

struct selkie_models_topic {
    json_t *wanted; /* an object: the description of each model, as text */
    json_t *shown;  /* the same, as far as it is published */
    bool pending;   /* they may differ */
};

/* Most descriptions in a turn. */
#define SELKIE_MODELS_TOPIC_STEP 64

/* Whether these models (NULL = none) are others than those set. Without memory they are not. */
bool selkie_models_topic_differs(const struct selkie_models_topic *topic, const struct selkie_models *models);

/* *topic is all zero at first. From now on these are the models; NULL = none. 1 if they are others than before, 0, or
 * SELKIE_ENOMEM: then all is as it was. */
SELKIE_USE_RESULT int selkie_models_topic_set(struct selkie_models_topic *topic, const struct selkie_models *models);
void selkie_models_topic_wipe(struct selkie_models_topic *topic);

/* Call it in each turn: publishes what has changed. What there was no memory for comes in the next one. */
void selkie_models_topic_turn(struct selkie_models_topic *topic, const char *root);

/* Whether there is a model of this name: a description that the broker kept of another one is of an earlier run. */
bool selkie_models_topic_has(const struct selkie_models_topic *topic, const char *model);

#endif
