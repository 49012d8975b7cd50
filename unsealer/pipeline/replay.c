/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/replay.h"

void selkie_replay_init(struct selkie_replay *replay, unsigned wait_ms, int64_t now_us)
{
    replay->holding = wait_ms > 0;
    replay->until_us = now_us + (int64_t)wait_ms * 1000;
}

void selkie_replay_hold(struct selkie_replay *replay, struct selkie_output_list *list)
{
    struct selkie_output_list kept = {0};
    struct selkie_output *output, *next;

    if (!replay->holding)
        return;
    for (output = list->first; output; output = next) {
        next = output->next;
        if (output->kind == SELKIE_OUTPUT_PAYLOAD) {
            if (replay->first == 0)
                replay->first = output->outbox;
            replay->count++;
            selkie_output_free(output);
            continue;
        }
        if (replay->first != 0)
            output->outbox = 0;
        selkie_output_list_add(&kept, output);
    }
    *list = kept;
}

bool selkie_replay_is_over(struct selkie_replay *replay, bool has_reader, int64_t now_us)
{
    if (replay->holding && !replay->over &&
        (has_reader || now_us >= replay->until_us || replay->count >= SELKIE_REPLAY_MAX)) {
        replay->over = true;
        replay->at = replay->first > 0 ? replay->first - 1 : 0;
    }
    return replay->holding && replay->over;
}

int selkie_replay_next(struct selkie_replay *replay, struct selkie_registry *registry, struct selkie_output **output)
{
    int result = 0;

    *output = NULL;
    while (replay->first != 0 && (result = selkie_registry_next_outbox(registry, &replay->at, output)) > 0 &&
           (*output)->kind != SELKIE_OUTPUT_PAYLOAD) /* it has been published */
        selkie_output_free(*output);
    if (result > 0) {
        replay->last = (*output)->outbox;
    } else {
        *output = NULL;
        replay->holding = result < 0;
    }
    return result;
}

uint64_t selkie_replay_delivered(const struct selkie_replay *replay, uint64_t delivered)
{
    /* What lies behind the last payload was published before it. */
    return !replay->holding && delivered >= replay->last && delivered < replay->at ? replay->at : delivered;
}
