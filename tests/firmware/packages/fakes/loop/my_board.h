/* SPDX-License-Identifier: Apache-2.0 */
/* What docs/LOOP.md calls "yours". */
#ifndef SELKIE_TEST_MY_BOARD_H
#define SELKIE_TEST_MY_BOARD_H

#include <selkie/port.h>
#include <stdbool.h>

extern const struct selkie_port board_port;

void board_init(void);
const uint8_t *board_number(void);
uint64_t board_ms(void);
void board_sleep_until(uint64_t ms);
void board_show(const char *text);
bool board_service_button(void);
bool board_reading_due(void);
size_t board_read_sensor(uint8_t *bytes, size_t size);
void board_on_fault(void);

#endif
