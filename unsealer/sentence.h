/* SPDX-License-Identifier: Apache-2.0 */
/* The one sentence of a failure, into a buffer of the caller's; what does not fit is cut off. */
#ifndef SELKIE_SENTENCE_H
#define SELKIE_SENTENCE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

__attribute__((format(printf, 3, 4))) static inline void selkie_sentence(char *text, size_t size, const char *format,
                                                                         ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, size, format, arguments);
    va_end(arguments);
}

#endif
