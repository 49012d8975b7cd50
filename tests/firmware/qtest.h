/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's qtest socket: look into a board's memory, change it and move its inputs while the image runs. One board a
 * test, one thread; a step that fails ends the test with what QEMU answered. */
#ifndef SELKIE_TESTS_QTEST_H
#define SELKIE_TESTS_QTEST_H

#include <stdint.h>
#include <stdio.h>

/* A Unix socket that QEMU connects to when it starts, and the end here. */
int qtest_listen(const char *path);
FILE *qtest_accept(int listener);

/* From now on, talk to this end of `-qtest`. */
void qtest_use(FILE *socket);

void qtest_command(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint32_t qtest_read_word(uint32_t address);
void qtest_write_word(uint32_t address, uint32_t word);

/* Where a variable of the image is; 0: it has none of that name. */
uint32_t qtest_symbol(const char *image, const char *name);

#endif
