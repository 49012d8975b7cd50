/* SPDX-License-Identifier: Apache-2.0 */
/* A device that registers and sends "hello" each minute through UART 1 (GPIO 4), where the radio is. Copy 1.pub.h,
 * which `selkiectl keygen --id 1 --out keys` made, beside this file.
 *
 * The ring oscillator is no true random generator by itself: where it locks to the system clock, or where the supply
 * drives it, its bits repeat. So this example claims a quarter of a bit for each, and the library's health tests
 * decide: a device whose oscillator fails them stays silent. Add a button where that happens (docs/PORTING.md, section
 * 4).
 *
 * The RP2040 has no one-time-programmable memory, so the pin is in the image: whoever can write the flash can replace
 * both. On an RP2350 read it from OTP. */
#include "hello.h"
#include <hardware/structs/rosc.h>
#include <hardware/uart.h>
#include <pico/stdlib.h>
#include <pico/unique_id.h>
#include <stdio.h>

#define RADIO     uart1
#define RADIO_TX  4
#define SAMPLE_US 2 /* between two bits: some turns of the oscillator */

static int write_radio(void *context, const uint8_t *bytes, size_t len)
{
    size_t count = 0;
    (void)context;
    while (count < len && uart_is_writable(RADIO))
        uart_putc_raw(RADIO, (char)bytes[count++]);
    return (int)count;
}

static int read_oscillator(void *context, uint32_t *samples, size_t max)
{
    (void)context;
    for (size_t i = 0; i < max; i++) {
        busy_wait_us_32(SAMPLE_US);
        samples[i] = rosc_hw->randombit & 1u;
    }
    return (int)max;
}

static int read_pin(void *context, unsigned slot, uint8_t pin[static SELKIE_PIN_SIZE])
{
    (void)context;
    if (slot > 0)
        return -1;
    memcpy(pin, selkie_key_1_pin, SELKIE_PIN_SIZE);
    return 0;
}

int main(void)
{
    static const struct selkie_source oscillator = {
        .kind = SELKIE_SOURCE_NOISE, .claim = 1, .width = 1, .dead_ms = 1000, .read = read_oscillator};
    pico_unique_board_id_t board;

    stdio_init_all();
    uart_init(RADIO, 9600);
    gpio_set_function(RADIO_TX, GPIO_FUNC_UART);
    pico_get_unique_board_id(&board);
    int state = hello_begin(board.id, &oscillator, write_radio, read_pin);
    while (state >= 0) {
        state = hello_step(time_us_64() / 1000);
        sleep_ms(1);
    }
    for (;;) {
        printf("silent: %s\n", selkie_error_text(state));
        sleep_ms(1000);
    }
}
