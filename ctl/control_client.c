/* SPDX-License-Identifier: Apache-2.0 */
#include "control_client.h"

#include "ctl_client.h"
#include "ctl_text.h"
#include "print.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <selkie/clock.h>
#include <selkie/topic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RESPONSE          SELKIE_TOPIC_CONTROL "/response"
#define PACKET_HEADER     64 /* topic, properties and fixed header of a PUBLISH, generously */
#define NOT_AUTHORIZED    0x87
#define BUSY_PAUSE_MS     50 /* doubled each time */
#define BUSY_PAUSE_MAX_MS 1000

struct selkie_control_client {
    struct selkie_ctl_config config;
    struct selkie_ctl_client *client;
    char correlation[CTL_CLIENT_ID_SIZE + 16]; /* of the message under way: others may get the same answers */
    uint32_t messages;
    json_t *commands; /* of the message under way */
    size_t len;       /* of that message at most */
    size_t len_max;
    bool busy;                                                               /* the plugin did not take it */
    void (*handler)(void *context, const struct selkie_mqtt_event *message); /* of other topics, or NULL */
    void *context;
};

static enum ctl_exit explain_denial(const struct selkie_control_client *control)
{
    const char *uri = selkie_ctl_client_uri(control->client), *user = control->config.broker.username;

    if (!user)
        return ctl_fail("the broker %s refuses commands of a client without a user name: use --username", uri);
    return ctl_fail("the broker %s refuses commands of the user '%s': is it one of the plugin's \"admins\"?", uri,
                    user);
}

static void explain_silence(const struct selkie_control_client *control)
{
    int seconds = control->config.timeout_ms / 1000;
    const char *user = control->config.broker.username;

    if (user)
        ctl_fail("no answer in %d s on " RESPONSE
                 ": does the broker load the Selkie plugin, with '%s' in its \"admins\"?",
                 seconds, user);
    else
        ctl_fail("no answer in %d s on " RESPONSE
                 ": does the broker load the Selkie plugin? It needs a user name: use --username",
                 seconds);
}

static enum ctl_exit prepare(struct selkie_control_client *control)
{
    size_t packet_max = selkie_ctl_client_packet_max(control->client);
    control->len_max = SELKIE_CONTROL_CLIENT_MESSAGE_MAX;
    if (packet_max < SELKIE_CONTROL_CLIENT_MESSAGE_MAX + PACKET_HEADER)
        control->len_max = packet_max < PACKET_HEADER ? 0 : packet_max - PACKET_HEADER;
    control->commands = ctl_json_must(json_array());
    int reason = selkie_ctl_client_subscribe(control->client, RESPONSE, 1);
    if (reason >= SELKIE_MQTT_REFUSAL)
        return explain_denial(control);
    return reason < 0 ? CTL_FAILED : CTL_DONE;
}

enum ctl_exit selkie_control_client_open(struct selkie_control_client **opened, const struct ctl_options *options)
{
    *opened = NULL;
    struct selkie_control_client *control = calloc(1, sizeof *control);
    if (!control)
        return ctl_fail("out of memory");
    enum ctl_exit result = selkie_ctl_config_open(&control->config, options);
    if (result == CTL_DONE)
        result = selkie_ctl_client_open(&control->client, &control->config, false);
    if (result == CTL_DONE)
        result = prepare(control);
    if (result != CTL_DONE) {
        selkie_control_client_close(control);
        return result;
    }
    *opened = control;
    return CTL_DONE;
}

void selkie_control_client_close(struct selkie_control_client *control)
{
    if (!control)
        return;
    selkie_ctl_client_close(control->client);
    selkie_ctl_config_close(&control->config);
    json_decref(control->commands);
    free(control);
}

const struct selkie_ctl_config *selkie_control_client_config(const struct selkie_control_client *control)
{
    return &control->config;
}

void selkie_control_client_set_handler(struct selkie_control_client *control,
                                       void (*handler)(void *context, const struct selkie_mqtt_event *message),
                                       void *context)
{
    control->handler = handler;
    control->context = context;
}

int selkie_control_client_subscribe(struct selkie_control_client *control, const char *filter)
{
    return selkie_ctl_client_subscribe(control->client, filter, 0);
}

enum ctl_exit selkie_control_client_add_take(struct selkie_control_client *control, json_t *command, bool *full)
{
    if (json_array_size(control->commands) == 0) {
        control->len = sizeof "{\"commands\":[]}";
        snprintf(control->correlation, sizeof control->correlation, "%s-%" PRIu32,
                 selkie_ctl_client_id(control->client), ++control->messages);
    }
    ctl_json_set_take(command, "correlationData", json_string(control->correlation));
    char *text = ctl_json_dump(command, JSON_COMPACT);
    size_t len = strlen(text) + 1; /* with a comma */
    enum ctl_exit result = CTL_DONE;
    OPENSSL_cleanse(text, len);
    free(text);
    if (len > SELKIE_CONTROL_CLIENT_COMMAND_MAX || control->len + len > control->len_max)
        result = ctl_fail("the command is too long: the broker accepts no packet of that size");
    else
        control->len += len;
    if (result == CTL_DONE)
        ctl_json_append(control->commands, command);
    json_decref(command);
    *full = control->len + SELKIE_CONTROL_CLIENT_COMMAND_MAX > control->len_max;
    return result;
}

/* Those answers of one message that are ours are moved to `responses`. False after an error that is not about one
 * command. */
static bool take_answers(struct selkie_control_client *control, json_t *responses,
                         const struct selkie_mqtt_event *message)
{
    json_error_t error;
    json_t *root = json_loadb((const char *)message->payload, message->len, 0, &error);
    json_t *list = json_object_get(root, "responses");
    size_t i;
    json_t *response;
    bool sound = true;
    if (!json_is_array(list)) {
        ctl_fail("the answer on " RESPONSE " is not valid: %s", root ? "no \"responses\"" : error.text);
        sound = false;
    }
    json_array_foreach (list, i, response) {
        const char *correlation = json_string_value(json_object_get(response, "correlationData"));
        if (correlation && strcmp(correlation, control->correlation) == 0) {
            ctl_json_append(responses, response);
        } else if (!correlation && selkie_control_client_error(response)) {
            control->busy = json_is_true(json_object_get(response, "busy"));
            if (!control->busy)
                ctl_fail("%s", selkie_control_client_error(response));
            sound = false;
        }
    }
    json_decref(root);
    return sound;
}

/* Wait until every command has its answer. */
static json_t *await_answers(struct selkie_control_client *control)
{
    size_t count = json_array_size(control->commands);
    json_t *responses = ctl_json_must(json_array());
    bool sound = true;
    while (sound && json_array_size(responses) < count) {
        struct selkie_mqtt_event *message;
        enum ctl_wait wait = selkie_ctl_client_next(control->client, &message, control->config.timeout_ms);
        if (wait != CTL_MESSAGE)
            sound = false;
        else if (strcmp(message->topic, RESPONSE) == 0)
            sound = take_answers(control, responses, message);
        else if (control->handler)
            control->handler(control->context, message);
        if (wait == CTL_TIMEOUT)
            explain_silence(control);
        free(message);
    }
    if (sound && json_array_size(responses) == count)
        return responses;
    if (sound)
        ctl_fail("the answer on " RESPONSE " has more parts than there were commands");
    json_decref(responses);
    return NULL;
}

/* The broker's reason, or -1 after a failure was printed. */
static int publish(struct selkie_control_client *control)
{
    json_t *root = ctl_json_pack("{s:O}", "commands", control->commands);
    char *text = malloc(control->len);
    int reason = -1;
    size_t len = text ? json_dumpb(root, text, control->len, JSON_COMPACT) : 0;
    if (len > 0 && len <= control->len) {
        reason = selkie_ctl_client_publish(control->client, SELKIE_TOPIC_CONTROL, text, len);
        OPENSSL_cleanse(text, control->len); /* it may have claims */
    } else {
        ctl_fail("out of memory");
    }
    free(text);
    json_decref(root);
    return reason;
}

/* The answers to one publish; NULL after a failure, or if the plugin is busy, which is not printed. */
static json_t *send_once(struct selkie_control_client *control)
{
    int reason = publish(control);
    json_t *responses = NULL;
    control->busy = false;
    if (reason == NOT_AUTHORIZED)
        (void)explain_denial(control);
    else if (reason >= SELKIE_MQTT_REFUSAL)
        ctl_fail("the broker %s has no Selkie plugin: nothing answers on " SELKIE_TOPIC_CONTROL,
                 selkie_ctl_client_uri(control->client));
    else if (reason >= 0)
        responses = await_answers(control);
    return responses;
}

/* The plugin takes a bounded number of payloads at once, of all its administrators. It did nothing with one that it did
 * not take, so that may be sent again. */
json_t *selkie_control_client_send(struct selkie_control_client *control)
{
    if (json_array_size(control->commands) == 0)
        return ctl_json_must(json_array());
    int64_t limit_us = selkie_clock_monotonic_us() + (int64_t)control->config.timeout_ms * 1000;
    long pause_ms = BUSY_PAUSE_MS;
    json_t *responses = send_once(control);
    if (control->busy)
        ctl_fail("the plugin is busy with other commands; trying again");
    while (control->busy && selkie_clock_monotonic_us() < limit_us) {
        const struct timespec pause = {pause_ms / 1000, pause_ms % 1000 * 1000000};
        (void)nanosleep(&pause, NULL);
        pause_ms = pause_ms >= BUSY_PAUSE_MAX_MS ? BUSY_PAUSE_MAX_MS : 2 * pause_ms;
        responses = send_once(control);
    }
    if (control->busy)
        ctl_fail("the plugin was busy with other commands for %d s; try again", control->config.timeout_ms / 1000);
    (void)json_array_clear(control->commands);
    return responses;
}

const char *selkie_control_client_error(const json_t *response)
{
    return json_string_value(json_object_get(response, "error"));
}

json_t *selkie_control_client_ask_take(struct selkie_control_client *control, json_t *command)
{
    bool full;
    if (selkie_control_client_add_take(control, command, &full) != CTL_DONE)
        return NULL;
    json_t *responses = selkie_control_client_send(control);
    if (!responses)
        return NULL;
    const json_t *response = json_array_get(responses, 0);
    json_t *data = json_object_get(response, "data");
    bool strange = data && !json_is_object(data);
    if (selkie_control_client_error(response)) {
        ctl_fail("%s", selkie_control_client_error(response));
        data = NULL;
    } else if (strange) {
        ctl_fail("the answer on " RESPONSE " is not valid: its \"data\" is no object");
        data = NULL;
    } else {
        data = data ? json_incref(data) : ctl_json_must(json_object());
    }
    json_decref(responses);
    return data;
}

enum ctl_exit selkie_control_client_once_take(json_t **data, const struct ctl_options *options, json_t *command)
{
    struct selkie_control_client *control;
    *data = NULL;
    enum ctl_exit result = selkie_control_client_open(&control, options);
    if (result != CTL_DONE) {
        json_decref(command);
        return result;
    }
    *data = selkie_control_client_ask_take(control, command);
    selkie_control_client_close(control);
    return *data ? CTL_DONE : CTL_FAILED;
}

enum ctl_exit selkie_control_client_print_take(const struct ctl_options *options, json_t *command,
                                               void (*print)(json_t *data, const void *context), const void *context)
{
    json_t *data;
    enum ctl_exit result = selkie_control_client_once_take(&data, options, command);
    if (data && options->json)
        ctl_print(data, true);
    else if (data)
        print(data, context);
    json_decref(data);
    return result;
}
