/* SPDX-License-Identifier: Apache-2.0 */
#include "board_port.h"
#include "board.h"
#include "pages.h"
#include <limits.h>
#include <string.h>

#define EDGES_MAX 8u

static uint32_t edges[EDGES_MAX]; /* ticks of edges that were not read yet */
static uint32_t edge_count;
static bool next_key;

void port_edge(uint32_t ticks)
{
    if (edge_count < EDGES_MAX)
        edges[edge_count++] = ticks;
}

void port_take_next_key(void)
{
    next_key = true;
}

static int write_radio(void *context, const uint8_t *bytes, size_t len)
{
    (void)context;
    return (int)board_radio_write(bytes, len);
}

static int read_radio(void *context, uint8_t *bytes, size_t size)
{
    (void)context;
    return (int)board_radio_read(bytes, size);
}

static int quiet_ms(void *context)
{
    uint32_t ticks;
    (void)context;
    return board_radio_heard(&ticks) ? (int)((board_ticks() - ticks) / 1000 % INT_MAX) : INT_MAX;
}

static int read_edges(void *context, uint32_t *samples, size_t max)
{
    size_t count = edge_count < max ? edge_count : max;
    (void)context;
    memcpy(samples, edges, count * sizeof edges[0]);
    edge_count -= (uint32_t)count;
    memmove(edges, edges + count, edge_count * sizeof edges[0]);
    return (int)count;
}

#if BOARD_HAS_RNG
static int read_random(void *context, uint32_t *samples, size_t max)
{
    (void)context;
    return (int)board_random(samples, max);
}
#endif

/* The customer words of UICR: only an erasure of the whole chip makes them writable again. */
static int read_pin(void *context, unsigned slot, uint8_t pin[static SELKIE_PIN_SIZE])
{
    (void)context;
    memcpy(pin, (const uint8_t *)PAGES_UICR_CUSTOMER + slot * SELKIE_PIN_SIZE, SELKIE_PIN_SIZE);
    return 0;
}

static int key_slot(void *context)
{
    (void)context;
    return next_key ? 1 : SELKIE_KEY_SLOT;
}

/* Read-out protection of the whole chip (RBPCONF.PALL). It keeps a debugger from reading memory by itself. It does not
 * keep a debugger from halting and stepping the core, which then reads flash and RAM for it: docs/PORTING.md,
 * "Hardening". */
static int locked(void *context)
{
    (void)context;
    return (*(const volatile uint32_t *)PAGES_UICR_RBPCONF >> 8 & 0xFFu) == 0;
}

static void watchdog(void *context)
{
    (void)context;
    board_watchdog();
}

static void restart(void *context)
{
    (void)context;
    board_restart();
}

/* A press and a release: 2 bits each of the many that an interval in microseconds has. The generator: 2 bits of a raw
 * byte. A claim for a product comes from samples of its own chips (docs/PORTING.md, section 4). */
static const struct selkie_source sources[] = {
    {.kind = SELKIE_SOURCE_EDGES,
     .claim = 8,
     .width = 8,
     .tick_hz = BOARD_TICK_HZ,
     .bounce_us = 20000,
     .read = read_edges},
#if BOARD_HAS_RNG
    {.kind = SELKIE_SOURCE_TRNG, .claim = 8, .width = 8, .dead_ms = 1000, .read = read_random},
#endif
};

const struct selkie_port port = {.radio_write = write_radio,
                                 .radio_read = read_radio,
                                 .radio_quiet_ms = quiet_ms,
                                 .sources = sources,
                                 .source_count = sizeof sources / sizeof sources[0],
                                 .read_pin = read_pin,
                                 .key_slot = key_slot,
                                 .locked = locked,
                                 .watchdog = watchdog,
                                 .restart = restart};
