/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for secrets that live long: zeroed, kept out of swap and core dumps where the system allows it, wiped when it
 * is freed. Safe from any thread. */
#ifndef SELKIE_SECRET_H
#define SELKIE_SECRET_H

#include <stddef.h>

/* NULL without memory. */
void *selkie_secret_alloc(size_t size);
void selkie_secret_free(void *secret, size_t size); /* the same size; NULL is harmless */

#endif
