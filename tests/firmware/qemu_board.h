/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware image on a board in QEMU: its console, its radio, its reset button and a look into its memory. One
 * thread; each wait has a limit, and a step that fails ends the test with what the console said. */
#ifndef SELKIE_TESTS_QEMU_BOARD_H
#define SELKIE_TESTS_QEMU_BOARD_H

#include "harness.h"

#include <pages.h>
#include <vectors/test_random.h>

#define BOARD_RAM_SIZE 16384

struct qemu_board {
    struct harness_process *qemu;
    struct harness_pty *console;
    char monitor[256];
    char said[65536]; /* all that the console printed */
    size_t said_len;
    struct test_random random;
    uint32_t buttons; /* where the example keeps edges: struct port_buttons */
    uint32_t edge;    /* the last one that was given, in microseconds */
};

/* What production writes: key 1 of the golden vectors, pinned; locked; no readings by themselves. */
void qemu_board_pages(struct pages_otp *otp, struct pages_key *key, const uint8_t address[static SELKIE_ADDRESS_SIZE]);

/* Read a public key from PEM. */
void qemu_board_public_key(uint8_t spki[static SELKIE_PUBLIC_KEY_SIZE], const char *path);

/* Write a public key, SubjectPublicKeyInfo, with its ID and its pin. */
void qemu_board_provision(struct pages_otp *otp, struct pages_key *key, unsigned slot, uint8_t key_id,
                          const uint8_t spki[static SELKIE_PUBLIC_KEY_SIZE]);

/* Make another key of the cloud's. Returns the path of its private half as PEM. */
const char *qemu_board_new_key(uint8_t spki[static SELKIE_PUBLIC_KEY_SIZE]);

/* Boot an image with these pages and the radio on the serial line `radio`. `icount`: an instruction takes a nanosecond,
 * whatever the machine does. */
struct qemu_board *qemu_board_boot(const char *image, const struct pages_otp *otp, const struct pages_key *key,
                                   const char *radio, bool icount);

/* Wait until the console has said `text` after the position `from`; returns the position behind it. */
size_t qemu_board_wait(struct qemu_board *board, size_t from, const char *text);

/* Press keys. */
void qemu_board_type(struct qemu_board *board, const char *keys);

/* Press a key as a person does until the console says `text` after `from`. */
size_t qemu_board_press_until(struct qemu_board *board, size_t from, const char *text);

/* The same, where time does not matter, or the machine's load must not: give the image of the example the edges of
 * presses that a person, or a machine at one interval, would have made. */
size_t qemu_board_presses_until(struct qemu_board *board, size_t from, const char *text, bool human);

/* Push the reset button. */
void qemu_board_reset(struct qemu_board *board);

/* Copy the RAM. */
void qemu_board_dump(struct qemu_board *board, uint8_t ram[static BOARD_RAM_SIZE]);

#endif
