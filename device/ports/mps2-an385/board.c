/* SPDX-License-Identifier: Apache-2.0 */
#include "board.h"
#include <mbedtls/memory_buffer_alloc.h>

struct uart {
    volatile uint32_t data, state, control, interrupts, divider;
};

#define UART_TX_FULL   0x1u
#define UART_RX_FULL   0x2u
#define UART_TX_ENABLE 0x1u
#define UART_RX_ENABLE 0x2u
#define UART_RX_IRQ    0x8u
#define UART_RX_STATUS 0x2u

#define RADIO   ((struct uart *)0x40004000u)
#define CONSOLE ((struct uart *)0x40005000u)

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define WATCHDOG_LOAD    REGISTER(0x40008000u)
#define WATCHDOG_CONTROL REGISTER(0x40008008u)
#define WATCHDOG_LOCK    REGISTER(0x40008C00u)
#define FPGAIO_COUNTER   REGISTER(0x40028018u)
#define FPGAIO_PRESCALE  REGISTER(0x4002801Cu)

#define SYSTICK_CONTROL REGISTER(0xE000E010u)
#define SYSTICK_RELOAD  REGISTER(0xE000E014u)
#define NVIC_ENABLE     REGISTER(0xE000E100u)
#define SCB_RESET       REGISTER(0xE000ED0Cu)
#define SCB_FAULTS      REGISTER(0xE000ED24u)
#define MPU_CONTROL     REGISTER(0xE000ED94u)
#define MPU_NUMBER      REGISTER(0xE000ED98u)
#define MPU_BASE        REGISTER(0xE000ED9Cu)
#define MPU_ATTRIBUTES  REGISTER(0xE000EDA0u)

#define SYSCLK_HZ        25000000u
#define CONSOLE_BAUD     115200u
#define WATCHDOG_SECONDS 5u
#define RADIO_RING       64u
#define KEY_RING         16u

extern uint32_t board_stack_bottom[], board_stack_top[], board_ram_begin[];
extern uint8_t board_pool_begin[], board_pool_end[];

void board_systick(void);
void board_radio_interrupt(void);
void board_console_interrupt(void);

/* Written by an interrupt at `in`, read by the main loop at `out`: one writer each. */
static struct {
    volatile uint32_t in, out;
    volatile uint32_t heard; /* ticks */
    volatile bool ever;
    volatile uint8_t bytes[RADIO_RING]; /* so that a byte is there before `in` says so */
} radio;

static struct {
    volatile uint32_t in, out;
    volatile uint32_t ticks[KEY_RING];
    char keys[KEY_RING];
} console;

uint32_t board_ticks(void)
{
    return FPGAIO_COUNTER;
}

void board_systick(void)
{
    /* It only ends the sleep. */
}

void board_radio_interrupt(void)
{
    RADIO->interrupts = UART_RX_STATUS;
    while (RADIO->state & UART_RX_FULL) {
        uint8_t byte = (uint8_t)RADIO->data;
        radio.heard = board_ticks();
        radio.ever = true;
        if (radio.in - radio.out < RADIO_RING) {
            radio.bytes[radio.in % RADIO_RING] = byte;
            radio.in++;
        }
    }
}

void board_console_interrupt(void)
{
    uint32_t now = board_ticks(); /* first: this is the edge */
    CONSOLE->interrupts = UART_RX_STATUS;
    while (CONSOLE->state & UART_RX_FULL) {
        char key = (char)CONSOLE->data;
        if (console.in - console.out < KEY_RING) {
            console.ticks[console.in % KEY_RING] = now;
            console.keys[console.in % KEY_RING] = key;
            console.in++;
        }
    }
}

static void uart_init(struct uart *uart, uint32_t baud)
{
    uart->divider = SYSCLK_HZ / baud;
    uart->interrupts = UART_RX_STATUS;
    uart->control = UART_TX_ENABLE | UART_RX_ENABLE | UART_RX_IRQ;
}

/* Attributes of a region: no execution, access, size as a power of two. Memory types: 0x2 << 16 normal, 0x5 << 16
 * device. */
#define REGION_NO_EXECUTE (1u << 28)
#define REGION_READ_WRITE (1u << 24)
#define REGION_READ_ONLY  (5u << 24)
#define REGION_NO_ACCESS  0u
#define REGION_NORMAL     (0x2u << 16)
#define REGION_DEVICE     (0x5u << 16)
#define REGION_SIZE(log2) (((log2)-1u) << 1 | 1u)

static void protect_memory(void)
{
    const struct {
        uint32_t base, attributes;
    } regions[] = {
        {0x00000000u, REGION_READ_ONLY | REGION_NORMAL | REGION_SIZE(16u)},                      /* code */
        {0x00100000u, REGION_READ_ONLY | REGION_NO_EXECUTE | REGION_NORMAL | REGION_SIZE(13u)},  /* OTP and key pages */
        {0x20000000u, REGION_READ_WRITE | REGION_NO_EXECUTE | REGION_NORMAL | REGION_SIZE(14u)}, /* RAM */
        {0x40000000u, REGION_READ_WRITE | REGION_NO_EXECUTE | REGION_DEVICE | REGION_SIZE(18u)}, /* peripherals */
        {(uint32_t)board_stack_bottom, REGION_NO_ACCESS | REGION_NO_EXECUTE | REGION_SIZE(5u)},  /* the stack's guard */
    };
    for (uint32_t i = 0; i < sizeof regions / sizeof regions[0]; i++) {
        MPU_NUMBER = i;
        MPU_BASE = regions[i].base;
        MPU_ATTRIBUTES = regions[i].attributes;
    }
    MPU_CONTROL = 1; /* no background region: what is not listed faults */
    SCB_FAULTS = 7u << 16;
    __asm volatile("dsb\n isb" ::: "memory");
}

void board_init(void)
{
    FPGAIO_PRESCALE = SYSCLK_HZ / BOARD_TICK_HZ - 1;
    uart_init(RADIO, BOARD_RADIO_BAUD);
    uart_init(CONSOLE, CONSOLE_BAUD);
    protect_memory();
    WATCHDOG_LOCK = 0x1ACCE551u;
    WATCHDOG_LOAD = WATCHDOG_SECONDS * SYSCLK_HZ;
    WATCHDOG_CONTROL = 3; /* interrupt at the first expiry, reset at the second */
    SYSTICK_RELOAD = SYSCLK_HZ / 100 - 1;
    SYSTICK_CONTROL = 7;
    NVIC_ENABLE = 1u << 0 | 1u << 2;
}

uint64_t board_now_us(void)
{
    static uint32_t last, wraps;
    uint32_t now = board_ticks();
    if (now < last)
        wraps++;
    last = now;
    return (uint64_t)wraps << 32 | now;
}

void board_sleep(void)
{
    __asm volatile("wfi" ::: "memory");
}

void board_watchdog(void)
{
    WATCHDOG_LOAD = WATCHDOG_SECONDS * SYSCLK_HZ;
}

_Noreturn void board_restart(void)
{
    __asm volatile("dsb" ::: "memory");
    SCB_RESET = 0x05FA0004u;
    for (;;)
        __asm volatile("dsb" ::: "memory");
}

size_t board_radio_read(uint8_t *bytes, size_t size)
{
    size_t count = 0;
    while (count < size && radio.out != radio.in) {
        bytes[count++] = radio.bytes[radio.out % RADIO_RING];
        radio.out++;
    }
    return count;
}

size_t board_radio_write(const uint8_t *bytes, size_t len)
{
    size_t count = 0;
    while (count < len && !(RADIO->state & UART_TX_FULL))
        RADIO->data = bytes[count++];
    return count;
}

bool board_radio_heard(uint32_t *ticks)
{
    *ticks = radio.heard;
    return radio.ever;
}

bool board_console_key(char *key, uint32_t *ticks)
{
    if (console.out == console.in)
        return false;
    *key = console.keys[console.out % KEY_RING];
    *ticks = console.ticks[console.out % KEY_RING];
    console.out++;
    return true;
}

void board_console_print(const char *text)
{
    for (; *text != '\0'; text++) {
        while (CONSOLE->state & UART_TX_FULL)
            ;
        CONSOLE->data = (uint8_t)*text;
    }
}

void board_console_number(uint32_t number)
{
    char digits[11];
    char *at = digits + sizeof digits - 1;
    *at = '\0';
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    board_console_print(at);
}

/* Bytes that are no longer as start-up painted them: from the first touched word, seen from `begin`, to `end`. */
static uint32_t touched(const uint32_t *begin, const uint32_t *end)
{
    while (begin < end && *begin == BOARD_PAINT)
        begin++;
    return (uint32_t)end - (uint32_t)begin;
}

void board_memory(struct board_memory *memory)
{
    const uint32_t begin = (uint32_t)board_pool_begin;
    uint32_t end = (uint32_t)board_pool_end;
    memory->stack_size = (uint32_t)board_stack_top - (uint32_t)board_stack_bottom;
    memory->stack_used = touched(board_stack_bottom + 8, board_stack_top); /* above the guard */
    memory->pool_size = (uint32_t)board_pool_end - (uint32_t)board_pool_begin;
    while (end > begin && ((const uint32_t *)end)[-1] == BOARD_PAINT)
        end -= sizeof(uint32_t);
    memory->pool_used = end - begin;
}

void board_pool_init(void)
{
    mbedtls_memory_buffer_alloc_init(board_pool_begin, (uint32_t)board_pool_end - (uint32_t)board_pool_begin);
    /* That cleared it. Paint it again, behind the header of the one block that it now is: board_memory measures. */
    for (uint32_t *word = (uint32_t *)board_pool_begin + 16; (uint32_t)word < (uint32_t)board_pool_end; word++)
        *word = BOARD_PAINT;
}
