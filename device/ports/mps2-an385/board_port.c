/* SPDX-License-Identifier: Apache-2.0 */
#include "board_port.h"
#include "board.h"
#include "pages.h"
#include <limits.h>
#include <string.h>

#define OTP ((const struct pages_otp *)PAGES_OTP_ADDRESS)

struct port_buttons port_buttons;

void port_press(uint32_t ticks)
{
    struct port_buttons *buttons = &port_buttons;
    if (buttons->edge_count < sizeof buttons->edges / sizeof buttons->edges[0])
        buttons->edges[buttons->edge_count++] = ticks;
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
    uint32_t heard;
    (void)context;
    if (!board_radio_heard(&heard))
        return INT_MAX;
    return (int)((board_ticks() - heard) / 1000);
}

static int read_edges(void *context, uint32_t *samples, size_t max)
{
    struct port_buttons *buttons = context;
    uint32_t count = buttons->edge_count < max ? buttons->edge_count : (uint32_t)max;
    memcpy(samples, buttons->edges, count * sizeof samples[0]);
    memmove(buttons->edges, buttons->edges + count, (buttons->edge_count - count) * sizeof samples[0]);
    buttons->edge_count -= count;
    memset(buttons->edges + buttons->edge_count, 0, count * sizeof samples[0]);
    return (int)count;
}

static int read_pin(void *context, unsigned slot, uint8_t pin[static SELKIE_PIN_SIZE])
{
    (void)context;
    memcpy(pin, OTP->pins[slot], SELKIE_PIN_SIZE);
    return 0;
}

static int key_slot(void *context)
{
    const struct port_buttons *buttons = context;
    return buttons->next_key ? 1 : SELKIE_KEY_SLOT;
}

static int tampered(void *context)
{
    const struct port_buttons *buttons = context;
    return buttons->tampered;
}

static int locked(void *context)
{
    (void)context;
    return OTP->lock == PAGES_LOCKED;
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

/* A person's presses: 4 bits each are credited, of the 20 or more that an interval in microseconds has. */
static const struct selkie_source buttons = {.kind = SELKIE_SOURCE_EDGES,
                                             .claim = SELKIE_ENTROPY_EDGE_CLAIM,
                                             .width = 8,
                                             .tick_hz = BOARD_TICK_HZ,
                                             .bounce_us = 20000,
                                             .read = read_edges};

const struct selkie_port port = {.context = &port_buttons,
                                 .radio_write = write_radio,
                                 .radio_read = read_radio,
                                 .radio_quiet_ms = quiet_ms,
                                 .sources = &buttons,
                                 .source_count = 1,
                                 .read_pin = read_pin,
                                 .key_slot = key_slot,
                                 .tampered = tampered,
                                 .locked = locked,
                                 .watchdog = watchdog,
                                 .restart = restart};
