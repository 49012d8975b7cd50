/* SPDX-License-Identifier: Apache-2.0 */
#include "stamp.h"

#include <ctype.h>
#include <selkie/clock.h>
#include <stdio.h>

/* The first 15 hex digits of the kernel's random name for this boot; 0 if it cannot be read. */
static int64_t read_boot(void)
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    int64_t boot = 0;
    int digits = 0, byte;

    if (!file)
        return 0;
    while (digits < 15 && (byte = getc(file)) != EOF)
        if (isxdigit(byte)) {
            boot = boot << 4 | (isdigit(byte) ? byte - '0' : (tolower(byte) - 'a') + 10);
            digits++;
        }
    (void)fclose(file);
    return digits == 15 ? boot : 0;
}

static int64_t this_boot(void)
{
    static int64_t boot;

    if (boot == 0)
        boot = read_boot();
    return boot;
}

void selkie_stamp_now(struct selkie_spool_frame *frame)
{
    frame->rx = selkie_clock_ms();
    frame->boot = this_boot();
    frame->since_boot = selkie_clock_boot_ms();
}

int64_t selkie_stamp_age(const struct selkie_spool_frame *frame)
{
    int64_t age_ms = selkie_clock_boot_ms() - frame->since_boot;

    return frame->boot != 0 && frame->boot == this_boot() && age_ms >= 0 ? age_ms : -1;
}
