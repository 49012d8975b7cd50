/* SPDX-License-Identifier: Apache-2.0 */
/* A Selkie device: draws an ID at boot, seals payloads, and sends them by radio. PROTOCOL.md, sections 1 to 6.
 * Five calls over memory that the caller owns; the board is behind port.h. No heap of ours (mbedTLS takes what it needs
 * for one seal from mbedtls_calloc, which the board points to a static pool), no globals, no I/O but the port's; never
 * blocks for longer than one seal takes. The same answers of the port at the same times give the same behaviour.
 * One thread at a time for one device; devices share nothing. Never call it from an interrupt, except
 * selkie_device_wipe from one that does not return (brown-out, tamper). */
#ifndef SELKIE_DEVICE_H
#define SELKIE_DEVICE_H

#include <selkie/device/drbg.h>
#include <selkie/device/entropy.h>
#include <selkie/device/identity.h>
#include <selkie/device/trust.h>
#include <selkie/device/uplink.h>
#include <selkie/frame.h>
#include <selkie/message.h>
#include <selkie/port.h>

SELKIE_C_BEGIN

/* The device's configuration. It belongs to the caller, must not change while the device lives, and may be in flash.
 * Begin with SELKIE_DEVICE_DEFAULTS; C++, which has no such initializer, with selkie_device_defaults. */
struct selkie_device_config {
    uint8_t address[SELKIE_ADDRESS_SIZE];             /* from the MCU's unique number: a name, not a secret */
    struct selkie_public_key keys[SELKIE_TRUST_KEYS]; /* current, next (key_id 0: none); not of one key_id */

    enum selkie_frame_type form;  /* SELKIE_SEALED, or SELKIE_SESSION for short frames between sealed ones */
    uint16_t sealed_every;        /* with SESSION: one of so many messages is sealed; 1 to 4096 */
    uint16_t session_payload_max; /* with SESSION: longer payloads are sealed; 0 to 400 */

    const uint8_t *claim; /* proves to the operator that this is the expected device; claim_len bytes, 0..64 */
    size_t claim_len;
    const char *firmware; /* printable ASCII, up to 32 characters; NULL: none */

    uint16_t register_hours; /* the REGISTER is sent again after so many hours; 0: only at boot. Sooner if an ACK is
                                expected and did not come: after a minute, then after growing waits. Sooner too with
                                SESSION on a one-way link, which has no ACKs: after 16 to 32 minutes, then likewise */
    bool require_lock;       /* send nothing unless the port reports that read-out protection and debug lock are set */

    struct selkie_link_rx *ack_rx; /* where ACKs are received, one for each device; NULL, or no radio_read: one-way */
    struct selkie_uplink_settings uplink;
};

#define SELKIE_DEVICE_DEFAULTS                                                                                         \
    {                                                                                                                  \
        .form = SELKIE_SEALED, .sealed_every = SELKIE_SESSION_SEALED_EVERY, .session_payload_max = SELKIE_PAYLOAD_MAX, \
        .register_hours = 24, .uplink = {                                                                              \
            .bit_rate = 2000,                                                                                          \
            .quiet_ms = 20,                                                                                            \
            .backoff_ms = 250,                                                                                         \
            .spread_ms = 30000,                                                                                        \
            .ack_ms = 500,                                                                                             \
            .parity = 2,                                                                                               \
            .register_times = 3,                                                                                       \
            .data_times = 1,                                                                                           \
            .ack_tries = 5                                                                                             \
        }                                                                                                              \
    }

/* The same values, into a configuration that exists. */
void selkie_device_defaults(struct selkie_device_config *config);

enum selkie_device_state {
    SELKIE_DEVICE_GATHERING, /* not enough entropy for an ID: nothing is sent */
    SELKIE_DEVICE_READY,     /* the device accepts the next message */
    SELKIE_DEVICE_SENDING,   /* a message is under way */
};

struct selkie_device_status {
    uint64_t wake_ms;      /* poll again then, or sooner if the radio received bytes or a source has samples */
    uint16_t bits;         /* of entropy, earned so far: below bits_needed until there is an ID */
    uint16_t bits_needed;  /* SELKIE_ENTROPY_NEEDED */
    uint8_t alarms;        /* of the sources' health tests, while gathering: after each, a source starts again */
    uint32_t next_counter; /* of the next message; 0 until the REGISTER is made */
    enum selkie_uplink_trouble trouble; /* what keeps the device from sending, */
    uint64_t trouble_ms;                /* and since when */
    struct selkie_uplink_counts uplink;
};

/* The type is complete, so that it can be static. All of it belongs to the library. */
struct selkie_device {
    const struct selkie_device_config *config;
    const struct selkie_port *port;
    struct selkie_entropy entropy;
    struct selkie_drbg drbg;
    struct selkie_identity identity;
    struct selkie_uplink uplink;
    uint64_t register_at_ms;
    uint8_t unheard;       /* REGISTERs in a row without an ACK: each doubles the wait before the next one */
    uint32_t since_sealed; /* SESSION messages since the last SEALED one */
    int silenced;          /* the error that makes this device silent; 0 */
    bool identified;
};

/* Set up a device. 0, SELKIE_EINVAL for a config or port that the header does not allow, SELKIE_ETRUST (a key does not
 * match its pin), SELKIE_EREFUSED (the lock is required and not set) or SELKIE_ECRYPTO. After an error the device
 * stays silent: the calls below only return the error. */
SELKIE_USE_RESULT int selkie_device_init(struct selkie_device *device, const struct selkie_device_config *config,
                                         const struct selkie_port *port);

/* Take a payload of 0 to 400 bytes, number it, and seal it now, in the device's form; poll sends it. 0, SELKIE_EINVAL
 * (too long), SELKIE_ENOTREADY (no ID yet: go on polling), SELKIE_EBUSY (the message before is under way: the caller
 * drops or keeps this one; if that message waits for its part of a regular interval, it now goes at once),
 * SELKIE_EEXHAUSTED (the counter is at its end: the ID was wiped, go on polling), SELKIE_ECRYPTO (no memory for
 * mbedTLS), or the error that makes the device silent. */
SELKIE_USE_RESULT int selkie_device_send(struct selkie_device *device, const uint8_t *payload, size_t len);

/* Do what is due: gather entropy, draw the ID, register, send, receive ACKs. `now_ms` never goes back. Returns an
 * enum selkie_device_state, or the error that makes the device silent: SELKIE_EENTROPY (every source was refused),
 * SELKIE_ETRUST, SELKIE_EREFUSED (tamper, or the lock). Fills *status in any case. */
SELKIE_USE_RESULT int selkie_device_poll(struct selkie_device *device, uint64_t now_ms,
                                         struct selkie_device_status *status);

/* Wipe ID, counter and session, forget what was under way, and start again: gather entropy from nothing, check keys and
 * lock. This also ends silence. The pause that the duty cycle still demands is kept. Returns what init returns. */
SELKIE_USE_RESULT int selkie_device_reset(struct selkie_device *device);

/* Wipe everything at once, and call nothing that could wait: what mbedTLS holds elsewhere (a mutex, a crypto core)
 * stays until the restart. Only init may follow. */
void selkie_device_wipe(struct selkie_device *device);

SELKIE_C_END

#endif
