/* SPDX-License-Identifier: Apache-2.0 */
/* Calls the library's five functions with a port that the linker cannot see through. */
#include <mbedtls/memory_buffer_alloc.h>
#include <selkie/device.h>

#define POOL_SIZE 10752

extern const struct selkie_port port;

static const uint8_t spki[SELKIE_PUBLIC_KEY_SIZE]; /* in flash, as on a device */
static uint8_t pool[POOL_SIZE];
static struct selkie_device device;
static struct selkie_device_config config = SELKIE_DEVICE_DEFAULTS;
#ifndef SELKIE_NO_ACK
static struct selkie_link_rx rx;
#endif

/* Registers of no hardware. */
static volatile uint32_t *const hardware = (volatile uint32_t *)0x40000000;
extern uintptr_t __stack_chk_guard; /* the compiler's names */
uintptr_t __stack_chk_guard;
_Noreturn void __stack_chk_fail(void);
_Noreturn void probe(void);

_Noreturn void __stack_chk_fail(void)
{
    for (;;)
        ;
}

_Noreturn void board_exit(int status)
{
    (void)status;
    for (;;)
        ;
}

static int write_radio(void *context, const uint8_t *bytes, size_t len)
{
    (void)context;
    *hardware = bytes[0];
    return (int)len;
}

static int read_radio(void *context, uint8_t *bytes, size_t size)
{
    (void)context;
    bytes[0] = (uint8_t)*hardware;
    return size > 0;
}

static int read_pin(void *context, unsigned slot, uint8_t pin[SELKIE_AT_LEAST(SELKIE_PIN_SIZE)])
{
    (void)context;
    pin[slot] = (uint8_t)*hardware;
    return 0;
}

static int read_source(void *context, uint32_t *samples, size_t max)
{
    (void)context;
    samples[0] = *hardware;
    return max > 0;
}

static const struct selkie_source source = {
    .kind = SELKIE_SOURCE_TRNG, .claim = 8, .width = 8, .dead_ms = 1000, .read = read_source};
const struct selkie_port port = {
    .radio_write = write_radio, .radio_read = read_radio, .sources = &source, .source_count = 1, .read_pin = read_pin};

__attribute__((section(".probe"))) _Noreturn void probe(void)
{
    struct selkie_device_status status;

    mbedtls_memory_buffer_alloc_init(pool, sizeof pool);
    config.keys[0] = (struct selkie_public_key){.key_id = 1, .spki = spki};
#ifndef SELKIE_NO_ACK
    config.ack_rx = &rx;
#endif
    *hardware = (uint32_t)selkie_device_init(&device, &config, &port);
    for (;;) {
        if (selkie_device_poll(&device, *hardware, &status) == SELKIE_DEVICE_READY)
            *hardware = (uint32_t)selkie_device_send(&device, pool, 16);
        if (*hardware == 1)
            *hardware = (uint32_t)selkie_device_reset(&device);
        if (*hardware == 2)
            selkie_device_wipe(&device);
    }
}
