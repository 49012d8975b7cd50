/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin's configuration file, read and checked, with its keys loaded. Each mistake is reported with file, line and
 * key. Reads files; one thread at a time. */
#ifndef SELKIE_PLUGIN_CONFIG_H
#define SELKIE_PLUGIN_CONFIG_H

#include <selkie/keyring.h>
#include <selkie/settings.h>
#include <selkie/unsealer.h>

#define SELKIE_PLUGIN_CONFIG_ERROR_SIZE 1024

/* A user who may read below the root. */
struct selkie_plugin_reader {
    const char *user;
    const char **topics; /* topic filters, the root included */
    size_t topic_count;  /* 0 = all */
};

/* All strings but the two folders belong to the document. */
struct selkie_plugin_config {
    struct selkie_settings *settings;
    struct selkie_keyring *keyring;
    const char *root;
    char *state_dir;
    char *models_dir;             /* NULL = none */
    struct selkie_models *models; /* of models_dir; NULL = none, or it cannot be read */
    unsigned models_refused;
    bool create;      /* a registry, where there is none */
    unsigned workers; /* 0 = number of processors */
    enum selkie_enrolment enrolment;
    enum selkie_rebind rebind;
    const char **admins;
    size_t admin_count;
    bool any_reader; /* then the list is empty */
    struct selkie_plugin_reader *readers;
    size_t reader_count;
    const char **bridges; /* client IDs of Mosquitto's own bridges that carry gateways' frames */
    size_t bridge_count;
    bool allow_other_topics;
    unsigned silent_after_s; /* 0 = off */
    unsigned replay_wait_s;  /* likewise */
    unsigned max_devices;    /* that nobody listed */
    unsigned forget_after_days;
    bool any_gateway;
    const char *discovery_prefix; /* of Home Assistant; NULL = off */
    bool approve_button;          /* there */
};

/* Read a file and load the keys that it names. Paths in it are relative to its folder. 0, SELKIE_ECONFIG or
 * SELKIE_ENOMEM; then *config is NULL and `error` holds one sentence that names file, line and key. */
SELKIE_USE_RESULT int selkie_plugin_config_open(struct selkie_plugin_config **config, const char *path,
                                                char error[static SELKIE_PLUGIN_CONFIG_ERROR_SIZE]);
void selkie_plugin_config_close(struct selkie_plugin_config *config);

/* Read the models of models_dir. `refuse` gets a line for each file that is wrong, and one for a folder that cannot be
 * read: neither keeps the plugin from its work. `before`: the models until now, as of selkie_models_reopen; or NULL. 0
 * or SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_plugin_config_read_models(struct selkie_plugin_config *config,
                                                       const struct selkie_models *before,
                                                       void (*refuse)(void *context, const char *line), void *context);

/* The text of an error in the state directory that was found while it was opened, after file, line and key. Lives as
 * long as the configuration. */
const char *selkie_plugin_config_reject_state_dir(struct selkie_plugin_config *config, const char *fault);

bool selkie_plugin_config_is_admin(const struct selkie_plugin_config *config, const char *user);
bool selkie_plugin_config_is_bridge(const struct selkie_plugin_config *config, const char *client_id);

/* The entry for a user, or NULL. */
const struct selkie_plugin_reader *selkie_plugin_config_reader(const struct selkie_plugin_config *config,
                                                               const char *user);

#endif
