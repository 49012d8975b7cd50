/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt_paho.h"

#include "connect_error.h"
#include "tls_verify.h"

#include <MQTTAsync.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECEIVE_DEFAULT  65535 /* MQTT 5, 3.2.2.3.3 */
#define SESSION_EXPIRY_S 3600
#define BUFFERED_DEFAULT 100

#define PAHO_OUT_OF_MEMORY (-99) /* its headers have no name for it */

/* What Paho's callbacks see. It lives until Paho's client is destroyed, after which none is called. */
struct selkie_mqtt_paho {
    struct selkie_mqtt_queue *queue;
    struct selkie_mqtt_event event; /* what all its events have in common */
    const char *const *properties;
    MQTTAsync client;
    struct selkie_resolver_pin pin; /* of the host to the address */
    char host[SELKIE_MQTT_HOST_MAX];
    struct sockaddr_storage address;
    bool tls;
    struct selkie_connect_error error;
    bool lost; /* the end of the connection was told; callbacks come one at a time, under Paho's lock */
};

/* Paho's callbacks, on its threads. */

static void put(const struct selkie_mqtt_paho *paho, enum selkie_mqtt_event_kind kind, int code, int token)
{
    struct selkie_mqtt_event event = paho->event;

    event.kind = kind;
    event.code = code;
    event.token = token;
    (void)selkie_mqtt_queue_put(paho->queue, &event);
}

static int number(MQTTProperties *properties, enum MQTTPropertyCodes code, int fallback)
{
    return MQTTProperties_hasProperty(properties, code) ? (int)MQTTProperties_getNumericValue(properties, code)
                                                        : fallback;
}

static void on_connected(void *context, MQTTAsync_successData5 *data)
{
    struct selkie_mqtt_paho *paho = context;
    struct selkie_mqtt_event event = paho->event;
    int packet_max = number(&data->properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, 0);
    char warning[SELKIE_MQTT_TEXT_MAX];

    selkie_connect_error_end(&paho->error);
    event.kind = SELKIE_MQTT_CONNECTED;
    event.code = number(&data->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, RECEIVE_DEFAULT);
    /* OpenSSL looks at the certificate on the thread that calls this, as a rule; else there is no warning. */
    event.text = paho->tls && selkie_tls_verify_ends_soon(warning) ? warning : NULL;
    event.packet_max = packet_max == 0 ? SIZE_MAX : (uint32_t)packet_max;
    (void)selkie_mqtt_queue_put(paho->queue, &event);
}

/* A code of a refusal is the broker's own answer; with others Paho never got that far. */
static void on_connect_failed(void *context, MQTTAsync_failureData5 *data)
{
    struct selkie_mqtt_paho *paho = context;
    struct selkie_mqtt_event event = paho->event;
    char text[SELKIE_MQTT_TEXT_MAX];

    event.kind = data->code >= SELKIE_MQTT_REFUSAL ? SELKIE_MQTT_REFUSED : SELKIE_MQTT_UNREACHABLE;
    event.code = data->code;
    if (event.kind == SELKIE_MQTT_UNREACHABLE) {
        selkie_connect_error_text(&paho->error, text, data->message, paho->tls);
        event.text = text;
    }
    selkie_connect_error_end(&paho->error);
    (void)selkie_mqtt_queue_put(paho->queue, &event);
}

/* The broker said DISCONNECT, after which Paho does not always report that the connection is lost. */
static void on_disconnect(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    struct selkie_mqtt_paho *paho = context;

    (void)properties;
    if (!paho->lost)
        put(paho, SELKIE_MQTT_LOST, (int)reason, 0);
    paho->lost = true;
}

static void on_lost(void *context, char *cause)
{
    struct selkie_mqtt_paho *paho = context;

    (void)cause; /* Paho never has one */
    if (!paho->lost)
        put(paho, SELKIE_MQTT_LOST, 0, 0);
    paho->lost = true;
}

static void on_disconnected(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    put(context, SELKIE_MQTT_DISCONNECTED, 0, 0);
}

static void on_subscribed(void *context, MQTTAsync_successData5 *data)
{
    put(context, SELKIE_MQTT_SUBSCRIBED, (int)data->reasonCode, 0);
}

/* Paho's failures are the broker's refusals, and also all that Paho itself gives up: a write that fails, a command that
 * a lost connection overtakes. Those carry a code, and a reason and a token that say nothing; LOST follows them. */
static bool is_refusal(const MQTTAsync_failureData5 *data)
{
    return data->code == 0 && data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR;
}

static void on_subscribe_failed(void *context, MQTTAsync_failureData5 *data)
{
    if (is_refusal(data))
        put(context, SELKIE_MQTT_SUBSCRIBED, (int)data->reasonCode, 0);
}

static void on_published(void *context, MQTTAsync_successData5 *data)
{
    put(context, SELKIE_MQTT_PUBLISHED, (int)data->reasonCode, data->token);
}

static void on_publish_failed(void *context, MQTTAsync_failureData5 *data)
{
    if (is_refusal(data))
        put(context, SELKIE_MQTT_PUBLISHED, (int)data->reasonCode, data->token);
}

/* The name as the owner spells it; NULL where he has no use for the property. */
static const char *wanted(const struct selkie_mqtt_paho *paho, const MQTTLenString *name)
{
    for (const char *const *at = paho->properties; at && *at; at++)
        if (strlen(*at) == (size_t)name->len && memcmp(*at, name->data, (size_t)name->len) == 0)
            return *at;
    return NULL;
}

static int on_message(void *context, char *topic, int topic_len, MQTTAsync_message *message)
{
    const struct selkie_mqtt_paho *paho = context;
    struct selkie_mqtt_event event = paho->event;
    char values[SELKIE_MQTT_PROPERTIES_MAX][SELKIE_MQTT_VALUE_MAX + 1];

    (void)topic_len; /* only says that there is a NUL inside, which no broker lets pass */
    event.kind = SELKIE_MQTT_MESSAGE;
    event.topic = topic;
    event.payload = message->payload;
    event.len = (size_t)message->payloadlen;
    event.retained = message->retained != 0;
    for (int i = 0; i < message->properties.count && event.property_count < SELKIE_MQTT_PROPERTIES_MAX; i++) {
        const MQTTProperty *from = &message->properties.array[i];
        bool is_user = from->identifier == MQTTPROPERTY_CODE_USER_PROPERTY;
        const char *name = is_user ? wanted(paho, &from->value.data) : NULL;
        if (!name)
            continue;
        char *value = values[event.property_count];
        (void)snprintf(value, sizeof values[0], "%.*s", from->value.value.len, from->value.value.data);
        event.properties[event.property_count++] = (struct selkie_mqtt_property){name, value};
    }
    (void)selkie_mqtt_queue_put(paho->queue, &event);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

/* The loop's side. */

/* OpenSSL 1.1 and later wake up by themselves when they are needed; a process that needs no TLS stays 2 MB smaller. */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init_library(void)
{
    MQTTAsync_init_options options = MQTTAsync_init_options_initializer;

    MQTTAsync_global_init(&options);
}

/* Paho takes an IPv6 address for host and certificate only without the brackets. */
static int create(struct selkie_mqtt_paho *paho, const struct selkie_mqtt_uri *uri,
                  const struct selkie_mqtt_options *options)
{
    MQTTAsync_createOptions create_options = MQTTAsync_createOptions_initializer5;
    char target[SELKIE_MQTT_URI_MAX + 8];

    (void)pthread_once(&once, init_library);
    create_options.maxBufferedMessages = options->buffered_max > 0 ? (int)options->buffered_max : BUFFERED_DEFAULT;
    (void)snprintf(target, sizeof target, "%s%s://%s:%u%s", uri->websocket ? "ws" : "mqtt", uri->tls ? "s" : "",
                   uri->host, uri->port, uri->text + uri->path_at);
    int result = MQTTAsync_createWithOptions(&paho->client, target, options->id, MQTTCLIENT_PERSISTENCE_NONE, NULL,
                                             &create_options);
    if (result == MQTTASYNC_SUCCESS)
        result = MQTTAsync_setCallbacks(paho->client, paho, on_lost, on_message, NULL);
    if (result == MQTTASYNC_SUCCESS)
        result = MQTTAsync_setDisconnected(paho->client, paho, on_disconnect);
    return result;
}

/* Paho only reads it, and wants it writable all the same. */
static MQTTLenString paho_text(const char *text)
{
    return (MQTTLenString){.len = (int)strlen(text), .data = (char *)(uintptr_t)text};
}

/* PROTOCOL.md, section 8: what every message says that is JSON. */
static int add_json(MQTTProperties *properties)
{
    MQTTProperty format = {.identifier = MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR, .value.byte = 1};
    MQTTProperty type = {.identifier = MQTTPROPERTY_CODE_CONTENT_TYPE, .value.data = paho_text("application/json")};
    int result = MQTTProperties_add(properties, &format);

    return result == 0 ? MQTTProperties_add(properties, &type) : result;
}

static int start(struct selkie_mqtt_paho *paho, const struct selkie_mqtt_options *options, const char *password)
{
    const struct selkie_mqtt_settings *settings = options->settings;
    MQTTAsync_connectOptions connect = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    MQTTProperties properties = MQTTProperties_initializer, of_will = MQTTProperties_initializer;
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, .value.integer4 = SESSION_EXPIRY_S};
    MQTTProperty longest = {.identifier = MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, .value.integer4 = options->packet_max};

    will.topicName = options->will_topic;
    will.message = options->will_payload;
    will.qos = 1;
    will.retained = 1;
    tls.trustStore = settings->ca;
    tls.keyStore = settings->cert;
    tls.privateKey = settings->key;
    tls.enableServerCertAuth = 1;
    tls.verify = 1; /* the host, too */
    tls.sslVersion = MQTT_SSL_VERSION_TLS_1_2;
    tls.ssl_error_cb = selkie_connect_error_on_tls;
    tls.ssl_error_context = &paho->error;
    connect.keepAliveInterval = (int)settings->keepalive_s;
    connect.connectTimeout = (int)settings->connect_timeout_s;
    connect.cleanstart = !options->keep_session;
    connect.username = options->username ? options->username : settings->username;
    connect.password = password;
    connect.will = options->will_topic ? &will : NULL;
    if (connect.will && add_json(&of_will) == 0)
        connect.willProperties = &of_will;
    connect.ssl = paho->tls ? &tls : NULL;
    connect.onSuccess5 = on_connected;
    connect.onFailure5 = on_connect_failed;
    connect.context = paho;
    if (options->keep_session && MQTTProperties_add(&properties, &expiry) == 0)
        connect.connectProperties = &properties;
    if (options->packet_max != 0 && MQTTProperties_add(&properties, &longest) == 0)
        connect.connectProperties = &properties;
    if (paho->tls)
        selkie_tls_verify_watch();
    selkie_connect_error_begin(&paho->error, settings);
    int result = MQTTAsync_connect(paho->client, &connect);
    MQTTProperties_free(&properties);
    MQTTProperties_free(&of_will);
    return result;
}

int selkie_mqtt_paho_open(struct selkie_mqtt_paho **opened, struct selkie_mqtt_queue *queue,
                          const struct selkie_mqtt_event *event, const struct selkie_mqtt_uri *uri,
                          const struct sockaddr_storage *address, const struct selkie_mqtt_options *options,
                          const char *password, char why[static SELKIE_MQTT_TEXT_MAX])
{
    struct selkie_mqtt_paho *paho = *opened = calloc(1, sizeof *paho);

    if (!paho) {
        (void)snprintf(why, SELKIE_MQTT_TEXT_MAX, "%s", selkie_error_text(SELKIE_ENOMEM));
        return SELKIE_EIO;
    }
    paho->queue = queue;
    paho->event = *event;
    paho->properties = options->properties;
    paho->tls = uri->tls;
    paho->address = *address;
    (void)snprintf(paho->host, sizeof paho->host, "%s", uri->host);
    selkie_resolver_pin(&paho->pin, paho->host, &paho->address);
    int result = create(paho, uri, options);
    if (result == MQTTASYNC_SUCCESS)
        result = start(paho, options, password);
    if (result == MQTTASYNC_SUCCESS)
        return 0;
    (void)snprintf(why, SELKIE_MQTT_TEXT_MAX, "Paho: %s", MQTTAsync_strerror(result));
    selkie_mqtt_paho_close(paho);
    *opened = NULL;
    return SELKIE_EIO;
}

int selkie_mqtt_paho_keep(struct selkie_mqtt_paho **opened)
{
    const struct selkie_mqtt_uri uri = {.host = "localhost", .port = 1883};
    const struct selkie_mqtt_options options = {.id = "keeper"};

    *opened = calloc(1, sizeof **opened);
    if (*opened && create(*opened, &uri, &options) == MQTTASYNC_SUCCESS)
        return 0;
    selkie_mqtt_paho_close(*opened);
    *opened = NULL;
    return SELKIE_ENOMEM;
}

void selkie_mqtt_paho_close(struct selkie_mqtt_paho *paho)
{
    if (!paho)
        return;
    if (paho->client)
        MQTTAsync_destroy(&paho->client);
    selkie_connect_error_end(&paho->error);
    selkie_resolver_unpin(&paho->pin); /* only now: a command of Paho's that still waited would look the host up */
    free(paho);
}

bool selkie_mqtt_paho_disconnect(struct selkie_mqtt_paho *paho, bool will)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;

    options.reasonCode = will ? MQTTREASONCODE_DISCONNECT_WITH_WILL_MESSAGE : MQTTREASONCODE_NORMAL_DISCONNECTION;
    options.onSuccess5 = on_disconnected;
    options.context = paho;
    return MQTTAsync_disconnect(paho->client, &options) == MQTTASYNC_SUCCESS;
}

bool selkie_mqtt_paho_is_connected(const struct selkie_mqtt_paho *paho)
{
    return MQTTAsync_isConnected(paho->client) != 0;
}

/* Why Paho does not take a command. */
static int error_of(int result)
{
    switch (result) {
    case MQTTASYNC_DISCONNECTED:
        return SELKIE_EIO;
    case MQTTASYNC_MAX_MESSAGES_INFLIGHT:
    case MQTTASYNC_NO_MORE_MSGIDS:
    case MQTTASYNC_MAX_BUFFERED_MESSAGES:
        return SELKIE_EFULL;
    case MQTTASYNC_BAD_UTF8_STRING:
        return SELKIE_EMALFORMED;
    case PAHO_OUT_OF_MEMORY:
        return SELKIE_ENOMEM;
    default:
        return SELKIE_EINVAL;
    }
}

int selkie_mqtt_paho_subscribe(struct selkie_mqtt_paho *paho, const char *filter, int qos)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;

    options.onSuccess5 = on_subscribed;
    options.onFailure5 = on_subscribe_failed;
    options.context = paho;
    int result = MQTTAsync_subscribe(paho->client, filter, qos, &options);
    return result == MQTTASYNC_SUCCESS ? 0 : error_of(result);
}

static int add_properties(MQTTProperties *properties, const struct selkie_mqtt_message *message)
{
    int result = message->json ? add_json(properties) : 0;

    for (size_t i = 0; i < message->property_count && result == 0; i++) {
        MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY};
        property.value.data = paho_text(message->properties[i].name);
        property.value.value = paho_text(message->properties[i].value);
        result = MQTTProperties_add(properties, &property);
    }
    return result;
}

int selkie_mqtt_paho_publish(struct selkie_mqtt_paho *paho, const struct selkie_mqtt_message *message)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;

    if (message->answer) {
        options.onSuccess5 = on_published;
        options.onFailure5 = on_publish_failed;
        options.context = paho;
    }
    int result = add_properties(&options.properties, message);
    if (result == 0)
        result = MQTTAsync_send(paho->client, message->topic, (int)message->len, message->payload, message->qos,
                                message->retain, &options);
    MQTTProperties_free(&options.properties);
    return result == MQTTASYNC_SUCCESS ? options.token : error_of(result);
}
