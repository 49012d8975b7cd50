/* SPDX-License-Identifier: Apache-2.0 */
/* The hardware of the MPS2 board with the AN385 image (Arm DAI 0385): Cortex-M3 at 25 MHz, two UARTs, a microsecond
 * counter, a watchdog, the MPU. One core, no OS; the board_console_ and board_radio_ functions are for the main loop.
 */
#ifndef SELKIE_BOARD_H
#define SELKIE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOARD_TICK_HZ    1000000u
#define BOARD_RADIO_BAUD 9600u
#define BOARD_PAINT      0xA5A5A5A5u /* start-up leaves unused memory so, which lets board_memory measure */

/* Clocks, UARTs, watchdog, memory protection. Once, at the start of main. */
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

/* Bytes from the radio's UART that its interrupt collected; bytes into it, as many as it takes. */
size_t board_radio_read(uint8_t *bytes, size_t size);
size_t board_radio_write(const uint8_t *bytes, size_t len);
/* When the radio's last byte came, in ticks; false if none ever did. */
bool board_radio_heard(uint32_t *ticks);

/* The console's next key, and the tick at which its interrupt came: the board's button. Returns false if none waits;
 * 16 are kept, further ones are lost. */
bool board_console_key(char *key, uint32_t *ticks);
void board_console_print(const char *text);
void board_console_number(uint32_t number);

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
