/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl watch: prints events, rejections, frames and gateways as they come, one line each, until SIGINT. */
#include "ctl_client.h"
#include "ctl_devices.h"
#include "ctl_text.h"
#include "print.h"

#include <selkie/topic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAYLOAD_SHOWN 64
#define VALUES        "/values" /* shown with --values, */
#define LATE          "/late"   /* also below that */

/* The topics below the root. One device has its own topics; its rejected frames are found by its address. */
static const struct feed {
    const char *family;
    const char *leaf;
    const char *what;
} feeds[] = {
    {"device", "/event", "events"},         {"device", "/up", "frames"},    {"device", VALUES, "values"},
    {"device", VALUES LATE, "late values"}, {"rejected", "", "rejections"}, {"gateway", "/state", "gateways"},
};

static void print_clock(void)
{
    char text[32] = "";
    time_t now = time(NULL);
    struct tm local;
    if (localtime_r(&now, &local))
        (void)strftime(text, sizeof text, "%H:%M:%S %z", &local);
    fputs(text, stdout);
}

static const char *field(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return !text ? "-" : text;
}

/* One line without its end: what came from whom, the field that says most, and the others as name=value but the one
 * that is printed already. */
static void print_line(const char *what, const char *whom, json_t *object, const char *headline, const char *printed)
{
    const char *name;
    json_t *value;
    print_clock();
    printf("  %-8s  %-16s  ", what, whom);
    ctl_print_text(field(object, headline));
    json_object_foreach (object, name, value) {
        if (!printed || strcmp(name, headline) == 0 || strcmp(name, printed) == 0)
            continue;
        char *text = json_is_string(value) ? NULL : ctl_json_dump(value, JSON_ENCODE_ANY | JSON_COMPACT);
        fputs("  ", stdout);
        ctl_print_text(name);
        putchar('=');
        ctl_print_text(text ? text : json_string_value(value));
        free(text);
    }
}

/* What to show, beside the configuration. */
struct view {
    const char *address; /* of one device alone; NULL = all */
    bool values;
    bool as_json;
};

static const char *property(const struct selkie_mqtt_event *message, const char *name)
{
    const char *value = selkie_mqtt_event_property(message, name);
    return !value ? "-" : value;
}

static void print_frame(const char *address, const struct selkie_mqtt_event *message)
{
    size_t shown = message->len < PAYLOAD_SHOWN ? message->len : PAYLOAD_SHOWN;
    json_t *bytes = ctl_json_must(json_object());
    print_clock();
    printf("  %-8s  %-16s", "frame", address);
    ctl_add_bytes(bytes, "hex", "text", message->payload, shown);
    const char *text = json_string_value(json_object_get(bytes, "text"));
    printf("  #");
    ctl_print_text(property(message, "counter"));
    putchar(' ');
    ctl_print_text(property(message, "form"));
    fputs(" by ", stdout);
    ctl_print_text(property(message, "gateway"));
    if (selkie_mqtt_event_property(message, "rssi")) {
        fputs(" at ", stdout);
        ctl_print_text(property(message, "rssi"));
        fputs(" dBm", stdout);
    }
    printf(", %zu bytes: %s%s", message->len, text ? text : field(bytes, "hex"), shown < message->len ? "…" : "");
    json_decref(bytes);
}

static void print_values(const char *what, const char *address, json_t *values, const struct selkie_mqtt_event *message)
{
    const char *name;
    json_t *value;
    print_clock();
    printf("  %-8s  %-16s  #", what, address);
    ctl_print_text(property(message, "counter"));
    json_object_foreach (values, name, value) {
        char *text = json_is_string(value) ? NULL : ctl_json_dump(value, JSON_ENCODE_ANY | JSON_COMPACT);
        fputs("  ", stdout);
        ctl_print_text(name);
        putchar('=');
        ctl_print_text(text ? text : json_string_value(value));
        free(text);
    }
}

static void print_readable(const struct selkie_mqtt_event *message, const char *root)
{
    struct selkie_topic topic;
    char address[SELKIE_ADDRESS_TEXT_SIZE];
    if (selkie_topic_parse(&topic, root, message->topic) < 0)
        return;
    json_t *payload = json_loadb((const char *)message->payload, message->len, 0, NULL);
    selkie_address_format(address, topic.address);
    switch (topic.kind) {
    case SELKIE_TOPIC_DEVICE_UP:
        print_frame(address, message);
        break;
    case SELKIE_TOPIC_DEVICE_VALUES:
        print_values("values", address, payload, message);
        break;
    case SELKIE_TOPIC_DEVICE_LATE:
        print_values("late", address, payload, message);
        break;
    case SELKIE_TOPIC_DEVICE_EVENT:
        print_line("event", address, payload, "event", "time");
        break;
    case SELKIE_TOPIC_REJECTED:
        print_line("rejected", ctl_device_address(address, field(payload, "address")) ? address : "-", payload,
                   "reason", "address");
        break;
    case SELKIE_TOPIC_GATEWAY_STATE:
        print_line("gateway", topic.gateway, payload, "state", NULL);
        break;
    default:
        print_line("message", message->topic, payload, "", NULL);
        break;
    }
    putchar('\n');
    json_decref(payload);
}

/* One object a line: the topic, the properties, and the payload as JSON where it is, else as hex. */
static void print_json(const struct selkie_mqtt_event *message)
{
    json_t *object = ctl_json_pack("{s:o}", "topic", ctl_json_text(message->topic, strlen(message->topic)));
    for (size_t i = 0; i < message->property_count; i++)
        ctl_json_set_take(object, message->properties[i].name,
                          ctl_json_text(message->properties[i].value, strlen(message->properties[i].value)));
    const char *slash = strrchr(message->topic, '/');
    json_t *payload =
        slash && strcmp(slash, "/up") == 0 ? NULL : json_loadb((const char *)message->payload, message->len, 0, NULL);
    if (payload)
        ctl_json_set_take(object, "payload", payload);
    else
        ctl_add_bytes(object, "payload", "text", message->payload, message->len);
    ctl_json_write(object, JSON_COMPACT | JSON_ENSURE_ASCII);
    putchar('\n');
    json_decref(object);
}

static enum ctl_exit subscribe(struct selkie_ctl_client *client, const struct selkie_ctl_config *config,
                               const struct view *view)
{
    const char *address = view->address;
    unsigned granted = 0;
    for (size_t i = 0; i < sizeof feeds / sizeof feeds[0]; i++) {
        char filter[SELKIE_TOPIC_MAX];
        bool of_device = strcmp(feeds[i].family, "device") == 0;
        if (address && strcmp(feeds[i].family, "gateway") == 0)
            continue;
        if (!view->values && strncmp(feeds[i].leaf, VALUES, sizeof VALUES - 1) == 0)
            continue;
        snprintf(filter, sizeof filter, "%s/%s/%s%s", config->root, feeds[i].family,
                 address && of_device ? address : "+", feeds[i].leaf);
        int reason = selkie_ctl_client_subscribe(client, filter, 1);
        if (reason < 0)
            return CTL_FAILED;
        if (reason >= SELKIE_MQTT_REFUSAL)
            ctl_fail("the broker does not allow this user to read the %s", feeds[i].what);
        else
            granted++;
    }
    return granted == 0 ? CTL_FAILED : CTL_DONE;
}

/* Retained values are of a frame that came before; an empty message only clears them. */
static bool is_shown(const struct selkie_mqtt_event *message, const struct view *view)
{
    const char *leaf = strrchr(message->topic, '/'), *address = view->address;
    if (leaf && strcmp(leaf, VALUES) == 0 && (message->retained || message->len == 0))
        return false;
    return !address || strstr(message->topic, address) || strstr((const char *)message->payload, address);
}

/* The broker restarts now and then. What it had for us meanwhile is lost. */
static enum ctl_wait go_on(struct selkie_ctl_client *client, const struct selkie_ctl_config *config,
                           const struct view *view)
{
    fputs("selkiectl: trying to connect again\n", stderr);
    for (;;) {
        if (selkie_ctl_client_reconnect(client) == CTL_INTERRUPTED)
            return CTL_INTERRUPTED;
        if (subscribe(client, config, view) == CTL_DONE)
            break;
        if (!selkie_ctl_client_is_lost(client))
            return CTL_LOST;
    }
    fprintf(stderr, "selkiectl: watching %s again; what came meanwhile is not shown\n", selkie_ctl_client_uri(client));
    return CTL_MESSAGE;
}

static enum ctl_exit show(struct selkie_ctl_client *client, const struct selkie_ctl_config *config,
                          const struct view *view)
{
    for (;;) {
        struct selkie_mqtt_event *message;
        enum ctl_wait wait = selkie_ctl_client_next(client, &message, -1);
        if (wait == CTL_LOST) {
            wait = go_on(client, config, view);
            if (wait == CTL_MESSAGE)
                continue;
        }
        if (wait == CTL_INTERRUPTED)
            return CTL_DONE;
        if (wait != CTL_MESSAGE)
            return CTL_FAILED;
        if (is_shown(message, view) && view->as_json)
            print_json(message);
        else if (is_shown(message, view))
            print_readable(message, config->root);
        free(message);
        size_t dropped = selkie_ctl_client_dropped(client);
        if (dropped != 0)
            ctl_fail("%zu messages were dropped: they came faster than they could be printed", dropped);
        if (fflush(stdout) != 0)
            return CTL_FAILED; /* main says why */
    }
}

enum ctl_exit ctl_watch(const struct ctl_options *options, const struct ctl_command *command)
{
    (void)command;
    struct selkie_ctl_config config;
    struct selkie_ctl_client *client = NULL;
    char address[SELKIE_ADDRESS_TEXT_SIZE];
    const struct view view = {
        .address = options->arg_count > 0 ? address : NULL, .values = options->values, .as_json = options->json};
    if (view.address && ctl_device_argument(address, options) != CTL_DONE)
        return CTL_USAGE;
    enum ctl_exit result = selkie_ctl_config_open(&config, options);
    if (result == CTL_DONE)
        result = selkie_ctl_client_open(&client, &config, true);
    if (result == CTL_DONE)
        result = subscribe(client, &config, &view);
    if (result == CTL_DONE) {
        fprintf(stderr, "selkiectl: watching %s; press Ctrl-C to end\n", selkie_ctl_client_uri(client));
        result = show(client, &config, &view);
    }
    selkie_ctl_client_close(client);
    selkie_ctl_config_close(&config);
    return result;
}
