/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memmem */
#include "qemu_board.h"
#include "qtest.h"
#include <board_port.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PRESS_PATIENCE 90000 /* a few hundred presses */
#define PRESSES        8     /* at once */

void qemu_board_public_key(uint8_t spki[static SELKIE_PUBLIC_KEY_SIZE], const char *path)
{
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    EVP_PKEY *key = PEM_read_PUBKEY(file, NULL, NULL, NULL);
    fclose(file);
    ck_assert_ptr_nonnull(key);
    ck_assert_int_eq(i2d_PUBKEY(key, NULL), SELKIE_PUBLIC_KEY_SIZE);
    ck_assert_int_eq(i2d_PUBKEY(key, &spki), SELKIE_PUBLIC_KEY_SIZE);
    EVP_PKEY_free(key);
}

const char *qemu_board_new_key(uint8_t spki[static SELKIE_PUBLIC_KEY_SIZE])
{
    EVP_PKEY *key = EVP_RSA_gen(4096);
    const char *path = harness_write("new.key.pem", 0600, "%s", "");
    ck_assert_ptr_nonnull(key);
    ck_assert_int_eq(i2d_PUBKEY(key, NULL), SELKIE_PUBLIC_KEY_SIZE);
    ck_assert_int_eq(i2d_PUBKEY(key, &spki), SELKIE_PUBLIC_KEY_SIZE);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    ck_assert_int_eq(fclose(file), 0);
    EVP_PKEY_free(key);
    return path;
}

void qemu_board_provision(struct pages_otp *otp, struct pages_key *key, unsigned slot, uint8_t key_id,
                          const uint8_t spki[static SELKIE_PUBLIC_KEY_SIZE])
{
    key->key_ids[slot] = key_id;
    memmove(key->keys[slot], spki, SELKIE_PUBLIC_KEY_SIZE);
    SHA256(spki, SELKIE_PUBLIC_KEY_SIZE, otp->pins[slot]);
}

void qemu_board_pages(struct pages_otp *otp, struct pages_key *key, const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    memset(otp, 0xff, sizeof *otp); /* as an unwritten memory is */
    memset(key, 0, sizeof *key);
    key->magic = PAGES_MAGIC;
    memcpy(key->address, address, SELKIE_ADDRESS_SIZE);
    qemu_board_public_key(key->keys[0], harness_public_key());
    qemu_board_provision(otp, key, 0, 1, key->keys[0]);
    otp->lock = PAGES_LOCKED;
}

static const char *write_page(const char *name, const void *page, size_t size)
{
    const char *path = harness_write(name, 0600, "%s", "");
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(page, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

struct qemu_board *qemu_board_boot(const char *image, const struct pages_otp *otp, const struct pages_key *key,
                                   const char *radio, bool icount)
{
    static struct qemu_board board;
    char otp_loader[400], key_loader[400], radio_device[400], console_device[400], monitor[400], test[400];
    memset(&board, 0, sizeof board);
    board.random.state = 4;
    board.console = harness_pty("console");
    (void)snprintf(board.monitor, sizeof board.monitor, "%s", harness_path("monitor"));
    (void)snprintf(otp_loader, sizeof otp_loader, "loader,addr=%#x,force-raw=on,file=%s", PAGES_OTP_ADDRESS,
                   write_page("otp.bin", otp, sizeof *otp));
    (void)snprintf(key_loader, sizeof key_loader, "loader,addr=%#x,force-raw=on,file=%s", PAGES_KEY_ADDRESS,
                   write_page("key.bin", key, sizeof *key));
    (void)snprintf(radio_device, sizeof radio_device, "serial,id=radio,path=%s", radio);
    (void)snprintf(console_device, sizeof console_device, "serial,id=console,path=%s", board.console->path);
    (void)snprintf(monitor, sizeof monitor, "unix:%s,server=on,wait=off", board.monitor);
    (void)snprintf(test, sizeof test, "unix:%s", harness_path("qtest"));
    int listener = qtest_listen(harness_path("qtest"));
    const char *argv[] = {"qemu-system-arm",
                          "-M",
                          "mps2-an385",
                          "-display",
                          "none",
                          "-kernel",
                          image,
                          "-device",
                          otp_loader,
                          "-device",
                          key_loader,
                          "-chardev",
                          radio_device,
                          "-serial",
                          "chardev:radio",
                          "-chardev",
                          console_device,
                          "-serial",
                          "chardev:console",
                          "-qmp",
                          monitor,
                          "-qtest",
                          test,
                          "-qtest-log",
                          "/dev/null",
                          icount ? "-icount" : NULL,
                          "shift=0",
                          NULL};
    board.qemu = harness_spawn("qemu", argv, false);
    qtest_use(qtest_accept(listener));
    board.buttons = qtest_symbol(image, "port_buttons");
    qemu_board_wait(&board, 0, "\n"); /* its greeting */
    return &board;
}

/* Take in what the console says within so many milliseconds. */
static void listen_to(struct qemu_board *board, int patience_ms)
{
    ck_assert_uint_lt(board->said_len, sizeof board->said - 1);
    board->said_len += harness_pty_read(board->console, (uint8_t *)board->said + board->said_len, 1, patience_ms);
}

static size_t find(const struct qemu_board *board, size_t from, const char *text)
{
    const char *at = memmem(board->said + from, board->said_len - from, text, strlen(text));
    return at == NULL ? 0 : (size_t)(at - board->said) + strlen(text);
}

static void check_patience(const struct qemu_board *board, size_t from, const char *text, int64_t limit)
{
    ck_assert_msg(harness_now_ms() < limit, "the console did not say '%s', but:\n%.*s", text,
                  (int)(board->said_len - from), board->said + from);
}

size_t qemu_board_wait(struct qemu_board *board, size_t from, const char *text)
{
    int64_t limit = harness_now_ms() + HARNESS_PATIENCE;
    size_t end;
    while ((end = find(board, from, text)) == 0) {
        check_patience(board, from, text, limit);
        listen_to(board, 100);
    }
    return end;
}

void qemu_board_type(struct qemu_board *board, const char *keys)
{
    harness_pty_write(board->console, (const uint8_t *)keys, strlen(keys));
}

size_t qemu_board_press_until(struct qemu_board *board, size_t from, const char *text)
{
    int64_t limit = harness_now_ms() + PRESS_PATIENCE;
    int64_t next = harness_now_ms();
    size_t end;
    while ((end = find(board, from, text)) == 0) {
        check_patience(board, from, text, limit);
        if (harness_now_ms() >= next) {
            qemu_board_type(board, "x");
            next += 30 + (int64_t)test_random_below(&board->random, 150);
        }
        int64_t left = next - harness_now_ms();
        listen_to(board, left > 0 ? (int)left : 0);
    }
    return end;
}

size_t qemu_board_presses_until(struct qemu_board *board, size_t from, const char *text, bool human)
{
    const uint32_t count_at = board->buttons + offsetof(struct port_buttons, edge_count);
    int64_t limit = harness_now_ms() + PRESS_PATIENCE;
    size_t end;
    ck_assert_uint_ne(board->buttons, 0);
    while ((end = find(board, from, text)) == 0) {
        check_patience(board, from, text, limit);
        if (qtest_read_word(count_at) == 0) { /* the image took the last ones */
            for (uint32_t i = 0; i < PRESSES; i++) {
                board->edge += human ? 30000 + (uint32_t)test_random_below(&board->random, 150000) : 60000;
                qtest_write_word(board->buttons + offsetof(struct port_buttons, edges) + 4 * i, board->edge);
            }
            qtest_write_word(count_at, PRESSES); /* last: from now on it may look */
        }
        listen_to(board, 10);
    }
    return end;
}

/* Read QMP's lines until one answers; whatever else it reports is passed over. */
static void expect(FILE *qmp, const char *key, const char *what)
{
    char line[4096];
    while (fgets(line, sizeof line, qmp) != NULL) {
        ck_assert_msg(strstr(line, "\"error\"") == NULL, "QEMU: %s: %s", what, line);
        if (strstr(line, key) != NULL)
            return;
    }
    ck_abort_msg("QEMU does not answer: %s", what);
}

/* One QMP command; returns once it is done. */
static void command(struct qemu_board *board, const char *text)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_uint_lt(strlen(board->monitor), sizeof address.sun_path);
    strcpy(address.sun_path, board->monitor);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    FILE *qmp = fdopen(fd, "r+");
    ck_assert_ptr_nonnull(qmp);
    expect(qmp, "\"QMP\"", "greeting");
    ck_assert_int_gt(dprintf(fd, "{\"execute\":\"qmp_capabilities\"}\n"), 0);
    expect(qmp, "\"return\"", "qmp_capabilities");
    ck_assert_int_gt(dprintf(fd, "%s\n", text), 0);
    expect(qmp, "\"return\"", text);
    fclose(qmp);
}

void qemu_board_reset(struct qemu_board *board)
{
    command(board, "{\"execute\":\"system_reset\"}");
}

void qemu_board_dump(struct qemu_board *board, uint8_t ram[static BOARD_RAM_SIZE])
{
    char text[400];
    const char *path = harness_path("ram.bin");
    (void)snprintf(text, sizeof text,
                   "{\"execute\":\"pmemsave\",\"arguments\":{\"val\":%u,\"size\":%d,\"filename\":\"%s\"}}", 0x20000000u,
                   BOARD_RAM_SIZE, path);
    command(board, text);
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fread(ram, 1, BOARD_RAM_SIZE, file), BOARD_RAM_SIZE);
    fclose(file);
}
