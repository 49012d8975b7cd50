/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios: every mistake is told with file, line and key; what is said is what is run. */
#include "core/embedded.h"
#include "scenario/scenario.h"

#include <check.h>
#include <dirent.h>
#include <run_suite.h>
#include <string.h>

#define HUNDRED "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
#define YOURS   "{\"uri\": \"mqtt://h\", \"public_keys\": [{\"id\": 1, \"file\": \"1.pub.pem\"}]}"

static const struct {
    const char *text;
    const char *error;
} mistakes[] = {
    {"{\n\"duration\": 5}", "x.json:2: duration: unknown key"},
    {"{\"speed\": \"fast\"}", "x.json:1: speed: must be a number or \"max\""},
    {"{\"seed\": -1}", "x.json:1: seed: must be 0 to"},
    {"{\n\"fleet\": {\n\"devices\": 0}}", "x.json:3: devices: must be 1 to 1000000"},
    {"{\"fleet\": {\"heard_by\": 2}}", "x.json:1: fleet: heard_by: more gateways than there are channels"},
    {"{\"fleet\": {\"payload\": {\"kind\": \"csv\"}}}", "x.json:1: file: is required where kind is \"csv\""},
    {"{\"fleet\": {\"payload\": {\"kind\": \"constant\", \"size\": 11}}}", "x.json:1: size: must be 12 to 400"},
    {"{\"channels\": [{\"link\": \"wire\"}]}", "x.json:1: link: must be one of \"pty\", \"socket\", \"mqtt\""},
    {"{\"channels\": [{\"link\": \"socket\"}]}", "x.json:1: line: is required where gateways are yours"},
    {"{\"channels\": [{\"air\": {\n\"bit_errors\": 1}}]}", "x.json:2: bit_errors: must be 0 to 0.5"},
    {"{\"channels\": [{\"air\": {\"packet\": {\n\"bytes\": 0}}}]}", "x.json:2: bytes: must be 1 to 1024"},
    {"{\"channels\": [{\"air\": {\n\"packet\": {\"gap_ms\": 5}}}]}", "x.json:2: bytes: is required"},
    {"{\"channels\": [{\"air\": {\"packet\": {\"bytes\": 58,\n\"buffer\": 57}}}]}",
     "x.json:2: buffer: must hold a packet of 58 bytes"},
    {"{\"channels\": [{\"air\": {\"packet\": {\"bytes\": 58,\n\"loss\": 1.01}}}]}", "x.json:2: loss: must be 0 to 1"},
    {"{\"channels\": [{\"air\": {\"packet\": {\"bytes\": 58,\n\"loss\": -0.1}}}]}", "x.json:2: loss: must be 0 to 1"},
    {"{\"channels\": [{\"air\": {\"packet\": {\"bytes\": 58,\n\"gap_ms\": -1}}}]}", "x.json:2: gap_ms: must be 0 to"},
    {"{\"channels\": [{\"air\": {\"packet\": {\"bytes\": 58,\n\"los\": 0}}}]}", "x.json:2: los: unknown key"},
    {"{\"channels\": [{\"air\": {\"bit_rate\": 0, \"packet\": {\n\"bytes\": 58}}}]}",
     "x.json:2: bytes: needs \"bit_rate\" of \"air\" above 0"},
    {"{\"fleet\": {\n\"packet\": 18}}", "x.json:2: packet: must be 0 or 19 to 261"},
    {"{\"fleet\": {\n\"packet\": 262}}", "x.json:2: packet: must be 0 to 261"},
    {"{\"fleet\": {\n\"packet_gap_ms\": 2501}}", "x.json:2: packet_gap_ms: must be 0 to 2500"},
    {"{\"fleet\": {\n\"packet_gap_ms\": 1}}", "x.json:2: packet_gap_ms: needs a packet above 0"},
    {"{\"fleet\": {\n\"parity\": 65}}", "x.json:2: parity: must be 0 to 64"},
    {"{\"channels\": [{\"link\": \"socket\",\n\"line\": \"localhost:abc\"}]}",
     "x.json:2: line: must be HOST:PORT with a port of 1 to 65535, or a path"},
    {"{\"channels\": [{\"link\": \"socket\", \"line\": \"localhost:\"}]}", "x.json:1: line: must be HOST:PORT with"},
    {"{\"channels\": [{\"link\": \"socket\", \"line\": \"localhost:0\"}]}", "x.json:1: line: must be HOST:PORT with"},
    {"{\"channels\": [{\"link\": \"socket\", \"line\": \"localhost:72536\"}]}", "x.json:1: line: must be HOST:PORT"},
    {"{\"channels\": [{\"link\": \"socket\", \"line\": \"localhost:+80\"}]}", "x.json:1: line: must be HOST:PORT"},
    {"{\"channels\": [{\"link\": \"socket\", \"line\": \"localhost\"}]}",
     "x.json:1: line: must be HOST:PORT, or a path"},
    {"{\"channels\": [{\"link\": \"socket\", \"line\": \"::1:80\"}]}", "x.json:1: line: a host with colons"},
    {"{\"channels\": [{}, {\"link\": \"socket\", \"line\": \":65535\"}]}",
     "x.json:1: line: the port, with the channel's"},
    {"{\"channels\": [{\"link\": \"socket\", \"line\": \"/" HUNDRED "1234567\"}]}", "x.json:1: line: the path, with"},
    {"{\"channels\": [{\"line\": \"" HUNDRED HUNDRED "1\"}]}", "x.json:1: line: is longer than 200 bytes"},
    {"{\"broker\": " YOURS ", \"actions\": [{\n\"do\": \"broker-kill\"}]}",
     "x.json:2: do: a broker of yours cannot be"},
    {"{\"broker\": " YOURS ", \"actions\": [{\n\"do\": \"next-key\"}]}", "x.json:2: do: public_keys has no next key"},
    {"{\"channels\": [{\"line\": \"l\", \"gateways\": \"yours\"}], \"actions\": [{\n\"do\": \"gateway-stop\"}]}",
     "x.json:2: do: a gateway of yours cannot be stopped from here"},
    {"{\"channels\": [{}, {\"link\": \"socket\", \"line\": \":7000\"}],"
     "\"actions\": [{\"do\": \"gateway-kill\",\n\"channel\": 1}]}",
     "x.json:2: channel: a gateway of yours cannot be stopped from here"},
    {"{\"actions\": [{\"do\": \"gateway-kill\",\n\"channel\": 1}]}", "x.json:2: channel: must be 0 to 0"},
    {"{\"actions\": [{\"do\": \"broker-stop\",\n\"for_s\": 0}]}", "x.json:2: for_s: must be above 0"},
    {"{\"actions\": [{\"do\": \"broker-stop\", \"for_s\": 5,\n\"every_s\": 5}]}",
     "x.json:2: every_s: must be longer than"},
    {"{\"channels\": [{\"count\": 2}], \"attackers\": [{\"attack\": \"thief\",\n\"device\": 3}]}",
     "x.json:2: device: belongs to channel 1"},
    {"{\"broker\": {\"uri\": \"mqtt://h\"}}", "x.json:1: public_keys: must have one key or two"},
    {"{\"actions\": [{\"do\": \"reset\"},\n{\"do\": \"explode\"}]}", "x.json:2: do: must be one of \"reset\""},
    {"{\"actions\": [{\n\"at_s\": 1}]}", "x.json:1: do: is required"},
    {"{\"attackers\": [{\n\"attack\": \"flop\"}]}", "x.json:2: attack: must be one of \"replay\", \"replay-late\""},
    {"{\"attackers\": [{\n\"attack\": \"flip\", \"device\": 10}]}", "x.json:2: device: must be 0 to 9"},
    {"{\"expect\": {\n\"forgd\": 0}}", "x.json:2: forgd: unknown key"},
    {"{\"expect\": {\n\"forged\": \"~0\"}}", "x.json:2: forged: must be a number, or one behind"},
    {"{\"expect\": {\"events\": {\n\"explosion\": 0}}}", "x.json:2: explosion: unknown key"},
    {"{\"expect\": {\"attacks\": {\n\"flop\": 0}}}", "x.json:2: flop: unknown key"},
    {"{\"expect\": {\"results\": {\"flop\": 0}}}", "x.json:1: flop: unknown key"},
    {"{\"expect\": {\"results\": {\"flip\": {\n\"flop\": 0}}}}", "x.json:2: flop: unknown key"},
};

static void parse(struct selkie_scenario *scenario, const char *name, const char *text)
{
    selkie_scenario_read(scenario, selkie_settings_parse(name, text, strlen(text)));
}

START_TEST(each_mistake_is_told_with_file_line_and_key)
{
    struct selkie_scenario scenario;

    parse(&scenario, "x.json", mistakes[_i].text);
    ck_assert_ptr_nonnull(selkie_scenario_error(&scenario));
    ck_assert_msg(strncmp(selkie_scenario_error(&scenario), mistakes[_i].error, strlen(mistakes[_i].error)) == 0, "%s",
                  selkie_scenario_error(&scenario));
    selkie_scenario_close(&scenario);
}
END_TEST

START_TEST(what_is_said_is_read)
{
    struct selkie_scenario scenario;

    parse(&scenario, "x.json",
          "{\"name\": \"n\", \"seed\": 7, \"speed\": \"max\", \"fleet\": {\"devices\": 3, \"heard_by\": 2},"
          "\"channels\": [{\"count\": 2}, {\"link\": \"mqtt\", \"air\": {\"bit_rate\": 0}}],"
          "\"actions\": [{\"do\": \"reset\", \"at_s\": 5, \"share\": 0.5}],"
          "\"attackers\": [{\"attack\": \"flip\", \"count\": 4, \"channel\": 2}],"
          "\"expect\": {\"forged\": 0, \"delivered_share\": \">=0.98\", \"events\": {\"clone\": 1},"
          "\"attacks\": {\"flip\": \">=4\"}}}");
    ck_assert_msg(selkie_scenario_error(&scenario) == NULL, "%s", selkie_scenario_error(&scenario));
    ck_assert_double_eq(scenario.speed, 0);
    ck_assert_uint_eq(scenario.seed, 7);
    ck_assert_uint_eq(scenario.channel_count, 3);
    ck_assert(scenario.groups[0].own_gateways && scenario.groups[0].air.bit_rate == 2000);
    ck_assert(!scenario.groups[1].own_gateways && scenario.groups[1].air.bit_rate == 0);
    ck_assert_int_eq(scenario.actions[0].kind, SELKIE_ACTION_RESET);
    ck_assert_double_eq(scenario.actions[0].share, 0.5);
    ck_assert_int_eq(scenario.attacks[0].kind, SELKIE_ATTACK_FLIP);
    ck_assert_uint_eq(scenario.expect.count, 4);
    for (size_t i = 0; i < scenario.expect.count; i++) {
        const struct selkie_expectation *expectation = &scenario.expect.list[i];
        bool flip = strcmp(expectation->name, "attacks.flip") == 0;
        bool share = strcmp(expectation->name, "delivered_share") == 0;
        ck_assert_int_eq(expectation->relation, flip || share ? SELKIE_AT_LEAST : SELKIE_EQUAL);
        ck_assert(share || flip || strcmp(expectation->name, "forged") == 0 ||
                  strcmp(expectation->name, "events.clone") == 0);
    }
    selkie_scenario_close(&scenario);
}
END_TEST

START_TEST(packets_are_read)
{
    struct selkie_scenario scenario;

    parse(&scenario, "x.json",
          "{\"fleet\": {\"packet\": 58, \"packet_gap_ms\": 120, \"parity\": 3}, \"channels\": [{\"air\": {\"packet\":"
          "{\"bytes\": 58, \"gap_ms\": 12.5, \"loss\": 0.05, \"buffer\": 58}}}, {\"air\": {\"packet\": {\"bytes\": "
          "200}}},"
          "{}], \"expect\": {\"packets_lost\": \">=1\", \"radio_overflow_bytes\": 0}}");
    ck_assert_msg(selkie_scenario_error(&scenario) == NULL, "%s", selkie_scenario_error(&scenario));
    ck_assert_uint_eq(scenario.fleet.packet_max, 58);
    ck_assert_uint_eq(scenario.fleet.packet_gap_ms, 120);
    ck_assert_uint_eq(scenario.fleet.parity, 3);
    const struct selkie_packet_options *packet = &scenario.groups[0].air.packet;
    ck_assert(packet->bytes == 58 && packet->gap_us == 12500 && packet->buffer == 58);
    ck_assert_double_eq(packet->loss, 0.05);
    packet = &scenario.groups[1].air.packet;
    ck_assert(packet->bytes == 200 && packet->gap_us == 0 && packet->buffer == 512);
    ck_assert_double_eq(packet->loss, 0);
    ck_assert_uint_eq(scenario.groups[2].air.packet.bytes, 0);
    selkie_scenario_close(&scenario);
}
END_TEST

START_TEST(the_template_has_no_mistake)
{
    struct selkie_scenario scenario;

    parse(&scenario, "template", selkie_embedded_template);
    ck_assert_msg(selkie_scenario_error(&scenario) == NULL, "%s", selkie_scenario_error(&scenario));
    selkie_scenario_close(&scenario);
}
END_TEST

START_TEST(every_scenario_of_ours_has_no_mistake_and_expects_something)
{
    static const char folder[] = SELKIE_SOURCE_DIR "/sim/scenarios";
    struct selkie_scenario scenario;
    struct dirent *entry;
    char path[512];
    unsigned read = 0;
    DIR *dir = opendir(folder);

    ck_assert_ptr_nonnull(dir);
    while ((entry = readdir(dir)) != NULL) {
        if (strstr(entry->d_name, ".json") == NULL)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        selkie_scenario_read(&scenario, selkie_settings_load(path));
        ck_assert_msg(selkie_scenario_error(&scenario) == NULL, "%s", selkie_scenario_error(&scenario));
        ck_assert_msg(scenario.expect.count > 0, "%s expects nothing", path);
        selkie_scenario_close(&scenario);
        read++;
    }
    (void)closedir(dir);
    ck_assert_uint_ge(read, 8);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim scenario");
    TCase *tcase = tcase_create("scenario");

    tcase_add_loop_test(tcase, each_mistake_is_told_with_file_line_and_key, 0, sizeof mistakes / sizeof mistakes[0]);
    tcase_add_test(tcase, what_is_said_is_read);
    tcase_add_test(tcase, packets_are_read);
    tcase_add_test(tcase, the_template_has_no_mistake);
    tcase_add_test(tcase, every_scenario_of_ours_has_no_mistake_and_expects_something);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
