/* SPDX-License-Identifier: Apache-2.0 */
#include "core/process.h"

#include "core/run.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_TAIL 2000

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

void selkie_folder_path(const struct selkie_folder *folder, char path[static SELKIE_PATH_MAX], const char *name,
                        const char *kind)
{
    (void)snprintf(path, SELKIE_PATH_MAX, "%s/%.100s%s%.50s", folder->path, name, kind ? "." : "", kind ? kind : "");
}

int selkie_folder_write(const struct selkie_folder *folder, const char *name, const char *text)
{
    char path[SELKIE_PATH_MAX];

    selkie_folder_path(folder, path, name, NULL);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool failed = fd < 0 || dprintf(fd, "%s", text) < 0;
    if (fd >= 0 && close(fd) != 0)
        failed = true;
    if (failed)
        selkie_say("%s: %s", path, strerror(errno));
    return failed ? SELKIE_EIO : 0;
}

int selkie_folder_write_json(const struct selkie_folder *folder, const char *name, json_t *json)
{
    char *text = json_dumps(json, JSON_INDENT(2));
    int error = text ? selkie_folder_write(folder, name, text) : SELKIE_ENOMEM;

    free(text);
    json_decref(json);
    return error;
}

void selkie_process_find(char path[static SELKIE_PATH_MAX], const char *name, const char *installed)
{
    char self[SELKIE_PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

    if (len > 0) {
        self[len] = '\0';
        (void)snprintf(path, SELKIE_PATH_MAX, "%.180s/%s", dirname(self), name);
        if (access(path, R_OK) == 0)
            return;
    }
    (void)snprintf(path, SELKIE_PATH_MAX, "%s", installed && access(installed, R_OK) == 0 ? installed : name);
}

/* In the child; async-signal-safe calls alone, since Paho has threads. */
static _Noreturn void become(const char *const argv[], int log, pid_t parent)
{
    sigset_t none;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)setpgid(0, 0); /* Ctrl-C in the terminal is for the simulator to act on */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent || dup2(null, 0) < 0 || dup2(log, 1) < 0 ||
        dup2(log, 2) < 0)
        _exit(126);
    (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
    (void)dprintf(2, "%s: cannot be started (error %d)\n", argv[0], errno);
    _exit(127);
}

int selkie_process_start(struct selkie_process *process, const struct selkie_folder *folder, const char *name,
                         const char *const argv[])
{
    pid_t parent = getpid();

    (void)snprintf(process->name, sizeof process->name, "%s", name);
    selkie_folder_path(folder, process->log, name, "log");
    int log = open(process->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    pid_t pid = log < 0 ? -1 : fork();
    if (pid == 0)
        become(argv, log, parent);
    process->pidfd = pid < 0 ? -1 : pidfd_open(pid, 0);
    process->pid = process->pidfd < 0 ? 0 : pid;
    if (process->pidfd < 0)
        selkie_say("%s: cannot be started: %s", argv[0], strerror(errno));
    if (process->pidfd < 0 && pid > 0) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    if (log >= 0)
        (void)close(log);
    return process->pidfd < 0 ? SELKIE_EIO : 0;
}

bool selkie_process_ended(struct selkie_process *process)
{
    if (process->pid == 0)
        return true;
    if (waitpid(process->pid, NULL, WNOHANG) != process->pid)
        return false;
    process->pid = 0;
    (void)close(process->pidfd);
    process->pidfd = -1;
    return true;
}

static bool wait_end(struct selkie_process *process, int patience_ms)
{
    struct pollfd end = {.fd = process->pidfd, .events = POLLIN};

    while (poll(&end, 1, patience_ms) < 0 && errno == EINTR)
        ;
    return selkie_process_ended(process);
}

void selkie_process_stop(struct selkie_process *process, int signal_number, int patience_ms)
{
    if (selkie_process_ended(process))
        return;
    (void)kill(process->pid, signal_number);
    if (wait_end(process, patience_ms))
        return;
    selkie_say("%s does not end: killed", process->name);
    (void)kill(process->pid, SIGKILL);
    (void)wait_end(process, -1);
}

void selkie_process_show_log(const struct selkie_process *process)
{
    char tail[LOG_TAIL + 1];
    FILE *file = fopen(process->log, "re");

    if (!file)
        return;
    if (fseek(file, -LOG_TAIL, SEEK_END) != 0)
        rewind(file);
    size_t len = fread(tail, 1, LOG_TAIL, file);
    tail[len] = '\0';
    (void)fclose(file);
    selkie_say("the end of %s's log:\n%s", process->name, tail);
}
