/* SPDX-License-Identifier: Apache-2.0 */
#include "core/say.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static void (*hook)(void *context);
static void *hook_context;

void selkie_say_hook(void (*clear)(void *context), void *context)
{
    hook = clear;
    hook_context = context;
}

void selkie_say(const char *format, ...)
{
    va_list arguments;

    if (hook)
        hook(hook_context);
    (void)fputs("selkie-sim: ", stderr);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
}
