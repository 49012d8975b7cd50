/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* pipe2 */
#include "exec_source.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MIN_S 1
#define WAIT_MAX_S 60
#define STEADY_MS  60000 /* a program that ran for so long is started again after WAIT_MIN_S */
#define END_MS     5000  /* from SIGTERM to SIGKILL */
#define STOP_MS    2000  /* the same at the end of this process */
#define REAP_MS    100   /* how often to look whether it has ended */

extern char **environ;

/* A process group of its own, so that what the shell starts ends as well; no signal stays blocked. Returns 0 or an
 * errno.
 */
static int spawn(pid_t *pid, const char *command, int output)
{
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, strdup(command), NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;

    if (!argv[2])
        return ENOMEM;
    sigemptyset(&none);
    int error = posix_spawn_file_actions_init(&files);
    if (error == 0) {
        error = posix_spawnattr_init(&attributes);
        if (error == 0) {
            error = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
            error = error ? error : posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
            error = error ? error : posix_spawnattr_setpgroup(&attributes, 0);
            error = error ? error : posix_spawnattr_setsigmask(&attributes, &none);
            error =
                error ? error : posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
            error = error ? error : posix_spawn(pid, "/bin/sh", &files, &attributes, argv, environ);
            (void)posix_spawnattr_destroy(&attributes);
        }
        (void)posix_spawn_file_actions_destroy(&files);
    }
    free(argv[2]);
    return error;
}

static bool start(struct exec_source *source, int64_t now_ms)
{
    int ends[2];
    (void)signal(SIGCHLD, SIG_DFL); /* a parent may have left it ignored: then nobody keeps how a program ended */
    int error = pipe2(ends, O_CLOEXEC) < 0 ? errno : 0;
    if (error == 0) {
        if (ends[0] != STDIN_FILENO) {
            error = dup2(ends[0], STDIN_FILENO) < 0 ? errno : 0;
            (void)close(ends[0]);
        }
        if (error == 0)
            error = spawn(&source->pid, source->command, ends[1]);
        (void)close(ends[1]);
    }
    if (error != 0) {
        fprintf(stderr, "selkie-device: cannot start '%s': %s\n", source->command, strerror(error));
        source->pid = 0;
        source->next_ms = now_ms + WAIT_MAX_S * 1000;
        return false;
    }
    source->began_ms = now_ms;
    source->ending_ms = 0;
    return true;
}

static void say_ended(const struct exec_source *source, int status)
{
    const char *how = WIFSIGNALED(status) ? "was ended by signal" : "ended with status";
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    fprintf(stderr, "selkie-device: '%s' %s %d; it is started again in %u s\n", source->command, how, number,
            source->wait_s);
}

/* Its output is at its end: nothing more can come from it. */
static void see_it_end(struct exec_source *source, int64_t now_ms)
{
    int status = 0;

    source->looked_ms = now_ms;
    if (source->ending_ms == 0) {
        source->ending_ms = now_ms;
        (void)kill(-source->pid, SIGTERM); /* it may be gone already */
    } else if (now_ms - source->ending_ms > END_MS) {
        (void)kill(-source->pid, SIGKILL);
    }
    if (waitpid(source->pid, &status, WNOHANG) == 0)
        return;
    source->pid = 0;
    if (now_ms - source->began_ms > STEADY_MS || source->wait_s == 0)
        source->wait_s = WAIT_MIN_S;
    else
        source->wait_s = source->wait_s * 2 < WAIT_MAX_S ? source->wait_s * 2 : WAIT_MAX_S;
    source->next_ms = now_ms + source->wait_s * 1000;
    say_ended(source, status);
}

bool exec_source_run(struct exec_source *source, bool ended, int64_t now_ms)
{
    if (source->pid > 0 && ended)
        see_it_end(source, now_ms);
    if (source->pid > 0 || now_ms < source->next_ms)
        return false;
    return start(source, now_ms);
}

int64_t exec_source_wake_ms(const struct exec_source *source, bool ended)
{
    if (source->pid == 0)
        return source->next_ms;
    if (!ended)
        return INT64_MAX;
    return source->ending_ms > 0 ? source->looked_ms + REAP_MS : 0;
}

void exec_source_stop(struct exec_source *source)
{
    if (source->pid <= 0)
        return;
    (void)kill(-source->pid, SIGTERM);
    for (int waited_ms = 0; waited_ms < STOP_MS && waitpid(source->pid, NULL, WNOHANG) == 0; waited_ms += REAP_MS)
        (void)poll(NULL, 0, REAP_MS);
    (void)kill(-source->pid, SIGKILL); /* of the group, whoever is left */
    source->pid = 0;
}
