/* SPDX-License-Identifier: Apache-2.0 */
/* The board of docs/LOOP.md: the fake radio and generator, and a case that somebody opens once. */
#include "../fake.h"
#include "1.pub.h"
#include "my_board.h"
#include <mbedtls/memory_buffer_alloc.h>
#include <stdlib.h>
#include <string.h>

#define OPENED_MS (FAKE_START_US / 1000 + 3000u) /* the case is open from then on, until somebody serves it */

bool fake_opens = true; /* not in a task: its page has no service button */
static bool serviced;

void board_exit(int status)
{
    (void)status;
    board_on_fault();
    fake_silent("mbedTLS's pool is corrupt");
}

void board_init(void)
{
    static unsigned char pool[10752];
    mbedtls_memory_buffer_alloc_init(pool, sizeof pool);
}

const uint8_t *board_number(void)
{
    static const uint8_t number[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    return number;
}

uint64_t board_ms(void)
{
    return fake_now_us / 1000;
}

void board_sleep_until(uint64_t ms)
{
    uint64_t now = board_ms(), until = ms > now ? ms : now;
    if (until > now + 1000) /* the radio's next byte, say */
        until = now + 1000;
    fake_wait_us(until > now ? (until - now) * 1000 : 100);
}

void board_show(const char *text)
{
    (void)text;
}

bool board_service_button(void)
{
    return serviced = true;
}

bool board_reading_due(void)
{
    static uint64_t next_ms;
    bool due = board_ms() >= next_ms;
    if (due)
        next_ms = board_ms() + 60000;
    return due;
}

size_t board_read_sensor(uint8_t *bytes, size_t size)
{
    if (size < 5)
        return 0;
    memcpy(bytes, "hello", 5);
    return 5;
}

static int write_radio(void *context, const uint8_t *bytes, size_t len)
{
    size_t room = fake_random() % 17;
    (void)context;
    if (room > len)
        room = len;
    for (size_t i = 0; i < room; i++)
        fake_radio(bytes[i]);
    return (int)room;
}

static int read_random(void *context, uint32_t *samples, size_t max)
{
    (void)context;
    for (size_t i = 0; i < max; i++)
        samples[i] = fake_random() & 0xff;
    return (int)max;
}

static int read_pin(void *context, unsigned slot, uint8_t pin[static SELKIE_PIN_SIZE])
{
    (void)context;
    memcpy(pin, selkie_key_1_pin, SELKIE_PIN_SIZE);
    return slot == 0 ? 0 : -1;
}

static int tampered(void *context)
{
    (void)context;
    return fake_opens && board_ms() >= OPENED_MS && !serviced;
}

static const struct selkie_source source = {
    .kind = SELKIE_SOURCE_TRNG, .claim = 8, .width = 8, .dead_ms = 1000, .read = read_random};
const struct selkie_port board_port = {
    .radio_write = write_radio, .sources = &source, .source_count = 1, .read_pin = read_pin, .tampered = tampered};
