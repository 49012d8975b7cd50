/* SPDX-License-Identifier: Apache-2.0 */
#include "tls_time.h"

#include <stdio.h>
#include <time.h>

static void format(char text[static SELKIE_TLS_TIME_MAX], const struct tm *time)
{
    if (strftime(text, SELKIE_TLS_TIME_MAX, "%Y-%m-%d %H:%M:%S UTC", time) == 0)
        (void)snprintf(text, SELKIE_TLS_TIME_MAX, "?");
}

void selkie_tls_time_now(char text[static SELKIE_TLS_TIME_MAX])
{
    time_t now = time(NULL);
    struct tm utc;

    (void)gmtime_r(&now, &utc);
    format(text, &utc);
}

void selkie_tls_time_format(char text[static SELKIE_TLS_TIME_MAX], const ASN1_TIME *time)
{
    struct tm utc;

    (void)snprintf(text, SELKIE_TLS_TIME_MAX, "?");
    if (ASN1_TIME_to_tm(time, &utc) == 1)
        format(text, &utc);
}
