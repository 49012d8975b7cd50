/* SPDX-License-Identifier: Apache-2.0 */
/* After a start, the state of every device is put out, in steps; a stop in the middle goes on later. */
#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <stdlib.h>
#include <string.h>

/* More than one note of the registry: rules/refresh.c notes each 16th step of 512. */
#define DEVICES 10000
#define NOTED   8192

static const char *dir;

static struct kit_host *open_host(bool refresh, unsigned gateways_wait_ms)
{
    struct selkie_unsealer_options options = {
        .state_dir = dir, .refresh = refresh, .gateways_wait_ms = gateways_wait_ms};
    return kit_open(&options);
}

/* The number of the device whose state comes next. */
static unsigned next_state(struct kit_host *host)
{
    struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_STATE);
    char text[SELKIE_ADDRESS_SIZE + 1] = "";

    ck_assert_uint_eq(output->outbox, 0);
    ck_assert_ptr_nonnull(strstr((const char *)output->data, "\"status\":\"listed\""));
    memcpy(text, output->address, SELKIE_ADDRESS_SIZE); /* an address is its number in digits */
    selkie_output_free(output);
    return (unsigned)strtoul(text, NULL, 10);
}

static void fill(void)
{
    dir = kit_dir();
    kit_close(open_host(false, 0));
    kit_execute(
        dir,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO device SELECT "
        "CAST(printf('%%08d', i) AS BLOB), '', NULL, 1, 0, 2, 0, '', 0, 0, '' FROM n",
        DEVICES);
}

START_TEST(a_walk_that_is_stopped_goes_on_and_comes_round)
{
    fill();
    struct kit_host *host = open_host(true, 0);
    for (unsigned i = 1; i <= NOTED + 1; i++)
        ck_assert_uint_eq(next_state(host), i);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REFRESHED), 0);
    kit_close(host);

    host = open_host(true, 0);
    for (unsigned i = NOTED + 1; i <= DEVICES; i++)
        ck_assert_uint_eq(next_state(host), i);
    for (unsigned i = 1; i <= NOTED; i++)
        ck_assert_uint_eq(next_state(host), i);
    selkie_output_free(kit_next(host, SELKIE_OUTPUT_REFRESHED));
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_STATE), 0);
    kit_close(host);

    host = open_host(true, 0); /* the walk was whole, so this one begins at the first */
    ck_assert_uint_eq(next_state(host), 1);
    kit_close(host);
}
END_TEST

START_TEST(frames_are_decided_while_a_walk_is_under_way)
{
    struct kit_device device = kit_device(1, 1);

    fill();
    struct kit_host *host = open_host(true, 0);
    (void)next_state(host);
    kit_submit_wait(host, kit_data(&device, "now"));
    kit_expect_payload(host, &device, 0, "now");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REFRESHED), 0);
    kit_close(host);
}
END_TEST

START_TEST(nothing_is_put_out_where_nobody_asks)
{
    fill();
    struct kit_host *host = open_host(false, 0);
    kit_do(host, "{\"command\":\"getStats\"}");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_STATE), 0);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REFRESHED), 0);
    kit_close(host);
}
END_TEST

static void expect_gateway(struct kit_host *host, const char *name)
{
    struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_GATEWAY);

    ck_assert_str_eq(output->gateway, name);
    selkie_output_free(output);
}

START_TEST(gateways_that_have_come_are_named_after_the_wait)
{
    dir = kit_dir();
    struct kit_host *host = open_host(false, 0);
    kit_do(host, "{\"command\":\"addGateway\",\"gateway\":\"b\"}");
    kit_do(host, "{\"command\":\"addGateway\",\"gateway\":\"a\"}");
    kit_do(host, "{\"command\":\"addGateway\",\"gateway\":\"gone\"}");
    kit_do(host, "{\"command\":\"addGateway\",\"gateway\":\"never\"}");
    selkie_unsealer_note_gateway(kit_unsealer(host), "a");
    selkie_unsealer_note_gateway(kit_unsealer(host), "b");
    selkie_unsealer_note_gateway(kit_unsealer(host), "gone");
    selkie_unsealer_note_gateway(kit_unsealer(host), "nobody");
    for (int i = 0; i < 3; i++) /* frames and commands have turns */
        kit_do(host, "{\"command\":\"getStats\"}");
    kit_do(host, "{\"command\":\"removeGateway\",\"gateway\":\"gone\"}");
    kit_do(host, "{\"command\":\"addGateway\",\"gateway\":\"gone\"}");
    kit_close(host);
    host = open_host(false, 1);
    expect_gateway(host, "a");
    expect_gateway(host, "b");
    for (int i = 0; i < 3; i++)
        kit_do(host, "{\"command\":\"getStats\"}");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_GATEWAY), 0);
    kit_close(host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("refresh");
    TCase *tcase = tcase_create("refresh");

    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_test(tcase, a_walk_that_is_stopped_goes_on_and_comes_round);
    tcase_add_test(tcase, frames_are_decided_while_a_walk_is_under_way);
    tcase_add_test(tcase, nothing_is_put_out_where_nobody_asks);
    tcase_add_test(tcase, gateways_that_have_come_are_named_after_the_wait);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
