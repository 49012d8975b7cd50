/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin_config.h"

#include <selkie/topic.h>

#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS_MAX      256
#define SILENT_AFTER_MAX (366LL * 24 * 3600)
#define REPLAY_WAIT_MAX  600
#define DEVICES_MAX      1000000000
#define FORGET_AFTER_MAX 36500
#define PATH_SIZE        4096

static const char *const providers[] = {"openssl", "mbedtls", NULL};

/* The path under a key, seen from the configuration's folder; NULL after a mistake. */
static const char *require_path(struct selkie_settings_object *object, const char *key, const char *config_path,
                                char resolved[static PATH_SIZE])
{
    const char *path = selkie_settings_require_string(object, key), *slash = strrchr(config_path, '/');
    int folder_len = path[0] == '/' || !slash ? 0 : (int)(slash + 1 - config_path);

    if (path[0] == '\0')
        selkie_settings_reject(object, key, "must not be empty");
    else if (snprintf(resolved, PATH_SIZE, "%.*s%s", folder_len, config_path, path) >= PATH_SIZE)
        selkie_settings_reject(object, key, "is too long");
    else
        return resolved;
    return NULL;
}

/* One of [{"id":1,"file":…},{"id":2,"uri":…,"pin_file":…}]. */
static void read_key(struct selkie_plugin_config *config, struct selkie_settings_object *entry, const char *config_path,
                     const char *provider)
{
    char file[PATH_SIZE];
    char error[SELKIE_KEYRING_ERROR_SIZE];
    struct selkie_key_source source = {0};
    bool by_uri = selkie_settings_has(entry, "uri");
    const char *where = by_uri ? "uri" : "file";

    source.id = (uint8_t)selkie_settings_require_integer(entry, "id", 1, UINT8_MAX);
    if (by_uri) {
        source.uri = selkie_settings_require_string(entry, "uri");
        if (selkie_settings_has(entry, "pin_file"))
            source.pin_file = require_path(entry, "pin_file", config_path, file);
    } else {
        source.file = require_path(entry, "file", config_path, file);
        source.provider = provider;
        if (selkie_settings_has(entry, "provider"))
            source.provider = providers[selkie_settings_choice(entry, "provider", providers, 0)];
    }
    selkie_settings_end(entry);
    if (!selkie_settings_error(config->settings) && selkie_keyring_add(config->keyring, &source, error) < 0)
        selkie_settings_reject(entry, where, "%s", error);
}

static void read_keys(struct selkie_plugin_config *config, struct selkie_settings_object *root, const char *config_path)
{
    const char *provider = NULL;
    size_t count = selkie_settings_list(root, "keys", true);

    if (selkie_settings_has(root, "provider"))
        provider = providers[selkie_settings_choice(root, "provider", providers, 0)];
    if (count == 0)
        selkie_settings_reject(root, "keys", "must name at least one key");
    for (size_t i = 0; i < count && !selkie_settings_error(config->settings); i++)
        read_key(config, selkie_settings_list_object(root, "keys", i), config_path, provider);
}

/* A list of strings; NULL where it is empty. */
static const char **read_strings(struct selkie_settings_object *object, const char *key, size_t *count)
{
    size_t size = selkie_settings_list(object, key, false);
    const char **strings = size == 0 ? NULL : calloc(size, sizeof *strings);

    *count = 0;
    if (size != 0 && !strings)
        selkie_settings_reject(object, key, "%s", selkie_error_text(SELKIE_ENOMEM));
    for (size_t i = 0; strings && i < size; i++)
        strings[(*count)++] = selkie_settings_list_string(object, key, i);
    return strings;
}

/* "alice", or {"user":"bob","topics":["selkie/device/+/state"]}. */
static void read_reader(struct selkie_settings_object *root, size_t index, struct selkie_plugin_reader *reader)
{
    if (selkie_settings_list_is_string(root, "readers", index)) {
        reader->user = selkie_settings_list_string(root, "readers", index);
        return;
    }
    struct selkie_settings_object *entry = selkie_settings_list_object(root, "readers", index);
    reader->user = selkie_settings_require_string(entry, "user");
    reader->topics = read_strings(entry, "topics", &reader->topic_count);
    if (selkie_settings_has(entry, "topics") && reader->topic_count == 0)
        selkie_settings_reject(entry, "topics", "must name at least one topic; leave it out to mean all");
    for (size_t i = 0; i < reader->topic_count; i++)
        if (mosquitto_sub_topic_check(reader->topics[i]) != MOSQ_ERR_SUCCESS)
            selkie_settings_reject(entry, "topics", "\"%s\" is not a topic filter", reader->topics[i]);
    selkie_settings_end(entry);
}

static void read_readers(struct selkie_plugin_config *config, struct selkie_settings_object *root)
{
    static const char *const any[] = {"any", NULL};

    config->any_reader = !selkie_settings_has(root, "readers") || selkie_settings_is_string(root, "readers");
    if (config->any_reader) {
        (void)selkie_settings_choice(root, "readers", any, 0);
        return;
    }
    size_t count = selkie_settings_list(root, "readers", true);
    if (count == 0)
        return;
    config->readers = calloc(count, sizeof *config->readers);
    if (!config->readers) {
        selkie_settings_reject(root, "readers", "%s", selkie_error_text(SELKIE_ENOMEM));
        return;
    }
    for (size_t i = 0; i < count; i++)
        read_reader(root, i, &config->readers[config->reader_count++]);
}

/* Whether a topic is another one or lies below it. */
static bool is_within(const char *topic, const char *tree)
{
    size_t len = strlen(tree);

    return strncmp(topic, tree, len) == 0 && (topic[len] == '\0' || topic[len] == '/');
}

static void read_home_assistant(struct selkie_plugin_config *config, struct selkie_settings_object *root)
{
    struct selkie_settings_object *object = selkie_settings_object(root, "home_assistant", false);

    if (!object)
        return;
    config->discovery_prefix = selkie_settings_string(object, "prefix", "homeassistant");
    config->approve_button = selkie_settings_boolean(object, "approve_button", false);
    if (!selkie_topic_root_valid(config->discovery_prefix))
        selkie_settings_reject(object, "prefix", "must be topic levels without wildcards or '$', at most %d bytes",
                               SELKIE_TOPIC_ROOT_MAX);
    else if (is_within(config->discovery_prefix, config->root) || is_within(config->root, config->discovery_prefix))
        selkie_settings_reject(object, "prefix", "must not lie below the root (%s), nor the root below it",
                               config->root);
    selkie_settings_end(object);
}

static void read_all(struct selkie_plugin_config *config, const char *path)
{
    static const char *const enrolments[] = {"open", "approve", "listed", NULL};
    static const char *const rebinds[] = {"approve", "deny", "claim", "allow", NULL};
    static const char *const others[] = {"defer", "allow", NULL};
    static const char *const gateways[] = {"registered", "any", NULL};
    struct selkie_settings_object *root = selkie_settings_root(config->settings);
    char state_dir[PATH_SIZE], models_dir[PATH_SIZE];

    config->root = selkie_settings_string(root, "root", SELKIE_TOPIC_ROOT_DEFAULT);
    if (!selkie_topic_root_valid(config->root))
        selkie_settings_reject(root, "root", "must be topic levels without wildcards or '$', at most %d bytes",
                               SELKIE_TOPIC_ROOT_MAX);
    if (require_path(root, "state_dir", path, state_dir) && !(config->state_dir = strdup(state_dir)))
        selkie_settings_reject(root, "state_dir", "%s", selkie_error_text(SELKIE_ENOMEM));
    if (selkie_settings_has(root, "models_dir") && require_path(root, "models_dir", path, models_dir) &&
        !(config->models_dir = strdup(models_dir)))
        selkie_settings_reject(root, "models_dir", "%s", selkie_error_text(SELKIE_ENOMEM));
    config->create = selkie_settings_boolean(root, "create", false);
    config->workers = (unsigned)selkie_settings_integer(root, "workers", 1, WORKERS_MAX, 0);
    config->enrolment = (enum selkie_enrolment)selkie_settings_choice(root, "enrolment", enrolments, SELKIE_ENROL_OPEN);
    config->rebind = (enum selkie_rebind)selkie_settings_choice(root, "rebind", rebinds, SELKIE_REBIND_APPROVE);
    config->admins = read_strings(root, "admins", &config->admin_count);
    config->bridges = read_strings(root, "bridges", &config->bridge_count);
    read_readers(config, root);
    config->allow_other_topics = selkie_settings_choice(root, "other_topics", others, 0) == 1;
    config->silent_after_s = (unsigned)selkie_settings_integer(root, "silent_after", 0, SILENT_AFTER_MAX, 0);
    config->replay_wait_s = (unsigned)selkie_settings_integer(root, "replay_wait", 0, REPLAY_WAIT_MAX, 30);
    config->max_devices = (unsigned)selkie_settings_integer(root, "max_devices", 1, DEVICES_MAX, 100000);
    config->forget_after_days = (unsigned)selkie_settings_integer(root, "forget_after_days", 0, FORGET_AFTER_MAX, 30);
    config->any_gateway = selkie_settings_choice(root, "gateways", gateways, 0) == 1;
    read_home_assistant(config, root);
    read_keys(config, root, path); /* last: it takes longest */
    selkie_settings_end(root);
}

int selkie_plugin_config_open(struct selkie_plugin_config **config, const char *path,
                              char error[static SELKIE_PLUGIN_CONFIG_ERROR_SIZE])
{
    struct selkie_plugin_config *made = calloc(1, sizeof *made);

    *config = NULL;
    if (!made || !(made->settings = selkie_settings_load(path)) || selkie_keyring_open(&made->keyring) < 0) {
        (void)snprintf(error, SELKIE_PLUGIN_CONFIG_ERROR_SIZE, "%s: %s", path, selkie_error_text(SELKIE_ENOMEM));
        selkie_plugin_config_close(made);
        return SELKIE_ENOMEM;
    }
    read_all(made, path);
    if (selkie_settings_error(made->settings)) {
        (void)snprintf(error, SELKIE_PLUGIN_CONFIG_ERROR_SIZE, "%s", selkie_settings_error(made->settings));
        selkie_plugin_config_close(made);
        return SELKIE_ECONFIG;
    }
    *config = made;
    return 0;
}

void selkie_plugin_config_close(struct selkie_plugin_config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->reader_count; i++)
        free(config->readers[i].topics);
    free(config->readers);
    free(config->bridges);
    free(config->admins);
    free(config->state_dir);
    free(config->models_dir);
    selkie_models_close(config->models);
    selkie_keyring_close(config->keyring);
    selkie_settings_close(config->settings);
    free(config);
}

int selkie_plugin_config_read_models(struct selkie_plugin_config *config, const struct selkie_models *before,
                                     void (*refuse)(void *context, const char *line), void *context)
{
    if (!config->models_dir)
        return 0;
    int result = selkie_models_reopen(&config->models, before, config->models_dir, refuse, context);
    config->models_refused = result < 0 ? 1 : selkie_models_refused(config->models);
    return result == SELKIE_ENOMEM ? result : 0;
}

const char *selkie_plugin_config_reject_state_dir(struct selkie_plugin_config *config, const char *fault)
{
    selkie_settings_reject(selkie_settings_root(config->settings), "state_dir", "%s", fault);
    return selkie_settings_error(config->settings);
}

static bool contains(const char *const *list, size_t count, const char *text)
{
    for (size_t i = 0; text && i < count; i++)
        if (strcmp(list[i], text) == 0)
            return true;
    return false;
}

bool selkie_plugin_config_is_admin(const struct selkie_plugin_config *config, const char *user)
{
    return contains(config->admins, config->admin_count, user);
}

bool selkie_plugin_config_is_bridge(const struct selkie_plugin_config *config, const char *client_id)
{
    return contains(config->bridges, config->bridge_count, client_id);
}

const struct selkie_plugin_reader *selkie_plugin_config_reader(const struct selkie_plugin_config *config,
                                                               const char *user)
{
    for (size_t i = 0; user && i < config->reader_count; i++)
        if (strcmp(config->readers[i].user, user) == 0)
            return &config->readers[i];
    return NULL;
}
