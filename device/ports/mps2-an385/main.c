/* SPDX-License-Identifier: Apache-2.0 */
/* The image's application: a device whose sensor is its own board. UART0 is the radio. UART1 is the console: a capital
 * letter is a command, any other key is a press of the button that entropy comes from. */
#include "board.h"
#include "board_port.h"
#include "pages.h"
#include <selkie/device.h>
#include <string.h>

#define KEY_PAGE ((const struct pages_key *)PAGES_KEY_ADDRESS)

static struct selkie_device device;
static struct selkie_device_config config = SELKIE_DEVICE_DEFAULTS;
static struct selkie_link_rx ack_rx;

static struct {
    uint64_t next_reading_ms;
    uint32_t presses;
    bool reading_asked;
} application;

void board_on_fault(void)
{
    selkie_device_wipe(&device);
    board_console_print("fault: the ID is wiped, restarting\n");
}

static void print_line(const char *before, uint32_t number, const char *after)
{
    board_console_print(before);
    board_console_number(number);
    board_console_print(after);
}

static void print_memory(void)
{
    struct board_memory memory;
    board_memory(&memory);
    print_line("memory: stack ", memory.stack_used, " of ");
    print_line("", memory.stack_size, ", pool ");
    print_line("", memory.pool_used, " of ");
    print_line("", memory.pool_size, ", device ");
    print_line("", sizeof device + sizeof ack_rx, "\n");
}

static void configure(void)
{
    const struct pages_key *page = KEY_PAGE;
    memcpy(config.address, page->address, sizeof config.address);
    for (unsigned slot = 0; slot < SELKIE_TRUST_KEYS; slot++)
        config.keys[slot] = (struct selkie_public_key){.key_id = page->key_ids[slot], .spki = page->keys[slot]};
    config.form = page->session == 1 ? SELKIE_SESSION : SELKIE_SEALED;
    config.claim = page->claim;
    config.claim_len = page->claim_len;
    config.firmware = "mps2-an385 " SELKIE_VERSION;
    config.uplink.bit_rate = BOARD_RADIO_BAUD * 8 / 10; /* each byte of this line has a start and a stop bit */
    config.uplink.packet_max = page->packet_max;
    config.uplink.packet_gap_ms = page->packet_gap_ms;
    config.uplink.parity = page->parity;
    config.ack_rx = page->ack == 1 ? &ack_rx : NULL;
    config.require_lock = true;
}

/* Recursion into the stack's guard. */
static uint32_t overflow(uint32_t depth)
{
    volatile uint32_t frame[16];
    frame[depth % 16] = depth;
    return depth == UINT32_MAX ? 0 : overflow(depth + 1) + frame[(depth + 1) % 16];
}

/* Run what lies in RAM. */
static void execute_data(void)
{
    static const uint16_t code_image[] = {0x4770}; /* bx lr */
    static uint16_t code[2];
    memcpy(code, code_image, sizeof code_image);
    void (*function)(void) = (void (*)(void))((uintptr_t)code | 1);
    function();
}

static void switch_key(void)
{
    if (KEY_PAGE->key_ids[1] == 0) {
        board_console_print("there is no next key\n");
        return;
    }
    port_buttons.next_key = true;
    board_console_print("sealing with the next key from now on\n");
}

/* The names stand for buttons and events that a board would have; O, X and H for faults, so that the hardening shows.
 */
static void run_command(char key)
{
    switch (key) {
    case 'S':
        application.reading_asked = true;
        break;
    case 'M':
        print_memory();
        break;
    case 'K':
        switch_key();
        break;
    case 'T':
        port_buttons.tampered = true;
        break;
    case 'R':
        port_buttons.tampered = false;
        application.presses = 0;
        if (selkie_device_reset(&device) == 0)
            board_console_print("reset: a new ID will be drawn\n");
        break;
    case 'O':
        print_line("", overflow(0), "\n");
        break;
    case 'X':
        execute_data();
        board_console_print("data was executed\n");
        break;
    case 'H':
        board_console_print("hanging\n");
        for (;;)
            board_sleep();
    default:
        break;
    }
}

static void read_console(void)
{
    uint32_t ticks;
    char key;
    while (board_console_key(&key, &ticks)) {
        if (key >= 'A' && key <= 'Z')
            run_command(key);
        else
            port_press(ticks);
    }
}

static size_t put_text(char *at, const char *text)
{
    size_t len = strlen(text);
    memcpy(at, text, len);
    return len;
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
    char text[64];
    size_t len = put_text(text, "{\"uptime\":");
    len += put_number(text + len, (uint32_t)(now_ms / 1000));
    len += put_text(text + len, ",\"message\":");
    len += put_number(text + len, message);
    len += put_text(text + len, "}");

    uint32_t began = board_ticks();
    int error = selkie_device_send(&device, (const uint8_t *)text, len);
    uint32_t took = board_ticks() - began;
    if (error < 0) {
        board_console_print("not sent: ");
        board_console_print(selkie_error_text(error));
        board_console_print("\n");
        return;
    }
    application.reading_asked = false;
    application.next_reading_ms = now_ms + (uint64_t)KEY_PAGE->interval * 1000;
    print_line("message ", message, " sealed in ");
    print_line("", took, " us\n");
}

/* What changed since the last time. */
static void report(int state, const struct selkie_device_status *status)
{
    static int last_state = -1000;
    static uint32_t last_presses, last_alarms;
    uint32_t presses = (uint32_t)status->bits / 4;
    if (status->alarms > last_alarms)
        board_console_print("entropy: these presses were too regular, and do not count\n");
    if (state == SELKIE_DEVICE_GATHERING && (presses != last_presses || state != last_state)) {
        print_line("entropy: ", presses, " of ");
        print_line("", status->bits_needed / 4, " presses\n");
    }
    if (state >= SELKIE_DEVICE_READY && last_state < SELKIE_DEVICE_READY)
        board_console_print("ready: the ID is drawn\n");
    if (state < 0 && state != last_state) {
        board_console_print("silent: ");
        board_console_print(selkie_error_text(state));
        board_console_print("\n");
    }
    last_presses = presses;
    last_alarms = status->alarms;
    last_state = state;
}

static void step(void)
{
    struct selkie_device_status status;
    uint64_t now_ms = board_now_us() / 1000;
    read_console();
    int state = selkie_device_poll(&device, now_ms, &status);
    report(state, &status);
    bool due = KEY_PAGE->interval > 0 && now_ms >= application.next_reading_ms;
    if (state == SELKIE_DEVICE_READY && (due || application.reading_asked))
        send_reading(now_ms, status.next_counter);
    else if (status.wake_ms > now_ms)
        board_sleep();
}

int main(void)
{
    board_init();
    board_pool_init();
    board_console_print("selkie " SELKIE_VERSION " on mps2-an385\n");
    if (KEY_PAGE->magic != PAGES_MAGIC) {
        board_console_print("silent: no key page\n");
        for (;;) {
            board_watchdog();
            board_sleep();
        }
    }
    configure();
    if (selkie_device_init(&device, &config, &port) < 0)
        board_console_print("this device will send nothing\n"); /* poll returns why */
    for (;;)
        step();
}
