/* SPDX-License-Identifier: Apache-2.0 */
/* Real processes on a real pseudo-terminal, looked for by root and by a user who may not see their files. */
#include "run_suite.h"

#include <fcntl.h>
#include <pty.h>
#include <selkie/tty_user.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

static int master;
static char line[64];
static pid_t user;

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

enum way { OPEN, TERMINAL, PATH_IN_COMMAND, NAME_IN_COMMAND, ELSEWHERE };

static void be_user(enum way way)
{
    const char *argument = way == PATH_IN_COMMAND ? line : way == NAME_IN_COMMAND ? line + strlen("/dev/") : "pts";

    (void)close(master);
    if (way >= PATH_IN_COMMAND)
        (void)execl("/bin/sh", "sh", "-c", "kill -STOP $$", "sh", argument, NULL);
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

/* Look as this user; "" or who was found. */
static void find(uid_t as, char text[static SELKIE_TTY_USER_MAX])
{
    int answer[2];
    struct stat status;

    ck_assert_int_eq(stat(line, &status), 0);
    ck_assert_int_eq(pipe(answer), 0);
    pid_t finder = fork();
    if (finder == 0) {
        char found[SELKIE_TTY_USER_MAX] = "";
        if (as != geteuid() && setuid(as) != 0)
            _exit(1);
        (void)selkie_tty_find_user(found, status.st_rdev);
        _exit(write(answer[1], found, sizeof found) == (ssize_t)sizeof found ? 0 : 1);
    }
    (void)close(answer[1]);
    ck_assert_int_eq(read(answer[0], text, SELKIE_TTY_USER_MAX), SELKIE_TTY_USER_MAX);
    (void)close(answer[0]);
    (void)waitpid(finder, NULL, 0);
}

static const struct {
    enum way way;
    bool by_owner, by_others;
} cases[] = {{OPEN, true, false},
             {TERMINAL, true, true},
             {PATH_IN_COMMAND, false, true},
             {NAME_IN_COMMAND, false, true},
             {ELSEWHERE, false, false}};

static void expect(bool found, const char *text)
{
    char process[32];

    (void)snprintf(process, sizeof process, "(process %d)", (int)user);
    ck_assert_msg((text[0] != '\0') == found && (!found || strstr(text, process)), "\"%s\"", text);
}

START_TEST(user_of_a_line_is_named)
{
    char text[SELKIE_TTY_USER_MAX];

    find(geteuid(), text);
    ck_assert_str_eq(text, "");
    start(cases[_i].way);
    find(geteuid(), text);
    expect(cases[_i].by_owner, text);
}
END_TEST

START_TEST(user_of_a_line_is_named_where_its_files_are_hidden)
{
    char text[SELKIE_TTY_USER_MAX];

    start(cases[_i].way);
    find(NOBODY, text);
    expect(cases[_i].by_others, text);
}
END_TEST

START_TEST(name_that_is_no_text_is_made_one)
{
    char text[SELKIE_TTY_USER_MAX];

    (void)prctl(PR_SET_NAME, "b\xFF)\x01"); /* which the child inherits */
    start(OPEN);
    find(geteuid(), text);
    ck_assert_msg(strncmp(text, "b?)? (process", 13) == 0, "\"%s\"", text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tty_user");
    TCase *tcase = tcase_create("tty_user");
    const int count = sizeof cases / sizeof cases[0];

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, user_of_a_line_is_named, 0, count);
    if (geteuid() == 0)
        tcase_add_loop_test(tcase, user_of_a_line_is_named_where_its_files_are_hidden, 0, count);
    tcase_add_test(tcase, name_that_is_no_text_is_made_one);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
