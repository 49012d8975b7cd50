/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's own struct termios2, which takes any speed, excludes <termios.h>. */
#include <asm/termbits.h>
#include <errno.h>
#include <linux/serial.h>
#include <selkie/tty.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define SPEED_OFF_MAX 3 /* percent: with more, the last bit of a byte is read beside its middle */

const char *const selkie_tty_parity_names[] = {"none", "even", "odd", NULL};
const char *const selkie_tty_flow_names[] = {"none", "rtscts", NULL};
const char *const selkie_tty_signal_names[] = {"keep", "on", "off", NULL};

bool selkie_tty_baud_valid(unsigned baud)
{
    return baud >= SELKIE_TTY_BAUD_MIN && baud <= SELKIE_TTY_BAUD_MAX;
}

static unsigned data_bits(const struct selkie_tty_settings *settings)
{
    return settings->data == 0 ? 8 : settings->data;
}

void selkie_tty_format(char text[static SELKIE_TTY_TEXT_MAX], const struct selkie_tty_settings *settings)
{
    static const char letters[] = "NEO";
    char parity = letters[settings->parity];

    (void)snprintf(text, SELKIE_TTY_TEXT_MAX, "%u baud, %u%c%d%s%s%s%s%s%s", settings->baud, data_bits(settings),
                   parity, settings->stop == 2 ? 2 : 1, settings->flow == SELKIE_TTY_FLOW_RTSCTS ? ", flow rtscts" : "",
                   settings->dtr == SELKIE_TTY_KEEP ? "" : ", dtr ",
                   settings->dtr == SELKIE_TTY_KEEP ? "" : selkie_tty_signal_names[settings->dtr],
                   settings->rts == SELKIE_TTY_KEEP ? "" : ", rts ",
                   settings->rts == SELKIE_TTY_KEEP ? "" : selkie_tty_signal_names[settings->rts],
                   settings->rs485 ? ", rs485" : "");
}

__attribute__((format(printf, 2, 3))) static void refuse(char refused[static SELKIE_TTY_REFUSED_MAX],
                                                         const char *format, ...)
{
    size_t len = strlen(refused);
    va_list arguments;

    if (len > 0 && len < SELKIE_TTY_REFUSED_MAX - 2)
        len += (size_t)snprintf(refused + len, SELKIE_TTY_REFUSED_MAX - len, "; ");
    va_start(arguments, format);
    (void)vsnprintf(refused + len, SELKIE_TTY_REFUSED_MAX - len, format, arguments);
    va_end(arguments);
}

static void set_signal(int fd, int bit, const char *name, enum selkie_tty_signal wanted, char *refused)
{
    if (wanted != SELKIE_TTY_KEEP && ioctl(fd, wanted == SELKIE_TTY_ON ? TIOCMBIS : TIOCMBIC, &bit) != 0)
        refuse(refused, "%s %s: the line has no such signal (%s)", name, selkie_tty_signal_names[wanted],
               strerror(errno));
}

static void set_rs485(int fd, char *refused)
{
    struct serial_rs485 rs485;

    memset(&rs485, 0, sizeof rs485);
    if (ioctl(fd, TIOCGRS485, &rs485) != 0) /* what the device tree says of the wiring stays */
        rs485.flags = 0;
    rs485.flags |= SER_RS485_ENABLED;
    if ((rs485.flags & (SER_RS485_RTS_ON_SEND | SER_RS485_RTS_AFTER_SEND)) == 0)
        rs485.flags |= SER_RS485_RTS_ON_SEND;
    if (ioctl(fd, TIOCSRS485, &rs485) != 0)
        refuse(refused, "rs485: the driver cannot switch the direction (%s)", strerror(errno));
    else if ((rs485.flags & SER_RS485_ENABLED) == 0)
        refuse(refused, "rs485: the driver left it off");
}

static tcflag_t control_flags(const struct selkie_tty_settings *settings)
{
    static const tcflag_t sizes[] = {CS5, CS6, CS7, CS8};
    tcflag_t flags = BOTHER | CREAD | CLOCAL | sizes[data_bits(settings) - 5];

    if (settings->parity != SELKIE_TTY_PARITY_NONE)
        flags |= PARENB;
    if (settings->parity == SELKIE_TTY_PARITY_ODD)
        flags |= PARODD;
    if (settings->stop == 2)
        flags |= CSTOPB;
    if (settings->flow == SELKIE_TTY_FLOW_RTSCTS)
        flags |= CRTSCTS;
    return flags;
}

/* A driver takes what it can, and says so only to who reads the settings again. */
static void compare(const struct selkie_tty_settings *settings, const struct termios2 *taken, char *refused)
{
    tcflag_t missing = taken->c_cflag ^ control_flags(settings);
    long long off = (long long)taken->c_ospeed - settings->baud;

    if ((off < 0 ? -off : off) * 100 > (long long)SPEED_OFF_MAX * settings->baud)
        refuse(refused, "baud %u: the driver runs at %u", settings->baud, taken->c_ospeed);
    if (missing & CSIZE)
        refuse(refused, "data %u: the driver runs with %u bits", data_bits(settings),
               (taken->c_cflag & CSIZE) == CS5   ? 5
               : (taken->c_cflag & CSIZE) == CS6 ? 6
               : (taken->c_cflag & CSIZE) == CS7 ? 7
                                                 : 8);
    if (missing & (PARENB | PARODD | CMSPAR))
        refuse(refused, "parity %s: the driver runs %s", selkie_tty_parity_names[settings->parity],
               (taken->c_cflag & PARENB) == 0   ? "without"
               : (taken->c_cflag & CMSPAR) != 0 ? "with mark or space"
               : (taken->c_cflag & PARODD) != 0 ? "with odd"
                                                : "with even");
    if (missing & CSTOPB)
        refuse(refused, "stop %u: the driver runs with %d", settings->stop, (taken->c_cflag & CSTOPB) ? 2 : 1);
    if (missing & CRTSCTS)
        refuse(refused, "flow %s: the driver runs %s", selkie_tty_flow_names[settings->flow],
               (taken->c_cflag & CRTSCTS) ? "with rtscts" : "without");
}

int selkie_tty_configure(int fd, const struct selkie_tty_settings *settings,
                         char refused[static SELKIE_TTY_REFUSED_MAX])
{
    struct termios2 termios, taken;

    refused[0] = '\0';
    if (!selkie_tty_baud_valid(settings->baud)) {
        errno = EINVAL;
        return SELKIE_EIO;
    }
    if (ioctl(fd, TCGETS2, &taken) != 0)
        return SELKIE_EIO;
    set_signal(fd, TIOCM_DTR, "dtr", settings->dtr, refused); /* at once: opening has raised it */
    set_signal(fd, TIOCM_RTS, "rts", settings->rts, refused);
    memset(&termios, 0, sizeof termios);
    termios.c_line = taken.c_line;
    termios.c_cflag = control_flags(settings);
    termios.c_ispeed = termios.c_ospeed = settings->baud;
    termios.c_cc[VMIN] = 1;
    if (ioctl(fd, TCSETS2, &termios) != 0 || ioctl(fd, TCGETS2, &taken) != 0)
        return SELKIE_EIO;
    compare(settings, &taken, refused);
    if (settings->rs485)
        set_rs485(fd, refused);
    return 0;
}
