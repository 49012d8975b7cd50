/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway_broker.h"

#include "log.h"
#include "stamp.h"
#include "timer.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <selkie/topic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define STATE_MAX     128
#define RECEIPTS_MAX  256   /* further ones are dropped: they come again when their frames are sent again */
#define RECEIPT_BYTES 65536 /* a longer one does not come: Paho would read all of it into memory first */
#define PACKET_REST   1024  /* its topic and properties */

struct selkie_gateway_broker {
    sd_event *event;
    sd_event_source *source;   /* there are events */
    struct selkie_timer later; /* `pending` goes on in the next turn */
    selkie_gateway_broker_handler *handler;
    void *context;
    struct selkie_mqtt_queue *queue;
    struct selkie_mqtt *client;
    struct selkie_mqtt_event *pending; /* not done yet */
    char instance[24];                 /* of the spool */
    unsigned connection;               /* how many were begun */
    char online[STATE_MAX], failing[STATE_MAX], offline[STATE_MAX];
    char id[SELKIE_TOPIC_MAX];
    char up[SELKIE_TOPIC_MAX];
    char state[SELKIE_TOPIC_MAX];
    char stats[SELKIE_TOPIC_MAX];
    char receipt[SELKIE_TOPIC_MAX];
};

/* One event a turn: a backlog that drains must not let a device wait for its ACK. */
static void hand_on(void *context)
{
    struct selkie_gateway_broker *broker = context;
    struct selkie_mqtt_event *event = broker->pending ? broker->pending : selkie_mqtt_take(broker->queue);

    broker->pending = NULL; /* the handler may connect anew, which drops what is pending */
    while (event && !broker->handler(broker->context, event)) {
        if (selkie_timer_later(&broker->later, SELKIE_GATEWAY_BROKER_RANK) == 0) {
            broker->pending = event;
            return;
        }
    }
    free(event);
}

static int on_events(sd_event_source *source, int fd, uint32_t events, void *context)
{
    (void)source;
    (void)fd;
    (void)events;
    hand_on(context);
    return 0;
}

/* 0 or a negative errno. */
static int open_client(struct selkie_gateway_broker *broker)
{
    const struct selkie_mqtt_limits limits = {.messages = RECEIPTS_MAX, .message_bytes = RECEIPT_BYTES};
    int result = selkie_mqtt_queue_open(&broker->queue, limits);

    if (result == 0)
        result = selkie_mqtt_open(&broker->client, broker->queue, broker);
    if (result < 0)
        return result == SELKIE_EIO ? -errno : -ENOMEM;
    result = sd_event_add_io(broker->event, &broker->source, selkie_mqtt_queue_fd(broker->queue), EPOLLIN, on_events,
                             broker);
    return result < 0 ? result : sd_event_source_set_priority(broker->source, SELKIE_GATEWAY_BROKER_RANK);
}

static void write_state(const struct selkie_gateway_broker *broker, char text[static STATE_MAX], const char *state,
                        const char *more)
{
    (void)snprintf(text, STATE_MAX, "{\"state\":\"%s\",\"instance\":%s,\"connection\":%u%s}", state, broker->instance,
                   broker->connection, more);
}

static void begin_connection(struct selkie_gateway_broker *broker)
{
    broker->connection++;
    write_state(broker, broker->online, "online", "");
    write_state(broker, broker->failing, "online", ",\"storage\":\"failing\"");
    write_state(broker, broker->offline, "offline", "");
}

struct selkie_gateway_broker *selkie_gateway_broker_open(sd_event *event, int64_t instance,
                                                         selkie_gateway_broker_handler *handler, void *context)
{
    struct selkie_gateway_broker *broker = calloc(1, sizeof *broker);
    int result = -ENOMEM;

    if (broker) {
        broker->event = event;
        broker->handler = handler;
        broker->context = context;
        (void)snprintf(broker->instance, sizeof broker->instance, "%" PRId64, instance);
        selkie_timer_init(&broker->later, event, hand_on, broker);
        result = open_client(broker);
    }
    if (result >= 0)
        return broker;
    selkie_log(LOG_ERR, "broker: %s", strerror(-result));
    selkie_gateway_broker_close(broker);
    return NULL;
}

void selkie_gateway_broker_close(struct selkie_gateway_broker *broker)
{
    if (!broker)
        return;
    sd_event_source_disable_unref(broker->source);
    selkie_timer_wipe(&broker->later);
    selkie_mqtt_close(broker->client);
    selkie_mqtt_queue_close(broker->queue);
    free(broker->pending);
    free(broker);
}

static int make_topics(struct selkie_gateway_broker *broker, const struct selkie_gateway_config *config)
{
    const struct {
        char *text;
        enum selkie_topic_kind kind;
    } topics[] = {{broker->up, SELKIE_TOPIC_GATEWAY_UP},
                  {broker->state, SELKIE_TOPIC_GATEWAY_STATE},
                  {broker->stats, SELKIE_TOPIC_GATEWAY_STATS},
                  {broker->receipt, SELKIE_TOPIC_GATEWAY_RECEIPT}};

    (void)snprintf(broker->id, sizeof broker->id, "%s-gateway-%s", config->root, config->gateway);
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        int result = selkie_topic_gateway(topics[i].text, config->root, config->gateway, topics[i].kind);
        if (result < 0)
            return result;
    }
    return 0;
}

int selkie_gateway_broker_connect(struct selkie_gateway_broker *broker, const struct selkie_gateway_config *config,
                                  char why[static SELKIE_MQTT_TEXT_MAX])
{
    const struct selkie_mqtt_options options = {
        .settings = &config->broker,
        .id = broker->id,
        .will_topic = broker->state,
        .will_payload = broker->offline,
        .packet_max = RECEIPT_BYTES + PACKET_REST,
        .buffered_max = SELKIE_WINDOW_MAX + 16, /* beyond those in flight only state and stats are sent */
    };
    int result = make_topics(broker, config);

    begin_connection(broker);
    free(broker->pending); /* of the connection that ends here */
    broker->pending = NULL;
    if (result == 0)
        return selkie_mqtt_connect(broker->client, &options, why);
    (void)snprintf(why, SELKIE_MQTT_TEXT_MAX, "topics: %s", selkie_error_text(result));
    return SELKIE_EIO;
}

void selkie_gateway_broker_adopt(struct selkie_gateway_broker *broker, const struct selkie_gateway_config *config)
{
    selkie_mqtt_adopt(broker->client, &config->broker);
}

const char *selkie_gateway_broker_uri(const struct selkie_gateway_broker *broker)
{
    return selkie_mqtt_uri(broker->client);
}

bool selkie_gateway_broker_leave(struct selkie_gateway_broker *broker)
{
    return selkie_mqtt_disconnect(broker->client, true);
}

int selkie_gateway_broker_subscribe_receipts(struct selkie_gateway_broker *broker)
{
    return selkie_mqtt_subscribe(broker->client, broker->receipt, 1);
}

int selkie_gateway_broker_subscribe_state(struct selkie_gateway_broker *broker)
{
    return selkie_mqtt_subscribe(broker->client, broker->state, 1);
}

bool selkie_gateway_broker_is_state(const struct selkie_gateway_broker *broker, const struct selkie_mqtt_event *message,
                                    struct selkie_gateway_sighting *seen)
{
    if (!message->topic || strcmp(message->topic, broker->state) != 0)
        return false;
    json_t *state = json_loadb((const char *)message->payload, message->len, 0, NULL);
    seen->instance = json_integer_value(json_object_get(state, "instance"));
    seen->connection = json_integer_value(json_object_get(state, "connection"));
    json_decref(state);
    return true;
}

static int publish_text(struct selkie_gateway_broker *broker, const char *topic, const char *text, int qos, bool retain)
{
    const struct selkie_mqtt_message message = {
        .topic = topic, .payload = text, .len = strlen(text), .qos = qos, .retain = retain, .json = true};
    int result = selkie_mqtt_publish(broker->client, &message);

    return result < 0 ? result : 0;
}

int selkie_gateway_broker_publish_state(struct selkie_gateway_broker *broker, bool storage_works)
{
    return publish_text(broker, broker->state, storage_works ? broker->online : broker->failing, 1, true);
}

int selkie_gateway_broker_publish_stats(struct selkie_gateway_broker *broker, const char *json)
{
    /* Retained: who asks wants an answer now, also about a gateway that is away. `time` says how old it is. */
    return publish_text(broker, broker->stats, json, 0, true);
}

int selkie_gateway_broker_publish_frame(struct selkie_gateway_broker *broker, const struct selkie_spool_frame *frame)
{
    char seq[24];
    char rx[24];
    char age[24];
    char rssi[8];
    int64_t age_ms = selkie_stamp_age(frame);
    struct selkie_mqtt_message message = {
        .topic = broker->up,
        .payload = frame->body,
        .len = frame->len,
        .qos = 1,
        .answer = true,
        .property_count = 4,
        .properties = {{"seq", seq}, {"instance", broker->instance}, {"rx", rx}, {"port", frame->port}},
    };

    if (age_ms >= 0)
        message.properties[message.property_count++] = (struct selkie_mqtt_property){"age", age};
    if (frame->rssi != 0)
        message.properties[message.property_count++] = (struct selkie_mqtt_property){"rssi", rssi};
    (void)snprintf(seq, sizeof seq, "%" PRId64, frame->seq);
    (void)snprintf(rx, sizeof rx, "%" PRId64, frame->rx);
    (void)snprintf(age, sizeof age, "%" PRId64, age_ms);
    (void)snprintf(rssi, sizeof rssi, "%d", frame->rssi);
    return selkie_mqtt_publish(broker->client, &message);
}
