/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that live long: their memory and their files. Safe from any thread. */
#ifndef SELKIE_SECRET_H
#define SELKIE_SECRET_H

#include <selkie/error.h>
#include <selkie/keyring.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed memory, kept out of swap and core dumps where the system allows it. NULL without memory. */
void *selkie_secret_alloc(size_t size);
/* Wipe and free; the same size as in alloc. NULL is harmless. */
void selkie_secret_free(void *secret, size_t size);

/* Read a regular file that neither group nor others can access, of at most size - 1 bytes, and put a NUL after them.
 * Returns the length, or SELKIE_ECONFIG and the reason in `error`. The caller wipes `bytes`. */
SELKIE_USE_RESULT int selkie_secret_read_file(const char *path, uint8_t *bytes, size_t size,
                                              char error[static SELKIE_KEYRING_ERROR_SIZE]);

#endif
