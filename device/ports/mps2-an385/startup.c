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
void board_systick(void);
void board_radio_interrupt(void);
void board_console_interrupt(void);

/* The stack protector's guard, and what it calls. */
uintptr_t __stack_chk_guard;
_Noreturn void __stack_chk_fail(void);

/* Overwrite all RAM, its own stack included: registers only. What was in it, random at power-on, makes the guard. */
__attribute__((naked)) void board_reset(void)
{
    __asm volatile("ldr r0, =board_ram_begin\n"
                   "ldr r1, =board_ram_end\n"
                   "ldr r2, =0xA5A5A5A5\n"
                   "movs r4, #0\n"
                   "1: ldr r3, [r0]\n"
                   "ror r4, r4, #5\n"
                   "add r4, r4, r3\n"
                   "str r2, [r0], #4\n"
                   "cmp r0, r1\n"
                   "bne 1b\n"
                   "mov r0, r4\n"
                   "b board_start\n");
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

/* Hard fault, memory protection, bus and usage faults: the ID must not outlive them. The stack itself may be
 * broken, so it starts again at its top. */
__attribute__((naked)) void board_fault(void)
{
    __asm volatile("ldr r0, =board_stack_top\n"
                   "mov sp, r0\n"
                   "bl board_on_fault\n"
                   "b board_restart\n");
}

typedef void (*vector)(void);

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    vector system[15];
    vector interrupts[4];
} vectors = {
    .stack = board_stack_top,
    .system =
        {
            [0] = board_reset,
            [1] = board_fault,  /* NMI: the watchdog's first warning */
            [2] = board_fault,  /* hard fault */
            [3] = board_fault,  /* memory protection */
            [4] = board_fault,  /* bus */
            [5] = board_fault,  /* usage */
            [10] = board_fault, /* SVCall: never called */
            [13] = board_fault, /* PendSV: neither */
            [14] = board_systick,
        },
    .interrupts = {[0] = board_radio_interrupt, [2] = board_console_interrupt},
};
