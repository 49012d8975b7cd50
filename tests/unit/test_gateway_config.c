/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway_config.h"
#include "run_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/selkie-config-XXXXXX";
static char said[1024]; /* what the last parse wrote to stderr */

/* A configuration in which nothing is wrong but, perhaps, what stands in `extra` and `broker`. */
static struct selkie_gateway_config *parse(const char *broker, const char *extra)
{
    char text[1024];
    int len =
        snprintf(text, sizeof(text),
                 "{\"gateway\":\"roof\",\n\"broker\":{%s},\n\"spool\":{\"path\":\"/x/spool.db\"},\n%s}", broker, extra);
    FILE *log = tmpfile();
    int saved = dup(STDERR_FILENO);

    ck_assert_int_lt(len, (int)sizeof(text));
    ck_assert_ptr_nonnull(log);
    (void)dup2(fileno(log), STDERR_FILENO);
    struct selkie_gateway_config *config = selkie_gateway_config_parse("g.json", text, (size_t)len);
    (void)dup2(saved, STDERR_FILENO);
    (void)close(saved);
    rewind(log);
    said[fread(said, 1, sizeof(said) - 1, log)] = '\0';
    (void)fclose(log);
    return config;
}

#define PLAIN "\"uri\":\"mqtt://h:1\""
#define LINE  "\"serial\":[{\"device\":\"/dev/ttyS9\"}]"

START_TEST(defaults_are_those_of_the_manual)
{
    struct selkie_gateway_config *config = parse(PLAIN, LINE);

    ck_assert_msg(config != NULL, "%s", said);
    ck_assert_str_eq(config->root, "selkie");
    ck_assert_str_eq(config->gateway, "roof");
    ck_assert_uint_eq(config->line_count, 1);
    ck_assert_uint_eq(config->lines[0].serial.tty.baud, 9600);
    ck_assert(config->lines[0].ack);
    ck_assert_uint_eq(config->lines[0].quiet_ms, 20);
    ck_assert_uint_eq(config->lines[0].bit_rate, 2000);
    ck_assert_uint_eq(config->lines[0].duty_permille, 0);
    ck_assert_uint_eq(config->lines[0].channel, 0);
    ck_assert(!config->lines[0].ack_session);
    ck_assert_int_eq(config->lines[0].rssi, SELKIE_LINE_RSSI_NONE);
    ck_assert(selkie_gateway_config_acknowledges_all(config));
    ck_assert_int_eq(config->max_frames, 1000000);
    ck_assert_int_eq(config->confirm, SELKIE_CONFIRM_RECEIPT);
    ck_assert_uint_eq(config->window, 16);
    ck_assert_uint_eq(config->stats_s, 30);
    ck_assert_uint_eq(config->allow_count, 0);
    ck_assert(!config->broker.uris[0].tls);
    ck_assert_uint_eq(config->broker.keepalive_s, 30);
    ck_assert_uint_eq(config->broker.connect_timeout_s, 30);
    selkie_gateway_config_close(config);
}
END_TEST

START_TEST(uri_may_name_host_address_and_port)
{
    static const char *const uris[] = {"mqtt://h", "mqtt://h.example-1:1", "mqtts://10.0.0.1:65535",
                                       "mqtt://[::1]:1883"};
    char broker[80];

    for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        (void)snprintf(broker, sizeof(broker), "\"uri\":\"%s\"", uris[i]);
        struct selkie_gateway_config *config = parse(broker, LINE);
        ck_assert_msg(config != NULL, "%s", said);
        selkie_gateway_config_close(config);
    }
}
END_TEST

START_TEST(every_key_is_read)
{
    struct selkie_gateway_config *config =
        parse("\"uri\":\"mqtts://h\",\"username\":\"u\"",
              "\"serial\":[{\"device\":\"/a\",\"baud\":115200,\"ack\":false,\"quiet_ms\":0},{\"device\":\"/b\","
              "\"bit_rate\":1200,\"duty\":100,\"channel\":15,\"ack_session\":true,\"rssi\":\"byte\"}],"
              "\"root\":\"farm/north\",\"confirm\":\"broker\",\"window\":1000,\"allow\":[\"00\",\"0011223344556677\"]");

    ck_assert_msg(config != NULL, "%s", said);
    ck_assert_str_eq(config->root, "farm/north");
    ck_assert(config->broker.uris[0].tls);
    ck_assert_str_eq(config->broker.username, "u");
    ck_assert_uint_eq(config->line_count, 2);
    ck_assert_uint_eq(config->lines[0].serial.tty.baud, 115200);
    ck_assert(!config->lines[0].ack);
    ck_assert_uint_eq(config->lines[0].quiet_ms, 0);
    ck_assert_str_eq(config->lines[1].device, "/b");
    ck_assert_uint_eq(config->lines[1].bit_rate, 1200);
    ck_assert_uint_eq(config->lines[1].duty_permille, 100);
    ck_assert_uint_eq(config->lines[1].channel, 15);
    ck_assert(config->lines[1].ack_session);
    ck_assert_int_eq(config->lines[1].rssi, SELKIE_LINE_RSSI_BYTE);
    ck_assert(!selkie_gateway_config_acknowledges_all(config));
    ck_assert_int_eq(config->confirm, SELKIE_CONFIRM_BROKER);
    ck_assert_uint_eq(config->window, 1000);
    ck_assert_uint_eq(config->allow_count, 2);
    ck_assert_str_eq(config->allow[1], "0011223344556677");
    selkie_gateway_config_close(config);
}
END_TEST

#define LINE_WITH(keys) "\"serial\":[{\"device\":\"/a\"," keys "}]"

START_TEST(every_key_of_a_line_is_read)
{
    struct selkie_gateway_config *config =
        parse(PLAIN, LINE_WITH("\"baud\":12345,\"data\":7,\"parity\":\"odd\",\"stop\":2,\"flow\":\"rtscts\","
                               "\"dtr\":\"off\",\"rts\":\"keep\",\"open_wait_ms\":2000,\"init\":["
                               "{\"send\":\"AT\\r\\n\",\"expect\":\"OK\",\"wait_ms\":300},"
                               "{\"hex\":\"C0fF00\",\"expect_hex\":\"c1\"},{\"send\":\"+++\"}]"));

    ck_assert_msg(config != NULL, "%s", said);
    const struct selkie_line_settings *line = &config->lines[0].serial;
    ck_assert_uint_eq(line->tty.baud, 12345);
    ck_assert_uint_eq(line->tty.data, 7);
    ck_assert_uint_eq(line->tty.stop, 2);
    ck_assert_int_eq(line->tty.parity, SELKIE_TTY_PARITY_ODD);
    ck_assert_int_eq(line->tty.flow, SELKIE_TTY_FLOW_RTSCTS);
    ck_assert_int_eq(line->tty.dtr, SELKIE_TTY_OFF);
    ck_assert_int_eq(line->tty.rts, SELKIE_TTY_KEEP);
    ck_assert(!line->tty.rs485);
    ck_assert_uint_eq(line->open_wait_ms, 2000);
    ck_assert_uint_eq(line->step_count, 3);
    ck_assert_uint_eq(line->steps[0].send_len, 4);
    ck_assert_mem_eq(line->steps[0].send, "AT\r\n", 4);
    ck_assert_uint_eq(line->steps[0].expect_len, 2);
    ck_assert_uint_eq(line->steps[0].wait_ms, 300);
    ck_assert_uint_eq(line->steps[1].send_len, 3);
    ck_assert_mem_eq(line->steps[1].send, "\xC0\xFF\x00", 3);
    ck_assert_mem_eq(line->steps[1].expect, "\xC1", 1);
    ck_assert_uint_eq(line->steps[1].wait_ms, SELKIE_LINE_STEP_WAIT_MS);
    ck_assert_uint_eq(line->steps[2].expect_len, 0);
    ck_assert_uint_eq(line->steps[2].wait_ms, SELKIE_LINE_STEP_PAUSE_MS);
    selkie_gateway_config_close(config);
}
END_TEST

/* Any difference opens the line again; none does not. */
START_TEST(lines_are_the_same_if_all_that_opens_them_is)
{
    static const char *const others[] = {"\"baud\":9601",
                                         "\"data\":7",
                                         "\"parity\":\"odd\"",
                                         "\"stop\":2",
                                         "\"dtr\":\"off\"",
                                         "\"open_wait_ms\":1",
                                         "\"flow\":\"rtscts\"",
                                         "\"rs485\":true",
                                         "\"rts\":\"on\"",
                                         "\"init\":[{\"send\":\"b\"}]",
                                         "\"init\":[{\"send\":\"a\"},{\"send\":\"a\"}]"};
    struct selkie_gateway_config *config = parse(PLAIN, LINE_WITH("\"init\":[{\"send\":\"a\"}]"));
    struct selkie_gateway_config *same = parse(PLAIN, LINE_WITH("\"init\":[{\"send\":\"a\"}],\"baud\":9600"));

    ck_assert(selkie_line_settings_same(&config->lines[0].serial, &same->lines[0].serial));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        char text[200];
        bool steps = strstr(others[i], "init") != NULL;
        (void)snprintf(text, sizeof(text), LINE_WITH("%s%s"), others[i], steps ? "" : ",\"init\":[{\"send\":\"a\"}]");
        struct selkie_gateway_config *other = parse(PLAIN, text);
        ck_assert_msg(other != NULL, "%s", said);
        ck_assert_msg(!selkie_line_settings_same(&config->lines[0].serial, &other->lines[0].serial), "%s", others[i]);
        selkie_gateway_config_close(other);
    }
    selkie_gateway_config_close(same);
    selkie_gateway_config_close(config);
}
END_TEST

START_TEST(serial_server_is_a_device)
{
    static const char *const devices[] = {"tcp://127.0.0.1:7000", "tcp://[::1]:65535", "tcp://shed.example:1"};
    char line[100];

    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        (void)snprintf(line, sizeof(line), "\"serial\":[{\"device\":\"%s\",\"open_wait_ms\":1}]", devices[i]);
        struct selkie_gateway_config *config = parse(PLAIN, line);
        ck_assert_msg(config != NULL, "%s", said);
        selkie_gateway_config_close(config);
    }
}
END_TEST

#define TEXT_65  "12345678901234567890123456789012345678901234567890123456789012345"
#define TCP_LINE "\"serial\":[{\"device\":\"tcp://h:1\","

static const struct {
    const char *broker, *extra, *error;
} mistakes[] = {
    {PLAIN, LINE_WITH("\n\"baud\":12000001"), "g.json:5: baud: must be 50 to 12000000"},
    {PLAIN, LINE_WITH("\"data\":4"), "data: must be 5 to 8"},
    {PLAIN, LINE_WITH("\"stop\":3"), "stop: must be 1 to 2"},
    {PLAIN, LINE_WITH("\"parity\":\"mark\""), "parity: must be"},
    {PLAIN, LINE_WITH("\"flow\":\"xonxoff\""), "flow: must be"},
    {PLAIN, LINE_WITH("\"dtr\":true"), "dtr: must be"},
    {PLAIN, LINE_WITH("\"rts\":\"on\",\"flow\":\"rtscts\""), "rts: must be \"keep\": flow switches this signal"},
    {PLAIN, LINE_WITH("\"rts\":\"on\",\"rs485\":true"), "rts: must be \"keep\": rs485 switches this signal"},
    {PLAIN, LINE_WITH("\"rs485\":true,\"flow\":\"rtscts\""), "rs485: excludes flow"},
    {PLAIN, LINE_WITH("\"open_wait_ms\":60001"), "open_wait_ms: must be 0 to 60000"},
    {PLAIN, LINE_WITH("\"init\":[{}]"), "send: is required, or hex"},
    {PLAIN, LINE_WITH("\"init\":[{\"send\":\"\"}]"), "send: must be 1 to 128 bytes"},
    {PLAIN, LINE_WITH("\"init\":[{\"send\":\"" TEXT_65 TEXT_65 "\"}]"), "send: must be 1 to 128 bytes"},
    {PLAIN, LINE_WITH("\"init\":[{\"send\":\"a\",\n\"expect\":\"" TEXT_65 "\"}]"),
     "g.json:5: expect: must be 1 to 64 bytes"},
    {PLAIN, LINE_WITH("\"init\":[{\"send\":\"a\",\"hex\":\"00\"}]"), "send: excludes hex"},
    {PLAIN, LINE_WITH("\"init\":[{\"send\":\"a\",\"expect\":\"a\",\"expect_hex\":\"00\"}]"), "expect: excludes"},
    {PLAIN, LINE_WITH("\"init\":[{\"hex\":\"C0F\"}]"), "hex: must be pairs of hex digits"},
    {PLAIN, LINE_WITH("\"init\":[{\"hex\":\"C0 F\"}]"), "hex: must be pairs of hex digits"},
    {PLAIN, LINE_WITH("\"init\":[{\"send\":\"a\",\"wait_ms\":60001}]"), "wait_ms: must be 1 to 60000"},
    {PLAIN, LINE_WITH("\"init\":[{\"send\":\"a\",\"await\":1}]"), "await"},
    {PLAIN, "\"serial\":[{\"device\":\"tcp://h\"}]", "device: must be tcp://HOST:PORT"},
    {PLAIN, "\"serial\":[{\"device\":\"tcp://h:0\"}]", "device: must be tcp://HOST:PORT"},
    {PLAIN, "\"serial\":[{\"device\":\"tcp://h:1/x\"}]", "device: must be tcp://HOST:PORT"},
    {PLAIN, "\"serial\":[{\"device\":\"rfc2217://h:1\"}]", "device: rfc2217:// is not supported: set the speed at"},
    {PLAIN, TCP_LINE "\"baud\":9600}]", "baud: is a setting of the serial server: tcp://h:1 passes only bytes"},
    {PLAIN, TCP_LINE "\"rs485\":false}]", "rs485: is a setting of the serial server"},
    {PLAIN, LINE ",\n\"sereal\":[]", "g.json:5: sereal"},
    {PLAIN, "\"serial\":[]", "g.json:4: serial: must have 1 to 16"},
    {PLAIN, "\"serial\":[{\"device\":\"ttyUSB0\"}]", "device: must be a path"},
    {PLAIN, "\"serial\":[{\"device\":\"/a\"},\n{\"device\":\"/a\"}]", "g.json:5: device: /a is there twice"},
    {PLAIN, "\"serial\":[{\"device\":\"/a\",\"baud\":49}]", "baud: must be 50 to 12000000"},
    {PLAIN, "\"serial\":[{\"device\":\"/a\",\"quiet_ms\":10001}]", "quiet_ms: must be 0 to 10000"},
    {PLAIN, "\"serial\":[{\"device\":\"/a\",\n\"radio\":\"lora\"}]",
     "g.json:5: radio: \"lora\" is not one of e32, e220, hc-12, xbee, sik, rfm69-stick; leave it out"},
    {PLAIN, "\"serial\":[{\"device\":\"/a\",\"bit_rate\":0}]", "bit_rate: must be 50 to 4000000"},
    {PLAIN, "\"serial\":[{\"device\":\"/a\",\"duty\":1001}]", "duty: must be 0 to 1000"},
    {PLAIN, "\"serial\":[{\"device\":\"/a\",\"channel\":16}]", "channel: must be 0 to 15"},
    {PLAIN, "\"serial\":[{\"device\":\"/a\",\"rssi\":\"yes\"}]", "rssi: must be"},
    {PLAIN, "\"serial\":[{\"device\":\"/a\",\"rssi\":true}]", "rssi: must be"},
    {PLAIN, LINE ",\"window\":0", "window: must be 1 to 1000"},
    {PLAIN, LINE ",\"confirm\":\"maybe\"", "confirm: must be"},
    {PLAIN, LINE ",\"allow\":[\"00zz\"]", "allow: \"00zz\" is not 1 to 16 hex digits"},
    {PLAIN, LINE ",\"allow\":[\"00112233445566778\"]", "is not 1 to 16 hex digits"},
    {PLAIN, LINE ",\"root\":\"a/#\"", "root: must be topic levels"},
    {"\"uri\":\"http://h\"", LINE, "g.json:2: uri: must be mqtt://"},
    {"\"uri\":\"mqtt://\"", LINE, "uri: must be mqtt://"},
    {"\"uri\":\"mqtt://u:secret@h\"", LINE, "uri: must be mqtt://"},
    {"\"uri\":\"mqtt://h/x\"", LINE, "uri: must be mqtt://"},
    {"\"uri\":\"mqtt://h:\"", LINE, "uri: must be mqtt://"},
    {"\"uri\":\"mqtt://h:65536\"", LINE, "uri: must be mqtt://"},
    {"\"uri\":\"mqtt://[::1\"", LINE, "uri: must be mqtt://"},
    {"\"username\":\"u\"", LINE, "uri: is required"},
    {PLAIN ",\"ca\":\"/etc/hostname\"", LINE, "uri: must be mqtts://"},
    {"\"uri\":\"mqtts://h\",\"ca\":\"/no/such/ca\"", LINE, "ca: /no/such/ca: No such file"},
    {"\"uri\":\"mqtts://h\",\"ca\":\"ca.pem\"", LINE, "ca: must be a path from the root"},
    {"\"uri\":\"mqtts://h\",\"ca\":\"/etc\"", LINE, "ca: /etc: not a file"},
    {"\"uri\":\"mqtts://h\",\"key\":\"/etc/hostname\"", LINE, "key: is of no use without cert"},
    {PLAIN ",\"password_file\":\"/etc/hostname\"", LINE, "password_file: is of no use without username"},
    {PLAIN ",\"username\":\"u\",\"password_file\":\"/etc/hostname\"", LINE,
     "password_file: /etc/hostname: everybody may read it"},
};

START_TEST(mistake_is_told_with_its_key)
{
    ck_assert_ptr_null(parse(mistakes[_i].broker, mistakes[_i].extra));
    ck_assert_msg(strstr(said, mistakes[_i].error) != NULL, "said: %s", said);
}
END_TEST

START_TEST(gateway_name_must_be_a_topic_level)
{
    static const char text[] = "{\"gateway\":\"a/b\",\"broker\":{\"uri\":\"mqtt://h\"},\"spool\":{\"path\":\"/s\"},"
                               "\"serial\":[{\"device\":\"/a\"}]}";

    ck_assert_ptr_null(selkie_gateway_config_parse("g.json", text, strlen(text)));
}
END_TEST

START_TEST(secret_that_only_its_owner_reads_is_taken)
{
    char path[64];
    char broker[160];

    (void)snprintf(path, sizeof(path), "%s/password", folder);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs("secret\n", file), 0);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(path, 0600), 0);
    (void)snprintf(broker, sizeof(broker), PLAIN ",\"username\":\"u\",\"password_file\":\"%s\"", path);
    struct selkie_gateway_config *config = parse(broker, LINE);
    ck_assert_msg(config != NULL, "%s", said);
    selkie_gateway_config_close(config);
    ck_assert_int_eq(chmod(path, 0604), 0);
    ck_assert_ptr_null(parse(broker, LINE));
    ck_assert_int_eq(chmod(path, 0600), 0);
    ck_assert_int_eq(truncate(path, 0), 0);
    ck_assert_ptr_null(parse(broker, LINE)); /* and not only when the broker refuses it */
    ck_assert_msg(strstr(said, "g.json:2: password_file: ") && strstr(said, "/password: holds no password"), "%s",
                  said);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(template_has_every_key_and_no_mistake_but_missing_files)
{
    static const char *const keys[] = {"gateway", "root",         "uri",     "username",    "password_file",
                                       "ca",      "cert",         "key",     "keepalive_s", "connect_timeout_s",
                                       "device",  "baud",         "ack",     "quiet_ms",    "path",
                                       "window",  "max_frames",   "confirm", "allow",       "data",
                                       "parity",  "stop",         "flow",    "dtr",         "rts",
                                       "rs485",   "open_wait_ms", "init",    "stats_s"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        char quoted[32];
        (void)snprintf(quoted, sizeof(quoted), "\"%s\":", keys[i]);
        ck_assert_msg(strstr(selkie_gateway_config_template, quoted) != NULL, "%s", quoted);
    }
    /* Without the lines that name files, it is taken. */
    char *text = strdup(selkie_gateway_config_template);
    char *first = strstr(text, ",\n        \"password_file\"");
    char *end = strstr(text, "\n    },");
    ck_assert(first != NULL && end != NULL);
    memmove(first, end, strlen(end) + 1);
    struct selkie_gateway_config *config = selkie_gateway_config_parse("template", text, strlen(text));
    ck_assert_ptr_nonnull(config);
    selkie_gateway_config_close(config);
    free(text);
}
END_TEST

START_TEST(password_over_the_network_in_plain_text_is_told)
{
    static const struct {
        const char *uri;
        bool told;
    } cases[] = {{"mqtt://h", true},           {"mqtt://localhost.example:1883", true},
                 {"mqtts://h", false},         {"mqtt://localhost", false},
                 {"mqtt://[::1]:1883", false}, {"mqtt://127.0.0.1:1883", false}};
    char path[64];
    char broker[200];

    (void)snprintf(path, sizeof(path), "%s/secret", folder);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs("secret\n", file), 0);
    (void)fclose(file);
    ck_assert_int_eq(chmod(path, 0600), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)snprintf(broker, sizeof(broker), "\"uri\":\"%s\",\"username\":\"u\",\"password_file\":\"%s\"",
                       cases[i].uri, path);
        struct selkie_gateway_config *config = parse(broker, LINE);
        ck_assert_msg(config != NULL, "%s", said);
        ck_assert_msg((strstr(said, "plain text") != NULL) == cases[i].told, "%s: %s", cases[i].uri, said);
        selkie_gateway_config_close(config);
    }
    (void)unlink(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tcase = tcase_create("config");

    tcase_add_test(tcase, defaults_are_those_of_the_manual);
    tcase_add_test(tcase, uri_may_name_host_address_and_port);
    tcase_add_test(tcase, every_key_is_read);
    tcase_add_test(tcase, every_key_of_a_line_is_read);
    tcase_add_test(tcase, lines_are_the_same_if_all_that_opens_them_is);
    tcase_add_test(tcase, serial_server_is_a_device);
    tcase_add_loop_test(tcase, mistake_is_told_with_its_key, 0, sizeof(mistakes) / sizeof(mistakes[0]));
    tcase_add_test(tcase, gateway_name_must_be_a_topic_level);
    tcase_add_test(tcase, secret_that_only_its_owner_reads_is_taken);
    tcase_add_test(tcase, template_has_every_key_and_no_mistake_but_missing_files);
    tcase_add_test(tcase, password_over_the_network_in_plain_text_is_told);
    suite_add_tcase(suite, tcase);
    if (mkdtemp(folder) == NULL)
        return 1;
    int result = run_suite(suite);
    (void)rmdir(folder);
    return result;
}
