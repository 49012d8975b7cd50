/* SPDX-License-Identifier: Apache-2.0 */
#include "ports.h"

#include "log.h"

#include <dirent.h>
#include <libserialport.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BY_ID "/dev/serial/by-id"

/* The link in /dev/serial/by-id that leads to this device: it carries the adapter's serial number, and so stays when
 * ttyUSB0 becomes ttyUSB1. */
static bool find_stable_name(const char *device, char name[static PATH_MAX])
{
    char target[PATH_MAX];
    bool found = false;
    DIR *folder = opendir(BY_ID);
    struct dirent *entry;

    if (folder == NULL)
        return false;
    while (!found && (entry = readdir(folder)) != NULL) {
        (void)snprintf(name, PATH_MAX, "%s/%s", BY_ID, entry->d_name);
        found = realpath(name, target) != NULL && strcmp(target, device) == 0;
    }
    (void)closedir(folder);
    return found;
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
