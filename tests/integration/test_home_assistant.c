/* SPDX-License-Identifier: Apache-2.0 */
/* What Home Assistant gets of a real broker, as a user with few rights, held against its words by
 * tests/home_assistant/check. PROTOCOL.md, section 8, "Home Assistant". */
#include "frames.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CONTROL        "$CONTROL/selkie/v1"
#define NOT_AUTHORIZED 135
#define HOME           "homeassistant/"
#define ON             "\"home_assistant\":{\"prefix\":\"homeassistant\"}"
#define BUTTON         "\"home_assistant\":{\"approve_button\":true}"
#define USERS                                                                                                          \
    "\"gateways\":\"any\",\"admins\":[\"ops\"],\"readers\":[\"eve\",{\"user\":\"ha\",\"topics\":["                     \
    "\"selkie/device/+/state\",\"selkie/device/+/values\",\"selkie/gateway/+/state\"]}]"

static struct harness_broker *broker;
static struct harness_client *admin, *home, *gateway;
static uint64_t seq;
static FILE *collected; /* what came to Home Assistant, for the check */

static struct harness_client *connect_as(const char *user)
{
    const struct harness_client_options options = {.username = user};

    return harness_connect(broker, &options);
}

/* As the MQTT integration does it. */
static void connect_home(void)
{
    static const char *const filters[] = {HOME "+/+/config", HOME "+/+/+/config", "selkie/device/+/state",
                                          "selkie/device/+/values", "selkie/gateway/+/state"};

    home = connect_as("ha");
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
        ck_assert_int_eq(harness_subscribe(home, filters[i], 1), 1);
}

static void go_online(void)
{
    ck_assert_int_ge(
        harness_publish(gateway, "selkie/gateway/roof-1/state", "{\"state\":\"online\"}", 18, 1, true, NULL), 0);
}

static void start(const char *plugin, const char *persistence)
{
    char lines[800];
    const char *acl = harness_write("acl", 0600, "user ha\ntopic write homeassistant/status\n");

    (void)snprintf(lines, sizeof lines, "acl_file %s\n%s", acl, persistence);
    broker = harness_broker_with_plugin(lines, plugin);
    admin = connect_as("ops");
    gateway = frames_gateway(broker, "roof-1", NULL);
    go_online();
    collected = fopen(harness_path("collected"), "w");
    ck_assert_ptr_nonnull(collected);
    connect_home();
}

static void stop(void)
{
    harness_disconnect(home);
    harness_disconnect(gateway);
    harness_disconnect(admin);
    ck_assert_int_eq(fclose(collected), 0);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}

static void collect(const struct harness_message *message)
{
    json_t *line = json_pack("{s:s, s:s}", "topic", message->topic, "payload", (const char *)message->payload);

    ck_assert_int_eq(json_dumpf(line, collected, JSON_COMPACT), 0);
    (void)fputc('\n', collected);
    json_decref(line);
}

/* The next message on a topic that Home Assistant has subscribed to. */
static struct harness_message *receive(const char *topic)
{
    struct harness_message *message = harness_receive(home, topic);

    collect(message);
    return message;
}

static const char *config_topic(const struct frames_device *device)
{
    static char topic[100];

    (void)snprintf(topic, sizeof topic, HOME "device/selkie_%s/config", device->text);
    return topic;
}

/* The next description of a device; NULL if it was cleared. */
static json_t *next_config(const struct frames_device *device)
{
    struct harness_message *message = receive(config_topic(device));
    json_t *json = message->len > 0 ? json_loadb((const char *)message->payload, message->len, 0, NULL) : NULL;

    ck_assert(json || message->len == 0);
    harness_message_free(message);
    return json;
}

static void expect_config(const struct frames_device *device)
{
    json_t *config = next_config(device);

    ck_assert_ptr_nonnull(config);
    json_decref(config);
}

static void expect_cleared(const struct frames_device *device)
{
    ck_assert_ptr_null(next_config(device));
}

static json_t *command(const char *json)
{
    char payload[2000];
    int len = snprintf(payload, sizeof payload, "{\"commands\":[%s]}", json);

    ck_assert_int_ge(harness_publish(admin, CONTROL, payload, (size_t)len, 1, false, NULL), 0);
    json_t *answer = frames_receive_json(admin, CONTROL);
    json_t *response = json_incref(json_array_get(json_object_get(answer, "responses"), 0));
    const char *error = json_string_value(json_object_get(response, "error"));
    ck_assert_msg(!error, "%s: %s", json, error);
    json_decref(answer);
    return response;
}

static void change(const char *verb, const struct frames_device *device, const char *more)
{
    char json[400];

    (void)snprintf(json, sizeof json, "{\"command\":\"%s\",\"address\":\"%s\"%s}", verb, device->text, more);
    json_decref(command(json));
}

/* All that Home Assistant was sent up to the answer to a command, of which nothing may come below a prefix. */
static void expect_nothing(const char *prefix)
{
    struct harness_message *message;

    json_decref(command("{\"command\":\"getStats\"}"));
    while ((message = harness_receive_try(home, prefix, 0)) != NULL) {
        ck_assert_msg(message->len == 0, "%s: %s", message->topic, (const char *)message->payload);
        harness_message_free(message);
    }
}

/* Everything that came is right; what Home Assistant shows now. */
static json_t *check(void)
{
    static const char script[] = SELKIE_SOURCE_DIR "/tests/home_assistant/check --states < ";
    char line[600], *output;
    struct harness_message *message;

    while ((message = harness_receive_try(home, NULL, 0)) != NULL) {
        collect(message);
        harness_message_free(message);
    }
    ck_assert_int_eq(fflush(collected), 0);
    (void)snprintf(line, sizeof line, "%s%s", script, harness_path("collected"));
    const char *argv[] = {"/bin/sh", "-c", line, NULL};
    int status = harness_run("check", argv, &output);
    if (status == 77) {
        (void)fputs(output, stdout);
        exit(77);
    }
    ck_assert_msg(status == 0, "%s", output);
    json_t *states = json_loads(output, 0, NULL);
    ck_assert_msg(states != NULL, "%s", output);
    free(output);
    return states;
}

/* The state of an entity ("-": none yet), or "unavailable"; static. */
static const char *shown(const json_t *states, const struct frames_device *device, const char *entity)
{
    static char text[300];
    char id[100];

    (void)snprintf(id, sizeof id, "selkie_%s_%s", device->text, entity);
    const json_t *one = json_object_get(states, id);
    ck_assert_msg(one != NULL, "%s is not there", id);
    const char *state = json_string_value(json_object_get(one, "state"));
    if (!json_is_true(json_object_get(one, "available")))
        return "unavailable";
    (void)snprintf(text, sizeof text, "%s", state ? state : "-");
    return text;
}

/* A device sends; its state has come to Home Assistant. */
static void hear(struct frames_device *device, const char *payload)
{
    frames_send_data(gateway, "roof-1", device, payload, ++seq);
    frames_await_receipt(gateway, seq);
    harness_message_free(receive(frames_topic(device, "state")));
}

START_TEST(a_device_that_registers_appears)
{
    struct frames_device device = frames_device(1);

    start(USERS "," ON, "");
    hear(&device, "x");
    json_t *config = next_config(&device);
    ck_assert_ptr_nonnull(config);
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(config, "device"), "name")),
                     "Selkie 0000000000000001");
    json_decref(config);
    json_t *states = check();
    ck_assert_ptr_nonnull(strstr(shown(states, &device, "last_seen"), "+00:00"));
    ck_assert_str_eq(shown(states, &device, "lost"), "0");
    ck_assert_str_eq(shown(states, &device, "alarm"), "OFF");
    ck_assert_str_eq(shown(states, &device, "pending"), "OFF");
    json_decref(states);
    hear(&device, "y"); /* it changes nothing in the description */
    expect_nothing(HOME);

    /* Whoever connects later has it too. */
    harness_disconnect(home);
    connect_home();
    expect_config(&device);
    change("removeDevice", &device, "");
    expect_cleared(&device);
    harness_disconnect(home);
    connect_home();
    expect_nothing(HOME);
    stop();
}
END_TEST

/* Models for texts like "t=21.5 open=1 mode=2", and a part of that. */
static const char *with_models(const char *plugin)
{
    static char text[1000];

    ck_assert_int_eq(mkdir(harness_path("models"), 0755), 0);
    (void)harness_write(
        "models/whole.json", 0644, "%s",
        "{\"model\":\"whole\",\"manufacturer\":\"Acme\",\"firmware\":[\"acme *\"],\"format\":\"text\",\"fields\":["
        "{\"name\":\"temperature\",\"path\":\"t\",\"unit\":\"°C\",\"device_class\":\"temperature\","
        "\"state_class\":\"measurement\",\"optional\":true},"
        "{\"name\":\"open\",\"enum\":{\"0\":false,\"1\":true},\"device_class\":\"door\"},"
        "{\"name\":\"items\",\"path\":\"mode\",\"enum\":{\"1\":\"eco\",\"2\":\"{{ 7*7 }}\"}}],"
        "\"examples\":[{\"text\":\"t=21.5 open=1 mode=2\",\"values\":{\"temperature\":21.5,\"open\":true,"
        "\"items\":\"{{ 7*7 }}\"}},{\"text\":\"t=1 open=0 mode=1\",\"values\":{\"temperature\":1,"
        "\"open\":false,\"items\":\"eco\"}}]}");
    (void)harness_write("models/part.json", 0644, "%s",
                        "{\"model\":\"part\",\"format\":\"text\",\"fields\":[{\"name\":\"temperature\",\"path\":\"t\","
                        "\"unit\":\"K\",\"device_class\":\"temperature\"}],"
                        "\"examples\":[{\"text\":\"t=21.5 open=1\",\"values\":{\"temperature\":21.5}}]}");
    (void)snprintf(text, sizeof text, "%s,\"models_dir\":\"%s\"", plugin, harness_path("models"));
    return text;
}

static void send_register(struct frames_device *device, const char *firmware)
{
    struct selkie_message message = {.kind = SELKIE_REGISTER, .counter = device->counter++};
    uint8_t body[SELKIE_SEALED_SIZE];

    memcpy(message.address, device->address, sizeof message.address);
    memcpy(message.id, device->id, sizeof message.id);
    message.registration.firmware = firmware;
    message.registration.firmware_len = strlen(firmware);
    harness_seal(body, &message);
    ck_assert_int_ge(frames_send(gateway, "roof-1", body, sizeof body, ++seq), 0);
    frames_await_receipt(gateway, seq);
    harness_message_free(receive(frames_topic(device, "state")));
}

static const json_t *component(const json_t *config, const char *name)
{
    return json_object_get(json_object_get(config, "components"), name);
}

START_TEST(the_values_of_a_model_are_entities)
{
    struct frames_device device = frames_device(1);

    start(with_models(USERS "," ON), "");
    send_register(&device, "acme <b>{{ 1 }}</b>");
    expect_config(&device);
    hear(&device, "t=21.5 open=1 mode=2");
    harness_message_free(receive(frames_topic(&device, "values")));
    json_t *states = check();
    ck_assert_str_eq(shown(states, &device, "value_temperature"), "21.5");
    ck_assert_str_eq(shown(states, &device, "value_open"), "ON");
    ck_assert_str_eq(shown(states, &device, "value_items"), "{{ 7*7 }}");
    json_decref(states);

    ck_assert_int_ge(
        harness_publish(gateway, "selkie/gateway/roof-1/state", "{\"state\":\"offline\"}", 19, 1, true, NULL), 0);
    harness_message_free(receive("selkie/gateway/roof-1/state"));
    states = check();
    ck_assert_str_eq(shown(states, &device, "value_temperature"), "unavailable");
    ck_assert_str_ne(shown(states, &device, "last_seen"), "unavailable");
    json_decref(states);
    stop();
}
END_TEST

/* A gateway had no network for hours, while another one heard the device. */
START_TEST(a_value_that_comes_late_is_not_shown)
{
    struct frames_device device = frames_device(1);
    uint8_t late[SELKIE_SEALED_SIZE];

    start(with_models(USERS "," ON), "");
    send_register(&device, "acme 1");
    expect_config(&device);
    harness_seal_data(late, device.address, device.id, device.counter++, "t=-40 open=0 mode=1");
    hear(&device, "t=21.5 open=1 mode=2");
    harness_message_free(receive(frames_topic(&device, "values")));
    ck_assert_int_ge(frames_send(gateway, "roof-1", late, sizeof late, ++seq), 0);
    frames_await_receipt(gateway, seq);
    harness_message_free(receive(frames_topic(&device, "state")));
    json_decref(command("{\"command\":\"getStats\"}"));
    ck_assert_int_eq(harness_subscribe(home, HOME "none", 1), 1); /* what was published before has come now */
    json_t *states = check();
    ck_assert_str_eq(shown(states, &device, "value_temperature"), "21.5");
    ck_assert_str_eq(shown(states, &device, "value_open"), "ON");
    json_decref(states);
    stop();
}
END_TEST

START_TEST(another_name_and_another_model_are_followed)
{
    struct frames_device device = frames_device(1);

    start(with_models(USERS "," ON), "");
    send_register(&device, "acme 1");
    expect_config(&device);
    change("setDevice", &device, ",\"name\":\"{{ 7*7 }} \\\" <i>\"");
    json_t *config = next_config(&device);
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(config, "device"), "name")), "{{ 7*7 }} \" <i>");
    json_decref(config);
    change("setDevice", &device, ",\"model\":\"part\"");
    config = next_config(&device); /* takes back what is gone, and the next one leaves it out */
    ck_assert_uint_eq(json_object_size(component(config, "value_open")), 1);
    json_decref(config);
    config = next_config(&device);
    ck_assert_ptr_null(component(config, "value_open"));
    ck_assert_ptr_nonnull(component(config, "value_temperature"));
    json_decref(config);
    json_decref(check());
    change("setDevice", &device, ",\"model\":null");
    config = next_config(&device);
    ck_assert_uint_gt(json_object_size(component(config, "value_open")), 1);
    json_decref(config);
    json_decref(check());
    stop();
}
END_TEST

START_TEST(the_button_approves_whom_it_shows_and_only_for_an_administrator)
{
    struct frames_device device = frames_device(1), reset = device;
    char payload[300];

    start(with_models(USERS "," BUTTON), "");
    send_register(&device, "acme 1");
    expect_config(&device);
    json_t *states = check();
    ck_assert_str_eq(shown(states, &device, "approve"), "unavailable");
    json_decref(states);
    reset.id[1] = 1; /* after a reset it has another ID */
    send_register(&reset, "acme 1");
    json_t *config = next_config(&device);
    const char *press = json_string_value(json_object_get(component(config, "approve"), "payload_press"));
    (void)snprintf(payload, sizeof payload, "%s", press);
    json_decref(config);
    states = check();
    ck_assert_str_eq(shown(states, &device, "approve"), "-");
    ck_assert_str_eq(shown(states, &device, "pending"), "ON");
    json_decref(states);

    ck_assert_int_eq(harness_publish(home, CONTROL, payload, strlen(payload), 1, false, NULL), NOT_AUTHORIZED);
    ck_assert_int_ge(harness_publish(admin, CONTROL, payload, strlen(payload), 1, false, NULL), 0);
    json_t *answer = frames_receive_json(admin, CONTROL);
    ck_assert_ptr_null(json_object_get(json_array_get(json_object_get(answer, "responses"), 0), "error"));
    json_decref(answer);
    expect_config(&device);
    states = check();
    ck_assert_str_eq(shown(states, &device, "approve"), "unavailable");
    ck_assert_str_eq(shown(states, &device, "pending"), "OFF");
    json_decref(states);
    stop();
}
END_TEST

START_TEST(a_stranger_appears_once_it_is_approved)
{
    struct frames_device device = frames_device(1);

    start(with_models(USERS ",\"enrolment\":\"approve\"," ON), "");
    send_register(&device, "acme 1");
    expect_nothing(HOME);
    change("approveDevice", &device, "");
    expect_config(&device);
    harness_disconnect(home); /* after a restart as well */
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
    harness_disconnect(gateway);
    harness_disconnect(admin);
    harness_broker_restart(broker);
    admin = connect_as("ops");
    gateway = frames_gateway(broker, "roof-1", NULL);
    connect_home();
    expect_config(&device);
    json_decref(check());
    stop();
}
END_TEST

/* Under "gateways": "any", too: each is the gateway of its user name. Its will is published, but no plugin sees it. */
START_TEST(a_gateway_that_dies_leaves_the_device_to_another)
{
    struct frames_device device = frames_device(1);
    const struct harness_client_options options = {.username = "cellar",
                                                   .will_topic = "selkie/gateway/cellar/state",
                                                   .will_payload = "{\"state\":\"offline\"}",
                                                   .will_retain = true};
    char cellar_state[] = "selkie/gateway/cellar/state";

    start(with_models(USERS "," ON), "");
    struct harness_client *cellar = harness_connect(broker, &options), *roof = gateway;
    ck_assert_int_ge(harness_publish(cellar, cellar_state, "{\"state\":\"online\"}", 18, 1, true, NULL), 0);
    harness_message_free(receive(cellar_state));
    gateway = cellar;
    frames_send_data(gateway, "cellar", &device, "t=1", ++seq);
    expect_config(&device);
    harness_drop(cellar);
    harness_message_free(receive(cellar_state));
    gateway = roof;
    hear(&device, "t=2");
    json_t *config = next_config(&device);
    char *text = json_dumps(config, 0);
    ck_assert_ptr_nonnull(strstr(text, "selkie/gateway/roof-1/state"));
    ck_assert_ptr_null(strstr(text, cellar_state));
    free(text);
    json_decref(config);
    stop();
}
END_TEST

START_TEST(each_ready_model_is_right)
{
    char plugin[700];
    json_t *models;
    size_t i;
    json_t *model;

    (void)snprintf(plugin, sizeof plugin, "%s,%s,\"models_dir\":\"%s/models/ready\"", USERS, ON, SELKIE_SOURCE_DIR);
    start(plugin, "");
    json_t *response = command("{\"command\":\"listModels\"}");
    models = json_object_get(json_object_get(response, "data"), "models");
    ck_assert_uint_gt(json_array_size(models), 0);
    json_array_foreach (models, i, model) {
        struct frames_device device = frames_device(i + 1);
        char choice[100];
        (void)snprintf(choice, sizeof choice, ",\"model\":\"%s\"", json_string_value(json_object_get(model, "model")));
        change("addDevice", &device, choice);
        json_t *config = next_config(&device);
        json_t *fields = json_object_get(model, "fields");
        ck_assert_uint_eq(json_object_size(json_object_get(config, "components")), json_array_size(fields) + 5);
        json_decref(config);
    }
    json_decref(response);
    json_decref(check());
    stop();
}
END_TEST

START_TEST(a_clone_is_a_problem_until_somebody_decides)
{
    struct frames_device device = frames_device(1), thief;

    start(USERS "," ON, "");
    hear(&device, "x");
    expect_config(&device);
    thief = device;
    hear(&device, "mine");
    frames_send_data(gateway, "roof-1", &thief, "a clone's", ++seq);
    frames_await_receipt(gateway, seq);
    harness_message_free(receive(frames_topic(&device, "state")));
    json_t *states = check();
    ck_assert_str_eq(shown(states, &device, "alarm"), "ON");
    json_decref(states);
    stop();
}
END_TEST

START_TEST(only_who_may_read_a_device_reads_its_description_and_nobody_writes_it)
{
    struct frames_device device = frames_device(1);

    start(USERS "," ON, "");
    hear(&device, "x");
    expect_config(&device);
    struct harness_client *reader = connect_as("eve"), *stranger = connect_as("mallory");
    ck_assert_int_eq(harness_subscribe(reader, HOME "#", 1), 1);
    harness_message_free(harness_receive(reader, HOME "device/"));
    (void)harness_subscribe(stranger, HOME "#", 1); /* a file of ACLs forbids no subscription, only what comes of it */
    ck_assert_int_eq(harness_publish(reader, config_topic(&device), "{}", 2, 1, true, NULL), NOT_AUTHORIZED);
    ck_assert_int_eq(harness_publish(admin, config_topic(&device), NULL, 0, 1, true, NULL), NOT_AUTHORIZED);
    ck_assert_int_eq(harness_publish(gateway, config_topic(&device), "{}", 2, 1, true, NULL), NOT_AUTHORIZED);
    ck_assert_int_eq(harness_publish(reader, HOME "status", "online", 6, 1, false, NULL), NOT_AUTHORIZED);
    expect_nothing(HOME);
    ck_assert_ptr_null(harness_receive_try(stranger, HOME, 0));
    harness_disconnect(reader);
    harness_disconnect(stranger);
    stop();
}
END_TEST

START_TEST(home_assistant_that_is_online_again_gets_everything)
{
    struct frames_device devices[3];

    start(USERS "," ON, "");
    for (unsigned i = 0; i < 3; i++) {
        devices[i] = frames_device(i + 1);
        hear(&devices[i], "x");
        expect_config(&devices[i]);
    }
    expect_nothing(HOME);
    ck_assert_int_ge(harness_publish(home, HOME "status", "online", 6, 1, true, NULL), 0);
    for (unsigned i = 0; i < 3; i++)
        expect_config(&devices[i]);
    expect_nothing(HOME);
    json_decref(check());
    stop();
}
END_TEST

/* Another configuration: what follows from "gateways" on. */
static void write_config(const char *plugin)
{
    char *text = harness_read(harness_path("plugin.json"));

    *strstr(text, "\"gateways\"") = '\0';
    (void)harness_write("plugin.json", 0600, "%s%s}", text, plugin);
    free(text);
}

static void reload(const char *plugin)
{
    write_config(plugin);
    harness_signal(broker->process, SIGHUP);
}

START_TEST(switched_off_and_on_by_a_reload)
{
    struct frames_device device = frames_device(1);

    start(USERS, "");
    hear(&device, "x");
    expect_nothing(HOME);
    reload(USERS "," ON);
    expect_config(&device);
    reload(USERS);
    expect_cleared(&device);
    harness_disconnect(home);
    connect_home();
    expect_nothing(HOME);
    stop();
}
END_TEST

/* The broker's own database is older than the registry: it was saved before a device was removed. */
START_TEST(what_a_crash_left_behind_goes)
{
    char persistence[400];
    struct frames_device gone = frames_device(1), stays = frames_device(2);

    (void)snprintf(persistence, sizeof persistence, "persistence true\nautosave_interval 0\npersistence_location %s/\n",
                   harness_path(""));
    start(USERS "," ON, persistence);
    hear(&gone, "x");
    hear(&stays, "x");
    expect_config(&gone);
    expect_config(&stays);
    harness_signal(broker->process, SIGUSR1);
    harness_wait_log(broker->process, "Saving in-memory database");
    change("removeDevice", &gone, "");
    expect_cleared(&gone);
    ck_assert_int_eq(harness_stop(broker->process, SIGKILL), 128 + SIGKILL);
    harness_broker_restart(broker);
    for (int again = 0; again < 2; again++) {
        harness_disconnect(home);
        connect_home();
        expect_config(&stays);
        harness_disconnect(admin);
        admin = connect_as("ops");
        expect_nothing(config_topic(&gone));
    }
    harness_disconnect(gateway);
    gateway = frames_gateway(broker, "roof-1", NULL);
    stop();
}
END_TEST

static const char *persistent(void)
{
    static char lines[400];

    (void)snprintf(lines, sizeof lines, "persistence true\nautosave_interval 0\npersistence_location %s/\n",
                   harness_path(""));
    return lines;
}

static void save(void)
{
    harness_signal(broker->process, SIGUSR1);
    harness_wait_log(broker->process, "Saving in-memory database");
    json_decref(command("{\"command\":\"getStats\"}")); /* it is saved before the answer */
}

static void down(int signal_number)
{
    ck_assert_int_eq(harness_stop(broker->process, signal_number), signal_number == SIGKILL ? 128 + SIGKILL : 0);
    harness_disconnect(home);
    harness_disconnect(gateway);
    harness_disconnect(admin);
}

/* Home Assistant says that it is there, once it has subscribed. */
static void say_online(void)
{
    ck_assert_int_ge(harness_publish(home, HOME "status", "online", 6, 1, false, NULL), 0);
}

static void up(void)
{
    harness_broker_restart(broker);
    admin = connect_as("ops");
    gateway = frames_gateway(broker, "roof-1", NULL);
    go_online();
    connect_home();
}

/* The component comes with nothing but its platform, and then not at all. */
static void expect_taken_back(const struct frames_device *device, const char *name)
{
    bool taken_back = false;

    for (;;) {
        json_t *config = next_config(device);
        ck_assert_ptr_nonnull(config);
        const json_t *part = component(config, name);
        bool is_there = part != NULL;
        taken_back |= json_object_size(part) == 1;
        json_decref(config);
        if (!is_there && taken_back)
            break;
    }
    json_t *states = check();
    char id[100];
    (void)snprintf(id, sizeof id, "selkie_%s_%s", device->text, name);
    ck_assert_msg(!json_object_get(states, id), "%s is still there", id);
    json_decref(states);
}

static const int ends[] = {SIGTERM, SIGKILL};

/* The model of a device loses a field, or the button goes, while the broker is down. */
START_TEST(what_is_gone_after_a_restart_is_taken_back)
{
    struct frames_device device = frames_device(1);
    char config[1000];

    (void)snprintf(config, sizeof config, "%s", with_models(USERS "," BUTTON));
    start(config, persistent());
    send_register(&device, "acme 1");
    expect_config(&device);
    json_t *states = check();
    ck_assert_str_eq(shown(states, &device, "value_open"), "-");
    json_decref(states);
    save();
    down(ends[_i]);
    char *text = harness_read(harness_path("models/whole.json")), *field = strstr(text, "{\"name\":\"open\"");
    char *next = strstr(field, "{\"name\":\"items\"");
    memmove(field, next, strlen(next) + 1);
    for (char *at; (at = strstr(text, "\"open\":true,")) || (at = strstr(text, "\"open\":false,"));)
        memmove(at, strchr(at, ',') + 1, strlen(strchr(at, ',')));
    (void)harness_write("models/whole.json", 0644, "%s", text);
    free(text);
    *strstr(config, BUTTON) = '\0';
    (void)snprintf(config + strlen(config), sizeof config - strlen(config), ON ",\"models_dir\":\"%s\"",
                   harness_path("models"));
    write_config(config);
    up();
    say_online();
    expect_taken_back(&device, "value_open");
    states = check();
    char id[100];
    (void)snprintf(id, sizeof id, "selkie_%s_approve", device.text);
    ck_assert_ptr_null(json_object_get(states, id));
    json_decref(states);
    stop();
}
END_TEST

/* The broker has an older message than the last one, and Home Assistant was away when a field was taken back. */
START_TEST(what_home_assistant_missed_before_a_crash_is_taken_back)
{
    struct frames_device device = frames_device(1);

    start(with_models(USERS "," ON), persistent());
    send_register(&device, "acme 1");
    expect_config(&device);
    save();
    harness_disconnect(home);
    home = connect_as("eve"); /* not Home Assistant: it sees how the field is taken back */
    ck_assert_int_eq(harness_subscribe(home, HOME "#", 1), 1);
    change("setDevice", &device, ",\"model\":\"part\"");
    for (bool is_there = true; is_there;) {
        json_t *config = frames_receive_json(home, config_topic(&device));
        is_there = component(config, "value_open") != NULL;
        json_decref(config);
    }
    down(SIGKILL);
    up();
    say_online();
    expect_taken_back(&device, "value_open");
    stop();
}
END_TEST

/* Switched off, or below another prefix, after a restart: what the broker still has goes when it is read. */
START_TEST(switched_off_by_a_restart)
{
    struct frames_device device = frames_device(1);

    start(USERS "," ON, persistent());
    hear(&device, "x");
    expect_config(&device);
    save();
    down(ends[_i % 2]);
    write_config(_i < 2 ? USERS : USERS ",\"home_assistant\":{\"prefix\":\"other\"}");
    up();
    expect_cleared(&device);
    expect_nothing(HOME);
    stop();
}
END_TEST

/* The broker has saved nothing, so it has nothing to be read. */
START_TEST(switched_off_by_a_restart_of_a_broker_that_keeps_nothing)
{
    struct frames_device device = frames_device(1);

    start(USERS "," ON, "");
    hear(&device, "x");
    expect_config(&device);
    down(ends[_i]);
    write_config(USERS);
    up();
    say_online();
    expect_cleared(&device);
    stop();
}
END_TEST

START_TEST(a_device_that_was_removed_while_home_assistant_was_away_goes_when_it_is_back)
{
    struct frames_device device = frames_device(1), other = frames_device(2);

    start(USERS "," ON, persistent());
    hear(&device, "x");
    expect_config(&device);
    hear(&other, "x");
    expect_config(&other);
    harness_disconnect(home);
    home = connect_as("ops");
    change("removeDevice", &device, "");
    down(ends[_i]);
    up();
    expect_config(&other);
    say_online();
    expect_cleared(&device);
    expect_config(&other);
    stop();
}
END_TEST

static void copy(const char *from, const char *to)
{
    const char *argv[] = {"/bin/cp", harness_path(from), harness_path(to), NULL};

    ck_assert_int_eq(harness_run("cp", argv, NULL), 0);
}

/* An older registry comes back, which has never heard of a device: nobody is shown anything of it. */
START_TEST(a_restored_registry_takes_back_what_it_does_not_know)
{
    struct frames_device device = frames_device(1), unknown = frames_device(2);

    start(with_models(USERS "," ON), persistent());
    send_register(&device, "acme 1");
    expect_config(&device);
    down(SIGTERM);
    copy("state/registry.db", "registry.old");
    up();
    expect_config(&device);
    send_register(&unknown, "acme 1");
    expect_config(&unknown);
    hear(&unknown, "t=21.5 open=1 mode=2");
    harness_message_free(receive(frames_topic(&unknown, "values")));
    down(SIGTERM);
    copy("registry.old", "state/registry.db");
    up();
    harness_message_free(receive(frames_topic(&device, "state")));
    expect_cleared(&unknown);
    struct harness_message *message;
    for (size_t len = 1; len > 0;) {
        message = receive(frames_topic(&unknown, "values"));
        len = message->len;
        harness_message_free(message);
    }
    harness_disconnect(home);
    connect_home();
    json_decref(command("{\"command\":\"getStats\"}"));
    expect_config(&device);
    ck_assert_ptr_null(harness_receive_try(home, config_topic(&unknown), 0));
    expect_nothing("selkie/device/0000000000000002/");
    stop();
}
END_TEST

/* At the start, and at a reload: the components stay until the file is right. */
START_TEST(a_wrong_file_of_a_model_takes_no_components_back)
{
    struct frames_device device = frames_device(1);
    char *text, *part = NULL;

    start(with_models(USERS "," ON), persistent());
    send_register(&device, "acme 1");
    json_t *config = next_config(&device);
    ck_assert_ptr_nonnull(component(config, "value_open"));
    json_decref(config);
    text = harness_read(harness_path("models/whole.json"));
    (void)harness_write("models/whole.json", 0644, "{}");
    if (_i == 0) {
        harness_signal(broker->process, SIGHUP);
        harness_wait_log(broker->process, "stays in force");
        harness_wait_log(broker->process, "plugin.json: reloaded"); /* another signal until then would be lost */
    } else {
        down(SIGTERM);
        up();
        harness_wait_log(broker->process, "model refused");
    }
    part = strstr(text, "\"manufacturer\":\"Acme\"");
    memcpy(part, "\"manufacturer\":\"Emca\"", 21);
    (void)harness_write("models/whole.json", 0644, "%s", text);
    free(text);
    harness_signal(broker->process, SIGHUP);
    for (bool is_right = false; !is_right;) {
        config = next_config(&device);
        ck_assert_uint_gt(json_object_size(component(config, "value_open")), 1);
        is_right =
            strcmp(json_string_value(json_object_get(json_object_get(config, "device"), "manufacturer")), "Emca") == 0;
        json_decref(config);
    }
    json_decref(check());
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("home_assistant");
    TCase *tcase = tcase_create("home_assistant");

    tcase_set_timeout(tcase, 180);
    tcase_add_test(tcase, a_device_that_registers_appears);
    tcase_add_test(tcase, the_values_of_a_model_are_entities);
    tcase_add_test(tcase, a_value_that_comes_late_is_not_shown);
    tcase_add_test(tcase, another_name_and_another_model_are_followed);
    tcase_add_test(tcase, the_button_approves_whom_it_shows_and_only_for_an_administrator);
    tcase_add_test(tcase, a_stranger_appears_once_it_is_approved);
    tcase_add_test(tcase, a_gateway_that_dies_leaves_the_device_to_another);
    tcase_add_test(tcase, each_ready_model_is_right);
    tcase_add_test(tcase, a_clone_is_a_problem_until_somebody_decides);
    tcase_add_test(tcase, only_who_may_read_a_device_reads_its_description_and_nobody_writes_it);
    tcase_add_test(tcase, home_assistant_that_is_online_again_gets_everything);
    tcase_add_test(tcase, switched_off_and_on_by_a_reload);
    tcase_add_test(tcase, what_a_crash_left_behind_goes);
    tcase_add_loop_test(tcase, what_is_gone_after_a_restart_is_taken_back, 0, 2);
    tcase_add_test(tcase, what_home_assistant_missed_before_a_crash_is_taken_back);
    tcase_add_loop_test(tcase, switched_off_by_a_restart, 0, 4);
    tcase_add_loop_test(tcase, switched_off_by_a_restart_of_a_broker_that_keeps_nothing, 0, 2);
    tcase_add_loop_test(tcase, a_device_that_was_removed_while_home_assistant_was_away_goes_when_it_is_back, 0, 2);
    tcase_add_test(tcase, a_restored_registry_takes_back_what_it_does_not_know);
    tcase_add_loop_test(tcase, a_wrong_file_of_a_model_takes_no_components_back, 0, 2);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
