/* SPDX-License-Identifier: Apache-2.0 */
#include "lone_device.h"

#include <mbedtls/sha256.h>
#include <selkie/device.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vectors/test_random.h>

#define READINGS 4

static struct test_random noise = {.state = 18};
static uint8_t pin_of_key[SELKIE_PIN_SIZE];

static int write_radio(void *context, const uint8_t *bytes, size_t len)
{
    (void)context;
    printf("radio ");
    for (size_t i = 0; i < len; i++)
        printf("%02x", bytes[i]);
    printf("\n");
    return (int)len;
}

static int read_noise(void *context, uint32_t *samples, size_t max)
{
    (void)context;
    for (size_t i = 0; i < max; i++)
        samples[i] = (uint32_t)(test_random_next(&noise) & 0xFF);
    return (int)max;
}

static int read_pin(void *context, unsigned slot, uint8_t pin[SELKIE_AT_LEAST(SELKIE_PIN_SIZE)])
{
    (void)context;
    (void)slot;
    memcpy(pin, pin_of_key, SELKIE_PIN_SIZE);
    return 0;
}

static void must(bool right, const char *what)
{
    if (right)
        return;
    printf("the device: %s\n", what);
    exit(1);
}

void lone_device_run(const uint8_t *spki, uint8_t key_id)
{
    static struct selkie_device device;
    static struct selkie_device_config config = SELKIE_DEVICE_DEFAULTS;
    const struct selkie_source source = {
        .kind = SELKIE_SOURCE_TRNG, .claim = 8, .width = 8, .dead_ms = 1000, .read = read_noise};
    const struct selkie_port port = {
        .radio_write = write_radio, .sources = &source, .source_count = 1, .read_pin = read_pin};
    struct selkie_device_status status = {.wake_ms = 0};

    memcpy(config.address, "outsider", SELKIE_ADDRESS_SIZE);
    config.keys[0] = (struct selkie_public_key){.key_id = key_id, .spki = spki};
    config.form = SELKIE_SESSION;
    config.sealed_every = 3;
    config.firmware = SELKIE_TARGET;
    config.uplink.packet_max = 58;
    must(mbedtls_sha256_ret(spki, SELKIE_PUBLIC_KEY_SIZE, pin_of_key, 0) == 0, "no pin");
    must(selkie_device_init(&device, &config, &port) == 0, "it does not start");
    for (unsigned sent = 0; sent <= READINGS;) { /* time is what it asks for */
        int state = selkie_device_poll(&device, status.wake_ms, &status);
        must(state >= 0, "it is silent");
        if (state != SELKIE_DEVICE_READY)
            continue;
        if (sent < READINGS)
            must(selkie_device_send(&device, (const uint8_t *)"21.5", 4) == 0, "it sends nothing");
        sent++;
    }
    selkie_device_wipe(&device);
}
