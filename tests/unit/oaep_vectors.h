/* SPDX-License-Identifier: Apache-2.0 */
/* Wycheproof's RSA-OAEP vectors (4096 bits, SHA-256). Ours open no labels, and take 512 bytes. */
#ifndef SELKIE_TESTS_OAEP_VECTORS_H
#define SELKIE_TESTS_OAEP_VECTORS_H

#include <kit/kit.h>
#include <vectors/vectors.h>

/* The whole file, or NULL after a line that says that the test is skipped. Free it with json_decref. */
json_t *oaep_vectors_load(void);

/* Check that key 1 of the ring, which is this group's, opens what is valid and nothing else. Returns how many tests the
 * group has. */
size_t oaep_vectors_check(struct selkie_keyring *keyring, const json_t *group);

#endif
