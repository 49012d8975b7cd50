/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* unshare, O_PATH */
/* Real processes on a real pseudo-terminal, looked for by root and by a user who may not see their files; and a real
 * file system whose server never answers. */
#include "run_suite.h"

#include <fcntl.h>
#include <limits.h>
#include <pty.h>
#include <sched.h>
#include <selkie/tty_user.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534
#define FIND   "--find" /* how this program is run by an ancestor that names the line */

static int master;
static char line[64];
static pid_t user;
/* In mounts of the test's own: a folder whose server does not answer, and a link to it. */
static const char silent[] = "/mnt", link_to_silent[] = "/dev/shm/link";

static void setup(void)
{
    int slave;

    ck_assert_int_eq(openpty(&master, &slave, line, NULL, NULL), 0);
    (void)close(slave);
}

static void teardown(void)
{
    if (user > 0) {
        (void)kill(user, SIGKILL);
        (void)waitpid(user, NULL, 0);
    }
    (void)close(master);
}

enum way {
    OPEN,
    TERMINAL,
    CABLE,       /* of a pseudo-terminal: it has both ends, as socat */
    OTHER_CABLE, /* a reader that has both ends of another one */
    PATH_IN_COMMAND,
    NAME_IN_COMMAND,
    ELSEWHERE,
    SILENT_IN_COMMAND,
    SILENT_BY_LINK,
    SILENT_BY_DOTS,
    SILENT_OPEN
};

static void name_in_command(enum way way)
{
    char text[32];
    const char *argument = way == PATH_IN_COMMAND     ? line
                           : way == NAME_IN_COMMAND   ? line + strlen("/dev/")
                           : way == SILENT_IN_COMMAND ? text
                           : way == SILENT_BY_LINK    ? link_to_silent
                           : way == SILENT_BY_DOTS    ? text
                                                      : "pts";

    (void)snprintf(text, sizeof text, "%s%s/x", way == SILENT_BY_DOTS ? "/dev/.." : "", silent);
    (void)execl("/bin/sh", "sh", "-c", "kill -STOP $$", "sh", argument, NULL);
    _exit(1);
}

static void be_user(enum way way)
{
    int other_master, other_slave;

    if (way != CABLE)
        (void)close(master);
    if (way == OTHER_CABLE && openpty(&other_master, &other_slave, NULL, NULL, NULL) != 0)
        _exit(1);
    if (way == SILENT_OPEN) {
        if (open(silent, O_PATH) < 0)
            _exit(1);
        return;
    }
    if (way >= PATH_IN_COMMAND)
        name_in_command(way);
    if (way == TERMINAL)
        (void)setsid();
    if (open(line, way == TERMINAL ? O_RDWR : O_RDWR | O_NOCTTY) < 0)
        _exit(1);
}

/* A process that uses the line in this way, and does so once this returns. */
static void start(enum way way)
{
    int ready[2];
    char byte;

    ck_assert_int_eq(pipe(ready), 0);
    (void)fcntl(ready[1], F_SETFD, FD_CLOEXEC); /* the shell, once it runs, has it no more */
    user = fork();
    if (user == 0) {
        be_user(way);
        (void)close(ready[1]);
        for (;;)
            (void)pause();
    }
    (void)close(ready[1]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 0);
    (void)close(ready[0]);
}

struct found {
    enum selkie_tty_use use;
    char text[SELKIE_TTY_USER_MAX];
};

/* Look as this user and write what was found; the whole life of the process that calls it. */
static int look(uid_t as, const char *device, int to)
{
    struct found found;
    struct stat status;

    memset(&found, 0, sizeof found);
    if (stat(device, &status) != 0 || (as != geteuid() && setuid(as) != 0))
        return 1;
    found.use = selkie_tty_find_user(found.text, status.st_rdev);
    return write(to, &found, sizeof found) == (ssize_t)sizeof found ? 0 : 1;
}

/* The same by another process: by the shell's child, whose command names the line, or directly. */
static struct found find(uid_t as, bool by_shell)
{
    struct found found;
    int answer[2];
    char self[PATH_MAX];

    ck_assert_int_eq(pipe(answer), 0);
    ck_assert_ptr_nonnull(realpath("/proc/self/exe", self));
    pid_t finder = fork();
    if (finder == 0 && by_shell) {
        (void)dup2(answer[1], STDOUT_FILENO);
        (void)execl("/bin/sh", "sh", "-c", "\"$1\" " FIND " \"$2\"; exit $?", "sh", self, line, NULL);
    }
    if (finder == 0)
        _exit(by_shell ? 1 : look(as, line, answer[1]));
    (void)close(answer[1]);
    ck_assert_int_eq(read(answer[0], &found, sizeof found), (ssize_t)sizeof found);
    (void)close(answer[0]);
    (void)waitpid(finder, NULL, 0);
    return found;
}

static const struct {
    enum way way;
    enum selkie_tty_use by_owner, by_others;
} cases[] = {{OPEN, SELKIE_TTY_USED, SELKIE_TTY_UNUSED},
             {TERMINAL, SELKIE_TTY_USED, SELKIE_TTY_USED},
             {CABLE, SELKIE_TTY_UNUSED, SELKIE_TTY_UNUSED},
             {OTHER_CABLE, SELKIE_TTY_USED, SELKIE_TTY_UNUSED},
             {PATH_IN_COMMAND, SELKIE_TTY_UNUSED, SELKIE_TTY_NAMED},
             {NAME_IN_COMMAND, SELKIE_TTY_UNUSED, SELKIE_TTY_NAMED},
             {ELSEWHERE, SELKIE_TTY_UNUSED, SELKIE_TTY_UNUSED}};

static void expect(enum selkie_tty_use use, struct found found)
{
    char process[32];

    (void)snprintf(process, sizeof process, "(process %d)", (int)user);
    ck_assert_msg(found.use == use && (use == SELKIE_TTY_UNUSED || strstr(found.text, process)), "%d \"%s\"",
                  (int)found.use, found.text);
}

START_TEST(user_of_a_line_is_named)
{
    expect(SELKIE_TTY_UNUSED, find(geteuid(), false));
    start(cases[_i].way);
    expect(cases[_i].by_owner, find(geteuid(), false));
}
END_TEST

START_TEST(user_of_a_line_is_named_where_its_files_are_hidden)
{
    start(cases[_i].way);
    expect(cases[_i].by_others, find(NOBODY, false));
}
END_TEST

/* sudo selkie-gateway --listen /dev/ttyUSB0 */
START_TEST(who_started_us_on_the_line_does_not_use_it)
{
    expect(SELKIE_TTY_UNUSED, find(NOBODY, true));
    start(TERMINAL);
    expect(SELKIE_TTY_USED, find(NOBODY, true));
}
END_TEST

START_TEST(who_uses_the_line_is_named_before_who_names_it)
{
    start(PATH_IN_COMMAND);
    pid_t other = user;
    start(TERMINAL);
    expect(SELKIE_TTY_USED, find(NOBODY, false));
    (void)kill(other, SIGKILL);
    (void)waitpid(other, NULL, 0);
}
END_TEST

/* A folder of this process's own mounts, whose server is this test and answers nothing. */
static void mount_silent(void)
{
    char options[96];

    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    ck_assert_int_eq(mount("shm", "/dev/shm", "tmpfs", 0, NULL), 0);
    ck_assert_int_eq(symlink(silent, link_to_silent), 0);
    int server = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(server, 0);
    (void)snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", server);
    ck_assert_int_eq(mount("silent", silent, "fuse", 0, options), 0);
}

START_TEST(file_system_that_does_not_answer_is_not_asked)
{
    enum way way = (enum way)(SILENT_IN_COMMAND + _i);

    mount_silent();
    start(way);
    expect(SELKIE_TTY_UNUSED, find(way == SILENT_OPEN ? geteuid() : NOBODY, false));
}
END_TEST

START_TEST(name_that_is_no_text_is_made_one)
{
    (void)prctl(PR_SET_NAME, "b\xFF)\x01"); /* which the child inherits */
    start(OPEN);
    struct found found = find(geteuid(), false);
    ck_assert_msg(strncmp(found.text, "b?)? (process", 13) == 0, "\"%s\"", found.text);
}
END_TEST

/* Not in a root of chroot, whose "/" is no mount, nor without rights: there the cases with mounts are left out. */
static bool may_mount(void)
{
    int status = 1;
    pid_t child = fork();

    if (child == 0)
        _exit(unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
              mount("shm", "/dev/shm", "tmpfs", 0, NULL) != 0 || access("/dev/fuse", R_OK | W_OK) != 0);
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], FIND) == 0)
        return look(NOBODY, argv[2], STDOUT_FILENO);
    Suite *suite = suite_create("tty_user");
    TCase *tcase = tcase_create("tty_user");
    const int count = sizeof cases / sizeof cases[0];

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, user_of_a_line_is_named, 0, count);
    tcase_set_timeout(tcase, 20);
    if (geteuid() == 0) {
        tcase_add_loop_test(tcase, user_of_a_line_is_named_where_its_files_are_hidden, 0, count);
        tcase_add_test(tcase, who_started_us_on_the_line_does_not_use_it);
        tcase_add_test(tcase, who_uses_the_line_is_named_before_who_names_it);
    }
    if (may_mount())
        tcase_add_loop_test(tcase, file_system_that_does_not_answer_is_not_asked, 0, 4);
    tcase_add_test(tcase, name_that_is_no_text_is_made_one);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
