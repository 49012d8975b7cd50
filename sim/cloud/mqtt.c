/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/mqtt.h"

#include "core/say.h"

#include <MQTTAsync.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEP_ALIVE_S     20
#define SESSION_EXPIRY_S 3600
#define RECONNECT_MAX_S  2

struct selkie_mqtt {
    MQTTAsync handle;
    struct selkie_sim_event_queue *queue;
    void (*on_event)(void *owner, const struct selkie_sim_event *event);
    void *owner;
};

/* Paho's callbacks, on its threads. */

static void tell(struct selkie_mqtt *client, enum selkie_sim_event_kind kind, int code)
{
    struct selkie_sim_event *event = selkie_sim_event_new(kind, client, 0);

    if (!event)
        return;
    event->code = code;
    selkie_sim_event_queue_put_take(client->queue, event);
}

static void on_connected(void *context, char *cause)
{
    (void)cause;
    tell(context, SELKIE_SIM_EVENT_CONNECTED, 0);
}

static void on_connect_failed(void *context, MQTTAsync_failureData5 *data)
{
    tell(context, SELKIE_SIM_EVENT_REFUSED, data->code >= MQTTREASONCODE_UNSPECIFIED_ERROR ? (int)data->code : -1);
}

static void on_lost(void *context, char *cause)
{
    (void)cause;
    tell(context, SELKIE_SIM_EVENT_LOST, 0);
}

static void on_subscribed(void *context, MQTTAsync_successData5 *data)
{
    tell(context, SELKIE_SIM_EVENT_SUBSCRIBED, (int)data->reasonCode);
}

static void on_subscribe_failed(void *context, MQTTAsync_failureData5 *data)
{
    tell(context, SELKIE_SIM_EVENT_SUBSCRIBED, data->reasonCode > 0 ? (int)data->reasonCode : -1);
}

static void on_published(void *context, MQTTAsync_successData5 *data)
{
    tell(context, SELKIE_SIM_EVENT_PUBLISHED, (int)data->reasonCode);
}

static void on_publish_failed(void *context, MQTTAsync_failureData5 *data)
{
    tell(context, SELKIE_SIM_EVENT_PUBLISHED, data->reasonCode > 0 ? (int)data->reasonCode : -1);
}

static int on_message(void *context, char *topic, int topic_len, MQTTAsync_message *message)
{
    struct selkie_mqtt *client = context;
    struct selkie_sim_event *event =
        selkie_sim_event_new(SELKIE_SIM_EVENT_MESSAGE, client, (size_t)message->payloadlen);

    if (!event)
        return 0; /* Paho offers it again */
    (void)snprintf(event->topic, sizeof event->topic, "%.*s", topic_len > 0 ? topic_len : 255, topic);
    memcpy(event->payload, message->payload, event->len);
    selkie_sim_event_queue_put_take(client->queue, event);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

/* The loop's side. */

static int create(struct selkie_mqtt *client, const char *uri, const char *id)
{
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
    int result = MQTTAsync_createWithOptions(&client->handle, uri, id, MQTTCLIENT_PERSISTENCE_NONE, NULL, &options);

    if (result == MQTTASYNC_SUCCESS)
        result = MQTTAsync_setCallbacks(client->handle, client, on_lost, on_message, NULL);
    if (result == MQTTASYNC_SUCCESS)
        result = MQTTAsync_setConnected(client->handle, client, on_connected);
    return result;
}

static int start(struct selkie_mqtt *client, const struct selkie_mqtt_server *server,
                 const struct selkie_mqtt_options *options)
{
    MQTTAsync_connectOptions connect = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, .value.integer4 = SESSION_EXPIRY_S};

    will.topicName = options->will_topic;
    will.message = options->will_payload;
    will.qos = 1;
    will.retained = 1;
    tls.trustStore = server->ca;
    tls.keyStore = server->cert;
    tls.privateKey = server->key;
    tls.enableServerCertAuth = 1;
    tls.verify = 1;
    connect.keepAliveInterval = KEEP_ALIVE_S;
    connect.cleanstart = !options->keep_session;
    connect.automaticReconnect = 1;
    connect.minRetryInterval = 1;
    connect.maxRetryInterval = RECONNECT_MAX_S;
    connect.username = options->username;
    connect.password = options->password;
    connect.will = options->will_topic ? &will : NULL;
    connect.ssl = strncmp(server->uri, "mqtts://", 8) == 0 ? &tls : NULL;
    connect.onFailure5 = on_connect_failed;
    connect.context = client;
    if (options->keep_session && MQTTProperties_add(&properties, &expiry) == 0)
        connect.connectProperties = &properties;
    int result = MQTTAsync_connect(client->handle, &connect);
    MQTTProperties_free(&properties);
    return result;
}

int selkie_mqtt_open(struct selkie_mqtt **client, struct selkie_sim_event_queue *queue,
                     const struct selkie_mqtt_server *server, const struct selkie_mqtt_options *options)
{
    struct selkie_mqtt *opened = calloc(1, sizeof *opened);

    *client = NULL;
    if (!opened)
        return SELKIE_ENOMEM;
    opened->queue = queue;
    opened->on_event = options->on_event;
    opened->owner = options->owner;
    int result = create(opened, server->uri, options->id);
    if (result == MQTTASYNC_SUCCESS)
        result = start(opened, server, options);
    if (result != MQTTASYNC_SUCCESS) {
        selkie_say("%s: Paho: %s", server->uri, MQTTAsync_strerror(result));
        MQTTAsync_destroy(&opened->handle);
        free(opened);
        return SELKIE_EIO;
    }
    *client = opened;
    return 0;
}

void selkie_mqtt_close(struct selkie_mqtt *client)
{
    if (!client)
        return;
    MQTTAsync_destroy(&client->handle); /* sends DISCONNECT; no callback comes after it */
    selkie_sim_event_queue_forget(client->queue, client);
    free(client);
}

void selkie_mqtt_die(struct selkie_mqtt *client)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;

    options.reasonCode = MQTTREASONCODE_DISCONNECT_WITH_WILL_MESSAGE;
    (void)MQTTAsync_disconnect(client->handle, &options);
}

const char *selkie_mqtt_reason(int code)
{
    const char *text = MQTTReasonCode_toString((enum MQTTReasonCodes)code);
    return text ? text : "for no reason known here";
}

bool selkie_mqtt_connected(const struct selkie_mqtt *client)
{
    return client && MQTTAsync_isConnected(client->handle);
}

int selkie_mqtt_subscribe(struct selkie_mqtt *client, const char *filter, int qos)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;

    options.onSuccess5 = on_subscribed;
    options.onFailure5 = on_subscribe_failed;
    options.context = client;
    return MQTTAsync_subscribe(client->handle, filter, qos, &options) == MQTTASYNC_SUCCESS ? 0 : SELKIE_EIO;
}

int selkie_mqtt_publish(struct selkie_mqtt *client, const struct selkie_mqtt_message *message)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    MQTTAsync_message paho = MQTTAsync_message_initializer;
    bool complete = true;

    paho.payload = (void *)(uintptr_t)message->payload;
    paho.payloadlen = (int)message->len;
    paho.qos = message->qos;
    paho.retained = message->retain;
    for (size_t i = 0; i < message->property_count; i++) {
        MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY};
        property.value.data.data = (char *)(uintptr_t)message->properties[i][0];
        property.value.data.len = (int)strlen(message->properties[i][0]);
        property.value.value.data = (char *)(uintptr_t)message->properties[i][1];
        property.value.value.len = (int)strlen(message->properties[i][1]);
        complete = MQTTProperties_add(&paho.properties, &property) == 0 && complete;
    }
    if (message->tell) {
        options.onSuccess5 = on_published;
        options.onFailure5 = on_publish_failed;
        options.context = client;
    }
    int result = complete ? MQTTAsync_sendMessage(client->handle, message->topic, &paho, &options) : MQTTASYNC_FAILURE;
    MQTTProperties_free(&paho.properties);
    return result == MQTTASYNC_SUCCESS ? 0 : SELKIE_EIO;
}

void selkie_mqtt_handle(const struct selkie_sim_event *event)
{
    const struct selkie_mqtt *client = event->client;

    client->on_event(client->owner, event);
}
