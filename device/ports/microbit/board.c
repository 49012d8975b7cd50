/* SPDX-License-Identifier: Apache-2.0 */
#include "board.h"
#include <mbedtls/memory_buffer_alloc.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define CLOCK_HFCLK_START   REGISTER(0x40000000u)
#define CLOCK_HFCLK_STARTED REGISTER(0x40000100u)

#define UART_START_RX   REGISTER(0x40002000u)
#define UART_START_TX   REGISTER(0x40002008u)
#define UART_RX_READY   REGISTER(0x40002108u)
#define UART_TX_READY   REGISTER(0x4000211Cu)
#define UART_INTERRUPTS REGISTER(0x40002304u)
#define UART_ENABLE     REGISTER(0x40002500u)
#define UART_PIN_TX     REGISTER(0x4000250Cu)
#define UART_PIN_RX     REGISTER(0x40002514u)
#define UART_RX         REGISTER(0x40002518u)
#define UART_TX         REGISTER(0x4000251Cu)
#define UART_BAUD       REGISTER(0x40002524u)
#define UART_RX_IRQ     (1u << 2)
#define UART_TX_IRQ     (1u << 7)
#define UART_BAUD_9600  0x00275000u

#define TIMER0                   0x40008000u /* the microseconds: 32 bits */
#define TIMER1                   0x40009000u /* every 10 ms */
#define TIMER_START(timer)       REGISTER((timer) + 0x000u)
#define TIMER_CAPTURE(timer, n)  REGISTER((timer) + 0x040u + 4u * (n))
#define TIMER_COMPARED(timer, n) REGISTER((timer) + 0x140u + 4u * (n))
#define TIMER_SHORTS(timer)      REGISTER((timer) + 0x200u)
#define TIMER_INTERRUPTS(timer)  REGISTER((timer) + 0x304u)
#define TIMER_BITS(timer)        REGISTER((timer) + 0x508u)
#define TIMER_PRESCALE(timer)    REGISTER((timer) + 0x510u)
#define TIMER_VALUE(timer, n)    REGISTER((timer) + 0x540u + 4u * (n))
#define TIMER_16_BITS            0u
#define TIMER_32_BITS            3u
#define TIMER_MICROSECONDS       4u /* 16 MHz / 2^4 */
#define TIMER_CLEAR_AT_COMPARE_0 1u
#define TIMER_COMPARE_0_IRQ      (1u << 16)

#define RNG_START  REGISTER(0x4000D000u)
#define RNG_READY  REGISTER(0x4000D100u)
#define RNG_CONFIG REGISTER(0x4000D504u)
#define RNG_VALUE  REGISTER(0x4000D508u)

#define WATCHDOG_START  REGISTER(0x40010000u)
#define WATCHDOG_LOAD   REGISTER(0x40010504u)
#define WATCHDOG_ENABLE REGISTER(0x40010508u)
#define WATCHDOG_CONFIG REGISTER(0x4001050Cu)
#define WATCHDOG_RELOAD REGISTER(0x40010600u)
#define WATCHDOG_HZ     32768u
/* It runs on while the core sleeps, and while a debugger holds the core. */
#define WATCHDOG_IN_SLEEP (1u << 0)
#define WATCHDOG_IN_HALT  (1u << 3)

#define GPIO_OUT_SET   REGISTER(0x50000508u)
#define GPIO_OUT_CLEAR REGISTER(0x5000050Cu)
#define GPIO_IN        REGISTER(0x50000510u)
#define GPIO_OUTPUTS   REGISTER(0x50000518u)
#define GPIO_PIN(n)    REGISTER(0x50000700u + 4u * (n))
#define GPIO_PULLED_UP (3u << 2) /* an input */

#define NVIC_ENABLE REGISTER(0xE000E100u)
#define SCB_RESET   REGISTER(0xE000ED0Cu)

#define PIN_TX      24u /* to the USB interface chip; a radio goes to pins of the edge connector */
#define PIN_RX      25u
#define PIN_COLUMN  4u  /* nine, low where lit */
#define PIN_ROW     13u /* three, high for one at a time */
#define COLUMNS     9u
#define ROWS        3u
#define COLUMN_MASK (0x1FFu << PIN_COLUMN)
#define ROW_MASK    (0x7u << PIN_ROW)
#define RADIO_RING  64u
#define WATCHDOG_S  15u /* longer than two seals at 16 MHz */

extern uint32_t board_stack_bottom[], board_stack_top[];
extern uint8_t board_pool_begin[], board_pool_end[];

void board_uart_interrupt(void);
void board_timer_interrupt(void);

/* Each is written at `in` and read at `out`, by an interrupt and the main loop: one writer each. */
static struct {
    volatile uint32_t in, out;
    volatile uint8_t bytes[RADIO_RING]; /* so that a byte is there before `in` says so */
} heard, to_send;

static volatile uint32_t heard_ticks;
static volatile bool heard_ever, sending;

static const uint8_t button_pins[BOARD_BUTTONS] = {17, 26};
static bool buttons_down[BOARD_BUTTONS];

/* Its capture register belongs to the caller: 0 the main loop, 1 the interrupts. */
static uint32_t ticks_by(unsigned capture)
{
    TIMER_CAPTURE(TIMER0, capture) = 1;
    return TIMER_VALUE(TIMER0, capture);
}

uint32_t board_ticks(void)
{
    return ticks_by(0);
}

void board_timer_interrupt(void)
{
    TIMER_COMPARED(TIMER1, 0) = 0; /* it only ends the sleep */
}

static void send_next(void)
{
    sending = to_send.out != to_send.in;
    if (sending)
        UART_TX = to_send.bytes[to_send.out++ % RADIO_RING];
}

void board_uart_interrupt(void)
{
    while (UART_RX_READY) {
        UART_RX_READY = 0;
        uint8_t byte = (uint8_t)UART_RX;
        heard_ticks = ticks_by(1);
        heard_ever = true;
        if (heard.in - heard.out < RADIO_RING)
            heard.bytes[heard.in++ % RADIO_RING] = byte;
    }
    if (UART_TX_READY) {
        UART_TX_READY = 0;
        send_next();
    }
}

static void init_timers(void)
{
    TIMER_BITS(TIMER0) = TIMER_32_BITS;
    TIMER_PRESCALE(TIMER0) = TIMER_MICROSECONDS;
    TIMER_START(TIMER0) = 1;
    TIMER_BITS(TIMER1) = TIMER_16_BITS;
    TIMER_PRESCALE(TIMER1) = TIMER_MICROSECONDS;
    TIMER_VALUE(TIMER1, 0) = 10000;
    TIMER_SHORTS(TIMER1) = TIMER_CLEAR_AT_COMPARE_0;
    TIMER_INTERRUPTS(TIMER1) = TIMER_COMPARE_0_IRQ;
    TIMER_START(TIMER1) = 1;
}

static void init_uart(void)
{
    GPIO_OUT_SET = 1u << PIN_TX;
    UART_PIN_TX = PIN_TX;
    UART_PIN_RX = PIN_RX;
    UART_BAUD = UART_BAUD_9600;
    UART_ENABLE = 4;
    UART_INTERRUPTS = UART_RX_IRQ | UART_TX_IRQ;
    UART_START_TX = 1;
    UART_START_RX = 1;
}

void board_init(void)
{
    CLOCK_HFCLK_START = 1; /* the crystal: the internal oscillator is too rough for a UART */
    for (uint32_t tries = 100000; tries > 0 && !CLOCK_HFCLK_STARTED; tries--)
        ;
    for (unsigned i = 0; i < BOARD_BUTTONS; i++)
        GPIO_PIN(button_pins[i]) = GPIO_PULLED_UP;
    GPIO_OUT_SET = COLUMN_MASK;
    GPIO_OUT_CLEAR = ROW_MASK;
    GPIO_OUTPUTS = COLUMN_MASK | ROW_MASK | 1u << PIN_TX;
    init_timers();
    init_uart();
    RNG_CONFIG = 0; /* raw */
    RNG_START = 1;
    WATCHDOG_LOAD = WATCHDOG_S * WATCHDOG_HZ;
    WATCHDOG_ENABLE = 1;
    WATCHDOG_CONFIG = WATCHDOG_IN_SLEEP | WATCHDOG_IN_HALT;
    WATCHDOG_START = 1;
    NVIC_ENABLE = 1u << 2 | 1u << 9;
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
    WATCHDOG_RELOAD = 0x6E524635u;
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
    while (count < size && heard.out != heard.in) {
        bytes[count++] = heard.bytes[heard.out % RADIO_RING];
        heard.out++;
    }
    return count;
}

size_t board_radio_write(const uint8_t *bytes, size_t len)
{
    size_t count = 0;
    while (count < len && to_send.in - to_send.out < RADIO_RING) {
        to_send.bytes[to_send.in % RADIO_RING] = bytes[count++];
        to_send.in++;
    }
    __asm volatile("cpsid i" ::: "memory");
    if (!sending)
        send_next();
    __asm volatile("cpsie i" ::: "memory");
    return count;
}

bool board_radio_heard(uint32_t *ticks)
{
    *ticks = heard_ticks;
    return heard_ever;
}

size_t board_random(uint32_t *samples, size_t max)
{
    size_t count = 0;
    while (count < max && RNG_READY) {
        RNG_READY = 0;
        samples[count++] = RNG_VALUE;
    }
    return count;
}

bool board_button(enum board_button *button, bool *pressed, uint32_t *ticks)
{
    for (unsigned i = 0; i < BOARD_BUTTONS; i++) {
        bool down = !(GPIO_IN >> button_pins[i] & 1u);
        if (down == buttons_down[i])
            continue;
        *ticks = board_ticks();
        buttons_down[i] = down;
        *button = (enum board_button)i;
        *pressed = down;
        return true;
    }
    return false;
}

/* Which LED of the 25, counted from 1 in the order of reading, a row and a column meet at; 0: none. */
static const uint8_t led_at[ROWS][COLUMNS] = {
    {1, 3, 5, 20, 19, 18, 17, 16, 12}, {15, 11, 13, 2, 4, 24, 22, 0, 0}, {23, 25, 21, 6, 7, 8, 9, 10, 14}};

void board_show(unsigned lit)
{
    static unsigned row;
    uint32_t columns = 0;
    row = (row + 1) % ROWS;
    for (unsigned column = 0; column < COLUMNS; column++) {
        if (led_at[row][column] > 0 && led_at[row][column] <= lit)
            columns |= 1u << (PIN_COLUMN + column);
    }
    GPIO_OUT_CLEAR = ROW_MASK;
    GPIO_OUT_SET = COLUMN_MASK & ~columns;
    GPIO_OUT_CLEAR = columns;
    GPIO_OUT_SET = 1u << (PIN_ROW + row);
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
    memory->stack_used = touched(board_stack_bottom, board_stack_top);
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
