/* SPDX-License-Identifier: Apache-2.0 */
/* The unsealer: the cloud's work on a frame, from a gateway's hand-over to what is published, without a broker.
 * PROTOCOL.md, sections 4 to 7 and 9.
 *
 *   submit → pool: unseal (many threads) → writer: admit, store (one thread) → take → the host publishes → delivered
 *
 * A gateway's SEALED frames are decided in the order of their submission, whichever is unsealed first. Gateways take
 * turns at the workers, so a flood through one does not delay another. SESSION frames need no RSA: they wait only for
 * SEALED frames of the same device that their gateway handed over before them. One thread of the host makes all calls;
 * open and close may block, all others never block on RSA, storage or a full queue. */
#ifndef SELKIE_UNSEALER_H
#define SELKIE_UNSEALER_H

#include <selkie/error.h>
#include <selkie/frame.h>
#include <selkie/keyring.h>
#include <selkie/models.h>
#include <selkie/topic.h>

struct selkie_unsealer;

enum selkie_enrolment { SELKIE_ENROL_OPEN, SELKIE_ENROL_APPROVE, SELKIE_ENROL_LISTED };
enum selkie_rebind { SELKIE_REBIND_APPROVE, SELKIE_REBIND_DENY, SELKIE_REBIND_CLAIM, SELKIE_REBIND_ALLOW };

#define SELKIE_UNSEALER_ERROR_SIZE 256

struct selkie_unsealer_options {
    const char *state_dir;              /* registry.db lives here */
    bool create;                        /* make it, with mode 0700, if it is not there; else that is refused */
    struct selkie_keyring *keyring;     /* borrowed; must outlive the unsealer */
    const struct selkie_models *models; /* likewise; NULL = none */
    unsigned models_refused;            /* files that are not among them, for selkie/stats */
    unsigned workers;                   /* threads that do RSA; 0 = number of processors */
    unsigned intake_max; /* frames between submit and decision; 0 = 4096. A full intake refuses: see submit */
    enum selkie_enrolment enrolment;
    enum selkie_rebind rebind;
    unsigned silent_after_s;    /* 0 = off */
    unsigned replay_wait_ms;    /* payloads wait so long for selkie_unsealer_reader; 0 = off */
    unsigned max_devices;       /* that no administrator listed or approved; 0 = 100,000, at most INT_MAX */
    unsigned forget_after_days; /* of silence, such a device is forgotten; 0 = never */
    bool refresh;               /* put out the state of every device: what the broker kept may be outdated or gone */
    unsigned gateways_wait_ms;  /* after this, put out which gateways had come before; 0 = never */

    /* Called from the writer's thread each time that the queue of outputs is no longer empty. Must not call any
     * function of the unsealer. */
    void (*wake)(void *context);
    void *wake_context;

    /* One line for the host's log; level as in <syslog.h>. Called from any thread of the unsealer. */
    void (*log)(void *context, int level, const char *line);
    void *log_context;
};

/* Open the registry and start the threads. On failure *unsealer is NULL and `error` says what failed and why. */
SELKIE_USE_RESULT int selkie_unsealer_open(struct selkie_unsealer **unsealer,
                                           const struct selkie_unsealer_options *options,
                                           char error[static SELKIE_UNSEALER_ERROR_SIZE]);

/* Stop the threads and free everything. Undecided frames are dropped: they have no receipt, so their gateway sends them
 * again. Undelivered payloads stay in the outbox and are the first outputs after the next open. */
void selkie_unsealer_close(struct selkie_unsealer *unsealer);

/* A frame as it came from a gateway. Everything is copied. */
struct selkie_arrival {
    const uint8_t *body;
    size_t len;
    const char *gateway; /* a valid gateway name */
    bool has_seq;        /* without a seq there is no receipt */
    uint64_t seq;        /* the gateway's spool number, */
    uint64_t instance;   /* of this opening of the spool, 1 to 2^53-1; 0 = unknown */
    int64_t rx_ms;       /* the gateway's capture time, ms since the epoch; negative = unknown */
    int64_t age_ms;      /* from the capture to the hand-over, by a clock that nobody sets; negative = unknown */
    int16_t rssi;        /* SELKIE_RSSI_MIN to SELKIE_RSSI_MAX, dBm; 0 = unknown */
};

/* Submit a frame. 0, or SELKIE_EFULL: the frame was dropped and counted; without a receipt, its gateway sends it again.
 * A gateway may hold as many places of the intake as are free: one that floods takes half, and another finds room. */
SELKIE_USE_RESULT int selkie_unsealer_submit(struct selkie_unsealer *unsealer, const struct selkie_arrival *arrival);

/* A gateway has published something, a frame or not, and will publish again within `interval_s`, as far as it says (0:
 * it does not; more than an hour counts as an hour): silence counts while gateways are heard (PROTOCOL.md, section 8).
 * selkie_unsealer_submit says it too. */
void selkie_unsealer_hear_gateway(struct selkie_unsealer *unsealer, unsigned interval_s);

/* A gateway has published its state: note that it has been there, if it is registered. Does not wait. */
void selkie_unsealer_note_gateway(struct selkie_unsealer *unsealer, const char *name);

/* By which clock a capture time is known. */
enum selkie_clock {
    SELKIE_CLOCK_ARRIVAL, /* it is the time of arrival */
    SELKIE_CLOCK_GATEWAY, /* the gateway's time of day */
    SELKIE_CLOCK_AGE,     /* the time of arrival, less the age */
    SELKIE_CLOCK_PROMPT   /* the same, and the age was so small that no gateway can have changed much by it */
};

enum selkie_output_kind {
    SELKIE_OUTPUT_PAYLOAD,  /* data = the plaintext payload; address, counter, gateway, rx_ms, clock, rssi, form, outbox
                             */
    SELKIE_OUTPUT_STATE,    /* data = JSON for the device's state (retained); address, model. len 0: the device was
                               removed */
    SELKIE_OUTPUT_EVENT,    /* data = JSON for the device's event; address */
    SELKIE_OUTPUT_REJECTED, /* data = JSON; reason; has_address, address */
    SELKIE_OUTPUT_RECEIPT,  /* gateway, seq, instance */
    SELKIE_OUTPUT_ANSWER,   /* data = JSON answer to a command; token */
    SELKIE_OUTPUT_REFRESHED, /* with `refresh`: the state of every device has been put out */
    SELKIE_OUTPUT_VALUES, /* behind the payload that they are of: data = JSON; the members of the payload, model, late
                           */
    SELKIE_OUTPUT_GATEWAY /* after gateways_wait_ms: gateway, which is registered and has been there, some time ago */
};

/* Something for the host to publish. It comes only after the change that it reports is in durable storage. */
struct selkie_output {
    enum selkie_output_kind kind;
    enum selkie_frame_type form;
    bool has_address;
    uint8_t address[SELKIE_ADDRESS_SIZE];
    char gateway[SELKIE_GATEWAY_NAME_MAX + 1];
    uint64_t seq, instance;  /* as the gateway gave them */
    int64_t rx_ms;           /* when it was captured, */
    enum selkie_clock clock; /* by this clock */
    int16_t rssi;            /* dBm; 0 = unknown */
    uint32_t counter;
    bool late; /* PAYLOAD, VALUES: not the device's newest: it came late, or of a replaced ID */
    char firmware[SELKIE_FIRMWARE_MAX + 1]; /* PAYLOAD: of the ID that sent it */
    bool model_known;                       /* PAYLOAD: `model` has been looked for */
    const struct selkie_model *model;       /* the device's model; NULL = none. PAYLOAD, STATE, VALUES */
    uint64_t outbox; /* growing number in the outbox, for selkie_unsealer_delivered; 0 = not in the outbox */
    uint64_t token;  /* ANSWER: as given with the command */
    char reason[SELKIE_REASON_MAX];
    uint8_t *data; /* len bytes and a NUL behind them, in the same piece of memory */
    size_t len;
    struct selkie_output *next; /* for the queue */
};

/* The oldest output, or NULL. The caller frees it with selkie_output_free, which wipes it. The queue is bounded: while
 * it is full the writer waits, the intake fills, and in the end submit refuses. */
struct selkie_output *selkie_unsealer_take(struct selkie_unsealer *unsealer);
void selkie_output_free(struct selkie_output *output);

/* The broker has got all outputs up to this number of the outbox, and has had a turn to forward them: they leave the
 * outbox with the next commit. */
void selkie_unsealer_delivered(struct selkie_unsealer *unsealer, uint64_t outbox);

/* Somebody who may read the payloads of all devices has subscribed: they need not wait any more. Until then they stay
 * in the outbox, with replay_wait_ms; they come in order, before the new ones. */
void selkie_unsealer_reader(struct selkie_unsealer *unsealer);

/* The largest payload of $CONTROL/selkie/v1, in bytes. */
#define SELKIE_COMMAND_MAX 1048576

/* Carry out {"commands":[…]} of $CONTROL/selkie/v1 (PROTOCOL.md, section 8) with an administrator's rights; the host
 * checks who may send it. The answer is an output SELKIE_OUTPUT_ANSWER with this token. It comes after the changes are
 * in durable storage, and it has all errors: of the payload, of a command, of storage. Frames are decided between the
 * commands of a payload. 0, SELKIE_ELENGTH, or SELKIE_EFULL: at most 16 payloads wait. */
SELKIE_USE_RESULT int selkie_unsealer_command(struct selkie_unsealer *unsealer, uint64_t token, const char *json,
                                              size_t len);

enum selkie_gateway_auth { SELKIE_GATEWAY_UNKNOWN, SELKIE_GATEWAY_PASSWORD, SELKIE_GATEWAY_CERTIFICATE };

/* How a registered gateway authenticates. Answered from memory. */
enum selkie_gateway_auth selkie_unsealer_gateway(struct selkie_unsealer *unsealer, const char *name);

/* Whether this is the password of a gateway that is registered with one. In constant time for a given name, and in well
 * under a millisecond: addGateway makes passwords of 160 random bits, so they need no slow hash. */
bool selkie_unsealer_check_gateway(struct selkie_unsealer *unsealer, const char *name, const char *password);

/* The JSON of selkie/stats, for the host to free(); NULL without memory. */
char *selkie_unsealer_stats(struct selkie_unsealer *unsealer);

#endif
