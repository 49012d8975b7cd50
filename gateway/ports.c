/* SPDX-License-Identifier: Apache-2.0 */
#include "ports.h"

#include "log.h"

#include <dirent.h>
#include <errno.h>
#include <libserialport.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The names of our own udev rule first: they are short, and the examples use them. In /dev itself is serial0, the UART
 * on the pins of a Raspberry Pi, whichever of the two it is. */
static const char *const folders[] = {"/dev/selkie", "/dev/serial/by-id", "/dev"};

bool selkie_ports_find_link(const char *folder, const char *device, char name[static PATH_MAX])
{
    char target[PATH_MAX];
    bool found = false;
    DIR *links = opendir(folder);
    struct dirent *entry;

    if (!links)
        return false;
    while (!found && (entry = readdir(links))) {
        if (strncmp(entry->d_name, "std", 3) == 0)
            continue; /* /dev/stdin leads to the terminal, which may be a serial line */
        (void)snprintf(name, PATH_MAX, "%s/%s", folder, entry->d_name);
        found = strcmp(name, device) != 0 && realpath(name, target) && strcmp(target, device) == 0;
    }
    (void)closedir(links);
    return found;
}

void selkie_ports_print(FILE *to, const char *const *from, size_t count, const char *device, const char *what)
{
    char name[PATH_MAX];

    for (size_t i = 0; i < count; i++)
        if (selkie_ports_find_link(from[i], device, name))
            (void)fprintf(to, "%s\t", name);
    (void)fprintf(to, "%s\t%s\n", device, what ? what : "");
}

int selkie_ports_list(void)
{
    struct sp_port **ports = NULL;

    if (sp_list_ports(&ports) != SP_OK) {
        selkie_log(LOG_ERR, "cannot list the serial lines: %s", strerror(errno));
        return SELKIE_EIO;
    }
    if (!ports[0])
        selkie_log(LOG_NOTICE, "this machine has no serial line");
    for (size_t i = 0; ports[i]; i++)
        selkie_ports_print(stdout, folders, sizeof folders / sizeof folders[0], sp_get_port_name(ports[i]),
                           sp_get_port_description(ports[i]));
    sp_free_port_list(ports);
    return 0;
}
