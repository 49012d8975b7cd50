/* SPDX-License-Identifier: Apache-2.0 */
#include "fail.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>

enum ctl_exit ctl_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("selkiectl: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return CTL_FAILED;
}

enum ctl_exit ctl_fail_openssl(const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return ctl_fail("%s: %s", what, reason ? reason : "libcrypto failed");
}
