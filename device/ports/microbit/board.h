/* SPDX-License-Identifier: Apache-2.0 */
/* The hardware of a BBC micro:bit V1: nRF51822, Cortex-M0 at 16 MHz without an MPU and without a SysTick. Its UART is
 * the radio, at the pins of the USB interface chip or of the edge connector; the LEDs show how far the device is. One
 * core, no OS. nRF51 Series Reference Manual, version 3.0. */
#ifndef SELKIE_MICROBIT_BOARD_H
#define SELKIE_MICROBIT_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOARD_TICK_HZ    1000000u
#define BOARD_RADIO_BAUD 9600u
#define BOARD_PAINT      0xA5A5A5A5u /* start-up leaves unused memory so, which lets board_memory measure */
#define BOARD_LEDS       25u

enum board_button { BOARD_BUTTON_A, BOARD_BUTTON_B, BOARD_BUTTONS };

/* Timers, UART, generator, buttons, watchdog. Once, at the start of main. */
void board_init(void);

/* The microsecond counter, which wraps at 2^32; and the time since the start, which does not. The second one must be
 * called at least once an hour. */
uint32_t board_ticks(void);
uint64_t board_now_us(void);

/* Sleep until the next interrupt (at the latest after 10 ms). */
void board_sleep(void);

void board_watchdog(void);

/* Restart the chip. */
_Noreturn void board_restart(void);

/* Bytes from the radio's UART that its interrupt collected; and bytes into the ring that it sends from: as many
 * as fit are taken. */
size_t board_radio_read(uint8_t *bytes, size_t size);
size_t board_radio_write(const uint8_t *bytes, size_t len);
/* When the radio's last byte came, in ticks; false if none ever did. */
bool board_radio_heard(uint32_t *ticks);

/* Bytes of the generator as they come, without its bias correction. */
size_t board_random(uint32_t *samples, size_t max);

/* Look at the buttons. True if one changed, which is then in `button` and `pressed`; `ticks` is now. */
bool board_button(enum board_button *button, bool *pressed, uint32_t *ticks);

/* Light so many of the 25 LEDs, in the order of reading. A pattern of one row is shown at a time, so call it often. */
void board_show(unsigned lit);

/* The most that was ever used of the stack and of mbedTLS's pool, and their sizes, in bytes. */
struct board_memory {
    uint32_t stack_used, stack_size, pool_used, pool_size;
};
void board_memory(struct board_memory *memory);

/* Give mbedTLS what RAM is left as its pool. Before anything else of it is called. */
void board_pool_init(void);

/* Called by the fault handlers before the restart: wipe what is secret, touch as little as possible. The application's.
 */
void board_on_fault(void);

#endif
