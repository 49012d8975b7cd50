/* SPDX-License-Identifier: Apache-2.0 */
/* Where a value stands in a JSON text. jansson keeps no positions of the values it has read, so they are looked up
 * again when a message needs one. Only for a text that jansson has accepted: nothing is checked here, and a text that
 * is not JSON gives a wrong place, never a read past `end`. */
#ifndef SELKIE_POSITION_H
#define SELKIE_POSITION_H

#include <stddef.h>

struct selkie_position {
    const char *at;  /* the first byte of a value */
    const char *end; /* of the whole text */
};

struct selkie_position selkie_position_root(const char *text, size_t len);

/* A member's value or a list's entry inside the value at `position`. Where there is none, the place of the value
 * itself. */
struct selkie_position selkie_position_member(struct selkie_position position, const char *key);
struct selkie_position selkie_position_entry(struct selkie_position position, size_t index);

/* The line of a place, counted from 1. */
unsigned selkie_position_line(struct selkie_position position, const char *text);

#endif
