/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "control.h"

#include "publish.h"

#include <selkie/topic.h>

#include <mosquitto.h>
#include <stdlib.h>
#include <string.h>

#define RESPONSE SELKIE_TOPIC_CONTROL "/response"

/* A payload that waits for its answer. */
struct question {
    uint64_t token;     /* 0 = the place is free */
    char *client_id;    /* NULL = the client has gone, and the answer with it */
    json_t *ended;      /* for each command, the gateway whose login it ends, in a list if the gateway stays, or null;
                           NULL if there is none */
    json_t *registered; /* those of them that were registered when the payload came, as keys; NULL if there is none */
};

struct selkie_control {
    uint64_t last_token;
    struct question questions[SELKIE_CONTROL_MAX];
};

int selkie_control_open(struct selkie_control **control)
{
    *control = calloc(1, sizeof **control);
    return *control ? 0 : SELKIE_ENOMEM;
}

static void clear(struct question *question)
{
    free(question->client_id);
    json_decref(question->ended);
    json_decref(question->registered);
    memset(question, 0, sizeof *question);
}

void selkie_control_close(struct selkie_control *control)
{
    if (!control)
        return;
    for (size_t i = 0; i < SELKIE_CONTROL_MAX; i++)
        clear(&control->questions[i]);
    free(control);
}

static struct question *find(struct selkie_control *control, uint64_t token)
{
    for (size_t i = 0; i < SELKIE_CONTROL_MAX; i++)
        if (control->questions[i].token == token)
            return &control->questions[i];
    return NULL;
}

/* Answer a payload that did not reach the unsealer. `busy`: the same payload may get through later. Without memory
 * there is no answer. */
static void answer_error(const char *client_id, const char *text, bool busy)
{
    json_t *answer = busy ? json_pack("{s:[{s:s, s:b}]}", "responses", "error", text, "busy", 1)
                          : json_pack("{s:[{s:s}]}", "responses", "error", text);
    int result = answer ? selkie_publish_json(client_id, RESPONSE, answer, 1, false) : SELKIE_ENOMEM;

    (void)result;
    json_decref(answer);
}

/* Note the gateways that a payload removes or gives another password. Only a payload that may hold such a command, in
 * any spelling, is parsed on this thread; the unsealer parses each on a thread of its own. */
static void note_ended(struct question *question, struct selkie_unsealer *unsealer, const char *payload, size_t len)
{
    static const char remove[] = "removeGateway", reset[] = "resetGatewayPassword", escape[] = "\\u";
    json_t *json, *command;
    size_t index;

    if (!memmem(payload, len, remove, sizeof remove - 1) && !memmem(payload, len, reset, sizeof reset - 1) &&
        !memmem(payload, len, escape, sizeof escape - 1))
        return;
    json = json_loadb(payload, len, 0, NULL);
    question->ended = json_array();
    question->registered = json_object();
    json_array_foreach (json_object_get(json, "commands"), index, command) {
        const char *verb = json_string_value(json_object_get(command, "command"));
        json_t *name = json_object_get(command, "gateway");
        bool removes = verb && strcmp(verb, remove) == 0 && json_is_string(name);
        bool resets = verb && strcmp(verb, reset) == 0 && json_is_string(name);
        int result = json_array_append_new(question->ended, removes  ? json_incref(name)
                                                            : resets ? json_pack("[O]", name)
                                                                     : json_null());
        if (removes && selkie_unsealer_gateway(unsealer, json_string_value(name)) != SELKIE_GATEWAY_UNKNOWN)
            result = json_object_set(question->registered, json_string_value(name), json_true());
        (void)result; /* without memory no client is disconnected, and its next publish is refused */
    }
    json_decref(json);
}

void selkie_control_ask(struct selkie_control *control, struct selkie_unsealer *unsealer,
                        const struct selkie_plugin_config *config, const struct mosquitto_evt_control *message)
{
    const char *client_id = mosquitto_client_id(message->client);
    struct question *question = find(control, 0);

    if (!client_id || !selkie_plugin_config_is_admin(config, mosquitto_client_username(message->client)))
        return;
    if (message->payloadlen > SELKIE_COMMAND_MAX) {
        answer_error(client_id, "the payload is longer than 1 MiB", false);
        return;
    }
    if (!question) {
        answer_error(client_id, "too many commands at once; wait for an answer before you send more", true);
        return;
    }
    const char *payload = message->payload ? message->payload : "";
    note_ended(question, unsealer, payload, message->payloadlen); /* before it is carried out */
    int result = selkie_unsealer_command(unsealer, control->last_token + 1, payload, message->payloadlen);
    if (result < 0) {
        clear(question);
        answer_error(client_id, selkie_error_text(result), result == SELKIE_EFULL);
        return;
    }
    question->token = ++control->last_token;
    question->client_id = strdup(client_id);
}

/* Close a gateway's connection and clear its retained state and stats, which its will may not change any more. */
static void disconnect(const char *gateway, const char *root)
{
    static const enum selkie_topic_kind retained[] = {SELKIE_TOPIC_GATEWAY_STATE, SELKIE_TOPIC_GATEWAY_STATS};
    char topic[SELKIE_TOPIC_MAX];

    (void)mosquitto_kick_client_by_username(gateway, false);
    for (size_t i = 0; i < sizeof retained / sizeof retained[0]; i++)
        if (selkie_topic_gateway(topic, root, gateway, retained[i]) > 0) {
            int result = selkie_publish(NULL, topic, NULL, 0, 1, true, NULL);
            (void)result; /* without memory the old state stays */
        }
}

/* Disconnect the gateways whose login has ended, as the answer confirms. One with another password stays known, and its
 * will sets its state. */
static void disconnect_ended(const json_t *ended, const struct selkie_output *answer, const char *root)
{
    json_t *json = json_loadb((const char *)answer->data, answer->len, 0, NULL);
    json_t *responses = json_object_get(json, "responses");
    size_t index;
    json_t *name;

    json_array_foreach (ended, index, name) {
        json_t *response = json_array_get(responses, index);
        bool done = response && !json_object_get(response, "error");
        if (done && json_is_string(name))
            disconnect(json_string_value(name), root);
        else if (done && json_is_array(name))
            (void)mosquitto_kick_client_by_username(json_string_value(json_array_get(name, 0)), true);
    }
    json_decref(json);
}

int selkie_control_answer(struct selkie_control *control, const struct selkie_output *answer, const char *root)
{
    struct question *question = answer->token == 0 ? NULL : find(control, answer->token);

    if (!question)
        return 0;
    int result = 0;
    if (question->client_id)
        result = selkie_publish_text(question->client_id, RESPONSE, answer->data, answer->len, 1, false, NULL);
    if (result == SELKIE_ENOMEM)
        return result;
    /* Free the place first: Mosquitto reports the disconnected client through selkie_control_forget. */
    struct question done = *question;
    memset(question, 0, sizeof *question);
    if (done.ended)
        disconnect_ended(done.ended, answer, root);
    clear(&done);
    return result;
}

void selkie_control_forget(struct selkie_control *control, const char *client_id)
{
    for (size_t i = 0; client_id && i < SELKIE_CONTROL_MAX; i++) {
        struct question *question = &control->questions[i];
        if (!question->client_id || strcmp(question->client_id, client_id) != 0)
            continue;
        free(question->client_id);
        question->client_id = NULL;
    }
}

void selkie_control_abandon(struct selkie_control *control, struct selkie_unsealer *unsealer, const char *root)
{
    for (size_t i = 0; i < SELKIE_CONTROL_MAX; i++) {
        struct question question = control->questions[i];
        const char *gateway;
        json_t *value;
        size_t index;

        memset(&control->questions[i], 0, sizeof question); /* as in selkie_control_answer */
        if (question.client_id)
            answer_error(
                question.client_id,
                "the plugin reloaded its configuration before it could answer; check what was done, and ask again",
                false);
        json_object_foreach (question.registered, gateway, value)
            if (selkie_unsealer_gateway(unsealer, gateway) == SELKIE_GATEWAY_UNKNOWN)
                disconnect(gateway, root);
        json_array_foreach (question.ended, index, value) {
            gateway = json_string_value(json_array_get(value, 0)); /* NULL unless a password was to be reset */
            if (gateway && selkie_unsealer_gateway(unsealer, gateway) != SELKIE_GATEWAY_UNKNOWN)
                (void)mosquitto_kick_client_by_username(gateway, true); /* it comes back if it was not */
        }
        clear(&question);
    }
}
