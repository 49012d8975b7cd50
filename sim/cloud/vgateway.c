/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/vgateway.h"

#include <inttypes.h>
#include <jansson.h>
#include <selkie/clock.h>
#include <selkie/topic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define RECEIPT_OVERDUE_US 5000000u
#define DOUBLINGS_MAX      5 /* of it, with each time that a frame is sent */

struct frame {
    UT_hash_handle hh; /* by seq; in the order of their coming */
    uint64_t seq;
    int64_t rx_ms;
    uint64_t sent_us; /* 0 = not yet */
    unsigned again;   /* how often it was sent for want of a receipt */
    size_t len;
    uint8_t body[];
};

struct selkie_vgateway {
    const struct selkie_sim_broker *broker;
    struct selkie_sim_client client;
    struct frame *frames; /* oldest first */
    struct frame *next;   /* the first that was not sent yet; NULL = all were */
    size_t under_way;     /* sent, without a receipt */
    uint64_t next_seq;
    uint64_t looked_us; /* when overdue receipts were last looked for */
    int64_t off_ms;     /* its clock is wrong by so much, */
    bool has_age;       /* and it publishes ages */
    bool subscribed, paused;
    int refused; /* the broker's reason, of the connection or of the receipts; 0 = it did not refuse */
    char name[32], up[SELKIE_TOPIC_MAX], receipt[SELKIE_TOPIC_MAX];
};

static void forget(struct selkie_vgateway *gateway, uint64_t seq)
{
    struct frame *frame;

    HASH_FIND(hh, gateway->frames, &seq, sizeof seq, frame);
    if (!frame)
        return;
    if (gateway->next == frame)
        gateway->next = frame->hh.next;
    else if (frame->sent_us != 0)
        gateway->under_way--;
    HASH_DEL(gateway->frames, frame);
    free(frame);
}

static void on_receipt(struct selkie_vgateway *gateway, const struct selkie_mqtt_event *event)
{
    json_t *root = json_loadb((const char *)event->payload, event->len, 0, NULL), *entry;
    size_t i;

    json_array_foreach (json_object_get(root, "seq"), i, entry) {
        forget(gateway, (uint64_t)json_integer_value(entry));
    }
    json_decref(root);
}

/* All that was under way when the connection broke is sent again: whether it arrived nobody knows. */
static void rewind_all(struct selkie_vgateway *gateway)
{
    for (struct frame *frame = gateway->frames; frame; frame = frame->hh.next) {
        frame->sent_us = 0;
        frame->again = 0;
    }
    gateway->next = gateway->frames;
    gateway->under_way = 0;
}

static void on_event(void *owner, const struct selkie_mqtt_event *event)
{
    struct selkie_vgateway *gateway = owner;

    switch (event->kind) {
    case SELKIE_MQTT_CONNECTED:
        gateway->refused = 0;
        rewind_all(gateway);
        if (selkie_mqtt_subscribe(gateway->client.mqtt, gateway->receipt, 1) < 0)
            gateway->subscribed = false; /* lost again already: another CONNECTED follows */
        break;
    case SELKIE_MQTT_SUBSCRIBED:
        gateway->subscribed = event->code < SELKIE_MQTT_REFUSAL;
        gateway->refused = gateway->subscribed ? 0 : event->code;
        selkie_vgateway_pump(gateway, (uint64_t)event->came_us);
        break;
    case SELKIE_MQTT_REFUSED:
        gateway->refused = event->code;
        break;
    case SELKIE_MQTT_LOST:
        gateway->subscribed = false;
        break;
    case SELKIE_MQTT_MESSAGE:
        on_receipt(gateway, event);
        selkie_vgateway_pump(gateway, (uint64_t)event->came_us);
        break;
    default:
        break;
    }
}

int selkie_vgateway_open(struct selkie_vgateway **gateway, const struct selkie_sim_broker *broker, const char *name,
                         const char *password)
{
    const char *root = broker->options->root;
    struct selkie_vgateway *opened = *gateway = calloc(1, sizeof *opened);

    if (!opened)
        return SELKIE_ENOMEM;
    opened->broker = broker;
    opened->next_seq = 1;
    (void)snprintf(opened->name, sizeof opened->name, "%s", name);
    int error = selkie_topic_gateway(opened->up, root, name, SELKIE_TOPIC_GATEWAY_UP);
    if (error >= 0)
        error = selkie_topic_gateway(opened->receipt, root, name, SELKIE_TOPIC_GATEWAY_RECEIPT);
    if (error < 0)
        return error;
    /* No session is kept: what is under way when the connection breaks is sent again anyway, and Mosquitto 2.0.11
     * writes wrong lengths when it saves the session of a client with a user name. */
    struct selkie_mqtt_options options = {.username = opened->name, .password = password};
    return selkie_sim_client_open(&opened->client, broker, name, options, on_event, opened);
}

void selkie_vgateway_close(struct selkie_vgateway *gateway)
{
    if (!gateway)
        return;
    selkie_sim_client_close(&gateway->client);
    while (gateway->frames)
        forget(gateway, gateway->frames->seq);
    free(gateway);
}

bool selkie_vgateway_ready(const struct selkie_vgateway *gateway)
{
    return gateway->subscribed;
}

int selkie_vgateway_refused(const struct selkie_vgateway *gateway)
{
    return gateway->refused;
}

int selkie_vgateway_put(struct selkie_vgateway *gateway, const uint8_t *body, size_t len, int64_t rx_ms)
{
    if (HASH_COUNT(gateway->frames) >= SELKIE_VGATEWAY_MAX)
        return SELKIE_EFULL;
    struct frame *frame = malloc(sizeof *frame + len);
    if (!frame)
        return SELKIE_ENOMEM;
    memset(frame, 0, sizeof *frame);
    frame->seq = gateway->next_seq++;
    frame->rx_ms = rx_ms;
    frame->len = len;
    memcpy(frame->body, body, len);
    HASH_ADD(hh, gateway->frames, seq, sizeof frame->seq, frame);
    if (!gateway->next)
        gateway->next = frame;
    return 0;
}

static int publish(struct selkie_vgateway *gateway, struct frame *frame, uint64_t wall_us)
{
    char seq[24], rx[24], age[24];
    struct selkie_mqtt_message message = {.topic = gateway->up,
                                          .payload = frame->body,
                                          .len = frame->len,
                                          .qos = 1,
                                          .property_count = gateway->has_age ? 4 : 3,
                                          .properties = {{"seq", seq}, {"rx", rx}, {"port", "virtual"}, {"age", age}}};

    (void)snprintf(seq, sizeof seq, "%" PRIu64, frame->seq);
    (void)snprintf(rx, sizeof rx, "%" PRId64, frame->rx_ms + gateway->off_ms);
    (void)snprintf(age, sizeof age, "%" PRId64, selkie_clock_ms() - frame->rx_ms);
    int result = selkie_mqtt_publish(gateway->client.mqtt, &message);
    if (result >= 0)
        frame->sent_us = wall_us;
    return result;
}

/* Later each time: a broker that is behind would have to open each frame again and again, and be further behind. */
static uint64_t due_us(const struct selkie_vgateway *gateway, const struct frame *frame)
{
    uint64_t wait_us = (uint64_t)RECEIPT_OVERDUE_US << frame->again, most_us = gateway->broker->receipt_wait_us;

    return frame->sent_us + (wait_us < most_us ? wait_us : most_us);
}

static void send_overdue(struct selkie_vgateway *gateway, uint64_t wall_us)
{
    for (struct frame *frame = gateway->frames; frame != gateway->next; frame = frame->hh.next) {
        if (wall_us < due_us(gateway, frame))
            continue;
        if (publish(gateway, frame, wall_us) < 0)
            return;
        frame->again += frame->again < DOUBLINGS_MAX;
    }
}

void selkie_vgateway_pump(struct selkie_vgateway *gateway, uint64_t wall_us)
{
    if (!gateway->subscribed || gateway->paused)
        return;
    if (wall_us > gateway->looked_us + RECEIPT_OVERDUE_US / 4) {
        gateway->looked_us = wall_us;
        send_overdue(gateway, wall_us);
    }
    while (gateway->next && gateway->under_way < SELKIE_VGATEWAY_WINDOW) {
        if (publish(gateway, gateway->next, wall_us) < 0)
            return;
        gateway->next = gateway->next->hh.next;
        gateway->under_way++;
    }
}

size_t selkie_vgateway_waiting(const struct selkie_vgateway *gateway)
{
    return HASH_COUNT(gateway->frames);
}

void selkie_vgateway_pause(struct selkie_vgateway *gateway, bool paused)
{
    gateway->paused = paused;
    if (!paused)
        rewind_all(gateway);
}

void selkie_vgateway_set_clock(struct selkie_vgateway *gateway, int64_t off_ms)
{
    gateway->off_ms = off_ms;
    gateway->has_age = true;
}
