/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/mosquitto.h"

#include "core/embedded.h"
#include <errno.h>
#include <inttypes.h>
#include <mbedtls/pk.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <selkie/clock.h>
#include <selkie/file.h>
#include <selkie/mbedtls.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PLUGIN         "mosquitto_selkie.so"
#define START_PATIENCE 10000 /* ms */
#define STOP_PATIENCE  20000

#define CONNECT_TIMEOUT_S 30
#define KEEPALIVE_S       20
#define RECONNECT_S       1

/* Beyond so many messages in the queue some are dropped, and the verdict is "failed": an account with gaps is none. */
#define MESSAGES_MAX 1000000u

/* Bound without listening: Mosquitto, which also sets SO_REUSEADDR, may still bind it; nobody is given it as free. */
static int hold_port(struct selkie_sim_broker *broker)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int on = 1;

    broker->hold = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (broker->hold < 0 || setsockopt(broker->hold, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(broker->hold, (struct sockaddr *)&address, len) != 0 ||
        getsockname(broker->hold, (struct sockaddr *)&address, &len) != 0) {
        selkie_say("no free port: %s", strerror(errno));
        return SELKIE_EIO;
    }
    broker->port = ntohs(address.sin_port);
    return 0;
}

static bool listens(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;

    if (fd >= 0)
        (void)close(fd);
    return connected;
}

static int write_plugin_json(const struct selkie_sim_broker *broker)
{
    const struct selkie_scenario_broker *options = broker->options;
    json_t *json = json_pack("{s:s, s:s, s:b, s:s, s:s, s:s, s:[s], s:[{s:i, s:s}, {s:i, s:s}]}", "root", options->root,
                             "state_dir", "state", "create", 1, "gateways", "any", "enrolment", options->enrolment,
                             "rebind", options->rebind, "admins", SELKIE_SIM_ADMIN, "keys", "id", 1, "file",
                             "1.key.pem", "id", 2, "file", "2.key.pem");

    if (options->workers > 0)
        json_object_set_new(json, "workers", json_integer(options->workers));
    if (options->max_devices > 0)
        json_object_set_new(json, "max_devices", json_integer(options->max_devices));
    if (options->silent_after_s > 0)
        json_object_set_new(json, "silent_after", json_integer(options->silent_after_s));
    return selkie_folder_write_json(broker->folder, "plugin.json", json);
}

/* Sessions are kept over a restart, and nothing that waits for a slow reader is thrown away: an account must not have
 * gaps of its own. */
static int write_mosquitto_conf(const struct selkie_sim_broker *broker)
{
    char text[2048], plugin[SELKIE_PATH_MAX];
    const struct passwd *user =
        getpwuid(geteuid()); /* started as root, it would become "mosquitto" and lose the folder */

    if (broker->options->plugin)
        (void)snprintf(plugin, sizeof plugin, "%s", broker->options->plugin);
    else
        selkie_process_find(plugin, PLUGIN, SELKIE_PLUGIN_INSTALLED);
    (void)snprintf(
        text, sizeof text,
        "user %s\nlog_dest stderr\npersistence true\npersistence_location %s/\nmax_queued_messages 10000000\n"
        "max_inflight_messages 0\nset_tcp_nodelay true\nallow_anonymous true\nplugin %s\n"
        "plugin_opt_config_file %s/plugin.json\nlistener %u 127.0.0.1\n",
        user ? user->pw_name : "root", broker->folder->path, plugin, broker->folder->path, broker->port);
    return selkie_folder_write(broker->folder, "mosquitto.conf", text);
}

int selkie_sim_broker_start(struct selkie_sim_broker *broker)
{
    /* Debian keeps it where only root's PATH looks. */
    const char *program = access("/usr/sbin/mosquitto", X_OK) == 0 ? "/usr/sbin/mosquitto" : "mosquitto";
    if (broker->options->mosquitto)
        program = broker->options->mosquitto;

    char config[SELKIE_PATH_MAX];
    int64_t limit_us = selkie_clock_monotonic_us() + START_PATIENCE * 1000;

    selkie_folder_path(broker->folder, config, "mosquitto", "conf");
    const char *const argv[] = {program, "-c", config, NULL};
    int error = selkie_process_start(&broker->process, broker->folder, "mosquitto", argv);
    while (error == 0 && !listens(broker->port)) {
        struct pollfd end = {.fd = broker->process.pidfd, .events = POLLIN};
        if (poll(&end, 1, 5) > 0 || selkie_clock_monotonic_us() > limit_us)
            error = SELKIE_EIO;
    }
    if (error < 0) {
        selkie_say("the broker does not start");
        selkie_process_show_log(&broker->process);
        selkie_process_stop(&broker->process, SIGKILL, 0);
    }
    return error;
}

void selkie_sim_broker_stop(struct selkie_sim_broker *broker, bool kill)
{
    selkie_process_stop(&broker->process, kill ? SIGKILL : SIGTERM, STOP_PATIENCE);
}

bool selkie_sim_broker_died(struct selkie_sim_broker *broker)
{
    if (broker->process.pid == 0 || !selkie_process_ended(&broker->process))
        return false;
    selkie_process_show_log(&broker->process);
    return true;
}

void selkie_sim_broker_save(const struct selkie_sim_broker *broker)
{
    if (broker->process.pid != 0)
        (void)kill(broker->process.pid, SIGUSR1);
}

/* Read the public half of a key of the cloud. */
static int read_key(struct selkie_sim_key *key, uint8_t id, const char *path)
{
    uint8_t der[2 * SELKIE_PUBLIC_KEY_SIZE];
    mbedtls_pk_context pk;
    int error = SELKIE_ECONFIG;

    mbedtls_pk_init(&pk);
    key->id = id;
    const char *fault;
    int fd = selkie_file_open(path, &fault);
    if (fd >= 0)
        (void)close(fd);
    if (fd < 0) {
        selkie_say("%s: %s", path, fault);
    } else if (mbedtls_pk_parse_public_keyfile(&pk, path) != 0) {
        selkie_say("%s: not a public key in PEM form", path);
    } else if (mbedtls_pk_write_pubkey_der(&pk, der, sizeof der) != SELKIE_PUBLIC_KEY_SIZE) {
        selkie_say("%s: not an RSA-4096 key with exponent 65537", path);
    } else { /* DER is written to the buffer's end */
        memcpy(key->spki, der + sizeof der - SELKIE_PUBLIC_KEY_SIZE, SELKIE_PUBLIC_KEY_SIZE);
        error = selkie_mbedtls_sha256(key->spki, SELKIE_PUBLIC_KEY_SIZE, key->pin, 0) == 0 ? 0 : SELKIE_ECRYPTO;
    }
    mbedtls_pk_free(&pk);
    return error;
}

static int open_own_keys(struct selkie_sim_broker *broker)
{
    static const struct {
        const char *private_name, *private_text, *public_name, *public_text;
    } own[SELKIE_SIM_KEYS] = {{"1.key.pem", selkie_embedded_key_1, "1.pub.pem", selkie_embedded_pub_1},
                              {"2.key.pem", selkie_embedded_key_2, "2.pub.pem", selkie_embedded_pub_2}};
    char path[SELKIE_PATH_MAX];
    int error = 0;

    for (; broker->key_count < SELKIE_SIM_KEYS && error == 0; broker->key_count++) {
        size_t i = broker->key_count;
        selkie_folder_path(broker->folder, path, own[i].public_name, NULL);
        error = selkie_folder_write(broker->folder, own[i].private_name, own[i].private_text);
        if (error == 0)
            error = selkie_folder_write(broker->folder, own[i].public_name, own[i].public_text);
        if (error == 0)
            error = read_key(&broker->keys[i], (uint8_t)(i + 1), path);
    }
    return error;
}

/* What is needed of a broker of yours. */
static int open_yours(struct selkie_sim_broker *broker)
{
    const struct selkie_scenario_broker *options = broker->options;
    char why[SELKIE_MQTT_TEXT_MAX];
    int error = 0;

    for (; broker->key_count < options->key_count && error == 0; broker->key_count++)
        error = read_key(&broker->keys[broker->key_count], options->keys[broker->key_count].id,
                         options->keys[broker->key_count].file);
    if (error < 0 || !options->password_file)
        return error;
    broker->password = broker->password_text;
    error = selkie_mqtt_settings_password(broker->password_text, options->password_file, why);
    if (error < 0)
        selkie_say("%s", why);
    return error;
}

static int make_settings(struct selkie_sim_broker *broker)
{
    const struct selkie_scenario_broker *options = broker->options;
    struct selkie_mqtt_settings *settings = &broker->settings;
    char own[64];
    const char *uri = broker->own ? own : options->uri;

    selkie_mqtt_settings_init(settings, CONNECT_TIMEOUT_S);
    settings->keepalive_s = KEEPALIVE_S;
    settings->ca = options->ca;
    settings->cert = options->cert;
    settings->key = options->key;
    (void)snprintf(own, sizeof own, "mqtt://127.0.0.1:%u", broker->port);
    const char *fault = selkie_mqtt_settings_add_uris(settings, uri);
    if (!fault)
        return 0;
    selkie_say("%s: %s", uri, fault);
    return SELKIE_ECONFIG;
}

int selkie_sim_broker_open(struct selkie_sim_broker *broker, struct selkie_run *run,
                           const struct selkie_scenario_broker *options, const struct selkie_folder *folder)
{
    const struct selkie_mqtt_limits limits = {.messages = MESSAGES_MAX, .message_bytes = SIZE_MAX};

    *broker = (struct selkie_sim_broker){.run = run,
                                         .options = options,
                                         .folder = folder,
                                         .own = !options->uri,
                                         .process.pidfd = -1,
                                         .hold = -1,
                                         .receipt_wait_us = UINT64_MAX};
    int error = selkie_mqtt_queue_open(&broker->queue, limits);
    if (error == 0)
        error = broker->own ? open_own_keys(broker) : open_yours(broker);
    if (error == 0 && broker->own)
        error = hold_port(broker);
    if (error == 0)
        error = make_settings(broker);
    if (error < 0 || !broker->own)
        return error;
    error = write_plugin_json(broker);
    if (error == 0)
        error = write_mosquitto_conf(broker);
    return error == 0 ? selkie_sim_broker_start(broker) : error;
}

void selkie_sim_broker_close(struct selkie_sim_broker *broker)
{
    selkie_sim_broker_stop(broker, false);
    if (broker->hold >= 0)
        (void)close(broker->hold);
    selkie_mqtt_queue_close(broker->queue);
    explicit_bzero(broker->password_text, sizeof broker->password_text);
}

int selkie_sim_client_open(struct selkie_sim_client *client, const struct selkie_sim_broker *broker, const char *name,
                           struct selkie_mqtt_options options, selkie_sim_client_handler *on_event, void *owner)
{
    char why[SELKIE_MQTT_TEXT_MAX];

    client->on_event = on_event;
    client->owner = owner;
    (void)snprintf(client->id, sizeof client->id, "selkie-sim-%s-%" PRId64, name, broker->run->epoch_ms);
    options.settings = &broker->settings;
    options.id = client->id;
    options.reconnect_s = RECONNECT_S;
    int error = selkie_mqtt_open(&client->mqtt, broker->queue, client);
    if (error < 0)
        return error;
    error = selkie_mqtt_connect(client->mqtt, &options, why);
    if (error < 0)
        selkie_say("%s: %s", broker->settings.name, why);
    return error;
}

void selkie_sim_client_close(struct selkie_sim_client *client)
{
    selkie_mqtt_close(client->mqtt);
    client->mqtt = NULL;
}
