/* SPDX-License-Identifier: Apache-2.0 */
/* The run's own folder: configurations, keys, spools, logs. Removed at the end, unless the user wants to keep it. */
#ifndef SELKIE_SIM_FOLDER_H
#define SELKIE_SIM_FOLDER_H

#include <selkie/error.h>
#include <stdbool.h>

#define SELKIE_PATH_MAX 256

struct selkie_folder {
    char path[96];
};

/* Make it under $TMPDIR or /tmp, mode 0700. SELKIE_EIO after a line on stderr. */
SELKIE_USE_RESULT int selkie_folder_open(struct selkie_folder *folder);
void selkie_folder_close(struct selkie_folder *folder, bool keep);

void selkie_folder_path(const struct selkie_folder *folder, char path[static SELKIE_PATH_MAX], const char *name);

/* Write a file into it, for its owner only. SELKIE_EIO after a line on stderr. */
SELKIE_USE_RESULT int selkie_folder_write(const struct selkie_folder *folder, const char *name, const char *text);

#endif
