/* SPDX-License-Identifier: Apache-2.0 */
/* Models for tests, from texts, in a folder that is gone afterwards. */
#ifndef SELKIE_TESTS_MODELS_FIXTURE_H
#define SELKIE_TESTS_MODELS_FIXTURE_H

#include <selkie/models.h>

void models_fixture_set_up(void);
void models_fixture_tear_down(void);

/* The folder, and a file in it. */
const char *models_fixture_dir(void);
const char *models_fixture_write(const char *name, const char *text);

/* The model of a text, which must be right; close it. */
struct selkie_model *models_fixture_open(const char *text);

/* Why a text is no model, without the folder in front; static. "" if it is one. */
const char *models_fixture_refusal(const char *text);

/* A payload in hex, or as text: its values, or "! " and why it has none; static. */
const char *models_fixture_decode(const struct selkie_model *model, const char *hex);
const char *models_fixture_decode_text(const struct selkie_model *model, const char *text);

#endif
