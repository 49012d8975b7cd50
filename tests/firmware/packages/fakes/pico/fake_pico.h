/* SPDX-License-Identifier: Apache-2.0 */
/* Of the Pico SDK 2 (datasheets.raspberrypi.com/pico/raspberry-pi-pico-c-sdk.pdf), what the example calls. The headers
 * of those names only include it. */
#ifndef SELKIE_TEST_FAKE_PICO_H
#define SELKIE_TEST_FAKE_PICO_H

#include <stdbool.h>
#include <stdint.h>

typedef struct uart_inst uart_inst_t;
extern uart_inst_t *const uart1;
unsigned uart_init(uart_inst_t *uart, unsigned baud);
bool uart_is_writable(uart_inst_t *uart);
void uart_putc_raw(uart_inst_t *uart, char byte);

enum gpio_function { GPIO_FUNC_UART = 2 };
void gpio_set_function(unsigned gpio, enum gpio_function function);

typedef struct {
    const volatile uint32_t randombit;
} rosc_hw_t;
rosc_hw_t *fake_rosc(void);
#define rosc_hw (fake_rosc())

typedef struct {
    uint8_t id[8];
} pico_unique_board_id_t;
void pico_get_unique_board_id(pico_unique_board_id_t *id);

uint64_t time_us_64(void);
void busy_wait_us_32(uint32_t us);
void sleep_ms(uint32_t ms);
bool stdio_init_all(void);

#endif
