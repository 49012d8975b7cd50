/* SPDX-License-Identifier: Apache-2.0 */
/* One frame on its way from intake to decision. Made by the host's thread, opened by a worker, decided by the
 * writer; it belongs to one of them at a time. It holds an ID once it is open: selkie_job_free wipes it. */
#ifndef SELKIE_JOB_H
#define SELKIE_JOB_H

#include "model/records.h"

#include <selkie/keyring.h>

struct selkie_lane;

struct selkie_job {
    uint64_t number; /* in order of submission */
    int64_t arrived_ms;
    struct selkie_capture capture;
    int16_t rssi; /* dBm; 0 = unknown */
    bool has_seq;
    uint64_t seq, instance;
    char gateway[SELKIE_GATEWAY_NAME_MAX + 1];

    struct selkie_frame frame; /* points into body */
    uint8_t digest[SELKIE_DIGEST_SIZE];

    /* Outcome of opening: 0, SELKIE_EMALFORMED, SELKIE_EUNKNOWNKEY, SELKIE_EBADSEAL or SELKIE_ENOTREADY. After 0 for a
     * SEALED frame, message (which points into plain) and id_hash are set; a SESSION frame is left to the writer. */
    int result;
    struct selkie_message message;
    uint8_t id_hash[SELKIE_ID_HASH_SIZE];
    uint8_t plain[SELKIE_MESSAGE_MAX];

    /* Monotonic. Without unsealing, opening and opened are the time of submission. */
    int64_t submitted_us, opening_us, opened_us, deciding_us, decided_us;

    /* The pool's. */
    bool ordered; /* SEALED: keeps its lane's order */
    bool opened;
    struct selkie_lane *lane;
    struct selkie_job *followers; /* SESSION frames of this device that came after it */
    struct selkie_job *prev, *next;

    size_t len;
    uint8_t body[];
};

/* A job for an arrival, with its header decoded; NULL without memory. */
struct selkie_job *selkie_job_new(const struct selkie_arrival *arrival);
void selkie_job_free(struct selkie_job *job);

/* Whether the job needs a worker: a SEALED frame whose header is right. */
bool selkie_job_needs_unsealing(const struct selkie_job *job);

/* Unseal, decode, compare the addresses, hash. */
void selkie_job_open(struct selkie_job *job, struct selkie_keyring *keyring);

#endif
