/* SPDX-License-Identifier: Apache-2.0 */
/* Zephyr, as far as the sample calls it. */
#include "../fake.h"
#include "1.pub.h"
#include "fake_zephyr.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct device fake_device_selkie_radio = {"uart1"};
const struct device fake_device_zephyr_entropy = {"rng"};
uint8_t fake_registers_uicr[0x100];

/* Before main, as production would. */
__attribute__((constructor)) static void write_uicr(void)
{
    memcpy(fake_registers_uicr + 0x80, selkie_key_1_pin, sizeof selkie_key_1_pin);
}

bool device_is_ready(const struct device *device)
{
    return device == &fake_device_selkie_radio || device == &fake_device_zephyr_entropy;
}

void uart_poll_out(const struct device *device, unsigned char byte)
{
    if (device == &fake_device_selkie_radio)
        fake_radio(byte);
}

int entropy_get_entropy(const struct device *device, uint8_t *buffer, uint16_t length)
{
    for (uint16_t i = 0; i < length; i++)
        buffer[i] = (uint8_t)fake_random();
    return device == &fake_device_zephyr_entropy ? 0 : -5;
}

ssize_t hwinfo_get_device_id(uint8_t *buffer, size_t length)
{
    memset(buffer, 0x5e, length);
    return length < 8 ? (ssize_t)length : 8;
}

int64_t k_uptime_get(void)
{
    return (int64_t)(fake_now_us / 1000);
}

int32_t k_msleep(int32_t ms)
{
    fake_wait_us((uint64_t)ms * 1000);
    return 0;
}

void printk(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
}
