/* SPDX-License-Identifier: Apache-2.0 */
#include "listen/listen_trial.h"

#include <string.h>

#define TRANSMISSION_MIN 8    /* bytes: fewer are a click, not a transmission */
#define WITHOUT_END      4096 /* bytes: several of the longest frames */
#define PART             1000 /* of each sign */
#define RANDOM_CHANGES   3.5  /* within a byte of random data */
#define FRAME_SCORE      1000000
#define LIKELY           (2 * PART) /* less is no reason to name a speed */

void selkie_listen_trial_init(struct selkie_listen_trial *trial, unsigned baud)
{
    memset(trial, 0, sizeof *trial);
    trial->baud = baud;
    trial->rx.appended = true;
    selkie_rssi_rx_init(&trial->rx);
}

void selkie_listen_trial_again(struct selkie_listen_trial *trial)
{
    selkie_rssi_rx_init(&trial->rx);
    trial->vain_bytes = trial->vain_transmissions = trial->transmission_bytes = 0;
}

int selkie_listen_trial_byte(struct selkie_listen_trial *trial, uint8_t byte)
{
    bool inside = selkie_rssi_rx_inside(&trial->rx);
    int result = selkie_rssi_rx_byte(&trial->rx, byte);

    trial->bytes++;
    trial->vain_bytes++;
    trial->transmission_bytes++;
    trial->changes += (uint64_t)__builtin_popcount((unsigned)(byte ^ byte >> 1) & 0x7F);
    if (result >= SELKIE_LISTEN_BODY_MIN) {
        trial->frames++;
        trial->vain_bytes = trial->vain_transmissions = trial->transmission_bytes = 0;
    } else if (result < 0) {
        trial->broken++;
        trial->near += inside;
    }
    return result;
}

void selkie_listen_trial_silence(struct selkie_listen_trial *trial)
{
    trial->vain_transmissions += trial->transmission_bytes >= TRANSMISSION_MIN;
    trial->transmission_bytes = 0;
}

bool selkie_listen_trial_is_over(const struct selkie_listen_trial *trial)
{
    uint64_t patience = trial->frames > 0 ? 8 : 1;

    return trial->vain_transmissions >= 2 * patience || trial->vain_bytes >= WITHOUT_END * patience;
}

uint64_t selkie_listen_trial_score(const struct selkie_listen_trial *trial)
{
    double score = 0;

    if (trial->frames > 0)
        return FRAME_SCORE + trial->frames;
    if (trial->bytes < TRANSMISSION_MIN)
        return 0;
    double changes = (double)trial->changes / (double)trial->bytes / RANDOM_CHANGES;
    double sound = trial->errors >= trial->bytes ? 0 : 1 - (double)trial->errors / (double)trial->bytes;
    if (trial->broken > 0)
        score += PART * (double)trial->near / (double)trial->broken;
    score +=
        PART * (trial->errors_known ? sound * sound : 0.5); /* half of the errors are more than half of the doubt */
    score += PART * (changes > 1 ? 1 : changes);
    return (uint64_t)score;
}

const struct selkie_listen_trial *selkie_listen_trial_best(const struct selkie_listen_trial *trials, size_t count,
                                                           bool *proven)
{
    const struct selkie_listen_trial *best = NULL;
    uint64_t most = LIKELY;

    for (size_t i = 0; i < count; i++) {
        uint64_t score = selkie_listen_trial_score(&trials[i]);
        if (score > most) {
            best = &trials[i];
            most = score;
        }
    }
    *proven = best && best->frames > 0;
    return best;
}
