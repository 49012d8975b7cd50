/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver.h"

#include "log_queue.h"
#include "publish.h"

#include <inttypes.h>
#include <jansson.h>
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

/* The receipts of one turn for one opening of a gateway's spool. */
struct receipt {
    char gateway[SELKIE_GATEWAY_NAME_MAX + 1];
    uint64_t instance;
    json_t *seqs;
};

struct selkie_deliver {
    struct selkie_deliver_parts with;
    struct selkie_output *held; /* not published for want of memory: first in the next turn */
    uint64_t published;         /* highest outbox number given to Mosquitto, */
    uint64_t delivered;         /* and reported to the unsealer */
    struct receipt receipts[SELKIE_DELIVER_MAX];
    size_t receipt_count;
};

int selkie_deliver_open(struct selkie_deliver **deliver, const struct selkie_deliver_parts *parts)
{
    *deliver = calloc(1, sizeof **deliver);
    if (!*deliver)
        return SELKIE_ENOMEM;
    (*deliver)->with = *parts;
    return 0;
}

void selkie_deliver_close(struct selkie_deliver *deliver)
{
    if (!deliver)
        return;
    selkie_output_free(deliver->held);
    free(deliver);
}

/* Add `name: value` to the user properties. */
static int add_property(mosquitto_property **properties, const char *name, const char *value)
{
    return mosquitto_property_add_string_pair(properties, MQTT_PROP_USER_PROPERTY, name, value) == 0 ? 0
                                                                                                     : SELKIE_ENOMEM;
}

static const char *clock_text(enum selkie_clock clock)
{
    if (clock == SELKIE_CLOCK_ARRIVAL)
        return "arrival";
    return clock == SELKIE_CLOCK_GATEWAY ? "gateway" : "age";
}

/* The user properties of a payload and of its values. NULL without memory. */
static mosquitto_property *frame_properties(const struct selkie_output *output)
{
    mosquitto_property *properties = NULL;
    char counter[16], rx[24], rssi[8];

    (void)snprintf(counter, sizeof counter, "%" PRIu32, output->counter);
    (void)snprintf(rx, sizeof rx, "%" PRId64, output->rx_ms);
    (void)snprintf(rssi, sizeof rssi, "%d", output->rssi);
    if (add_property(&properties, "counter", counter) < 0 ||
        add_property(&properties, "gateway", output->gateway) < 0 ||
        (output->rx_ms >= 0 && (add_property(&properties, "rx", rx) < 0 ||
                                add_property(&properties, "clock", clock_text(output->clock)) < 0)) ||
        add_property(&properties, "form", output->form == SELKIE_SESSION ? "session" : "sealed") < 0 ||
        (output->rssi != 0 && add_property(&properties, "rssi", rssi) < 0)) {
        mosquitto_property_free_all(&properties);
        return NULL;
    }
    return properties;
}

/* A payload, or its values: they are retained where they are the device's newest. */
static int publish_frame(const struct selkie_output *output, const char *topic)
{
    mosquitto_property *properties = frame_properties(output);

    if (!properties)
        return SELKIE_ENOMEM;
    if (output->kind == SELKIE_OUTPUT_PAYLOAD)
        return selkie_publish(NULL, topic, output->data, output->len, 1, false, properties);
    return selkie_publish_text(NULL, topic, output->data, output->len, 1, !output->late, properties);
}

static int publish_device(const struct selkie_deliver *deliver, const struct selkie_output *output)
{
    static const enum selkie_topic_kind kinds[] = {[SELKIE_OUTPUT_PAYLOAD] = SELKIE_TOPIC_DEVICE_UP,
                                                   [SELKIE_OUTPUT_EVENT] = SELKIE_TOPIC_DEVICE_EVENT,
                                                   [SELKIE_OUTPUT_VALUES] = SELKIE_TOPIC_DEVICE_VALUES};
    bool late = output->kind == SELKIE_OUTPUT_VALUES && output->late;
    char topic[SELKIE_TOPIC_MAX];

    if (selkie_topic_device(topic, deliver->with.root, output->address,
                            late ? SELKIE_TOPIC_DEVICE_LATE : kinds[output->kind]) < 0)
        return SELKIE_EINVAL;
    if (output->kind != SELKIE_OUTPUT_EVENT)
        return publish_frame(output, topic);
    return selkie_publish_text(NULL, topic, output->data, output->len, 1, false, NULL);
}

/* The values first: what is cleared of them must not be held for a state that says otherwise. Home Assistant hears of a
 * device once its state is there, and that it is gone while the state still is. */
static int publish_state(const struct selkie_deliver *deliver, const struct selkie_output *output)
{
    int result = selkie_retained_values_follow(deliver->with.values, output);

    if (result == 0 && output->len == 0)
        result = selkie_discovery_note_state(deliver->with.discovery, output);
    if (result == 0)
        result = selkie_retained_publish_state(deliver->with.retained, output);
    if (result == 0 && output->len > 0)
        result = selkie_discovery_note_state(deliver->with.discovery, output);
    return result;
}

static int publish_values(const struct selkie_deliver *deliver, const struct selkie_output *output)
{
    int result = output->late ? 0 : selkie_retained_values_follow(deliver->with.values, output);

    return result < 0 ? result : publish_device(deliver, output);
}

static int publish_rejected(const struct selkie_deliver *deliver, const struct selkie_output *output)
{
    char topic[SELKIE_TOPIC_MAX];

    if (selkie_topic_rejected(topic, deliver->with.root, output->reason) < 0)
        return SELKIE_EINVAL;
    return selkie_publish_text(NULL, topic, output->data, output->len, 0, false, NULL);
}

/* Note a receipt; the turn's end publishes them, one message for each instance of a gateway. */
static int note_receipt(struct selkie_deliver *deliver, const struct selkie_output *output)
{
    struct receipt *receipt = NULL;

    for (size_t i = 0; i < deliver->receipt_count && !receipt; i++)
        if (deliver->receipts[i].instance == output->instance &&
            strcmp(deliver->receipts[i].gateway, output->gateway) == 0)
            receipt = &deliver->receipts[i];
    if (!receipt) {
        receipt = &deliver->receipts[deliver->receipt_count];
        receipt->instance = output->instance;
        receipt->seqs = json_array();
        if (!receipt->seqs)
            return SELKIE_ENOMEM;
        (void)snprintf(receipt->gateway, sizeof receipt->gateway, "%s", output->gateway);
        deliver->receipt_count++;
    }
    return json_array_append_new(receipt->seqs, json_integer((json_int_t)output->seq)) == 0 ? 0 : SELKIE_ENOMEM;
}

/* Without memory a receipt is dropped: the gateway sends the frames again, and then they are duplicates. */
static void publish_receipts(struct selkie_deliver *deliver)
{
    char topic[SELKIE_TOPIC_MAX];

    for (size_t i = 0; i < deliver->receipt_count; i++) {
        struct receipt *receipt = &deliver->receipts[i];
        json_t *instance = receipt->instance > 0 ? json_integer((json_int_t)receipt->instance) : NULL;
        json_t *json = json_pack("{s:o*, s:o}", "instance", instance, "seq", receipt->seqs);
        if (json &&
            selkie_topic_gateway(topic, deliver->with.root, receipt->gateway, SELKIE_TOPIC_GATEWAY_RECEIPT) > 0) {
            int result = selkie_publish_json(NULL, topic, json, 1, false);
            (void)result;
        }
        json_decref(json);
        receipt->seqs = NULL;
    }
    deliver->receipt_count = 0;
}

static int publish_one(struct selkie_deliver *deliver, const struct selkie_output *output)
{
    switch (output->kind) {
    case SELKIE_OUTPUT_PAYLOAD:
    case SELKIE_OUTPUT_EVENT:
        return publish_device(deliver, output);
    case SELKIE_OUTPUT_VALUES:
        return publish_values(deliver, output);
    case SELKIE_OUTPUT_STATE:
        return publish_state(deliver, output);
    case SELKIE_OUTPUT_REFRESHED:
        selkie_retained_values_end_refresh(deliver->with.values);
        selkie_retained_end_refresh(deliver->with.retained);
        selkie_discovery_end_refresh(deliver->with.discovery);
        return 0;
    case SELKIE_OUTPUT_GATEWAY:
        return selkie_retained_publish_absent(deliver->with.retained, output->gateway);
    case SELKIE_OUTPUT_REJECTED:
        return publish_rejected(deliver, output);
    case SELKIE_OUTPUT_RECEIPT:
        return note_receipt(deliver, output);
    case SELKIE_OUTPUT_ANSWER:
        return selkie_control_answer(deliver->with.control, output, deliver->with.root);
    default:
        return SELKIE_EINVAL;
    }
}

void selkie_deliver_confirm(struct selkie_deliver *deliver)
{
    if (deliver->delivered == deliver->published)
        return;
    selkie_unsealer_delivered(deliver->with.unsealer, deliver->published);
    deliver->delivered = deliver->published;
}

bool selkie_deliver_turn(struct selkie_deliver *deliver)
{
    struct selkie_output *output = deliver->held;
    unsigned done = 0;

    selkie_deliver_confirm(deliver);
    deliver->held = NULL;
    if (!output)
        output = selkie_unsealer_take(deliver->with.unsealer);
    while (output) {
        int result = publish_one(deliver, output);
        if (result == SELKIE_ENOMEM) {
            deliver->held = output; /* the order is kept, and no payload is skipped */
            break;
        }
        if (result < 0) /* retrying would hold up all others */
            selkie_plugin_log(LOG_ERR, "cannot publish a message of %zu bytes, so it is dropped: %s", output->len,
                              selkie_error_text(result));
        if (output->outbox > deliver->published)
            deliver->published = output->outbox;
        selkie_output_free(output);
        output = ++done < SELKIE_DELIVER_MAX ? selkie_unsealer_take(deliver->with.unsealer) : NULL;
    }
    publish_receipts(deliver);
    return done == SELKIE_DELIVER_MAX;
}
