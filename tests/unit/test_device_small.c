/* SPDX-License-Identifier: Apache-2.0 */
/* The device library with all left out that options.h names: it still registers and sends sealed, and refuses what was
 * left out. Its sources are compiled once more into this test. */
#include "fake_port.h"

#include <check.h>
#include <run_suite.h>
#include <string.h>

static struct fake_port fake;
static struct selkie_device_config config;
static struct selkie_device device;

static void set_up(void)
{
    fake_port_init(&fake, 7);
    config = fake_config(&fake);
    memset(&device, 0, sizeof device);
}

static void tear_down(void)
{
    selkie_device_wipe(&device);
    fake_port_free(&fake);
}

START_TEST(registers_and_sends_sealed)
{
    static const uint8_t reading[] = "21.5";
    uint8_t plain[SELKIE_CIPHERTEXT_SIZE];
    struct selkie_device_status status;
    struct selkie_message message;

    ck_assert_int_eq(selkie_device_init(&device, &config, &fake.port), 0);
    ck_assert_int_eq(fake_port_run(&fake, &device, SELKIE_DEVICE_READY, 3600000, &status), SELKIE_DEVICE_READY);
    ck_assert_int_eq(selkie_device_send(&device, reading, sizeof reading), 0);
    ck_assert_int_eq(fake_port_run(&fake, &device, SELKIE_DEVICE_READY, 7200000, &status), SELKIE_DEVICE_READY);
    ck_assert_uint_gt(fake.frame_count, 1);
    ck_assert_int_eq(fake_port_open(&fake, &message, plain, &fake.frames[0]), 0);
    ck_assert_int_eq(message.kind, SELKIE_REGISTER);
    ck_assert_int_eq(fake_port_open(&fake, &message, plain, &fake.frames[fake.frame_count - 1]), 0);
    ck_assert_int_eq(message.kind, SELKIE_DATA);
    ck_assert_mem_eq(message.data.payload, reading, sizeof reading);
}
END_TEST

START_TEST(what_was_left_out_is_refused)
{
    struct selkie_link_rx rx;

    config.form = SELKIE_SESSION;
    ck_assert_int_eq(selkie_device_init(&device, &config, &fake.port), SELKIE_EINVAL);
    config = fake_config(&fake);
    config.ack_rx = &rx;
    ck_assert_int_eq(selkie_device_init(&device, &config, &fake.port), SELKIE_EINVAL);
    config = fake_config(&fake);
    config.uplink.packet_max = 58;
    ck_assert_int_eq(selkie_device_init(&device, &config, &fake.port), SELKIE_EINVAL);
    config = fake_config(&fake);
    fake.source.kind = SELKIE_SOURCE_EDGES;
    fake.source.tick_hz = 1000000;
    ck_assert_int_eq(selkie_device_init(&device, &config, &fake.port), SELKIE_EINVAL);
}
END_TEST

START_TEST(the_radio_is_never_read)
{
    struct selkie_device_status status;

    fake.fails[FAKE_RADIO_READ] = true;
    ck_assert_int_eq(selkie_device_init(&device, &config, &fake.port), 0);
    ck_assert_int_eq(fake_port_run(&fake, &device, SELKIE_DEVICE_READY, 3600000, &status), SELKIE_DEVICE_READY);
    ck_assert_uint_eq(status.uplink.radio_errors, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_small");
    TCase *tests = tcase_create("small");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, registers_and_sends_sealed);
    tcase_add_test(tests, what_was_left_out_is_refused);
    tcase_add_test(tests, the_radio_is_never_read);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
