/* SPDX-License-Identifier: Apache-2.0 */
/* selkie-gateway --listen on ptys: frames of each type, broken ones, none, the wrong speed, and lines that cannot be
 * had.
 */
#include "rig.h"
#include "uart_model.h"

#include <asm/termbits.h>
#include <fcntl.h>
#include <selkie/fragment.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static struct harness_process *listen_on(const char *port, const char *option, const char *value)
{
    const char *const argv[] = {harness_program("selkie-gateway"), "--listen", port, option, value, NULL};

    return harness_spawn("listen", argv, false);
}

static struct harness_process *listening_on(const char *port, const char *option, const char *value)
{
    struct harness_process *listen = listen_on(port, option, value);

    harness_wait_log(listen, "Ctrl-C ends");
    return listen;
}

/* It ends by itself, with this status and sentence. */
static void expect_end(struct harness_process *listen, int status, const char *sentence)
{
    ck_assert_int_eq(harness_wait_exit(listen), status);
    ck_assert_msg(harness_log_has(listen, sentence), "%s", harness_read(listen->log));
}

static void sealed_body(uint8_t body[static SELKIE_SEALED_SIZE])
{
    for (size_t i = 0; i < SELKIE_SEALED_SIZE; i++)
        body[i] = (uint8_t)(i * i * 7 + 1); /* 0xFF and 0x00 are among them */
    selkie_frame_put_sealed_header(body, 3, (const uint8_t[8]){0, 0x11, 0x22, 0x33, 0xAA, 0xBB, 0xCC, 0xFF});
}

START_TEST(each_frame_is_a_line_of_text_and_the_end_sums_up)
{
    static const uint8_t ack[] = {0x12, 0x29, 0xB1}, foreign[] = {0x4F, 1, 2}, steering[] = "\033[2Jhallo\033]0;x\a";
    static const uint8_t wrong_crc[] = {0, 5, 1, 2, 3, 4, 0}, cut_short[] = {9, 1, 2, 0};
    uint8_t sealed[SELKIE_SEALED_SIZE], fragment[SELKIE_FRAGMENT_SIZE_MAX], overlong[1100];
    struct harness_pty *pty = harness_pty("tty");
    struct harness_process *listen = listening_on(pty->path, "--baud", "9600");
    struct selkie_fragment_plan plan;

    sealed_body(sealed);
    ck_assert_int_eq(selkie_fragment_make_plan(&plan, sealed, sizeof sealed, 58), 0);
    rig_send_body(pty, sealed, sizeof sealed);
    harness_wait_log(listen, "  9600  SEALED    address 00112233aabbccff  key 3  522 bytes\n");
    rig_send(pty, 7);
    harness_wait_log(listen, "SESSION   tag ");
    rig_send_body(pty, ack, sizeof ack);
    harness_wait_log(listen, "ACK       of the body with CRC 29b1  3 bytes\n");
    rig_send_body(pty, fragment, selkie_fragment_write(fragment, &plan, sealed, sizeof sealed, 12));
    harness_wait_log(listen, "  index 12, 11 make the body  ");
    rig_send_body(pty, foreign, sizeof foreign);
    harness_wait_log(listen, "foreign   version 4, type 15  3 bytes\n");
    harness_pty_write(pty, wrong_crc, sizeof wrong_crc);
    harness_wait_log(listen, "broken    wrong CRC\n");
    harness_pty_write(pty, cut_short, sizeof cut_short);
    harness_wait_log(listen, "broken    not in the form of a frame\n");
    memset(overlong, 1, sizeof overlong);
    overlong[sizeof overlong - 1] = 0;
    harness_pty_write(pty, overlong, sizeof overlong);
    harness_wait_log(listen, "broken    longer than a frame may be\n");
    harness_pty_write(pty, steering, sizeof steering - 1);
    harness_wait_log(listen, " bytes, no frame\n");
    ck_assert_int_eq(harness_stop(listen, SIGINT), 0);
    char *log = harness_read(listen->log);
    ck_assert_ptr_nonnull(strstr(log, "\nframes  SEALED 1 SESSION 1 ACK 1 FRAGMENT 1 foreign 1\n"
                                      "broken  wrong CRC 1 too long 1 other 1\n  9600 baud: "));
    ck_assert_ptr_null(strpbrk(log, "\033\a"));
    ck_assert_ptr_null(strstr(log, "hallo"));
    free(log);
}
END_TEST

START_TEST(a_signal_strength_behind_a_frame_is_shown)
{
    struct harness_pty *pty = harness_pty("tty");
    struct harness_process *listen = listening_on(pty->path, NULL, NULL);

    rig_send(pty, 1);
    harness_pty_write(pty, (const uint8_t[]){256 - 87}, 1);
    harness_wait_log(listen, "one byte behind the frame: -87 dBm, if it is \"rssi\"");
    rig_send(pty, 2);
    rig_wait_log_count(listen, "SESSION", 2);
    harness_pty_write(pty, (const uint8_t[]){256 - 201}, 1); /* no radio tells so little */
    harness_wait_log(listen, "one byte behind the frame, which is no signal strength\n");
    ck_assert_uint_eq(rig_log_count(listen, "dBm"), 1);
    ck_assert_int_eq(harness_stop(listen, SIGTERM), 0);
    ck_assert(harness_log_has(listen, "broken  wrong CRC 0 too long 0 other 0"));
}
END_TEST

/* The speed that the program has set. */
static unsigned speed_of(const struct harness_pty *pty)
{
    struct termios2 settings;

    ck_assert_int_eq(ioctl(pty->master, TCGETS2, &settings), 0);
    return settings.c_ispeed != 0 ? settings.c_ispeed : settings.c_ospeed;
}

/* A transmission of a device at this speed, as the UART of the line hears it. */
static void transmit(struct harness_pty *pty, unsigned baud)
{
    static uint8_t heard[64 * SELKIE_LINK_WIRE_MAX];
    uint8_t body[SELKIE_SEALED_SIZE], wire[SELKIE_LINK_WIRE_MAX];
    unsigned errors = 0;

    sealed_body(body);
    int len = selkie_link_encode(wire, sizeof wire, body, sizeof body);
    ck_assert_int_gt(len, 0);
    harness_pty_write(pty, heard, uart_receive(heard, sizeof heard, speed_of(pty), wire, (size_t)len, baud, &errors));
}

START_TEST(speed_of_the_device_is_found)
{
    struct harness_pty *pty = harness_pty("tty");
    struct harness_process *listen = listening_on(pty->path, NULL, NULL);

    ck_assert_uint_eq(speed_of(pty), 9600);
    transmit(pty, 57600);
    rig_wait_log_count(listen, " bytes, no frame\n", 1);
    transmit(pty, 57600);
    harness_wait_log(listen, "trying 57600 baud");
    ck_assert_uint_eq(speed_of(pty), 57600);
    transmit(pty, 57600);
    harness_wait_log(listen, " 57600  SEALED    address 00112233aabbccff");
    ck_assert_int_eq(harness_stop(listen, SIGTERM), 0);
    ck_assert(harness_log_has(listen, "\n57600 baud looks right: 1 frames\n"));
}
END_TEST

START_TEST(noise_without_an_end_goes_through_all_speeds)
{
    struct harness_pty *pty = harness_pty("tty");
    struct harness_process *listen = listening_on(pty->path, NULL, NULL);
    uint8_t noise[600];

    srand(1);
    while (!harness_log_has(listen, "trying 9600 baud")) { /* the second round */
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (uint8_t)(rand() >> 7);
        harness_pty_write(pty, noise, sizeof noise);
    }
    ck_assert(harness_log_has(listen, "trying 460800 baud"));
    ck_assert(harness_log_has(listen, "no speed gave a frame, and none looks right"));
    ck_assert_int_eq(harness_stop(listen, SIGINT), 0);
}
END_TEST

START_TEST(silence_is_named)
{
    struct harness_pty *pty = harness_pty("tty");
    struct harness_process *listen = listening_on(pty->path, NULL, NULL);

    ck_assert_int_eq(harness_stop(listen, SIGTERM), 0);
    ck_assert(harness_log_has(listen, "no byte came: is the radio powered"));
}
END_TEST

START_TEST(a_line_that_cannot_be_had_is_a_sentence)
{
    struct harness_pty *pty = harness_pty("tty");
    const char *file = harness_write("file", 0600, "x");

    expect_end(listen_on("/dev/ttyNOWHERE7", NULL, NULL), 1,
               "/dev/ttyNOWHERE7: there is no such line; selkie-gateway --list-ports");
    expect_end(listen_on(file, NULL, NULL), 1, "not a serial line");
    expect_end(listen_on("/dev/null", NULL, NULL), 1, "not a serial line");
    expect_end(listen_on(pty->path, "--baud", "fast"), 2, "--baud: must be a number from 50 to");
    const char *const argv[] = {harness_program("selkie-gateway"), "--baud", "9600", NULL};
    expect_end(harness_spawn("baud", argv, false), 2, "--baud is for --listen");
}
END_TEST

/* The configuration has the stable name, and the administrator types the short one, or the other way round. */
START_TEST(a_line_of_the_configuration_is_known_by_each_of_its_names)
{
    struct harness_pty *pty = harness_pty("tty");
    char *real = realpath(pty->path, NULL);

    ck_assert_ptr_nonnull(real);
    const char *configured = _i == 0 ? pty->path : real, *typed = _i == 0 ? real : pty->path;
    const char *config = rig_config_text("\"broker\":{\"uri\":\"mqtt://127.0.0.1:1\"},"
                                         "\"serial\":[{\"device\":\"%s\",\"baud\":57600,\"stop\":2}]",
                                         configured);
    struct harness_process *listen = listening_on(typed, "--config", config);
    ck_assert(harness_log_has(listen, ": set as in "));
    ck_assert(harness_log_has(listen, " at 57600 baud; Ctrl-C ends"));
    ck_assert_int_eq(harness_stop(listen, SIGTERM), 0);
    free(real);
}
END_TEST

START_TEST(a_line_that_goes_away_ends_it)
{
    struct harness_pty *pty = harness_pty("tty");
    struct harness_process *listen = listening_on(pty->path, NULL, NULL);

    rig_send(pty, 1);
    harness_wait_log(listen, "SESSION");
    harness_pty_unplug(pty);
    expect_end(listen, 1, "the line is gone");
    ck_assert(harness_log_has(listen, "SESSION 1 ACK 0"));
}
END_TEST

START_TEST(the_gateways_line_is_left_to_the_gateway)
{
    struct harness_pty *pty = harness_pty("tty");
    struct harness_process *gateway = rig_gateway_ready(rig_config("mqtt://127.0.0.1:1", pty->path, ""), false);

    expect_end(listen_on(pty->path, NULL, NULL), 1, "stop the service first: systemctl stop selkie-gateway");
    rig_send_acked(pty, 1);
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    struct harness_process *listen = listening_on(pty->path, NULL, NULL);
    rig_send(pty, 2);
    harness_wait_log(listen, "SESSION");
    ck_assert_int_eq(harness_stop(listen, SIGTERM), 0);
}
END_TEST

START_TEST(settings_come_from_the_configurations_line)
{
    struct harness_pty *pty = harness_pty("tty");
    const char *config = rig_config_text("\"broker\":{\"uri\":\"mqtt://127.0.0.1:1\"},\"serial\":[{\"device\":"
                                         "\"/dev/ttyOTHER\",\"baud\":2400},{\"device\":\"%s\",\"baud\":19200}]",
                                         pty->path);
    struct harness_process *listen = listening_on(pty->path, "--config", config);

    ck_assert_uint_eq(speed_of(pty), 19200);
    ck_assert_int_eq(harness_stop(listen, SIGTERM), 0);
    expect_end(listen_on(pty->path, "--config", harness_write("bad.json", 0600, "{")), 78, "bad.json");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gateway_listen");
    TCase *tcase = tcase_create("gateway_listen");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, each_frame_is_a_line_of_text_and_the_end_sums_up);
    tcase_add_test(tcase, a_signal_strength_behind_a_frame_is_shown);
    tcase_add_test(tcase, speed_of_the_device_is_found);
    tcase_add_test(tcase, noise_without_an_end_goes_through_all_speeds);
    tcase_add_test(tcase, silence_is_named);
    tcase_add_test(tcase, a_line_that_cannot_be_had_is_a_sentence);
    tcase_add_loop_test(tcase, a_line_of_the_configuration_is_known_by_each_of_its_names, 0, 2);
    tcase_add_test(tcase, a_line_that_goes_away_ends_it);
    tcase_add_test(tcase, the_gateways_line_is_left_to_the_gateway);
    tcase_add_test(tcase, settings_come_from_the_configurations_line);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
