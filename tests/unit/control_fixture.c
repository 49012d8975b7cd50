/* SPDX-License-Identifier: Apache-2.0 */
#include "control_fixture.h"

#include "model/output.h"
#include <check.h>
#include <jansson.h>
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int __wrap_selkie_unsealer_command(struct selkie_unsealer *unsealer, uint64_t number, const char *json, size_t len);

enum selkie_gateway_auth __wrap_selkie_unsealer_gateway(struct selkie_unsealer *unsealer, const char *name);

struct mosquitto root = {"c1", "root"}, ops = {"c2", "ops"};
static const char *admins[] = {"root", "ops"};
static const struct selkie_plugin_config config = {.admins = admins, .admin_count = 2};
struct selkie_control *control;
unsigned commands;
uint64_t token;
char taken[256];
size_t taken_len;
const char *registered = "";
int refusal;
char kicked[256];

int __wrap_selkie_unsealer_command(struct selkie_unsealer *unsealer, uint64_t number, const char *json, size_t len)
{
    (void)unsealer;
    ck_assert_ptr_nonnull(json);
    ck_assert_uint_ne(number, 0);
    if (refusal < 0)
        return refusal;
    ck_assert_uint_gt(number, token);
    commands++;
    token = number;
    taken_len = len;
    (void)snprintf(taken, sizeof taken, "%.*s", (int)len, json);
    return 0;
}

enum selkie_gateway_auth __wrap_selkie_unsealer_gateway(struct selkie_unsealer *unsealer, const char *name)
{
    char word[64];

    (void)unsealer;
    (void)snprintf(word, sizeof word, "%s ", name);
    return strstr(registered, word) ? SELKIE_GATEWAY_PASSWORD : SELKIE_GATEWAY_UNKNOWN;
}

const char *mosquitto_client_id(const struct mosquitto *client)
{
    return client->id;
}

const char *mosquitto_client_username(const struct mosquitto *client)
{
    return client->username;
}

/* As Mosquitto's: who is thrown out is gone before it returns. Here all administrators are among them. */
int mosquitto_kick_client_by_username(const char *username, bool with_will)
{
    strcat(strcat(kicked, username), with_will ? "+will " : " ");
    selkie_control_forget(control, "c1");
    selkie_control_forget(control, "c2");
    return MOSQ_ERR_SUCCESS;
}

void control_setup(void)
{
    fake_reset();
    ck_assert_int_eq(selkie_control_open(&control), 0);
}

void control_teardown(void)
{
    selkie_control_close(control);
    ck_assert_uint_eq(fake_allocated, 0);
}

void control_ask_bytes(struct mosquitto *client, void *payload, size_t len)
{
    const struct mosquitto_evt_control message = {
        .client = client, .topic = "$CONTROL/selkie/v1", .payload = payload, .payloadlen = (uint32_t)len};

    selkie_control_ask(control, NULL, &config, &message);
}

uint64_t control_ask(struct mosquitto *client, const char *text)
{
    unsigned before = commands;
    char *payload = strdup(text);

    control_ask_bytes(client, payload, strlen(text));
    free(payload);
    ck_assert_uint_eq(commands, before + 1);
    return token;
}

int control_answer(uint64_t to, const char *text)
{
    struct selkie_output *output = selkie_output_new(SELKIE_OUTPUT_ANSWER, text, strlen(text));

    output->token = to;
    int result = selkie_control_answer(control, output, "selkie");
    selkie_output_free(output);
    return result;
}

void control_expect(unsigned index, const char *client_id, const char *payload)
{
    ck_assert_uint_lt(index, fake_message_count);
    const struct fake_message *message = &fake_messages[index];
    ck_assert_str_eq(message->client_id, client_id);
    ck_assert_str_eq(message->topic, "$CONTROL/selkie/v1/response");
    ck_assert_str_eq(message->payload, payload);
    ck_assert_int_eq(message->qos, 1);
    ck_assert(!message->retain);
}

void control_expect_error_at(unsigned index, const char *client_id, const char *says)
{
    ck_assert_uint_lt(index, fake_message_count);
    const struct fake_message *message = &fake_messages[index];
    control_expect(index, client_id, message->payload);
    json_t *json = json_loads(message->payload, 0, NULL), *responses = json_object_get(json, "responses");
    ck_assert_uint_eq(json_array_size(responses), 1);
    const char *error = json_string_value(json_object_get(json_array_get(responses, 0), "error"));
    ck_assert_ptr_nonnull(error);
    ck_assert_msg(strstr(error, says) != NULL, "it said: %s", error);
    json_decref(json);
}

void control_expect_error(const char *client_id, const char *says)
{
    ck_assert_uint_gt(fake_message_count, 0);
    control_expect_error_at(fake_message_count - 1, client_id, says);
}
