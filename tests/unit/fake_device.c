/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_device.h"
#include <check.h>
#include <string.h>

struct fake_port fake;
struct selkie_device_config config;
struct selkie_device device;
struct selkie_device_status status;

void fake_device_set_up(void)
{
    fake_port_init(&fake, 1);
    config = fake_config(&fake);
    config.uplink.register_times = 1;
}

void fake_device_tear_down(void)
{
    selkie_device_wipe(&device);
    fake_port_free(&fake);
}

int fake_device_init(void)
{
    return selkie_device_init(&device, &config, &fake.port);
}

void fake_device_start(void)
{
    ck_assert_int_eq(fake_device_init(), 0);
    ck_assert_int_eq(fake_device_run(60000), SELKIE_DEVICE_READY);
    ck_assert_uint_eq(fake.frame_count, 1);
}

int fake_device_run(uint64_t duration_ms)
{
    return fake_port_run(&fake, &device, -1, fake.now_ms + duration_ms, &status);
}

void fake_device_await_ready(void)
{
    ck_assert_int_eq(fake_port_run(&fake, &device, SELKIE_DEVICE_READY, fake.now_ms + 60000, &status),
                     SELKIE_DEVICE_READY);
}

int fake_device_send(const char *text)
{
    return selkie_device_send(&device, (const uint8_t *)text, strlen(text));
}
