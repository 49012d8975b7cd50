/* SPDX-License-Identifier: Apache-2.0 */
#include "air/noise.h"

#include <math.h>
#include <string.h>

/* Trials before the first success, where each succeeds with this chance; UINT64_MAX: more than there will be. */
static uint64_t draw_gap(struct selkie_prng *random, double chance)
{
    if (chance <= 0)
        return UINT64_MAX;
    if (chance >= 1)
        return 0;
    double gap = floor(log1p(-selkie_prng_unit(random)) / log1p(-chance));
    return gap < 0x1p62 ? (uint64_t)gap : UINT64_MAX;
}

static void draw_burst(struct selkie_noise *noise, uint64_t after_us)
{
    const struct selkie_noise_options *options = &noise->options;

    noise->burst_from_us = after_us + (uint64_t)(1e6 * selkie_prng_exponential(&noise->random, options->burst_every_s));
    noise->burst_to_us =
        noise->burst_from_us + 1 + (uint64_t)(1e6 * selkie_prng_exponential(&noise->random, options->burst_s));
}

void selkie_noise_init(struct selkie_noise *noise, const struct selkie_noise_options *options, uint64_t seed,
                       uint64_t index)
{
    memset(noise, 0, sizeof *noise);
    noise->options = *options;
    selkie_prng_init(&noise->random, seed, SELKIE_PRNG_AIR, index);
    noise->bits_left = draw_gap(&noise->random, options->bit_errors);
    noise->bytes_left = draw_gap(&noise->random, options->lost_bytes);
    noise->burst_from_us = noise->burst_to_us = UINT64_MAX;
    if (options->burst_every_s > 0)
        draw_burst(noise, 0);
}

static void flip_bits(struct selkie_noise *noise, uint8_t *byte)
{
    unsigned bit = 0;

    while (noise->bits_left < 8 - bit) {
        bit += (unsigned)noise->bits_left;
        *byte ^= (uint8_t)(1u << bit++);
        noise->bits_left = draw_gap(&noise->random, noise->options.bit_errors);
    }
    noise->bits_left -= 8 - bit;
}

bool selkie_noise_pass(struct selkie_noise *noise, uint64_t from_us, uint64_t to_us, uint8_t *byte)
{
    while (noise->burst_to_us <= from_us)
        draw_burst(noise, noise->burst_to_us);
    if (noise->burst_from_us < to_us)
        *byte ^= (uint8_t)selkie_prng_next(&noise->random);
    flip_bits(noise, byte);
    if (noise->bytes_left-- > 0)
        return true;
    noise->bytes_left = draw_gap(&noise->random, noise->options.lost_bytes);
    return false;
}
