/* SPDX-License-Identifier: Apache-2.0 */
/* How an attempt goes through URIs and addresses, and what of Paho's reports reaches the owner. Paho and the resolver
 * are wrapped at link time; the test plays their parts. */
#include "mqtt_client.h"
#include "resolver.h"
#include "run_suite.h"

#include <MQTTAsync.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* Paho's clients, one for each attempt, and what each was told. */
static struct paho {
    char uri[64], address[SELKIE_RESOLVER_TEXT_MAX];
    void *context;
    MQTTAsync_connectionLost *lost;
    MQTTAsync_messageArrived *message;
    MQTTAsync_disconnected *disconnected;
    MQTTAsync_connectOptions connect;
    char password[32];
    bool destroyed;
} pahos[MANY];
static size_t paho_count, living;
static unsigned expiry_s; /* of the session */
static int connect_result;
static MQTTAsync_responseOptions taken; /* of the last command */
static MQTTAsync_disconnectOptions leave;

static struct {
    selkie_resolver_done *done;
    void *context;
    char host[64];
} lookup; /* under way; NULL done: none */

static struct selkie_mqtt_queue *queue;
static struct selkie_mqtt *client;
static struct selkie_mqtt_settings settings;
static struct selkie_mqtt_options options;
static struct selkie_mqtt_event *event; /* the last one taken */

static struct paho *last(void)
{
    ck_assert_uint_gt(paho_count, 0);
    return &pahos[paho_count - 1];
}

int __wrap_MQTTAsync_createWithOptions(MQTTAsync *handle, const char *uri, const char *id, int persistence,
                                       void *context, MQTTAsync_createOptions *create)
{
    (void)context;
    ck_assert_str_eq(id, "me");
    ck_assert_int_eq(persistence, MQTTCLIENT_PERSISTENCE_NONE);
    ck_assert_int_eq(create->MQTTVersion, MQTTVERSION_5);
    ck_assert_uint_lt(paho_count, MANY);
    struct paho *paho = &pahos[paho_count++];
    (void)strncpy(paho->uri, uri, sizeof paho->uri - 1);
    *handle = paho;
    living++;
    return MQTTASYNC_SUCCESS;
}

int __wrap_MQTTAsync_setCallbacks(MQTTAsync handle, void *context, MQTTAsync_connectionLost *lost,
                                  MQTTAsync_messageArrived *message, MQTTAsync_deliveryComplete *delivered)
{
    struct paho *paho = handle;

    (void)delivered;
    paho->context = context;
    paho->lost = lost;
    paho->message = message;
    return MQTTASYNC_SUCCESS;
}

int __wrap_MQTTAsync_setDisconnected(MQTTAsync handle, void *context, MQTTAsync_disconnected *disconnected)
{
    (void)context;
    ((struct paho *)handle)->disconnected = disconnected;
    return MQTTASYNC_SUCCESS;
}

/* The address is what Paho would find: it asks getaddrinfo for the host of its URI. */
int __wrap_MQTTAsync_connect(MQTTAsync handle, const MQTTAsync_connectOptions *from)
{
    struct paho *paho = handle;
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
    return connect_result;
}

int __wrap_MQTTAsync_disconnect(MQTTAsync handle, const MQTTAsync_disconnectOptions *from)
{
    (void)handle;
    leave = *from;
    return MQTTASYNC_SUCCESS;
}

void __wrap_MQTTAsync_destroy(MQTTAsync *handle)
{
    struct paho *paho = *handle;

    ck_assert(!paho->destroyed);
    paho->destroyed = true;
    living--;
}

int __wrap_MQTTAsync_isConnected(MQTTAsync handle)
{
    (void)handle;
    return 1;
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
    taken = *response;
    return MQTTASYNC_SUCCESS;
}

int __wrap_MQTTAsync_subscribe(MQTTAsync handle, const char *topic, int qos, MQTTAsync_responseOptions *response)
{
    (void)handle;
    (void)topic;
    (void)qos;
    taken = *response;
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
    ck_assert_int_eq(property->identifier, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL);
    expiry_s = property->value.integer4;
    return 0;
}

void __wrap_MQTTProperties_free(MQTTProperties *properties)
{
    (void)properties;
}

int __wrap_selkie_resolver_start(struct selkie_resolver_lookup **started, const char *host, selkie_resolver_done *done,
                                 void *context)
{
    ck_assert_ptr_null((void *)(uintptr_t)lookup.done);
    lookup.done = done;
    lookup.context = context;
    (void)strncpy(lookup.host, host, sizeof lookup.host - 1);
    *started = (struct selkie_resolver_lookup *)&lookup;
    return 0;
}

void __wrap_selkie_resolver_abandon(struct selkie_resolver_lookup *abandoned)
{
    if (abandoned)
        lookup.done = NULL;
}

static void setup(void)
{
    const struct selkie_mqtt_limits limits = {.messages = 10, .message_bytes = 1000};

    selkie_mqtt_settings_init(&settings, 1);
    options = (struct selkie_mqtt_options){.settings = &settings, .id = "me"};
    ck_assert_int_eq(selkie_mqtt_queue_open(&queue, limits), 0);
    ck_assert_int_eq(selkie_mqtt_open(&client, queue, &options), 0);
}

static void teardown(void)
{
    free(event);
    selkie_mqtt_close(client);
    selkie_mqtt_queue_close(queue);
    ck_assert_uint_eq(living, 0);
}

static void connect_to(const char *uris)
{
    char why[SELKIE_MQTT_TEXT_MAX];

    settings.uri_count = 0;
    settings.name[0] = '\0';
    ck_assert_ptr_null(selkie_mqtt_settings_add_uris(&settings, uris));
    ck_assert_int_eq(selkie_mqtt_connect(client, &options, why), 0);
}

/* One turn of the loop, for which it is woken in this time, and which has no event for the owner. */
static void turn(int patience_ms)
{
    struct pollfd fd = {.fd = selkie_mqtt_queue_fd(queue), .events = POLLIN};

    ck_assert_int_eq(poll(&fd, 1, patience_ms), 1);
    ck_assert_ptr_null(selkie_mqtt_take(queue));
}

/* The next event, for which the loop is woken in this time. */
static bool next_event(int patience_ms)
{
    struct pollfd fd = {.fd = selkie_mqtt_queue_fd(queue), .events = POLLIN};

    free(event);
    event = NULL;
    while (!event && poll(&fd, 1, patience_ms) == 1)
        event = selkie_mqtt_take(queue);
    return event != NULL;
}

static void expect(enum selkie_mqtt_event_kind kind)
{
    ck_assert(next_event(60000));
    ck_assert_int_eq(event->kind, kind);
    ck_assert_ptr_eq(event->client, client);
    ck_assert_ptr_eq(event->context, &options);
}

static void expect_nothing(void)
{
    ck_assert(!next_event(0));
}

/* The name server's answer: addresses with spaces between. */
static void resolve(const char *host, const char *addresses)
{
    struct selkie_resolver_addresses found = {0};
    char text[200], *rest = text;

    ck_assert_str_eq(lookup.host, host);
    (void)strncpy(text, addresses, sizeof text - 1);
    for (char *one; (one = strsep(&rest, " ")) && one[0] != '\0';) {
        struct selkie_resolver_addresses numeric;
        ck_assert(selkie_resolver_numeric(&numeric, one));
        found.list[found.count++] = numeric.list[0];
    }
    lookup.done(lookup.context, &found);
    turn(0);
}

static void expect_attempt(size_t count, const char *uri, const char *address)
{
    ck_assert_uint_eq(paho_count, count);
    ck_assert_str_eq(last()->uri, uri);
    ck_assert_str_eq(last()->address, address);
    ck_assert_uint_eq(living, 1);
}

/* Paho's reports about an attempt. */
static void report_failure(struct paho *paho, int code, const char *message)
{
    MQTTAsync_failureData5 data = MQTTAsync_failureData5_initializer;

    data.code = code;
    data.message = message;
    paho->connect.onFailure5(paho->context, &data);
}

static void report_success(struct paho *paho)
{
    MQTTAsync_successData5 data = MQTTAsync_successData5_initializer;

    paho->connect.onSuccess5(paho->context, &data);
}

static void connect_one(void)
{
    connect_to("mqtt://127.0.0.1:1");
    report_success(last());
    expect(SELKIE_MQTT_CONNECTED);
}

START_TEST(an_address_needs_no_name_server)
{
    connect_to("mqtts://[::1]");
    ck_assert_ptr_null((void *)(uintptr_t)lookup.done);
    expect_attempt(1, "mqtts://::1:8883", "::1"); /* as Paho compares it with the certificate */
    report_success(last());
    expect(SELKIE_MQTT_CONNECTED);
    ck_assert_int_eq(event->code, 65535);
    ck_assert(event->packet_max == SIZE_MAX);
    ck_assert_str_eq(selkie_mqtt_uri(client), "mqtts://[::1]");
    ck_assert(selkie_mqtt_is_tls(client));
    expect_nothing();
}
END_TEST

START_TEST(limits_of_the_broker_are_reported)
{
    MQTTAsync_successData5 data = MQTTAsync_successData5_initializer;
    MQTTProperty limits[] = {{.identifier = MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, .value.integer2 = 20},
                             {.identifier = MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, .value.integer4 = 4000}};

    connect_to("mqtt://127.0.0.1");
    data.properties = (MQTTProperties){.count = 2, .max_count = 2, .array = limits};
    last()->connect.onSuccess5(last()->context, &data);
    expect(SELKIE_MQTT_CONNECTED);
    ck_assert_int_eq(event->code, 20);
    ck_assert_uint_eq(event->packet_max, 4000);
}
END_TEST

START_TEST(addresses_of_a_name_are_tried_in_turn)
{
    connect_to("mqtts://b.example");
    expect_nothing();
    ck_assert_uint_eq(paho_count, 0);
    resolve("b.example", "192.0.2.1 192.0.2.2 2001:db8::1");
    expect_attempt(1, "mqtts://b.example:8883", "192.0.2.1"); /* the name stays: the certificate is for it */
    report_failure(last(), MQTTASYNC_FAILURE, NULL);
    expect_nothing();
    expect_attempt(2, "mqtts://b.example:8883", "192.0.2.2");
    report_failure(last(), MQTTASYNC_FAILURE, NULL);
    expect_nothing();
    expect_attempt(3, "mqtts://b.example:8883", "2001:db8::1");
    report_success(last());
    expect(SELKIE_MQTT_CONNECTED);
}
END_TEST

START_TEST(uris_are_tried_in_turn)
{
    connect_to("mqtt://127.0.0.1:1,mqtt://b.example,mqtt://[::1]:2");
    expect_attempt(1, "mqtt://127.0.0.1:1", "127.0.0.1");
    ck_assert_str_eq(selkie_mqtt_uri(client), settings.name);
    report_failure(last(), MQTTASYNC_FAILURE, NULL);
    expect_nothing();
    resolve("b.example", "");
    expect_attempt(2, "mqtt://::1:2", "::1");
    report_success(last());
    expect(SELKIE_MQTT_CONNECTED);
    ck_assert_str_eq(selkie_mqtt_uri(client), "mqtt://[::1]:2");
}
END_TEST

START_TEST(each_address_has_the_connect_timeout)
{
    connect_to("mqtt://b.example");
    resolve("b.example", "192.0.2.1 192.0.2.2");
    turn(60000);
    expect_attempt(2, "mqtt://b.example:1883", "192.0.2.2");
    ck_assert_int_eq(last()->connect.connectTimeout, 1);
    ck_assert(pahos[0].destroyed);
    expect(SELKIE_MQTT_UNREACHABLE);
    ck_assert_str_eq(event->text, "192.0.2.1: no answer; 192.0.2.2: no answer");
    ck_assert_int_eq(event->code, 0);
}
END_TEST

START_TEST(a_name_server_that_does_not_answer_is_left)
{
    connect_to("mqtt://b.example,mqtt://127.0.0.1");
    turn(60000);
    ck_assert_ptr_null((void *)(uintptr_t)lookup.done);
    expect_attempt(1, "mqtt://127.0.0.1:1883", "127.0.0.1");
    report_failure(last(), MQTTASYNC_FAILURE, NULL);
    expect(SELKIE_MQTT_UNREACHABLE);
    ck_assert_str_eq(event->text, "mqtt://b.example: the name server does not answer; mqtt://127.0.0.1: no connection");
    expect_nothing();
}
END_TEST

START_TEST(one_address_needs_no_mention)
{
    connect_to("mqtt://b.example");
    resolve("b.example", "");
    expect(SELKIE_MQTT_UNREACHABLE);
    ck_assert_str_eq(event->text, "the host name has no address");
    connect_to("mqtt://127.0.0.1");
    report_failure(last(), MQTTASYNC_FAILURE, "TCP connect timeout");
    expect(SELKIE_MQTT_UNREACHABLE);
    ck_assert_str_eq(event->text, "no answer");
    ck_assert_str_eq(selkie_mqtt_uri(client), "mqtt://127.0.0.1");
}
END_TEST

START_TEST(a_refusal_holds_for_all_addresses_of_a_name)
{
    connect_to("mqtt://b.example,mqtt://127.0.0.1");
    resolve("b.example", "192.0.2.1 192.0.2.2");
    report_failure(last(), MQTTREASONCODE_NOT_AUTHORIZED, NULL);
    expect_nothing();
    expect_attempt(2, "mqtt://127.0.0.1:1883", "127.0.0.1");
    report_failure(last(), MQTTASYNC_FAILURE, NULL);
    expect(SELKIE_MQTT_REFUSED);
    ck_assert_int_eq(event->code, MQTTREASONCODE_NOT_AUTHORIZED);
    ck_assert_str_eq(event->text, "mqtt://b.example at 192.0.2.1: Not authorized; mqtt://127.0.0.1: no connection");
}
END_TEST

START_TEST(what_paho_does_not_begin_fails_as_an_event)
{
    connect_result = MQTTASYNC_FAILURE;
    connect_to("mqtt://127.0.0.1,mqtt://[::1]");
    connect_result = MQTTASYNC_SUCCESS;
    expect(SELKIE_MQTT_UNREACHABLE);
    ck_assert_ptr_nonnull(strstr(event->text, "mqtt://127.0.0.1: Paho: "));
    ck_assert_ptr_nonnull(strstr(event->text, "; mqtt://[::1]: Paho: "));
    ck_assert_uint_eq(living, 0);
}
END_TEST

START_TEST(what_comes_of_an_earlier_connection_is_dropped)
{
    connect_one();
    struct paho *first = last();
    connect_to("mqtt://127.0.0.1:2");
    ck_assert(first->destroyed);
    report_success(last());
    expect(SELKIE_MQTT_CONNECTED);
    last()->lost(last()->context, NULL);
    connect_to("mqtt://127.0.0.1:3");
    expect_nothing();
}
END_TEST

START_TEST(loss_has_the_brokers_reason)
{
    connect_one();
    last()->disconnected(last()->context, NULL, MQTTREASONCODE_SESSION_TAKEN_OVER);
    last()->lost(last()->context, NULL);
    expect(SELKIE_MQTT_LOST);
    ck_assert_int_eq(event->code, MQTTREASONCODE_SESSION_TAKEN_OVER);
    ck_assert(!selkie_mqtt_is_connected(client));
    ck_assert_int_eq(selkie_mqtt_subscribe(client, "t", 1), SELKIE_EIO);
}
END_TEST

START_TEST(leave_sends_the_will_or_not)
{
    MQTTAsync_successData5 data = MQTTAsync_successData5_initializer;

    ck_assert(!selkie_mqtt_disconnect(client, true));
    connect_one();
    ck_assert(selkie_mqtt_disconnect(client, true));
    ck_assert_int_eq(leave.reasonCode, MQTTREASONCODE_DISCONNECT_WITH_WILL_MESSAGE);
    leave.onSuccess5(leave.context, &data);
    expect(SELKIE_MQTT_DISCONNECTED);
    ck_assert(!selkie_mqtt_disconnect(client, false));
    connect_one();
    ck_assert(selkie_mqtt_disconnect(client, false));
    ck_assert_int_eq(leave.reasonCode, MQTTREASONCODE_NORMAL_DISCONNECTION);
}
END_TEST

START_TEST(leave_ends_an_attempt)
{
    connect_to("mqtt://b.example");
    ck_assert(!selkie_mqtt_disconnect(client, true));
    ck_assert_ptr_null((void *)(uintptr_t)lookup.done);
    ck_assert(!next_event(1100));
}
END_TEST

START_TEST(it_connects_again_where_that_is_wanted)
{
    options.reconnect_s = 1;
    connect_one();
    last()->lost(last()->context, NULL);
    expect(SELKIE_MQTT_LOST);
    turn(60000);
    ck_assert_uint_eq(paho_count, 2);
    report_failure(last(), MQTTASYNC_FAILURE, NULL);
    expect(SELKIE_MQTT_UNREACHABLE);
    turn(60000);
    ck_assert_uint_eq(paho_count, 3);
    report_success(last());
    expect(SELKIE_MQTT_CONNECTED);
    ck_assert(selkie_mqtt_disconnect(client, false));
    last()->lost(last()->context, NULL);
    expect(SELKIE_MQTT_LOST);
    ck_assert(!next_event(1100)); /* it was told to leave */
    ck_assert_uint_eq(paho_count, 3);
}
END_TEST

START_TEST(options_reach_paho)
{
    settings.username = "u";
    settings.keepalive_s = 77;
    settings.ca = "ca.pem";
    options.will_topic = "w";
    options.will_payload = "off";
    connect_to("mqtts://127.0.0.1");
    const MQTTAsync_connectOptions *connect = &last()->connect;
    ck_assert_int_eq(connect->keepAliveInterval, 77);
    ck_assert_int_eq(connect->cleanstart, 1);
    ck_assert_uint_eq(expiry_s, 0);
    ck_assert_int_eq(connect->automaticReconnect, 0);
    ck_assert_str_eq(connect->username, "u");
    ck_assert_ptr_null(connect->password);
    ck_assert_ptr_nonnull(connect->ssl);
    ck_assert_ptr_nonnull(connect->will);
    options.username = "v";
    options.password = "secret";
    options.keep_session = true;
    connect_to("mqtt://127.0.0.1");
    connect = &last()->connect;
    ck_assert_int_eq(connect->cleanstart, 0);
    ck_assert_uint_eq(expiry_s, 3600);
    ck_assert_str_eq(connect->username, "v");
    ck_assert_str_eq(last()->password, "secret");
    ck_assert_ptr_null(connect->ssl);
}
END_TEST

/* The password of an attempt that was given up is not for the next broker. */
START_TEST(a_password_goes_to_the_broker_it_was_read_for_alone)
{
    char path[] = "/tmp/selkie-test-password-XXXXXX", why[SELKIE_MQTT_TEXT_MAX];
    int file = mkstemp(path);

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq((int)write(file, "secret", 6), 6);
    ck_assert_int_eq(close(file), 0);
    settings.username = "u";
    settings.password_file = path;
    ck_assert_ptr_null(selkie_mqtt_settings_add_uris(&settings, "mqtt://127.0.0.1"));
    ck_assert_int_eq(selkie_mqtt_connect(client, &options, why), 0);
    ck_assert_str_eq(last()->password, "secret");
    ck_assert_int_eq(unlink(path), 0);
    settings.username = NULL;
    settings.password_file = NULL;
    ck_assert_int_eq(selkie_mqtt_connect(client, &options, why), 0);
    ck_assert_ptr_null(last()->connect.password);
}
END_TEST

START_TEST(a_password_that_cannot_be_read_begins_nothing)
{
    char why[SELKIE_MQTT_TEXT_MAX];

    settings.username = "u";
    settings.password_file = "/nonexistent/password";
    ck_assert_ptr_null(selkie_mqtt_settings_add_uris(&settings, "mqtt://127.0.0.1"));
    ck_assert_int_eq(selkie_mqtt_connect(client, &options, why), SELKIE_EIO);
    ck_assert_ptr_nonnull(strstr(why, "/nonexistent/password: No such file"));
    ck_assert_uint_eq(paho_count, 0);
    ck_assert(!next_event(0));
}
END_TEST

/* A failure of the last command. True: the owner hears of it. */
static bool fail_with(int code, enum MQTTReasonCodes reason)
{
    MQTTAsync_failureData5 data = MQTTAsync_failureData5_initializer;

    data.token = TOKEN;
    data.code = code;
    data.reasonCode = reason;
    taken.onFailure5(taken.context, &data);
    return next_event(0);
}

static void expect_only_refusals(void)
{
    ck_assert(!fail_with(MQTTASYNC_FAILURE, MQTTREASONCODE_SUCCESS));
    ck_assert(!fail_with(MQTTASYNC_FAILURE, MQTTREASONCODE_QUOTA_EXCEEDED));
    ck_assert(!fail_with(MQTTASYNC_OPERATION_INCOMPLETE, MQTTREASONCODE_SUCCESS));
    ck_assert(!fail_with(0, MQTTREASONCODE_SUCCESS));
    ck_assert(fail_with(0, MQTTREASONCODE_QUOTA_EXCEEDED));
    ck_assert_int_eq(event->code, MQTTREASONCODE_QUOTA_EXCEEDED);
}

START_TEST(publish_that_paho_gave_up_is_no_answer)
{
    const struct selkie_mqtt_message message = {.topic = "t", .payload = "x", .len = 1, .qos = 1, .answer = true};

    ck_assert_int_eq(selkie_mqtt_publish(client, &message), SELKIE_EIO); /* not connected */
    connect_one();
    ck_assert_int_eq(selkie_mqtt_publish(client, &message), TOKEN);
    expect_only_refusals();
    ck_assert_int_eq(event->kind, SELKIE_MQTT_PUBLISHED);
    ck_assert_int_eq(event->token, TOKEN);
}
END_TEST

START_TEST(subscription_that_paho_gave_up_is_no_answer)
{
    connect_one();
    ck_assert_int_eq(selkie_mqtt_subscribe(client, "t", 1), 0);
    expect_only_refusals();
    ck_assert_int_eq(event->kind, SELKIE_MQTT_SUBSCRIBED);
}
END_TEST

struct pair {
    const char *name, *value;
};

/* As Paho hands it over: without a NUL behind the payload. */
static void receive(const char *payload, size_t len, const struct pair *pairs, size_t count)
{
    MQTTAsync_message message = MQTTAsync_message_initializer;
    MQTTProperty properties[16];
    char topic[] = "selkie/device/0011223344556677/up";

    ck_assert_uint_le(count, sizeof properties / sizeof properties[0]);
    for (size_t i = 0; i < count; i++) {
        MQTTProperty *property = &properties[i];
        property->identifier = MQTTPROPERTY_CODE_USER_PROPERTY;
        property->value.data = (MQTTLenString){(int)strlen(pairs[i].name), (char *)(uintptr_t)pairs[i].name};
        property->value.value = (MQTTLenString){(int)strlen(pairs[i].value), (char *)(uintptr_t)pairs[i].value};
    }
    message.properties = (MQTTProperties){.count = (int)count, .max_count = (int)count, .array = properties};
    message.payload = (void *)(uintptr_t)payload;
    message.payloadlen = (int)len;
    message.retained = count == 0;
    ck_assert_int_eq(last()->message(last()->context, topic, 0, &message), 1);
    expect(SELKIE_MQTT_MESSAGE);
    ck_assert_str_eq(event->topic, "selkie/device/0011223344556677/up");
    ck_assert_uint_eq(event->len, len);
    ck_assert_mem_eq(event->payload, payload, len);
    ck_assert(event->retained == (count == 0));
}

static const char *const wanted[] = {"counter", "gateway", "rx", "form", NULL};

START_TEST(the_plugins_properties_are_found_among_others)
{
    static const struct pair pairs[] = {
        {"count", "x"},   {"counters", "x"},  {"", "x"},        {"counter", "4294967295"},
        {"Gateway", "x"}, {"form", "sealed"}, {"port", "/dev"}, {"gateway", "roof"}};

    options.properties = wanted;
    connect_one();
    receive("21\0\xFF\n", 5, pairs, sizeof pairs / sizeof pairs[0]);
    ck_assert_str_eq(selkie_mqtt_event_property(event, "counter"), "4294967295");
    ck_assert_str_eq(selkie_mqtt_event_property(event, "gateway"), "roof");
    ck_assert_str_eq(selkie_mqtt_event_property(event, "form"), "sealed");
    ck_assert_ptr_null(selkie_mqtt_event_property(event, "rx")); /* when it was heard is not always known */
    ck_assert_ptr_null(selkie_mqtt_event_property(event, "port"));
    ck_assert_uint_eq(event->property_count, 3);
    receive("", 0, NULL, 0);
    ck_assert_uint_eq(event->property_count, 0);
}
END_TEST

START_TEST(properties_without_end_are_kept_within_bounds)
{
    char value[200];
    struct pair pairs[3 * SELKIE_MQTT_PROPERTIES_MAX];

    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        pairs[i] = (struct pair){"gateway", value};
    options.properties = wanted;
    connect_one();
    receive("", 0, pairs, sizeof pairs / sizeof pairs[0]);
    ck_assert_uint_le(event->property_count, SELKIE_MQTT_PROPERTIES_MAX);
    const char *kept = selkie_mqtt_event_property(event, "gateway");
    ck_assert_uint_ge(strlen(kept), 64); /* as long as a gateway's name may be */
    ck_assert_uint_le(strlen(kept), SELKIE_MQTT_VALUE_MAX);
    ck_assert_uint_eq(strspn(kept, "v"), strlen(kept));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mqtt_client");
    TCase *tcase = tcase_create("mqtt_client");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_address_needs_no_name_server);
    tcase_add_test(tcase, limits_of_the_broker_are_reported);
    tcase_add_test(tcase, addresses_of_a_name_are_tried_in_turn);
    tcase_add_test(tcase, uris_are_tried_in_turn);
    tcase_add_test(tcase, each_address_has_the_connect_timeout);
    tcase_add_test(tcase, a_name_server_that_does_not_answer_is_left);
    tcase_add_test(tcase, one_address_needs_no_mention);
    tcase_add_test(tcase, a_refusal_holds_for_all_addresses_of_a_name);
    tcase_add_test(tcase, what_paho_does_not_begin_fails_as_an_event);
    tcase_add_test(tcase, what_comes_of_an_earlier_connection_is_dropped);
    tcase_add_test(tcase, loss_has_the_brokers_reason);
    tcase_add_test(tcase, leave_sends_the_will_or_not);
    tcase_add_test(tcase, leave_ends_an_attempt);
    tcase_add_test(tcase, it_connects_again_where_that_is_wanted);
    tcase_add_test(tcase, options_reach_paho);
    tcase_add_test(tcase, a_password_goes_to_the_broker_it_was_read_for_alone);
    tcase_add_test(tcase, a_password_that_cannot_be_read_begins_nothing);
    tcase_add_test(tcase, publish_that_paho_gave_up_is_no_answer);
    tcase_add_test(tcase, subscription_that_paho_gave_up_is_no_answer);
    tcase_add_test(tcase, the_plugins_properties_are_found_among_others);
    tcase_add_test(tcase, properties_without_end_are_kept_within_bounds);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
