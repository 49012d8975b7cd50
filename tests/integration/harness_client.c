/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "harness.h"

#include <MQTTAsync.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Paho's thread polls for a second at a time, does not notice meanwhile that a socket has been added, and sleeps for a
 * tenth of a second after each poll that found nothing: a second client would take two seconds to connect, and a
 * message may lie for long. These two stand in front of libc's functions and are short for that thread (all but the
 * test's own) only. */
static bool is_pahos(void)
{
    return syscall(SYS_gettid) != getpid();
}

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    int wait_ms = timeout_ms > 10 && is_pahos() ? 10 : timeout_ms;
    struct timespec wait = {.tv_sec = wait_ms / 1000, .tv_nsec = (long)(wait_ms % 1000) * 1000000};

    return ppoll(fds, count, wait_ms < 0 ? NULL : &wait, NULL);
}

int usleep(useconds_t us)
{
    long wait_us = us > 100 && is_pahos() ? 100 : (long)us;
    struct timespec wait = {.tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000};

    return nanosleep(&wait, NULL);
}

struct queued {
    struct harness_message message; /* first, so that a message is its queue entry */
    struct queued *next;
};

/* Paho calls back on its own thread; what it tells is put here under the lock, and the condition rung. */
struct harness_client {
    MQTTAsync handle;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool connected;
    struct queued *first, **last;
};

/* One request under way: where a callback leaves its result. Counted, since a request that was given up may be answered
 * later. */
struct request {
    struct harness_client *client;
    atomic_int holders;
    bool done;
    int reason;
};

static struct request *request_new(struct harness_client *client)
{
    struct request *request = calloc(1, sizeof *request);

    ck_assert_ptr_nonnull(request);
    request->client = client;
    atomic_init(&request->holders, 2);
    return request;
}

static void request_drop(struct request *request)
{
    if (atomic_fetch_sub(&request->holders, 1) == 1)
        free(request);
}

static void request_finish(struct request *request, int reason)
{
    struct harness_client *client = request->client;

    pthread_mutex_lock(&client->lock);
    request->done = true;
    request->reason = reason;
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
    request_drop(request);
}

static struct timespec deadline(int patience_ms)
{
    struct timespec limit;

    (void)clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_sec += patience_ms / 1000;
    limit.tv_nsec += (long)(patience_ms % 1000) * 1000000;
    if (limit.tv_nsec >= 1000000000) {
        limit.tv_sec++;
        limit.tv_nsec -= 1000000000;
    }
    return limit;
}

/* Returns the reason code, or -1 where the connection went away or patience ran out. */
static int request_wait(struct request *request, bool needs_connection)
{
    struct harness_client *client = request->client;
    struct timespec limit = deadline(HARNESS_PATIENCE);
    int late = 0;

    pthread_mutex_lock(&client->lock);
    while (!request->done && late == 0 && (client->connected || !needs_connection))
        late = pthread_cond_timedwait(&client->changed, &client->lock, &limit);
    int reason = request->done ? request->reason : -1;
    pthread_mutex_unlock(&client->lock);
    request_drop(request);
    ck_assert_msg(late == 0, "no answer from the broker");
    return reason;
}

static void on_success(void *context, MQTTAsync_successData5 *data)
{
    request_finish(context, data != NULL ? (int)data->reasonCode : 0);
}

/* Here and not by the caller, so that a connection which is lost at once stays lost. */
static void on_connected(void *context, MQTTAsync_successData5 *data)
{
    struct request *request = context;

    pthread_mutex_lock(&request->client->lock);
    request->client->connected = true;
    pthread_mutex_unlock(&request->client->lock);
    on_success(context, data);
}

static void on_failure(void *context, MQTTAsync_failureData5 *data)
{
    /* A refused connection has the broker's reason code in the other field. Without one the failure is Paho's own. */
    int reason = data == NULL ? -1 : data->reasonCode > 0 ? (int)data->reasonCode : data->code;

    request_finish(context, reason > 0 ? reason : -1);
}

static void on_connection_lost(void *context, char *cause)
{
    struct harness_client *client = context;

    (void)cause;
    pthread_mutex_lock(&client->lock);
    client->connected = false;
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
}

/* The broker said goodbye with a DISCONNECT of its own. */
static void on_disconnected(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    (void)properties;
    (void)reason;
    on_connection_lost(context, NULL);
}

static void copy_properties(struct harness_message *message, const MQTTProperties *properties)
{
    message->format = -1;
    for (int i = 0; i < properties->count && message->property_count < 8; i++) {
        const MQTTProperty *property = &properties->array[i];
        if (property->identifier == MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR)
            message->format = property->value.byte;
        if (property->identifier == MQTTPROPERTY_CODE_CONTENT_TYPE)
            (void)snprintf(message->content_type, sizeof message->content_type, "%.*s", property->value.data.len,
                           property->value.data.data);
        if (property->identifier != MQTTPROPERTY_CODE_USER_PROPERTY)
            continue;
        unsigned n = message->property_count++;
        (void)snprintf(message->properties[n].name, sizeof message->properties[n].name, "%.*s",
                       property->value.data.len, property->value.data.data);
        (void)snprintf(message->properties[n].value, sizeof message->properties[n].value, "%.*s",
                       property->value.value.len, property->value.value.data);
    }
}

static int on_message(void *context, char *topic, int topic_len, MQTTAsync_message *arrived)
{
    struct harness_client *client = context;
    struct queued *entry = calloc(1, sizeof *entry);
    size_t len = (size_t)arrived->payloadlen;

    if (entry == NULL || (entry->message.payload = calloc(1, len + 1)) == NULL)
        abort();
    (void)snprintf(entry->message.topic, sizeof entry->message.topic, "%.*s", topic_len > 0 ? topic_len : 255, topic);
    memcpy(entry->message.payload, arrived->payload, len);
    entry->message.len = len;
    entry->message.qos = arrived->qos;
    entry->message.retained = arrived->retained != 0;
    copy_properties(&entry->message, &arrived->properties);
    MQTTAsync_freeMessage(&arrived);
    MQTTAsync_free(topic);

    pthread_mutex_lock(&client->lock);
    *client->last = entry;
    client->last = &entry->next;
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
    return 1;
}

static struct harness_client *client_new(const struct harness_broker *broker,
                                         const struct harness_client_options *options)
{
    static atomic_int number;
    struct harness_client *client = calloc(1, sizeof *client);
    MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer5;
    char uri[64], id[48];
    pthread_condattr_t attributes;

    ck_assert_ptr_nonnull(client);
    create.maxBufferedMessages = 100000; /* for those who do not wait */
    client->last = &client->first;
    pthread_mutex_init(&client->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&client->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    (void)snprintf(uri, sizeof uri, "%s://localhost:%d", options->ca != NULL ? "ssl" : "tcp",
                   options->port != 0 ? options->port : broker->port);
    (void)snprintf(id, sizeof id, "test-%d-%d", (int)getpid(), atomic_fetch_add(&number, 1));
    ck_assert_int_eq(MQTTAsync_createWithOptions(&client->handle, uri, options->id != NULL ? options->id : id,
                                                 MQTTCLIENT_PERSISTENCE_NONE, NULL, &create),
                     MQTTASYNC_SUCCESS);
    ck_assert_int_eq(MQTTAsync_setCallbacks(client->handle, client, on_connection_lost, on_message, NULL),
                     MQTTASYNC_SUCCESS);
    ck_assert_int_eq(MQTTAsync_setDisconnected(client->handle, client, on_disconnected), MQTTASYNC_SUCCESS);
    return client;
}

static void client_free(struct harness_client *client)
{
    MQTTAsync_destroy(&client->handle);
    while (client->first != NULL) {
        struct queued *entry = client->first;
        client->first = entry->next;
        harness_message_free(&entry->message);
    }
    pthread_cond_destroy(&client->changed);
    pthread_mutex_destroy(&client->lock);
    free(client);
}

struct harness_client *harness_connect_try(const struct harness_broker *broker,
                                           const struct harness_client_options *options, int *reason)
{
    static const struct harness_client_options none;
    MQTTAsync_connectOptions connect = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTAsync_SSLOptions ssl = MQTTAsync_SSLOptions_initializer;
    MQTTProperties properties = MQTTProperties_initializer;

    if (options == NULL)
        options = &none;
    struct harness_client *client = client_new(broker, options);
    struct request *request = request_new(client);
    connect.cleanstart = options->keep_session ? 0 : 1;
    if (options->keep_session) {
        MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, .value.integer4 = UINT32_MAX};
        ck_assert_int_eq(MQTTProperties_add(&properties, &expiry), 0);
        connect.connectProperties = &properties;
    }
    connect.username = options->username;
    connect.password = options->password;
    if (options->will_topic != NULL) {
        will.topicName = options->will_topic;
        will.message = options->will_payload;
        will.retained = options->will_retain;
        connect.will = &will;
    }
    if (options->ca != NULL) {
        ssl.trustStore = options->ca;
        ssl.keyStore = options->cert;
        ssl.privateKey = options->key;
        ssl.verify = 1;
        connect.ssl = &ssl;
    }
    connect.maxInflight = 1000;
    connect.onSuccess5 = on_connected;
    connect.onFailure5 = on_failure;
    connect.context = request;
    ck_assert_int_eq(MQTTAsync_connect(client->handle, &connect), MQTTASYNC_SUCCESS);
    int result = request_wait(request, false);
    MQTTProperties_free(&properties);
    if (result != 0) {
        client_free(client);
        *reason = result;
        return NULL;
    }
    return client;
}

struct harness_client *harness_connect(const struct harness_broker *broker,
                                       const struct harness_client_options *options)
{
    int reason = 0;
    struct harness_client *client = harness_connect_try(broker, options, &reason);

    ck_assert_msg(client != NULL, "the broker refuses the connection: %d", reason);
    return client;
}

/* Paho calls back neither way where the connection is lost before it comes to the request: the request is held until
 * the client is gone, and no callback can come any more. */
static void disconnect(struct harness_client *client, enum MQTTReasonCodes reason)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;
    struct request *request = request_new(client);

    atomic_fetch_add(&request->holders, 1);
    options.reasonCode = reason;
    options.onSuccess5 = on_success;
    options.onFailure5 = on_failure;
    options.context = request;
    options.timeout = 2000;
    if (MQTTAsync_isConnected(client->handle) && MQTTAsync_disconnect(client->handle, &options) == MQTTASYNC_SUCCESS)
        (void)request_wait(request, true);
    client_free(client);
    free(request);
}

void harness_disconnect(struct harness_client *client)
{
    if (client != NULL)
        disconnect(client, MQTTREASONCODE_NORMAL_DISCONNECTION);
}

void harness_drop(struct harness_client *client)
{
    disconnect(client, MQTTREASONCODE_DISCONNECT_WITH_WILL_MESSAGE);
}

bool harness_connected(struct harness_client *client)
{
    pthread_mutex_lock(&client->lock);
    bool connected = client->connected;
    pthread_mutex_unlock(&client->lock);
    return connected;
}

int harness_subscribe(struct harness_client *client, const char *filter, int qos)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    struct request *request = request_new(client);

    options.onSuccess5 = on_success;
    options.onFailure5 = on_failure;
    options.context = request;
    ck_assert_int_eq(MQTTAsync_subscribe(client->handle, filter, qos, &options), MQTTASYNC_SUCCESS);
    return request_wait(request, true);
}

static int publish(struct harness_client *client, const char *topic, const void *payload, size_t len, int qos,
                   bool retain, const struct harness_property properties[], MQTTAsync_responseOptions *options)
{
    MQTTAsync_message message = MQTTAsync_message_initializer;

    message.payload = (void *)(uintptr_t)payload;
    message.payloadlen = (int)len;
    message.qos = qos;
    message.retained = retain;
    for (; properties != NULL && properties->name != NULL; properties++) {
        MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY};
        property.value.data.data = (char *)(uintptr_t)properties->name;
        property.value.data.len = (int)strlen(properties->name);
        property.value.value.data = (char *)(uintptr_t)properties->value;
        property.value.value.len = (int)strlen(properties->value);
        ck_assert_int_eq(MQTTProperties_add(&message.properties, &property), 0);
    }
    int result = MQTTAsync_sendMessage(client->handle, topic, &message, options);
    MQTTProperties_free(&message.properties);
    return result;
}

int harness_publish(struct harness_client *client, const char *topic, const void *payload, size_t len, int qos,
                    bool retain, const struct harness_property properties[])
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    struct request *request = request_new(client);

    options.onSuccess5 = on_success;
    options.onFailure5 = on_failure;
    options.context = request;
    if (publish(client, topic, payload, len, qos, retain, properties, &options) != MQTTASYNC_SUCCESS) {
        request_drop(request);
        request_drop(request);
        return -1;
    }
    return request_wait(request, true);
}

void harness_publish_async(struct harness_client *client, const char *topic, const void *payload, size_t len, int qos,
                           const struct harness_property properties[])
{
    MQTTAsync_responseOptions options =
        MQTTAsync_responseOptions_initializer; /* without it Paho drops the properties */

    ck_assert_int_eq(publish(client, topic, payload, len, qos, false, properties, &options), MQTTASYNC_SUCCESS);
}

/* Take the first message with this prefix out of the queue; NULL where there is none. Under the lock. */
static struct harness_message *unqueue(struct harness_client *client, const char *prefix)
{
    for (struct queued **link = &client->first; *link != NULL; link = &(*link)->next) {
        struct queued *entry = *link;
        if (prefix != NULL && strncmp(entry->message.topic, prefix, strlen(prefix)) != 0)
            continue;
        *link = entry->next;
        if (entry->next == NULL)
            client->last = link;
        return &entry->message;
    }
    return NULL;
}

struct harness_message *harness_receive_try(struct harness_client *client, const char *prefix, int patience_ms)
{
    struct timespec limit = deadline(patience_ms);
    struct harness_message *message;
    int late = 0;

    pthread_mutex_lock(&client->lock);
    while ((message = unqueue(client, prefix)) == NULL && late == 0)
        late = pthread_cond_timedwait(&client->changed, &client->lock, &limit);
    pthread_mutex_unlock(&client->lock);
    return message;
}

struct harness_message *harness_receive(struct harness_client *client, const char *prefix)
{
    struct harness_message *message = harness_receive_try(client, prefix, HARNESS_PATIENCE);

    ck_assert_msg(message != NULL, "no message on %s…", prefix != NULL ? prefix : "");
    return message;
}

const char *harness_message_property(const struct harness_message *message, const char *name)
{
    for (unsigned i = 0; i < message->property_count; i++) {
        if (strcmp(message->properties[i].name, name) == 0)
            return message->properties[i].value;
    }
    return NULL;
}

void harness_message_free(struct harness_message *message)
{
    if (message == NULL)
        return;
    free(message->payload);
    free(message); /* the queue entry it is the first member of */
}
