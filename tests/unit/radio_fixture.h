/* SPDX-License-Identifier: Apache-2.0 */
/* A radio line on a real pseudo-terminal and a real event loop; the test is the device at the other end. One thread. */
#ifndef SELKIE_TESTS_RADIO_FIXTURE_H
#define SELKIE_TESTS_RADIO_FIXTURE_H

#include "radio_line.h"

#include <check.h>
#include <selkie/clock.h>
#include <selkie/frame.h>
#include <selkie/link.h>

#define RADIO_PATIENCE_US (10 * SELKIE_SEC_US)

extern int master; /* the device's end; -1: closed */
extern char device[64];
extern sd_event *event;
extern struct selkie_ack_channel channel;
extern struct selkie_radio_line *radio;
extern struct selkie_gateway_config config;
extern struct selkie_gateway_line line;
extern int changes; /* how often the line said that it opened or went */

/* The bodies that the line handed on: how many, and the last one. */
extern struct radio_heard {
    size_t count;
    size_t len;
    uint8_t body[SELKIE_LINK_BODY_MAX];
    int rssi;
} heard;

/* What fills `heard` and `changes`. */
extern const struct selkie_radio_line_handler radio_handler;

void radio_setup(void);
void radio_teardown(void);

/* Turn the loop until so many frames, good or not, have come in since the start. */
void radio_turn_until(uint64_t frames);

void radio_send_bytes(const uint8_t *bytes, size_t len);
void radio_send_body(const uint8_t *body, size_t len);
/* One fragment of a body that is cut for packets of 58 bytes. */
void radio_send_fragment(const uint8_t *body, size_t len, uint8_t index);

/* The body of a SEALED frame of an address that begins so. */
void radio_sealed_of(uint8_t body[static SELKIE_SEALED_SIZE], uint8_t first_of_address);

/* Turn the loop until an ACK comes. */
void radio_await_ack(uint8_t ack[static SELKIE_ACK_SIZE]);

#endif
