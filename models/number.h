/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as people write them: 21.43, not 21.430000000000001. Any thread. */
#ifndef SELKIE_MODEL_NUMBER_H
#define SELKIE_MODEL_NUMBER_H

#include <jansson.h>

/* Write values with this many significant digits, as flags of jansson: what the functions below return has no more. */
#define SELKIE_NUMBER_FLAGS (JSON_REAL_PRECISION(15))

/* The decimals that a number has, at most 12; -1: it has more. */
int selkie_number_decimals(double number);

/* Rounded to so many decimals (at most 12), or significant digits. */
double selkie_number_round(double number, int decimals);
double selkie_number_shorten(double number, int digits);

/* A number of single precision as the shortest decimal number that is nearest to it. */
double selkie_number_single(float number);

/* As JSON, without a fraction where there is none: 50, not 50.0, and 0, not -0. */
json_t *selkie_number_json(double number);

#endif
