/* SPDX-License-Identifier: Apache-2.0 */
#include "fake.h"
#include <stdio.h>
#include <stdlib.h>

#define FRAMES    5 /* REGISTERs and at least two times "hello" */
#define MINUTE_US 60000000u

uint64_t fake_now_us = FAKE_START_US;

void fake_wait_us(uint64_t us)
{
    fake_now_us += us;
    if (fake_now_us > FAKE_START_US + 20ull * MINUTE_US)
        fake_silent("twenty minutes, and no frames");
}

uint32_t fake_random(void)
{
    static uint64_t state = 0x9E3779B97F4A7C15u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

void fake_radio(uint8_t byte)
{
    static FILE *radio;
    static unsigned delimiters;
    if (!radio)
        radio = fopen("radio.bin", "wb");
    if (!radio || fputc(byte, radio) == EOF)
        fake_silent("radio.bin cannot be written");
    if (byte == 0 && ++delimiters == 2 * FRAMES)
        exit(fclose(radio) == 0 ? 0 : 1);
}

void fake_silent(const char *why)
{
    printf("silent: %s\n", why);
    exit(1);
}
