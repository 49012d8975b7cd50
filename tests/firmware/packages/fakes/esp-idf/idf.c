/* SPDX-License-Identifier: Apache-2.0 */
/* The ESP-IDF, as far as the example calls it. Its generator is only a true one between enable and disable. */
#include "../fake.h"
#include "1.pub.h"
#include "fake_idf.h"
#include <stdbool.h>
#include <string.h>

static int random_enabled;

esp_err_t uart_driver_install(uart_port_t uart, int rx_size, int tx_size, int queue_size, void *queue, int flags)
{
    (void)queue;
    return uart == UART_NUM_1 && rx_size > 128 && tx_size == 0 && queue_size == 0 && flags == 0 ? ESP_OK : -1;
}

esp_err_t uart_param_config(uart_port_t uart, const uart_config_t *config)
{
    return uart == UART_NUM_1 && config->baud_rate == 9600 ? ESP_OK : -1;
}

esp_err_t uart_set_pin(uart_port_t uart, int tx, int rx, int rts, int cts)
{
    (void)rts;
    (void)cts;
    return uart == UART_NUM_1 && tx != rx ? ESP_OK : -1;
}

int uart_tx_chars(uart_port_t uart, const char *bytes, uint32_t len)
{
    uint32_t room = fake_random() % 129; /* the FIFO has 128 bytes */
    (void)uart;
    if (room > len)
        room = len;
    for (uint32_t i = 0; i < room; i++)
        fake_radio((uint8_t)bytes[i]);
    return (int)room;
}

esp_err_t esp_efuse_read_block(esp_efuse_block_t block, void *to, size_t offset_in_bits, size_t size_bits)
{
    if (block != EFUSE_BLK3 || offset_in_bits != 0 || size_bits != 256)
        return -1;
    memcpy(to, selkie_key_1_pin, 32);
    return ESP_OK;
}

esp_err_t esp_efuse_mac_get_default(uint8_t *mac)
{
    memset(mac, 0x5e, 6);
    return ESP_OK;
}

void esp_fill_random(void *bytes, size_t len)
{
    if (!random_enabled)
        fake_silent("an ID from a generator that is off");
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)fake_random();
}

void bootloader_random_enable(void)
{
    random_enabled = 1;
}

void bootloader_random_disable(void)
{
    random_enabled = 0;
}

int64_t esp_timer_get_time(void)
{
    return (int64_t)fake_now_us;
}

void vTaskDelay(const TickType_t ticks)
{
    fake_wait_us(ticks * 10000u);
}

void fake_delay(TickType_t ticks, uint8_t *id)
{
    static bool damaged;
    FILE *file = !damaged && fake_now_us > FAKE_START_US + 70000000u ? fopen("damaged", "rb") : NULL;
    if (file) {
        fclose(file);
        damaged = true;
        id[0] ^= 1;
    }
    vTaskDelay(ticks);
}

void esp_restart(void)
{
    printf("restarts\n");
    exit(3);
}

int main(void)
{
    app_main();
    fake_silent("app_main returned");
}
