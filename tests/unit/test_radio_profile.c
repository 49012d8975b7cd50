/* SPDX-License-Identifier: Apache-2.0 */
/* The table of radios, and that a gateway and a device make the same of it. */
#include "device_options.h"
#include "gateway_config.h"
#include "run_suite.h"

#include <selkie/device/pacing.h>
#include <selkie/fragment.h>
#include <selkie/link.h>
#include <selkie/radio_profile.h>
#include <selkie/tty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEALED_WIRE SELKIE_LINK_WIRE_SIZE(SELKIE_SEALED_SIZE)

static const struct selkie_radio_profile *row(int i)
{
    return &selkie_radio_profiles[i];
}

static struct selkie_uplink_settings uplink(const struct selkie_radio_profile *profile)
{
    static const struct selkie_device_config library = SELKIE_DEVICE_DEFAULTS;
    struct selkie_uplink_settings settings = library.uplink;

    settings.bit_rate = profile->bit_rate;
    settings.quiet_ms = profile->quiet_ms;
    settings.preamble_ms = (uint16_t)profile->preamble_ms;
    settings.packet_max = (uint16_t)profile->packet;
    settings.packet_gap_ms = (uint16_t)profile->packet_gap_ms;
    settings.parity = (uint8_t)profile->parity;
    return settings;
}

/* With one line of these keys behind the radio's name. */
static struct selkie_gateway_config *gateway(const char *radio, const char *keys)
{
    char text[512];
    int len = snprintf(text, sizeof text,
                       "{\"gateway\":\"roof\",\"broker\":{\"uri\":\"mqtt://h\"},\"spool\":{\"path\":\"/s\"},"
                       "\"serial\":[{\"device\":\"/dev/ttyS9\",\"radio\":\"%s\"%s}]}",
                       radio, keys);

    ck_assert_int_lt(len, (int)sizeof text);
    return selkie_gateway_config_parse("g.json", text, (size_t)len);
}

static void device(struct device_options *options, const char *const more[])
{
    static char texts[24][64];
    char *argv[26] = {(char[]){"selkie-device"}, (char[]){"-ptty"}, (char[]){"-kkey"}, (char[]){"-i1"},
                      (char[]){"-a00112233445566aa"}};
    int argc = 5;

    for (size_t i = 0; more[i]; i++)
        argv[argc++] = strcpy(texts[i], more[i]);
    device_options_parse(options, argc, argv);
}

START_TEST(a_profile_is_one_that_a_device_can_have)
{
    const struct selkie_radio_profile *profile = row(_i);
    struct selkie_uplink_settings settings = uplink(profile);
    uint8_t body[SELKIE_SEALED_SIZE] = {0};
    struct selkie_fragment_plan plan;

    ck_assert(selkie_uplink_settings_valid(&settings));
    ck_assert(selkie_tty_baud_valid(profile->baud));
    ck_assert_int_eq(selkie_fragment_make_plan(&plan, body, sizeof body, profile->packet), 0);
    ck_assert_uint_gt(plan.k, 1);
    ck_assert_uint_eq(selkie_radio_profile_packets(profile), plan.k + profile->parity);
    ck_assert_uint_le(profile->packet, profile->buffer);
    ck_assert_uint_lt(profile->packet, SEALED_WIRE);
}
END_TEST

/* Otherwise an ACK, or another device, breaks into a frame. What a receiver hears between two packets is at most the
 * time of one on the air and the gap. */
START_TEST(the_quiet_time_is_longer_than_the_pause_between_packets)
{
    const struct selkie_radio_profile *profile = row(_i);
    struct selkie_uplink_settings settings = uplink(profile);
    unsigned pause_ms = profile->packet_gap_ms + selkie_pacing_air_ms(&settings, profile->packet);

    ck_assert_uint_gt(selkie_radio_profile_quiet_ms(profile), pause_ms + 20);
    ck_assert_uint_le(pause_ms, SELKIE_FRAGMENT_PACE_MAX_MS); /* a gateway waits no longer for the next packet */
    ck_assert_uint_eq(selkie_radio_profile_quiet_ms(profile), selkie_pacing_quiet_ms(&settings));
}
END_TEST

/* A module sends once it has the whole packet. The device begins the next one a gap behind the end of the last one by
 * its own count, which is not later than what the line and the air take one after the other. */
START_TEST(the_next_packet_finds_the_radio_idle)
{
    const struct selkie_radio_profile *profile = row(_i);
    struct selkie_uplink_settings settings = uplink(profile);
    unsigned line_ms = profile->packet * 10 * 1000 / profile->baud;
    unsigned air_ms = selkie_pacing_air_ms(&settings, profile->packet);

    ck_assert_uint_gt((line_ms > air_ms ? line_ms : air_ms) + profile->packet_gap_ms, line_ms + air_ms);
}
END_TEST

START_TEST(both_programs_take_it_by_its_name)
{
    const struct selkie_radio_profile *profile = row(_i);
    struct selkie_gateway_config *config = gateway(profile->name, "");
    struct device_options options;

    ck_assert_ptr_nonnull(config);
    ck_assert_uint_eq(config->lines[0].serial.tty.baud, profile->baud);
    ck_assert_int_eq(config->lines[0].serial.tty.flow, profile->flow);
    ck_assert_uint_eq(config->lines[0].serial.open_wait_ms, profile->open_wait_ms);
    ck_assert_uint_eq(config->lines[0].serial.step_count, profile->init_count);
    for (size_t i = 0; i < profile->init_count; i++)
        ck_assert_mem_eq(&config->lines[0].serial.steps[i], &profile->init[i], sizeof *profile->init);
    ck_assert_uint_eq(config->lines[0].quiet_ms, selkie_radio_profile_quiet_ms(profile));
    ck_assert_uint_eq(config->lines[0].bit_rate, profile->bit_rate);
    ck_assert_uint_eq(config->lines[0].preamble_ms, profile->preamble_ms);
    selkie_gateway_config_close(config);
    device(&options, (const char *const[]){"--radio", profile->name, NULL});
    ck_assert_uint_eq(options.tty.baud, profile->baud);
    ck_assert_int_eq(options.tty.flow, profile->flow);
    ck_assert_uint_eq(options.air.quiet_ms, profile->quiet_ms);
    ck_assert_uint_eq(options.air.bit_rate, profile->bit_rate);
    ck_assert_uint_eq(options.air.preamble_ms, profile->preamble_ms);
    ck_assert_uint_eq(options.air.packet, profile->packet);
    ck_assert_uint_eq(options.air.packet_gap_ms, profile->packet_gap_ms);
    ck_assert_uint_eq(options.air.parity, profile->parity);
}
END_TEST

START_TEST(what_is_set_beside_the_name_wins)
{
    struct selkie_gateway_config *config =
        gateway(row(_i)->name,
                ",\"baud\":1200,\"quiet_ms\":0,\"bit_rate\":50,\"preamble_ms\":0,\"flow\":\"none\",\"open_wait_ms\":0,"
                "\"init\":[]");
    struct device_options before, behind;

    ck_assert_ptr_nonnull(config);
    ck_assert_uint_eq(config->lines[0].serial.tty.baud, 1200);
    ck_assert_uint_eq(config->lines[0].quiet_ms, 0);
    ck_assert_uint_eq(config->lines[0].bit_rate, 50);
    ck_assert_uint_eq(config->lines[0].preamble_ms, 0);
    ck_assert_int_eq(config->lines[0].serial.tty.flow, SELKIE_TTY_FLOW_NONE);
    ck_assert_uint_eq(config->lines[0].serial.open_wait_ms, 0);
    ck_assert_uint_eq(config->lines[0].serial.step_count, 0);
    selkie_gateway_config_close(config);
    device(&before, (const char *const[]){"--baud=1200", "--quiet=0", "--bit-rate=50", "--preamble=0", "--flow=none",
                                          "--packet=0", "--parity=1", "--radio", row(_i)->name, NULL});
    device(&behind, (const char *const[]){"--radio", row(_i)->name, "--baud=1200", "--quiet=0", "--bit-rate=50",
                                          "--preamble=0", "--flow=none", "--packet=0", "--parity=1", NULL});
    ck_assert_mem_eq(&before.air, &behind.air, sizeof before.air);
    ck_assert_uint_eq(before.tty.baud, 1200);
    ck_assert_uint_eq(behind.tty.baud, 1200);
    ck_assert_int_eq(before.tty.flow, SELKIE_TTY_FLOW_NONE);
    ck_assert_int_eq(behind.tty.flow, SELKIE_TTY_FLOW_NONE);
    ck_assert_uint_eq(before.air.quiet_ms, 0);
    ck_assert_uint_eq(before.air.bit_rate, 50);
    ck_assert_uint_eq(before.air.preamble_ms, 0);
    ck_assert_uint_eq(before.air.packet, 0);
    ck_assert_uint_eq(before.air.packet_gap_ms, 0); /* there are no packets to pause between */
    ck_assert_uint_eq(before.air.parity, 1);
}
END_TEST

START_TEST(names_are_different_and_listed_whole)
{
    char names[SELKIE_RADIO_NAMES_SIZE];

    selkie_radio_profile_names(names);
    ck_assert_str_eq(names, "e32, e220, hc-12, xbee, sik, rfm69-stick");
    for (size_t i = 0; i < selkie_radio_profile_count; i++)
        ck_assert_ptr_eq(selkie_radio_profile_find(selkie_radio_profiles[i].name), &selkie_radio_profiles[i]);
    ck_assert_ptr_null(selkie_radio_profile_find("E32"));
    ck_assert_ptr_null(selkie_radio_profile_find(""));
    ck_assert_ptr_null(gateway("lora", ""));
}
END_TEST

START_TEST(the_table_has_a_line_for_each)
{
    char *printed = NULL;
    size_t len, lines = 0;
    FILE *to = open_memstream(&printed, &len);

    ck_assert_int_eq(selkie_radio_profile_print(to), 0);
    (void)fclose(to);
    for (size_t i = 0; i < len; i++)
        lines += printed[i] == '\n';
    ck_assert_uint_eq(lines, selkie_radio_profile_count + 1);
    ck_assert_ptr_nonnull(
        strstr(printed, "\ne32           9600   2000   635     58     80      2 none    13 in  5.3 s"));
    free(printed);
    FILE *full = fopen("/dev/full", "w");
    ck_assert_int_eq(selkie_radio_profile_print(full), SELKIE_EIO);
    (void)fclose(full);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("radio_profile");
    TCase *tcase = tcase_create("radio_profile");
    int count = (int)selkie_radio_profile_count;

    tcase_add_loop_test(tcase, a_profile_is_one_that_a_device_can_have, 0, count);
    tcase_add_loop_test(tcase, the_quiet_time_is_longer_than_the_pause_between_packets, 0, count);
    tcase_add_loop_test(tcase, the_next_packet_finds_the_radio_idle, 0, count);
    tcase_add_loop_test(tcase, both_programs_take_it_by_its_name, 0, count);
    tcase_add_loop_test(tcase, what_is_set_beside_the_name_wins, 0, count);
    tcase_add_test(tcase, names_are_different_and_listed_whole);
    tcase_add_test(tcase, the_table_has_a_line_for_each);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
