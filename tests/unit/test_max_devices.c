/* SPDX-License-Identifier: Apache-2.0 */
/* With the public key anybody can register devices: those that no administrator listed or approved are bounded, fairly
 * among gateways, and what is refused leaves nothing behind. PROTOCOL.md, section 7, "Bounds". */
#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <string.h>
#include <syslog.h>

#define MAX 20

static struct kit_host *open_host(const char *dir, enum selkie_enrolment enrolment, enum selkie_rebind rebind)
{
    const struct selkie_unsealer_options options = {
        .state_dir = dir, .enrolment = enrolment, .rebind = rebind, .max_devices = MAX};
    return kit_open(&options);
}

static void submit_by(struct kit_host *host, const char *gateway, struct kit_body body)
{
    kit_receipt(host, kit_submit_from(host, gateway, &body, 0));
}

/* Devices first..last register through a gateway. */
static void register_by(struct kit_host *host, const char *gateway, uint32_t first, uint32_t last)
{
    for (uint32_t number = first; number <= last; number++) {
        struct kit_device device = kit_device(number, 1);
        submit_by(host, gateway, kit_register(&device, NULL, NULL));
    }
}

static void expect_devices(struct kit_host *host, json_int_t total, json_int_t unlisted, bool full)
{
    json_t *response = kit_command(host, "{\"command\":\"listDevices\",\"limit\":0}");

    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(response, "data"), "total")), total);
    json_decref(response);
    ck_assert_int_eq(kit_stat(host, "devices", "unlisted"), unlisted);
    char *text = selkie_unsealer_stats(kit_unsealer(host));
    ck_assert(strstr(text, full ? "\"full\":true" : "\"full\":false") != NULL);
    free(text);
}

static void expect_rejections(struct kit_host *host, unsigned count)
{
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), count);
    for (unsigned i = 0; i < count; i++)
        kit_expect_rejected(host, "registry-full");
}

START_TEST(a_gateway_that_floods_leaves_room_for_another)
{
    const char *dir = kit_dir();
    struct kit_host *host = open_host(dir, SELKIE_ENROL_OPEN, SELKIE_REBIND_APPROVE);

    register_by(host, "g1", 1, 15);
    expect_rejections(host, 5);
    expect_devices(host, 10, 10, true);
    ck_assert_int_eq(kit_stat(host, "rejected", "registry-full"), 5);
    ck_assert_uint_eq(kit_logged(host, LOG_WARNING), 1);
    ck_assert(kit_log_has(host, "no room for new devices of gateway g1"));
    register_by(host, "g2", 101, 105);
    expect_rejections(host, 0);
    kit_close(host);

    /* It is known over a restart who has how many. */
    host = open_host(dir, SELKIE_ENROL_OPEN, SELKIE_REBIND_APPROVE);
    register_by(host, "g1", 11, 11);
    register_by(host, "g2", 106, 106);
    expect_rejections(host, 2);
    register_by(host, "g3", 201, 202);
    expect_rejections(host, 0);
    expect_devices(host, 17, 17, true);
    kit_close(host);
}
END_TEST

START_TEST(a_device_that_is_there_is_served_as_ever)
{
    struct kit_host *host = open_host(kit_dir(), SELKIE_ENROL_OPEN, SELKIE_REBIND_APPROVE);
    struct kit_device device = kit_device(1, 1), reset = kit_device(2, 2);

    submit_by(host, "g1", kit_register(&device, NULL, NULL));
    register_by(host, "g1", 2, 11);
    expect_rejections(host, 1);
    submit_by(host, "g1", kit_data(&device, "sealed"));
    kit_expect_payload(host, &device, 1, "sealed");
    submit_by(host, "g1", kit_register(&reset, NULL, NULL)); /* pending beside the active ID: no new device */
    expect_rejections(host, 0);
    kit_close(host);
}
END_TEST

START_TEST(devices_of_an_administrator_need_no_place)
{
    struct kit_host *host = open_host(kit_dir(), SELKIE_ENROL_APPROVE, SELKIE_REBIND_APPROVE);
    struct kit_device listed = kit_device(100, 1);

    register_by(host, "g1", 1, 11);
    expect_rejections(host, 1);
    expect_devices(host, 10, 10, true);
    kit_do(host, "{\"command\":\"addDevice\",\"address\":\"0200000000000064\"}");
    submit_by(host, "g1", kit_register(&listed, NULL, NULL));                         /* listed before it came, */
    kit_do(host, "{\"command\":\"addDevice\",\"address\":\"0200000000000001\"}");     /* after, */
    kit_do(host, "{\"command\":\"approveDevice\",\"address\":\"0200000000000002\"}"); /* or approved */
    kit_do(host, "{\"command\":\"revokeDevice\",\"address\":\"0200000000000003\"}");
    kit_expect_rejected(host, "revoked"); /* its REGISTER, which was parked */
    register_by(host, "g1", 12, 12);
    expect_rejections(host, 0);
    expect_devices(host, 12, 8, false);
    kit_close(host);
}
END_TEST

START_TEST(a_device_that_goes_makes_room)
{
    struct kit_host *host = open_host(kit_dir(), SELKIE_ENROL_APPROVE, SELKIE_REBIND_APPROVE);

    register_by(host, "g1", 1, 11);
    expect_rejections(host, 1);
    kit_do(host, "{\"command\":\"removeDevice\",\"address\":\"0200000000000001\"}");
    kit_do(host, "{\"command\":\"denyDevice\",\"address\":\"0200000000000002\"}");
    kit_expect_rejected(host, "removed");
    kit_expect_rejected(host, "denied");
    register_by(host, "g1", 12, 13);
    expect_rejections(host, 0);
    expect_devices(host, 10, 10, false);
    ck_assert(kit_log_has(host, "there is room for new devices again"));
    kit_close(host);
}
END_TEST

/* Parking is full for the gateway: a frame that is not kept leaves no device to be approved, and no event. */
START_TEST(a_frame_that_is_not_kept_leaves_nothing_behind)
{
    const char *dir = kit_dir();
    struct kit_device device = kit_device(1, 1);

    kit_close(open_host(dir, SELKIE_ENROL_APPROVE, SELKIE_REBIND_APPROVE));
    kit_execute(dir, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 32768) INSERT INTO "
                     "parked SELECT i, 1000000, i, randomblob(8), 0, 0, 'g1', 0, 1, 0, 0, NULL FROM n");
    struct kit_host *host = open_host(dir, SELKIE_ENROL_APPROVE, SELKIE_REBIND_APPROVE);
    submit_by(host, "g1", kit_register(&device, NULL, NULL));
    kit_expect_rejected(host, "parking-full");
    submit_by(host, "g1", kit_data(&device, "x"));
    kit_expect_rejected(host, "parking-full");
    expect_devices(host, 0, 0, false);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_EVENT), 0);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_STATE), 0);
    submit_by(host, "g2", kit_data(&device, "x")); /* the same through a gateway that has room */
    expect_devices(host, 1, 1, false);
    kit_close(host);
}
END_TEST

/* Each replaced ID stays as a retired one for ever. */
START_TEST(an_address_is_not_rebound_without_end)
{
    struct kit_host *host = open_host(kit_dir(), SELKIE_ENROL_OPEN, SELKIE_REBIND_ALLOW);
    struct kit_device last, other;

    for (uint32_t life = 1; life <= 65; life++) {
        last = kit_device(1, life);
        submit_by(host, "g1", kit_register(&last, NULL, NULL));
    }
    expect_rejections(host, 0);
    for (int i = 0; i < 65; i++)
        json_decref(kit_expect_event(host, i % 2 ? "reset" : "registered"));
    other = kit_device(1, 66);
    submit_by(host, "g1", kit_register(&other, NULL, NULL));
    expect_rejections(host, 0);
    json_decref(kit_expect_event(host, "reset"));
    submit_by(host, "g1", kit_data(&last, "still served"));
    kit_expect_payload(host, &last, 1, "still served");
    submit_by(host, "g1", kit_data(&other, "waits")); /* it is there to be approved, and loses nothing */
    kit_do(host, "{\"command\":\"approveDevice\",\"address\":\"0200000000000001\"}");
    kit_expect_payload(host, &other, 1, "waits");
    for (uint32_t life = 1; life <= 2; life++) { /* and so is another address */
        other = kit_device(2, life);
        submit_by(host, "g1", kit_register(&other, NULL, NULL));
    }
    expect_rejections(host, 0);
    kit_close(host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("max_devices");
    TCase *tcase = tcase_create("max_devices");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_test(tcase, a_gateway_that_floods_leaves_room_for_another);
    tcase_add_test(tcase, a_device_that_is_there_is_served_as_ever);
    tcase_add_test(tcase, devices_of_an_administrator_need_no_place);
    tcase_add_test(tcase, a_device_that_goes_makes_room);
    tcase_add_test(tcase, a_frame_that_is_not_kept_leaves_nothing_behind);
    tcase_add_test(tcase, an_address_is_not_rebound_without_end);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
