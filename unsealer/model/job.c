/* SPDX-License-Identifier: Apache-2.0 */
#include "model/job.h"
#include <selkie/clock.h>

#include <mbedtls/platform_util.h>
#include <selkie/mbedtls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct selkie_job *selkie_job_new(const struct selkie_arrival *arrival)
{
    /* No frame is longer. Nothing is kept of the bytes of one that is. */
    bool fits = arrival->len <= SELKIE_SEALED_SIZE;
    size_t len = fits ? arrival->len : 0;
    struct selkie_job *job = calloc(1, sizeof *job + len);

    if (!job)
        return NULL;
    job->len = len;
    job->has_seq = arrival->has_seq;
    job->seq = arrival->seq;
    job->instance = arrival->instance;
    job->arrived_ms = selkie_clock_ms();
    job->capture = selkie_capture_at_arrival(arrival, job->arrived_ms);
    job->rssi = arrival->rssi;
    snprintf(job->gateway, sizeof job->gateway, "%s", arrival->gateway);
    if (len)
        memcpy(job->body, arrival->body, len);
    int result = fits ? selkie_frame_decode(&job->frame, job->body, len) : SELKIE_EMALFORMED;
    if (result == 0 && job->frame.type == SELKIE_ACK) /* gateways send these; nobody sends them to the cloud */
        result = SELKIE_EMALFORMED;
    job->result = result;
    job->submitted_us = job->opening_us = job->opened_us = selkie_clock_monotonic_us();
    return job;
}

void selkie_job_free(struct selkie_job *job)
{
    if (!job)
        return;
    mbedtls_platform_zeroize(job, sizeof *job);
    free(job);
}

bool selkie_job_needs_unsealing(const struct selkie_job *job)
{
    return job->result == 0 && job->frame.type == SELKIE_SEALED;
}

static int unseal(struct selkie_job *job, struct selkie_keyring *keyring)
{
    const uint8_t *address = job->frame.sealed.address;
    int len = selkie_keyring_unseal(keyring, job->frame.sealed.key_id, job->frame.sealed.ciphertext, job->plain);
    if (len < 0)
        return len;
    int result = selkie_message_decode(&job->message, job->plain, (size_t)len);
    if (result < 0)
        return result;
    if (memcmp(job->message.address, address, SELKIE_ADDRESS_SIZE) != 0)
        return SELKIE_EBADSEAL;
    return selkie_mbedtls_sha256(job->message.id, SELKIE_ID_SIZE, job->id_hash, 0) == 0 ? 0 : SELKIE_ENOTREADY;
}

void selkie_job_open(struct selkie_job *job, struct selkie_keyring *keyring)
{
    uint8_t hash[32];

    job->opening_us = selkie_clock_monotonic_us();
    job->result = unseal(job, keyring);
    if (selkie_mbedtls_sha256(job->body, job->len, hash, 0) != 0)
        job->result = SELKIE_ENOTREADY;
    memcpy(job->digest, hash, sizeof job->digest);
    job->opened_us = selkie_clock_monotonic_us();
}
