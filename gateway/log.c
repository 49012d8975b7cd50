/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void selkie_log(int level, const char *format, ...)
{
    char text[SELKIE_LOG_LINE_MAX];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    /* One call for the whole line: lines of two threads never mix. */
    if (getenv("JOURNAL_STREAM"))
        (void)fprintf(stderr, "<%d>%s\n", level, text);
    else
        (void)fprintf(stderr, "selkie-gateway: %s\n", text);
}
