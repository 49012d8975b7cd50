/* SPDX-License-Identifier: Apache-2.0 */
/* Many IDs under one session tag, as somebody who searches for them could have them: what a frame costs is bounded.
 * PROTOCOL.md, sections 5 and 7. */
#include "registry/registry.h"
#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <stdatomic.h>
#include <string.h>

/* What a frame costs: bindings read, and keys tried. */
static atomic_int reads, tries;

int __real_selkie_registry_next_tag(struct selkie_registry *registry, const uint8_t *tag, bool next,
                                    struct selkie_binding *binding, struct selkie_session *session);
int __wrap_selkie_registry_next_tag(struct selkie_registry *registry, const uint8_t *tag, bool next,
                                    struct selkie_binding *binding, struct selkie_session *session);
int __wrap_selkie_registry_next_tag(struct selkie_registry *registry, const uint8_t *tag, bool next,
                                    struct selkie_binding *binding, struct selkie_session *session)
{
    atomic_fetch_add(&reads, 1);
    return __real_selkie_registry_next_tag(registry, tag, next, binding, session);
}

int __real_selkie_session_open(uint8_t *plaintext, const struct selkie_session *session, uint32_t counter,
                               const struct selkie_frame *frame);
int __wrap_selkie_session_open(uint8_t *plaintext, const struct selkie_session *session, uint32_t counter,
                               const struct selkie_frame *frame);
int __wrap_selkie_session_open(uint8_t *plaintext, const struct selkie_session *session, uint32_t counter,
                               const struct selkie_frame *frame)
{
    atomic_fetch_add(&tries, 1);
    return __real_selkie_session_open(plaintext, session, counter, frame);
}

/* Device `number`, if its ID had been found to have the tag of `other`. */
static struct kit_device colliding(uint32_t number, const struct kit_device *other)
{
    struct kit_device device = kit_device(number, 1);
    memcpy(device.session.tag, other->session.tag, SELKIE_SESSION_TAG_SIZE);
    device.counter = 1;
    return device;
}

/* Bindings of devices first … first + count − 1 under the tag of `other`. */
static void bind(const char *dir, const struct kit_device *other, uint32_t first, uint32_t count,
                 enum selkie_binding_status status)
{
    char error[SELKIE_REGISTRY_ERROR_SIZE];
    struct selkie_registry *registry;

    ck_assert_msg(selkie_registry_open(&registry, dir, true, error) == 0, "%s", error);
    for (uint32_t number = first; number < first + count; number++) {
        struct kit_device device = colliding(number, other);
        struct selkie_device_record row = {.status = SELKIE_DEVICE_ACTIVE};
        struct selkie_binding binding = {.status = SELKIE_BINDING_ACTIVE, .key_id = 1, .received = 1, .gateway = "g1"};
        memcpy(row.address, device.address, sizeof row.address);
        memcpy(binding.address, device.address, sizeof binding.address);
        memcpy(binding.id_hash, &number, sizeof number);
        ck_assert_int_eq(selkie_registry_put_device(registry, &row), 0);
        ck_assert_int_eq(selkie_registry_add_binding(registry, &binding, &device.session), 0);
        binding.status = status;
        ck_assert_int_eq(selkie_registry_put_binding_status(registry, &binding), 0);
    }
    ck_assert_int_eq(selkie_registry_commit(registry), 0);
    selkie_registry_close(registry);
}

static void submit_counted(struct kit_host *host, struct kit_body body)
{
    atomic_store(&reads, 0);
    atomic_store(&tries, 0);
    kit_submit_wait(host, body);
}

static void submit_forged(struct kit_host *host, const struct kit_device *device, const char *reason)
{
    struct kit_device forger = *device;
    struct kit_body body = kit_session(&forger, "x");
    body.bytes[body.len - 1] ^= 1;
    submit_counted(host, body);
    kit_expect_rejected(host, reason);
}

START_TEST(eight_ids_share_a_tag_and_a_ninth_is_refused)
{
    const char *dir = kit_dir();
    struct kit_device ninth = kit_device(9, 1);
    bind(dir, &ninth, 1, 8, SELKIE_BINDING_ACTIVE);
    struct kit_host *host = kit_open_dir(dir);
    struct kit_body registration = kit_register(&ninth, NULL, NULL);

    submit_counted(host, registration);
    kit_expect_rejected(host, "tag-full");
    for (uint32_t number = 1; number <= 8; number++) {
        struct kit_device device = colliding(number, &ninth);
        submit_counted(host, kit_session(&device, "x"));
        kit_expect_payload(host, &device, 1, "x");
    }
    submit_forged(host, &ninth, "bad-seal");
    ck_assert_int_eq(tries, 8);

    /* One that is retired makes room. */
    kit_do(host, "{\"command\":\"removeDevice\",\"address\":\"0200000000000003\"}");
    submit_counted(host, registration);
    submit_counted(host, kit_session(&ninth, "nine"));
    kit_expect_payload(host, &ninth, 1, "nine");
    kit_close(host);
}
END_TEST

START_TEST(retired_ids_cost_a_frame_nothing)
{
    const char *dir = kit_dir();
    struct kit_device device = kit_device(1, 1);
    bind(dir, &device, 1000, 100, SELKIE_BINDING_RETIRED);
    struct kit_host *host = kit_open_dir(dir);

    submit_forged(host, &device, "retired");
    ck_assert_int_eq(reads, 1);
    ck_assert_int_eq(tries, 0);
    submit_counted(host, kit_register(&device, NULL, NULL));
    submit_counted(host, kit_session(&device, "x"));
    kit_expect_payload(host, &device, 1, "x");
    ck_assert_int_eq(reads, 1);
    submit_forged(host, &device, "bad-seal");
    ck_assert_int_eq(reads, 2);
    ck_assert_int_eq(tries, 1);
    kit_close(host);
}
END_TEST

/* Of a registry from before there was a bound. */
START_TEST(a_crowd_costs_a_frame_no_more_than_eight_tries)
{
    const char *dir = kit_dir();
    struct kit_device device = kit_device(1, 1);
    bind(dir, &device, 1000, 100, SELKIE_BINDING_ACTIVE);
    struct kit_host *host = kit_open_dir(dir);

    submit_forged(host, &device, "bad-seal");
    ck_assert_int_eq(reads, 8);
    ck_assert_int_eq(tries, 8);
    kit_close(host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session_tag");
    TCase *tcase = tcase_create("session_tag");

    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_test(tcase, eight_ids_share_a_tag_and_a_ninth_is_refused);
    tcase_add_test(tcase, retired_ids_cost_a_frame_nothing);
    tcase_add_test(tcase, a_crowd_costs_a_frame_no_more_than_eight_tries);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
