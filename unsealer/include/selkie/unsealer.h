/* SPDX-License-Identifier: Apache-2.0 */
/* The unsealer: what is done with a frame once a gateway has handed it over, without a broker. PROTOCOL.md, sections 4
 * to 7 and 9.
 *
 *   submit → pool: unseal (many threads) → writer: admit, store (one thread) → take → the host publishes → delivered
 *
 * A gateway's SEALED frames are decided in the order of their submission, whatever order their unsealing finishes in;
 * gateways take turns at the workers, so the flood of one does not hold up another. SESSION frames need no RSA: they
 * wait for nothing but the SEALED frames of the same device that their gateway handed over before them. All calls but
 * open and close may be made from any one thread, the host's; none of them blocks on RSA, storage or a full queue. */
#ifndef SELKIE_UNSEALER_H
#define SELKIE_UNSEALER_H

#include <selkie/error.h>
#include <selkie/frame.h>
#include <selkie/keyring.h>
#include <selkie/topic.h>

struct selkie_unsealer;

enum selkie_enrolment { SELKIE_ENROL_OPEN, SELKIE_ENROL_APPROVE, SELKIE_ENROL_LISTED };
enum selkie_rebind { SELKIE_REBIND_APPROVE, SELKIE_REBIND_DENY, SELKIE_REBIND_CLAIM, SELKIE_REBIND_ALLOW };

#define SELKIE_UNSEALER_ERROR_SIZE 256

struct selkie_unsealer_options {
    const char *state_dir;          /* registry.db lives here; made with mode 0700 */
    struct selkie_keyring *keyring; /* borrowed; must outlive the unsealer */
    unsigned workers;               /* threads that do RSA; 0 = number of processors */
    unsigned intake_max; /* frames between submit and decision; 0 = 4096. A full intake refuses: see submit */
    enum selkie_enrolment enrolment;
    enum selkie_rebind rebind;
    unsigned silent_after_s; /* 0 = off */

    /* Called when outputs wait to be taken, from the writer's thread, once for each time that the queue stops being
     * empty. Must not call back. */
    void (*wake)(void *context);
    void *wake_context;

    /* One line for the host's log; level as in <syslog.h>. From any thread of ours. */
    void (*log)(void *context, int level, const char *line);
    void *log_context;
};

/* Open the registry, start the threads. On failure *unsealer is NULL and `error` holds one sentence that names the
 * thing at fault. */
SELKIE_USE_RESULT int selkie_unsealer_open(struct selkie_unsealer **unsealer,
                                           const struct selkie_unsealer_options *options,
                                           char error[static SELKIE_UNSEALER_ERROR_SIZE]);

/* Stop the threads and free everything. Frames without a decision are let go (they have no receipt, so their gateway
 * sends them again); payloads not yet delivered stay in the outbox and come out first after the next open. */
void selkie_unsealer_close(struct selkie_unsealer *unsealer);

/* A frame as it came in. Everything is copied. */
struct selkie_arrival {
    const uint8_t *body;
    size_t len;
    const char *gateway; /* a valid gateway name */
    bool has_seq;        /* without a seq there is no receipt */
    uint64_t seq;        /* the gateway's spool number */
    int64_t rx_ms;       /* capture time, ms since the epoch; negative = not told */
};

/* Take a frame in. 0, or SELKIE_EFULL: the frame was dropped and counted; it gets no receipt, so its gateway will send
 * it again. A gateway may hold as many places of the intake as are free: so one that floods takes half, and there is
 * always room for another. */
SELKIE_USE_RESULT int selkie_unsealer_submit(struct selkie_unsealer *unsealer, const struct selkie_arrival *arrival);

enum selkie_output_kind {
    SELKIE_OUTPUT_PAYLOAD,  /* data = the plaintext payload; address, counter, gateway, rx_ms, form, outbox */
    SELKIE_OUTPUT_STATE,    /* data = JSON for the device's state (retained); address. len 0: the device was removed */
    SELKIE_OUTPUT_EVENT,    /* data = JSON for the device's event; address */
    SELKIE_OUTPUT_REJECTED, /* data = JSON; reason; has_address, address */
    SELKIE_OUTPUT_RECEIPT,  /* gateway, seq */
    SELKIE_OUTPUT_ANSWER    /* data = JSON answer to a command; token */
};

/* Something for the host to publish. It comes only after what it tells of is in durable storage. */
struct selkie_output {
    enum selkie_output_kind kind;
    enum selkie_frame_type form;
    bool has_address;
    uint8_t address[SELKIE_ADDRESS_SIZE];
    char gateway[SELKIE_GATEWAY_NAME_MAX + 1];
    uint64_t seq;
    int64_t rx_ms;
    uint32_t counter;
    uint64_t outbox; /* number in the outbox, growing, for selkie_unsealer_delivered; 0 = not in it */
    uint64_t token;  /* ANSWER: as given with the command */
    char reason[SELKIE_REASON_MAX];
    uint8_t *data; /* len bytes and a NUL behind them, in the same piece of memory */
    size_t len;
    struct selkie_output *next; /* for the queue */
};

/* The oldest output, or NULL. The caller frees it with selkie_output_free, which wipes it. The queue is bounded: while
 * it is full the writer waits, so the intake fills, so submit refuses. */
struct selkie_output *selkie_unsealer_take(struct selkie_unsealer *unsealer);
void selkie_output_free(struct selkie_output *output);

/* All outputs up to this number of the outbox have been handed to the broker and it has had a turn to pass them on:
 * they leave the outbox with the next commit. */
void selkie_unsealer_delivered(struct selkie_unsealer *unsealer, uint64_t outbox);

/* The most that one payload of $CONTROL/selkie/v1 may have. */
#define SELKIE_COMMAND_MAX 1048576

/* Carry out {"commands":[…]} as in INTERFACES of $CONTROL/selkie/v1, with an administrator's rights: who may is the
 * host's to decide before. The answer comes as an output SELKIE_OUTPUT_ANSWER with the token, after what it tells of is
 * in durable storage; everything that is wrong with the payload is told there, also that storage does not work. Frames
 * are decided between the commands of a payload. 0, SELKIE_ELENGTH, or SELKIE_EFULL: at most 16 wait at a time. */
SELKIE_USE_RESULT int selkie_unsealer_command(struct selkie_unsealer *unsealer, uint64_t token, const char *json,
                                              size_t len);

enum selkie_gateway_auth { SELKIE_GATEWAY_UNKNOWN, SELKIE_GATEWAY_PASSWORD, SELKIE_GATEWAY_CERTIFICATE };

/* How a registered gateway proves who it is. From memory, at once. */
enum selkie_gateway_auth selkie_unsealer_gateway(struct selkie_unsealer *unsealer, const char *name);

/* Whether this is the password of a gateway registered with one. In constant time for a given name; well under a
 * millisecond (passwords are made by addGateway, of 160 random bits, so they need no slow hash). */
bool selkie_unsealer_check_gateway(struct selkie_unsealer *unsealer, const char *name, const char *password);

/* The JSON of selkie/stats, for the host to free(); NULL without memory. */
char *selkie_unsealer_stats(struct selkie_unsealer *unsealer);

#endif
