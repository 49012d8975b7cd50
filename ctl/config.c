/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <selkie/settings.h>
#include <selkie/topic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_URI       "mqtt://localhost"
#define DEFAULT_TIMEOUT_S 10

static const char template[] = "{\n"
                               "  \"broker\": {\n"
                               "    \"uri\": \"mqtts://broker.example:8883\",\n"
                               "    \"username\": \"admin\",\n"
                               "    \"password_file\": \"/etc/selkie/ctl.password\",\n"
                               "    \"ca\": \"/etc/selkie/ca.pem\",\n"
                               "    \"cert\": \"/etc/selkie/ctl.cert.pem\",\n"
                               "    \"key\": \"/etc/selkie/ctl.key.pem\"\n"
                               "  },\n"
                               "  \"root\": \"" SELKIE_TOPIC_ROOT_DEFAULT "\",\n"
                               "  \"timeout\": 10\n"
                               "}\n";

/* The first default file that is there, NULL if none is. Heap. */
static char *find_default(void)
{
    const char *home = getenv("HOME");
    char *path = NULL;
    if (home != NULL && asprintf(&path, "%s/.config/selkie/ctl.json", home) < 0)
        return NULL;
    if (path != NULL && access(path, F_OK) == 0)
        return path;
    free(path);
    return access("/etc/selkie/ctl.json", F_OK) == 0 ? strdup("/etc/selkie/ctl.json") : NULL;
}

static const char *uri_fault(const struct ctl_config *config)
{
    if (strncmp(config->uri, config->tls ? "mqtts://" : "mqtt://", config->tls ? 8 : 7) != 0 ||
        strstr(config->uri, "://")[3] == '\0')
        return "must be mqtt://HOST[:PORT] or mqtts://HOST[:PORT]";
    if (!config->tls && (config->ca != NULL || config->cert != NULL || config->key != NULL))
        return "must be mqtts:// where a ca, cert or key is given";
    return NULL;
}

static void set_uri(struct ctl_config *config, const char *uri)
{
    config->uri = uri;
    config->tls = strncmp(uri, "mqtts://", 8) == 0;
}

static void read_broker(struct ctl_config *config, struct selkie_settings_object *object, bool use)
{
    struct ctl_config read = *config;
    set_uri(&read, selkie_settings_string(object, "uri", DEFAULT_URI));
    read.username = selkie_settings_string(object, "username", NULL);
    read.password_file = selkie_settings_string(object, "password_file", NULL);
    read.ca = selkie_settings_string(object, "ca", NULL);
    read.cert = selkie_settings_string(object, "cert", NULL);
    read.key = selkie_settings_string(object, "key", NULL);
    selkie_settings_end(object);
    const char *fault = uri_fault(&read);
    if (fault != NULL)
        selkie_settings_reject(object, "uri", "%s", fault);
    if (use)
        *config = read;
}

static enum ctl_exit read_file(struct ctl_config *config, const struct ctl_options *options)
{
    config->path = options->config != NULL ? strdup(options->config) : find_default();
    if (config->path == NULL)
        return CTL_DONE;
    config->settings = selkie_settings_load(config->path);
    if (config->settings == NULL)
        return ctl_fail("%s: %s", config->path, selkie_error_text(SELKIE_ENOMEM));
    struct selkie_settings_object *root = selkie_settings_root(config->settings);
    struct selkie_settings_object *broker = selkie_settings_object(root, "broker", false);
    if (broker != NULL)
        read_broker(config, broker, options->broker == NULL);
    config->root = selkie_settings_string(root, "root", SELKIE_TOPIC_ROOT_DEFAULT);
    config->timeout_ms = 1000 * (int)selkie_settings_integer(root, "timeout", 1, 3600, DEFAULT_TIMEOUT_S);
    selkie_settings_end(root);
    if (!selkie_topic_root_valid(config->root))
        selkie_settings_reject(root, "root", "must be topic levels without wildcards");
    const char *error = selkie_settings_error(config->settings);
    if (error == NULL)
        return CTL_DONE;
    ctl_fail("%s", error);
    return CTL_CONFIG;
}

static void override(const char **value, const char *option)
{
    if (option != NULL)
        *value = option;
}

static enum ctl_exit misuse(const char *what, const char *why)
{
    ctl_fail("%s: %s", what, why);
    return CTL_USAGE;
}

enum ctl_exit ctl_config_open(struct ctl_config *config, const struct ctl_options *options)
{
    *config = (struct ctl_config){.root = SELKIE_TOPIC_ROOT_DEFAULT, .timeout_ms = 1000 * DEFAULT_TIMEOUT_S};
    set_uri(config, DEFAULT_URI);
    enum ctl_exit result = read_file(config, options);
    if (result != CTL_DONE)
        return result;
    if (options->broker != NULL)
        set_uri(config, options->broker);
    override(&config->username, options->username);
    override(&config->password_file, options->password_file);
    override(&config->ca, options->ca);
    override(&config->cert, options->cert);
    override(&config->key, options->key);
    override(&config->root, options->root);
    if (options->timeout_s != 0)
        config->timeout_ms = 1000 * options->timeout_s;

    const char *fault = uri_fault(config);
    if (fault != NULL)
        return misuse(config->uri, fault);
    if (!selkie_topic_root_valid(config->root))
        return misuse("--root", "must be topic levels without wildcards");
    if (config->key != NULL && config->cert == NULL)
        return misuse("--key", "is of no use without --cert");
    if (config->password_file != NULL && config->username == NULL)
        return misuse("--password-file", "is of no use without --username");
    return CTL_DONE;
}

void ctl_config_close(struct ctl_config *config)
{
    selkie_settings_close(config->settings);
    free(config->path);
    *config = (struct ctl_config){0};
}

enum ctl_exit ctl_config_password(char password[static CTL_PASSWORD_SIZE], const struct ctl_config *config)
{
    const char *path = config->password_file;
    FILE *file = fopen(path, "re");
    struct stat status;
    if (file == NULL)
        return ctl_fail("%s: %s", path, strerror(errno));
    setvbuf(file, NULL, _IONBF, 0); /* no copy of it in a buffer */
    enum ctl_exit result = CTL_DONE;
    if (fstat(fileno(file), &status) != 0)
        result = ctl_fail("%s: %s", path, strerror(errno));
    else if (status.st_mode & S_IRWXO)
        result = ctl_fail("%s: everybody may read it; chmod o= it", path);
    else if (fgets(password, CTL_PASSWORD_SIZE, file) == NULL)
        result = ctl_fail("%s: holds no password", path);
    else
        password[strcspn(password, "\r\n")] = '\0';
    fclose(file);
    return result;
}

enum ctl_exit ctl_config_check(const struct ctl_options *options)
{
    struct ctl_config config;
    char password[CTL_PASSWORD_SIZE] = "";
    enum ctl_exit result = ctl_config_open(&config, options);
    if (result == CTL_DONE && config.password_file != NULL && ctl_config_password(password, &config) != CTL_DONE)
        result = CTL_CONFIG;
    OPENSSL_cleanse(password, sizeof password);
    if (result == CTL_DONE) {
        printf("configuration  %s\n", config.path == NULL ? "no file" : config.path);
        printf("broker         %s\n", config.uri);
        printf("username       %s\n", config.username == NULL ? "none" : config.username);
        printf("password       %s\n", config.password_file == NULL ? "none" : config.password_file);
        printf("certificate    %s\n", config.cert == NULL ? "none" : config.cert);
        printf("trusted        %s\n", !config.tls ? "no TLS" : config.ca == NULL ? "the system's" : config.ca);
        printf("root           %s\n", config.root);
        printf("timeout        %d s\n", config.timeout_ms / 1000);
    }
    ctl_config_close(&config);
    return result;
}

void ctl_config_print_template(void)
{
    fputs(template, stdout);
}
