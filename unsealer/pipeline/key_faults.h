/* SPDX-License-Identifier: Apache-2.0 */
/* Logs which keys are unavailable: each reason once, whatever number of keys shares it, and when all keys are available
 * again. One thread, the writer. */
#ifndef SELKIE_KEY_FAULTS_H
#define SELKIE_KEY_FAULTS_H

#include "pipeline/pipeline.h"

#define SELKIE_KEY_FAULTS_MAX 8 /* reasons at one time; a further one is logged when another has ended */

struct selkie_key_faults {
    char told[SELKIE_KEY_FAULTS_MAX][SELKIE_KEYRING_ERROR_SIZE]; /* the reasons that stand; "" = free */
};

/* Log what has changed since the last call. `faults` begins as all zero. */
void selkie_key_faults_log(struct selkie_key_faults *faults, const struct selkie_unsealer *unsealer);

#endif
