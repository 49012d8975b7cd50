/* SPDX-License-Identifier: Apache-2.0 */
#include "model/output.h"

#include <mbedtls/platform_util.h>
#include <stdlib.h>
#include <string.h>

struct selkie_output *selkie_output_new(enum selkie_output_kind kind, const void *data, size_t len)
{
    struct selkie_output *output = calloc(1, sizeof *output + len + 1);

    if (!output)
        return NULL;
    output->data = (uint8_t *)(output + 1);
    if (len)
        memcpy(output->data, data, len);
    output->kind = kind;
    output->len = len;
    output->rx_ms = -1;
    return output;
}

void selkie_output_free(struct selkie_output *output)
{
    if (!output)
        return;
    mbedtls_platform_zeroize(output->data, output->len);
    free(output);
}

void selkie_output_list_add(struct selkie_output_list *list, struct selkie_output *output)
{
    output->next = NULL;
    if (list->last)
        list->last->next = output;
    else
        list->first = output;
    list->last = output;
    list->count++;
}

void selkie_output_list_free(struct selkie_output_list *list)
{
    for (struct selkie_output *output = list->first, *next; output; output = next) {
        next = output->next;
        selkie_output_free(output);
    }
    *list = (struct selkie_output_list){0};
}
