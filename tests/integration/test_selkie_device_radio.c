/* SPDX-License-Identifier: Apache-2.0 */
/* selkie-device on radios as they are: slow, deaf while they send, shared, unplugged, noisy or stuck. */
#include "cloud.h"
#include "harness_internal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <termios.h>
#include <unistd.h>

#define MORE       14   /* further arguments of a test, at most */
#define BIT_RATE   2000 /* of the air */
#define LINE_RATE  9600 /* of the line to the radio, ten bits a byte */
#define TURN_MS    60   /* the gateway waits for a quiet line, then sends its ACK */
#define BUFFER_MAX 8192

static struct harness_pty *radio;
static struct cloud_frame frame;

static void set_up(void)
{
    radio = harness_pty("radio");
}

static struct harness_process *start(const char *name, const char *address, const char *const more[], const char *input)
{
    const char *argv[11 + MORE] = {harness_program("selkie-device"),
                                   "--port",
                                   radio->path,
                                   "--public-key",
                                   harness_public_key(),
                                   "--key-id",
                                   "1",
                                   "--address",
                                   address};
    for (size_t i = 0; more[i] != NULL; i++)
        argv[9 + i] = more[i];
    struct harness_process *device = harness_spawn(name, argv, input != NULL);
    if (input != NULL)
        ck_assert_int_eq(write(device->input, input, strlen(input)), (ssize_t)strlen(input));
    return device;
}

static void end_input(struct harness_process *device)
{
    close(device->input);
    device->input = -1;
}

static void expect_end(struct harness_process *device, int status, const char *text)
{
    ck_assert_int_eq(harness_wait_exit(device), status);
    ck_assert_msg(harness_log_has(device, text), "it did not say '%s'", text);
}

/* ---- A radio that buffers what comes over the line, sends it at its own speed, and hears nothing while it sends ----
 */

static struct {
    uint8_t bytes[BUFFER_MAX];
    size_t came, sent;
    int64_t began_ms; /* when bytes[0] went on the air */
    struct selkie_link_rx gateway;
    int64_t ack_ms; /* when the gateway's ACK is over; 0: none */
    unsigned frames, acked, deaf;
} air;

/* Bytes arrive at once through a pseudo-terminal. On a line they take their time, but less than on the air. */
static void air_take(int64_t now_ms)
{
    struct pollfd input = {.fd = radio->master, .events = POLLIN};

    if (poll(&input, 1, 5) <= 0)
        return;
    if (air.came == air.sent) { /* the radio was idle */
        air.came = air.sent = 0;
        air.began_ms = now_ms;
    }
    ssize_t count = read(radio->master, air.bytes + air.came, sizeof air.bytes - air.came);
    if (count > 0)
        air.came += (size_t)count;
    else
        harness_breathe();
}

static void air_send(int64_t now_ms)
{
    size_t due = (size_t)((now_ms - air.began_ms) * BIT_RATE / 8000);

    for (; air.sent < due && air.sent < air.came; air.sent++) {
        int len = selkie_link_rx_byte(&air.gateway, air.bytes[air.sent]);
        ck_assert_int_ge(len, 0);
        if (len == 0)
            continue;
        frame.len = (size_t)len;
        memcpy(frame.body, air.gateway.body, (size_t)len);
        air.frames++;
        air.ack_ms = now_ms + TURN_MS + 8 * 8000 / BIT_RATE;
    }
}

static void air_acknowledge(int64_t now_ms)
{
    if (air.ack_ms == 0 || now_ms < air.ack_ms)
        return;
    air.ack_ms = 0;
    if (air.sent < air.came) {
        air.deaf++;
        return;
    }
    air.acked++;
    cloud_acknowledge(radio, &frame);
}

static void run_air(struct harness_process *device)
{
    int64_t limit = harness_now_ms() + HARNESS_PATIENCE;

    memset(&air, 0, sizeof air);
    selkie_link_rx_init(&air.gateway);
    while (!harness_log_has(device, "payloads ")) { /* the line with which it ends */
        int64_t now_ms = harness_now_ms();
        ck_assert_int_lt(now_ms, limit);
        air_take(now_ms);
        air_send(now_ms);
        air_acknowledge(now_ms);
    }
}

START_TEST(ack_works_on_a_slow_radio_that_buffers_and_is_deaf_while_it_sends)
{
    struct harness_process *device =
        start("device", "00112233445566aa", (const char *const[]){"--ack", "--spread", "0", NULL}, "one\n");

    end_input(device);
    run_air(device);
    expect_end(device, 0, "payloads 1, transmissions 2, acknowledged 2, given up 0");
    ck_assert_uint_eq(air.frames, 2);
    ck_assert_uint_eq(air.acked, 2);
    ck_assert_uint_eq(air.deaf, 0);
}
END_TEST

/* ---- Several devices on one line ---- */

static bool line_is_locked(void)
{
    int fd = open(radio->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    bool locked = flock(fd, LOCK_EX | LOCK_NB) != 0;
    close(fd);
    return locked;
}

/* Bytes keep the line from being quiet while the device looks, and then its ACK comes late. */
START_TEST(an_idle_device_leaves_the_line_to_its_neighbour)
{
    const char *const more[] = {"--ack", "--bit-rate", "0",   "--spread",  "0",  "--quiet",
                                "200",   "--ack-ms",   "100", "--backoff", "50", NULL};
    struct harness_process *device = start("device", "00112233445566aa", more, "");

    cloud_receive(&frame, radio);
    for (int64_t until_ms = harness_now_ms() + 1500; harness_now_ms() < until_ms;) {
        harness_pty_write(radio, (const uint8_t *)"\0", 1); /* somebody is there; no device may begin */
        harness_breathe();
    }
    cloud_acknowledge(radio, &frame);
    const char *const alone[] = {"--bit-rate", "0", "--spread", "0",
                                 "--repeat",   "1", NULL}; /* who reads ACKs is chance */
    struct harness_process *other = start("other", "00112233445566bb", alone, "from the neighbour\n");
    end_input(other);
    do
        cloud_receive(&frame, radio);
    while (frame.message.kind != SELKIE_DATA);
    expect_end(other, 0, "payloads 1, transmissions 2");
    ck_assert(!line_is_locked());
    ck_assert_int_eq(harness_stop(device, SIGTERM), 0);
}
END_TEST

START_TEST(the_line_is_locked_for_as_long_as_a_frame_is_on_the_air)
{
    struct harness_process *device =
        start("device", "00112233445566aa",
              (const char *const[]){"--bit-rate", "4000", "--spread", "0", "--backoff", "0", NULL}, "");

    cloud_receive(&frame, radio);
    ck_assert(line_is_locked());
    int64_t since_ms = harness_now_ms();
    while (line_is_locked()) {
        ck_assert_int_lt(harness_now_ms() - since_ms, HARNESS_PATIENCE);
        harness_breathe();
    }
    ck_assert_int_gt(harness_now_ms() - since_ms, 500); /* 1.06 s on the air, all in all */
    ck_assert_int_eq(harness_stop(device, SIGTERM), 0);
}
END_TEST

/* ---- A line that is unplugged ---- */

START_TEST(a_line_that_is_plugged_in_again_goes_on_with_the_same_id)
{
    uint8_t id[SELKIE_ID_SIZE];
    struct harness_process *device = start("device", "00112233445566aa",
                                           (const char *const[]){"--bit-rate", "0", "--repeat", "1", NULL}, "before\n");

    cloud_receive(&frame, radio);
    memcpy(id, frame.message.id, sizeof id);
    cloud_receive(&frame, radio);
    harness_pty_unplug(radio);
    harness_wait_log(device, "the line is gone");
    ck_assert_int_eq(dprintf(device->input, "while it is away\nlast\n"), 22);
    end_input(device);
    const char *other = harness_write("no-tty", 0600, "no tty\n");
    ck_assert_int_eq(symlink(other, radio->path), 0); /* another thing at its path is no line */
    harness_wait_log(device, "Inappropriate ioctl");
    harness_pty_plug(radio);
    for (uint32_t counter = 2; counter <= 3; counter++) {
        cloud_receive(&frame, radio);
        ck_assert_int_eq(frame.message.kind, SELKIE_DATA);
        ck_assert_uint_eq(frame.message.counter, counter);
        ck_assert_mem_eq(frame.message.id, id, sizeof id);
    }
    expect_end(device, 0, "the line is back");
}
END_TEST

START_TEST(a_frame_that_was_under_way_is_sent_when_the_line_is_back)
{
    struct harness_process *device =
        start("device", "00112233445566aa", (const char *const[]){"--bit-rate", "0", "--ack", "--spread", "0", NULL},
              "kept\n");

    end_input(device);
    cloud_receive(&frame, radio);
    cloud_acknowledge(radio, &frame);
    do
        cloud_receive(&frame, radio);
    while (frame.message.kind != SELKIE_DATA);
    harness_pty_unplug(radio); /* the ACK never comes */
    harness_wait_log(device, "the line is gone");
    harness_pty_plug(radio);
    cloud_receive(&frame, radio);
    ck_assert_uint_eq(frame.message.counter, 1);
    ck_assert_mem_eq(frame.message.data.payload, "kept", 4);
    cloud_acknowledge(radio, &frame);
    expect_end(device, 0, "acknowledged 2, given up 0");
}
END_TEST

START_TEST(a_device_whose_line_is_gone_ends_when_it_is_asked_to)
{
    struct harness_process *device =
        start("device", "00112233445566aa", (const char *const[]){"--bit-rate", "0", NULL}, "");

    cloud_receive(&frame, radio);
    harness_pty_unplug(radio);
    harness_wait_log(device, "the line is gone");
    ck_assert_int_eq(harness_stop(device, SIGTERM), 0);
}
END_TEST

/* ---- What keeps a device from sending ---- */

START_TEST(a_line_that_is_never_quiet_is_logged_once_and_so_is_its_end)
{
    struct harness_process *device =
        start("device", "00112233445566aa",
              (const char *const[]){"--bit-rate", "0", "--patience", "1", "--quiet", "300", "--backoff", "10",
                                    "--spread", "0", "--repeat", "1", NULL},
              "one\n");
    int64_t limit = harness_now_ms() + HARNESS_PATIENCE;

    while (!harness_log_has(device, "the line is busy without an end; frames are sent all the same, since 2")) {
        ck_assert_int_lt(harness_now_ms(), limit);
        harness_pty_write(radio, (const uint8_t *)"\xff", 1);
        harness_breathe();
    }
    cloud_receive(&frame, radio); /* sent all the same */
    ck_assert_int_eq(dprintf(device->input, "two\n"), 4);
    harness_wait_log(device, "the line is quiet again");
    cloud_receive(&frame, radio);
    ck_assert_int_eq(harness_stop(device, SIGTERM), 0);
}
END_TEST

START_TEST(a_radio_that_takes_no_bytes_is_logged_once_and_so_is_its_end)
{
    int line = open(radio->path, O_RDWR | O_NOCTTY | O_CLOEXEC);

    ck_assert_int_ge(line, 0);
    ck_assert_int_eq(tcflow(line, TCOOFF), 0);
    struct harness_process *device = start(
        "device", "00112233445566aa",
        (const char *const[]){"--bit-rate", "0", "--patience", "1", "--spread", "0", "--backoff", "10", NULL}, "one\n");
    harness_wait_log(device, "the radio takes no bytes, since 2");
    ck_assert_int_eq(tcflow(line, TCOON), 0);
    harness_wait_log(device, "the radio takes bytes again");
    cloud_receive(&frame, radio);
    ck_assert_int_eq(frame.message.kind, SELKIE_REGISTER);
    close(line);
    ck_assert_int_eq(harness_stop(device, SIGTERM), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("selkie_device_radio");
    TCase *tc = tcase_create("selkie_device_radio");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, set_up, NULL);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, ack_works_on_a_slow_radio_that_buffers_and_is_deaf_while_it_sends);
    tcase_add_test(tc, an_idle_device_leaves_the_line_to_its_neighbour);
    tcase_add_test(tc, the_line_is_locked_for_as_long_as_a_frame_is_on_the_air);
    tcase_add_test(tc, a_line_that_is_plugged_in_again_goes_on_with_the_same_id);
    tcase_add_test(tc, a_frame_that_was_under_way_is_sent_when_the_line_is_back);
    tcase_add_test(tc, a_device_whose_line_is_gone_ends_when_it_is_asked_to);
    tcase_add_test(tc, a_line_that_is_never_quiet_is_logged_once_and_so_is_its_end);
    tcase_add_test(tc, a_radio_that_takes_no_bytes_is_logged_once_and_so_is_its_end);
    return harness_main(suite);
}
