/* SPDX-License-Identifier: Apache-2.0 */
/* The Pico SDK, as far as the example calls it. Where there is a file `locked`, the ring oscillator follows the
 * clock. */
#include "../fake.h"
#include "fake_pico.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct uart_inst {
    unsigned baud;
};
static struct uart_inst uarts[1];
uart_inst_t *const uart1 = uarts;

unsigned uart_init(uart_inst_t *uart, unsigned baud)
{
    return uart->baud = baud;
}

bool uart_is_writable(uart_inst_t *uart)
{
    return uart->baud == 9600 && fake_random() % 32 != 0;
}

void uart_putc_raw(uart_inst_t *uart, char byte)
{
    (void)uart;
    fake_radio((uint8_t)byte);
}

void gpio_set_function(unsigned gpio, enum gpio_function function)
{
    if (gpio != 4 || function != GPIO_FUNC_UART)
        fake_silent("this is no pin of UART 1");
}

rosc_hw_t *fake_rosc(void)
{
    static uint32_t bit;
    static unsigned turns;
    static bool locked;
    if (turns == 0) {
        FILE *file = fopen("locked", "rb");
        locked = file != NULL;
        if (file)
            fclose(file);
    }
    bit = (locked ? turns / 3 : fake_random()) & 1;
    turns++;
    return (rosc_hw_t *)&bit;
}

void pico_get_unique_board_id(pico_unique_board_id_t *id)
{
    memset(id, 0x5e, sizeof *id);
}

uint64_t time_us_64(void)
{
    return fake_now_us;
}

void busy_wait_us_32(uint32_t us)
{
    fake_wait_us(us);
}

void sleep_ms(uint32_t ms)
{
    fake_wait_us((uint64_t)ms * 1000);
    if (ms >= 1000) /* only a silent device waits for so long */
        exit(3);
}

bool stdio_init_all(void)
{
    return true;
}
