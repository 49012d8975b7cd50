/* SPDX-License-Identifier: Apache-2.0 */
#include "ports.h"

#include "log.h"

#include <dirent.h>
#include <libserialport.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Our own udev rule's names first: they are short, and the ones in the examples. */
static const char *const folders[] = {"/dev/selkie", "/dev/serial/by-id"};

bool selkie_ports_find_link(const char *folder, const char *device, char name[static PATH_MAX])
{
    char target[PATH_MAX];
    bool found = false;
    DIR *links = opendir(folder);
    struct dirent *entry;

    if (links == NULL)
        return false;
    while (!found && (entry = readdir(links)) != NULL) {
        (void)snprintf(name, PATH_MAX, "%s/%s", folder, entry->d_name);
        found = realpath(name, target) != NULL && strcmp(target, device) == 0;
    }
    (void)closedir(links);
    return found;
}

static bool find_stable_name(const char *device, char name[static PATH_MAX])
{
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        if (selkie_ports_find_link(folders[i], device, name))
            return true;
    return false;
}

int selkie_ports_list(void)
{
    struct sp_port **ports = NULL;
    char stable[PATH_MAX];

    if (sp_list_ports(&ports) != SP_OK) {
        selkie_log(LOG_ERR, "serial lines cannot be listed");
        return SELKIE_EIO;
    }
    if (ports[0] == NULL)
        selkie_log(LOG_NOTICE, "this machine has no serial line");
    for (size_t i = 0; ports[i] != NULL; i++) {
        const char *device = sp_get_port_name(ports[i]);
        const char *what = sp_get_port_description(ports[i]);
        bool has_stable = find_stable_name(device, stable);
        printf("%s\t%s\t%s\n", has_stable ? stable : device, device, what != NULL ? what : "");
    }
    sp_free_port_list(ports);
    return 0;
}
