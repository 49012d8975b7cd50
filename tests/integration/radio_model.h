/* SPDX-License-Identifier: Apache-2.0 */
/* Two modules of one kind, as their makers describe them, and the air between them, over pseudo-terminals:
 * docs/RADIOS.md.
 *
 * A module takes bytes at the speed of its line into a buffer of its size; what finds the buffer full is dropped. It
 * sends a packet once it has one, or once its line was silent for three bytes. It hears nothing while it sends; two
 * that send at one time lose both packets; one in some other packets is lost on the way. A module with command mode at
 * the gateway's end passes nothing until it was set up. One thread. */
#ifndef SELKIE_TESTS_RADIO_MODEL_H
#define SELKIE_TESTS_RADIO_MODEL_H

#include "harness.h"

struct radio_model_counts {
    unsigned packets;
    unsigned lost;
    unsigned collisions; /* packets */
    unsigned overflow;   /* bytes that found a buffer full */
    unsigned longest;    /* packet, bytes */
    unsigned held_up_ms; /* the longest time that the model itself did not run */
    unsigned commands;   /* that the gateway's module took */
    unsigned refused;    /* and those that it did not know */
};

struct radio_model;

/* The radio of this name (docs/RADIOS.md). The model lives as long as the test. */
struct radio_model *radio_model(const char *name, struct harness_pty *device, struct harness_pty *gateway);

/* Let some milliseconds pass. */
void radio_model_step(struct radio_model *model);

const struct radio_model_counts *radio_model_counts(const struct radio_model *model);

#endif
