/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors and the way from reset to main. RAM is overwritten first of all: an ID that lived through a brown-out or a
 * watchdog's reset is gone before anything else runs. */
#include "board.h"

extern uint32_t board_ram_begin[], board_ram_end[], board_stack_top[];
extern uint32_t board_data_begin[], board_data_end[], board_bss_begin[], board_bss_end[];
extern const uint32_t board_data_image[];

int main(void);
void board_reset(void);
void board_fault(void);
void board_uart_interrupt(void);
void board_timer_interrupt(void);

/* The stack protector's guard, and what it calls. */
extern uintptr_t __stack_chk_guard;
uintptr_t __stack_chk_guard;
_Noreturn void __stack_chk_fail(void);

/* Switch all RAM on (POWER.RAMON; the silicon may begin with a part of it), and overwrite it, its own stack included:
 * registers only. What was in it, random at power-on, makes the guard. */
__attribute__((naked)) void board_reset(void)
{
    __asm volatile("ldr r0, =0x40000524\n"
                   "movs r1, #3\n"
                   "str r1, [r0]\n"
                   "ldr r0, =board_ram_begin\n"
                   "ldr r1, =board_ram_end\n"
                   "ldr r2, =0xA5A5A5A5\n"
                   "movs r4, #0\n"
                   "movs r5, #5\n"
                   "1: ldr r3, [r0]\n"
                   "ror r4, r5\n"
                   "add r4, r4, r3\n"
                   "stmia r0!, {r2}\n"
                   "cmp r0, r1\n"
                   "bne 1b\n"
                   "mov r0, r4\n"
                   "ldr r1, =board_start\n"
                   "bx r1\n"
                   ".ltorg\n");
}

__attribute__((noreturn, used, no_stack_protector)) void board_start(uint32_t noise);

void board_start(uint32_t noise)
{
    const uint32_t *image = board_data_image;
    for (uint32_t *word = board_data_begin; (uint32_t)word < (uint32_t)board_data_end; word++)
        *word = *image++;
    for (uint32_t *word = board_bss_begin; (uint32_t)word < (uint32_t)board_bss_end; word++)
        *word = 0;
    __stack_chk_guard = (noise ^ BOARD_PAINT) & 0xFFFFFF00u; /* a zero byte stops string functions */
    main();
    board_restart();
}

_Noreturn void __stack_chk_fail(void)
{
    board_on_fault();
    board_restart();
}

/* mbedTLS found its pool corrupt. Declared in selkie_mbedtls_config.h. */
void board_exit(int status);

void board_exit(int status)
{
    (void)status;
    board_on_fault();
    board_restart();
}

/* Any fault: the ID must not outlive it. The stack itself may be broken, so it starts again at its top. */
__attribute__((naked)) void board_fault(void)
{
    __asm volatile("ldr r0, =board_stack_top\n"
                   "mov sp, r0\n"
                   "bl board_on_fault\n"
                   "bl board_restart\n"
                   ".ltorg\n");
}

typedef void (*vector)(void);

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    vector system[15];
    vector interrupts[10];
} vectors = {
    .stack = board_stack_top,
    .system =
        {
            [0] = board_reset,
            [1] = board_fault,  /* NMI */
            [2] = board_fault,  /* hard fault: all faults of this core */
            [10] = board_fault, /* SVCall: never called */
            [13] = board_fault, /* PendSV: neither */
        },
    .interrupts = {[2] = board_uart_interrupt, [9] = board_timer_interrupt},
};
