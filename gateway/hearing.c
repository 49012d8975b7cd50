/* SPDX-License-Identifier: Apache-2.0 */
#include "hearing.h"

void selkie_hearing_init(struct selkie_hearing *hearing, int64_t now_ms)
{
    *hearing = (struct selkie_hearing){.frame_ms = -1};
    selkie_hearing_open(hearing, now_ms);
}

void selkie_hearing_open(struct selkie_hearing *hearing, int64_t now_ms)
{
    hearing->since_ms = now_ms;
    hearing->strange = 0;
    hearing->limit_ms = SELKIE_HEARING_FIRST_MS;
    hearing->deaf = false;
}

bool selkie_hearing_bytes(struct selkie_hearing *hearing, uint64_t count, bool inside, int64_t now_ms)
{
    hearing->bytes += count;
    hearing->strange += count;
    if (inside || hearing->deaf || hearing->strange < SELKIE_HEARING_BYTES ||
        now_ms - hearing->since_ms < hearing->limit_ms)
        return false;
    hearing->deaf = true;
    return true;
}

int64_t selkie_hearing_frame(struct selkie_hearing *hearing, int64_t now_ms)
{
    int64_t lasted_ms = hearing->deaf ? now_ms - hearing->since_ms : 0;

    if (lasted_ms > 0)
        hearing->limit_ms = lasted_ms > SELKIE_HEARING_MAX_MS / 2 ? SELKIE_HEARING_MAX_MS : 2 * lasted_ms;
    hearing->deaf = false;
    hearing->strange = 0;
    hearing->since_ms = hearing->frame_ms = now_ms;
    return lasted_ms / 1000;
}

int64_t selkie_hearing_frame_age_s(const struct selkie_hearing *hearing, int64_t now_ms)
{
    return hearing->frame_ms < 0 ? -1 : (now_ms - hearing->frame_ms) / 1000;
}

int64_t selkie_hearing_deaf_s(const struct selkie_hearing *hearing, int64_t now_ms)
{
    return hearing->deaf ? (now_ms - hearing->since_ms) / 1000 : -1;
}
