/* SPDX-License-Identifier: Apache-2.0 */
/* Vector files for tests: JSON with byte strings in hex, as in protocol-v1.json and Wycheproof's files.
 * A file that is broken, or a field that is missing, ends the test program: a vector that was not read must not pass.
 */
#ifndef SELKIE_TESTS_VECTORS_H
#define SELKIE_TESTS_VECTORS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Read a file. NULL where it is not there (say so, and exit with TEST_SKIPPED of run_suite.h). Release with
 * json_decref. */
json_t *vectors_load(const char *path);

/* A list that must be there and must not be empty; borrowed. */
json_t *vectors_list(const json_t *object, const char *key);

/* A hex field as bytes in a block of exactly that size (so that a sanitizer sees every read past its end); free() it.
 */
uint8_t *vectors_bytes(const json_t *object, const char *key, size_t *len);

/* A hex field of exactly `size` bytes into `bytes`. */
void vectors_copy(uint8_t *bytes, size_t size, const json_t *object, const char *key);

/* A text field, borrowed, and an integer field. */
const char *vectors_text(const json_t *object, const char *key);
json_int_t vectors_integer(const json_t *object, const char *key);

#endif
