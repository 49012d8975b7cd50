/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_ctl_mqtt.h"

#include "config.h"
#include "mqtt.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int fake_open_count;
char fake_said[1024];
json_t *fake_published;
size_t fake_published_len;
unsigned fake_message_count;
int fake_subscribe_reason, fake_publish_reason;
size_t fake_packet_max = SIZE_MAX;
const char *const *fake_answers;
enum ctl_wait fake_then;

enum ctl_exit ctl_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(fake_said, sizeof fake_said, format, arguments);
    va_end(arguments);
    return CTL_FAILED;
}

enum ctl_exit ctl_config_open(struct ctl_config *config, const struct ctl_options *options)
{
    (void)options;
    *config = (struct ctl_config){.uri = "mqtt://b", .username = "root", .timeout_ms = 7000};
    fake_open_count++;
    return CTL_DONE;
}

void ctl_config_close(struct ctl_config *config)
{
    (void)config;
    fake_open_count--;
}

enum ctl_exit ctl_mqtt_open(struct ctl_mqtt **mqtt, const struct ctl_config *config, bool until_interrupted)
{
    (void)config;
    ck_assert(!until_interrupted);
    *mqtt = (struct ctl_mqtt *)&fake_open_count;
    fake_open_count++;
    return CTL_DONE;
}

void ctl_mqtt_close(struct ctl_mqtt *mqtt)
{
    ck_assert_ptr_nonnull(mqtt);
    fake_open_count--;
}

int ctl_mqtt_subscribe(struct ctl_mqtt *mqtt, const char *filter, int qos)
{
    (void)mqtt;
    ck_assert_str_eq(filter, "$CONTROL/selkie/v1/response");
    ck_assert_int_eq(qos, 1);
    return fake_subscribe_reason;
}

int ctl_mqtt_publish(struct ctl_mqtt *mqtt, const char *topic, const void *payload, size_t len)
{
    (void)mqtt;
    ck_assert_str_eq(topic, "$CONTROL/selkie/v1");
    json_decref(fake_published);
    fake_published = json_loadb(payload, len, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_uint_gt(json_array_size(json_object_get(fake_published, "commands")), 0);
    fake_published_len = len;
    fake_message_count++;
    return fake_publish_reason;
}

size_t ctl_mqtt_packet_max(const struct ctl_mqtt *mqtt)
{
    (void)mqtt;
    return fake_packet_max;
}

const json_t *fake_command(size_t index)
{
    return json_array_get(json_object_get(fake_published, "commands"), index);
}

enum ctl_wait ctl_mqtt_next(struct ctl_mqtt *mqtt, struct ctl_message **message, int timeout_ms)
{
    MQTTAsync_message from = MQTTAsync_message_initializer;
    char text[1024] = "", *end = text;

    (void)mqtt;
    ck_assert_int_eq(timeout_ms, 7000);
    *message = NULL;
    if (*fake_answers == NULL)
        return fake_then;
    for (const char *at = *fake_answers++; *at != '\0'; at++)
        end += sprintf(end, *at == '@' ? "%s" : "%.1s",
                       *at == '@' ? json_string_value(json_object_get(fake_command(0), "correlationData")) : at);
    from.payload = text;
    from.payloadlen = (int)(end - text);
    *message = ctl_message_new("$CONTROL/selkie/v1/response", &from);
    return CTL_MESSAGE;
}
