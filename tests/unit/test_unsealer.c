/* SPDX-License-Identifier: Apache-2.0 */
/* The pipeline as a host sees it: golden vectors in, payloads, rejections and receipts out. PROTOCOL.md, 4, 7 and 9. */
#include <check.h>
#include <kit/kit.h>
#include <run_suite.h>
#include <selkie/clock.h>
#include <string.h>
#include <syslog.h>
#include <vectors/vectors.h>

static struct kit_body body_of(const json_t *vector)
{
    struct kit_body body;
    uint8_t *bytes = vectors_bytes(vector, "body", &body.len);
    ck_assert_uint_le(body.len, sizeof body.bytes);
    memcpy(body.bytes, bytes, body.len);
    free(bytes);
    return body;
}

START_TEST(golden_sealed_frames_come_out_as_payloads)
{
    json_t *vectors = vectors_load(SELKIE_VECTORS), *vector;
    size_t i;

    json_array_foreach (vectors_list(vectors, "sealed"), i, vector) {
        /* Two of them have one counter: to one registry that is a clone. */
        struct kit_host *host = kit_open_dir(kit_dir());
        struct kit_body body = body_of(vector);
        uint64_t seq = kit_submit(host, &body, 0);
        kit_receipt(host, seq);
        ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
        if (strcmp(vectors_text(vector, "kind"), "data") != 0) {
            kit_close(host);
            continue;
        }
        size_t len;
        uint8_t *payload = vectors_bytes(vector, "payload", &len);
        struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_PAYLOAD);
        ck_assert_mem_eq(output->data, payload, len);
        ck_assert_uint_eq(output->len, len);
        ck_assert_uint_eq(output->counter, (uint32_t)vectors_integer(vector, "counter"));
        ck_assert_str_eq(output->gateway, "g1");
        ck_assert_int_eq(output->form, SELKIE_SEALED);
        ck_assert_uint_gt(output->outbox, 0);
        selkie_output_free(output);
        free(payload);
        kit_close(host);
    }
    json_decref(vectors);
}
END_TEST

START_TEST(golden_bad_frames_are_rejected_with_their_reason_and_receipted)
{
    json_t *vectors = vectors_load(SELKIE_VECTORS), *vector;
    struct kit_host *host = kit_open_dir(kit_dir());
    size_t i;

    json_array_foreach (vectors_list(vectors, "rejected"), i, vector) {
        struct kit_body body = body_of(vector);
        uint64_t seq = kit_submit(host, &body, 0);
        kit_expect_rejected(host, vectors_text(vector, "reason"));
        kit_receipt(host, seq);
    }
    /* and the next good one passes */
    struct kit_device device = kit_device(1, 1);
    struct kit_body body = kit_data(&device, "passes");
    kit_submit(host, &body, 0);
    kit_expect_payload(host, &device, 0, "passes");
    kit_close(host);
    json_decref(vectors);
}
END_TEST

START_TEST(golden_session_frames_come_out_after_their_registration)
{
    json_t *vectors = vectors_load(SELKIE_VECTORS), *vector;
    json_t *session = json_object_get(vectors, "session");
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device device = {.counter = 0};
    uint32_t highest = 0;
    size_t i;

    vectors_copy(device.id, sizeof device.id, session, "id");
    vectors_copy(device.address, sizeof device.address, session, "address");
    kit_submit_wait(host, kit_register(&device, NULL, NULL));
    json_array_foreach (vectors_list(session, "frames"), i, vector) {
        uint32_t counter = (uint32_t)vectors_integer(vector, "counter");
        struct kit_body body = body_of(vector);
        size_t len;
        uint8_t *payload = vectors_bytes(vector, "payload", &len);
        /* A SESSION frame carries 16 bits of its counter; a SEALED one brings the receiver to where it is. */
        if (counter - highest > 0x7fff) {
            device.counter = counter - 1;
            kit_submit_wait(host, kit_data(&device, ""));
            selkie_output_free(kit_next(host, SELKIE_OUTPUT_PAYLOAD));
        }
        kit_submit(host, &body, 0);
        struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_PAYLOAD);
        ck_assert_uint_eq(output->counter, counter);
        highest = counter;
        ck_assert_uint_eq(output->len, len);
        ck_assert_mem_eq(output->data, payload, len);
        ck_assert_int_eq(output->form, SELKIE_SESSION);
        selkie_output_free(output);
        free(payload);
    }
    kit_close(host);
    json_decref(vectors);
}
END_TEST

START_TEST(a_repeat_is_dropped_without_noise)
{
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device device = kit_device(1, 1);
    struct kit_body body = kit_data(&device, "once");

    kit_receipt(host, kit_submit(host, &body, 1000));
    uint64_t again = kit_submit_from(host, "g2", &body, 2000);
    kit_receipt(host, again);
    kit_expect_payload(host, &device, 0, "once");
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), 0);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    kit_submit(host, &body, 1000 + 600001);
    kit_expect_rejected(host, "replay");
    kit_close(host);
}
END_TEST

START_TEST(what_was_not_delivered_comes_again_after_a_restart)
{
    const char *dir = kit_dir();
    struct kit_host *host = kit_open_dir(dir);
    struct kit_device device = kit_device(1, 1);
    struct kit_body first = kit_data(&device, "first"), second = kit_data(&device, "second");

    kit_submit_wait(host, first);
    kit_expect_payload(host, &device, 0, "first");
    kit_delivered(host);
    kit_submit_wait(host, second);
    kit_expect_payload(host, &device, 1, "second");
    kit_close(host);

    host = kit_open_dir(dir);
    kit_expect_payload(host, &device, 1, "second");
    uint64_t again = kit_submit(host, &first, 0);
    kit_receipt(host, again);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), 0);
    kit_close(host);
}
END_TEST

START_TEST(order_is_kept_whatever_worker_is_done_first)
{
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device device = kit_device(1, 1);
    char text[16];

    for (unsigned i = 0; i < 64; i++) {
        snprintf(text, sizeof text, "%u", i);
        struct kit_body body = i % 5 == 4 ? kit_session(&device, text) : kit_data(&device, text);
        kit_submit(host, &body, 0);
    }
    for (unsigned i = 0; i < 64; i++) {
        snprintf(text, sizeof text, "%u", i);
        kit_expect_payload(host, &device, i, text);
    }
    kit_close(host);
}
END_TEST

START_TEST(states_are_the_latest_and_survive_a_restart)
{
    const char *dir = kit_dir();
    struct kit_host *host = kit_open_dir(dir);
    struct kit_device device = kit_device(1, 1);
    struct kit_body body = kit_register(&device, NULL, "2.1");

    kit_submit_wait(host, body);
    for (int i = 0; i < 20; i++) {
        body = kit_session(&device, "x");
        kit_submit_wait(host, body);
    }
    kit_close(host); /* within the second that states wait: the last one is still due */

    host = kit_open_dir(dir);
    json_int_t counter = 0;
    while (counter != 20) {
        struct selkie_output *output = kit_next(host, SELKIE_OUTPUT_STATE);
        json_t *state = json_loadb((const char *)output->data, output->len, 0, NULL);
        counter = json_integer_value(json_object_get(state, "counter"));
        ck_assert_str_eq(json_string_value(json_object_get(state, "status")), "active");
        ck_assert_str_eq(json_string_value(json_object_get(state, "firmware")), "2.1");
        ck_assert_int_eq(json_integer_value(json_object_get(state, "lost")), 0);
        json_decref(state);
        selkie_output_free(output);
    }
    kit_close(host);
}
END_TEST

START_TEST(a_device_that_falls_silent_has_one_event)
{
    const struct selkie_unsealer_options options = {.state_dir = kit_dir(), .silent_after_s = 1};
    struct kit_host *host = kit_open(&options);
    struct kit_device device = kit_device(1, 1);
    struct kit_body body = kit_register(&device, NULL, NULL);

    /* Its gateway's clock is a year ahead. */
    kit_receipt(host, kit_submit(host, &body, selkie_clock_ms() + INT64_C(31536000000)));
    json_decref(kit_expect_event(host, "registered"));
    json_decref(kit_expect_event(host, "silent"));
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_EVENT), 0);
    body = kit_data(&device, "back");
    kit_submit_wait(host, body);
    json_decref(kit_expect_event(host, "silent"));
    kit_close(host);
}
END_TEST

static int64_t lost_by(struct kit_host *host)
{
    json_t *response = kit_command(host, "{\"command\":\"getDevice\",\"address\":\"0200000000000001\"}");
    json_t *bindings = json_object_get(json_object_get(response, "data"), "bindings");
    int64_t lost = json_integer_value(json_object_get(json_array_get(bindings, 0), "lost"));
    json_decref(response);
    return lost;
}

START_TEST(gaps_are_reported_and_counted_until_the_late_ones_come)
{
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device device = kit_device(1, 1);
    struct kit_body late[3], body = kit_register(&device, NULL, NULL);

    kit_submit_wait(host, body);
    for (int i = 0; i < 3; i++)
        late[i] = kit_data(&device, "late");
    body = kit_data(&device, "x");
    kit_submit_wait(host, body);
    json_decref(kit_expect_event(host, "registered"));
    json_t *event = kit_expect_event(host, "lost");
    ck_assert_int_eq(json_integer_value(json_object_get(event, "count")), 3);
    json_decref(event);
    for (int lost = 3; lost >= 0; lost--) {
        ck_assert_int_eq(lost_by(host), lost);
        if (lost > 0)
            kit_receipt(host, kit_submit(host, &late[lost - 1], 0));
    }
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_EVENT), 0);
    kit_close(host);
}
END_TEST

/* PROTOCOL.md, section 9. Each gateway's frames keep their order; the other's do not wait for them. */
START_TEST(of_a_device_that_two_gateways_hear_nothing_is_lost_whoever_comes_first)
{
    enum { BUSY = 100 };
    const struct selkie_unsealer_options options = {.state_dir = kit_dir(), .workers = 1};
    struct kit_host *host = kit_open(&options);
    struct kit_device device = kit_device(1, 1), other = kit_device(2, 1);
    struct kit_body body = kit_register(&device, NULL, NULL), busy = kit_register(&other, NULL, NULL);
    struct kit_body heard[4];
    uint64_t backlog[BUSY], seqs[4];

    kit_submit_wait(host, body);
    kit_submit_wait(host, busy);
    for (int i = 0; i < 4; i++)
        heard[i] = kit_data(&device, "x");
    /* One gateway has a backlog, and the first two at its end; the last two come through another. */
    for (int i = 0; i < BUSY; i++)
        backlog[i] = kit_submit_from(host, "busy", &busy, 0);
    for (int i = 0; i < 4; i++)
        seqs[i] = kit_submit_from(host, i < 2 ? "busy" : "quiet", &heard[i], 0);
    static const uint32_t order[] = {3, 4, 1, 2};
    for (int i = 0; i < 2; i++)
        kit_expect_payload(host, &device, order[i], "x");
    for (int i = 0; i < BUSY; i++)
        kit_receipt(host, backlog[i]);
    for (int i = 2; i < 4; i++)
        kit_expect_payload(host, &device, order[i], "x");
    for (int i = 0; i < 4; i++)
        kit_receipt(host, seqs[i]);
    for (int i = 0; i < 2; i++)
        json_decref(kit_expect_event(host, "registered"));
    json_t *event = kit_expect_event(host, "lost"); /* which was true when it was published */
    ck_assert_int_eq(json_integer_value(json_object_get(event, "count")), 2);
    json_decref(event);
    ck_assert_int_eq(lost_by(host), 0);
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_REJECTED), 0);
    kit_close(host);
}
END_TEST

START_TEST(a_provider_that_is_not_the_best_is_logged)
{
    struct selkie_unsealer_options options = {.state_dir = kit_dir(), .keyring = kit_keyring("mbedtls")};
    bool old = selkie_keyring_warning(options.keyring, 0) != NULL;
    struct kit_host *host = kit_open(&options);
    ck_assert_uint_eq(kit_logged(host, LOG_WARNING), old);
    kit_close(host);
    selkie_keyring_close(options.keyring);
}
END_TEST

START_TEST(an_endless_body_and_an_odd_capture_time_do_no_harm)
{
    struct kit_host *host = kit_open_dir(kit_dir());
    struct kit_device device = kit_device(1, 1);
    struct kit_body body = kit_data(&device, "x");
    uint8_t *endless = calloc(1, 1 << 20);
    const struct selkie_arrival arrival = {
        .body = endless, .len = 1 << 20, .gateway = "g1", .has_seq = true, .seq = 1000, .rx_ms = -1, .age_ms = -1};

    endless[0] = 0x10;
    ck_assert_int_eq(selkie_unsealer_submit(kit_unsealer(host), &arrival), 0);
    kit_expect_rejected(host, "malformed");
    free(endless);
    kit_receipt(host, kit_submit(host, &body, INT64_MAX));
    kit_expect_payload(host, &device, 0, "x");
    kit_receipt(host, kit_submit(host, &body, INT64_MIN));
    ck_assert_uint_eq(kit_waiting(host, SELKIE_OUTPUT_PAYLOAD), 0);
    kit_close(host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unsealer");
    TCase *tcase = tcase_create("pipeline");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, kit_root_make, kit_root_remove);
    tcase_add_test(tcase, golden_sealed_frames_come_out_as_payloads);
    tcase_add_test(tcase, golden_bad_frames_are_rejected_with_their_reason_and_receipted);
    tcase_add_test(tcase, golden_session_frames_come_out_after_their_registration);
    tcase_add_test(tcase, a_repeat_is_dropped_without_noise);
    tcase_add_test(tcase, what_was_not_delivered_comes_again_after_a_restart);
    tcase_add_test(tcase, order_is_kept_whatever_worker_is_done_first);
    tcase_add_test(tcase, states_are_the_latest_and_survive_a_restart);
    tcase_add_test(tcase, a_device_that_falls_silent_has_one_event);
    tcase_add_test(tcase, gaps_are_reported_and_counted_until_the_late_ones_come);
    tcase_add_test(tcase, of_a_device_that_two_gateways_hear_nothing_is_lost_whoever_comes_first);
    tcase_add_test(tcase, a_provider_that_is_not_the_best_is_logged);
    tcase_add_test(tcase, an_endless_body_and_an_odd_capture_time_do_no_harm);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
