/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads of selkie-device, from standard input (a pipe here) and from the machine's readings. */
#define _GNU_SOURCE /* pipe2 */
#include "payloads.h"
#include "run_suite.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int input; /* the end that is written to; -1 once it is closed */
static struct payloads payloads;
static uint8_t payload[SELKIE_PAYLOAD_MAX];
static size_t len;

static void setup(void)
{
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_assert_int_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    (void)close(ends[0]);
    input = ends[1];
}

static void teardown(void)
{
    if (input >= 0)
        (void)close(input);
}

static void feed(const char *text)
{
    ck_assert_int_eq(write(input, text, strlen(text)), (ssize_t)strlen(text));
}

static void end_input(void)
{
    (void)close(input);
    input = -1;
}

static void expect(const char *text)
{
    ck_assert_int_eq(payloads_next(&payloads, payload, &len), 1);
    ck_assert_uint_eq(len, strlen(text));
    ck_assert_mem_eq(payload, text, len);
}

static void expect_none(bool ended)
{
    ck_assert_int_eq(payloads_next(&payloads, payload, &len), 0);
    ck_assert_int_eq(payloads.ended, ended);
}

START_TEST(each_line_is_a_payload)
{
    feed("21.5\n\nlast of these\n");
    expect("21.5");
    expect("");
    expect("last of these");
    expect_none(false);
    feed("more\r\n");
    expect("more"); /* as Windows ends its lines */
    feed("a\rb\r\r\n\r\n");
    expect("a\rb\r"); /* elsewhere it is a byte like any other */
    expect("");
    end_input();
    expect_none(true);
}
END_TEST

START_TEST(a_line_may_come_in_parts_and_without_its_end)
{
    feed("ab");
    expect_none(false);
    feed("cd\nef");
    expect("abcd");
    expect_none(false);
    end_input();
    expect("ef");
    expect_none(true);
}
END_TEST

START_TEST(a_line_has_at_most_400_bytes)
{
    char line[SELKIE_PAYLOAD_MAX + 2];

    memset(line, 'x', sizeof line);
    line[SELKIE_PAYLOAD_MAX] = '\n';
    line[SELKIE_PAYLOAD_MAX + 1] = '\0';
    feed(line);
    line[SELKIE_PAYLOAD_MAX] = '\0';
    expect(line);
    line[SELKIE_PAYLOAD_MAX] = 'x';
    feed(line);
    feed("\n");
    ck_assert_int_eq(payloads_next(&payloads, payload, &len), -1);
}
END_TEST

START_TEST(a_line_that_is_refused_is_counted_and_the_rest_goes_on)
{
    char line[SELKIE_PAYLOAD_MAX + 3];

    memset(line, 'x', sizeof line);
    line[SELKIE_PAYLOAD_MAX + 1] = '\n';
    line[SELKIE_PAYLOAD_MAX + 2] = '\0';
    feed("first\n");
    feed(line);
    feed("third\n");
    expect("first");
    ck_assert_int_eq(payloads_next(&payloads, payload, &len), -1);
    ck_assert_uint_eq(payloads.line, 2);
    expect("third");
    ck_assert_uint_eq(payloads.line, 3);
    for (int i = 0; i < 20; i++) { /* a line that no buffer holds */
        line[SELKIE_PAYLOAD_MAX + 1] = '\0';
        feed(line);
    }
    feed("\nfifth");
    end_input();
    ck_assert_int_eq(payloads_next(&payloads, payload, &len), -1);
    expect("fifth");
    ck_assert_uint_eq(payloads.line, 5);
    expect_none(true);
    ck_assert_uint_eq(payloads.refused, 2);
}
END_TEST

START_TEST(a_line_without_an_end_is_refused)
{
    char part[256];

    memset(part, 'x', sizeof part - 1);
    part[sizeof part - 1] = '\0';
    int result = 0;
    for (int i = 0; i < 8 && result == 0; i++) {
        feed(part);
        result = payloads_next(&payloads, payload, &len);
    }
    ck_assert_int_eq(result, -1);
}
END_TEST

static const struct {
    const char *line;
    int result;
    const char *bytes;
    size_t len;
} hex[] = {
    {"00ffAb\n", 1, "\x00\xff\xab", 3},
    {"\n", 1, "", 0},
    {"00 ff\tAb \r\n", 1, "\x00\xff\xab", 3},
    {"  \n", 1, "", 0},
    {"0\n", -1, NULL, 0},
    {"000\n", -1, NULL, 0},
    {"0g\n", -1, NULL, 0},
    {"0x\n", -1, NULL, 0},
    {" 0\n", -1, NULL, 0},
    {"-1\n", -1, NULL, 0},
};

START_TEST(hex_is_decoded_or_refused)
{
    payloads.hex = true;
    feed(hex[_i].line);
    ck_assert_int_eq(payloads_next(&payloads, payload, &len), hex[_i].result);
    if (hex[_i].result == 1) {
        ck_assert_uint_eq(len, hex[_i].len);
        ck_assert_mem_eq(payload, hex[_i].bytes, len);
    }
}
END_TEST

START_TEST(hex_has_at_most_400_bytes)
{
    char line[2 * SELKIE_PAYLOAD_MAX + 4];

    payloads.hex = true;
    memset(line, 'a', sizeof line);
    line[2 * SELKIE_PAYLOAD_MAX] = '\n';
    line[2 * SELKIE_PAYLOAD_MAX + 1] = '\0';
    feed(line);
    ck_assert_int_eq(payloads_next(&payloads, payload, &len), 1);
    ck_assert_uint_eq(len, SELKIE_PAYLOAD_MAX);
    line[2 * SELKIE_PAYLOAD_MAX] = 'a';
    line[2 * SELKIE_PAYLOAD_MAX + 1] = 'a';
    line[2 * SELKIE_PAYLOAD_MAX + 2] = '\n';
    line[2 * SELKIE_PAYLOAD_MAX + 3] = '\0';
    feed(line);
    ck_assert_int_eq(payloads_next(&payloads, payload, &len), -1);
    for (int i = 0; i < SELKIE_PAYLOAD_MAX; i++)
        feed("ff ");
    feed("\n");
    ck_assert_int_eq(payloads_next(&payloads, payload, &len), 1);
    ck_assert_uint_eq(len, SELKIE_PAYLOAD_MAX);
}
END_TEST

START_TEST(readings_are_json_that_makes_sense)
{
    payloads.readings = true;
    ck_assert_int_eq(payloads_next(&payloads, payload, &len), 1);
    json_t *json = json_loadb((const char *)payload, len, 0, NULL);
    ck_assert_ptr_nonnull(json);
    ck_assert(json_is_real(json_object_get(json, "load1")));
    json_int_t all = json_integer_value(json_object_get(json, "memory_total"));
    json_int_t unused = json_integer_value(json_object_get(json, "memory_free"));
    ck_assert_int_gt(unused, 0);
    ck_assert_int_ge(all, unused);
    ck_assert_int_gt(json_integer_value(json_object_get(json, "uptime")), 0);
    const json_t *temperature = json_object_get(json, "temperature");
    ck_assert(temperature == NULL || json_is_real(temperature));
    json_decref(json);
}
END_TEST

START_TEST(readings_that_do_not_fit_are_an_error)
{
    ck_assert_int_eq(payloads_readings(payload, 10), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("payloads");
    TCase *tcase = tcase_create("payloads");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, each_line_is_a_payload);
    tcase_add_test(tcase, a_line_may_come_in_parts_and_without_its_end);
    tcase_add_test(tcase, a_line_has_at_most_400_bytes);
    tcase_add_test(tcase, a_line_that_is_refused_is_counted_and_the_rest_goes_on);
    tcase_add_test(tcase, a_line_without_an_end_is_refused);
    tcase_add_loop_test(tcase, hex_is_decoded_or_refused, 0, (int)(sizeof hex / sizeof hex[0]));
    tcase_add_test(tcase, hex_has_at_most_400_bytes);
    tcase_add_test(tcase, readings_are_json_that_makes_sense);
    tcase_add_test(tcase, readings_that_do_not_fit_are_an_error);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
