/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway_config.h"

#include "log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <selkie/file.h>
#include <selkie/frame.h>
#include <selkie/radio_profile.h>
#include <selkie/settings.h>
#include <selkie/topic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tls_files.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_S 30

/* The caller sees the first member; the strings in it belong to the document. */
struct holder {
    struct selkie_gateway_config config;
    struct selkie_settings *document;
};

static void check_file(struct selkie_settings_object *object, const char *key, const char *path, bool secret)
{
    struct stat info;

    if (!path)
        return;
    if (path[0] != '/') {
        selkie_settings_reject(object, key, "must be a path from the root");
        return;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) != 0)
        selkie_settings_reject(object, key, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(info.st_mode))
        selkie_settings_reject(object, key, "%s: not a file", path);
    else if (secret && (info.st_mode & S_IRWXO) != 0)
        selkie_settings_reject(object, key, "%s: everybody may read it; chmod o= it", path);
    if (fd >= 0)
        (void)close(fd);
}

/* A file that holds no password is told now, and not by a broker that refuses it. */
static void check_password(struct selkie_settings_object *object, const char *path)
{
    char password[SELKIE_MQTT_PASSWORD_MAX], why[SELKIE_MQTT_TEXT_MAX];

    check_file(object, "password_file", path, true);
    if (path && selkie_mqtt_settings_password(password, path, why) < 0)
        selkie_settings_reject(object, "password_file", "%s", why);
    explicit_bzero(password, sizeof password);
}

static void read_broker(struct selkie_mqtt_settings *broker, struct selkie_settings_object *object)
{
    const char *key;
    char why[SELKIE_MQTT_TEXT_MAX];

    selkie_mqtt_settings_init(broker, CONNECT_TIMEOUT_S);
    selkie_mqtt_settings_read(broker, object);
    const char *fault = selkie_mqtt_settings_fault(broker, &key);
    if (fault)
        selkie_settings_reject(object, key, "%s", fault);
    check_password(object, broker->password_file);
    check_file(object, "ca", broker->ca, false);
    check_file(object, "cert", broker->cert, !broker->key); /* without `key`, the key is in there too */
    check_file(object, "key", broker->key, true);
    if (!fault && selkie_tls_files_check(broker, why) < 0) {
        size_t key_len = strcspn(why, " "); /* it begins with the key */
        why[key_len] = '\0';
        selkie_settings_reject(object, why, "%s", why + key_len + 1);
    }
}

/* The defaults of a line: those of the radio that it names. */
static const struct selkie_radio_profile *read_radio(struct selkie_settings_object *object)
{
    static const struct selkie_radio_profile plain = {
        .baud = 9600, .bit_rate = SELKIE_BIT_RATE_DEFAULT, .quiet_ms = SELKIE_QUIET_MS_DEFAULT};
    const char *name = selkie_settings_string(object, "radio", NULL);
    const struct selkie_radio_profile *radio = name ? selkie_radio_profile_find(name) : &plain;
    char names[SELKIE_RADIO_NAMES_SIZE];

    if (radio)
        return radio;
    selkie_radio_profile_names(names);
    selkie_settings_reject(object, "radio", "\"%s\" is not one of %s; leave it out for any other radio", name, names);
    return &plain;
}

static void check_device(struct selkie_settings_object *object, const char *device)
{
    char host[SELKIE_MQTT_HOST_MAX];
    uint16_t port;

    if (strncmp(device, "rfc2217://", 10) == 0)
        selkie_settings_reject(object, "device",
                               "rfc2217:// is not supported: set the speed at the serial server, and use "
                               "tcp://HOST:PORT, its port for raw bytes");
    else if (selkie_line_settings_is_tcp(device)) {
        if (!selkie_mqtt_settings_parse_host(host, &port, device + strlen(SELKIE_LINE_TCP), 0))
            selkie_settings_reject(object, "device", "must be tcp://HOST:PORT");
    } else if (device[0] != '/')
        selkie_settings_reject(object, "device",
                               "must be a path from the root, such as /dev/ttyUSB0, or tcp://HOST:PORT");
}

static void read_serial(struct selkie_gateway_line *line, struct selkie_settings_object *object,
                        const struct selkie_radio_profile *radio)
{
    struct selkie_line_settings *serial = &line->serial;

    selkie_line_settings_init(serial);
    serial->tty.baud = radio->baud;
    serial->tty.flow = radio->flow;
    serial->open_wait_ms = radio->open_wait_ms;
    if (selkie_line_settings_set_steps(serial, radio->init, radio->init_count) < 0)
        selkie_settings_reject(object, "radio", "out of memory");
    selkie_line_settings_read(serial, object, line->device);
}

static void read_lines(struct selkie_gateway_config *config, struct selkie_settings_object *root)
{
    static const char *const strengths[] = {[SELKIE_LINE_RSSI_NONE] = "none", [SELKIE_LINE_RSSI_BYTE] = "byte", NULL};
    size_t count = selkie_settings_list(root, "serial", true);

    if (count == 0 || count > SELKIE_LINES_MAX) {
        selkie_settings_reject(root, "serial", "must have 1 to %d lines", SELKIE_LINES_MAX);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct selkie_gateway_line *line = &config->lines[i];
        struct selkie_settings_object *object = selkie_settings_list_object(root, "serial", i);
        const struct selkie_radio_profile *radio = read_radio(object);

        line->device = selkie_settings_require_string(object, "device");
        read_serial(line, object, radio);
        line->ack = selkie_settings_boolean(object, "ack", true);
        line->quiet_ms = (unsigned)selkie_settings_integer(object, "quiet_ms", 0, SELKIE_QUIET_MS_MAX,
                                                           selkie_radio_profile_quiet_ms(radio));
        line->ack_session = selkie_settings_boolean(object, "ack_session", false);
        line->bit_rate = (unsigned)selkie_settings_integer(object, "bit_rate", 50, 4000000, radio->bit_rate);
        line->preamble_ms = (unsigned)selkie_settings_integer(object, "preamble_ms", 0, 10000, radio->preamble_ms);
        line->duty_permille = (unsigned)selkie_settings_integer(object, "duty", 0, 1000, 0);
        line->channel = (unsigned)selkie_settings_integer(object, "channel", 0, SELKIE_LINES_MAX - 1, 0);
        line->rssi = (enum selkie_line_rssi)selkie_settings_choice(object, "rssi", strengths, SELKIE_LINE_RSSI_NONE);
        selkie_settings_end(object);
        config->line_count = i + 1;
        if (!line->device)
            return;
        check_device(object, line->device);
        for (size_t j = 0; j < i; j++)
            if (strcmp(config->lines[j].device, line->device) == 0)
                selkie_settings_reject(object, "device", "%s is there twice", line->device);
    }
}

static void read_allow(struct selkie_gateway_config *config, struct selkie_settings_object *root)
{
    size_t count = selkie_settings_list(root, "allow", false);

    if (count == 0)
        return;
    config->allow = calloc(count, sizeof *config->allow);
    if (!config->allow) {
        selkie_settings_reject(root, "allow", "out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const char *prefix = selkie_settings_list_string(root, "allow", i);
        if (!prefix)
            return;
        size_t len = strlen(prefix);
        if (len == 0 || len >= SELKIE_ADDRESS_TEXT_SIZE || strspn(prefix, "0123456789abcdefABCDEF") != len)
            selkie_settings_reject(root, "allow", "\"%s\" is not 1 to 16 hex digits", prefix);
        config->allow[i] = prefix;
    }
    config->allow_count = count;
}

static void read_spool(struct selkie_gateway_config *config, struct selkie_settings_object *object)
{
    config->spool_path = selkie_settings_require_string(object, "path");
    config->max_frames = selkie_settings_integer(object, "max_frames", 1, 100000000, 1000000);
    selkie_settings_end(object);
    if (config->spool_path && config->spool_path[0] != '/')
        selkie_settings_reject(object, "path", "must be a path from the root");
}

static void read_all(struct selkie_gateway_config *config, struct selkie_settings *document)
{
    static const char *const confirms[] = {
        [SELKIE_CONFIRM_RECEIPT] = "receipt", [SELKIE_CONFIRM_BROKER] = "broker", NULL};
    struct selkie_settings_object *root = selkie_settings_root(document);

    config->root = selkie_settings_string(root, "root", SELKIE_TOPIC_ROOT_DEFAULT);
    config->gateway = selkie_settings_require_string(root, "gateway");
    read_broker(&config->broker, selkie_settings_object(root, "broker", true));
    read_lines(config, root);
    read_spool(config, selkie_settings_object(root, "spool", true));
    config->confirm =
        (enum selkie_gateway_confirm)selkie_settings_choice(root, "confirm", confirms, SELKIE_CONFIRM_RECEIPT);
    config->window = (size_t)selkie_settings_integer(root, "window", 1, SELKIE_WINDOW_MAX, 16);
    config->stats_s = (unsigned)selkie_settings_integer(root, "stats_s", 10, 3600, 30);
    read_allow(config, root);
    selkie_settings_end(root);
    if (config->gateway && !selkie_gateway_name_valid(config->gateway))
        selkie_settings_reject(root, "gateway", "must be 1 to %d letters, digits, '-', '_' or '.'",
                               SELKIE_GATEWAY_NAME_MAX);
    if (!selkie_topic_root_valid(config->root))
        selkie_settings_reject(root, "root", "must be topic levels without wildcards, at most %d bytes",
                               SELKIE_TOPIC_ROOT_MAX);
}

void selkie_gateway_config_warn_of_dates(const struct selkie_gateway_config *config)
{
    char text[SELKIE_MQTT_TEXT_MAX];

    for (unsigned next = 0; selkie_tls_files_warning(&config->broker, &next, text);)
        selkie_log(LOG_WARNING, "%s", text);
}

/* What is no mistake, but seldom meant. */
static void warn(const struct selkie_gateway_config *config)
{
    const struct selkie_mqtt_uri *exposed = selkie_mqtt_settings_exposed(&config->broker);
    char name[SELKIE_MQTT_HOST_MAX];

    if (exposed)
        selkie_log(LOG_WARNING,
                   "broker %s: the password goes over the network as plain text; mqtts:// would protect it",
                   exposed->text);
    if (!config->broker.username && selkie_tls_files_common_name(&config->broker, name) &&
        strcmp(name, config->gateway) != 0)
        selkie_log(LOG_WARNING, "the common name \"%s\" of %s is not the gateway's name \"%s\"", name,
                   config->broker.cert, config->gateway);
    selkie_gateway_config_warn_of_dates(config);
}

/* Takes the document. */
static struct selkie_gateway_config *config_from(struct selkie_settings *document)
{
    struct holder *holder = calloc(1, sizeof *holder);

    if (!document || !holder) {
        selkie_log(LOG_ERR, "%s", selkie_error_text(SELKIE_ENOMEM));
        selkie_settings_close(document);
        free(holder);
        return NULL;
    }
    holder->document = document;
    read_all(&holder->config, document);
    const char *error = selkie_settings_error(document);
    if (error) {
        selkie_log(LOG_ERR, "%s", error);
        selkie_gateway_config_close(&holder->config);
        return NULL;
    }
    warn(&holder->config);
    return &holder->config;
}

/* Who may write it decides where frames go, and which file this service writes. */
static void warn_of_writers(const char *path, const struct selkie_gateway_config *config)
{
    char text[SELKIE_FILE_WRITER_MAX];

    if (selkie_file_find_writer(path, text))
        selkie_log(LOG_WARNING, "configuration %s", text);
    if (selkie_file_find_writer(config->spool_path, text))
        selkie_log(LOG_WARNING, "spool %s", text);
}

struct selkie_gateway_config *selkie_gateway_config_load(const char *path)
{
    struct selkie_gateway_config *config = config_from(selkie_settings_load(path));

    if (config)
        warn_of_writers(path, config);
    return config;
}

struct selkie_gateway_config *selkie_gateway_config_parse(const char *name, const char *text, size_t len)
{
    return config_from(selkie_settings_parse(name, text, len));
}

void selkie_gateway_config_close(struct selkie_gateway_config *config)
{
    struct holder *holder = (struct holder *)config;

    if (!holder)
        return;
    for (size_t i = 0; i < config->line_count; i++)
        selkie_line_settings_wipe(&config->lines[i].serial);
    free(config->allow);
    selkie_settings_close(holder->document);
    free(holder);
}

bool selkie_gateway_config_acknowledges_all(const struct selkie_gateway_config *config)
{
    bool ack = false;

    for (size_t i = 0; i < config->line_count; i++)
        ack = ack || config->lines[i].ack;
    return ack && config->allow_count == 0;
}

bool selkie_gateway_config_same_connection(const struct selkie_gateway_config *a, const struct selkie_gateway_config *b)
{
    return strcmp(a->root, b->root) == 0 && strcmp(a->gateway, b->gateway) == 0 && a->confirm == b->confirm &&
           selkie_mqtt_settings_same(&a->broker, &b->broker);
}

void selkie_gateway_config_show(const struct selkie_gateway_config *config)
{
    const struct selkie_mqtt_settings *broker = &config->broker;

    printf("gateway  %s, topics %s/gateway/%s/…\n", config->gateway, config->root, config->gateway);
    printf("broker   %s%s%s", broker->name, broker->username ? " as " : "", broker->username ? broker->username : "");
    if (selkie_mqtt_settings_tls(broker))
        printf(", trusting %s%s%s", broker->ca ? broker->ca : "this machine's authorities",
               broker->cert ? ", with certificate " : "", broker->cert ? broker->cert : "");
    printf("\n");
    for (size_t i = 0; i < config->line_count; i++) {
        const struct selkie_gateway_line *line = &config->lines[i];
        printf("line     %s", line->device);
        selkie_line_settings_print(stdout, line->device, &line->serial);
        printf(", %s", line->ack ? "acknowledges" : "only listens");
        if (line->ack)
            printf(" after %u ms of quiet, at %u bit/s on channel %u", line->quiet_ms, line->bit_rate, line->channel);
        if (line->ack && line->duty_permille > 0)
            printf(", %u permille of the time at most", line->duty_permille);
        if (line->ack && config->allow_count > 0)
            printf(", %s", line->ack_session ? "SESSION frames of strangers too" : "but no SESSION frames");
        if (line->rssi == SELKIE_LINE_RSSI_BYTE)
            printf(", signal strength in the byte behind each packet");
        printf("\n");
    }
    if (selkie_gateway_config_acknowledges_all(config))
        printf("warning  the devices of others in reach are acknowledged too: name yours in \"allow\"\n");
    printf("spool    %s, at most %lld frames\n", config->spool_path, (long long)config->max_frames);
    printf("confirm  by %s, window %zu\n", config->confirm == SELKIE_CONFIRM_RECEIPT ? "receipt" : "the broker",
           config->window);
    if (config->allow_count == 0)
        printf("allow    every device\n");
    for (size_t i = 0; i < config->allow_count; i++)
        printf("allow    %s%s\n", config->allow[i], strlen(config->allow[i]) < 16 ? "…" : "");
}
