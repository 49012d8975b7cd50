/* SPDX-License-Identifier: Apache-2.0 */
#include "line/line_open.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/major.h>
#include <selkie/error_text.h>
#include <selkie/tty_user.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PTY_MAJOR  UNIX98_PTY_SLAVE_MAJOR
#define PTY_MAJORS UNIX98_PTY_MAJOR_COUNT

static bool is_pty(dev_t device)
{
    return major(device) >= PTY_MAJOR && major(device) < PTY_MAJOR + PTY_MAJORS;
}

/* A second reader (a modem prober, a forgotten terminal program, another gateway) would take bytes away. The lock keeps
 * out programs that ask for it, and ends with this process. The exclusive flag keeps out all but root. A
 * pseudo-terminal does not get the flag: it would stay for as long as the other end is open, and keep out the next
 * gateway. */
static int keep_others_out(int fd, dev_t device)
{
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? EBUSY : errno;
    return !is_pty(device) && ioctl(fd, TIOCEXCL) != 0 ? errno : 0;
}

/* The name of the driver: that of the line in /sys without its number. /proc/devices has it too, but the service does
 * not see that file. */
static bool find_driver(char name[static NAME_MAX + 1], dev_t device)
{
    char path[64], target[PATH_MAX];

    (void)snprintf(path, sizeof path, "/sys/dev/char/%u:%u", major(device), minor(device));
    ssize_t len = readlink(path, target, sizeof target - 1);
    if (len <= 0)
        return false;
    target[len] = '\0';
    selkie_error_text_format(name, NAME_MAX + 1, "%s", basename(target));
    len = (ssize_t)strlen(name);
    while (len > 0 && strchr("0123456789", name[len - 1]))
        name[--len] = '\0';
    return len > 0;
}

/* Only the service manager's DeviceAllow makes this error. */
static void explain_not_permitted(char *text, dev_t device)
{
    char name[NAME_MAX + 1];

    if (!find_driver(name, device))
        selkie_error_text_format(name, sizeof name, "%u", major(device));
    selkie_error_text_format(text, SELKIE_LINE_FAULT_MAX,
                             "the service may not open it; if its driver was not there when the service started, "
                             "restart the service, else run 'systemctl edit selkie-gateway' and add the lines "
                             "[Service] and DeviceAllow=char-%s rw",
                             name);
}

void selkie_line_explain(char text[static SELKIE_LINE_FAULT_MAX], const char *device, int error)
{
    struct stat status;
    char user[SELKIE_TTY_USER_MAX];
    bool exists = stat(device, &status) == 0 && S_ISCHR(status.st_mode);
    enum selkie_tty_use use = error == EBUSY && exists ? selkie_tty_find_user(user, status.st_rdev) : SELKIE_TTY_UNUSED;

    selkie_error_text_format(text, SELKIE_LINE_FAULT_MAX, "%s", strerror(error));
    if (use != SELKIE_TTY_UNUSED)
        selkie_error_text_format(text, SELKIE_LINE_FAULT_MAX, "%s: %s %s it open", strerror(error), user,
                                 use == SELKIE_TTY_USED ? "has" : "may have");
    else if (error == EBUSY)
        selkie_error_text_format(text, SELKIE_LINE_FAULT_MAX,
                                 "%s: a process that this user cannot see has it open, or another line of this "
                                 "configuration is the same one under another name",
                                 strerror(error));
    else if (error == EPERM && exists)
        explain_not_permitted(text, status.st_rdev);
    else if (error == EACCES && exists)
        selkie_error_text_format(text, SELKIE_LINE_FAULT_MAX,
                                 "%s: this program's user must be in the group of the device (often dialout)",
                                 strerror(error));
}

void selkie_line_find_other(char text[static SELKIE_LINE_OTHER_MAX], int fd)
{
    char user[SELKIE_TTY_USER_MAX];
    struct stat status;
    enum selkie_tty_use use = fstat(fd, &status) == 0 && S_ISCHR(status.st_mode)
                                  ? selkie_tty_find_user(user, status.st_rdev)
                                  : SELKIE_TTY_UNUSED;

    text[0] = '\0';
    if (use == SELKIE_TTY_USED)
        selkie_error_text_format(text, SELKIE_LINE_OTHER_MAX, "%s uses it too, and takes bytes away: end it", user);
    else if (use == SELKIE_TTY_NAMED)
        selkie_error_text_format(text, SELKIE_LINE_OTHER_MAX,
                                 "%s may use it too: its command line names the line; if it does, end it", user);
}

static int set_up(int fd, const struct selkie_line_settings *settings, char *text)
{
    char refused[SELKIE_TTY_REFUSED_MAX];
    struct stat status;

    if (fstat(fd, &status) != 0)
        return errno;
    int error = keep_others_out(fd, status.st_rdev);
    if (error != 0)
        return error;
    if (selkie_tty_configure(fd, &settings->tty, refused) < 0)
        return errno;
    if (refused[0] != '\0')
        selkie_error_text_format(text, SELKIE_LINE_FAULT_MAX, "not as configured: %s", refused);
    return 0;
}

int selkie_line_open(int *fd, const char *device, const struct selkie_line_settings *settings,
                     char text[static SELKIE_LINE_FAULT_MAX])
{
    int error = 0;

    text[0] = '\0';
    *fd = open(device, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0)
        error = errno;
    else
        error = set_up(*fd, settings, text);
    if (error == 0)
        return 0;
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
    return error;
}
