/* SPDX-License-Identifier: Apache-2.0 */
#include "check/config_check.h"

#include "spool_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define STATE_FOLDER  "/var/lib/selkie" /* StateDirectory= of the unit makes it */
#define PTY_MAJOR     136
#define PTY_MAJOR_END 144

static void print_user(void)
{
    uid_t uid = geteuid();
    const struct passwd *entry = getpwuid(uid);

    if (entry)
        printf("user     %s: checked with his permissions\n", entry->pw_name);
    else
        printf("user     %u: checked with his permissions\n", (unsigned)uid);
    if (uid == 0)
        printf("warning  root may open everything, the service's user may not: check it with "
               "sudo -u selkie-gateway selkie-gateway --check-config\n");
}

static bool may(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0;
}

static unsigned fault(const char *what, const char *path, const char *why)
{
    printf("fault    %s %s: %s\n", what, path, why);
    return 1;
}

static unsigned check_spool(const char *path)
{
    char folder[PATH_MAX], why[SELKIE_SPOOL_WHY_MAX];
    struct stat info;
    int len = (int)(strrchr(path, '/') - path);

    (void)snprintf(folder, sizeof folder, "%.*s", len > 0 ? len : 1, path);
    if (stat(folder, &info) != 0 && errno == ENOENT && strcmp(folder, STATE_FOLDER) == 0) {
        printf("warning  spool %s: not there yet; the unit selkie-gateway.service makes it\n", folder);
        return 0;
    }
    if (stat(folder, &info) != 0)
        return fault("the spool's folder", folder, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return fault("the spool's folder", folder, strerror(ENOTDIR));
    if (!may(folder, R_OK | W_OK | X_OK))
        return fault("the spool's folder", folder, "this user may not write into it");
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return fault("the spool", path, "is not a file");
    if (may(path, F_OK) && !may(path, R_OK | W_OK))
        return fault("the spool", path, "this user may not read and write it");
    return selkie_spool_file_look(path, why) < 0 ? fault("the spool", path, why) : 0;
}

/* Without opening it: the kernel knows the kind of each device. */
static bool is_tty(dev_t device)
{
    char link[64], target[PATH_MAX];

    if (major(device) >= PTY_MAJOR && major(device) < PTY_MAJOR_END)
        return true;
    (void)snprintf(link, sizeof link, "/sys/dev/char/%u:%u/subsystem", major(device), minor(device));
    ssize_t len = readlink(link, target, sizeof target - 1);
    if (len < 0) /* no /sys, as in some containers */
        return true;
    target[len] = '\0';
    const char *slash = strrchr(target, '/');
    return strcmp(slash ? slash + 1 : target, "tty") == 0;
}

static unsigned check_line(const char *device)
{
    struct stat info;

    if (selkie_line_settings_is_tcp(device))
        return 0;
    if (stat(device, &info) != 0 && errno == ENOENT) {
        printf("warning  serial line %s: not there; is the radio plugged in? See --list-ports\n", device);
        return 0;
    }
    if (stat(device, &info) != 0)
        return fault("serial line", device, strerror(errno));
    if (!S_ISCHR(info.st_mode) || !is_tty(info.st_rdev))
        return fault("serial line", device, "is not a serial line; see --list-ports");
    if (!may(device, R_OK | W_OK))
        return fault("serial line", device, "this user may not open it; he must be in its group (often dialout)");
    return 0;
}

unsigned selkie_config_check(const struct selkie_gateway_config *config)
{
    unsigned faults = check_spool(config->spool_path);

    for (size_t i = 0; i < config->line_count; i++)
        faults += check_line(config->lines[i].device);
    print_user();
    return faults;
}
