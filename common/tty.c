/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <selkie/tty.h>
#include <stddef.h>
#include <termios.h>

static const struct {
    unsigned baud;
    speed_t speed;
} speeds[] = {
    {50, B50},           {75, B75},           {110, B110},         {134, B134},         {150, B150},
    {200, B200},         {300, B300},         {600, B600},         {1200, B1200},       {1800, B1800},
    {2400, B2400},       {4800, B4800},       {9600, B9600},       {19200, B19200},     {38400, B38400},
    {57600, B57600},     {115200, B115200},   {230400, B230400},   {460800, B460800},   {500000, B500000},
    {576000, B576000},   {921600, B921600},   {1000000, B1000000}, {1152000, B1152000}, {1500000, B1500000},
    {2000000, B2000000}, {2500000, B2500000}, {3000000, B3000000}, {3500000, B3500000}, {4000000, B4000000},
};

static bool find_speed(unsigned baud, speed_t *speed)
{
    for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++)
        if (speeds[i].baud == baud) {
            *speed = speeds[i].speed;
            return true;
        }
    return false;
}

bool selkie_tty_speed_valid(unsigned baud)
{
    speed_t speed;

    return find_speed(baud, &speed);
}

int selkie_tty_make_raw(int fd, unsigned baud)
{
    struct termios settings;
    speed_t speed;

    if (!find_speed(baud, &speed)) {
        errno = EINVAL;
        return SELKIE_EIO;
    }
    if (tcgetattr(fd, &settings) != 0)
        return SELKIE_EIO;
    cfmakeraw(&settings);
    settings.c_cflag &= ~(tcflag_t)(CSTOPB | CRTSCTS | HUPCL);
    settings.c_cflag |= CLOCAL | CREAD;
    settings.c_cc[VMIN] = 1;
    settings.c_cc[VTIME] = 0;
    if (cfsetispeed(&settings, speed) != 0 || cfsetospeed(&settings, speed) != 0 ||
        tcsetattr(fd, TCSANOW, &settings) != 0)
        return SELKIE_EIO;
    return 0;
}
