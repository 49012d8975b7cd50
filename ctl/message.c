/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void take_properties(struct ctl_message *message, MQTTProperties *from)
{
    static const char *const known[] = {"counter", "gateway", "rx", "form"};
    for (int i = 0; i < MQTTProperties_propertyCount(from, MQTTPROPERTY_CODE_USER_PROPERTY); i++) {
        const MQTTProperty *property = MQTTProperties_getPropertyAt(from, MQTTPROPERTY_CODE_USER_PROPERTY, i);
        for (size_t j = 0; j < sizeof known / sizeof known[0]; j++) {
            if (message->property_count == CTL_PROPERTIES_MAX || strlen(known[j]) != (size_t)property->value.data.len ||
                memcmp(known[j], property->value.data.data, strlen(known[j])) != 0)
                continue;
            struct ctl_property *to = &message->properties[message->property_count++];
            to->name = known[j];
            snprintf(to->value, sizeof to->value, "%.*s", (int)property->value.value.len, property->value.value.data);
        }
    }
}

struct ctl_message *ctl_message_new(const char *topic, MQTTAsync_message *from)
{
    struct ctl_message *message = calloc(1, sizeof *message);
    if (message == NULL)
        return NULL;
    message->len = (size_t)from->payloadlen;
    message->topic = strdup(topic);
    message->payload = malloc(message->len + 1);
    if (message->topic == NULL || message->payload == NULL) {
        ctl_message_free(message);
        return NULL;
    }
    if (message->len != 0)
        memcpy(message->payload, from->payload, message->len);
    message->payload[message->len] = '\0';
    message->retained = from->retained != 0;
    take_properties(message, &from->properties);
    return message;
}

void ctl_message_free(struct ctl_message *message)
{
    if (message == NULL)
        return;
    free(message->topic);
    free(message->payload);
    free(message);
}

const char *ctl_message_property(const struct ctl_message *message, const char *name)
{
    for (size_t i = 0; i < message->property_count; i++) {
        if (strcmp(message->properties[i].name, name) == 0)
            return message->properties[i].value;
    }
    return NULL;
}

void ctl_inbox_init(struct ctl_inbox *inbox)
{
    *inbox = (struct ctl_inbox){.last = &inbox->first};
}

void ctl_inbox_wipe(struct ctl_inbox *inbox)
{
    struct ctl_message *message;
    while ((message = ctl_inbox_next(inbox)) != NULL)
        ctl_message_free(message);
}

void ctl_inbox_put_take(struct ctl_inbox *inbox, struct ctl_message *message)
{
    if (message == NULL || inbox->waiting == CTL_INBOX_MAX) {
        inbox->dropped++;
        ctl_message_free(message);
        return;
    }
    *inbox->last = message;
    inbox->last = &message->next;
    inbox->waiting++;
}

struct ctl_message *ctl_inbox_next(struct ctl_inbox *inbox)
{
    struct ctl_message *message = inbox->first;
    if (message == NULL)
        return NULL;
    inbox->first = message->next;
    if (inbox->first == NULL)
        inbox->last = &inbox->first;
    inbox->waiting--;
    message->next = NULL;
    return message;
}
