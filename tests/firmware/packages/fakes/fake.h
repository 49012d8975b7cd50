/* SPDX-License-Identifier: Apache-2.0 */
/* What the fakes of all platforms share: a clock that goes only when somebody waits, a source of numbers, and a radio
 * that writes to the host by semihosting. The program ends once enough frames came out, or the clock says it is too
 * late. No platform's own code is here: what is built against these headers is checked against their documented API
 * only. */
#ifndef SELKIE_TEST_FAKE_H
#define SELKIE_TEST_FAKE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Microseconds since the board's start, which was long ago: 32 bits of milliseconds wrap after one more minute and a
 * half, between two of the example's frames. */
#define FAKE_START_US ((0x100000000ull - 90000) * 1000)
extern uint64_t fake_now_us;

/* Let time go by. */
void fake_wait_us(uint64_t us);

/* A number that looks random, and is the same in each run. */
uint32_t fake_random(void);

/* A byte out of the radio's UART. */
void fake_radio(uint8_t byte);

/* The end of a program that fell silent: print why, with an exit status of 1. */
void fake_silent(const char *why);

#ifdef __cplusplus
}
#endif

#endif
