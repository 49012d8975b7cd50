/* SPDX-License-Identifier: Apache-2.0 */
/* The run's own folder (configurations, keys, spools, logs), and its child processes: brokers and gateways. Their
 * output goes to logs in the folder; they are killed when the simulator ends, in whatever way. One thread. */
#ifndef SELKIE_SIM_PROCESS_H
#define SELKIE_SIM_PROCESS_H

#include <jansson.h>
#include <selkie/error.h>
#include <stdbool.h>
#include <sys/types.h>

#define SELKIE_PATH_MAX 256

struct selkie_folder {
    char path[96];
};

/* Make it under $TMPDIR or /tmp, mode 0700. SELKIE_EIO after a line on stderr. Closing removes it, unless the user
 * wants to keep it. */
SELKIE_USE_RESULT int selkie_folder_open(struct selkie_folder *folder);
void selkie_folder_close(struct selkie_folder *folder, bool keep);

/* The path of a file in it: `name`.`kind`, or `name` where kind is NULL. */
void selkie_folder_path(const struct selkie_folder *folder, char path[static SELKIE_PATH_MAX], const char *name,
                        const char *kind);

/* Write a file into it, for its owner only. SELKIE_EIO after a line on stderr. */
SELKIE_USE_RESULT int selkie_folder_write(const struct selkie_folder *folder, const char *name, const char *text);

/* The same with a JSON value. Takes the reference; NULL is SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_folder_write_json(const struct selkie_folder *folder, const char *name, json_t *json);

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
