/* SPDX-License-Identifier: Apache-2.0 */
/* The rows on one page of a spool, without the tables around it. https://www.sqlite.org/fileformat2.html, sections 1.6
 * and 2. Trusts nothing on the page. No heap, no I/O; safe from any thread. */
#ifndef SELKIE_GATEWAY_SPOOL_ROWS_H
#define SELKIE_GATEWAY_SPOOL_ROWS_H

#include "spool_frame.h"

#include <selkie/error.h>
#include <stddef.h>
#include <stdint.h>

/* Rows above this are garbage: no spool counts so far, and a fresh one must have room behind the highest. */
#define SELKIE_SPOOL_SEQ_MAX (INT64_C(3) << 51)

/* How many rows the page has, of whatever table; 0 if it has none. */
size_t selkie_spool_rows_count(const uint8_t *page, size_t size);

/* Row `index` as a frame: 0, or SELKIE_EMALFORMED if it is none. */
SELKIE_USE_RESULT int selkie_spool_rows_frame(const uint8_t *page, size_t size, size_t index,
                                              struct selkie_spool_frame *frame);

#endif
