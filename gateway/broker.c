/* SPDX-License-Identifier: Apache-2.0 */
#include "broker.h"

#include "log.h"

#include <MQTTAsync.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <selkie/topic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEEP_ALIVE_S    30
#define CONNECT_S       20
#define PASSWORD_MAX    1024
#define RECEIVE_DEFAULT 65535 /* MQTT 5, 3.2.2.3.3 */

#define ONLINE  "{\"state\":\"online\"}"
#define OFFLINE "{\"state\":\"offline\"}"

struct selkie_broker {
    struct selkie_broker_queue *queue;
    selkie_broker_handler *handler;
    void *context;
    struct connection *connection; /* NULL before the first */
    unsigned connections;          /* made so far; events of others than the last are stale */
    char up[SELKIE_TOPIC_MAX];
    char state[SELKIE_TOPIC_MAX];
    char stats[SELKIE_TOPIC_MAX];
    char receipt[SELKIE_TOPIC_MAX];
};

/* What Paho's callbacks see. It lives until Paho's client is destroyed, after which none is called. */
struct connection {
    struct selkie_broker_queue *queue;
    unsigned number;
    MQTTAsync client;
    bool tls;
    int reason;                             /* of a DISCONNECT; callbacks come one at a time, under Paho's lock */
    char tls_error[SELKIE_BROKER_TEXT_MAX]; /* the first line of what OpenSSL said */
};

/* Paho's callbacks, on its threads. */

static void tell(struct connection *connection, struct selkie_broker_event event)
{
    event.connection = connection->number;
    selkie_broker_queue_put(connection->queue, &event);
}

static void on_connected(void *context, MQTTAsync_successData5 *data)
{
    struct selkie_broker_event event = {.kind = SELKIE_BROKER_CONNECTED, .code = RECEIVE_DEFAULT};

    if (MQTTProperties_hasProperty(&data->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM))
        event.code = (int)MQTTProperties_getNumericValue(&data->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM);
    tell(context, event);
}

/* What is known of a connection that did not come about. Of a certificate with another name Paho says nothing at all.
 */
static const char *absence(const struct connection *connection, const MQTTAsync_failureData5 *data)
{
    if (connection->tls_error[0] != '\0')
        return connection->tls_error;
    if (data->message != NULL && strstr(data->message, "timeout") != NULL)
        return "no answer";
    return connection->tls ? "no connection, or its certificate is not for this host name" : "no connection";
}

/* A code above zero is the broker's own answer; below, Paho never came so far. */
static void on_connect_failed(void *context, MQTTAsync_failureData5 *data)
{
    struct connection *connection = context;
    struct selkie_broker_event event = {.kind = SELKIE_BROKER_ABSENT};

    if (data->code >= MQTTREASONCODE_UNSPECIFIED_ERROR) {
        event.kind = SELKIE_BROKER_REFUSED;
        event.code = data->code;
    }
    (void)snprintf(event.text, sizeof(event.text), "%s", absence(connection, data));
    tell(connection, event);
}

/* OpenSSL's line is "thread:error:code:library:function:reason:file:line:data". Only the reason is for people, and the
 * thread would make each line another one. */
static int on_tls_error(const char *text, size_t len, void *context)
{
    struct connection *connection = context;
    const char *reason = text;

    for (int fields = 0; fields < 5 && reason != NULL; fields++) {
        reason = strchr(reason, ':');
        if (reason != NULL)
            reason++;
    }
    if (reason == NULL)
        reason = text;
    if (connection->tls_error[0] == '\0')
        (void)snprintf(connection->tls_error, sizeof(connection->tls_error), "TLS: %.*s", (int)strcspn(reason, ":\n"),
                       reason);
    return (int)len;
}

static void on_disconnected(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    struct connection *connection = context;

    (void)properties;
    connection->reason = (int)reason;
}

static void on_lost(void *context, char *cause)
{
    struct connection *connection = context;

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

static bool hand_on(void *context, const struct selkie_broker_event *event)
{
    struct selkie_broker *broker = context;

    return event->connection != broker->connections || broker->handler(broker->context, event);
}

struct selkie_broker *selkie_broker_open(sd_event *event, selkie_broker_handler *handler, void *context)
{
    /* OpenSSL 1.1 and later wake up by themselves when they are needed; a gateway that needs no TLS stays 2 MB smaller.
     */
    MQTTAsync_init_options library = MQTTAsync_init_options_initializer;
    struct selkie_broker *broker = calloc(1, sizeof(*broker));

    if (broker == NULL) {
        selkie_log(LOG_ERR, "%s", selkie_error_text(SELKIE_ENOMEM));
        return NULL;
    }
    MQTTAsync_global_init(&library);
    broker->handler = handler;
    broker->context = context;
    broker->queue = selkie_broker_queue_open(event, hand_on, broker);
    if (broker->queue == NULL) {
        free(broker);
        return NULL;
    }
    return broker;
}

static void connection_close(struct connection *connection)
{
    if (connection == NULL)
        return;
    if (connection->client != NULL)
        MQTTAsync_destroy(&connection->client);
    free(connection);
}

void selkie_broker_close(struct selkie_broker *broker)
{
    if (broker == NULL)
        return;
    connection_close(broker->connection);
    selkie_broker_queue_close(broker->queue);
    free(broker);
}

static int make_topics(struct selkie_broker *broker, const struct selkie_config *config)
{
    const struct {
        char *text;
        enum selkie_topic_kind kind;
    } topics[] = {{broker->up, SELKIE_TOPIC_GATEWAY_UP},
                  {broker->state, SELKIE_TOPIC_GATEWAY_STATE},
                  {broker->stats, SELKIE_TOPIC_GATEWAY_STATS},
                  {broker->receipt, SELKIE_TOPIC_GATEWAY_RECEIPT}};

    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        int result = selkie_topic_gateway(topics[i].text, config->root, config->gateway, topics[i].kind);
        if (result < 0)
            return result;
    }
    return 0;
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

static struct connection *connection_open(struct selkie_broker *broker, const struct selkie_config *config,
                                          char why[static SELKIE_BROKER_TEXT_MAX])
{
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
    struct connection *connection = calloc(1, sizeof(*connection));
    char id[SELKIE_TOPIC_MAX];

    if (connection == NULL) {
        (void)snprintf(why, SELKIE_BROKER_TEXT_MAX, "%s", selkie_error_text(SELKIE_ENOMEM));
        return NULL;
    }
    options.maxBufferedMessages = SELKIE_WINDOW_MAX + 16; /* beyond the window only state and stats are sent */
    connection->queue = broker->queue;
    connection->number = ++broker->connections;
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
        connection_close(connection);
        return NULL;
    }
    return connection;
}

static int connection_start(struct selkie_broker *broker, const struct selkie_config *config,
                            char why[static SELKIE_BROKER_TEXT_MAX])
{
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    char password[PASSWORD_MAX];

    if (config->broker.password_file != NULL && read_password(config->broker.password_file, password, why) < 0)
        return SELKIE_EIO;
    will.topicName = broker->state;
    will.message = OFFLINE;
    will.qos = 1;
    will.retained = 1;
    tls.trustStore = config->broker.ca;
    tls.keyStore = config->broker.cert;
    tls.privateKey = config->broker.key;
    tls.enableServerCertAuth = 1;
    tls.verify = 1; /* the host name, too */
    tls.ssl_error_cb = on_tls_error;
    tls.ssl_error_context = broker->connection;
    options.keepAliveInterval = KEEP_ALIVE_S;
    options.connectTimeout = CONNECT_S;
    options.will = &will;
    options.ssl = config->broker.tls ? &tls : NULL;
    options.username = config->broker.username;
    options.password = config->broker.password_file != NULL ? password : NULL;
    options.onSuccess5 = on_connected;
    options.onFailure5 = on_connect_failed;
    options.context = broker->connection;
    int result = MQTTAsync_connect(broker->connection->client, &options);
    explicit_bzero(password, sizeof(password));
    if (result != MQTTASYNC_SUCCESS) {
        (void)snprintf(why, SELKIE_BROKER_TEXT_MAX, "Paho: %s", MQTTAsync_strerror(result));
        return SELKIE_EIO;
    }
    return 0;
}

int selkie_broker_connect(struct selkie_broker *broker, const struct selkie_config *config,
                          char why[static SELKIE_BROKER_TEXT_MAX])
{
    struct connection *previous = broker->connection;
    int result = make_topics(broker, config);

    if (result < 0) {
        (void)snprintf(why, SELKIE_BROKER_TEXT_MAX, "topics: %s", selkie_error_text(result));
        return SELKIE_EIO;
    }
    struct connection *connection = connection_open(broker, config, why);
    if (connection == NULL)
        return SELKIE_EIO;
    broker->connection = connection;
    /* Only now: with its last client Paho also ends its threads, and lets the caller wait for that. */
    connection_close(previous);
    return connection_start(broker, config, why);
}

bool selkie_broker_leave(struct selkie_broker *broker)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;

    if (broker->connection == NULL)
        return false;
    options.reasonCode = MQTTREASONCODE_DISCONNECT_WITH_WILL_MESSAGE;
    options.onSuccess5 = on_left;
    options.context = broker->connection;
    return MQTTAsync_disconnect(broker->connection->client, &options) == MQTTASYNC_SUCCESS;
}

int selkie_broker_subscribe_receipts(struct selkie_broker *broker)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;

    options.onSuccess5 = on_subscribed;
    options.onFailure5 = on_subscribe_failed;
    options.context = broker->connection;
    int result = MQTTAsync_subscribe(broker->connection->client, broker->receipt, 1, &options);
    return result == MQTTASYNC_SUCCESS ? 0 : SELKIE_EIO;
}

static int publish(struct selkie_broker *broker, const char *topic, const char *text, int qos, int retained)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;

    if (broker->connection == NULL)
        return SELKIE_EIO;
    int result = MQTTAsync_send(broker->connection->client, topic, (int)strlen(text), text, qos, retained, &options);
    return result == MQTTASYNC_SUCCESS ? 0 : SELKIE_EIO;
}

int selkie_broker_publish_state(struct selkie_broker *broker)
{
    return publish(broker, broker->state, ONLINE, 1, 1);
}

int selkie_broker_publish_stats(struct selkie_broker *broker, const char *json)
{
    return publish(broker, broker->stats, json, 0, 0);
}

static int add_user_property(MQTTProperties *properties, char *name, char *value)
{
    MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY};

    property.value.data.data = name;
    property.value.data.len = (int)strlen(name);
    property.value.value.data = value;
    property.value.value.len = (int)strlen(value);
    return MQTTProperties_add(properties, &property);
}

int selkie_broker_publish_frame(struct selkie_broker *broker, const struct selkie_spool_frame *frame)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    char seq[24];
    char rx[24];
    char port[SELKIE_SPOOL_PORT_MAX];
    int result = MQTTASYNC_FAILURE;

    (void)snprintf(seq, sizeof(seq), "%" PRId64, frame->seq);
    (void)snprintf(rx, sizeof(rx), "%" PRId64, frame->rx);
    memcpy(port, frame->port, sizeof(port));
    options.onSuccess5 = on_published;
    options.onFailure5 = on_publish_failed;
    options.context = broker->connection;
    if (broker->connection != NULL && add_user_property(&options.properties, "seq", seq) == 0 &&
        add_user_property(&options.properties, "rx", rx) == 0 &&
        add_user_property(&options.properties, "port", port) == 0)
        result = MQTTAsync_send(broker->connection->client, broker->up, frame->len, frame->body, 1, 0, &options);
    MQTTProperties_free(&options.properties);
    return result == MQTTASYNC_SUCCESS ? options.token : SELKIE_EIO;
}

const char *selkie_broker_reason(int code)
{
    const char *text = MQTTReasonCode_toString((enum MQTTReasonCodes)code);

    return text != NULL ? text : "no reason given";
}
