/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl against a real Mosquitto with fake_control.so in the plugin's place: what it asks, and what it makes of
 * whatever comes back. */
#include "harness.h"
#include <vectors/vectors.h>

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ADDRESS  "00112233aabbccdd"
#define OK(data) "{\"responses\":[{\"command\":\"x\",\"data\":" data ",\"correlationData\":\"CORRELATION\"}]}\n"

struct fixture {
    struct harness_broker *broker;
    char requests[256];
};

static struct fixture start(const char *answers)
{
    struct fixture fixture;
    char lines[1024], answers_path[256];
    snprintf(fixture.requests, sizeof fixture.requests, "%s", harness_path("requests"));
    snprintf(answers_path, sizeof answers_path, "%s", harness_write("answers", 0644, "%s", answers));
    snprintf(lines, sizeof lines, "allow_anonymous true\nplugin %s\nplugin_opt_answers %s\nplugin_opt_requests %s\n",
             SELKIE_FAKE_CONTROL, answers_path, fixture.requests);
    fixture.broker = harness_broker(lines);
    return fixture;
}

/* Run selkiectl as a line of a shell, where "$ctl" is it with its broker. */
static int ctl(const struct fixture *fixture, const char *broker_options, char **output, const char *line)
{
    char script[2048];
    snprintf(script, sizeof script, "ctl() { '%s' \"$@\" --broker '%s' %s; }; %s", harness_program("selkiectl"),
             fixture->broker->uri, broker_options, line);
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    return harness_run("selkiectl", argv, output);
}

static void expect(const struct fixture *fixture, int status, const char *line, const char *text)
{
    char *output;
    int ended = ctl(fixture, "--timeout 20", &output, line);
    ck_assert_msg(ended == status && strstr(output, text) != NULL, "%s: exit %d, expected %d and \"%s\" in:\n%s", line,
                  ended, status, text, output);
    free(output);
}

/* The n-th request that the plugin had. */
static json_t *request(const struct fixture *fixture, size_t number)
{
    char *all = harness_read(fixture->requests), *line = all;
    while (number-- > 0)
        line = strchr(line, '\n') + 1;
    line[strcspn(line, "\n")] = '\0';
    json_t *root = json_loads(line, 0, NULL);
    ck_assert_msg(root != NULL, "not JSON: %s", line);
    free(all);
    return root;
}

START_TEST(each_command_asks_what_it_says)
{
    static const struct {
        const char *line;
        const char *expected; /* fields of the first command */
    } cases[] = {
        {"device list", "{\"command\":\"listDevices\",\"limit\":1000}"},
        {"device list --status pending", "{\"command\":\"listDevices\",\"limit\":1000,\"status\":\"pending\"}"},
        {"device show 00112233AABBCCDD", "{\"command\":\"getDevice\",\"address\":\"" ADDRESS "\"}"},
        {"device add " ADDRESS " --name 'Roof 1' --claim s3cret",
         "{\"command\":\"addDevice\",\"address\":\"" ADDRESS "\",\"name\":\"Roof 1\",\"claim\":\"s3cret\"}"},
        {"device add " ADDRESS, "{\"command\":\"addDevice\",\"address\":\"" ADDRESS "\"}"},
        {"device set " ADDRESS " --name x --no-claim",
         "{\"command\":\"setDevice\",\"address\":\"" ADDRESS "\",\"name\":\"x\",\"claim\":null}"},
        {"device set 0x" ADDRESS " --claim c",
         "{\"command\":\"setDevice\",\"address\":\"" ADDRESS "\",\"claim\":\"c\"}"},
        {"device set " ADDRESS " --model th-1",
         "{\"command\":\"setDevice\",\"address\":\"" ADDRESS "\",\"model\":\"th-1\"}"},
        {"device set " ADDRESS " --no-model --no-claim",
         "{\"command\":\"setDevice\",\"address\":\"" ADDRESS "\",\"claim\":null,\"model\":null}"},
        {"device add " ADDRESS " --model th-1",
         "{\"command\":\"addDevice\",\"address\":\"" ADDRESS "\",\"model\":\"th-1\"}"},
        {"model list", "{\"command\":\"listModels\"}"},
        {"device approve " ADDRESS, "{\"command\":\"approveDevice\",\"address\":\"" ADDRESS "\"}"},
        {"device approve " ADDRESS " 0123456789abcdef",
         "{\"command\":\"approveDevice\",\"address\":\"" ADDRESS "\",\"id\":\"0123456789abcdef\"}"},
        {"device approve " ADDRESS " --newest",
         "{\"command\":\"approveDevice\",\"address\":\"" ADDRESS "\",\"newest\":true}"},
        {"device deny " ADDRESS " --all", "{\"command\":\"denyDevice\",\"address\":\"" ADDRESS "\",\"all\":true}"},
        {"device readmit " ADDRESS " 0123456789abcdef",
         "{\"command\":\"readmitDevice\",\"address\":\"" ADDRESS "\",\"id\":\"0123456789abcdef\"}"},
        {"device list --waiting", "{\"command\":\"listPending\",\"limit\":1000}"},
        {"device deny " ADDRESS, "{\"command\":\"denyDevice\",\"address\":\"" ADDRESS "\"}"},
        {"device revoke " ADDRESS, "{\"command\":\"revokeDevice\",\"address\":\"" ADDRESS "\"}"},
        {"device restore " ADDRESS, "{\"command\":\"restoreDevice\",\"address\":\"" ADDRESS "\"}"},
        {"device remove " ADDRESS, "{\"command\":\"removeDevice\",\"address\":\"" ADDRESS "\"}"},
        {"device export", "{\"command\":\"listDevices\",\"limit\":1000}"},
        {"gateway list", "{\"command\":\"listGateways\"}"},
        {"gateway add roof", "{\"command\":\"addGateway\",\"gateway\":\"roof\",\"auth\":\"password\"}"},
        {"gateway add roof --certificate",
         "{\"command\":\"addGateway\",\"gateway\":\"roof\",\"auth\":\"certificate\"}"},
        {"gateway reset-password roof", "{\"command\":\"resetGatewayPassword\",\"gateway\":\"roof\"}"},
        {"gateway remove roof", "{\"command\":\"removeGateway\",\"gateway\":\"roof\"}"},
        {"key list", "{\"command\":\"listKeys\"}"},
        {"stats", "{\"command\":\"getStats\"}"},
    };
    struct fixture fixture = start("ECHO\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[256];
        snprintf(line, sizeof line, "ctl %s", cases[i].line);
        expect(&fixture, 0, line, "");
        json_t *root = request(&fixture, i);
        json_t *command = json_array_get(json_object_get(root, "commands"), 0);
        ck_assert_int_eq(json_object_del(command, "correlationData"), 0);
        json_t *expected = json_loads(cases[i].expected, 0, NULL);
        ck_assert_msg(json_equal(command, expected), "%s asked %s", cases[i].line, json_dumps(command, 0));
        json_decref(expected);
        json_decref(root);
    }
}
END_TEST

#define DEVICE(address, status, binding_status)                                                                        \
    "{\"address\":\"" address "\",\"name\":\"R\u00f6of\",\"status\":\"" status "\",\"bindings\":["                     \
    "{\"id\":\"aaaaaaaaaaaaaaaa\",\"status\":\"retired\",\"counter\":1},"                                              \
    "{\"id\":\"0123456789abcdef\",\"status\":\"" binding_status "\",\"counter\":4711,\"received\":12,\"lost\":3,"      \
    "\"first_seen\":1700000000000,\"last_seen\":1700000001000,\"gateway\":\"roof-1\",\"key_id\":1,\"form\":"           \
    "\"session\",\"firmware\":\"1.2\"}]}"

#define NO_DEVICES OK("{\"total\":0,\"devices\":[]}")

START_TEST(lists_come_page_by_page)
{
    struct fixture fixture =
        start(OK("{\"total\":3,\"devices\":[" DEVICE("0000000000000001", "active", "active") "," DEVICE(
            "0000000000000002", "pending", "pending") "]}")
                  OK("{\"total\":3,\"devices\":[" DEVICE("0000000000000003", "active", "active") "]}") NO_DEVICES);
    char *output;
    ck_assert_int_eq(ctl(&fixture, "", &output, "export TZ=CET-1; ctl device list --utc"), 0);
    ck_assert_ptr_nonnull(strstr(output, "ADDRESS           NAME  STATUS   ID                COUNTER  RECEIVED  LOST  "
                                         "FORM     LAST SEEN                  GATEWAY  FIRMWARE\n"));
    ck_assert_ptr_nonnull(strstr(output, "0000000000000001  Röof  active   0123456789abcdef     4711        12     3  "
                                         "session  2023-11-14 22:13:21 +0000  roof-1   1.2\n"));
    ck_assert_ptr_nonnull(strstr(output, "0000000000000003"));
    free(output);
    for (size_t i = 1; i < 3; i++) {
        json_t *root = request(&fixture, i);
        const json_t *command = json_array_get(json_object_get(root, "commands"), 0);
        ck_assert_str_eq(vectors_text(command, "after"), i == 1 ? "0000000000000002" : "0000000000000003");
        json_decref(root);
    }
}
END_TEST

START_TEST(a_list_that_goes_round_in_circles_is_told)
{
    struct fixture fixture = start(OK("{\"total\":9,\"devices\":[" DEVICE(ADDRESS, "active", "active") "]}"));
    expect(&fixture, 1, "ctl device list", "not in the order of addresses");
}
END_TEST

START_TEST(a_device_is_shown_with_its_ids)
{
    struct fixture fixture = start(OK(DEVICE(ADDRESS, "active", "active")));
    expect(&fixture, 0, "ctl device show " ADDRESS, "status   active\n");
    expect(&fixture, 0, "ctl device show " ADDRESS, "aaaaaaaaaaaaaaaa  retired");
    expect(&fixture, 0, "ctl device show " ADDRESS " --json", "\"first_seen\": 1700000000000");
    expect(&fixture, 1, "ctl device show " ADDRESS " | grep RSSI", ""); /* no radio has told it */
}
END_TEST

START_TEST(signal_strength_is_shown_where_a_radio_has_told_it)
{
    struct fixture fixture =
        start(OK("{\"address\":\"" ADDRESS "\",\"status\":\"active\",\"bindings\":[{\"id\":\"0123456789abcdef\","
                 "\"status\":\"active\",\"firmware\":\"1.2\",\"rssi\":-112,\"rssi_mean\":-52},"
                 "{\"id\":\"aaaaaaaaaaaaaaaa\",\"status\":\"retired\"}]}"));
    expect(&fixture, 0, "ctl device show " ADDRESS, "FIRMWARE  RSSI  MEAN RSSI\n");
    expect(&fixture, 0, "ctl device show " ADDRESS, "1.2       -112        -52\n");
}
END_TEST

START_TEST(an_alarm_that_stands_is_shown_of_the_device)
{
    struct fixture fixture =
        start(OK("{\"address\":\"" ADDRESS "\",\"status\":\"active\",\"bindings\":[{\"id\":\"0123456789abcdef\","
                 "\"status\":\"active\",\"alarm\":\"clone\"},{\"id\":\"aaaaaaaaaaaaaaaa\",\"status\":\"retired\"}]}"));
    expect(&fixture, 0, "ctl device show " ADDRESS, "alarm    clone\n");
}
END_TEST

START_TEST(a_gateway_gets_its_password_and_a_configuration)
{
    struct fixture fixture = start(OK("{\"gateway\":\"roof\",\"password\":\"pass-word\"}"));
    expect(&fixture, 0, "ctl gateway add roof", "password  pass-word\n");
    char *output;
    ck_assert_int_eq(ctl(&fixture, "", &output, "ctl gateway add roof --json"), 0);
    json_t *root = json_loads(output, 0, NULL);
    json_t *config = json_object_get(root, "config");
    ck_assert_str_eq(vectors_text(config, "gateway"), "roof");
    ck_assert_str_eq(vectors_text(json_object_get(config, "broker"), "uri"), fixture.broker->uri);
    ck_assert_str_eq(vectors_text(json_object_get(config, "broker"), "username"), "roof");
    json_decref(root);
    free(output);
}
END_TEST

START_TEST(an_error_of_the_plugin_is_told)
{
    struct fixture fixture = start(
        "{\"responses\":[{\"command\":\"x\",\"error\":\"no such device\",\"correlationData\":\"CORRELATION\"}]}\n");
    expect(&fixture, 1, "ctl device approve " ADDRESS, "selkiectl: no such device\n");
    expect(&fixture, 1, "ctl stats", "selkiectl: no such device\n");
    expect(&fixture, 1, "ctl device list --json", "selkiectl: no such device\n");
}
END_TEST

START_TEST(answers_to_others_are_passed_over)
{
    struct fixture fixture =
        start("{\"responses\":[{\"command\":\"x\",\"data\":{\"a\":1},\"correlationData\":\"another\"},"
              "{\"command\":\"x\",\"data\":{\"b\":2},\"correlationData\":\"CORRELATION\"}]}\n");
    expect(&fixture, 0, "ctl stats", "b  2\n");
}
END_TEST

START_TEST(broken_answers_are_told_and_end_it)
{
    struct fixture fixture = start("{\"responses\":[{\"error\":\"too many commands at once\"}]}\n"
                                   "no JSON at all\n"
                                   "{\"a\":1}\n"
                                   "{\"responses\":[{\"data\":{},\"correlationData\":\"CORRELATION\"},"
                                   "{\"data\":{},\"correlationData\":\"CORRELATION\"}]}\n");
    expect(&fixture, 1, "ctl stats", "selkiectl: too many commands at once\n");
    expect(&fixture, 1, "ctl stats", "is not valid");
    expect(&fixture, 1, "ctl stats", "no \"responses\"");
    expect(&fixture, 1, "ctl stats", "more parts than there were commands");
}
END_TEST

START_TEST(no_answer_is_told)
{
    struct fixture fixture = start("NONE\n");
    char *output;
    ck_assert_int_eq(ctl(&fixture, "--timeout 1", &output, "ctl stats"), 1);
    ck_assert_msg(strstr(output, "no answer in 1 s") != NULL, "%s", output);
    free(output);
    ck_assert_int_eq(harness_stop(fixture.broker->process, SIGTERM), 0);
    ck_assert_int_eq(ctl(&fixture, "--timeout 1", &output, "ctl stats"), 1);
    ck_assert_msg(strstr(output, "no broker at mqtt://127.0.0.1:") != NULL, "%s", output);
    free(output);
}
END_TEST

START_TEST(a_broker_without_the_plugin_or_access_is_told)
{
    struct fixture open = {.broker = harness_broker("allow_anonymous true\n")};
    char *output;
    ck_assert_int_eq(ctl(&open, "--timeout 1", &output, "ctl stats"), 1);
    ck_assert_msg(strstr(output, "plugin") != NULL, "%s", output);
    free(output);
    struct fixture closed = {.broker = harness_broker("allow_anonymous false\n")};
    expect(&closed, 1, "ctl stats", "refuses a client without a user name");
    expect(&closed, 1, "ctl stats --username admin", "refuses the user 'admin'");
}
END_TEST

/* ---- import and export ---- */

START_TEST(import_sends_many_in_bounded_messages)
{
    enum { DEVICES = 5000 };
    struct fixture fixture = start("ECHO\n");
    char script[512];
    snprintf(script, sizeof script,
             "{ echo address,name,claim; i=0; while [ $i -lt %d ]; do "
             "printf '%%016x,\"Name, %%d\",claim-%%d\\n' $i $i $i; i=$((i+1)); done; } | ctl device import -",
             DEVICES);
    expect(&fixture, 0, script, "5000 added, 0 changed, 0 unchanged, 0 refused\n");

    char *all = harness_read(fixture.requests);
    size_t messages = 0, devices = 0;
    for (char *line = strtok(all, "\n"); line != NULL; line = strtok(NULL, "\n"), messages++) {
        ck_assert_uint_le(strlen(line), 256 * 1024);
        json_t *root = json_loads(line, 0, NULL), *command;
        size_t i;
        json_array_foreach (vectors_list(root, "commands"), i, command) {
            char address[32], name[32];
            snprintf(address, sizeof address, "%016zx", devices);
            snprintf(name, sizeof name, "Name, %zu", devices++);
            ck_assert_str_eq(vectors_text(command, "address"), address);
            ck_assert_str_eq(vectors_text(command, "name"), name);
        }
        json_decref(root);
    }
    ck_assert_uint_eq(devices, DEVICES);
    ck_assert_uint_lt(messages, 20);
    free(all);
}
END_TEST

/* The broker was stopped between two messages, or after it had the second. */
START_TEST(import_names_the_rows_without_an_answer)
{
    struct fixture fixture = start("ECHO\nNONE\n");
    char *output, *said;
    unsigned first = 0;

    ck_assert_int_eq(ctl(&fixture, "--timeout 1", &output,
                         "{ echo address; i=0; while [ $i -lt 6000 ]; do printf '%016x\\n' $i; i=$((i+1)); done; } | "
                         "ctl device import -"),
                     1);
    said = strstr(output, "selkiectl: -:");
    ck_assert_msg(said && sscanf(said, "selkiectl: -:%u: this row and those after it have no answer", &first) == 1,
                  "%s", output);
    char added[32];
    (void)snprintf(added, sizeof added, "%u added, ", first - 2); /* a head, and lines count from 1 */
    ck_assert_msg(strstr(output, added) != NULL, "%s", output);
    free(output);
}
END_TEST

START_TEST(import_names_the_rows_that_were_refused)
{
    struct fixture fixture = start("{\"responses\":[{\"data\":{},\"correlationData\":\"CORRELATION\"},"
                                   "{\"error\":\"exists already\",\"correlationData\":\"CORRELATION\"}]}\n");
    harness_write("two.csv", 0600, "address,name\n0000000000000001,\"a\nb\"\n\n00000000000000FF,c\n");
    char line[512];
    snprintf(line, sizeof line, "ctl device import '%s'", harness_path("two.csv"));
    expect(&fixture, 1, line, "two.csv:5: 00000000000000ff: exists already\n");
    expect(&fixture, 1, line, "1 added, 0 changed, 0 unchanged, 1 refused\n");
    snprintf(line, sizeof line, "ctl device import --json '%s'", harness_path("two.csv"));
    expect(&fixture, 1, line, "\"added\": 1");
}
END_TEST

START_TEST(import_sends_nothing_of_a_file_with_a_mistake)
{
    static const struct {
        const char *file, *said;
    } cases[] = {
        {"", ":1: the first row, with the names of the columns, is missing"},
        {"name\nx\n", ":1: the column 'address' is missing"},
        {"address,clam\n", ":1: unknown column (known are address, name, claim, model): clam"},
        {"address,name,name\n", ":1: the column appears twice: name"},
        {"address\n0000000000000001\nxyz\n", ":3: not an address (16 hex digits): xyz"},
        {"address,name\n0000000000000001\n", ":2: the row has more or fewer fields"},
        {"address\n0000000000000001\n\"0000000000000002\n", ":3: a quoted field does not end"},
        {"address,name\n0000000000000001,\"a\"b\n", ":2: text after the end of a quoted field"},
        {"address,name\n0000000000000001,a\"b\n", ":2: a quote inside a field"},
        {"address\n00000000000000AA\n0000000000000001\n00:00:00:00:00:00:00:aa\n",
         ":4: the address 00000000000000aa is in line 2 too"},
        {"address,claim\n0000000000000001,"
         "01234567890123456789012345678901234567890123456789012345678901234\n",
         ":2: the claim is longer than 64 bytes"},
        {"address,model\n0000000000000001,"
         "01234567890123456789012345678901234567890123456789012345678901234\n",
         ":2: the model's name is longer than 64 bytes"},
    };
    struct fixture fixture = start("ECHO\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[512];
        harness_write("bad.csv", 0600, "%s", cases[i].file);
        snprintf(line, sizeof line, "ctl device import '%s'", harness_path("bad.csv"));
        expect(&fixture, 1, line, cases[i].said);
    }
    expect(&fixture, 1, "ctl device import /nowhere.csv", "/nowhere.csv: No such file");
    char *requests = harness_read(fixture.requests);
    ck_assert_str_eq(requests, "");
    free(requests);
}
END_TEST

/* Latin-1, lengths, and what spreadsheets make of an address: nothing goes out, and the place is named. */
START_TEST(import_sends_nothing_of_what_a_spreadsheet_broke)
{
    static const char name65[] = "01234567890123456789012345678901234567890123456789012345678901234";
    static const struct {
        const char *line, *said;
    } cases[] = {
        {"printf 'address,name,claim\\n0000000000000001,ok,a\\n0000000000000002,K\\374hler,s\\344cret\\n'",
         "-:3:19: not UTF-8: byte FC; save the file as UTF-8"},
        {"printf 'address;claim\\r\\n0000000000000001;s\\344cret\\r\\n'", "-:2:19: not UTF-8: byte E4"},
        {"printf 'address,name\\n0000000000000001,a\\n' | iconv -t UTF-16",
         "-:1: the file is UTF-16; save it as UTF-8"},
        {"printf 'address,name\\n1.23457E+15,a\\n'", "-:2: a spreadsheet took the address for a number"},
        {"printf 'address;name\\n1,23457E+15;a\\n'", "enter the address again: 1,23457E+15"},
        {"printf 'address,name\\n112233445566,a\\n'", "if a spreadsheet dropped zeros in front"},
        {"printf 'address,name\\n00:11:22:33:44:55:66,a\\n'", "-:2: not an address (16 hex digits): 00:11"},
        {"printf 'address,name,\\n0000000000000001,a,lost\\n'", "-:2: text in a column without a name"},
        {"printf 'address,name\\n0000000000000001,a\\rb\\n'", "-:2:19: a carriage return"},
    };
    struct fixture fixture = start("ECHO\n");
    char line[512];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(line, sizeof line, "%s | ctl device import -", cases[i].line);
        expect(&fixture, 1, line, cases[i].said);
    }
    snprintf(line, sizeof line,
             "printf 'address,name\\n0000000000000001,a\\n0000000000000002,%s\\n' | ctl device import -", name65);
    expect(&fixture, 1, line, "-:3: the name is longer than 64 bytes");
    char *requests = harness_read(fixture.requests);
    ck_assert_str_eq(requests, "");
    free(requests);
}
END_TEST

START_TEST(import_takes_what_spreadsheets_make)
{
    static const char *const files[] = {
        "\\357\\273\\277Address ;NAME; Claim\\r\\n00112233AABBCCDD;Roof;s3cret\\r\\n;;\\r\\n; ;\\r\\n",
        "address\\tname\\tclaim\\n00:11:22:33:aa:bb:cc:dd\\tRoof\\ts3cret\\n\\t\\t\\n",
        ",,,\\n\"ADDRESS\",name,claim,\\n00-11-22-33-AA-BB-CC-DD,Roof,s3cret,\\n,,,\\n",
        "status,claim,name,address\\nlisted,s3cret,Roof, 0x00112233aabbccdd \\n",
        "address,name,claim\\n0011-2233-aabb-ccdd,Roof,s3cret",
    };
    struct fixture fixture = start("ECHO\n");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char line[512];
        snprintf(line, sizeof line, "printf '%s' | ctl device import -", files[i]);
        expect(&fixture, 0, line, "1 added, 0 changed, 0 unchanged, 0 refused\n");
        json_t *root = request(&fixture, i);
        ck_assert_uint_eq(json_array_size(vectors_list(root, "commands")), 1);
        const json_t *command = json_array_get(json_object_get(root, "commands"), 0);
        ck_assert_str_eq(vectors_text(command, "address"), ADDRESS);
        ck_assert_str_eq(vectors_text(command, "name"), "Roof");
        ck_assert_str_eq(vectors_text(command, "claim"), "s3cret");
        json_decref(root);
    }
}
END_TEST

/* A carriage return inside of a quoted field is part of it. */
START_TEST(import_keeps_each_byte_of_a_claim)
{
    struct fixture fixture = start("ECHO\n");
    expect(&fixture, 0, "printf 'address,claim\\n0000000000000001,\"a\\rb \\r\\n\"\\r\\n' | ctl device import -",
           "1 added, 0 changed, 0 unchanged, 0 refused\n");
    json_t *root = request(&fixture, 0);
    ck_assert_str_eq(vectors_text(json_array_get(json_object_get(root, "commands"), 0), "claim"), "a\rb \r\n");
    json_decref(root);
}
END_TEST

START_TEST(an_argument_that_is_not_utf8_is_refused_before_it_is_sent)
{
    static const char *const options[] = {"device add " ADDRESS " --claim", "device add " ADDRESS " --name",
                                          "device list --status"};
    struct fixture fixture = start("ECHO\n");
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        char line[256];
        snprintf(line, sizeof line, "ctl %s \"$(printf 's\\344cret')\"", options[i]);
        expect(&fixture, 2, line, ": not UTF-8: byte E4 behind 1 bytes");
    }
    char *requests = harness_read(fixture.requests);
    ck_assert_str_eq(requests, "");
    free(requests);
}
END_TEST

/* "| head" has enough: not a word about it. */
START_TEST(a_closed_pipe_ends_quietly)
{
    static const char *const commands[] = {"device export", "device export --json", "device list", "stats --json"};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct fixture fixture =
            start(OK("{\"total\":1,\"devices\":[" DEVICE("0000000000000001", "active", "active") "]}") NO_DEVICES);
        char line[512], *output;
        snprintf(line, sizeof line,
                 "cd '%s'; rm -f pipe; mkfifo pipe; exec 5<>pipe 6>pipe 5<&-; ctl %s >&6; echo ended $?",
                 harness_path("."), commands[i]);
        ck_assert_int_eq(ctl(&fixture, "--timeout 20", &output, line), 0);
        ck_assert_str_eq(output, "ended 141\n");
        free(output);
    }
    struct fixture fixture = start("ECHO\n");
    char *full;
    ck_assert_int_eq(ctl(&fixture, "--timeout 20", &full, "ctl stats --json >/dev/full"), 1);
    ck_assert_str_eq(full, "selkiectl: cannot write the result: No space left on device\n");
    free(full);
}
END_TEST

START_TEST(an_empty_list_says_so_beside_the_result)
{
    static const struct {
        const char *command, *said;
    } cases[] = {{"device list", "selkiectl: no devices\n"},
                 {"device list --status pending",
                  "selkiectl: no pending devices; IDs that wait at active devices: selkiectl "
                  "device list --waiting\n"},
                 {"key list", "selkiectl: no keys\n"},
                 {"gateway list", "selkiectl: no gateways\n"}};
    struct fixture fixture = start(OK("{\"total\":0,\"devices\":[],\"keys\":[],\"gateways\":[]}"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[128], *output;
        snprintf(line, sizeof line, "ctl %s 2>&1 >/dev/null", cases[i].command);
        ck_assert_int_eq(ctl(&fixture, "--timeout 20", &output, line), 0);
        ck_assert_str_eq(output, cases[i].said);
        free(output);
        snprintf(line, sizeof line, "ctl %s 2>/dev/null | wc -c", cases[i].command);
        expect(&fixture, 0, line, "0\n");
    }
}
END_TEST

START_TEST(what_export_writes_can_be_imported)
{
    struct fixture fixture = start(OK("{\"total\":2,\"devices\":[" DEVICE(
        "0000000000000001", "active", "active") ",{\"address\":"
                                                "\"0000000000000002\",\"name\":\"a \\\"b\\\", "
                                                "c\",\"status\":\"listed\",\"bindings\":[]}]}") NO_DEVICES "ECHO\n");
    expect(&fixture, 0, "ctl device export | ctl device import -", "2 added, 0 changed, 0 unchanged, 0 refused\n");
    json_t *root = request(&fixture, 2);
    const json_t *second = json_array_get(json_object_get(root, "commands"), 1);
    ck_assert_str_eq(vectors_text(second, "address"), "0000000000000002");
    ck_assert_str_eq(vectors_text(second, "name"), "a \"b\", c");
    json_decref(root);
}
END_TEST

/* ---- watch ---- */

static struct harness_process *start_watch(const struct fixture *fixture, const char *argument)
{
    const char *const argv[] = {harness_program("selkiectl"), "watch",  "--broker",
                                fixture->broker->uri,         argument, NULL};
    struct harness_process *watch = harness_spawn("watch", argv, false);
    harness_wait_log(watch, "watching mqtt://");
    return watch;
}

static void say(struct harness_client *client, const char *topic, const char *payload)
{
    const struct harness_property properties[] = {
        {"counter", "7"}, {"gateway", "roof-1"}, {"rx", "1"}, {"form", "sealed"}, {NULL, NULL}};
    harness_publish(client, topic, payload, strlen(payload), 1, false, properties);
}

START_TEST(watch_shows_what_comes_and_ends_on_sigint)
{
    struct fixture fixture = {.broker = harness_broker("allow_anonymous true\n")};
    struct harness_process *watch = start_watch(&fixture, NULL);
    struct harness_client *client = harness_connect(fixture.broker, NULL);
    say(client, "selkie/device/" ADDRESS "/up", "21.5C");
    harness_wait_log(watch, "frame     " ADDRESS "  #7 sealed by roof-1, 5 bytes: 21.5C\n");
    say(client, "selkie/device/" ADDRESS "/up", "\x1b[2J\xff");
    harness_wait_log(watch, "5 bytes: 1b5b324aff\n");
    say(client, "selkie/device/" ADDRESS "/event", "{\"event\":\"reset\",\"time\":1,\"id\":\"0123\",\"n\":5}");
    harness_wait_log(watch, "event     " ADDRESS "  reset  id=0123  n=5\n");
    say(client, "selkie/rejected/bad-seal", "{\"reason\":\"bad-seal\",\"gateway\":\"roof-1\\u001b[2J\",\"rx\":5}");
    harness_wait_log(watch, "rejected  -                 bad-seal  gateway=roof-1?[2J  rx=5\n");
    say(client, "selkie/gateway/roof-1/state", "{\"state\":\"online\"}");
    harness_wait_log(watch, "gateway   roof-1            online\n");
    ck_assert_int_eq(harness_stop(watch, SIGINT), 0);
    harness_disconnect(client);
}
END_TEST

static struct harness_process *start_watch_of_values(const struct fixture *fixture)
{
    const char *const argv[] = {harness_program("selkiectl"), "watch",    "--broker",
                                fixture->broker->uri,         "--values", NULL};
    struct harness_process *watch = harness_spawn("values", argv, false);
    harness_wait_log(watch, "watching mqtt://");
    return watch;
}

START_TEST(watch_shows_values_when_asked_and_as_they_come)
{
    static const char values[] = "{\"temperature\":21.43,\"door\":\"open\",\"evil\":\"\\u001b[2J\",\"on\":true}";
    struct fixture fixture = {.broker = harness_broker("allow_anonymous true\n")};
    struct harness_client *client = harness_connect(fixture.broker, NULL);
    const struct harness_property old[] = {{"counter", "1"}, {NULL, NULL}};
    harness_publish(client, "selkie/device/" ADDRESS "/values", "{\"temperature\":-40}", 19, 1, true, old);
    struct harness_process *silent = start_watch(&fixture, NULL), *watch = start_watch_of_values(&fixture);
    say(client, "selkie/device/" ADDRESS "/values", values);
    harness_wait_log(watch, "values    " ADDRESS "  #7  temperature=21.43  door=open  evil=?[2J  on=true\n");
    say(client, "selkie/device/" ADDRESS "/values/late", "{\"temperature\":3}");
    harness_wait_log(watch, "late      " ADDRESS "  #7  temperature=3\n");
    harness_publish(client, "selkie/device/" ADDRESS "/values", "", 0, 1, true, NULL); /* the device went */
    say(client, "selkie/device/" ADDRESS "/up", "last");
    harness_wait_log(watch, "last\n");
    harness_wait_log(silent, "last\n");
    ck_assert(!harness_log_has(silent, "values  "));
    char *said = harness_read(watch->log);
    ck_assert_msg(strstr(said, "-40") == NULL, "%s", said);                              /* of a frame before */
    ck_assert_msg(strstr(strstr(said, "values  ") + 1, "values  ") == NULL, "%s", said); /* nor that they went */
    free(said);
    ck_assert_int_eq(harness_stop(watch, SIGINT), 0);
    ck_assert_int_eq(harness_stop(silent, SIGINT), 0);
    harness_disconnect(client);
}
END_TEST

START_TEST(watch_of_one_device_shows_no_other)
{
    struct fixture fixture = {.broker = harness_broker("allow_anonymous true\n")};
    struct harness_process *watch = start_watch(&fixture, ADDRESS);
    struct harness_client *client = harness_connect(fixture.broker, NULL);
    say(client, "selkie/device/0000000000000001/up", "other");
    say(client, "selkie/rejected/unknown", "{\"reason\":\"unknown\",\"gateway\":\"roof-2\"}");
    say(client, "selkie/rejected/stale", "{\"reason\":\"stale\",\"address\":\"" ADDRESS "\"}");
    harness_wait_log(watch, "rejected  " ADDRESS "  stale\n");
    say(client, "selkie/device/" ADDRESS "/up", "mine");
    harness_wait_log(watch, "mine\n");
    ck_assert(!harness_log_has(watch, "other") && !harness_log_has(watch, "roof-2"));
    ck_assert_int_eq(harness_stop(watch, SIGTERM), 0);
    harness_disconnect(client);
}
END_TEST

START_TEST(watch_gives_json_and_goes_on_after_a_restart_of_the_broker)
{
    struct fixture fixture = {.broker = harness_broker("allow_anonymous true\n")};
    struct harness_process *watch = start_watch(&fixture, "--json");
    struct harness_client *client = harness_connect(fixture.broker, NULL);
    say(client, "selkie/device/" ADDRESS "/up", "21");
    harness_wait_log(watch, "{\"topic\":\"selkie/device/" ADDRESS "/up\",\"counter\":\"7\",\"gateway\":\"roof-1\","
                            "\"rx\":\"1\",\"form\":\"sealed\",\"payload\":\"3231\",\"text\":\"21\"}\n");
    say(client, "selkie/device/" ADDRESS "/event", "{\"event\":\"lost\"}");
    harness_wait_log(watch, "\"payload\":{\"event\":\"lost\"}}\n");
    harness_drop(client);
    ck_assert_int_eq(harness_stop(fixture.broker->process, SIGKILL), 128 + SIGKILL);
    harness_wait_log(watch, "the connection was lost\nselkiectl: trying to connect again\n");
    harness_wait_log(watch, "selkiectl: no broker at mqtt://127.0.0.1:");
    harness_broker_restart(fixture.broker);
    harness_wait_log(watch, "again; what came meanwhile is not shown\n");
    client = harness_connect(fixture.broker, NULL);
    say(client, "selkie/device/" ADDRESS "/event", "{\"event\":\"reset\"}");
    harness_wait_log(watch, "\"payload\":{\"event\":\"reset\"}}\n");
    ck_assert_int_eq(harness_stop(fixture.broker->process, SIGTERM), 0);
    ck_assert_int_eq(harness_stop(watch, SIGINT), 0);
    harness_disconnect(client);
}
END_TEST

/* ---- command line and configuration ---- */

START_TEST(mistakes_end_with_2_before_anything_is_sent)
{
    struct fixture fixture = start("ECHO\n");
    expect(&fixture, 2, "ctl device show 123", "'123' is not an address");
    expect(&fixture, 2, "ctl device list --status odd", "--status odd: must be active, pending, listed or revoked");
    expect(&fixture, 2, "ctl device lsit", "'device' needs one of");
    expect(&fixture, 2, "ctl device approve " ADDRESS " xyz", "'xyz' is not an ID");
    expect(&fixture, 2, "ctl device add " ADDRESS " --claim ''", "--claim: must be 1 to 64 bytes");
    expect(&fixture, 2, "ctl gateway add a/b", "'a/b' is not a gateway's name");
    expect(&fixture, 2, "ctl gateway remove ''", "'' is not a gateway's name");
    expect(&fixture, 2, "ctl watch x", "'x' is not an address");
    expect(&fixture, 2, "ctl stats --key x", "must be mqtts://");
    expect(&fixture, 2, "ctl stats --password-file x", "is of no use without username");
    expect(&fixture, 2, "ctl stats --root 'a/#'", "without wildcards");
    expect(&fixture, 2, "ctl stats --timeout 0", "--timeout 0: not a number from 1 to 3600");
    char *requests = harness_read(fixture.requests);
    ck_assert_str_eq(requests, "");
    free(requests);
}
END_TEST

/* A line of a shell in the test's folder, where "$ctl" is selkiectl and "$uri" the broker. */
static void expect_run(const struct fixture *fixture, int status, const char *said, const char *script)
{
    char line[2048], *output;
    snprintf(line, sizeof line, "cd '%s'; ctl='%s'; uri='%s'; %s", harness_path("."), harness_program("selkiectl"),
             fixture->broker->uri, script);
    const char *const argv[] = {"/bin/sh", "-c", line, NULL};
    int ended = harness_run("selkiectl", argv, &output);
    ck_assert_msg(ended == status && strstr(output, said) != NULL, "%s: exit %d, expected %d and \"%s\" in:\n%s",
                  script, ended, status, said, output);
    free(output);
}

START_TEST(configuration_comes_from_the_file)
{
    struct fixture fixture = start("ECHO\n");
    expect_run(&fixture, 0, "",
               "mkdir -p .config/selkie; echo '{\"broker\":{\"uri\":\"'$uri'\"}}' >.config/selkie/ctl.json;"
               "HOME=$PWD $ctl stats");
    expect_run(&fixture, 0, fixture.broker->uri, "HOME=$PWD $ctl --check-config");
    expect_run(&fixture, 0, "\"uri\"", "$ctl --print-config");
    expect_run(&fixture, 78,
               "/etc/selkie/ctl.password: ", "$ctl --print-config >t.json; $ctl --check-config --config t.json");
    expect_run(&fixture, 78, "b.json:1: brokr: ", "echo '{\"brokr\":{}}' >b.json; $ctl stats --config b.json");
    expect_run(&fixture, 78, "/nowhere.json", "$ctl stats --config /nowhere.json");
}
END_TEST

START_TEST(a_password_goes_to_no_other_broker_than_its_own)
{
    struct fixture fixture = start("ECHO\n");
    harness_write("password", 0600, "secret\n");
    harness_write("ctl.json", 0600,
                  "{\"broker\":{\"uri\":\"mqtt://broker.example\",\"username\":\"admin\",\"password_file\":\"%s\"}}",
                  harness_path("password"));
    expect_run(&fixture, 0, "username       admin", "$ctl --check-config --config ctl.json");
    expect_run(&fixture, 0, "username       none", "$ctl --check-config --config ctl.json --broker $uri");
    expect_run(&fixture, 78, "everybody may read it", "chmod 644 password; $ctl --check-config --config ctl.json");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl_broker");
    TCase *tcase = tcase_create("ctl_broker");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, each_command_asks_what_it_says);
    tcase_add_test(tcase, lists_come_page_by_page);
    tcase_add_test(tcase, a_list_that_goes_round_in_circles_is_told);
    tcase_add_test(tcase, a_device_is_shown_with_its_ids);
    tcase_add_test(tcase, an_alarm_that_stands_is_shown_of_the_device);
    tcase_add_test(tcase, signal_strength_is_shown_where_a_radio_has_told_it);
    tcase_add_test(tcase, a_gateway_gets_its_password_and_a_configuration);
    tcase_add_test(tcase, an_error_of_the_plugin_is_told);
    tcase_add_test(tcase, answers_to_others_are_passed_over);
    tcase_add_test(tcase, broken_answers_are_told_and_end_it);
    tcase_add_test(tcase, no_answer_is_told);
    tcase_add_test(tcase, a_broker_without_the_plugin_or_access_is_told);
    tcase_add_test(tcase, import_sends_many_in_bounded_messages);
    tcase_add_test(tcase, import_names_the_rows_without_an_answer);
    tcase_add_test(tcase, import_names_the_rows_that_were_refused);
    tcase_add_test(tcase, import_sends_nothing_of_a_file_with_a_mistake);
    tcase_add_test(tcase, import_sends_nothing_of_what_a_spreadsheet_broke);
    tcase_add_test(tcase, import_takes_what_spreadsheets_make);
    tcase_add_test(tcase, import_keeps_each_byte_of_a_claim);
    tcase_add_test(tcase, an_argument_that_is_not_utf8_is_refused_before_it_is_sent);
    tcase_add_test(tcase, a_closed_pipe_ends_quietly);
    tcase_add_test(tcase, an_empty_list_says_so_beside_the_result);
    tcase_add_test(tcase, what_export_writes_can_be_imported);
    tcase_add_test(tcase, watch_shows_what_comes_and_ends_on_sigint);
    tcase_add_test(tcase, watch_shows_values_when_asked_and_as_they_come);
    tcase_add_test(tcase, watch_of_one_device_shows_no_other);
    tcase_add_test(tcase, watch_gives_json_and_goes_on_after_a_restart_of_the_broker);
    tcase_add_test(tcase, mistakes_end_with_2_before_anything_is_sent);
    tcase_add_test(tcase, configuration_comes_from_the_file);
    tcase_add_test(tcase, a_password_goes_to_no_other_broker_than_its_own);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
