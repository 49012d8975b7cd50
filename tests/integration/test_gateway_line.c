/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's line as it is set: modules that want their first steps, and answer them late, wrong or never; who else
 * is on the line; what the driver did not take; a serial server. The test is the module. */
#include "harness.h"
#include "rig.h"
#include "run_suite.h"

#include <arpa/inet.h>
#include <asm/termbits.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEPS                                                                                                          \
    "\"init\":[{\"send\":\"AT+KEY=cafe\\r\\n\",\"expect\":\"OK\",\"wait_ms\":%d},"                                     \
    "{\"hex\":\"C0FF00\",\"expect_hex\":\"C1FF\",\"wait_ms\":%d}]"

static struct harness_broker *broker;
static struct harness_client *plugin;
static struct harness_pty *pty;
static struct harness_process *gateway;

/* A gateway with one line with these keys. */
static const char *config_of(const char *device, const char *keys)
{
    return rig_config_text("\"broker\":{\"uri\":\"%s\"},\"serial\":[{\"device\":\"%s\"%s%s}]", broker->uri, device,
                           keys[0] != '\0' ? "," : "", keys);
}

static const char *with_steps(const char *device, int first_ms, int second_ms)
{
    char keys[256];

    (void)snprintf(keys, sizeof keys, STEPS, first_ms, second_ms);
    return config_of(device, keys);
}

static void setup(void)
{
    broker = harness_broker("");
    plugin = rig_plugin(broker);
    pty = harness_pty("tty");
}

/* The gateway's next bytes are these. */
static void expect(const char *bytes, size_t len)
{
    uint8_t got[64];

    ck_assert_uint_eq(harness_pty_read(pty, got, len, HARNESS_PATIENCE), len);
    ck_assert_mem_eq(got, bytes, len);
}

static void answer(const char *bytes, size_t len)
{
    harness_pty_write(pty, (const uint8_t *)bytes, len);
}

#define EXPECT(text) expect(text, sizeof text - 1)
#define ANSWER(text) answer(text, sizeof text - 1)

static void play_module(void)
{
    EXPECT("AT+KEY=cafe\r\n");
    ANSWER("\r\nOK\r\n");
    EXPECT("\xC0\xFF\x00");
    ANSWER("\xC1\xFF\x00");
}

static void expect_frame_through(uint32_t number)
{
    rig_send_acked(pty, number);
    ck_assert_uint_eq(rig_receive(plugin, NULL), number);
}

START_TEST(module_is_told_its_steps_and_what_it_says_is_no_frame)
{
    gateway = rig_gateway(with_steps(pty->path, 30000, 30000));
    EXPECT("AT+KEY=cafe\r\n");
    rig_send(pty, 1); /* the air goes on meanwhile; this one is for nobody */
    ck_assert_uint_eq(harness_pty_read(pty, (uint8_t[1]){0}, 1, 1500), 0); /* a slow module; no next step before it */
    ck_assert(!harness_log_has(gateway, "open,"));
    ANSWER("\r\nO");
    ANSWER("K\r\n");
    EXPECT("\xC0\xFF\x00");
    ANSWER("\xC1\xFF\x00");
    harness_wait_log(gateway, "open, 9600 baud, 8N1, init steps done");
    expect_frame_through(2);
}
END_TEST

START_TEST(wrong_answer_is_shown_and_the_steps_begin_again)
{
    gateway = rig_gateway(with_steps(pty->path, 30000, 300));
    EXPECT("AT+KEY=cafe\r\n");
    ANSWER("OK\r\n");
    EXPECT("\xC0\xFF\x00");
    ANSWER("\xC0\xFF\x00"
           "ERR\r\n"); /* its echo first */
    harness_wait_log(gateway, "init step 2 of 2: expected \"\\xC1\\xFF\" within 300 ms, got \"ERR\\r\\n\"; retrying");
    play_module();
    harness_wait_log(gateway, "init steps done");
    expect_frame_through(1);
    ck_assert(!harness_log_has(gateway, "cafe")); /* a key, perhaps */
}
END_TEST

START_TEST(module_that_says_nothing_is_named_once_and_asked_again)
{
    gateway = rig_gateway(with_steps(pty->path, 200, 30000));
    for (int i = 0; i < 3; i++)
        EXPECT("AT+KEY=cafe\r\n");
    harness_wait_log(gateway, "init step 1 of 2: expected \"OK\" within 200 ms, nothing came");
    ck_assert_uint_eq(rig_log_count(gateway, "init step"), 1);
    ck_assert_uint_eq(rig_log_count(gateway, "serial line"), 1);
    ANSWER("\r\nOK\r\n");
    EXPECT("\xC0\xFF\x00");
    ANSWER("\xC1\xFF\x00");
    harness_wait_log(gateway, "init steps done");
    expect_frame_through(1);
}
END_TEST

START_TEST(module_that_is_plugged_in_again_is_told_its_steps_again)
{
    gateway = rig_gateway(with_steps(pty->path, 30000, 30000));
    EXPECT("AT+KEY=cafe\r\n"); /* and in the middle of it … */
    for (unsigned i = 1; i <= 2; i++) {
        harness_pty_unplug(pty);
        rig_wait_log_count(gateway, "gone", i);
        harness_pty_plug(pty);
        play_module();
        rig_wait_log_count(gateway, "init steps done", i);
        expect_frame_through(i);
    }
}
END_TEST

static const char *two_lines(const char *first, const char *keys)
{
    return rig_config_text("\"broker\":{\"uri\":\"%s\"},\"serial\":[{\"device\":\"%s\"},{\"device\":\"%s\"%s}]",
                           broker->uri, first, pty->path, keys);
}

START_TEST(steps_that_changed_are_run_on_sighup_and_others_lines_stay_open)
{
    struct harness_pty *other = harness_pty("other");

    gateway = rig_gateway(two_lines(other->path, ""));
    rig_wait_log_count(gateway, ": open,", 2);
    (void)two_lines(other->path, ",\"init\":[{\"send\":\"AT\",\"expect\":\"OK\"}]");
    harness_signal(gateway, SIGHUP);
    EXPECT("AT");
    ANSWER("OK");
    harness_wait_log(gateway, "init steps done");
    ck_assert_uint_eq(rig_log_count(gateway, ": open,"), 3);
    harness_signal(gateway, SIGHUP); /* nothing changed */
    rig_wait_log_count(gateway, "configuration read again", 2);
    ck_assert_uint_eq(rig_log_count(gateway, ": open,"), 3);
    expect_frame_through(1);
}
END_TEST

START_TEST(what_comes_before_open_wait_is_over_does_not_count)
{
    gateway = rig_gateway(config_of(pty->path, "\"open_wait_ms\":1500,\"init\":[{\"send\":\"AT\",\"wait_ms\":1}]"));
    harness_wait_log(gateway, ": connected");
    ck_assert(!harness_log_has(gateway, "open,"));
    rig_send(pty, 1); /* a boot loader's greeting */
    EXPECT("AT");     /* which no answer is wanted for */
    harness_wait_log(gateway, "open,");
    expect_frame_through(2);
}
END_TEST

START_TEST(another_reader_of_the_line_is_named)
{
    const char *const cat[] = {"/bin/cat", pty->path, NULL};
    struct harness_process *reader = harness_spawn("cat", cat, false);
    char name[64];

    ANSWER("here\n");
    harness_wait_log(reader, "here"); /* so it has the line open */
    gateway = rig_gateway(config_of(pty->path, ""));
    (void)snprintf(name, sizeof name, "cat (process %d) uses it too", (int)reader->pid);
    harness_wait_log(gateway, name);
}
END_TEST

START_TEST(holder_of_the_lines_lock_is_named)
{
    const char *const command[] = {"/usr/bin/flock", "--no-fork", pty->path, "/bin/sleep", "600", NULL};
    struct harness_process *holder = harness_spawn("flock", command, false);
    char name[96];

    int fd = open(pty->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    int64_t limit = harness_now_ms() + HARNESS_PATIENCE;
    ck_assert_int_ge(fd, 0);
    while (flock(fd, LOCK_EX | LOCK_NB) == 0 && harness_now_ms() < limit) /* not yet */
        ck_assert_int_eq(flock(fd, LOCK_UN), 0);
    (void)close(fd);
    gateway = rig_gateway(config_of(pty->path, ""));
    (void)snprintf(name, sizeof name, "(process %d) has it open; retrying", (int)holder->pid);
    harness_wait_log(gateway, name);
    (void)harness_stop(holder, SIGKILL);
    harness_wait_log(gateway, "open,");
    expect_frame_through(1);
}
END_TEST

START_TEST(odd_speed_is_kept)
{
    struct termios2 termios;

    gateway = rig_gateway(config_of(pty->path, "\"baud\":12345,\"stop\":2,\"flow\":\"rtscts\""));
    harness_wait_log(gateway, "open, 12345 baud, 8N2, flow rtscts");
    ck_assert(!harness_log_has(gateway, "not as configured"));
    int fd = open(pty->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ioctl(fd, TCGETS2, &termios), 0);
    ck_assert_uint_eq(termios.c_ospeed, 12345);
    ck_assert_uint_eq(termios.c_ispeed, 12345);
    ck_assert_uint_eq(termios.c_cflag & (CSTOPB | CRTSCTS | HUPCL), CSTOPB | CRTSCTS);
    (void)close(fd);
    expect_frame_through(1);
}
END_TEST

START_TEST(what_the_driver_did_not_take_is_told)
{
    static const char *const told[] = {"data 7: the driver runs with 8 bits", "parity even: the driver runs without",
                                       "dtr off: the line has no such signal",
                                       "rs485: the driver cannot switch the direction"};

    gateway = rig_gateway(config_of(pty->path, "\"data\":7,\"parity\":\"even\",\"dtr\":\"off\",\"rs485\":true"));
    harness_wait_log(gateway, "not as configured: ");
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
        ck_assert_msg(harness_log_has(gateway, told[i]), "%s", told[i]);
    expect_frame_through(1); /* all the same */
}
END_TEST

/* A serial server. */

static int listen_at(int port)
{
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    ck_assert_int_eq(listen(fd, 4), 0);
    return fd;
}

/* The gateway's connection becomes the line that rig_send and rig_ack use. */
static void accept_line(int listener)
{
    struct pollfd incoming = {.fd = listener, .events = POLLIN};

    (void)close(pty->master);
    ck_assert_int_eq(poll(&incoming, 1, HARNESS_PATIENCE), 1);
    pty->master = accept(listener, NULL, NULL);
    ck_assert_int_ge(pty->master, 0);
}

START_TEST(line_of_a_serial_server_is_waited_for_and_connected_again)
{
    char device[64];
    int port = harness_free_port();

    (void)snprintf(device, sizeof device, "tcp://%s:%d", _i == 0 ? "127.0.0.1" : "localhost", port);
    gateway = rig_gateway(config_of(device, "\"init\":[{\"send\":\"AT\\r\",\"expect\":\"OK\",\"wait_ms\":60000}]"));
    harness_wait_log(gateway, "Connection refused; retrying");
    int listener = listen_at(port);
    for (uint32_t i = 0; i < 2; i++) {
        accept_line(listener);
        EXPECT("AT\r");
        ANSWER("OK\r");
        rig_wait_log_count(gateway, ": open, init steps done", i + 1);
        expect_frame_through(i);
    }
    ck_assert_uint_eq(rig_log_count(gateway, "refused"), 1);
    (void)close(listener);
}
END_TEST

START_TEST(serial_server_whose_line_is_taken_is_named_once)
{
    char device[64];
    int port = harness_free_port();
    int listener = listen_at(port);

    (void)snprintf(device, sizeof device, "tcp://127.0.0.1:%d", port);
    gateway = rig_gateway(config_of(device, _i == 0 ? "\"open_wait_ms\":10000" : ""));
    for (int i = 0; i < 3; i++)
        accept_line(listener); /* and close the last one */
    harness_wait_log(gateway, "the server closes the connection at once");
    ck_assert_uint_eq(rig_log_count(gateway, "serial line"), _i == 0 ? 1 : 2); /* it was open, at first */
    if (_i == 1) { /* the third one lives, and counts before the gateway says so */
        rig_send(pty, 1);
        ck_assert_uint_eq(rig_receive(plugin, NULL), 1);
        rig_wait_log_count(gateway, ": open", 2);
        expect_frame_through(2);
    }
    (void)close(listener);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gateway_line");
    TCase *tcase = tcase_create("gateway_line");

    tcase_set_timeout(tcase, 90);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, module_is_told_its_steps_and_what_it_says_is_no_frame);
    tcase_add_test(tcase, wrong_answer_is_shown_and_the_steps_begin_again);
    tcase_add_test(tcase, module_that_says_nothing_is_named_once_and_asked_again);
    tcase_add_test(tcase, module_that_is_plugged_in_again_is_told_its_steps_again);
    tcase_add_test(tcase, steps_that_changed_are_run_on_sighup_and_others_lines_stay_open);
    tcase_add_test(tcase, what_comes_before_open_wait_is_over_does_not_count);
    tcase_add_test(tcase, another_reader_of_the_line_is_named);
    tcase_add_test(tcase, holder_of_the_lines_lock_is_named);
    tcase_add_test(tcase, odd_speed_is_kept);
    tcase_add_test(tcase, what_the_driver_did_not_take_is_told);
    tcase_add_loop_test(tcase, line_of_a_serial_server_is_waited_for_and_connected_again, 0, 2);
    tcase_add_loop_test(tcase, serial_server_whose_line_is_taken_is_named_once, 0, 2);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
