/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_paho.h"
#include "run_suite.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOKEN 7
#define MANY  12

int __wrap_MQTTAsync_createWithOptions(MQTTAsync *handle, const char *uri, const char *id, int persistence,
                                       void *context, MQTTAsync_createOptions *options);
int __wrap_MQTTAsync_setCallbacks(MQTTAsync handle, void *context, MQTTAsync_connectionLost *lost,
                                  MQTTAsync_messageArrived *message, MQTTAsync_deliveryComplete *delivered);
int __wrap_MQTTAsync_setDisconnected(MQTTAsync handle, void *context, MQTTAsync_disconnected *disconnected);
int __wrap_MQTTAsync_connect(MQTTAsync handle, const MQTTAsync_connectOptions *options);
int __wrap_MQTTAsync_disconnect(MQTTAsync handle, const MQTTAsync_disconnectOptions *options);
void __wrap_MQTTAsync_destroy(MQTTAsync *handle);
int __wrap_MQTTAsync_isConnected(MQTTAsync handle);
int __wrap_MQTTAsync_send(MQTTAsync handle, const char *topic, int len, const void *payload, int qos, int retained,
                          MQTTAsync_responseOptions *options);
int __wrap_MQTTAsync_subscribe(MQTTAsync handle, const char *topic, int qos, MQTTAsync_responseOptions *options);
void __wrap_MQTTAsync_freeMessage(MQTTAsync_message **message);
void __wrap_MQTTAsync_free(void *memory);
int __wrap_MQTTProperties_add(MQTTProperties *properties, const MQTTProperty *property);
void __wrap_MQTTProperties_free(MQTTProperties *properties);
int __wrap_selkie_resolver_start(struct selkie_resolver_lookup **started, const char *host, selkie_resolver_done *done,
                                 void *context);
void __wrap_selkie_resolver_abandon(struct selkie_resolver_lookup *lookup);
int __wrap_selkie_tls_files_check(const struct selkie_mqtt_settings *of, char why[static SELKIE_MQTT_TEXT_MAX]);

struct fake_paho fake_pahos[FAKE_PAHO_MAX];
size_t fake_paho_count, fake_paho_living;
unsigned fake_paho_expiry_s;
int fake_paho_connect_result, fake_paho_send_result;
bool fake_paho_connected = true, fake_paho_no_memory;
int64_t fake_paho_clock_us;

int __real_clock_gettime(clockid_t id, struct timespec *now);
int __wrap_clock_gettime(clockid_t id, struct timespec *now);
int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
    int result = __real_clock_gettime(id, now);
    int64_t us = (int64_t)now->tv_nsec / 1000 + (id == CLOCK_MONOTONIC ? fake_paho_clock_us : 0);

    now->tv_sec += us / 1000000;
    now->tv_nsec = us % 1000000 * 1000;
    return result;
}
MQTTAsync_responseOptions fake_paho_taken;
MQTTAsync_disconnectOptions fake_paho_leave;
struct fake_lookup fake_lookup;

static struct selkie_mqtt_queue *queue;
struct selkie_mqtt *client;
struct selkie_mqtt_settings settings;
struct selkie_mqtt_options options;
struct selkie_mqtt_event *event;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
    return fake_paho_no_memory && size > sizeof *event ? NULL : __real_malloc(size);
}

/* Of the client under test: it is there for as long as that is. */
static struct fake_paho keeper;

struct fake_paho *last(void)
{
    ck_assert_uint_gt(fake_paho_count, 0);
    return &fake_pahos[fake_paho_count - 1];
}

int __wrap_MQTTAsync_createWithOptions(MQTTAsync *handle, const char *uri, const char *id, int persistence,
                                       void *context, MQTTAsync_createOptions *create)
{
    (void)context;
    if (strcmp(id, "keeper") == 0) { /* it never connects */
        *handle = &keeper;
        return MQTTASYNC_SUCCESS;
    }
    ck_assert_str_eq(id, "me");
    ck_assert_int_eq(persistence, MQTTCLIENT_PERSISTENCE_NONE);
    ck_assert_int_eq(create->MQTTVersion, MQTTVERSION_5);
    ck_assert_uint_lt(fake_paho_count, FAKE_PAHO_MAX);
    struct fake_paho *paho = &fake_pahos[fake_paho_count++];
    (void)strncpy(paho->uri, uri, sizeof paho->uri - 1);
    *handle = paho;
    fake_paho_living++;
    return MQTTASYNC_SUCCESS;
}

int __wrap_MQTTAsync_setCallbacks(MQTTAsync handle, void *context, MQTTAsync_connectionLost *lost,
                                  MQTTAsync_messageArrived *message, MQTTAsync_deliveryComplete *delivered)
{
    struct fake_paho *paho = handle;

    (void)delivered;
    paho->context = context;
    paho->lost = lost;
    paho->message = message;
    return MQTTASYNC_SUCCESS;
}

int __wrap_MQTTAsync_setDisconnected(MQTTAsync handle, void *context, MQTTAsync_disconnected *disconnected)
{
    (void)context;
    ((struct fake_paho *)handle)->disconnected = disconnected;
    return MQTTASYNC_SUCCESS;
}

/* The address is what Paho would find: it asks getaddrinfo for the host of its URI. */
int __wrap_MQTTAsync_connect(MQTTAsync handle, const MQTTAsync_connectOptions *from)
{
    struct fake_paho *paho = handle;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    char host[64];
    const char *begin = strstr(paho->uri, "://") + 3;

    (void)snprintf(host, sizeof host, "%.*s", (int)(strrchr(begin, ':') - begin), begin);
    ck_assert_int_eq(getaddrinfo(host, NULL, &hints, &found), 0);
    ck_assert_ptr_null(found->ai_next);
    ck_assert_int_eq(
        getnameinfo(found->ai_addr, found->ai_addrlen, paho->address, sizeof paho->address, NULL, 0, NI_NUMERICHOST),
        0);
    freeaddrinfo(found);
    paho->connect = *from;
    if (from->password)
        (void)strncpy(paho->password, from->password, sizeof paho->password - 1);
    return fake_paho_connect_result;
}

int __wrap_MQTTAsync_disconnect(MQTTAsync handle, const MQTTAsync_disconnectOptions *from)
{
    (void)handle;
    fake_paho_leave = *from;
    return MQTTASYNC_SUCCESS;
}

void __wrap_MQTTAsync_destroy(MQTTAsync *handle)
{
    struct fake_paho *paho = *handle;

    ck_assert(!paho->destroyed);
    ck_assert(!keeper.destroyed);
    paho->destroyed = true;
    fake_paho_living -= paho != &keeper;
}

int __wrap_MQTTAsync_isConnected(MQTTAsync handle)
{
    (void)handle;
    return fake_paho_connected;
}

int __wrap_MQTTAsync_send(MQTTAsync handle, const char *topic, int len, const void *payload, int qos, int retained,
                          MQTTAsync_responseOptions *response)
{
    (void)handle;
    (void)topic;
    (void)len;
    (void)payload;
    (void)qos;
    (void)retained;
    response->token = TOKEN;
    fake_paho_taken = *response;
    return fake_paho_send_result;
}

int __wrap_MQTTAsync_subscribe(MQTTAsync handle, const char *topic, int qos, MQTTAsync_responseOptions *response)
{
    (void)handle;
    (void)topic;
    (void)qos;
    fake_paho_taken = *response;
    return MQTTASYNC_SUCCESS;
}

void __wrap_MQTTAsync_freeMessage(MQTTAsync_message **message)
{
    *message = NULL;
}

void __wrap_MQTTAsync_free(void *memory)
{
    (void)memory;
}

/* Without a client of its own, Paho never frees the list of its allocations. */
int __wrap_MQTTProperties_add(MQTTProperties *properties, const MQTTProperty *property)
{
    (void)properties;
    if (property->identifier == MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE ||
        property->identifier == MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR ||
        property->identifier == MQTTPROPERTY_CODE_CONTENT_TYPE)
        return 0;
    ck_assert_int_eq(property->identifier, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL);
    fake_paho_expiry_s = property->value.integer4;
    return 0;
}

void __wrap_MQTTProperties_free(MQTTProperties *properties)
{
    (void)properties;
}

int __wrap_selkie_tls_files_check(const struct selkie_mqtt_settings *of, char why[static SELKIE_MQTT_TEXT_MAX])
{
    (void)of;
    why[0] = '\0';
    return 0;
}

int __wrap_selkie_resolver_start(struct selkie_resolver_lookup **started, const char *host, selkie_resolver_done *done,
                                 void *context)
{
    *started = NULL;
    if (fake_lookup.result < 0)
        return fake_lookup.result;
    ck_assert_ptr_null((void *)(uintptr_t)fake_lookup.done);
    fake_lookup.done = done;
    fake_lookup.context = context;
    (void)strncpy(fake_lookup.host, host, sizeof fake_lookup.host - 1);
    *started = (struct selkie_resolver_lookup *)&fake_lookup;
    return 0;
}

void __wrap_selkie_resolver_abandon(struct selkie_resolver_lookup *abandoned)
{
    if (abandoned)
        fake_lookup.done = NULL;
}

void setup(void)
{
    const struct selkie_mqtt_limits limits = {.messages = 10, .message_bytes = 1000};

    selkie_mqtt_settings_init(&settings, 1);
    options = (struct selkie_mqtt_options){.settings = &settings, .id = "me"};
    ck_assert_int_eq(selkie_mqtt_queue_open(&queue, limits), 0);
    ck_assert_int_eq(selkie_mqtt_open(&client, queue, &options), 0);
}

void teardown(void)
{
    free(event);
    selkie_mqtt_close(client);
    selkie_mqtt_queue_close(queue);
    ck_assert_uint_eq(fake_paho_living, 0);
}

void connect_to(const char *uris)
{
    char why[SELKIE_MQTT_TEXT_MAX];

    settings.uri_count = 0;
    settings.name[0] = '\0';
    ck_assert_ptr_null(selkie_mqtt_settings_add_uris(&settings, uris));
    ck_assert_int_eq(selkie_mqtt_connect(client, &options, why), 0);
}

/* One turn of the loop, for which it is woken in this time, and which has no event for the owner. */
void turn(int patience_ms)
{
    struct pollfd fd = {.fd = selkie_mqtt_queue_fd(queue), .events = POLLIN};

    ck_assert_int_eq(poll(&fd, 1, patience_ms), 1);
    ck_assert_ptr_null(selkie_mqtt_take(queue));
}

/* The next event, for which the loop is woken in this time. */
bool next_event(int patience_ms)
{
    struct pollfd fd = {.fd = selkie_mqtt_queue_fd(queue), .events = POLLIN};

    free(event);
    event = NULL;
    while (!event && poll(&fd, 1, patience_ms) == 1)
        event = selkie_mqtt_take(queue);
    return event != NULL;
}

void expect(enum selkie_mqtt_event_kind kind)
{
    ck_assert(next_event(60000));
    ck_assert_int_eq(event->kind, kind);
    ck_assert_ptr_eq(event->client, client);
    ck_assert_ptr_eq(event->context, &options);
}

void expect_nothing(void)
{
    ck_assert(!next_event(0));
}

/* The name server's answer: addresses with spaces between. */
void resolve(const char *host, const char *addresses)
{
    struct selkie_resolver_addresses found = {0};
    char text[200], *rest = text;

    ck_assert_str_eq(fake_lookup.host, host);
    (void)strncpy(text, addresses, sizeof text - 1);
    for (char *one; (one = strsep(&rest, " ")) && one[0] != '\0';) {
        struct selkie_resolver_addresses numeric;
        ck_assert(selkie_resolver_numeric(&numeric, one));
        found.list[found.count++] = numeric.list[0];
    }
    fake_lookup.done(fake_lookup.context, &found);
    turn(0);
}

void expect_attempt(size_t count, const char *uri, const char *address)
{
    ck_assert_uint_eq(fake_paho_count, count);
    ck_assert_str_eq(last()->uri, uri);
    ck_assert_str_eq(last()->address, address);
    ck_assert_uint_eq(fake_paho_living, 1);
}

/* Paho's reports about an attempt. */
void report_failure(struct fake_paho *paho, int code, const char *message)
{
    MQTTAsync_failureData5 data = MQTTAsync_failureData5_initializer;

    data.code = code;
    data.message = message;
    paho->connect.onFailure5(paho->context, &data);
}

void report_success(struct fake_paho *paho)
{
    MQTTAsync_successData5 data = MQTTAsync_successData5_initializer;

    paho->connect.onSuccess5(paho->context, &data);
}

void connect_one(void)
{
    connect_to("mqtt://127.0.0.1:1");
    report_success(last());
    expect(SELKIE_MQTT_CONNECTED);
}
