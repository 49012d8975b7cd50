/* SPDX-License-Identifier: Apache-2.0 */
#include "broker.h"

#include "connection.h"
#include "log.h"

#include <MQTTAsync.h>
#include <inttypes.h>
#include <selkie/topic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ONLINE "{\"state\":\"online\"}"

struct selkie_broker {
    struct selkie_broker_queue *queue;
    selkie_broker_handler *handler;
    void *context;
    struct selkie_connection *connection; /* NULL before the first */
    unsigned connections;                 /* made so far; events of others than the last are stale */
    char up[SELKIE_TOPIC_MAX];
    char state[SELKIE_TOPIC_MAX];
    char stats[SELKIE_TOPIC_MAX];
    char receipt[SELKIE_TOPIC_MAX];
};

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

void selkie_broker_close(struct selkie_broker *broker)
{
    if (broker == NULL)
        return;
    selkie_connection_close(broker->connection);
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

int selkie_broker_connect(struct selkie_broker *broker, const struct selkie_config *config,
                          char why[static SELKIE_BROKER_TEXT_MAX])
{
    struct selkie_connection *previous = broker->connection;
    int result = make_topics(broker, config);

    if (result < 0) {
        (void)snprintf(why, SELKIE_BROKER_TEXT_MAX, "topics: %s", selkie_error_text(result));
        return SELKIE_EIO;
    }
    struct selkie_connection *connection = selkie_connection_open(broker->queue, ++broker->connections, config, why);
    if (connection == NULL)
        return SELKIE_EIO;
    broker->connection = connection;
    selkie_connection_close(previous); /* only now, so that there always is a client and Paho's threads stay */
    return selkie_connection_start(connection, config, broker->state, why);
}

bool selkie_broker_leave(struct selkie_broker *broker)
{
    return broker->connection != NULL && selkie_connection_leave(broker->connection);
}

int selkie_broker_subscribe_receipts(struct selkie_broker *broker)
{
    return selkie_connection_subscribe(broker->connection, broker->receipt);
}

int selkie_broker_publish_state(struct selkie_broker *broker)
{
    return broker->connection == NULL ? SELKIE_EIO
                                      : selkie_connection_publish(broker->connection, broker->state, ONLINE, 1, true);
}

int selkie_broker_publish_stats(struct selkie_broker *broker, const char *json)
{
    return broker->connection == NULL ? SELKIE_EIO
                                      : selkie_connection_publish(broker->connection, broker->stats, json, 0, false);
}

int selkie_broker_publish_frame(struct selkie_broker *broker, const struct selkie_spool_frame *frame)
{
    char seq[24];
    char rx[24];
    char port[SELKIE_SPOOL_PORT_MAX];
    const struct selkie_connection_property properties[] = {{"seq", seq}, {"rx", rx}, {"port", port}};

    if (broker->connection == NULL)
        return SELKIE_EIO;
    (void)snprintf(seq, sizeof(seq), "%" PRId64, frame->seq);
    (void)snprintf(rx, sizeof(rx), "%" PRId64, frame->rx);
    memcpy(port, frame->port, sizeof(port));
    return selkie_connection_send(broker->connection, broker->up, frame->body, frame->len, properties,
                                  sizeof(properties) / sizeof(properties[0]));
}

const char *selkie_broker_reason(int code)
{
    const char *text = MQTTReasonCode_toString((enum MQTTReasonCodes)code);

    return text != NULL ? text : "no reason given";
}
