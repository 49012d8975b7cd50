/* SPDX-License-Identifier: Apache-2.0 */
/* A board for tests: seeded entropy, a radio that remembers, a switch that makes each callback fail, and the cloud's
 * end to open what was sent. Time is the test's own. */
#ifndef SELKIE_TESTS_FAKE_PORT_H
#define SELKIE_TESTS_FAKE_PORT_H

#include <mbedtls/pk.h>
#include <selkie/device.h>
#include <vectors/test_random.h>

#define FAKE_FRAMES_MAX 64

enum fake_callback {
    FAKE_RADIO_WRITE,
    FAKE_RADIO_READ,
    FAKE_RADIO_QUIET,
    FAKE_SOURCE,
    FAKE_READ_PIN,
    FAKE_KEY_SLOT,
    FAKE_TAMPERED,
    FAKE_LOCKED,
    FAKE_CALLBACKS
};

struct fake_frame {
    uint8_t body[SELKIE_LINK_BODY_MAX];
    size_t len;
    uint64_t at_ms;
};

struct fake_port {
    struct selkie_port port;
    struct selkie_source source;
    struct test_random random;
    bool fails[FAKE_CALLBACKS];
    size_t stuck; /* samples that the source will give the same value for */
    uint64_t now_ms;
    int quiet_ms;
    int slot;
    int tampered;
    int locked;
    size_t write_limit; /* bytes that the radio takes at once; 0: all */
    bool stalled;       /* it takes none */
    uint8_t pins[SELKIE_TRUST_KEYS][SELKIE_PIN_SIZE];
    uint8_t spki[SELKIE_PUBLIC_KEY_SIZE];
    uint8_t heard[64]; /* what the radio will hear: heard_len bytes from heard_at */
    size_t heard_len, heard_at;
    struct selkie_link_rx cloud;
    struct fake_frame frames[FAKE_FRAMES_MAX]; /* the first ones that were sent */
    size_t frame_count;                        /* all of them */
    size_t broken_frames;
    unsigned watchdogs, restarts;
    mbedtls_pk_context private_key;
    mbedtls_ctr_drbg_context blinding;
};

/* A port that works, and a config with the key of the golden vectors that suits it. Free it in the end. */
void fake_port_init(struct fake_port *fake, uint64_t seed);
void fake_port_free(struct fake_port *fake);
struct selkie_device_config fake_config(const struct fake_port *fake);

/* Let the radio hear the ACK for a body. */
void fake_port_acknowledge(struct fake_port *fake, const uint8_t *body, size_t len);

/* Open a SEALED body into `plain`, which the message points into. 0, or a negative error. */
int fake_port_open(struct fake_port *fake, struct selkie_message *message, uint8_t plain[static SELKIE_CIPHERTEXT_SIZE],
                   const struct fake_frame *frame);

/* Poll at the times that the device asks for until it returns `state`, or `until_ms` is over. Returns the last result.
 */
int fake_port_run(struct fake_port *fake, struct selkie_device *device, int state, uint64_t until_ms,
                  struct selkie_device_status *status);

#endif
