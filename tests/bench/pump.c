/* SPDX-License-Identifier: Apache-2.0 */
#include "pump.h"

#include <inttypes.h>
#include <jansson.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CLIENTS (PUMP_GATEWAYS + 1) /* the last one is the subscriber */

struct pump {
    struct mosquitto *clients[CLIENTS];
    char topics[PUMP_GATEWAYS][32]; /* on which each gateway publishes */
    uint64_t seq;                   /* of the last frame published */
    size_t come, receipted;
    unsigned subscribed;
    bool receipts; /* are given for what is published */
};

int64_t pump_now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void on_message(struct mosquitto *client, void *context, const struct mosquitto_message *message)
{
    struct pump *pump = context;

    (void)message;
    if (client == pump->clients[PUMP_GATEWAYS]) {
        pump->come++;
        return;
    }
    json_t *receipt = json_loadb(message->payload, (size_t)message->payloadlen, 0, NULL);
    pump->receipted += json_array_size(json_object_get(receipt, "seq"));
    json_decref(receipt);
}

static void on_subscribe(struct mosquitto *client, void *context, int id, int count, const int *granted)
{
    struct pump *pump = context;

    (void)client;
    (void)id;
    ck_assert(count == 1 && granted[0] == 1);
    pump->subscribed++;
}

/* Not one of Check's assertions where every message comes by: each of those writes to a file, which costs the measured
 * broker a part of its cores. */
static void must(int result)
{
    if (result != MOSQ_ERR_SUCCESS)
        ck_abort_msg("%s", mosquitto_strerror(result));
}

static struct mosquitto *connect_as(const struct harness_broker *broker, const char *user, const char *filter,
                                    struct pump *pump)
{
    struct mosquitto *client = mosquitto_new(NULL, true, pump);

    ck_assert_ptr_nonnull(client);
    (void)mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    (void)mosquitto_username_pw_set(client, user, NULL);
    (void)mosquitto_max_inflight_messages_set(client, 0);
    (void)mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_message_callback_set(client, on_message);
    mosquitto_subscribe_callback_set(client, on_subscribe);
    must(mosquitto_connect(client, "127.0.0.1", broker->port, 3600));
    must(mosquitto_subscribe(client, NULL, filter, 1));
    return client;
}

/* Wait until a socket is ready, and serve those that are. */
static void turn(struct pump *pump)
{
    struct pollfd sockets[CLIENTS];

    for (size_t i = 0; i < CLIENTS; i++)
        sockets[i] =
            (struct pollfd){.fd = mosquitto_socket(pump->clients[i]),
                            .events = (short)(POLLIN | (mosquitto_want_write(pump->clients[i]) ? POLLOUT : 0))};
    if (poll(sockets, CLIENTS, HARNESS_PATIENCE) <= 0)
        ck_abort_msg("%zu have come, no more do", pump->come);
    for (size_t i = 0; i < CLIENTS; i++) {
        if (sockets[i].revents & POLLOUT)
            must(mosquitto_loop_write(pump->clients[i], 1));
        if (sockets[i].revents & (POLLIN | POLLERR | POLLHUP))
            must(mosquitto_loop_read(pump->clients[i], 1));
    }
}

struct pump *pump_open(const struct harness_broker *broker, const char *filter, bool receipts)
{
    struct pump *pump = calloc(1, sizeof *pump);
    char name[8], receipt[40];

    ck_assert_ptr_nonnull(pump);
    ck_assert_int_eq(mosquitto_lib_init(), MOSQ_ERR_SUCCESS);
    pump->receipts = receipts;
    pump->clients[PUMP_GATEWAYS] = connect_as(broker, "reader", filter, pump);
    for (unsigned i = 0; i < PUMP_GATEWAYS; i++) {
        (void)snprintf(name, sizeof name, "gw%u", i);
        (void)snprintf(receipt, sizeof receipt, "selkie/gateway/%s/receipt", name);
        (void)snprintf(pump->topics[i], sizeof pump->topics[i], "selkie/gateway/%s/up", name);
        pump->clients[i] = connect_as(broker, name, receipt, pump);
    }
    while (pump->subscribed < CLIENTS)
        turn(pump);
    return pump;
}

void pump_close(struct pump *pump)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        (void)mosquitto_disconnect(pump->clients[i]);
        mosquitto_destroy(pump->clients[i]);
    }
    (void)mosquitto_lib_cleanup();
    free(pump);
}

/* As selkie-gateway publishes a frame. */
static void publish(struct pump *pump, size_t gateway, const uint8_t *body, size_t size)
{
    mosquitto_property *properties = NULL;
    char seq[24], rx[24];

    (void)snprintf(seq, sizeof seq, "%" PRIu64, ++pump->seq);
    (void)snprintf(rx, sizeof rx, "%" PRId64, (int64_t)time(NULL) * 1000);
    (void)mosquitto_property_add_string_pair(&properties, MQTT_PROP_USER_PROPERTY, "seq", seq);
    (void)mosquitto_property_add_string_pair(&properties, MQTT_PROP_USER_PROPERTY, "rx", rx);
    (void)mosquitto_property_add_string_pair(&properties, MQTT_PROP_USER_PROPERTY, "port", "/dev/ttyUSB0");
    must(mosquitto_publish_v5(pump->clients[gateway], NULL, pump->topics[gateway], (int)size, body, 1, false,
                              properties));
    mosquitto_property_free_all(&properties);
}

int64_t pump_run(struct pump *pump, const uint8_t *bodies, size_t size, size_t count, size_t window)
{
    size_t sent = 0;
    int64_t start = pump_now_us();

    pump->come = pump->receipted = 0;
    while (pump->come < count || (pump->receipts && pump->receipted < count)) {
        for (; sent < count && sent - pump->come < window; sent++)
            publish(pump, sent % PUMP_GATEWAYS, bodies + sent * size, size);
        turn(pump);
    }
    return pump_now_us() - start;
}
