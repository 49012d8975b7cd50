/* SPDX-License-Identifier: Apache-2.0 */
/* selkie-device's command line: what is taken, and what ends the program with a word about the option at fault.
 * argp_error is wrapped. */
#include "device_options.h"
#include "run_suite.h"

#include <argp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARGUMENTS_MAX 24
#define REQUIRED      "--port=tty", "--public-key=1.pub.pem", "--key-id=1", "--address=00112233445566aa"
#define HEX64         "00112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100"

void __wrap_argp_error(const struct argp_state *state, const char *format, ...) __attribute__((format(printf, 2, 3)));

static struct device_options options;
static const char *complaint; /* what the next complaint must begin with */

void __wrap_argp_error(const struct argp_state *state, const char *format, ...)
{
    char text[256];
    va_list arguments;

    (void)state;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ck_assert_msg(complaint != NULL && strncmp(text, complaint, strlen(complaint)) == 0, "it said: %s", text);
    exit(2);
}

/* Options go on pointing into what they were read from. */
static void parse(const char *const arguments[])
{
    static char texts[ARGUMENTS_MAX][128];
    char *argv[ARGUMENTS_MAX + 2] = {(char[]){"selkie-device"}};
    int argc = 1;

    for (; arguments[argc - 1] != NULL; argc++) {
        ck_assert_int_le(argc, ARGUMENTS_MAX);
        ck_assert_uint_lt(strlen(arguments[argc - 1]), sizeof texts[0]);
        argv[argc] = strcpy(texts[argc - 1], arguments[argc - 1]);
    }
    memset(&options, 0xA5, sizeof options);
    device_options_parse(&options, argc, argv);
}

START_TEST(four_options_are_enough_and_the_rest_has_its_default)
{
    static const uint8_t address[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0xaa};

    parse((const char *const[]){"-p", "tty", "-k", "1.pub.pem", "-i", "255", "-a", "00112233445566AA", NULL});
    ck_assert_str_eq(options.port, "tty");
    ck_assert_str_eq(options.public_key, "1.pub.pem");
    ck_assert_uint_eq(options.key_id, 255);
    ck_assert_mem_eq(options.address, address, sizeof address);
    ck_assert_int_eq(options.form, SELKIE_SEALED);
    ck_assert_double_lt(options.interval, 0); /* it depends on what is sent */
    ck_assert_uint_eq(options.tty.baud, 9600);
    ck_assert_uint_eq(options.sealed_every, SELKIE_SESSION_SEALED_EVERY);
    ck_assert_uint_eq(options.count, 0);
    ck_assert_uint_eq(options.repeat, 0);
    ck_assert_uint_eq(options.air.bit_rate, 2000); /* the library's */
    ck_assert_uint_eq(options.air.quiet_ms, 20);
    ck_assert_uint_eq(options.air.backoff_ms, 250);
    ck_assert_uint_eq(options.air.spread_ms, 30000);
    ck_assert_uint_eq(options.air.ack_ms, 500);
    ck_assert_uint_eq(options.air.tries, 5);
    ck_assert_uint_eq(options.air.preamble_ms, 0);
    ck_assert_uint_eq(options.air.packet_overhead, 0);
    ck_assert_uint_eq(options.air.packet, 0);
    ck_assert_uint_eq(options.air.packet_gap_ms, 0);
    ck_assert_uint_eq(options.air.parity, 2);
    ck_assert_uint_eq(options.air.patience_s, 0);
    ck_assert_uint_eq(options.air.duty_permille, 0);
    ck_assert_uint_eq(options.next_key_id, 0);
    ck_assert_ptr_null(options.next_public_key);
    ck_assert_ptr_null(options.claim);
    ck_assert(!options.ack && !options.once && !options.hex && !options.readings && !options.verbose &&
              !options.pin_given);
}
END_TEST

START_TEST(each_option_is_taken)
{
    static const uint8_t pin[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa,
                                  0xbb, 0xcc, 0xdd, 0xee, 0xff, 0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa,
                                  0x99, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x00};

    parse((const char *const[]){REQUIRED, "--form=session", "--interval=0.25", "--ack", "--repeat=100", "--claim=shed",
                                "--hex", "--count=1000000000", "--baud=115200", "--bit-rate=300", "--duty=1",
                                "--sealed-every=1", "--pin=" HEX64, "--next-public-key=2.pub.pem", "--next-key-id=2",
                                "--verbose", NULL});
    ck_assert_int_eq(options.form, SELKIE_SESSION);
    ck_assert_double_eq(options.interval, 0.25);
    ck_assert_uint_eq(options.repeat, 100);
    ck_assert_str_eq(options.claim, "shed");
    ck_assert_uint_eq(options.count, 1000000000);
    ck_assert_uint_eq(options.tty.baud, 115200);
    ck_assert_uint_eq(options.air.bit_rate, 300);
    ck_assert_uint_eq(options.air.duty_permille, 1);
    ck_assert_uint_eq(options.sealed_every, 1);
    ck_assert_mem_eq(options.pin, pin, sizeof pin);
    ck_assert_str_eq(options.next_public_key, "2.pub.pem");
    ck_assert_uint_eq(options.next_key_id, 2);
    ck_assert(options.ack && options.hex && !options.readings && options.verbose && options.pin_given);
    parse((const char *const[]){REQUIRED, "--readings", "--form=sealed", "-s", "0", NULL});
    ck_assert(options.readings);
    ck_assert_int_eq(options.form, SELKIE_SEALED);
    ck_assert_double_eq(options.interval, 0); /* also where the default is another */
}
END_TEST

START_TEST(the_air_has_its_settings)
{
    parse((const char *const[]){REQUIRED, "--bit-rate=0", "--quiet=0", "--backoff=0", "--spread=0", "--ack-ms=3600000",
                                "--tries=255", "--preamble=65535", "--packet-overhead=65535", "--patience=3600",
                                "--once", NULL});
    ck_assert_uint_eq(options.air.bit_rate, 0);
    ck_assert_uint_eq(options.air.quiet_ms, 0);
    ck_assert_uint_eq(options.air.backoff_ms, 0);
    ck_assert_uint_eq(options.air.spread_ms, 0);
    ck_assert_uint_eq(options.air.ack_ms, 3600000);
    ck_assert_uint_eq(options.air.tries, 255);
    ck_assert_uint_eq(options.air.preamble_ms, 65535);
    ck_assert_uint_eq(options.air.packet_overhead, 65535);
    ck_assert_uint_eq(options.air.patience_s, 3600);
    ck_assert(options.once);
    parse((const char *const[]){REQUIRED, "--duty=10", NULL}); /* of the default bit rate */
    ck_assert_uint_eq(options.air.duty_permille, 10);
    parse((const char *const[]){REQUIRED, "--bit-rate=0", "--duty=1000", NULL}); /* no limit needs no bit rate */
}
END_TEST

START_TEST(packets_have_their_settings)
{
    static const struct {
        const char *packet, *gap, *parity;
        unsigned is[3];
    } good[] = {{"--packet=19", "--packet-gap=2424", "--parity=0", {19, 2424, 0}},
                {"--packet=58", "--packet-gap=120", "--parity=2", {58, 120, 2}},
                {"--packet=261", "--packet-gap=0", "--parity=64", {261, 0, 64}},
                {"--packet=0", "--packet-gap=0", "--parity=1", {0, 0, 1}}};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        parse((const char *const[]){REQUIRED, good[i].gap, good[i].packet, good[i].parity, NULL});
        ck_assert_uint_eq(options.air.packet, good[i].is[0]);
        ck_assert_uint_eq(options.air.packet_gap_ms, good[i].is[1]);
        ck_assert_uint_eq(options.air.parity, good[i].is[2]);
    }
}
END_TEST

START_TEST(a_claim_may_be_empty_and_as_long_as_a_message_has_room)
{
    char claim[] = "--claim=0123456789012345678901234567890123456789012345678901234567890123";

    parse((const char *const[]){REQUIRED, claim, NULL});
    ck_assert_uint_eq(strlen(options.claim), SELKIE_CLAIM_MAX);
    parse((const char *const[]){REQUIRED, "--claim=", NULL});
    ck_assert_str_eq(options.claim, "");
}
END_TEST

/* Each ends the program with 2. Those without a complaint are argp's own to tell of. */
static const struct {
    const char *complaint;
    const char *arguments[8];
} misuses[] = {
    {"--port, --public-key, --key-id and --address are required", {NULL}},
    {"--port, ", {"--public-key=f", "--key-id=1", "--address=00112233445566aa", NULL}},
    {"--port, ", {"--port=t", "--key-id=1", "--address=00112233445566aa", NULL}},
    {"--port, ", {"--port=t", "--public-key=f", "--address=00112233445566aa", NULL}},
    {"--port, ", {"--port=t", "--public-key=f", "--key-id=1", NULL}},
    {"--key-id 0:", {"--key-id=0", REQUIRED, NULL}},
    {"--key-id 256:", {"--key-id=256", REQUIRED, NULL}},
    {"--key-id -1:", {"--key-id=-1", REQUIRED, NULL}},
    {"--key-id 99999999999999999999:", {"--key-id=99999999999999999999", REQUIRED, NULL}},
    {"--key-id 1x:", {"--key-id=1x", REQUIRED, NULL}},
    {"--key-id :", {"--key-id=", REQUIRED, NULL}},
    {"--address 0011:", {"--address=0011", REQUIRED, NULL}},
    {"--address 00112233445566aabb:", {"--address=00112233445566aabb", REQUIRED, NULL}},
    {"--address 00112233445566ag:", {"--address=00112233445566ag", REQUIRED, NULL}},
    {"--form Session:", {REQUIRED, "--form=Session", NULL}},
    {"--form :", {REQUIRED, "--form=", NULL}},
    {"--interval -1:", {REQUIRED, "--interval=-1", NULL}},
    {"--interval 1000001:", {REQUIRED, "--interval=1000001", NULL}},
    {"--interval 1s:", {REQUIRED, "--interval=1s", NULL}},
    {"--interval nan:", {REQUIRED, "--interval=nan", NULL}},
    {"--interval inf:", {REQUIRED, "--interval=inf", NULL}},
    {"--interval :", {REQUIRED, "--interval=", NULL}},
    {"--repeat 0:", {REQUIRED, "--repeat=0", NULL}},
    {"--repeat 101:", {REQUIRED, "--repeat=101", NULL}},
    {"--count 0:", {REQUIRED, "--count=0", NULL}},
    {"--count 1000000001:", {REQUIRED, "--count=1000000001", NULL}},
    {"--sealed-every 0:", {REQUIRED, "--sealed-every=0", NULL}},
    {"--sealed-every 4097:", {REQUIRED, "--sealed-every=4097", NULL}},
    {"--baud 49:", {REQUIRED, "--baud=49", NULL}},
    {"--baud 0:", {REQUIRED, "--baud=0", NULL}},
    {"--radio lora: not one of e32, e220, hc-12, xbee, sik, rfm69-stick", {REQUIRED, "--radio=lora", NULL}},
    {"--bit-rate -1:", {REQUIRED, "--bit-rate=-1", NULL}},
    {"--quiet 3600001:", {REQUIRED, "--quiet=3600001", NULL}},
    {"--backoff 3600001:", {REQUIRED, "--backoff=3600001", NULL}},
    {"--spread 1s:", {REQUIRED, "--spread=1s", NULL}},
    {"--ack-ms 0:", {REQUIRED, "--ack-ms=0", NULL}},
    {"--tries 0:", {REQUIRED, "--tries=0", NULL}},
    {"--tries 256:", {REQUIRED, "--tries=256", NULL}},
    {"--preamble 65536:", {REQUIRED, "--preamble=65536", NULL}},
    {"--packet-overhead 65536:", {REQUIRED, "--packet-overhead=65536", NULL}},
    {"--packet 18: must be 0, or 19 to 261", {REQUIRED, "--packet=18", NULL}},
    {"--packet 262:", {REQUIRED, "--packet=262", NULL}},
    {"--packet -1:", {REQUIRED, "--packet=-1", NULL}},
    {"--packet-gap 65536:", {REQUIRED, "--packet=58", "--packet-gap=65536", NULL}},
    {"--packet 19: a packet and --packet-gap take 2501 ms", {REQUIRED, "--packet=19", "--packet-gap=2425", NULL}},
    {"--open-wait 60001:", {REQUIRED, "--open-wait=60001", NULL}},
    {"--packet-gap needs a --packet above 0", {REQUIRED, "--packet-gap=1", NULL}},
    {"--parity 65:", {REQUIRED, "--packet=58", "--parity=65", NULL}},
    {"--patience 0:", {REQUIRED, "--patience=0", NULL}},
    {"--duty 0:", {REQUIRED, "--bit-rate=1", "--duty=0", NULL}},
    {"--duty 1001:", {REQUIRED, "--bit-rate=1", "--duty=1001", NULL}},
    {"--claim: longer than 64 bytes",
     {REQUIRED, "--claim=01234567890123456789012345678901234567890123456789012345678901234", NULL}},
    {"--pin 00:", {REQUIRED, "--pin=00", NULL}},
    {"--pin ", {REQUIRED, "--pin=" HEX64 "0", NULL}},
    {"--pin ", {REQUIRED, "--pin=" HEX64 "x", NULL}},
    /* Options that exclude or need each other. */
    {"--duty needs a --bit-rate above 0", {REQUIRED, "--bit-rate=0", "--duty=10", NULL}},
    {"--exec: the command is empty", {REQUIRED, "--exec=", NULL}},
    {"--hex and --readings exclude each other", {REQUIRED, "--hex", "--readings", NULL}},
    {"--next-public-key and --next-key-id need each other", {REQUIRED, "--next-public-key=f", NULL}},
    {"--next-public-key and --next-key-id need each other", {REQUIRED, "--next-key-id=2", NULL}},
    {"--next-key-id 1: ", {REQUIRED, "--next-public-key=f", "--next-key-id=1", NULL}},
    {"file: no such argument", {REQUIRED, "file", NULL}},
    {NULL, {REQUIRED, "--nonsense", NULL}},
    {NULL, {REQUIRED, "--claim", NULL}},
    {NULL, {REQUIRED, "--ack=yes", NULL}},
    {NULL, {REQUIRED, "--once=no", NULL}},
};

START_TEST(what_makes_no_sense_ends_the_program_and_is_named)
{
    complaint = misuses[_i].complaint;
    parse(misuses[_i].arguments);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_options");
    TCase *tcase = tcase_create("device_options");

    tcase_add_test(tcase, four_options_are_enough_and_the_rest_has_its_default);
    tcase_add_test(tcase, each_option_is_taken);
    tcase_add_test(tcase, the_air_has_its_settings);
    tcase_add_test(tcase, packets_have_their_settings);
    tcase_add_test(tcase, a_claim_may_be_empty_and_as_long_as_a_message_has_room);
    tcase_add_loop_exit_test(tcase, what_makes_no_sense_ends_the_program_and_is_named, 2, 0,
                             (int)(sizeof misuses / sizeof misuses[0]));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
