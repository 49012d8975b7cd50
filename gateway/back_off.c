/* SPDX-License-Identifier: Apache-2.0 */
#include "back_off.h"

#include <sys/random.h>

int64_t selkie_back_off_us(unsigned failures)
{
    int64_t longest = failures < 6 ? SELKIE_BACK_OFF_FIRST_US << failures : SELKIE_BACK_OFF_MAX_US;
    uint32_t chance = 0;

    if (getrandom(&chance, sizeof(chance), 0) != (ssize_t)sizeof(chance))
        return longest;
    return longest / 2 + (longest / 2) * chance / UINT32_MAX;
}
