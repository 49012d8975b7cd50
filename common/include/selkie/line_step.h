/* SPDX-License-Identifier: Apache-2.0 */
/* One step of what a radio module is told after its line was opened: bytes to it, and what it must answer. */
#ifndef SELKIE_LINE_STEP_H
#define SELKIE_LINE_STEP_H

#include <stddef.h>
#include <stdint.h>

#define SELKIE_LINE_STEPS_MAX          32
#define SELKIE_LINE_STEP_SEND_MAX      128
#define SELKIE_LINE_STEP_EXPECT_MAX    64
#define SELKIE_LINE_STEP_WAIT_MS       1000 /* for the answer */
#define SELKIE_LINE_STEP_PAUSE_MS      100  /* where no answer is expected */
#define SELKIE_LINE_STEP_WAIT_MS_LIMIT 60000

/* Bytes after the lengths are 0, so that steps can be compared as memory. */
struct selkie_line_step {
    uint8_t send[SELKIE_LINE_STEP_SEND_MAX];
    uint8_t send_len;
    uint8_t expect[SELKIE_LINE_STEP_EXPECT_MAX]; /* anywhere in what comes */
    uint8_t expect_len;                          /* 0: any answer, or none, is right */
    unsigned wait_ms; /* how long the answer may take; without one, how long to wait before the next step */
};

#endif
