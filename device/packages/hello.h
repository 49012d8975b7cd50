/* SPDX-License-Identifier: Apache-2.0 */
/* What the packages' examples have in common: a device that registers and sends "hello" each minute. An example adds
 * its platform's radio, entropy, pin and clock. Beside this file belongs 1.pub.h, the cloud's public key, which
 * `selkiectl keygen` makes. One source file includes this header; one thread calls it. */
#ifndef SELKIE_HELLO_H
#define SELKIE_HELLO_H

#include "1.pub.h"
#include <mbedtls/memory_buffer_alloc.h>
#include <mbedtls/platform.h>
#include <selkie/device.h>
#include <string.h>

SELKIE_C_BEGIN

#define HELLO_EVERY_MS 60000u

static struct selkie_device hello_device;
static struct selkie_device_config hello_config;
static struct selkie_port hello_port;
static struct selkie_device_status hello_status; /* as of the last hello_step */

#ifdef MBEDTLS_MEMORY_BUFFER_ALLOC_C
/* Where mbedTLS takes its memory: a seal needs 9,724 of these 10,752 bytes (docs/DESIGN.md, "Budget"). Other
 * configurations use the heap. */
static unsigned char hello_pool[10752];

/* mbedTLS found its pool corrupt: wipe the ID, and stop. A product restarts here. */
void board_exit(int status);

void board_exit(int status)
{
    (void)status;
    selkie_device_wipe(&hello_device);
    for (;;)
        ;
}
#endif

/* `source` must live on, and say in `claim` what was assessed for the chip at hand (docs/PORTING.md, section 4). 0, or
 * why the device will stay silent. */
static inline int
hello_begin(const uint8_t address[SELKIE_AT_LEAST(SELKIE_ADDRESS_SIZE)], const struct selkie_source *source,
            int (*write_radio)(void *context, const uint8_t *bytes, size_t len),
            int (*read_pin)(void *context, unsigned slot, uint8_t pin[SELKIE_AT_LEAST(SELKIE_PIN_SIZE)]))
{
#ifdef MBEDTLS_MEMORY_BUFFER_ALLOC_C
    mbedtls_memory_buffer_alloc_init(hello_pool, sizeof hello_pool);
#endif
    selkie_device_defaults(&hello_config);
    memcpy(hello_config.address, address, SELKIE_ADDRESS_SIZE);
    hello_config.keys[0].key_id = SELKIE_KEY_1_ID;
    hello_config.keys[0].spki = selkie_key_1_spki;
    hello_config.firmware = "hello 1.0";
    hello_config.uplink.bit_rate = 2000; /* the radio's */
    hello_port.radio_write = write_radio;
    hello_port.sources = source;
    hello_port.source_count = 1;
    hello_port.read_pin = read_pin;
    return selkie_device_init(&hello_device, &hello_config, &hello_port);
}

/* Call it again and again, in a loop or a task, with milliseconds that never go back. Returns the device's state; if
 * negative, why it is silent. hello_status.wake_ms says when the next call is due. */
static inline int hello_step(uint64_t now_ms)
{
    static uint64_t next_ms;
    int state = selkie_device_poll(&hello_device, now_ms, &hello_status);
    if (state == SELKIE_DEVICE_READY && now_ms >= next_ms &&
        selkie_device_send(&hello_device, (const uint8_t *)"hello", 5) == 0)
        next_ms = now_ms + HELLO_EVERY_MS;
    return state;
}

/* A clock of 32 bits that wraps, as one of 64 that does not. Call it at least once in 49 days. */
static inline uint64_t hello_clock(uint32_t now_ms)
{
    static uint32_t last, wraps;
    if (now_ms < last)
        wraps++;
    last = now_ms;
    return (uint64_t)wraps << 32 | now_ms;
}

SELKIE_C_END

#endif
