/* SPDX-License-Identifier: Apache-2.0 */
/* A Mosquitto plugin that stands in for Selkie's on $CONTROL/selkie/v1, to test what selkiectl makes of any answer.
 *
 *   plugin_opt_answers FILE     one answer a line, for one request each; the last one serves all further requests.
 *                               CORRELATION in it becomes the request's correlationData. "ECHO" answers each command
 *                               with empty data, "NONE" not at all.
 *   plugin_opt_requests FILE    the requests as they came, one a line; behind "UNTYPED" if their properties do not say
 *                               that they are JSON */
#include <jansson.h>
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESPONSE "$CONTROL/selkie/v1/response"

struct fake {
    mosquitto_plugin_id_t *id;
    FILE *answers;
    FILE *requests;
    char *line; /* the last answer read */
    size_t line_size;
};

static const char *correlation_of(const json_t *root)
{
    const json_t *first = json_array_get(json_object_get(root, "commands"), 0);
    const char *correlation = json_string_value(json_object_get(first, "correlationData"));
    return correlation == NULL ? "" : correlation;
}

static char *echo(const json_t *root)
{
    json_t *responses = json_array(), *command;
    size_t i;
    json_array_foreach (json_object_get(root, "commands"), i, command) {
        json_t *response = json_pack("{s:O, s:{}, s:O}", "command", json_object_get(command, "command"), "data",
                                     "correlationData", json_object_get(command, "correlationData"));
        (void)json_array_append_new(responses, response);
    }
    json_t *answer = json_pack("{s:o}", "responses", responses);
    char *text = json_dumps(answer, JSON_COMPACT);
    json_decref(answer);
    return text;
}

static char *fill_in(const char *line, const char *correlation)
{
    static const char mark[] = "CORRELATION";
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    for (const char *at; (at = strstr(line, mark)) != NULL; line = at + strlen(mark))
        fprintf(stream, "%.*s%s", (int)(at - line), line, correlation);
    fputs(line, stream);
    fclose(stream);
    return text;
}

static bool says_json(const mosquitto_property *properties)
{
    uint8_t format = 0;
    char *type = NULL;
    bool says = mosquitto_property_read_byte(properties, MQTT_PROP_PAYLOAD_FORMAT_INDICATOR, &format, false) != NULL &&
                mosquitto_property_read_string(properties, MQTT_PROP_CONTENT_TYPE, &type, false) != NULL &&
                format == 1 && strcmp(type, "application/json") == 0;

    free(type);
    return says;
}

static int on_control(int event, void *data, void *context)
{
    (void)event;
    struct mosquitto_evt_control *control = data;
    struct fake *fake = context;
    fprintf(fake->requests, "%s%.*s\n", says_json(control->properties) ? "" : "UNTYPED ", (int)control->payloadlen,
            (const char *)control->payload);
    fflush(fake->requests);
    if (getline(&fake->line, &fake->line_size, fake->answers) > 0)
        fake->line[strcspn(fake->line, "\n")] = '\0';
    if (strcmp(fake->line, "NONE") == 0)
        return MOSQ_ERR_SUCCESS;

    json_t *root = json_loadb(control->payload, control->payloadlen, 0, NULL);
    char *answer = strcmp(fake->line, "ECHO") == 0 ? echo(root) : fill_in(fake->line, correlation_of(root));
    json_decref(root);
    char *payload = mosquitto_strdup(answer);
    int len = (int)strlen(answer);
    free(answer);
    return mosquitto_broker_publish(mosquitto_client_id(control->client), RESPONSE, len, payload, 1, false, NULL);
}

int mosquitto_plugin_version(int count, const int *versions)
{
    for (int i = 0; i < count; i++) {
        if (versions[i] == MOSQ_PLUGIN_VERSION)
            return MOSQ_PLUGIN_VERSION;
    }
    return -1;
}

int mosquitto_plugin_init(mosquitto_plugin_id_t *id, void **context, struct mosquitto_opt *options, int count)
{
    struct fake *fake = calloc(1, sizeof *fake);
    if (fake == NULL)
        return MOSQ_ERR_NOMEM;
    fake->id = id;
    for (int i = 0; i < count; i++) {
        if (strcmp(options[i].key, "answers") == 0)
            fake->answers = fopen(options[i].value, "re");
        if (strcmp(options[i].key, "requests") == 0)
            fake->requests = fopen(options[i].value, "we");
    }
    *context = fake;
    if (fake->answers == NULL || fake->requests == NULL)
        return MOSQ_ERR_INVAL;
    return mosquitto_callback_register(id, MOSQ_EVT_CONTROL, on_control, "$CONTROL/selkie/v1", fake);
}

int mosquitto_plugin_cleanup(void *context, struct mosquitto_opt *options, int count)
{
    (void)options;
    (void)count;
    struct fake *fake = context;
    (void)mosquitto_callback_unregister(fake->id, MOSQ_EVT_CONTROL, on_control, "$CONTROL/selkie/v1");
    if (fake->answers != NULL)
        fclose(fake->answers);
    if (fake->requests != NULL)
        fclose(fake->requests);
    free(fake->line);
    free(fake);
    return MOSQ_ERR_SUCCESS;
}
