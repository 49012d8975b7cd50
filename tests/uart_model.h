/* SPDX-License-Identifier: Apache-2.0 */
/* What a UART that receives at one speed makes of bytes (8N1) that were sent at another: each falling edge of the idle
 * line is a start bit, and each bit is sampled in its middle. For tests. One thread. */
#ifndef SELKIE_TESTS_UART_MODEL_H
#define SELKIE_TESTS_UART_MODEL_H

#include <stddef.h>
#include <stdint.h>

struct uart_wave {
    const uint8_t *bytes;
    size_t len;
    double baud;
};

/* The line's level at a time in seconds from the first start bit. */
static inline int uart_level(const struct uart_wave *wave, double time)
{
    double bits = time * wave->baud;

    if (bits < 0 || bits >= 10.0 * (double)wave->len)
        return 1;
    size_t bit = (size_t)bits;
    if (bit % 10 == 0)
        return 0;
    return bit % 10 == 9 ? 1 : wave->bytes[bit / 10] >> (bit % 10 - 1) & 1;
}

/* Write what comes out at the other speed, at most `size` bytes. Returns how many; *errors counts those whose stop bit
 * was missing. */
static inline size_t uart_receive(uint8_t *to, size_t size, unsigned baud, const uint8_t *bytes, size_t len,
                                  unsigned sent_baud, unsigned *errors)
{
    struct uart_wave wave = {bytes, len, sent_baud};
    double bit = 1.0 / baud, step = bit / 16, at = 0, end = 10.0 * (double)len / sent_baud;
    size_t fill = 0;
    int before = 1;

    while (at < end && fill < size) {
        int level = uart_level(&wave, at);
        if (before == 0 || level == 1) { /* no falling edge */
            before = level;
            at += step;
            continue;
        }
        unsigned value = 0;
        for (unsigned i = 0; i < 8; i++)
            value |= (unsigned)uart_level(&wave, at + (1.5 + i) * bit) << i;
        at += 9.5 * bit;
        before = uart_level(&wave, at);
        *errors += before == 0;
        to[fill++] = (uint8_t)value;
    }
    return fill;
}

#endif
