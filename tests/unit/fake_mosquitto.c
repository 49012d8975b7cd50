/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_mosquitto.h"

#include <check.h>
#include <limits.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_message fake_messages[FAKE_MESSAGES_MAX];
unsigned fake_message_count;
struct fake_line fake_lines[FAKE_LINES_MAX];
unsigned fake_line_count;
unsigned fake_publish_room = UINT_MAX, fake_malloc_room = UINT_MAX;
unsigned fake_allocated;
void *fake_certificate;

void fake_reset(void)
{
    fake_message_count = fake_line_count = fake_allocated = 0;
    fake_publish_room = fake_malloc_room = UINT_MAX;
}

void *mosquitto_malloc(size_t size)
{
    if (fake_malloc_room == 0)
        return NULL;
    fake_malloc_room--;
    fake_allocated++;
    return malloc(size);
}

void mosquitto_free(void *bytes)
{
    if (bytes != NULL)
        fake_allocated--;
    free(bytes);
}

static void note_properties(struct fake_message *message, const mosquitto_property *properties)
{
    const mosquitto_property *at = properties;
    char *name, *value;
    bool skip_first = false;

    message->properties[0] = '\0';
    while ((at = mosquitto_property_read_string_pair(at, MQTT_PROP_USER_PROPERTY, &name, &value, skip_first)) != NULL) {
        size_t fill = strlen(message->properties);
        (void)snprintf(message->properties + fill, sizeof message->properties - fill, "%s=%s ", name, value);
        free(name);
        free(value);
        skip_first = true;
    }
}

/* As Mosquitto's: payload and properties are its own only where it takes them. */
int mosquitto_broker_publish(const char *client_id, const char *topic, int len, void *payload, int qos, bool retain,
                             mosquitto_property *properties)
{
    if (fake_publish_room == 0)
        return MOSQ_ERR_NOMEM;
    fake_publish_room--;
    ck_assert_uint_lt(fake_message_count, FAKE_MESSAGES_MAX);
    struct fake_message *message = &fake_messages[fake_message_count++];
    (void)snprintf(message->client_id, sizeof message->client_id, "%s", client_id == NULL ? "" : client_id);
    (void)snprintf(message->topic, sizeof message->topic, "%s", topic);
    (void)snprintf(message->payload, sizeof message->payload, "%.*s", len, len > 0 ? (const char *)payload : "");
    message->len = (size_t)len;
    message->qos = qos;
    message->retain = retain;
    note_properties(message, properties);
    mosquitto_free(payload);
    mosquitto_property_free_all(&properties);
    return MOSQ_ERR_SUCCESS;
}

/* Mosquitto's header does not say that it is one like printf. */
void mosquitto_log_printf(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

void mosquitto_log_printf(int level, const char *format, ...)
{
    va_list arguments;

    ck_assert_uint_lt(fake_line_count, FAKE_LINES_MAX);
    struct fake_line *line = &fake_lines[fake_line_count++];
    line->level = level;
    va_start(arguments, format);
    (void)vsnprintf(line->text, sizeof line->text, format, arguments);
    va_end(arguments);
}

void *mosquitto_client_certificate(const struct mosquitto *client)
{
    void *certificate = fake_certificate;

    (void)client;
    fake_certificate = NULL;
    return certificate;
}
