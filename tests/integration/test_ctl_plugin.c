/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl and the real plugin in a real Mosquitto: the operator's day, from the shell. */
#include "ctl_shell.h"
#include "frames.h"

#include <selkie/message.h>
#include <selkie/session.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct harness_broker *broker;

static void start(const char *rules)
{
    char configuration[500];
    snprintf(configuration, sizeof configuration, "\"gateways\":\"any\",\"admins\":[\"root\"]%s", rules);
    broker = harness_broker_with_plugin("", configuration);
}

#define EXPECT(status, text, ...) ctl_shell_expect(ctl_shell(broker, status, __VA_ARGS__), text)

START_TEST(a_reset_device_is_approved_and_what_was_parked_comes_out)
{
    start("");
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct harness_client *subscriber = frames_subscriber(broker, "selkie/device/#");
    struct frames_device device = frames_device(1), reborn = frames_device(1);
    memset(reborn.id, 0x77, sizeof reborn.id);
    frames_send_data(gateway, "gw1", &device, "before", 1);
    frames_await_receipt(gateway, 1);
    EXPECT(0, "active", "ctl device show %s", device.text);
    frames_send_data(gateway, "gw1", &reborn, "after", 2);
    frames_await_receipt(gateway, 2);
    EXPECT(0, "pending", "ctl device show %s", device.text);
    EXPECT(0, "approve done", "ctl device approve %s", device.text);
    frames_expect_payload(subscriber, &device, "before", 0);
    frames_expect_payload(subscriber, &reborn, "after", 0);
    EXPECT(0, "retired", "ctl device show %s", device.text);
    EXPECT(1, "no ID is pending", "ctl device deny %s", device.text);
    harness_disconnect(subscriber);
    harness_disconnect(gateway);
}
END_TEST

START_TEST(of_several_pending_ids_one_is_named)
{
    start("");
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct frames_device device = frames_device(1);
    for (uint64_t i = 0; i < 3; i++) {
        struct frames_device life = device;
        memset(life.id, (int)i, sizeof life.id);
        frames_send_data(gateway, "gw1", &life, "x", i + 1);
    }
    frames_await_receipts(gateway, 1, 3);
    EXPECT(1, "several IDs are pending", "ctl device approve %s", device.text);
    EXPECT(0, "deny done",
           "id=$(ctl device show %s | awk '$2 == \"pending\" {print $1; exit}'); ctl device deny %s $id", device.text,
           device.text);
    EXPECT(0, "approve done", "ctl device approve %s", device.text);
    harness_disconnect(gateway);
}
END_TEST

START_TEST(a_device_goes_through_its_life)
{
    start(",\"enrolment\":\"listed\"");
    EXPECT(0, "00112233aabbccdd added", "ctl device add 00112233AABBCCDD --name 'Röof 1' --claim s3cret");
    EXPECT(0, "00112233aabbccdd  Röof 1  listed", "ctl device list");
    EXPECT(0, "listed", "ctl device list --status listed");
    EXPECT(0, "revoke done", "ctl device revoke 00112233aabbccdd");
    EXPECT(0, "revoked", "ctl device list --status revoked");
    EXPECT(0, "restore done", "ctl device restore 00112233aabbccdd");
    EXPECT(0, "\"claim\": true", "ctl device show 00112233aabbccdd --json");
    EXPECT(0, "remove done", "ctl device remove 00112233aabbccdd");
    EXPECT(1, "no such device", "ctl device show 00112233aabbccdd");
    EXPECT(2, "must be active, pending, listed or revoked", "ctl device list --status nonsense");
}
END_TEST

START_TEST(a_device_that_was_added_changes_only_where_it_is_said)
{
    start(",\"enrolment\":\"listed\"");
    EXPECT(0, "00112233aabbccdd added", "ctl device add 00112233aabbccdd --name Roof --claim right");
    EXPECT(0, "00112233aabbccdd unchanged", "ctl device add 00112233aabbccdd");
    EXPECT(0, "00112233aabbccdd unchanged", "ctl device add 00112233aabbccdd --name Roof --claim right");
    EXPECT(1, "added already, with another claim; setDevice (selkiectl device set)",
           "ctl device add 00112233aabbccdd --claim wrong");
    EXPECT(1, "with another name and claim", "ctl device add 00112233aabbccdd --name x --claim");
    EXPECT(0, "\"name\": \"Roof\"", "ctl device show 00112233aabbccdd --json");
    EXPECT(0, "0 added, 0 changed, 1 unchanged, 0 refused",
           "printf 'address,claim\\n00112233aabbccdd,right\\n' | ctl device import -");
    EXPECT(0, "changed", "ctl device set 00112233aabbccdd --name ''");
    EXPECT(0, "\"name\": \"\"", "ctl device show 00112233aabbccdd --json");
    EXPECT(0, "unchanged", "ctl device set 00112233aabbccdd --claim right --name ''");
    EXPECT(0, "changed", "ctl device set 00112233aabbccdd --no-claim");
    EXPECT(0, "\"claim\": false", "ctl device show 00112233aabbccdd --json");
    EXPECT(1, "no such device", "ctl device set 00112233aabbccde --name x");
    EXPECT(2, "nothing to change", "ctl device set 00112233aabbccdd");
    EXPECT(2, "exclude each other", "ctl device set 00112233aabbccdd --claim x --no-claim");
}
END_TEST

START_TEST(an_import_changes_only_with_update)
{
    start(",\"enrolment\":\"listed\"");
    EXPECT(0, "2 added, 0 changed, 0 unchanged, 0 refused",
           "printf 'address,name,claim\\n0000000000000001,a,c1\\n0000000000000002,b,c2\\n' >one.csv; "
           "ctl device import one.csv");
    char *said = ctl_shell(broker, 1,
                           "printf 'address,name,claim\\n0000000000000001,a,other\\n0000000000000002,,\\n"
                           "0000000000000003,c,\\n' >two.csv; ctl device import two.csv");
    ck_assert_msg(strstr(said, "two.csv:2: 0000000000000001: address: added already, with another claim") &&
                      strstr(said, "--update changes devices that were added before") &&
                      strstr(said, "1 added, 0 changed, 1 unchanged, 1 refused"),
                  "%s", said);
    free(said);
    EXPECT(0, "0 added, 0 changed, 2 unchanged, 0 refused", "ctl device import one.csv");
    EXPECT(0, "0 added, 1 changed, 2 unchanged, 0 refused", "ctl device import --update two.csv");
    /* An empty cell takes nothing away. */
    EXPECT(0, "\"claim\": true", "ctl device show 0000000000000002 --json");
    EXPECT(0, "\"changed\": 1,", "ctl device import --json --update one.csv");
}
END_TEST

/* The plugin takes 16 payloads at once, of all administrators, and carries them out in their order: here the first one
 * takes seconds, and the places behind it are all taken. */
static void start_with_models(const char *rules)
{
    char text[400];
    ck_assert_int_eq(mkdir(harness_path("models"), 0755), 0);
    for (int i = 1; i <= 2; i++) {
        char name[32];
        snprintf(name, sizeof name, "models/th-%d.json", i);
        harness_write(name, 0644,
                      "{\"model\":\"th-%d\",\"manufacturer\":\"Acme\",\"firmware\":[\"th%d *\",\"x%d\"],"
                      "\"format\":\"text\",\"fields\":[{\"name\":\"t\",\"unit\":\"°C\"},{\"name\":\"n\"}],"
                      "\"examples\":[{\"text\":\"t=1 n=2\",\"values\":{\"t\":1,\"n\":2}}]}",
                      i, i, i);
    }
    snprintf(text, sizeof text, ",\"models_dir\":\"%s\"%s", harness_path("models"), rules);
    start(text);
}

START_TEST(a_model_is_chosen_shown_and_taken_away)
{
    start_with_models("");
    EXPECT(0, "th-1   Acme          text    th1 *, x1  t (°C), n", "ctl model list");
    EXPECT(0, "\"unit\": \"\\u00B0C\"", "ctl model list --json");
    EXPECT(0, "00112233aabbccdd added", "ctl device add 00112233aabbccdd --model th-1");
    EXPECT(0, "00112233aabbccdd unchanged", "ctl device add 00112233aabbccdd --model th-1");
    EXPECT(1, "added already, with another model", "ctl device add 00112233aabbccdd --model th-2");
    EXPECT(1, "there is no th-3; known are th-1, th-2", "ctl device set 00112233aabbccdd --model th-3");
    EXPECT(0, "th-1", "ctl device list");
    EXPECT(0, "changed", "ctl device set 00112233aabbccdd --model th-2");
    EXPECT(0, "\"model\": \"th-2\"", "ctl device show 00112233aabbccdd --json");
    EXPECT(0, "\"model_chosen\": true", "ctl device show 00112233aabbccdd --json");
    EXPECT(0, "changed", "ctl device set 00112233aabbccdd --no-model");
    EXPECT(1, "", "ctl device show 00112233aabbccdd --json | grep model");
    EXPECT(2, "exclude each other", "ctl device set 00112233aabbccdd --model th-1 --no-model");
    EXPECT(0, "healthy", "ctl health");
    harness_write("models/bad.json", 0644, "{");
    harness_signal(broker->process, SIGHUP);
    harness_wait_log(broker->process, "plugin.json: reloaded");
    EXPECT(1, "the file of a model is wrong or cannot be read", "ctl health");
    harness_write("models/bad2.json", 0644, "{");
    harness_signal(broker->process, SIGHUP);
    harness_wait_log(broker->process, "bad2.json:1: not JSON");
    EXPECT(1, "2 files of models are wrong or cannot be read", "ctl health");
}
END_TEST

START_TEST(models_are_imported_exported_and_checked_before_the_first_row_goes_out)
{
    start_with_models(",\"enrolment\":\"open\"");
    EXPECT(1, "in.csv:3: there is no model th-9; 'selkiectl model list' shows",
           "printf 'address,model\n0000000000000001,th-1\n0000000000000002,th-9\n' >in.csv; "
           "ctl device import in.csv");
    EXPECT(0, "no devices", "ctl device list");
    EXPECT(0, "3 added, 0 changed, 0 unchanged, 0 refused",
           "printf 'address,name,model\n0000000000000001,a,th-1\n0000000000000002,b,                                  "
           "th-2                                  \n0000000000000003,c,\n' "
           ">in.csv; ctl device import in.csv");
    EXPECT(0, "0 added, 0 changed, 3 unchanged, 0 refused", "ctl device import in.csv");
    EXPECT(1, "in.csv:2: 0000000000000001: address: added already, with another model",
           "printf 'address,model\n0000000000000001,th-2\n0000000000000002,\n' >in.csv; ctl device import in.csv");
    EXPECT(0, "0 added, 1 changed, 1 unchanged, 0 refused", "ctl device import --update in.csv");
    EXPECT(0, "0000000000000001,a,listed,,,,,,,,,,,th-2\n", "ctl device export");
    EXPECT(0, "0 added, 0 changed, 3 unchanged, 0 refused", "ctl device export | ctl device import -");

    /* What the firmware says is no choice, and an export must not make it one. */
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct frames_device device = frames_device(3);
    struct selkie_message message = {.kind = SELKIE_REGISTER};
    uint8_t body[SELKIE_SEALED_SIZE];
    memcpy(message.address, device.address, sizeof message.address);
    memcpy(message.id, device.id, sizeof message.id);
    message.registration.firmware = "th2 9";
    message.registration.firmware_len = 5;
    harness_seal(body, &message);
    ck_assert_int_ge(frames_send(gateway, "gw1", body, sizeof body, 1), 0);
    frames_await_receipt(gateway, 1);
    EXPECT(0, "\"model_chosen\": false", "ctl device show 0000000000000003 --json");
    EXPECT(0, "th2 9,\n", "ctl device export");
    harness_disconnect(gateway);
}
END_TEST

START_TEST(a_busy_plugin_is_waited_for)
{
    enum { PLACES = 16, COMMANDS = 16000 };
    static const char behind[] = "{\"commands\":[{\"command\":\"listKeys\"}]}";
    start("");
    json_t *payload = json_pack("{s:[]}", "commands");
    for (int i = 0; i < COMMANDS; i++) {
        char name[16];
        snprintf(name, sizeof name, "g%d", i);
        ck_assert_int_eq(json_array_append_new(json_object_get(payload, "commands"),
                                               json_pack("{s:s, s:s}", "command", "addGateway", "gateway", name)),
                         0);
    }
    char *text = json_dumps(payload, JSON_COMPACT);
    const struct harness_client_options options = {.username = "root"};
    struct harness_client *client = harness_connect(broker, &options);
    ck_assert_int_ge(harness_publish(client, "$CONTROL/selkie/v1", text, strlen(text), 1, false, NULL), 0);
    for (int i = 1; i < PLACES; i++)
        ck_assert_int_ge(harness_publish(client, "$CONTROL/selkie/v1", behind, sizeof behind - 1, 1, false, NULL), 0);
    char *said = ctl_shell(broker, 0, "ctl device add 00112233aabbccdd --timeout 120");
    ck_assert_msg(strstr(said, "the plugin is busy with other commands; trying again") &&
                      strstr(said, "00112233aabbccdd added"),
                  "%s", said);
    free(said);
    free(text);
    json_decref(payload);
    harness_disconnect(client);
}
END_TEST

START_TEST(the_air_that_session_frames_save_is_shown)
{
    start("");
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct frames_device device = frames_device(1);
    struct selkie_session session;
    uint8_t body[SELKIE_SESSION_SIZE_MAX];
    frames_send_data(gateway, "gw1", &device, "sealed", 1);
    ck_assert_int_eq(selkie_session_derive(&session, device.address, device.id), 0);
    for (uint32_t counter = 1; counter < 10; counter++) {
        int len = selkie_session_seal(body, sizeof body, &session, counter, (const uint8_t *)"16-byte reading!", 16);
        ck_assert_int_eq(len, 31);
        ck_assert_int_ge(frames_send(gateway, "gw1", body, (size_t)len, counter + 1), 0);
    }
    frames_await_receipts(gateway, 1, 10);
    /* One of 522 bytes and nine of 31, against ten of 522: 84.6 % less. */
    EXPECT(0, "85 %", "ctl device show %s", device.text);
    EXPECT(0, "\"air_saved\": 0.846", "ctl device show %s --json", device.text);
    harness_disconnect(gateway);
}
END_TEST

START_TEST(an_imported_fleet_is_exported_again)
{
    start("");
    EXPECT(
        0, "3000 added, 0 changed, 0 unchanged, 0 refused",
        "{ echo address,name; i=1; while [ $i -le 3000 ]; do printf '%%016x,\"d, %%d\"\\n' $i $i; i=$((i+1)); done; } "
        "| ctl device import -");
    EXPECT(0, "3000\n", "ctl device list --json | grep -c '\"address\"'");
    EXPECT(0, "00000000000000ff,\"d, 255\",listed", "ctl device export");
    EXPECT(0, "3001\n", "ctl device export | wc -l");
    EXPECT(0, "0 added, 0 changed, 3000 unchanged, 0 refused", "ctl device export | ctl device import -");
    EXPECT(1, "-:2: the name is longer than 64 bytes",
           "{ echo address,name; printf '%%016x,%%065d\\n' 1 0; } | ctl device import -");
}
END_TEST

/* What a person or a device chose begins a cell, through the real registry and back. */
START_TEST(no_exported_cell_is_a_formula_and_import_takes_it_back)
{
    start("");
    static const char *const names[][2] = {{"=1+1", "'=1+1"},       {"+1", "'+1"},     {"-1", "'-1"},
                                           {"@SUM(1)", "'@SUM(1)"}, {"1;=2", "1;'=2"}, {"=1,2", "\"'=1,2\""},
                                           {"'=1", "''=1"},         {"'tis", "''tis"}, {"Roof=1", "Roof=1"}};
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct frames_device device = frames_device(1);
    struct selkie_message message = {.kind = SELKIE_REGISTER};
    uint8_t body[SELKIE_SEALED_SIZE];
    memcpy(message.address, device.address, sizeof message.address);
    memcpy(message.id, device.id, sizeof message.id);
    message.registration.firmware = "=HYPERLINK(\"http://a\")";
    message.registration.firmware_len = strlen(message.registration.firmware);
    harness_seal(body, &message);
    ck_assert_int_ge(frames_send(gateway, "gw1", body, sizeof body, 1), 0);
    frames_await_receipt(gateway, 1);
    EXPECT(0, ",gw1,\"'=HYPERLINK(\"\"http://a\"\")\",\n", "ctl device export");
    EXPECT(0, "added", "ctl device add 00112233aabbccdd --name other");
    EXPECT(0, "1 added, 0 changed, 1 unchanged", "ctl device export | ctl device import -");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char row[64];
        snprintf(row, sizeof row, "00112233aabbccdd,%s,listed", names[i][1]);
        EXPECT(0, "changed", "ctl device set 00112233aabbccdd --name \"%s\"", names[i][0]);
        EXPECT(0, row, "ctl device export | tee export.csv");
        EXPECT(0, "changed", "ctl device set 00112233aabbccdd --name other");
        EXPECT(0, "0 added, 1 changed, 1 unchanged, 0 refused", "ctl device import export.csv --update");
        snprintf(row, sizeof row, "\"name\": \"%s\"", names[i][0]);
        EXPECT(0, row, "ctl device show 00112233aabbccdd --json");
    }
    harness_disconnect(gateway);
}
END_TEST

/* The claim's form, or NULL: 20 hex digits. */
static const char *claim_in(const char *text, const char *before)
{
    const char *claim = strstr(text, before);
    claim = claim ? claim + strlen(before) : NULL;
    return claim && strspn(claim, "0123456789abcdef") == 20 ? claim : NULL;
}

START_TEST(a_claim_is_made_and_printed_once)
{
    start(",\"enrolment\":\"listed\"");
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct harness_client *subscriber = frames_subscriber(broker, "selkie/rejected/#");
    struct frames_device device = frames_device(1);
    uint8_t body[SELKIE_SEALED_SIZE];
    char *first = ctl_shell(broker, 0, "ctl device add %s --claim", device.text);
    char *second = ctl_shell(broker, 0, "ctl device set --claim --json %s", device.text), claim[21] = "";
    ck_assert_msg(strstr(first, " added\n") && claim_in(first, "claim  "), "%s", first);
    ck_assert_msg(strstr(second, device.text) && claim_in(second, "\"claim\": \""), "%s", second);
    memcpy(claim, claim_in(second, "\"claim\": \""), 20);
    ck_assert_int_ne(strncmp(claim_in(first, "claim  "), claim, 20), 0);
    char *shown = ctl_shell(broker, 0, "ctl device show %s --json; ctl device export", device.text);
    ck_assert(strstr(shown, "\"claim\": true") && !strstr(shown, claim));
    /* The earlier one is no longer good. */
    char old[21] = "";
    memcpy(old, claim_in(first, "claim  "), 20);
    harness_seal_register(body, device.address, device.id, old);
    ck_assert_int_ge(frames_send(gateway, "gw1", body, sizeof body, 1), 0);
    harness_message_free(harness_receive(subscriber, "selkie/rejected/claim"));
    harness_seal_register(body, device.address, device.id, claim);
    ck_assert_int_ge(frames_send(gateway, "gw1", body, sizeof body, 2), 0);
    frames_await_receipts(gateway, 1, 2);
    EXPECT(0, "active", "ctl device list --status active");
    /* One that nobody has seen is lost: the disk is full, or the pipe's reader gone. */
    EXPECT(1,
           "the claim of 00000000000000c1 could not be written and is lost; make another: selkiectl device set "
           "00000000000000c1 --claim\n",
           "ctl device add 00000000000000C1 --claim --json >/dev/full");
    EXPECT(0, "the claim of 00000000000000c1 could not be written",
           "mkfifo go; { read gone <go; ctl device set 00000000000000c1 --claim; echo rc $? >&2; } | "
           "{ exec <&-; echo gone >go; }");
    /* Nothing is printed that the plugin did not take. */
    char *refused = ctl_shell(broker, 1, "ctl device set %s --claim --name '%065d'", device.text, 0);
    ck_assert_msg(strstr(refused, "name: must be") && !strstr(refused, "claim"), "%s", refused);
    free(first);
    free(second);
    free(shown);
    free(refused);
    harness_disconnect(subscriber);
    harness_disconnect(gateway);
}
END_TEST

START_TEST(the_printed_gateway_configuration_is_a_sound_one)
{
    start("");
    EXPECT(0, "gateway  roof",
           "ctl gateway add roof --json >added.json; "
           "python3 -c 'import json,os; a=json.load(open(\"added.json\")); c=a[\"config\"]; "
           "f=os.open(\"password\",os.O_CREAT|os.O_WRONLY,0o600); os.write(f,a[\"password\"].encode()); "
           "c[\"broker\"][\"password_file\"]=os.getcwd()+\"/password\"; json.dump(c,open(\"gateway.json\",\"w\"))'; "
           "'%s' --check-config --config gateway.json",
           harness_program("selkie-gateway"));
}
END_TEST

START_TEST(keys_and_counters_are_shown)
{
    start("");
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct frames_device device = frames_device(1);
    frames_send_data(gateway, "gw1", &device, "x", 1);
    frames_await_receipt(gateway, 1);
    EXPECT(0, "1  openssl   4096        1", "ctl key list");
    EXPECT(0, "accepted   1\n", "ctl stats");
    EXPECT(0, "LATENCY IN US", "ctl stats");
    EXPECT(0, "\"latency_us\"", "ctl stats --json");
    harness_disconnect(gateway);
}
END_TEST

START_TEST(who_is_no_administrator_is_told)
{
    start("");
    EXPECT(1, "is it one of the plugin's \"admins\"?", "user=joe; ctl stats");
    EXPECT(1, "is it one of the plugin's \"admins\"?", "user=joe; ctl device list");
}
END_TEST

START_TEST(watch_shows_frames_events_and_rejections)
{
    start("");
    const char *const argv[] = {harness_program("selkiectl"), "watch", "--broker", broker->uri, NULL};
    struct harness_process *watch = harness_spawn("watch", argv, false);
    harness_wait_log(watch, "watching");
    struct harness_client *gateway = frames_gateway(broker, "gw1", NULL);
    struct frames_device device = frames_device(1);
    char expected[128];
    frames_send_data(gateway, "gw1", &device, "21.5C", 1);
    snprintf(expected, sizeof expected, "event     %s  registered", device.text);
    harness_wait_log(watch, expected);
    snprintf(expected, sizeof expected, "frame     %s  #0 sealed by gw1, 5 bytes: 21.5C\n", device.text);
    harness_wait_log(watch, expected);
    ck_assert_int_ge(frames_send(gateway, "gw1", (const uint8_t *)"\x13", 1, 2), 0);
    harness_wait_log(watch, "malformed  gateway=gw1");
    ck_assert_int_eq(harness_stop(watch, 2), 0);
    harness_disconnect(gateway);
}
END_TEST

/* ---- TLS ---- */

static void make_certificates(void)
{
    free(ctl_shell(broker, 0,
                   "{ new='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj'; "
                   "for a in ca other; do openssl req -x509 $new /CN=$a -days 2 -keyout $a.key -out $a.pem; done; "
                   "openssl req $new /CN=localhost -addext subjectAltName=DNS:localhost -keyout s.key -out s.csr; "
                   "openssl x509 -req -in s.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -copy_extensions copy "
                   "-out s.pem; } 2>/dev/null"));
}

START_TEST(tls_is_checked_before_a_password_is_sent)
{
    char lines[1500];
    int port = harness_free_port();
    broker = harness_broker(""); /* only for its folder */
    make_certificates();
    snprintf(lines, sizeof lines, "listener %d 127.0.0.1\ncertfile %s\nkeyfile %s\n", port, harness_path("s.pem"),
             harness_path("s.key"));
    broker = harness_broker_with_plugin(lines, "\"gateways\":\"any\",\"admins\":[\"root\"]");
    EXPECT(0, "openssl", "ctl key list --broker mqtts://localhost:%d --ca ca.pem", port);
    EXPECT(1, "is signed by \"ca\", which is no authority of other.pem",
           "ctl key list --broker mqtts://localhost:%d --ca other.pem", port);
    EXPECT(1, "is signed by \"ca\", which is no authority of this machine",
           "ctl key list --broker mqtts://localhost:%d", port);
    EXPECT(1, "no broker at", "ctl key list --broker mqtts://127.0.0.1:%d --ca ca.pem", port);
    EXPECT(1, "ca nowhere.pem: No such file or directory",
           "ctl key list --broker mqtts://localhost:%d --ca nowhere.pem", port);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl_plugin");
    TCase *tcase = tcase_create("ctl_plugin");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_reset_device_is_approved_and_what_was_parked_comes_out);
    tcase_add_test(tcase, of_several_pending_ids_one_is_named);
    tcase_add_test(tcase, a_device_goes_through_its_life);
    tcase_add_test(tcase, a_device_that_was_added_changes_only_where_it_is_said);
    tcase_add_test(tcase, an_import_changes_only_with_update);
    tcase_add_test(tcase, a_model_is_chosen_shown_and_taken_away);
    tcase_add_test(tcase, models_are_imported_exported_and_checked_before_the_first_row_goes_out);
    tcase_add_test(tcase, a_busy_plugin_is_waited_for);
    tcase_add_test(tcase, the_air_that_session_frames_save_is_shown);
    tcase_add_test(tcase, an_imported_fleet_is_exported_again);
    tcase_add_test(tcase, no_exported_cell_is_a_formula_and_import_takes_it_back);
    tcase_add_test(tcase, a_claim_is_made_and_printed_once);
    tcase_add_test(tcase, the_printed_gateway_configuration_is_a_sound_one);
    tcase_add_test(tcase, keys_and_counters_are_shown);
    tcase_add_test(tcase, who_is_no_administrator_is_told);
    tcase_add_test(tcase, watch_shows_frames_events_and_rejections);
    tcase_add_test(tcase, tls_is_checked_before_a_password_is_sent);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
