/* SPDX-License-Identifier: Apache-2.0 */
/* How bad a channel's air is: read by the scenario, done by air/. Plain data. */
#ifndef SELKIE_SIM_AIR_OPTIONS_H
#define SELKIE_SIM_AIR_OPTIONS_H

#include <stdint.h>

struct selkie_noise_options {
    double bit_errors;    /* chance of a bit to be wrong, 0..1 */
    double lost_bytes;    /* chance of a byte to be lost, 0..1 */
    double burst_every_s; /* mean time between bursts; 0 = none */
    double burst_s;       /* mean length of one; each bit in it is wrong with an even chance */
};

struct selkie_sim_radio_options {
    uint32_t bit_rate; /* bits a second; 0 = no radio */
    uint32_t sense_us; /* a signal is sensed by others only so long after its start */
    double fade_share; /* part of the time that a path is faded: nothing of it is heard */
    double fade_s;     /* a path is faded, or not, for so long at a time */
    unsigned chunk;    /* bytes handed on together at most; 0 = up to a signal's end. The channel sets it */
    struct selkie_noise_options noise;
};

#endif
