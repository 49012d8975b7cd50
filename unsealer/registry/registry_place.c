/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the registry's files are still those that were opened, and whether their disk has room. SQLite asks neither:
 * it goes on writing into a file that was removed, and finds a full disk only with the write that does not fit. */
#include "registry/registry_sqlite.h"
#include <selkie/error_text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define ROOM_MIN 65536 /* bytes: below it some commits fail, others find room in the log */

static const char *const names[] = {"registry.db", "registry.db-wal"};

static struct selkie_registry_file look_at(const struct selkie_registry *registry, size_t which)
{
    struct selkie_registry_file file = {.there = false};
    char path[SELKIE_REGISTRY_PATH_SIZE + 16];
    struct stat status;

    (void)snprintf(path, sizeof path, "%s/%s", registry->state_dir, names[which]);
    if (stat(path, &status) == 0)
        file = (struct selkie_registry_file){true, status.st_dev, status.st_ino, status.st_size};
    return file;
}

void selkie_registry_note_place(struct selkie_registry *registry, const char *state_dir)
{
    char *absolute = realpath(state_dir, NULL); /* Mosquitto may change its folder */

    (void)snprintf(registry->state_dir, sizeof registry->state_dir, "%s", absolute ? absolute : state_dir);
    free(absolute);
    for (size_t i = 0; i < SELKIE_REGISTRY_FILES; i++)
        registry->files[i] = look_at(registry, i);
}

int selkie_registry_check_place(struct selkie_registry *registry)
{
    for (size_t i = 0; i < SELKIE_REGISTRY_FILES; i++) {
        struct selkie_registry_file *opened = &registry->files[i], file = look_at(registry, i);
        if (!opened->there) {
            *opened = file; /* a log that had nothing in it yet */
            continue;
        }
        if (!file.there || file.device != opened->device || file.inode != opened->inode) {
            selkie_error_text_format(
                registry->fault, sizeof registry->fault,
                "registry: %s was %s while Mosquitto runs, so what is stored now would be lost; put it back, or stop "
                "Mosquitto and restore a backup (%.60s)",
                names[i], file.there ? "replaced" : "removed or unmounted", registry->state_dir);
            return SELKIE_ESTORAGE;
        }
        if (i == 0 && file.size == 0)
            return selkie_registry_contradicts(registry, "it is empty");
    }
    return 0;
}

const char *selkie_registry_disk_fault(struct selkie_registry *registry)
{
    struct statvfs disk;

    if (statvfs(registry->state_dir, &disk) != 0 || disk.f_blocks == 0)
        return NULL; /* the next write tells */
    bool is_read_only = (disk.f_flag & ST_RDONLY) != 0;
    uint64_t room = (uint64_t)disk.f_frsize * (geteuid() == 0 ? disk.f_bfree : disk.f_bavail);
    if (!is_read_only && room >= ROOM_MIN)
        return NULL;
    selkie_error_text_format(registry->disk_fault, sizeof registry->disk_fault,
                             "registry: the disk is %s: frames that cannot be stored wait at their gateways, and such "
                             "commands are refused (%.60s)",
                             is_read_only ? "read-only" : "full", registry->state_dir);
    return registry->disk_fault;
}
