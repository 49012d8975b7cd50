/* SPDX-License-Identifier: Apache-2.0 */
/* A line's settings on a real pseudo-terminal, and with a driver that takes less, or has more, than a pseudo-terminal.
 */
#include "run_suite.h"

#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <selkie/tty.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int __wrap_ioctl(int fd, unsigned long request, ...);
int __real_ioctl(int fd, unsigned long request, ...);

/* The driver that the test plays; all zero is the pseudo-terminal's own. */
static struct {
    unsigned runs_at; /* its speed, whatever it was asked for */
    unsigned forgets; /* flags that it does not take */
    bool signals;     /* it has DTR and RTS */
    int raised, lowered;
    bool rs485, rs485_off;         /* it has it; it answers and does not do it */
    struct serial_rs485 direction; /* as the device tree has set it, then as it was asked */
} driver;

static int play_driver(int fd, unsigned long request, void *argument)
{
    if (request == TIOCSRS485 && driver.rs485) {
        driver.direction = *(struct serial_rs485 *)argument;
        if (driver.rs485_off)
            memset(argument, 0, sizeof(struct serial_rs485));
        return 0;
    }
    if (request == TIOCGRS485 && driver.rs485) {
        *(struct serial_rs485 *)argument = driver.direction;
        return 0;
    }
    if (driver.signals && (request == TIOCMBIS || request == TIOCMBIC)) {
        *(request == TIOCMBIS ? &driver.raised : &driver.lowered) |= *(int *)argument;
        return 0;
    }
    int result = __real_ioctl(fd, request, argument);
    if (request == TCGETS2 && result == 0) {
        struct termios2 *termios = argument;
        if (driver.runs_at > 0)
            termios->c_ospeed = driver.runs_at;
        termios->c_cflag &= ~driver.forgets;
    }
    return result;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;

    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return play_driver(fd, request, argument);
}

static int master, slave;
static char refused[SELKIE_TTY_REFUSED_MAX];

static void setup(void)
{
    master = posix_openpt(O_RDWR | O_NOCTTY); /* <pty.h> and struct termios2 exclude each other */
    ck_assert_int_ge(master, 0);
    ck_assert_int_eq(grantpt(master), 0);
    ck_assert_int_eq(unlockpt(master), 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    ck_assert_int_ge(slave, 0);
}

static void teardown(void)
{
    (void)close(slave);
    (void)close(master);
}

static void configure(const struct selkie_tty_settings *settings)
{
    ck_assert_int_eq(selkie_tty_configure(slave, settings, refused), 0);
}

static struct termios2 taken(void)
{
    struct termios2 termios;

    ck_assert_int_eq(__real_ioctl(slave, TCGETS2, &termios), 0);
    return termios;
}

START_TEST(every_speed_is_kept_and_no_flag_of_before)
{
    static const unsigned speeds[] = {50, 9600, 12345, 250000, 12000000};
    struct termios2 before = taken();

    before.c_cflag |= CMSPAR | CSTOPB | CRTSCTS | HUPCL;
    before.c_iflag |= IXON | IXOFF | ISTRIP | INLCR | ICRNL | INPCK;
    ck_assert_int_eq(__real_ioctl(slave, TCSETS2, &before), 0);
    for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
        configure(&(struct selkie_tty_settings){.baud = speeds[i]});
        ck_assert_str_eq(refused, "");
        struct termios2 termios = taken();
        ck_assert_uint_eq(termios.c_ospeed, speeds[i]);
        ck_assert_uint_eq(termios.c_ispeed, speeds[i]);
        ck_assert_uint_eq(termios.c_cflag & ~(unsigned)(CBAUD | CIBAUD), CS8 | CREAD | CLOCAL);
        ck_assert_uint_eq(termios.c_iflag | termios.c_oflag | termios.c_lflag, 0);
        ck_assert_uint_eq(termios.c_cc[VMIN], 1);
    }
}
END_TEST

START_TEST(what_is_no_speed_or_no_line_is_refused)
{
    int pipes[2];

    ck_assert_int_eq(selkie_tty_configure(slave, &(struct selkie_tty_settings){.baud = 0}, refused), SELKIE_EIO);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(selkie_tty_configure(pipes[0], &(struct selkie_tty_settings){.baud = 9600}, refused), SELKIE_EIO);
    ck_assert_int_eq(errno, ENOTTY);
}
END_TEST

/* What a pseudo-terminal does not take, and what others do not. */
static const struct {
    struct selkie_tty_settings settings;
    unsigned runs_at, forgets;
    const char *refused;
} refusals[] = {
    {{.baud = 9600, .data = 7}, 0, 0, "data 7: the driver runs with 8 bits"},
    {{.baud = 9600, .parity = SELKIE_TTY_PARITY_EVEN}, 0, 0, "parity even: the driver runs without"},
    {{.baud = 9600, .parity = SELKIE_TTY_PARITY_ODD}, 0, 0, "parity odd: the driver runs without"},
    {{.baud = 9600, .stop = 2}, 0, CSTOPB, "stop 2: the driver runs with 1"},
    {{.baud = 9600, .flow = SELKIE_TTY_FLOW_RTSCTS}, 0, CRTSCTS, "flow rtscts: the driver runs without"},
    {{.baud = 250000}, 230400, 0, "baud 250000: the driver runs at 230400"},
    {{.baud = 230400}, 235000, 0, ""}, /* near enough */
    {{.baud = 115200}, 0, CREAD, ""},
    {{.baud = 9600, .data = 5, .stop = 2},
     9000,
     CSTOPB,
     "baud 9600: the driver runs at 9000; data 5: the driver runs with 8 bits; stop 2: the driver runs with 1"},
    {{.baud = 9600, .dtr = SELKIE_TTY_OFF}, 0, 0, "dtr off: the line has no such signal"},
    {{.baud = 9600, .rts = SELKIE_TTY_ON}, 0, 0, "rts on: the line has no such signal"},
    {{.baud = 9600, .rs485 = true}, 0, 0, "rs485: the driver cannot switch the direction"},
};

START_TEST(what_the_driver_did_not_take_is_named)
{
    driver.runs_at = refusals[_i].runs_at;
    driver.forgets = refusals[_i].forgets;
    configure(&refusals[_i].settings);
    ck_assert_msg(strncmp(refused, refusals[_i].refused, strlen(refusals[_i].refused)) == 0 &&
                      (refused[0] == '\0') == (refusals[_i].refused[0] == '\0'),
                  "\"%s\"", refused);
}
END_TEST

START_TEST(signals_are_as_asked_and_else_let_alone)
{
    driver.signals = true;
    configure(&(struct selkie_tty_settings){.baud = 9600});
    ck_assert_int_eq(driver.raised | driver.lowered, 0);
    configure(&(struct selkie_tty_settings){.baud = 9600, .dtr = SELKIE_TTY_OFF, .rts = SELKIE_TTY_ON});
    ck_assert_int_eq(driver.raised, TIOCM_RTS);
    ck_assert_int_eq(driver.lowered, TIOCM_DTR);
    ck_assert_str_eq(refused, "");
}
END_TEST

START_TEST(rs485_is_what_the_driver_answers)
{
    const struct selkie_tty_settings settings = {.baud = 9600, .rs485 = true};

    driver.rs485 = true;
    configure(&settings);
    ck_assert_str_eq(refused, "");
    driver.rs485_off = true;
    configure(&settings);
    ck_assert_str_eq(refused, "rs485: the driver left it off");
}
END_TEST

/* A transceiver that is wired the other way round, or slow, as the device tree says. */
START_TEST(rs485_keeps_what_the_device_tree_has_set)
{
    static const struct {
        struct serial_rs485 before;
        unsigned flags;
    } trees[] = {
        {{.flags = 0}, SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND},
        {{.flags = SER_RS485_RX_DURING_TX}, SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND | SER_RS485_RX_DURING_TX},
        {{.flags = SER_RS485_RTS_ON_SEND}, SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND},
        {{.flags = SER_RS485_RTS_AFTER_SEND}, SER_RS485_ENABLED | SER_RS485_RTS_AFTER_SEND},
        {{.flags = SER_RS485_ENABLED | SER_RS485_RTS_AFTER_SEND, .delay_rts_before_send = 3, .delay_rts_after_send = 7},
         SER_RS485_ENABLED | SER_RS485_RTS_AFTER_SEND},
    };

    driver.rs485 = true;
    driver.direction = trees[_i].before;
    configure(&(struct selkie_tty_settings){.baud = 9600, .rs485 = true});
    ck_assert_str_eq(refused, "");
    ck_assert_uint_eq(driver.direction.flags, trees[_i].flags);
    ck_assert_uint_eq(driver.direction.delay_rts_before_send, trees[_i].before.delay_rts_before_send);
    ck_assert_uint_eq(driver.direction.delay_rts_after_send, trees[_i].before.delay_rts_after_send);
}
END_TEST

START_TEST(settings_have_a_short_form)
{
    char text[SELKIE_TTY_TEXT_MAX];

    selkie_tty_format(text, &(struct selkie_tty_settings){.baud = 9600});
    ck_assert_str_eq(text, "9600 baud, 8N1");
    selkie_tty_format(text, &(struct selkie_tty_settings){.baud = 12000000,
                                                          .data = 7,
                                                          .parity = SELKIE_TTY_PARITY_ODD,
                                                          .stop = 2,
                                                          .flow = SELKIE_TTY_FLOW_RTSCTS,
                                                          .dtr = SELKIE_TTY_OFF,
                                                          .rts = SELKIE_TTY_KEEP,
                                                          .rs485 = true});
    ck_assert_str_eq(text, "12000000 baud, 7O2, flow rtscts, dtr off, rs485");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tty");
    TCase *tcase = tcase_create("tty");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, every_speed_is_kept_and_no_flag_of_before);
    tcase_add_test(tcase, what_is_no_speed_or_no_line_is_refused);
    tcase_add_loop_test(tcase, what_the_driver_did_not_take_is_named, 0, sizeof refusals / sizeof refusals[0]);
    tcase_add_test(tcase, signals_are_as_asked_and_else_let_alone);
    tcase_add_test(tcase, rs485_is_what_the_driver_answers);
    tcase_add_loop_test(tcase, rs485_keeps_what_the_device_tree_has_set, 0, 5);
    tcase_add_test(tcase, settings_have_a_short_form);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
