/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* accept4 */
#include "qtest.h"

#include <check.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static FILE *qtest;
static char answer[128];

int qtest_listen(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_uint_lt(strlen(path), sizeof address.sun_path);
    strcpy(address.sun_path, path);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    return listener;
}

FILE *qtest_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(close(listener), 0);
    FILE *file = fdopen(fd, "r+");
    ck_assert_ptr_nonnull(file);
    return file;
}

void qtest_use(FILE *socket)
{
    qtest = socket;
}

void qtest_command(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(qtest, format, arguments);
    va_end(arguments);
    fputc('\n', qtest);
    fflush(qtest);
    do
        ck_assert_msg(fgets(answer, sizeof answer, qtest) != NULL, "QEMU ended: %s", format);
    while (strncmp(answer, "IRQ", 3) == 0);
    ck_assert_msg(strncmp(answer, "OK", 2) == 0, "%s: %s", format, answer);
}

uint32_t qtest_read_word(uint32_t address)
{
    qtest_command("readl %#x", address);
    return (uint32_t)strtoull(answer + 3, NULL, 16);
}

void qtest_write_word(uint32_t address, uint32_t word)
{
    qtest_command("writel %#x %#x", address, word);
}

uint32_t qtest_symbol(const char *image, const char *name)
{
    char command[512], line[128];
    unsigned address = 0;
    (void)snprintf(command, sizeof command, "arm-none-eabi-nm %s", image);
    FILE *symbols = popen(command, "re"); /* NOLINT(cert-env33-c): our own image */
    ck_assert_ptr_nonnull(symbols);
    while (fgets(line, sizeof line, symbols)) {
        char kind, found[100];
        unsigned at;
        if (sscanf(line, "%x %c %99s", &at, &kind, found) == 3 && strcmp(found, name) == 0)
            address = at;
    }
    ck_assert_int_eq(pclose(symbols), 0);
    return address;
}
