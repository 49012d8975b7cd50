/* SPDX-License-Identifier: Apache-2.0 */
/* Values of payloads, and the models that they come from, through a real Mosquitto: what is published and retained,
 * what a reload and a crash leave of it, and who may read it. PROTOCOL.md, section 8 ("Values"). */
#define _GNU_SOURCE /* prlimit */
#include "frames.h"

#include <selkie/topic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct harness_broker *broker;
static struct harness_client *gateway, *admin;
static struct frames_device device;
static uint64_t seq;

static const char *model_path(const char *name)
{
    static char path[64];

    (void)snprintf(path, sizeof path, "models/%s.json", name);
    return path;
}

/* A model for texts like "t=1", of firmware "th *". */
static void write_model(const char *name, const char *firmware, const char *unit)
{
    (void)harness_write(model_path(name), 0644,
                        "{\"model\":\"%s\",\"manufacturer\":\"M\",\"firmware\":[\"%s\"],\"format\":\"text\",\n"
                        "\"fields\":[{\"name\":\"temperature\",\"path\":\"t\",\"unit\":\"%s\"}],\n"
                        "\"examples\":[{\"text\":\"t=1\",\"values\":{\"temperature\":1}}]}",
                        name, firmware, unit);
}

static void start(const char *mosquitto, const char *plugin)
{
    char text[800];

    ck_assert_int_eq(mkdir(harness_path("models"), 0755), 0);
    write_model("th", "th *", "°C");
    write_model("other", "nobody", "K");
    (void)snprintf(text, sizeof text, "\"gateways\":\"any\",\"admins\":[\"ops\"],\"models_dir\":\"%s\"%s",
                   harness_path("models"), plugin);
    broker = harness_broker_with_plugin(mosquitto, text);
    gateway = frames_gateway(broker, "gw1", NULL);
    device = frames_device(1);
    seq = 0;
}

static struct harness_client *connect_as(const char *user, const char *filter)
{
    const struct harness_client_options options = {.username = user};
    struct harness_client *client = harness_connect(broker, &options);

    if (filter)
        ck_assert_int_le(harness_subscribe(client, filter, 1), 1);
    return client;
}

static void stop(void)
{
    harness_disconnect(gateway);
    harness_disconnect(admin);
    gateway = admin = NULL;
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);
}

static void send_register(const char *firmware)
{
    struct selkie_message message = {.kind = SELKIE_REGISTER, .counter = device.counter++};
    uint8_t body[SELKIE_SEALED_SIZE];

    memcpy(message.address, device.address, sizeof message.address);
    memcpy(message.id, device.id, sizeof message.id);
    message.registration.firmware = firmware;
    message.registration.firmware_len = strlen(firmware);
    harness_seal(body, &message);
    ck_assert_int_ge(frames_send(gateway, "gw1", body, sizeof body, ++seq), 0);
    frames_await_receipt(gateway, seq);
}

/* Another answer each time: the commands that change something. */
static json_t *command(const char *json)
{
    char payload[300];
    int len = snprintf(payload, sizeof payload, "{\"commands\":[%s]}", json);

    if (!admin)
        admin = connect_as("ops", NULL);
    ck_assert_int_ge(harness_publish(admin, SELKIE_TOPIC_CONTROL, payload, (size_t)len, 1, false, NULL), 0);
    json_t *answer = frames_receive_json(admin, SELKIE_TOPIC_CONTROL);
    json_t *response = json_incref(json_array_get(json_object_get(answer, "responses"), 0));
    json_decref(answer);
    ck_assert_msg(!json_object_get(response, "error"), "%s", json_string_value(json_object_get(response, "error")));
    return response;
}

static void change(const char *verb, const char *more)
{
    char json[200];

    (void)snprintf(json, sizeof json, "{\"command\":\"%s\",\"address\":\"%s\"%s}", verb, device.text, more);
    json_decref(command(json));
}

static struct harness_message *expect(struct harness_client *client, const char *topic, const char *payload,
                                      bool retained)
{
    struct harness_message *message = harness_receive(client, topic);

    ck_assert_str_eq((const char *)message->payload, payload);
    ck_assert_int_eq(message->retained, retained);
    return message;
}

static void expect_values(struct harness_client *client, const char *values, bool retained)
{
    harness_message_free(expect(client, frames_topic(&device, "values"), values, retained));
}

static const char *late_topic(void)
{
    static char topic[100];

    (void)snprintf(topic, sizeof topic, "%s/late", frames_topic(&device, "values"));
    return topic;
}

/* Nothing has come to an administrator's client, up to the answer to a command. */
static void expect_no_more(struct harness_client *reader)
{
    static const char ping[] = "{\"commands\":[{\"command\":\"getStats\"}]}";

    ck_assert_int_ge(harness_publish(reader, SELKIE_TOPIC_CONTROL, ping, sizeof ping - 1, 1, false, NULL), 0);
    harness_message_free(harness_receive(reader, SELKIE_TOPIC_CONTROL));
    struct harness_message *message = harness_receive_try(reader, "selkie/", 0);
    ck_assert_msg(!message || message->len == 0, "%s", message ? (const char *)message->payload : "");
    harness_message_free(message);
}

/* What a client gets that comes now; NULL = nothing, which the answer to a command shows, as it is sent later. */
static void expect_retained(const char *values)
{
    struct harness_client *reader = connect_as("ops", frames_topic(&device, "values"));

    if (values) {
        expect_values(reader, values, true);
    } else {
        expect_no_more(reader);
    }
    harness_disconnect(reader);
}

static void reload(void)
{
    harness_signal(broker->process, SIGHUP);
    harness_wait_log(broker->process, "plugin.json: reloaded");
}

START_TEST(values_come_behind_their_payload_and_the_newest_are_retained)
{
    start("", "");
    struct harness_client *reader = connect_as("anybody", "selkie/device/#");
    uint8_t late[SELKIE_SEALED_SIZE];

    send_register("th 1.0");
    harness_seal_data(late, device.address, device.id, device.counter++, "t=1");
    frames_send_data(gateway, "gw1", &device, "t=21.43", ++seq);
    struct harness_message *up = harness_receive(reader, frames_topic(&device, "up"));
    struct harness_message *values = expect(reader, frames_topic(&device, "values"), "{\"temperature\":21.43}", false);
    ck_assert_uint_eq(values->property_count, up->property_count);
    for (unsigned i = 0; i < up->property_count; i++)
        ck_assert_str_eq(harness_message_property(values, up->properties[i].name), up->properties[i].value);
    ck_assert_str_eq(harness_message_property(values, "counter"), "2");
    ck_assert_int_eq(values->format, 1);
    ck_assert_str_eq(values->content_type, "application/json");
    ck_assert_int_eq(values->qos, 1);
    harness_message_free(up);
    harness_message_free(values);
    ck_assert_int_ge(frames_send(gateway, "gw1", late, sizeof late, ++seq), 0);
    struct harness_message *came = expect(reader, late_topic(), "{\"temperature\":1}", false);
    ck_assert_str_eq(harness_message_property(came, "counter"), "1");
    ck_assert_str_eq(came->content_type, "application/json");
    ck_assert_int_eq(came->qos, 1);
    harness_message_free(came);
    expect_retained("{\"temperature\":21.43}");
    struct harness_client *later = connect_as("ops", late_topic()); /* what is late is in no broker's memory */
    expect_no_more(later);
    harness_disconnect(later);
    struct harness_message *more = harness_receive_try(reader, frames_topic(&device, "values"), 0);
    ck_assert_msg(!more, "%s", more ? (const char *)more->payload : "");

    json_t *state;
    do
        state = frames_receive_json(reader, frames_topic(&device, "state"));
    while (json_integer_value(json_object_get(state, "received")) < 3 && (json_decref(state), true));
    ck_assert_str_eq(json_string_value(json_object_get(state, "model")), "th");
    json_decref(state);
    ck_assert_int_eq(harness_subscribe(reader, "selkie/models/+", 1), 1);
    struct harness_message *model = harness_receive(reader, "selkie/models/th");
    ck_assert(model->retained);
    ck_assert_str_eq(model->content_type, "application/json");
    ck_assert_ptr_nonnull(strstr((const char *)model->payload, "\"unit\":\"°C\""));
    harness_message_free(model);

    frames_expect_payload(reader, &device, "t=1", 1);
    frames_send_data(gateway, "gw1", &device, "nonsense", ++seq);
    frames_expect_payload(reader, &device, "nonsense", 3);
    json_t *event;
    do
        event = frames_receive_json(reader, frames_topic(&device, "event"));
    while (strcmp(json_string_value(json_object_get(event, "event")), "undecoded") != 0 && (json_decref(event), true));
    ck_assert_int_eq(json_integer_value(json_object_get(event, "counter")), 3);
    json_decref(event);
    harness_disconnect(reader);
    stop();
}
END_TEST

START_TEST(another_model_and_the_devices_end_clear_its_values)
{
    start("", "");
    struct harness_client *reader = connect_as("anybody", frames_topic(&device, "values"));

    send_register("th 1.0");
    frames_send_data(gateway, "gw1", &device, "t=1", ++seq);
    expect_values(reader, "{\"temperature\":1}", false);
    change("setDevice", ",\"model\":\"other\"");
    expect_values(reader, "", false);
    expect_retained(NULL);
    frames_send_data(gateway, "gw1", &device, "t=2", ++seq);
    expect_values(reader, "{\"temperature\":2}", false);
    change("removeDevice", "");
    expect_values(reader, "", false);
    expect_retained(NULL);
    harness_disconnect(reader);
    stop();
}
END_TEST

START_TEST(a_reload_reads_the_models_again)
{
    start("", "");
    struct harness_client *reader = connect_as("anybody", "selkie/#");

    send_register("th 1.0");
    frames_send_data(gateway, "gw1", &device, "t=1", ++seq);
    expect_values(reader, "{\"temperature\":1}", false);
    harness_message_free(harness_receive(reader, "selkie/models/th"));

    /* A folder that is away for a moment takes no model away. */
    ck_assert_int_eq(rename(harness_path("models"), harness_path("away")), 0);
    reload();
    harness_wait_log(broker->process, "model refused: ");
    frames_send_data(gateway, "gw1", &device, "t=2", ++seq);
    expect_values(reader, "{\"temperature\":2}", false);
    ck_assert_int_eq(rename(harness_path("away"), harness_path("models")), 0);

    /* A file that is wrong keeps its model of before, with a sentence, and the plugin works on. */
    (void)harness_write(model_path("th"), 0644, "{\n\"model\":\"th\",\n\"format\":\"nonsense\"}");
    harness_signal(broker->process, SIGHUP);
    harness_wait_log(broker->process, "th.json:3");
    harness_wait_log(broker->process, "; its model of before, th, stays in force");
    json_t *stats = command("{\"command\":\"getStats\"}"), *data = json_object_get(stats, "data");
    ck_assert_int_eq(json_integer_value(json_object_get(data, "models")), 2);
    ck_assert_int_eq(json_integer_value(json_object_get(data, "models_refused")), 1);
    json_decref(stats);
    expect_retained("{\"temperature\":2}");
    frames_send_data(gateway, "gw1", &device, "t=3", ++seq);
    expect_values(reader, "{\"temperature\":3}", false);
    frames_expect_payload(reader, &device, "t=1", 1);
    frames_expect_payload(reader, &device, "t=2", 2);
    frames_expect_payload(reader, &device, "t=3", 3);

    /* A file that is gone takes its model away. */
    ck_assert_int_eq(unlink(harness_path(model_path("th"))), 0);
    harness_signal(broker->process, SIGHUP);
    struct harness_message *message = harness_receive(reader, "selkie/models/th");
    ck_assert_uint_eq(message->len, 0);
    harness_message_free(message);
    expect_values(reader, "", false);
    expect_retained(NULL);
    frames_send_data(gateway, "gw1", &device, "t=3.5", ++seq);
    frames_expect_payload(reader, &device, "t=3.5", 4);

    /* And one that is right again. */
    write_model("th", "th *", "K");
    harness_signal(broker->process, SIGHUP);
    message = harness_receive(reader, "selkie/models/th");
    ck_assert_ptr_nonnull(strstr((const char *)message->payload, "\"unit\":\"K\""));
    harness_message_free(message);
    frames_send_data(gateway, "gw1", &device, "t=4", ++seq);
    expect_values(reader, "{\"temperature\":4}", false);

    /* What 4 means is another matter now. */
    write_model("th", "th *", "°F");
    harness_signal(broker->process, SIGHUP);
    expect_values(reader, "", false);
    expect_retained(NULL);
    harness_disconnect(reader);
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

/* What the broker retains now, it has after kill -9 too. */
static void save(void)
{
    harness_signal(broker->process, SIGUSR1);
    harness_wait_log(broker->process, "Saving in-memory database");
    json_decref(command("{\"command\":\"getStats\"}")); /* it is saved before the answer */
}

static void down(int signal_number)
{
    ck_assert_int_eq(harness_stop(broker->process, signal_number), signal_number == SIGKILL ? 128 + SIGKILL : 0);
    harness_disconnect(gateway);
    harness_disconnect(admin);
    gateway = admin = NULL;
}

/* With other models: the device's state is out again. */
static void reload_and_wait(void)
{
    struct harness_client *reader = connect_as("anybody", frames_topic(&device, "state"));
    struct harness_message *message = harness_receive(reader, frames_topic(&device, "state"));

    ck_assert(message->retained);
    harness_message_free(message);
    reload();
    harness_message_free(harness_receive(reader, frames_topic(&device, "state")));
    harness_disconnect(reader);
}

/* Up again, and the device's state is out: what is cleared of its values is cleared before it. */
static void up(void)
{
    harness_broker_restart(broker);
    gateway = frames_gateway(broker, "gw1", NULL);
    struct harness_client *reader = connect_as("anybody", frames_topic(&device, "state"));
    harness_message_free(harness_receive(reader, frames_topic(&device, "state")));
    harness_disconnect(reader);
}

static void hear_one_degree(void)
{
    struct harness_client *reader = connect_as("anybody", frames_topic(&device, "values"));

    send_register("th 1.0");
    frames_send_data(gateway, "gw1", &device, "t=1", ++seq);
    expect_values(reader, "{\"temperature\":1}", false);
    harness_disconnect(reader);
}

static void other_unit(void)
{
    write_model("th", "th *", "°F");
}

static void other_field(void)
{
    (void)harness_write(model_path("th"), 0644,
                        "{\"model\":\"th\",\"firmware\":[\"th *\"],\"format\":\"text\",\n"
                        "\"fields\":[{\"name\":\"degrees\",\"path\":\"t\",\"unit\":\"°C\"}],\n"
                        "\"examples\":[{\"text\":\"t=1\",\"values\":{\"degrees\":1}}]}");
}

static void other_pattern(void)
{
    write_model("other", "th 1*", "K");
}

static void no_models(void)
{
    ck_assert_int_eq(unlink(harness_path(model_path("th"))), 0);
}

static void (*const changes[])(void) = {other_unit, other_field, other_pattern, no_models};
static const int ends[] = {SIGTERM, SIGKILL};

START_TEST(values_of_a_former_model_are_gone_after_a_restart)
{
    start(persistent(), "");
    hear_one_degree();
    save();
    down(ends[_i % 2]);
    up();
    expect_retained("{\"temperature\":1}"); /* nothing has changed */
    save();
    down(ends[_i % 2]);
    changes[_i / 2]();
    up();
    expect_retained(NULL);
    down(SIGKILL); /* the broker never saved that they were cleared */
    up();
    expect_retained(NULL);
    stop();
}
END_TEST

START_TEST(a_model_that_was_chosen_just_before_a_crash_does_not_get_the_values_of_the_former)
{
    start(persistent(), "");
    hear_one_degree();
    save();
    change("setDevice", ",\"model\":\"other\"");
    down(SIGKILL);
    up();
    expect_retained(NULL);
    struct harness_client *reader = connect_as("anybody", frames_topic(&device, "values"));
    frames_send_data(gateway, "gw1", &device, "t=2", ++seq);
    expect_values(reader, "{\"temperature\":2}", false);
    harness_disconnect(reader);
    down(SIGTERM); /* the broker has saved */
    up();
    expect_retained("{\"temperature\":2}");
    stop();
}
END_TEST

/* The new configuration's threads do not fit into the broker's memory; the previous ones do. */
static void limit_memory(void)
{
    char path[40], *line = NULL;
    size_t size = 0, kb = 0;
    struct rlimit limit;

    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)broker->process->pid);
    FILE *status = fopen(path, "r");
    ck_assert_ptr_nonnull(status);
    while (getline(&line, &size, status) > 0 && sscanf(line, "VmSize: %zu kB", &kb) != 1)
        continue;
    free(line);
    (void)fclose(status);
    ck_assert_uint_gt(kb, 0);
    ck_assert_int_eq(prlimit(broker->process->pid, RLIMIT_AS, NULL, &limit), 0);
    limit.rlim_cur = (kb + 1024 * 1024) * 1024;
    ck_assert_int_eq(prlimit(broker->process->pid, RLIMIT_AS, &limit, NULL), 0);
}

START_TEST(a_reload_that_fails_changes_nothing)
{
    start("", ",\"workers\":1");
    hear_one_degree();
    struct harness_client *reader = connect_as("anybody", "selkie/models/#");
    harness_message_free(harness_receive(reader, "selkie/models/other"));
    harness_message_free(harness_receive(reader, "selkie/models/th"));
    write_model("th", "th *", "°F");
    ck_assert_int_eq(unlink(harness_path("models/other.json")), 0);
    char *before = harness_read(harness_path("plugin.json")), *workers = strstr(before, "\"workers\":1");
    (void)harness_write("plugin.json", 0600, "%.*s\"workers\":256%s", (int)(workers - before), before, workers + 11);
    limit_memory();
    harness_signal(broker->process, SIGHUP);
    harness_wait_log(broker->process, "not reloaded; the previous configuration stays in force");
    change("setDevice", ",\"name\":\"boat\""); /* its next state has the same model */
    json_t *state;
    struct harness_client *states = connect_as("anybody", frames_topic(&device, "state"));
    do
        state = frames_receive_json(states, frames_topic(&device, "state"));
    while (!json_object_get(state, "name") && (json_decref(state), true));
    json_decref(state);
    harness_disconnect(states);
    expect_retained("{\"temperature\":1}");
    ck_assert_ptr_null(harness_receive_try(reader, "selkie/models/", 0));
    harness_disconnect(reader);

    (void)harness_write("plugin.json", 0600, "%s", before); /* and the next one takes effect */
    free(before);
    reader = connect_as("anybody", "selkie/models/#");
    harness_message_free(harness_receive(reader, "selkie/models/other"));
    harness_message_free(harness_receive(reader, "selkie/models/th"));
    reload_and_wait();
    struct harness_message *message = harness_receive(reader, "selkie/models/other");
    ck_assert_uint_eq(message->len, 0);
    harness_message_free(message);
    expect_retained(NULL);
    harness_disconnect(reader);
    stop();
}
END_TEST

/* Nobody can judge the values then. */
START_TEST(a_wrong_file_at_the_start_takes_no_values_back)
{
    start(persistent(), "");
    hear_one_degree();
    save();
    down(ends[_i]);
    (void)harness_write(model_path("th"), 0644, "{}");
    up();
    expect_retained("{\"temperature\":1}");
    struct harness_client *reader = connect_as("anybody", "selkie/models/th");
    harness_message_free(harness_receive(reader, "selkie/models/th")); /* they still mean the same */
    harness_disconnect(reader);
    write_model("th", "th *", "°C");
    reload_and_wait();
    expect_retained("{\"temperature\":1}");
    (void)harness_write(model_path("th"), 0644, "{}");
    down(SIGTERM);
    up();
    other_unit();
    reload_and_wait();
    expect_retained(NULL);
    stop();
}
END_TEST

static void remove_shown(void)
{
    ck_assert_int_eq(unlink(harness_path("state/shown")), 0);
}

static void damage_shown(void)
{
    FILE *file = fopen(harness_path("state/shown"), "a");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_gt(fputs("nonsense\n", file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void copy_shown(const char *to, const char *from)
{
    char *text = harness_read(harness_path(from));

    (void)harness_write(to, 0600, "%s", text);
    free(text);
}

static void (*const losses[])(void) = {remove_shown, damage_shown};

/* Whose values the broker has is not known then: the model may be another one since. */
START_TEST(without_what_was_noted_values_are_cleared_once)
{
    start(persistent(), "");
    hear_one_degree();
    save();
    down(SIGTERM);
    losses[_i]();
    if (_i == 1)
        copy_shown("before", "state/shown");
    other_unit();
    up();
    harness_wait_log(broker->process, _i == 0 ? "state/shown: was missing, so retained values of 1 devices"
                                              : "state/shown: 1 lines are damaged");
    expect_retained(NULL);
    if (_i == 1) {
        copy_shown("kept", "state/shown.damaged");
        char *before = harness_read(harness_path("before")), *kept = harness_read(harness_path("kept"));
        ck_assert_str_eq(before, kept);
        free(before);
        free(kept);
    }
    struct harness_client *reader = connect_as("anybody", frames_topic(&device, "values"));
    frames_send_data(gateway, "gw1", &device, "t=2", ++seq);
    expect_values(reader, "{\"temperature\":2}", false);
    harness_disconnect(reader);
    save();
    down(SIGTERM);
    up();
    expect_retained("{\"temperature\":2}");
    stop();
}
END_TEST

START_TEST(removing_a_file_that_was_wrong_at_the_start_takes_its_values_away)
{
    start(persistent(), "");
    hear_one_degree();
    save();
    down(SIGTERM);
    (void)harness_write(model_path("th"), 0644, "{}");
    up();
    expect_retained("{\"temperature\":1}");
    ck_assert_int_eq(unlink(harness_path(model_path("th"))), 0);
    reload_and_wait();
    expect_retained(NULL);
    stop();
}
END_TEST

/* The broker saved its database before the news, and was killed. */
START_TEST(an_old_database_of_the_broker_shows_no_values_of_a_device_that_is_gone)
{
    char persistence[400];

    (void)snprintf(persistence, sizeof persistence, "persistence true\nautosave_interval 0\npersistence_location %s/\n",
                   harness_path(""));
    start(persistence, "");
    struct frames_device gone = frames_device(2);
    struct harness_client *reader = connect_as("anybody", "selkie/device/#");
    send_register("th 1.0");
    frames_send_data(gateway, "gw1", &device, "t=1", ++seq);
    expect_values(reader, "{\"temperature\":1}", false);
    struct frames_device kept = device;
    device = gone;
    send_register("th 1.0");
    frames_send_data(gateway, "gw1", &device, "t=2", ++seq);
    expect_values(reader, "{\"temperature\":2}", false);
    harness_signal(broker->process, SIGUSR1);
    harness_wait_log(broker->process, "Saving in-memory database");
    change("removeDevice", "");
    ck_assert_int_eq(unlink(harness_path("models/other.json")), 0);
    ck_assert_int_eq(harness_stop(broker->process, SIGKILL), 128 + SIGKILL);
    harness_disconnect(reader);
    harness_disconnect(gateway);
    harness_disconnect(admin);
    admin = NULL;
    harness_broker_restart(broker);
    gateway = frames_gateway(broker, "gw1", NULL);

    /* Once the states are out: the one that is known is the last of them. */
    reader = connect_as("anybody", frames_topic(&kept, "state"));
    harness_message_free(harness_receive(reader, frames_topic(&kept, "state")));
    harness_disconnect(reader);
    for (int i = 0; i < 2; i++)
        json_decref(command("{\"command\":\"getStats\"}"));
    expect_retained(NULL);
    device = kept;
    expect_retained("{\"temperature\":1}");
    reader = connect_as("anybody", "selkie/models/+");
    struct harness_message *model = harness_receive(reader, "selkie/models/");
    ck_assert_str_eq(model->topic, "selkie/models/th");
    harness_message_free(model);
    harness_disconnect(reader);
    stop();
}
END_TEST

START_TEST(who_may_read_payloads_may_read_values_and_nobody_may_publish_them)
{
    start("", ",\"readers\":[{\"user\":\"dora\",\"topics\":[\"selkie/device/+/up\"]},"
              "{\"user\":\"bob\",\"topics\":[\"selkie/stats\"]}]");
    struct harness_client *dora = connect_as("dora", "selkie/device/#"), *bob = connect_as("bob", "selkie/#");
    struct harness_client *shared = connect_as("dora", "$share/g/selkie/device/+/values");

    send_register("th 1.0");
    frames_send_data(gateway, "gw1", &device, "t=1", ++seq);
    expect_values(dora, "{\"temperature\":1}", false);
    harness_message_free(expect(shared, frames_topic(&device, "values"), "{\"temperature\":1}", false));
    ck_assert_int_eq(harness_subscribe(dora, "selkie/models/th", 1), 1);
    harness_message_free(harness_receive(dora, "selkie/models/th"));
    harness_message_free(harness_receive(bob, "selkie/models/th"));
    ck_assert_int_ge(harness_publish(dora, frames_topic(&device, "values"), "{}", 2, 1, true, NULL), 0x80);
    ck_assert_int_ge(harness_publish(dora, "selkie/models/th", "{}", 2, 1, true, NULL), 0x80);
    expect_retained("{\"temperature\":1}");
    harness_message_free(harness_receive(bob, "selkie/stats"));
    ck_assert_ptr_null(harness_receive_try(bob, "selkie/device/", 0));
    ck_assert_ptr_null(harness_receive_try(dora, frames_topic(&device, "state"), 0));
    harness_disconnect(shared);
    harness_disconnect(dora);
    harness_disconnect(bob);
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin_values");
    TCase *tcase = tcase_create("plugin_values");

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, values_come_behind_their_payload_and_the_newest_are_retained);
    tcase_add_test(tcase, another_model_and_the_devices_end_clear_its_values);
    tcase_add_test(tcase, a_reload_reads_the_models_again);
    tcase_add_test(tcase, an_old_database_of_the_broker_shows_no_values_of_a_device_that_is_gone);
    tcase_add_loop_test(tcase, values_of_a_former_model_are_gone_after_a_restart, 0, 8);
    tcase_add_test(tcase, a_model_that_was_chosen_just_before_a_crash_does_not_get_the_values_of_the_former);
    tcase_add_test(tcase, a_reload_that_fails_changes_nothing);
    tcase_add_loop_test(tcase, a_wrong_file_at_the_start_takes_no_values_back, 0, 2);
    tcase_add_loop_test(tcase, without_what_was_noted_values_are_cleared_once, 0, 2);
    tcase_add_test(tcase, removing_a_file_that_was_wrong_at_the_start_takes_its_values_away);
    tcase_add_test(tcase, who_may_read_payloads_may_read_values_and_nobody_may_publish_them);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
