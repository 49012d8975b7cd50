/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_port.h"
#include <check.h>
#include <limits.h>
#include <mbedtls/rsa.h>
#include <selkie/mbedtls.h>
#include <stdlib.h>
#include <string.h>
#include <vectors/vectors.h>

static int radio_write(void *context, const uint8_t *bytes, size_t len)
{
    struct fake_port *fake = context;
    if (fake->fails[FAKE_RADIO_WRITE])
        return -1;
    if (fake->stalled)
        return 0;
    if (fake->write_limit > 0 && len > fake->write_limit)
        len = fake->write_limit;
    for (size_t i = 0; i < len; i++) {
        int got = selkie_link_rx_byte(&fake->cloud, bytes[i]);
        if (got < 0)
            fake->broken_frames++;
        if (got <= 0)
            continue;
        if (fake->frame_count < FAKE_FRAMES_MAX) {
            struct fake_frame *frame = &fake->frames[fake->frame_count];
            memcpy(frame->body, fake->cloud.body, (size_t)got);
            frame->len = (size_t)got;
            frame->at_ms = fake->now_ms;
        }
        fake->frame_count++;
    }
    return (int)len;
}

static int radio_read(void *context, uint8_t *bytes, size_t size)
{
    struct fake_port *fake = context;
    if (fake->fails[FAKE_RADIO_READ])
        return -1;
    size_t left = fake->heard_len - fake->heard_at;
    size_t count = left < size ? left : size;
    memcpy(bytes, fake->heard + fake->heard_at, count);
    fake->heard_at += count;
    return (int)count;
}

static int radio_quiet_ms(void *context)
{
    struct fake_port *fake = context;
    return fake->fails[FAKE_RADIO_QUIET] ? -1 : fake->quiet_ms;
}

static int read_samples(void *context, uint32_t *samples, size_t max)
{
    struct fake_port *fake = context;
    if (fake->fails[FAKE_SOURCE])
        return -1;
    for (size_t i = 0; i < max; i++) {
        samples[i] = fake->stuck > 0 ? 0x55 : (uint8_t)test_random_next(&fake->random);
        if (fake->stuck > 0)
            fake->stuck--;
    }
    return (int)max;
}

static int read_pin(void *context, unsigned slot, uint8_t pin[static SELKIE_PIN_SIZE])
{
    struct fake_port *fake = context;
    if (fake->fails[FAKE_READ_PIN] || slot >= SELKIE_TRUST_KEYS)
        return -1;
    memcpy(pin, fake->pins[slot], SELKIE_PIN_SIZE);
    return 0;
}

static int key_slot(void *context)
{
    struct fake_port *fake = context;
    return fake->fails[FAKE_KEY_SLOT] ? -1 : fake->slot;
}

static int tampered(void *context)
{
    struct fake_port *fake = context;
    return fake->fails[FAKE_TAMPERED] ? -1 : fake->tampered;
}

static int locked(void *context)
{
    struct fake_port *fake = context;
    return fake->fails[FAKE_LOCKED] ? -1 : fake->locked;
}

static void watchdog(void *context)
{
    struct fake_port *fake = context;
    fake->watchdogs++;
}

static void restart(void *context)
{
    struct fake_port *fake = context;
    fake->restarts++;
}

/* Blinding of a test key needs no secret. */
static int blinding_seed(void *context, unsigned char *bytes, size_t len)
{
    (void)context;
    memset(bytes, 1, len);
    return 0;
}

static void load_keys(struct fake_port *fake)
{
    json_t *root = vectors_load(SELKIE_VECTORS);
    ck_assert_ptr_nonnull(root);
    const json_t *rsa = json_object_get(root, "rsa");
    size_t len;
    uint8_t *der = vectors_bytes(rsa, "private_pkcs8_der", &len);
    mbedtls_pk_init(&fake->private_key);
    mbedtls_ctr_drbg_init(&fake->blinding);
    ck_assert_int_eq(mbedtls_ctr_drbg_seed(&fake->blinding, blinding_seed, NULL, NULL, 0), 0);
    ck_assert_int_eq(selkie_mbedtls_pk_parse(&fake->private_key, der, len, &fake->blinding), 0);
    free(der);
    vectors_copy(fake->spki, sizeof fake->spki, rsa, "public_spki_der");
    json_decref(root);
    for (unsigned slot = 0; slot < SELKIE_TRUST_KEYS; slot++)
        ck_assert_int_eq(selkie_mbedtls_sha256(fake->spki, sizeof fake->spki, fake->pins[slot], 0), 0);
}

void fake_port_init(struct fake_port *fake, uint64_t seed)
{
    memset(fake, 0, sizeof *fake);
    fake->random.state = seed;
    fake->quiet_ms = INT_MAX;
    fake->locked = 1;
    fake->now_ms = 1000;
    fake->source = (struct selkie_source){
        .kind = SELKIE_SOURCE_TRNG, .claim = 24, .width = 8, .dead_ms = 1000, .read = read_samples};
    fake->port = (struct selkie_port){.context = fake,
                                      .radio_write = radio_write,
                                      .radio_read = radio_read,
                                      .radio_quiet_ms = radio_quiet_ms,
                                      .sources = &fake->source,
                                      .source_count = 1,
                                      .read_pin = read_pin,
                                      .key_slot = key_slot,
                                      .tampered = tampered,
                                      .locked = locked,
                                      .watchdog = watchdog,
                                      .restart = restart};
    selkie_link_rx_init(&fake->cloud);
    load_keys(fake);
}

void fake_port_free(struct fake_port *fake)
{
    mbedtls_pk_free(&fake->private_key);
    mbedtls_ctr_drbg_free(&fake->blinding);
}

struct selkie_device_config fake_config(const struct fake_port *fake)
{
    struct selkie_device_config config = SELKIE_DEVICE_DEFAULTS;
    static const uint8_t address[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77};
    memcpy(config.address, address, sizeof address);
    config.keys[0] = (struct selkie_public_key){.key_id = 1, .spki = fake->spki};
    config.firmware = "test 1.0";
    return config;
}

void fake_port_acknowledge(struct fake_port *fake, const uint8_t *body, size_t len)
{
    uint8_t ack[SELKIE_ACK_SIZE];
    selkie_frame_put_ack(ack, body, len);
    int wire_len = selkie_link_encode(fake->heard, sizeof fake->heard, ack, sizeof ack);
    ck_assert_int_gt(wire_len, 0);
    fake->heard_len = (size_t)wire_len;
    fake->heard_at = 0;
}

int fake_port_open(struct fake_port *fake, struct selkie_message *message, uint8_t plain[static SELKIE_CIPHERTEXT_SIZE],
                   const struct fake_frame *sent)
{
    struct selkie_frame frame;
    int error = selkie_frame_decode(&frame, sent->body, sent->len);
    if (error < 0)
        return error;
    if (frame.type != SELKIE_SEALED)
        return SELKIE_EINVAL;
    size_t len = 0;
    mbedtls_rsa_context *rsa = mbedtls_pk_rsa(fake->private_key);
    mbedtls_rsa_set_padding(rsa, MBEDTLS_RSA_PKCS_V21, MBEDTLS_MD_SHA256);
    int failed =
        selkie_mbedtls_oaep_open(rsa, &fake->blinding, &len, frame.sealed.ciphertext, plain, SELKIE_CIPHERTEXT_SIZE);
    if (failed || memcmp(frame.sealed.address, plain + 1, SELKIE_ADDRESS_SIZE) != 0)
        return SELKIE_EBADSEAL;
    return selkie_message_decode(message, plain, len);
}

int fake_port_run(struct fake_port *fake, struct selkie_device *device, int state, uint64_t until_ms,
                  struct selkie_device_status *status)
{
    int result;
    for (;;) {
        result = selkie_device_poll(device, fake->now_ms, status);
        if (result < 0 || result == state)
            return result;
        uint64_t next_ms = status->wake_ms;
        if (next_ms > until_ms)
            return result;
        if (next_ms > fake->now_ms)
            fake->now_ms = next_ms;
    }
}
