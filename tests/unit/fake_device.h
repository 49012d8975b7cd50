/* SPDX-License-Identifier: Apache-2.0 */
/* A device on the board of fake_port.h, which sends each REGISTER once. Static storage, one thread. */
#ifndef SELKIE_TESTS_FAKE_DEVICE_H
#define SELKIE_TESTS_FAKE_DEVICE_H

#include "fake_port.h"

extern struct fake_port fake;
extern struct selkie_device_config config; /* good: change it before the device starts */
extern struct selkie_device device;
extern struct selkie_device_status status; /* of the last poll */

/* The fixture: a board and a config; the device is not initialized yet. */
void fake_device_set_up(void);
void fake_device_tear_down(void);

/* Initialize it. Returns what selkie_device_init returns. */
int fake_device_init(void);

/* Initialize it and run it until its REGISTER is out, the only frame so far. */
void fake_device_start(void);

/* Poll for so long. Returns the last result. */
int fake_device_run(uint64_t duration_ms);

/* Poll until it is ready to send; the test fails where it is not within a minute. */
void fake_device_await_ready(void);

/* Send this text. Returns what selkie_device_send returns. */
int fake_device_send(const char *text);

#endif
