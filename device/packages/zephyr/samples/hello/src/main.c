/* SPDX-License-Identifier: Apache-2.0 */
/* A device that registers and sends "hello" each minute through the UART that the devicetree calls selkie-radio. Copy
 * 1.pub.h, which `selkiectl keygen --id 1 --out keys` made, beside this file, and write the key's pin into the first
 * eight of UICR's customer words of an nRF52:
 *
 *     openssl pkey -pubin -in keys/1.pub.pem -outform DER | openssl dgst -sha256 -binary > pin.bin
 *     objcopy -I binary -O ihex --change-addresses 0x10001080 pin.bin pin.hex && nrfjprog --program pin.hex
 */
#include "hello.h"
#include <zephyr/device.h>
#include <zephyr/devicetree.h>
#include <zephyr/drivers/entropy.h>
#include <zephyr/drivers/hwinfo.h>
#include <zephyr/drivers/uart.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#define PIN_OFFSET 0x80 /* of UICR's customer words; other chips have other one-time-programmable memory */

static const struct device *const radio = DEVICE_DT_GET(DT_ALIAS(selkie_radio));
static const struct device *const generator = DEVICE_DT_GET(DT_CHOSEN(zephyr_entropy));

/* Waits while the FIFO is full: at most one byte's time, which is 1 ms. */
static int write_radio(void *context, const uint8_t *bytes, size_t len)
{
    (void)context;
    (void)len;
    uart_poll_out(radio, bytes[0]);
    return 1;
}

/* zephyr,entropy must be the chip's true random generator, not another one that it seeded. */
static int read_random(void *context, uint32_t *samples, size_t max)
{
    uint8_t bytes[16];
    size_t count = max < sizeof bytes ? max : sizeof bytes;
    (void)context;
    if (entropy_get_entropy(generator, bytes, (uint16_t)count) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        samples[i] = bytes[i];
    return (int)count;
}

static int read_pin(void *context, unsigned slot, uint8_t pin[static SELKIE_PIN_SIZE])
{
    (void)context;
    if (slot > 0)
        return -1;
    memcpy(pin, (const uint8_t *)DT_REG_ADDR(DT_NODELABEL(uicr)) + PIN_OFFSET, SELKIE_PIN_SIZE);
    return 0;
}

int main(void)
{
    static const struct selkie_source source = {
        .kind = SELKIE_SOURCE_TRNG, .claim = 8, .width = 8, .dead_ms = 1000, .read = read_random};
    uint8_t address[SELKIE_ADDRESS_SIZE];

    if (!device_is_ready(radio) || !device_is_ready(generator) ||
        hwinfo_get_device_id(address, sizeof address) != (ssize_t)sizeof address) {
        printk("silent: the radio's UART, the generator or the chip's number is missing\n");
        return 0;
    }
    int state = hello_begin(address, &source, write_radio, read_pin);
    while (state >= 0) {
        state = hello_step((uint64_t)k_uptime_get());
        k_msleep(1);
    }
    printk("silent: %s\n", selkie_error_text(state));
    return 0;
}
