/* SPDX-License-Identifier: Apache-2.0 */
/* A device that registers and sends "hello" each minute through UART 1, where the radio is. Copy 1.pub.h, which
 * `selkiectl keygen --id 1 --out keys` made, beside this file, and burn the key's pin into the eFuse block for the
 * user:
 *
 *     openssl pkey -pubin -in keys/1.pub.pem -outform DER | openssl dgst -sha256 -binary > pin.bin
 *     espefuse.py burn_block_data BLOCK3 pin.bin
 */
#include "hello.h"
#include <bootloader_random.h>
#include <driver/uart.h>
#include <esp_efuse.h>
#include <esp_log.h>
#include <esp_mac.h>
#include <esp_random.h>
#include <esp_system.h>
#include <esp_timer.h>
#include <freertos/FreeRTOS.h>
#include <freertos/task.h>

#define RADIO    UART_NUM_1
#define RADIO_TX 4
#define RADIO_RX 5

static const char TAG[] = "hello";

static int write_radio(void *context, const uint8_t *bytes, size_t len)
{
    (void)context;
    return uart_tx_chars(RADIO, (const char *)bytes, (uint32_t)len); /* as many as the FIFO takes */
}

/* The generator is a true one only while bootloader_random_enable holds, or with Wi-Fi or Bluetooth on. */
static int read_random(void *context, uint32_t *samples, size_t max)
{
    uint8_t bytes[16];
    size_t count = max < sizeof bytes ? max : sizeof bytes;
    (void)context;
    esp_fill_random(bytes, count);
    for (size_t i = 0; i < count; i++)
        samples[i] = bytes[i];
    return (int)count;
}

static int read_pin(void *context, unsigned slot, uint8_t pin[static SELKIE_PIN_SIZE])
{
    (void)context;
    if (slot > 0)
        return -1;
    return esp_efuse_read_block(EFUSE_BLK3, pin, 0, SELKIE_PIN_SIZE * 8) == ESP_OK ? 0 : -1;
}

/* The ID was lost, and the next one needs the generator as it is at the start. */
static void restart(void *context)
{
    (void)context;
    esp_restart();
}

void app_main(void)
{
    static const struct selkie_source generator = {
        .kind = SELKIE_SOURCE_TRNG, .claim = 8, .width = 8, .dead_ms = 1000, .read = read_random};
    const uart_config_t radio = {
        .baud_rate = 9600, .data_bits = UART_DATA_8_BITS, .parity = UART_PARITY_DISABLE, .stop_bits = UART_STOP_BITS_1};
    uint8_t address[SELKIE_ADDRESS_SIZE] = {0};
    int last_state = SELKIE_DEVICE_GATHERING;

    ESP_ERROR_CHECK(uart_driver_install(RADIO, 256, 0, 0, NULL, 0));
    ESP_ERROR_CHECK(uart_param_config(RADIO, &radio));
    ESP_ERROR_CHECK(uart_set_pin(RADIO, RADIO_TX, RADIO_RX, UART_PIN_NO_CHANGE, UART_PIN_NO_CHANGE));
    ESP_ERROR_CHECK(esp_efuse_mac_get_default(address + 2)); /* 6 bytes */
    bootloader_random_enable();
    hello_port.restart = restart;
    int state = hello_begin(address, &generator, write_radio, read_pin);
    while (state >= 0) {
        state = hello_step((uint64_t)(esp_timer_get_time() / 1000));
        if (state != SELKIE_DEVICE_GATHERING && last_state == SELKIE_DEVICE_GATHERING)
            bootloader_random_disable(); /* the ID is drawn; ADC, Wi-Fi and Bluetooth may start */
        last_state = state;
        vTaskDelay(1);
    }
    ESP_LOGE(TAG, "silent: %s", selkie_error_text(state));
}
