/* SPDX-License-Identifier: Apache-2.0 */
#include "core/folder.h"

#include "core/say.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int selkie_folder_open(struct selkie_folder *folder)
{
    const char *tmp = getenv("TMPDIR");

    if (!tmp || tmp[0] != '/' || strlen(tmp) > 60)
        tmp = "/tmp";
    (void)snprintf(folder->path, sizeof folder->path, "%.60s/selkie-sim-XXXXXX", tmp);
    if (!mkdtemp(folder->path)) {
        selkie_say("%s: %s", folder->path, strerror(errno));
        folder->path[0] = '\0';
        return SELKIE_EIO;
    }
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void selkie_folder_close(struct selkie_folder *folder, bool keep)
{
    if (folder->path[0] == '\0')
        return;
    if (keep)
        selkie_say("kept: %s", folder->path);
    else if (nftw(folder->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0)
        selkie_say("%s: cannot be removed: %s", folder->path, strerror(errno));
    folder->path[0] = '\0';
}

void selkie_folder_path(const struct selkie_folder *folder, char path[static SELKIE_PATH_MAX], const char *name)
{
    (void)snprintf(path, SELKIE_PATH_MAX, "%s/%.150s", folder->path, name);
}

int selkie_folder_write(const struct selkie_folder *folder, const char *name, const char *text)
{
    char path[SELKIE_PATH_MAX];

    selkie_folder_path(folder, path, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool failed = fd < 0 || dprintf(fd, "%s", text) < 0;
    if (fd >= 0 && close(fd) != 0)
        failed = true;
    if (failed)
        selkie_say("%s: %s", path, strerror(errno));
    return failed ? SELKIE_EIO : 0;
}
