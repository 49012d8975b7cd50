/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"

#include "absence.h"

#include <MQTTAsync.h>
#include <errno.h>
#include <fcntl.h>
#include <selkie/topic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEEP_ALIVE_S    30
#define CONNECT_S       20
#define PASSWORD_MAX    1024
#define RECEIVE_DEFAULT 65535 /* MQTT 5, 3.2.2.3.3 */

#define OFFLINE "{\"state\":\"offline\"}"

/* What Paho's callbacks see. It lives until Paho's client is destroyed, after which none is called. */
struct selkie_connection {
    struct selkie_broker_queue *queue;
    unsigned number;
    MQTTAsync client;
    bool tls;
    int reason; /* of a DISCONNECT; callbacks come one at a time, under Paho's lock */
};

/* Paho's callbacks, on its threads. */

static void tell(struct selkie_connection *connection, struct selkie_broker_event event)
{
    event.connection = connection->number;
    selkie_broker_queue_put(connection->queue, &event);
}

static void on_connected(void *context, MQTTAsync_successData5 *data)
{
    struct selkie_broker_event event = {.kind = SELKIE_BROKER_CONNECTED, .code = RECEIVE_DEFAULT};

    selkie_absence_over();
    if (MQTTProperties_hasProperty(&data->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM))
        event.code = (int)MQTTProperties_getNumericValue(&data->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM);
    tell(context, event);
}

/* A code above zero is the broker's own answer; below, Paho never came so far. */
static void on_connect_failed(void *context, MQTTAsync_failureData5 *data)
{
    struct selkie_connection *connection = context;
    struct selkie_broker_event event = {.kind = SELKIE_BROKER_ABSENT};

    if (data->code >= MQTTREASONCODE_UNSPECIFIED_ERROR) {
        event.kind = SELKIE_BROKER_REFUSED;
        event.code = data->code;
    }
    selkie_absence_tell(event.text, data->message, connection->tls);
    tell(connection, event);
}

static void on_disconnected(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    struct selkie_connection *connection = context;

    (void)properties;
    connection->reason = (int)reason;
}

static void on_lost(void *context, char *cause)
{
    struct selkie_connection *connection = context;

    (void)cause; /* Paho never has one */
    tell(connection, (struct selkie_broker_event){.kind = SELKIE_BROKER_LOST, .code = connection->reason});
}

static void on_left(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    tell(context, (struct selkie_broker_event){.kind = SELKIE_BROKER_GONE});
}

static void on_subscribed(void *context, MQTTAsync_successData5 *data)
{
    tell(context, (struct selkie_broker_event){.kind = SELKIE_BROKER_SUBSCRIBED, .code = (int)data->reasonCode});
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
        tell(context, (struct selkie_broker_event){.kind = SELKIE_BROKER_SUBSCRIBED, .code = (int)data->reasonCode});
}

static void on_published(void *context, MQTTAsync_successData5 *data)
{
    tell(context, (struct selkie_broker_event){.kind = SELKIE_BROKER_PUBLISHED, .token = data->token});
}

static void on_publish_failed(void *context, MQTTAsync_failureData5 *data)
{
    if (is_refusal(data))
        tell(context, (struct selkie_broker_event){
                          .kind = SELKIE_BROKER_PUBLISHED, .token = data->token, .code = (int)data->reasonCode});
}

static int on_message(void *context, char *topic, int topic_len, MQTTAsync_message *message)
{
    (void)topic_len;
    tell(context, (struct selkie_broker_event){
                      .kind = SELKIE_BROKER_MESSAGE, .payload = message->payload, .len = (size_t)message->payloadlen});
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

/* The loop's side. */

void selkie_connection_close(struct selkie_connection *connection)
{
    if (connection == NULL)
        return;
    if (connection->client != NULL)
        MQTTAsync_destroy(&connection->client);
    free(connection);
}

/* The first line of the file. */
static int read_password(const char *path, char password[static PASSWORD_MAX], char why[static SELKIE_BROKER_TEXT_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, password, PASSWORD_MAX - 1);

    if (len < 0)
        (void)snprintf(why, SELKIE_BROKER_TEXT_MAX, "password_file %s: %s", path, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    if (len < 0)
        return SELKIE_EIO;
    password[len] = '\0';
    password[strcspn(password, "\r\n")] = '\0';
    return 0;
}

struct selkie_connection *selkie_connection_open(struct selkie_broker_queue *queue, unsigned number,
                                                 const struct selkie_config *config,
                                                 char why[static SELKIE_BROKER_TEXT_MAX])
{
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
    struct selkie_connection *connection = calloc(1, sizeof(*connection));
    char id[SELKIE_TOPIC_MAX];

    if (connection == NULL) {
        (void)snprintf(why, SELKIE_BROKER_TEXT_MAX, "%s", selkie_error_text(SELKIE_ENOMEM));
        return NULL;
    }
    options.maxBufferedMessages = SELKIE_WINDOW_MAX + 16; /* beyond the window only state and stats are sent */
    connection->queue = queue;
    connection->number = number;
    connection->tls = config->broker.tls;
    (void)snprintf(id, sizeof(id), "%s-gateway-%s", config->root, config->gateway);
    int result = MQTTAsync_createWithOptions(&connection->client, config->broker.uri, id, MQTTCLIENT_PERSISTENCE_NONE,
                                             NULL, &options);
    if (result == MQTTASYNC_SUCCESS)
        result = MQTTAsync_setCallbacks(connection->client, connection, on_lost, on_message, NULL);
    if (result == MQTTASYNC_SUCCESS)
        result = MQTTAsync_setDisconnected(connection->client, connection, on_disconnected);
    if (result != MQTTASYNC_SUCCESS) {
        (void)snprintf(why, SELKIE_BROKER_TEXT_MAX, "Paho: %s", MQTTAsync_strerror(result));
        selkie_connection_close(connection);
        return NULL;
    }
    return connection;
}

int selkie_connection_start(struct selkie_connection *connection, const struct selkie_config *config,
                            const char *state_topic, char why[static SELKIE_BROKER_TEXT_MAX])
{
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    char password[PASSWORD_MAX];

    if (config->broker.password_file != NULL && read_password(config->broker.password_file, password, why) < 0)
        return SELKIE_EIO;
    will.topicName = state_topic;
    will.message = OFFLINE;
    will.qos = 1;
    will.retained = 1;
    tls.trustStore = config->broker.ca;
    tls.keyStore = config->broker.cert;
    tls.privateKey = config->broker.key;
    tls.enableServerCertAuth = 1;
    tls.verify = 1; /* the host name, too */
    tls.ssl_error_cb = selkie_absence_on_tls_error;
    options.keepAliveInterval = KEEP_ALIVE_S;
    options.connectTimeout = CONNECT_S;
    options.will = &will;
    options.ssl = config->broker.tls ? &tls : NULL;
    options.username = config->broker.username;
    options.password = config->broker.password_file != NULL ? password : NULL;
    options.onSuccess5 = on_connected;
    options.onFailure5 = on_connect_failed;
    options.context = connection;
    selkie_absence_listen();
    int result = MQTTAsync_connect(connection->client, &options);
    explicit_bzero(password, sizeof(password));
    if (result != MQTTASYNC_SUCCESS) {
        (void)snprintf(why, SELKIE_BROKER_TEXT_MAX, "Paho: %s", MQTTAsync_strerror(result));
        return SELKIE_EIO;
    }
    return 0;
}

bool selkie_connection_leave(struct selkie_connection *connection)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;

    options.reasonCode = MQTTREASONCODE_DISCONNECT_WITH_WILL_MESSAGE;
    options.onSuccess5 = on_left;
    options.context = connection;
    return MQTTAsync_disconnect(connection->client, &options) == MQTTASYNC_SUCCESS;
}

int selkie_connection_subscribe(struct selkie_connection *connection, const char *topic)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;

    options.onSuccess5 = on_subscribed;
    options.onFailure5 = on_subscribe_failed;
    options.context = connection;
    return MQTTAsync_subscribe(connection->client, topic, 1, &options) == MQTTASYNC_SUCCESS ? 0 : SELKIE_EIO;
}

int selkie_connection_publish(struct selkie_connection *connection, const char *topic, const char *text, int qos,
                              bool retained)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;

    int result = MQTTAsync_send(connection->client, topic, (int)strlen(text), text, qos, retained, &options);
    return result == MQTTASYNC_SUCCESS ? 0 : SELKIE_EIO;
}

static int add_property(MQTTProperties *properties, const struct selkie_connection_property *user)
{
    MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY};

    property.value.data.data = user->name;
    property.value.data.len = (int)strlen(user->name);
    property.value.value.data = user->value;
    property.value.value.len = (int)strlen(user->value);
    return MQTTProperties_add(properties, &property);
}

int selkie_connection_send(struct selkie_connection *connection, const char *topic, const void *payload, size_t len,
                           const struct selkie_connection_property *properties, size_t count)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    int result = 0;

    options.onSuccess5 = on_published;
    options.onFailure5 = on_publish_failed;
    options.context = connection;
    for (size_t i = 0; i < count && result == 0; i++)
        result = add_property(&options.properties, &properties[i]);
    if (result == 0)
        result = MQTTAsync_send(connection->client, topic, (int)len, payload, 1, 0, &options);
    MQTTProperties_free(&options.properties);
    return result == MQTTASYNC_SUCCESS ? options.token : SELKIE_EIO;
}

bool selkie_connection_is_tls(const struct selkie_connection *connection)
{
    return connection->tls;
}
