/* SPDX-License-Identifier: Apache-2.0 */
/* Of the ESP-IDF 5 API reference (docs.espressif.com/projects/esp-idf/en/stable/esp32c3/api-reference), what the
 * example calls. The headers of those names only include it. */
#ifndef SELKIE_TEST_FAKE_IDF_H
#define SELKIE_TEST_FAKE_IDF_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef int esp_err_t;
#define ESP_OK             0
#define ESP_ERROR_CHECK(x) ((x) == ESP_OK ? (void)0 : abort())
#define ESP_LOGE(tag, format, ...)                                                                                     \
    do {                                                                                                               \
        printf("E %s: " format "\n", tag, __VA_ARGS__);                                                                \
        exit(1);                                                                                                       \
    } while (0)

typedef int uart_port_t;
typedef int uart_word_length_t;
typedef int uart_parity_t;
typedef int uart_stop_bits_t;
typedef struct {
    int baud_rate;
    uart_word_length_t data_bits;
    uart_parity_t parity;
    uart_stop_bits_t stop_bits;
    int flow_ctrl;
    uint8_t rx_flow_ctrl_thresh;
} uart_config_t;
#define UART_NUM_1          1
#define UART_DATA_8_BITS    3
#define UART_PARITY_DISABLE 0
#define UART_STOP_BITS_1    1
#define UART_PIN_NO_CHANGE  (-1)
esp_err_t uart_driver_install(uart_port_t uart, int rx_size, int tx_size, int queue_size, void *queue, int flags);
esp_err_t uart_param_config(uart_port_t uart, const uart_config_t *config);
esp_err_t uart_set_pin(uart_port_t uart, int tx, int rx, int rts, int cts);
int uart_tx_chars(uart_port_t uart, const char *bytes, uint32_t len);

typedef int esp_efuse_block_t;
#define EFUSE_BLK3 3
esp_err_t esp_efuse_read_block(esp_efuse_block_t block, void *to, size_t offset_in_bits, size_t size_bits);
esp_err_t esp_efuse_mac_get_default(uint8_t *mac);

void esp_fill_random(void *bytes, size_t len);
void bootloader_random_enable(void);
void bootloader_random_disable(void);
int64_t esp_timer_get_time(void);

typedef uint32_t TickType_t;
void vTaskDelay(const TickType_t ticks);
_Noreturn void esp_restart(void);

/* Where there is a file `damaged`, a bit of the device's ID tips over while it waits, long after it was drawn. */
void fake_delay(TickType_t ticks, uint8_t *id);
#ifdef SELKIE_HELLO_H
#define vTaskDelay(ticks) fake_delay(ticks, hello_device.identity.id)
#endif

void app_main(void);

#endif
