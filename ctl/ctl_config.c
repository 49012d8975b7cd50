/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_config.h"

#include <openssl/crypto.h>
#include <selkie/file.h>
#include <selkie/settings.h>
#include <selkie/topic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tls_files.h>
#include <unistd.h>

#define DEFAULT_URI       "mqtt://localhost"
#define DEFAULT_TIMEOUT_S 10

const char selkie_ctl_config_template[] = "{\n"
                                          "  \"broker\": {\n"
                                          "    \"uri\": \"mqtts://broker.example:8883\",\n"
                                          "    \"username\": \"admin\",\n"
                                          "    \"password_file\": \"/etc/selkie/ctl.password\",\n"
                                          "    \"ca\": \"/etc/selkie/ca.pem\",\n"
                                          "    \"cert\": \"/etc/selkie/ctl.cert.pem\",\n"
                                          "    \"key\": \"/etc/selkie/ctl.key.pem\",\n"
                                          "    \"keepalive_s\": 30,\n"
                                          "    \"connect_timeout_s\": 10\n"
                                          "  },\n"
                                          "  \"root\": \"" SELKIE_TOPIC_ROOT_DEFAULT "\",\n"
                                          "  \"timeout\": 10\n"
                                          "}\n";

/* The first default file that is there, NULL if none is. Heap. */
static char *find_default(void)
{
    const char *home = getenv("HOME");
    char *path = NULL;
    if (home && asprintf(&path, "%s/.config/selkie/ctl.json", home) < 0)
        return NULL;
    if (path && access(path, F_OK) == 0)
        return path;
    free(path);
    return access("/etc/selkie/ctl.json", F_OK) == 0 ? strdup("/etc/selkie/ctl.json") : NULL;
}

static void read_broker(struct selkie_ctl_config *config, struct selkie_settings_object *object, bool use)
{
    struct selkie_mqtt_settings read = config->broker;
    const char *key;
    selkie_mqtt_settings_read(&read, object);
    const char *fault = selkie_mqtt_settings_fault(&read, &key);
    if (fault && strcmp(key, "uri") == 0) /* what else is wrong the command line may complete */
        selkie_settings_reject(object, key, "%s", fault);
    if (use)
        config->broker = read;
}

static enum ctl_exit read_file(struct selkie_ctl_config *config, const struct ctl_options *options)
{
    config->path = options->config ? strdup(options->config) : find_default();
    if (!config->path)
        return CTL_DONE;
    config->settings = selkie_settings_load(config->path);
    if (!config->settings)
        return ctl_fail("%s: %s", config->path, selkie_error_text(SELKIE_ENOMEM));
    struct selkie_settings_object *root = selkie_settings_root(config->settings);
    struct selkie_settings_object *broker = selkie_settings_object(root, "broker", false);
    if (broker)
        read_broker(config, broker, !options->broker);
    config->root = selkie_settings_string(root, "root", SELKIE_TOPIC_ROOT_DEFAULT);
    config->timeout_ms = 1000 * (int)selkie_settings_integer(root, "timeout", 1, 3600, DEFAULT_TIMEOUT_S);
    selkie_settings_end(root);
    if (!selkie_topic_root_valid(config->root))
        selkie_settings_reject(root, "root", "must be topic levels without wildcards");
    const char *error = selkie_settings_error(config->settings);
    if (!error)
        return CTL_DONE;
    ctl_fail("%s", error);
    return CTL_CONFIG;
}

static void override(const char **value, const char *option)
{
    if (option)
        *value = option;
}

static enum ctl_exit misuse(const char *what, const char *why)
{
    ctl_fail("%s: %s", what, why);
    return CTL_USAGE;
}

enum ctl_exit selkie_ctl_config_open(struct selkie_ctl_config *config, const struct ctl_options *options)
{
    *config = (struct selkie_ctl_config){.root = SELKIE_TOPIC_ROOT_DEFAULT, .timeout_ms = 1000 * DEFAULT_TIMEOUT_S};
    selkie_mqtt_settings_init(&config->broker, 0);
    const char *fault = selkie_mqtt_settings_add_uris(&config->broker, options->broker ? options->broker : DEFAULT_URI);
    if (fault) {
        ctl_fail("--broker: URI %zu %s", config->broker.uri_count + 1, fault);
        return CTL_USAGE;
    }
    enum ctl_exit result = read_file(config, options);
    if (result != CTL_DONE)
        return result;
    override(&config->broker.username, options->username);
    override(&config->broker.password_file, options->password_file);
    override(&config->broker.ca, options->ca);
    override(&config->broker.cert, options->cert);
    override(&config->broker.key, options->key);
    override(&config->root, options->root);
    if (options->timeout_s != 0)
        config->timeout_ms = 1000 * options->timeout_s;
    if (config->broker.connect_timeout_s == 0)
        config->broker.connect_timeout_s = (unsigned)config->timeout_ms / 1000;

    const char *key;
    fault = selkie_mqtt_settings_fault(&config->broker, &key);
    if (fault)
        return misuse(key, fault);
    if (!selkie_topic_root_valid(config->root))
        return misuse("--root", "must be topic levels without wildcards");
    return CTL_DONE;
}

void selkie_ctl_config_close(struct selkie_ctl_config *config)
{
    selkie_settings_close(config->settings);
    free(config->path);
    *config = (struct selkie_ctl_config){0};
}

enum ctl_exit selkie_ctl_config_check(const struct ctl_options *options)
{
    struct selkie_ctl_config config;
    const struct selkie_mqtt_settings *broker = &config.broker;
    char password[SELKIE_MQTT_PASSWORD_MAX] = "", why[SELKIE_MQTT_TEXT_MAX];
    enum ctl_exit result = selkie_ctl_config_open(&config, options);
    if (result == CTL_DONE && broker->password_file &&
        selkie_mqtt_settings_password(password, broker->password_file, why) < 0) {
        ctl_fail("%s", why);
        result = CTL_CONFIG;
    }
    OPENSSL_cleanse(password, sizeof password);
    if (result == CTL_DONE && selkie_tls_files_check(broker, why) < 0) {
        ctl_fail("%s", why);
        result = CTL_CONFIG;
    }
    if (result == CTL_DONE) {
        bool tls = selkie_mqtt_settings_tls(broker);
        printf("configuration  %s\n", config.path ? config.path : "no file");
        printf("broker         %s\n", broker->name);
        printf("username       %s\n", broker->username ? broker->username : "none");
        printf("password       %s\n", broker->password_file ? broker->password_file : "none");
        printf("certificate    %s\n", broker->cert ? broker->cert : "none");
        printf("trusted        %s\n", !tls ? "no TLS" : broker->ca ? broker->ca : "the system's");
        printf("keepalive      %u s\n", broker->keepalive_s);
        printf("connect        %u s for each address\n", broker->connect_timeout_s);
        printf("root           %s\n", config.root);
        printf("timeout        %d s\n", config.timeout_ms / 1000);
        for (unsigned next = 0; selkie_tls_files_warning(broker, &next, why);)
            printf("warning        %s\n", why);
        char writer[SELKIE_FILE_WRITER_MAX];
        if (config.path && selkie_file_find_writer(config.path, writer))
            printf("warning        %s\n", writer);
    }
    selkie_ctl_config_close(&config);
    return result;
}
