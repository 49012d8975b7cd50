/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a failure, one sentence, into a buffer of the caller; what does not fit is cut off. */
#ifndef SELKIE_ERROR_TEXT_H
#define SELKIE_ERROR_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

__attribute__((format(printf, 3, 4))) static inline void selkie_error_text_format(char *text, size_t size,
                                                                                  const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, size, format, arguments);
    va_end(arguments);
}

#endif
