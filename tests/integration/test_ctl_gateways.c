/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl gateway … with the real plugin in a real Mosquitto, a real gateway, one that is hostile, and one that never
 * came. */
#include "ctl_shell.h"
#include "frames.h"

#include <selkie/link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct harness_broker *broker;

#define EXPECT(status, text, ...) ctl_shell_expect(ctl_shell(broker, status, __VA_ARGS__), text)

/* A broker whose administrator has a password, so that gateways have theirs. */
static void start_with_passwords(void)
{
    char lines[400], *output;
    const char *passwords = harness_write("passwords", 0600, "%s", "");
    const char *const argv[] = {"mosquitto_passwd", "-b", passwords, "root", "pw", NULL};
    ck_assert_int_eq(harness_run("mosquitto_passwd", argv, &output), 0);
    free(output);
    harness_write("root.password", 0600, "pw\n");
    snprintf(lines, sizeof lines, "password_file %s\n", passwords);
    broker = harness_broker_with_plugin(lines, "\"admins\":[\"root\"]");
}

START_TEST(gateways_come_and_go)
{
    start_with_passwords();
    char *output = ctl_shell(broker, 0, "ctl gateway add roof --json --password-file root.password");
    json_t *added = json_loads(output, 0, NULL);
    const char *password = json_string_value(json_object_get(added, "password"));
    ck_assert_ptr_nonnull(password);
    struct harness_client *gateway = frames_gateway(broker, "roof", password);
    EXPECT(1, "refuses the user 'root'", "ctl gateway list");
    EXPECT(0, "roof     password", "ctl gateway list --password-file root.password");
    EXPECT(0, "gateway reset-password shed\nrc 1\n",
           "mkfifo go; { read gone <go; ctl gateway add shed --password-file root.password; echo rc $? >&2; } | "
           "{ exec <&-; echo gone >go; }");
    EXPECT(1, "already registered", "ctl gateway add roof --password-file root.password");
    EXPECT(0, "common name", "ctl gateway add tower --certificate --password-file root.password");
    EXPECT(0, "roof removed", "ctl gateway remove roof --password-file root.password");
    struct harness_client_options options = {.username = "roof", .password = password};
    int reason;
    ck_assert_ptr_null(harness_connect_try(broker, &options, &reason));
    EXPECT(0, "tower", "ctl gateway list --password-file root.password");
    json_decref(added);
    free(output);
    harness_disconnect(gateway);
}
END_TEST

/* Register a gateway; its password, for free(). */
static char *add_gateway(const char *name)
{
    char *output = ctl_shell(broker, 0, "ctl gateway add %s --json --password-file root.password", name);
    json_t *added = json_loads(output, 0, NULL);
    char *password = strdup(json_string_value(json_object_get(added, "password")));
    json_decref(added);
    free(output);
    return password;
}

/* The real gateway on a line of its own, once it is connected. */
static struct harness_process *start_gateway(const char *name, const char *password, struct harness_pty *pty)
{
    char secret[256], spool[256];
    snprintf(secret, sizeof secret, "%s", harness_write("roof.password", 0600, "%s\n", password));
    snprintf(spool, sizeof spool, "%s", harness_path("spool.db"));
    const char *config =
        harness_write("gateway.json", 0600,
                      "{\"gateway\":\"%s\",\"broker\":{\"uri\":\"%s\",\"username\":\"%s\",\"password_file\":\"%s\"},"
                      "\"serial\":[{\"device\":\"%s\"}],\"spool\":{\"path\":\"%s\"}}",
                      name, broker->uri, name, secret, pty->path, spool);
    const char *const argv[] = {harness_program("selkie-gateway"), "--config", config, NULL};
    struct harness_process *gateway = harness_spawn("gateway", argv, false);
    harness_wait_log(gateway, "open, ");
    harness_wait_log(gateway, ": connected");
    return gateway;
}

/* A gateway that somebody has broken into says what it likes, and goes. */
static void be_hostile(const char *name, const char *password)
{
    static const char offline[] = "{\"state\":\"offline\"}";
    static const char stats[] =
        "{\"version\":\"\\u001b[2J\\u009bgone\",\"queue\":42,\"received\":1,\"broken\":3,\"auth\":"
        "\"certificate\",\"lines\":[{\"port\":\"\\r\\nroof  password\",\"open\":false}]}";
    struct harness_client *gateway = frames_gateway(broker, name, password);
    char topic[64];
    snprintf(topic, sizeof topic, "selkie/gateway/%s/state", name);
    ck_assert_int_ge(harness_publish(gateway, topic, offline, sizeof offline - 1, 1, true, NULL), 0);
    ck_assert_int_ge(harness_publish(gateway, "selkie/gateway/roof/state", offline, sizeof offline - 1, 1, true, NULL),
                     128); /* only below its own name */
    snprintf(topic, sizeof topic, "selkie/gateway/%s/stats", name);
    ck_assert_int_ge(harness_publish(gateway, topic, stats, sizeof stats - 1, 1, true, NULL), 0);
    harness_disconnect(gateway);
}

/* The disk is full, or the pipe's reader gone, when the only copy of a password is written. */
START_TEST(a_password_that_could_not_be_written_is_replaced)
{
    start_with_passwords();
    EXPECT(1,
           "the password of roof could not be written and is lost; make another: selkiectl gateway reset-password roof",
           "ctl gateway add roof --json --password-file root.password >/dev/full");
    EXPECT(0, "gateway reset-password shed\nrc 1\n",
           "mkfifo go; { read gone <go; ctl gateway add shed --password-file root.password; echo rc $? >&2; } | "
           "{ exec <&-; echo gone >go; }");
    EXPECT(1, "already registered", "ctl gateway add roof --password-file root.password");
    char *output = ctl_shell(broker, 0, "ctl gateway reset-password roof --json --password-file root.password");
    json_t *reset = json_loads(output, 0, NULL);
    ck_assert_msg(reset != NULL, "%s", output);
    struct harness_pty *pty = harness_pty("tty");
    struct harness_process *gateway = start_gateway("roof", json_string_value(json_object_get(reset, "password")), pty);
    EXPECT(0, "the old password ended with this command",
           "ctl gateway reset-password roof --password-file root.password");
    harness_wait_log(gateway, "refused"); /* it comes again with the old one */
    EXPECT(1, "the password of roof could not be written",
           "ctl gateway reset-password roof --password-file root.password >/dev/full");
    (void)harness_stop(gateway, SIGTERM);
    json_decref(reset);
    free(output);
}
END_TEST

START_TEST(each_gateway_shows_how_it_is)
{
    start_with_passwords();
    char *roof = add_gateway("roof"), *tower = add_gateway("tower");
    free(add_gateway("yard"));
    struct harness_pty *pty = harness_pty("tty");
    struct harness_process *gateway = start_gateway("roof", roof, pty);
    struct harness_client_options admin = {.username = "root", .password = "pw"};
    struct harness_client *reader = harness_connect(broker, &admin);
    const uint8_t broken[] = {0, 5, 0x2F, 1, 2, 3, 0, 5, 1, 2, 3, 4, 0}, session[40] = {0x11, 1, 2, 3, 4};
    uint8_t wire[SELKIE_LINK_WIRE_SIZE(sizeof session)];
    int len = selkie_link_encode(wire, sizeof wire, session, sizeof session);
    ck_assert_int_gt(len, 0);
    harness_pty_write(pty, broken, sizeof broken);
    harness_pty_write(pty, wire, (size_t)len);
    be_hostile("tower", tower);
    ck_assert_int_eq(harness_subscribe(reader, "selkie/gateway/roof/stats", 0), 0);
    harness_message_free(harness_receive(reader, "selkie/gateway/roof/stats")); /* within 30 s */
    harness_disconnect(reader);

#define AS_ROOT " --password-file root.password"
    EXPECT(0, "GATEWAY  AUTH      ADDED                      STATE       LAST FRAME  QUEUE  BROKEN  LINES\n",
           "ctl gateway list" AS_ROOT);
    EXPECT(0, "online s 0 67 % ok\n",
           "ctl gateway list" AS_ROOT " | awk '$1 == \"roof\" {print $6,$8,$9,$10,$11,$12}'");
    EXPECT(0, "offline - 42 75 % 1 of 1 missing\n",
           "ctl gateway list" AS_ROOT " | awk '$1 == \"tower\" {print $6,$7,$8,$9,$10,$11,$12,$13,$14}'");
    EXPECT(0, "never seen - - - -\n", "ctl gateway list" AS_ROOT " | awk '$1 == \"yard\" {print $6,$7,$8,$9,$10,$11}'");
    EXPECT(0, "[('roof', 'online'), ('tower', 'offline'), ('yard', 'never seen')]",
           "ctl gateway list --json" AS_ROOT
           " | python3 -c 'import json,sys; print([(g[\"gateway\"],g[\"state\"]) for g "
           "in json.load(sys.stdin)[\"gateways\"]])'");
    EXPECT(0, "online True 2 True",
           "ctl gateway show roof --json" AS_ROOT
           " | python3 -c 'import json,sys; g=json.load(sys.stdin); l=g[\"stats\"][\"lines\"][0]; "
           "print(g[\"state\"],l[\"open\"],l[\"crc\"],g[\"frame_age_s\"]<=60)'");
    EXPECT(0, pty->path, "ctl gateway show roof" AS_ROOT);
    EXPECT(0, " version ?[2J??gone\n", "ctl gateway show tower" AS_ROOT " | tr -s ' '");
    EXPECT(0, "??roof  password\n", "ctl gateway show tower" AS_ROOT);
    EXPECT(0, "state    never seen\n", "ctl gateway show yard" AS_ROOT);
    EXPECT(1, "no such gateway: 'attic'", "ctl gateway show attic" AS_ROOT);
    EXPECT(0, "tower removed", "ctl gateway remove tower" AS_ROOT);
    EXPECT(1, "no such gateway: 'tower'", "ctl gateway show tower" AS_ROOT);

    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    EXPECT(0, "offline\n", "ctl gateway list" AS_ROOT " | awk '$1 == \"roof\" {print $6}'");
    free(roof);
    free(tower);
}
END_TEST

#define IMPORT "ctl gateway import gateways.csv --passwords out.csv --password-file root.password"

/* The file's mistakes are found before anything is sent. */
START_TEST(a_list_of_gateways_is_checked_whole)
{
    static const struct {
        const char *file, *said;
    } cases[] = {
        {"gateway\nroof\nshed\nroof\n", "gateways.csv:4: the gateway roof is in line 2 too"},
        {"gateway\nroof\nmy shed\n", "gateways.csv:3: not a gateway's name"},
        {"gateway,passwort\nroof,x\n", "unknown column (known is gateway): passwort"},
        {"gateway\nroof\nsh\xfc"
         "d\n",
         "gateways.csv:3:3: "},
        {"", "the first row, with the name of the column, is missing"},
    };
    start_with_passwords();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)harness_write("gateways.csv", 0600, "%s", cases[i].file);
        EXPECT(1, cases[i].said, IMPORT);
    }
    (void)harness_write("gateways.csv", 0600, "\xef\xbb\xbfGateway\r\n roof \r\n\r\nshed\r\n");
    EXPECT(2, "say either --passwords OUT.csv", "ctl gateway import gateways.csv --password-file root.password");
    EXPECT(1, "out.csv: exists already", "echo mine >out.csv; " IMPORT);
    EXPECT(0, "mine\n", "cat out.csv; rm out.csv");
    EXPECT(0, "\"gateways\": []", "ls out.csv 2>/dev/null; ctl gateway list --json --password-file root.password");
    EXPECT(0, "2 added, 0 unchanged, 0 refused", IMPORT);
    EXPECT(1, "gateways.csv:2: roof is registered with a password",
           "ctl gateway import gateways.csv --certificate --password-file root.password");
}
END_TEST

/* A disk of 64 KB, where this machine lets us mount one. */
static void import_onto_small_disk(void)
{
    const char *line = "mkdir small && mount -t tmpfs -o size=64k none small || exit 77; "
                       "ctl gateway import gateways.csv --passwords small/out.csv --password-file root.password";
    const char *const argv[] = {"unshare", "-m", "/bin/sh", "-c", ctl_shell_script(broker, line), NULL};
    char *output;
    int status = harness_run("small", argv, &output);
    ck_assert_msg(status == 77 || (status == 1 && strstr(output, "small/out.csv: no room for the passwords; nothing "
                                                                 "was sent: No space left on device")),
                  "exit %d: %s", status, output);
    free(output);
}

/* What is found before the first gateway is sent costs nothing; what is found after it is told with its lines. */
START_TEST(a_full_disk_loses_no_password_unseen)
{
    start_with_passwords();
    free(ctl_shell(broker, 0, "{ echo gateway; seq -f gw-%%.0f 1000; } >gateways.csv"));
    if (system("unshare -m true 2>/dev/null") == 0)
        import_onto_small_disk();
    EXPECT(0, "\"gateways\": []", "ctl gateway list --json --password-file root.password");
    char *output = ctl_shell(broker, 0, "(ulimit -f 8; " IMPORT "; echo rc $?)");
    ck_assert_msg(strstr(output, "out.csv: cannot be written: File too large") &&
                      strstr(output, ": these gateways may be registered, with passwords that nobody knows") &&
                      strstr(output, "rc 1\n"),
                  "%s", output);
    free(output);
    /* What was said to be written is, and the next try tells the rest from it. */
    EXPECT(0, "same\n",
           "first=$(grep -c ^gw- out.csv); ctl gateway list --json --password-file root.password >list.json; "
           "python3 -c 'import json,sys; n=len(json.load(open(\"list.json\"))[\"gateways\"]); "
           "print(\"same\" if n-250<=int(sys.argv[1])<n else (n,sys.argv))' $first");
}
END_TEST

/* Ten thousand, of which one is there already. What stdout cannot take costs no password. */
START_TEST(ten_thousand_gateways_are_registered)
{
    enum { COUNT = 10000 };
    start_with_passwords();
    free(add_gateway("gw-7"));
    free(ctl_shell(broker, 0, "{ echo gateway; seq -f gw-%%.0f %d; } >gateways.csv", COUNT));
    EXPECT(1, "No space left on device", IMPORT " >/dev/full");
    EXPECT(0, "600 10000 9999 gateway,password\n",
           "echo $(stat -c %%a out.csv) $(wc -l <out.csv) $(cut -d, -f2 out.csv | grep -Ec '^[0-9a-f]{40}$') "
           "$(head -n1 out.csv)");
    char *password = ctl_shell(broker, 0, "grep '^gw-9999,' out.csv | cut -d, -f2 | tr -d '\\n'");
    harness_disconnect(frames_gateway(broker, "gw-9999", password));
    EXPECT(0, "0 added, 10000 unchanged, 0 refused", "rm out.csv; " IMPORT "; ls out.csv 2>/dev/null; true");
    free(password);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl_gateways");
    TCase *tcase = tcase_create("ctl_gateways");
    tcase_set_timeout(tcase, 100);
    tcase_add_test(tcase, gateways_come_and_go);
    tcase_add_test(tcase, a_password_that_could_not_be_written_is_replaced);
    tcase_add_test(tcase, each_gateway_shows_how_it_is);
    tcase_add_test(tcase, a_list_of_gateways_is_checked_whole);
    tcase_add_test(tcase, a_full_disk_loses_no_password_unseen);
    tcase_add_test(tcase, ten_thousand_gateways_are_registered);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
