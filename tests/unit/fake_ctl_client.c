/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_ctl_client.h"

#include "ctl_client.h"
#include "ctl_config.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int fake_open_count;
const char *fake_user = "root";
char fake_said[1024];
json_t *fake_published;
size_t fake_published_len;
unsigned fake_message_count;
int fake_subscribe_reason, fake_publish_reason, fake_filter_reason;
char fake_filters[1024];
size_t fake_packet_max = SIZE_MAX;
const char *const *fake_answers;
enum ctl_wait fake_then;

static unsigned runs; /* each has its own client ID */

enum ctl_exit ctl_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(fake_said, sizeof fake_said, format, arguments);
    va_end(arguments);
    return CTL_FAILED;
}

enum ctl_exit selkie_ctl_config_open(struct selkie_ctl_config *config, const struct ctl_options *options)
{
    (void)options;
    *config = (struct selkie_ctl_config){.root = "selkie", .broker.username = fake_user, .timeout_ms = 7000};
    fake_open_count++;
    return CTL_DONE;
}

void selkie_ctl_config_close(struct selkie_ctl_config *config)
{
    (void)config;
    fake_open_count--;
}

enum ctl_exit selkie_ctl_client_open(struct selkie_ctl_client **client, const struct selkie_ctl_config *config,
                                     bool until_interrupted)
{
    (void)config;
    ck_assert(!until_interrupted);
    *client = (struct selkie_ctl_client *)&fake_open_count;
    runs++;
    fake_open_count++;
    return CTL_DONE;
}

void selkie_ctl_client_close(struct selkie_ctl_client *client)
{
    ck_assert_ptr_nonnull(client);
    fake_open_count--;
}

int selkie_ctl_client_subscribe(struct selkie_ctl_client *client, const char *filter, int qos)
{
    (void)client;
    if (filter[0] != '$') {
        size_t len = strlen(fake_filters);
        ck_assert_int_lt(snprintf(fake_filters + len, sizeof fake_filters - len, "%s ", filter),
                         (int)(sizeof fake_filters - len));
        return fake_filter_reason;
    }
    ck_assert_str_eq(filter, "$CONTROL/selkie/v1/response");
    ck_assert_int_eq(qos, 1);
    return fake_subscribe_reason;
}

int selkie_ctl_client_publish(struct selkie_ctl_client *client, const char *topic, const void *payload, size_t len)
{
    (void)client;
    ck_assert_str_eq(topic, "$CONTROL/selkie/v1");
    json_decref(fake_published);
    fake_published = json_loadb(payload, len, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_uint_gt(json_array_size(json_object_get(fake_published, "commands")), 0);
    fake_published_len = len;
    fake_message_count++;
    return fake_publish_reason;
}

size_t selkie_ctl_client_packet_max(const struct selkie_ctl_client *client)
{
    (void)client;
    return fake_packet_max;
}

const json_t *fake_command(size_t index)
{
    return json_array_get(json_object_get(fake_published, "commands"), index);
}

const char *selkie_ctl_client_id(const struct selkie_ctl_client *client)
{
    static char id[CTL_CLIENT_ID_SIZE];

    (void)client;
    (void)snprintf(id, sizeof id, "selkiectl-%08u", runs);
    return id;
}

const char *selkie_ctl_client_uri(const struct selkie_ctl_client *client)
{
    (void)client;
    return "mqtt://b";
}

enum ctl_wait selkie_ctl_client_next(struct selkie_ctl_client *client, struct selkie_mqtt_event **message,
                                     int timeout_ms)
{
    char text[1024] = "", *end = text;

    (void)client;
    ck_assert_int_eq(timeout_ms, 7000);
    *message = NULL;
    if (*fake_answers == NULL)
        return fake_then;
    for (const char *at = *fake_answers++; *at != '\0'; at++)
        end += sprintf(end, *at == '@' ? "%s" : "%.1s",
                       *at == '@' ? json_string_value(json_object_get(fake_command(0), "correlationData")) : at);
    size_t len = (size_t)(end - text);
    char *copy = (char *)(*message = calloc(1, sizeof **message + len + 1)) + sizeof **message;
    const char *topic = "$CONTROL/selkie/v1/response", *payload = memcpy(copy, text, len);
    if (strncmp(copy, "selkie/", 7) == 0) {
        topic = strtok(copy, " ");
        payload = copy + strlen(topic) + 1;
        len -= strlen(topic) + 1;
    }
    **message = (struct selkie_mqtt_event){
        .kind = SELKIE_MQTT_MESSAGE, .topic = topic, .payload = (const uint8_t *)payload, .len = len};
    return CTL_MESSAGE;
}
