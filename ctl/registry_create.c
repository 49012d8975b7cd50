/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl registry create: leaves the empty file registry.db.new in the plugin's state_dir, which lets the plugin's
 * next start make a registry there, once. */
#include "ctl_command.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Make the file, for the user who owns the folder: that is Mosquitto's, and whoever runs this may be root. */
static enum ctl_exit leave_mark(int folder, const char *path)
{
    static const char mark[] = "registry.db.new";
    struct stat status;
    int fd = openat(folder, mark, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return ctl_fail("%s/%s: %s", path, mark, strerror(errno));
    bool done = fstat(folder, &status) == 0 && (geteuid() != 0 || fchown(fd, status.st_uid, status.st_gid) == 0) &&
                fsync(fd) == 0 && fsync(folder) == 0;
    enum ctl_exit result = done ? CTL_DONE : ctl_fail("%s/%s: %s", path, mark, strerror(errno));
    (void)close(fd); /* synced */
    return result;
}

enum ctl_exit ctl_registry_create(const struct ctl_options *options, const struct ctl_command *command)
{
    static const char *const files[] = {"registry.db", "storage.key"};
    const char *path = options->args[0];
    enum ctl_exit result = CTL_DONE;

    (void)command;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return errno == ENOENT
                   ? ctl_fail("%s: no such folder; make it for Mosquitto's user: install -d -o mosquitto -g "
                              "mosquitto -m 700 %s",
                              path, path)
                   : ctl_fail("%s: %s", path, strerror(errno));
    for (size_t i = 0; i < sizeof files / sizeof *files && result == CTL_DONE; i++)
        if (faccessat(folder, files[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            result = ctl_fail("%s/%s: exists already; this is no place for a new registry", path, files[i]);
        else if (errno != ENOENT)
            result = ctl_fail("%s/%s: %s", path, files[i], strerror(errno));
    if (result == CTL_DONE)
        result = leave_mark(folder, path);
    (void)close(folder);
    return result;
}
