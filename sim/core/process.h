/* SPDX-License-Identifier: Apache-2.0 */
/* A child process: brokers and gateways of the run. Its output goes to a log in the run's folder; it is killed when the
 * simulator ends, in whatever way. One thread. */
#ifndef SELKIE_SIM_PROCESS_H
#define SELKIE_SIM_PROCESS_H

#include "core/folder.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct selkie_process {
    pid_t pid; /* 0 = not running */
    int pidfd; /* readable once it has ended; -1 = not running */
    char name[32];
    char log[SELKIE_PATH_MAX];
};

/* The path of a program or plugin of ours: beside this program (as in a build folder), at `installed`, or, where
 * neither is there, the bare name, for PATH to find. */
void selkie_process_find(char path[static SELKIE_PATH_MAX], const char *name, const char *installed);

/* Start argv[0] (a path, or a name in PATH). The log is appended to. SELKIE_EIO after a line on stderr. */
SELKIE_USE_RESULT int selkie_process_start(struct selkie_process *process, const struct selkie_folder *folder,
                                           const char *name, const char *const argv[]);

/* Whether it has ended by itself; then it was waited for. */
bool selkie_process_ended(struct selkie_process *process);

/* Send a signal and wait for the end; after `patience_ms` SIGKILL. Harmless where it is not running. */
void selkie_process_stop(struct selkie_process *process, int signal_number, int patience_ms);

/* The last lines of its log on stderr. */
void selkie_process_show_log(const struct selkie_process *process);

#endif
