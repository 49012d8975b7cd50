/* SPDX-License-Identifier: Apache-2.0 */
/* The image's application: a micro:bit that sends how long it is up. While it gathers entropy, the LEDs fill up and
 * each press and release of A or B counts; then B sends a reading out of turn, and A held down as B is pressed takes
 * the next key. Without LEDs: all is dark while it is silent. */
#include "board.h"
#include "board_port.h"
#include "pages.h"
#include <selkie/device.h>
#include <string.h>

#define KEY_PAGE ((const struct pages_key *)PAGES_KEY_ADDRESS)

/* What a debugger, or a test in QEMU, may look at; nothing secret. */
struct microbit_report {
    int32_t state; /* of selkie_device_poll */
    uint32_t bits, bits_needed;
    uint32_t alarms;
    uint32_t edges;   /* of the buttons */
    uint32_t seal_us; /* what the last reading took to seal */
    uint32_t next_counter;
    struct board_memory memory;
};
extern volatile struct microbit_report microbit_report;
volatile struct microbit_report microbit_report;

static struct selkie_device device;
static struct selkie_device_config config = SELKIE_DEVICE_DEFAULTS;
static struct selkie_link_rx ack_rx;
static uint64_t next_reading_ms;
static bool reading_asked, a_is_down;

void board_on_fault(void)
{
    selkie_device_wipe(&device);
}

static void configure(void)
{
    const struct pages_key *page = KEY_PAGE;
    memcpy(config.address, (const void *)PAGES_FICR_DEVICE_ID, sizeof config.address);
    for (unsigned slot = 0; slot < SELKIE_TRUST_KEYS; slot++)
        config.keys[slot] = (struct selkie_public_key){.key_id = page->key_ids[slot], .spki = page->keys[slot]};
    config.form = page->session == 1 ? SELKIE_SESSION : SELKIE_SEALED;
    config.claim = page->claim;
    config.claim_len = page->claim_len;
    config.firmware = "microbit " SELKIE_VERSION;
    config.uplink.bit_rate = BOARD_RADIO_BAUD * 8 / 10; /* each byte of this line has a start and a stop bit */
    config.uplink.packet_max = page->packet_max;
    config.uplink.packet_gap_ms = page->packet_gap_ms;
    config.uplink.parity = page->parity;
    config.ack_rx = page->ack == 1 ? &ack_rx : NULL;
    config.require_lock = true;
}

static size_t put_number(char *at, uint32_t number)
{
    char digits[10];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    for (size_t i = 0; i < count; i++)
        at[i] = digits[count - 1 - i];
    return count;
}

/* {"uptime":12,"message":3} */
static void send_reading(uint64_t now_ms, uint32_t message)
{
    static const char uptime[] = "{\"uptime\":", number[] = ",\"message\":";
    char text[64];
    size_t len = sizeof uptime - 1;
    memcpy(text, uptime, len);
    len += put_number(text + len, (uint32_t)(now_ms / 1000));
    memcpy(text + len, number, sizeof number - 1);
    len += sizeof number - 1;
    len += put_number(text + len, message);
    text[len++] = '}';

    uint32_t began = board_ticks();
    if (selkie_device_send(&device, (const uint8_t *)text, len) < 0)
        return; /* the next round tries again; poll says why nothing goes */
    microbit_report.seal_us = board_ticks() - began;
    struct board_memory memory;
    board_memory(&memory);
    microbit_report.memory = memory;
    reading_asked = false;
    next_reading_ms = now_ms + (uint64_t)KEY_PAGE->interval * 1000;
}

static void read_buttons(void)
{
    enum board_button button;
    uint32_t ticks;
    bool pressed;
    while (board_button(&button, &pressed, &ticks)) {
        port_edge(ticks);
        microbit_report.edges++;
        if (button == BOARD_BUTTON_A)
            a_is_down = pressed;
        else if (pressed && microbit_report.state >= SELKIE_DEVICE_READY && a_is_down && KEY_PAGE->key_ids[1] != 0)
            port_take_next_key();
        else if (pressed && microbit_report.state >= SELKIE_DEVICE_READY)
            reading_asked = true;
    }
}

/* All LEDs at the goal: the ID is drawn. One: it sends nothing. */
static unsigned leds(int state, const struct selkie_device_status *status)
{
    if (state < 0)
        return 1;
    if (state == SELKIE_DEVICE_GATHERING)
        return status->bits * (BOARD_LEDS - 1) / status->bits_needed;
    return BOARD_LEDS;
}

static void step(void)
{
    struct selkie_device_status status;
    uint64_t now_ms = board_now_us() / 1000;
    read_buttons();
    int state = selkie_device_poll(&device, now_ms, &status);
    microbit_report.state = state;
    microbit_report.bits = status.bits;
    microbit_report.bits_needed = status.bits_needed;
    microbit_report.alarms = status.alarms;
    microbit_report.next_counter = status.next_counter;
    board_show(leds(state, &status));
    bool due = KEY_PAGE->interval > 0 && now_ms >= next_reading_ms;
    if (state == SELKIE_DEVICE_READY && (due || reading_asked))
        send_reading(now_ms, status.next_counter);
    else if (state != SELKIE_DEVICE_GATHERING &&
             status.wake_ms > now_ms) /* while it gathers, edges are timed by looking */
        board_sleep();
}

int main(void)
{
    board_init();
    board_pool_init();
    if (KEY_PAGE->magic != PAGES_MAGIC) {
        microbit_report.state = SELKIE_ETRUST;
        for (;;) {
            board_watchdog();
            board_show(1);
            board_sleep();
        }
    }
    configure();
    if (selkie_device_init(&device, &config, &port) < 0) {
        /* poll returns why, and an LED shows it */
    }
    for (;;)
        step();
}
