/* SPDX-License-Identifier: Apache-2.0 */
/* Making outputs, and a list of them. No locks: one thread at a time owns a list. */
#ifndef SELKIE_OUTPUT_H
#define SELKIE_OUTPUT_H

#include <selkie/unsealer.h>

struct selkie_output_list {
    struct selkie_output *first, *last;
    unsigned count;
};

void selkie_output_list_add(struct selkie_output_list *list, struct selkie_output *output);
void selkie_output_list_free(struct selkie_output_list *list);

/* An output with a copy of the data. NULL without memory. */
struct selkie_output *selkie_output_new(enum selkie_output_kind kind, const void *data, size_t len);

#endif
