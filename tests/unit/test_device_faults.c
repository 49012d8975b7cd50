/* SPDX-License-Identifier: Apache-2.0 */
/* A board that fails, a case that is opened, memory that is looked at afterwards. */
#define _GNU_SOURCE /* memmem */
#include "fake_device.h"
#include <check.h>
#include <pthread.h>
#include <run_suite.h>
#include <stdlib.h>
#include <string.h>

static struct selkie_link_rx ack_rx;

struct secrets {
    uint8_t id[SELKIE_ID_SIZE], key[SELKIE_SESSION_KEY_SIZE]; /* of one size */
};

/* What must be gone later. */
static struct secrets secrets_of_the_device(void)
{
    struct secrets secrets;
    memcpy(secrets.id, device.identity.id, sizeof secrets.id);
    memcpy(secrets.key, device.identity.session.key, sizeof secrets.key);
    return secrets;
}

/* Any eight bytes in a row: fewer may be in memory by chance, of which there is much where addresses are random. */
static bool holds(const void *memory, size_t size, const uint8_t secret[static SELKIE_ID_SIZE])
{
    for (size_t at = 0; at + 8 <= SELKIE_ID_SIZE; at++) {
        if (memmem(memory, size, secret + at, 8) != NULL)
            return true;
    }
    return false;
}

static bool holds_any(const void *memory, size_t size, const struct secrets *secrets)
{
    return holds(memory, size, secrets->id) || holds(memory, size, secrets->key);
}

static void expect_zeroes(const void *memory, size_t size)
{
    const uint8_t *bytes = memory;
    for (size_t i = 0; i < size; i++)
        ck_assert_uint_eq(bytes[i], 0);
}

/* What a device does from its start while one callback fails: 0 = it sends, or the error for which it does not. */
static const struct {
    const char *name;
    int outcome;
} expected[FAKE_CALLBACKS] = {
    [FAKE_RADIO_WRITE] = {"radio_write", SELKIE_DEVICE_READY}, /* waits: nothing goes out */
    [FAKE_RADIO_READ] = {"radio_read", 0},
    [FAKE_RADIO_QUIET] = {"radio_quiet_ms", SELKIE_DEVICE_READY}, /* the line counts as busy */
    [FAKE_SOURCE] = {"source", SELKIE_EENTROPY},
    [FAKE_READ_PIN] = {"read_pin", SELKIE_ETRUST},
    [FAKE_KEY_SLOT] = {"key_slot", SELKIE_ETRUST},
    [FAKE_TAMPERED] = {"tampered", SELKIE_EREFUSED},
    [FAKE_LOCKED] = {"locked", SELKIE_EREFUSED},
};

START_TEST(each_callback_failing_from_the_start)
{
    int outcome = expected[_i].outcome;
    config.require_lock = true;
    fake.fails[_i] = true;
    int error = fake_device_init();
    ck_assert(error == 0 || error == outcome);
    int state = fake_device_run(120000);
    if (outcome < 0)
        ck_assert_msg(state == outcome, "%s: %d", expected[_i].name, state);
    else
        ck_assert_msg(state == SELKIE_DEVICE_READY, "%s: %d", expected[_i].name, state);
    ck_assert_msg((fake.frame_count > 0) == (outcome == 0), "%s: %zu frames", expected[_i].name, fake.frame_count);
    if (outcome < 0)
        ck_assert_int_eq(fake_device_send("x"), outcome);

    /* Once the board works again, a reset is all that it takes. */
    fake.fails[_i] = false;
    ck_assert_int_eq(selkie_device_reset(&device), 0);
    ck_assert_int_eq(fake_device_run(60000), SELKIE_DEVICE_READY);
    ck_assert_uint_gt(fake.frame_count, 0);
}
END_TEST

START_TEST(each_callback_failing_later)
{
    static const int outcomes[FAKE_CALLBACKS] = {
        [FAKE_READ_PIN] = SELKIE_ETRUST, [FAKE_KEY_SLOT] = SELKIE_ETRUST, [FAKE_TAMPERED] = SELKIE_EREFUSED};
    config.require_lock = true;
    fake_device_start();
    fake.fails[_i] = true;
    (void)!selkie_device_poll(&device, fake.now_ms, &status);
    ck_assert_int_eq(fake_device_send("x"), outcomes[_i]);
    int state = fake_device_run(60000);
    if (outcomes[_i] < 0) {
        ck_assert_int_eq(state, outcomes[_i]);
        ck_assert(!device.identified);
        ck_assert_uint_eq(fake.frame_count, 1);
    } else {
        ck_assert_int_ge(state, 0);
        ck_assert(device.identified);
    }
}
END_TEST

START_TEST(a_reset_while_a_callback_fails)
{
    /* What the start checks, the reset checks; the rest comes out when it is asked. */
    int outcome = expected[_i].outcome;
    bool checked = _i == FAKE_READ_PIN || _i == FAKE_LOCKED;
    config.require_lock = true;
    fake_device_start();
    const struct secrets secrets = secrets_of_the_device();
    fake.fails[_i] = true;
    ck_assert_int_eq(selkie_device_reset(&device), checked ? outcome : 0);
    ck_assert(!holds_any(&device, sizeof device, &secrets));
    ck_assert_int_eq(fake_device_run(120000), outcome < 0 ? outcome : SELKIE_DEVICE_READY);
    ck_assert_msg((fake.frame_count > 1) == (outcome == 0), "%s: %zu frames", expected[_i].name, fake.frame_count);
    selkie_device_wipe(&device);
    expect_zeroes(&device, sizeof device);
}
END_TEST

START_TEST(a_false_alarm_costs_time_and_nothing_else)
{
    fake.stuck = 6; /* 24 quarter bits are claimed: 1 + 30 / 6 in a row are an alarm */
    ck_assert_int_eq(fake_device_init(), 0);
    ck_assert_int_eq(selkie_device_poll(&device, fake.now_ms, &status), SELKIE_DEVICE_GATHERING);
    ck_assert_uint_eq(status.alarms, 1);
    ck_assert_int_eq(fake_device_run(60000), SELKIE_DEVICE_READY);
    ck_assert_uint_eq(fake.frame_count, 1);
}
END_TEST

START_TEST(a_stuck_source_silences_however_often_it_is_reset)
{
    fake.stuck = SIZE_MAX;
    ck_assert_int_eq(fake_device_init(), 0);
    for (int resets = 0; resets < 5; resets++) {
        ck_assert_int_eq(fake_device_run(60000), SELKIE_EENTROPY);
        ck_assert_int_eq(selkie_device_reset(&device), 0);
    }
    ck_assert_uint_eq(fake.frame_count, 0);
}
END_TEST

START_TEST(optional_callbacks_may_be_missing)
{
    fake.port.radio_read = NULL;
    fake.port.radio_quiet_ms = NULL;
    fake.port.key_slot = NULL;
    fake.port.tampered = NULL;
    fake.port.locked = NULL;
    fake.port.watchdog = NULL;
    fake.port.restart = NULL;
    config.ack_rx = &ack_rx;
    config.uplink.register_times = 2;
    config.uplink.ack_tries = 1;
    ck_assert_int_eq(fake_device_init(), 0);
    ck_assert_int_eq(fake_device_run(120000), SELKIE_DEVICE_READY);
    ck_assert_uint_eq(fake.frame_count, 2); /* repeated, as without ACKs: none can be heard */
    ck_assert_uint_eq(status.uplink.given_up, 0);
    device.identity.id[0] ^= 1;
    ck_assert_int_eq(fake_device_send("x"), SELKIE_ENOTREADY);
    ck_assert_int_eq(fake_device_run(60000), SELKIE_DEVICE_READY);
}
END_TEST

START_TEST(required_callbacks_may_not)
{
    const struct selkie_port good = fake.port;
    struct selkie_port bad[3] = {good, good, good};
    bad[0].radio_write = NULL;
    bad[1].read_pin = NULL;
    bad[2].sources = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fake.port = bad[i];
        ck_assert_msg(fake_device_init() == SELKIE_EINVAL, "port %zu is taken", i);
    }
    fake.port = good;
    fake.port.locked = NULL;
    config.require_lock = true;
    ck_assert_int_eq(fake_device_init(), SELKIE_EREFUSED);
    ck_assert_int_eq(fake_device_run(1000), SELKIE_EREFUSED);
}
END_TEST

START_TEST(an_unlocked_device_stays_silent_where_the_lock_is_required)
{
    config.require_lock = true;
    fake.locked = 0;
    ck_assert_int_eq(fake_device_init(), SELKIE_EREFUSED);
    ck_assert_int_eq(fake_device_run(60000), SELKIE_EREFUSED);
    ck_assert_uint_eq(fake.frame_count, 0);
}
END_TEST

START_TEST(a_wiped_device_holds_nothing_of_its_id)
{
    config.form = SELKIE_SESSION;
    fake_device_start();
    const struct secrets secrets = secrets_of_the_device();
    ck_assert(holds(&device, sizeof device, secrets.id)); /* or the test could not fail */
    selkie_device_wipe(&device);
    ck_assert(!holds_any(&device, sizeof device, &secrets));
    expect_zeroes(&device, sizeof device);
}
END_TEST

/* mbedTLS's function, which may take a lock: a fault handler has none to give, and the struct may be corrupt. */
static unsigned freed;
void __wrap_mbedtls_ctr_drbg_free(mbedtls_ctr_drbg_context *ctr);
void __real_mbedtls_ctr_drbg_free(mbedtls_ctr_drbg_context *ctr);

void __wrap_mbedtls_ctr_drbg_free(mbedtls_ctr_drbg_context *ctr)
{
    freed++;
    __real_mbedtls_ctr_drbg_free(ctr);
}

START_TEST(a_fault_handler_wipes_without_calling_mbedtls)
{
    fake_device_start();
    fake.tampered = 1;
    ck_assert_int_eq(selkie_device_poll(&device, fake.now_ms, &status), SELKIE_EREFUSED);
    ck_assert_uint_gt(freed, 0); /* or the test could not fail */
    fake.tampered = 0;
    ck_assert_int_eq(selkie_device_reset(&device), 0);
    ck_assert_int_eq(fake_device_run(60000), SELKIE_DEVICE_READY);
    freed = 0;
    selkie_device_wipe(&device);
    ck_assert_uint_eq(freed, 0);
    expect_zeroes(&device, sizeof device);
}
END_TEST

START_TEST(tamper_wipes_at_once_and_for_good)
{
    fake_device_start();
    const struct secrets secrets = secrets_of_the_device();
    fake.tampered = 1;
    ck_assert_int_eq(selkie_device_poll(&device, fake.now_ms, &status), SELKIE_EREFUSED);
    ck_assert(!holds_any(&device, sizeof device, &secrets));
    ck_assert(!device.drbg.seeded);
    fake.tampered = 0; /* the lid is closed again */
    ck_assert_int_eq(fake_device_run(60000), SELKIE_EREFUSED);
    ck_assert_int_eq(selkie_device_reset(&device), 0);
    ck_assert_int_eq(fake_device_run(60000), SELKIE_DEVICE_READY);
    ck_assert_mem_ne(device.identity.id, secrets.id, sizeof secrets.id);
}
END_TEST

START_TEST(a_key_swapped_after_the_start_ends_the_sending)
{
    fake_device_start();
    fake.spki[100] ^= 1;
    ck_assert_int_eq(fake_device_send("x"), SELKIE_ETRUST);
    ck_assert_int_eq(fake_device_run(60000), SELKIE_ETRUST);
    ck_assert_uint_eq(fake.frame_count, 1);
}
END_TEST

START_TEST(the_watchdog_is_kicked_at_each_poll_and_only_there)
{
    ck_assert_int_eq(fake_device_init(), 0);
    ck_assert_uint_eq(fake.watchdogs, 0);
    for (unsigned polls = 1; polls < 50; polls++) {
        (void)!selkie_device_poll(&device, fake.now_ms++, &status);
        ck_assert_uint_eq(fake.watchdogs, polls);
    }
}
END_TEST

/* Work on a stack of its own, which can be looked at afterwards. */
static void *register_and_send(void *result)
{
    int *error = result;
    *error = fake_device_init();
    if (*error == 0)
        *error = fake_device_run(60000) == SELKIE_DEVICE_READY ? 0 : -1;
    if (*error == 0)
        *error = fake_device_send("x");
    return NULL;
}

START_TEST(nothing_of_an_id_is_left_on_the_stack)
{
    static uint8_t stack[2 * 1024 * 1024] __attribute__((aligned(4096))); /* ThreadSanitizer needs 1 MB */
    pthread_attr_t attributes;
    pthread_t thread;
    int error;
    config.form = _i == 0 ? SELKIE_SEALED : SELKIE_SESSION;
    ck_assert_int_eq(pthread_attr_init(&attributes), 0);
    ck_assert_int_eq(pthread_attr_setstack(&attributes, stack, sizeof stack), 0);
    ck_assert_int_eq(pthread_create(&thread, &attributes, register_and_send, &error), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
    ck_assert_int_eq(error, 0);
    const struct secrets secrets = secrets_of_the_device();
    size_t used = 0;
    for (size_t i = 0; i < sizeof stack; i++)
        used += stack[i] != 0;
    ck_assert_uint_gt(used, 500); /* the work was done here */
    ck_assert(!holds_any(stack, sizeof stack, &secrets));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_faults");
    TCase *tc = tcase_create("device_faults");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, fake_device_set_up, fake_device_tear_down);
    tcase_add_loop_test(tc, each_callback_failing_from_the_start, 0, FAKE_CALLBACKS);
    tcase_add_loop_test(tc, each_callback_failing_later, 0, FAKE_CALLBACKS);
    tcase_add_loop_test(tc, a_reset_while_a_callback_fails, 0, FAKE_CALLBACKS);
    tcase_add_test(tc, a_false_alarm_costs_time_and_nothing_else);
    tcase_add_test(tc, a_stuck_source_silences_however_often_it_is_reset);
    tcase_add_test(tc, optional_callbacks_may_be_missing);
    tcase_add_test(tc, required_callbacks_may_not);
    tcase_add_test(tc, an_unlocked_device_stays_silent_where_the_lock_is_required);
    tcase_add_test(tc, a_wiped_device_holds_nothing_of_its_id);
    tcase_add_test(tc, a_fault_handler_wipes_without_calling_mbedtls);
    tcase_add_test(tc, tamper_wipes_at_once_and_for_good);
    tcase_add_test(tc, a_key_swapped_after_the_start_ends_the_sending);
    tcase_add_test(tc, the_watchdog_is_kicked_at_each_poll_and_only_there);
    tcase_add_loop_test(tc, nothing_of_an_id_is_left_on_the_stack, 0, 2);
    return run_suite(suite);
}
