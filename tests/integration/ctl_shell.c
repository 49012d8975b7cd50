/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_shell.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *ctl_shell_script(const struct harness_broker *broker, const char *line)
{
    static char script[2048];
    int len = snprintf(script, sizeof script, "cd '%s'; ctl() { '%s' --broker %s --username ${user-root} \"$@\"; }; %s",
                       harness_path("."), harness_program("selkiectl"), broker->uri, line);

    ck_assert_int_lt(len, (int)sizeof script);
    return script;
}

char *ctl_shell(const struct harness_broker *broker, int status, const char *format, ...)
{
    char line[1024], *output;
    va_list arguments;

    va_start(arguments, format);
    int len = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    ck_assert_int_lt(len, (int)sizeof line);
    const char *const argv[] = {"/bin/sh", "-c", ctl_shell_script(broker, line), NULL};
    int ended = harness_run("selkiectl", argv, &output);
    ck_assert_msg(ended == status, "%s: exit %d, expected %d:\n%s", line, ended, status, output);
    return output;
}

void ctl_shell_expect(char *said, const char *text)
{
    ck_assert_msg(strstr(said, text) != NULL, "expected \"%s\" in:\n%s", text, said);
    free(said);
}
