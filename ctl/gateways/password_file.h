/* SPDX-License-Identifier: Apache-2.0 */
/* A new file for the passwords of many gateways: CSV with the columns gateway and password, which only its owner can
 * read. It has its room on the disk before the first password is made, and a failure names the passwords that are lost.
 * One thread. */
#ifndef SELKIE_CTL_PASSWORD_FILE_H
#define SELKIE_CTL_PASSWORD_FILE_H

#include "ctl_command.h"

#include <stddef.h>
#include <sys/types.h>

/* All zero at first. */
struct ctl_password_file {
    const char *path; /* NULL: not open */
    int fd;
    off_t len;     /* that is on the disk */
    size_t rows;   /* there */
    char *pending; /* rows that are not; secret */
    size_t fill, size;
    bool failed; /* and was printed */
};

/* Whether the path is free, after a sentence if not. */
enum ctl_exit ctl_password_file_check(const char *path);

/* Make the file, with room for so many passwords. */
enum ctl_exit ctl_password_file_open(struct ctl_password_file *file, const char *path, size_t count);

enum ctl_exit ctl_password_file_add(struct ctl_password_file *file, const char *gateway, const char *password);

/* Write what was added; on return it is on the disk. */
enum ctl_exit ctl_password_file_sync(struct ctl_password_file *file);

/* Removes a file that has no password. */
enum ctl_exit ctl_password_file_close(struct ctl_password_file *file);

#endif
