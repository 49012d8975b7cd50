/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt_settings.h"

#include <errno.h>
#include <selkie/file.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEEPALIVE_S   30
#define KEEPALIVE_MIN 5
#define KEEPALIVE_MAX 3600
#define CONNECT_MAX   300

static const char uri_form[] =
    "must be mqtt://HOST[:PORT] or mqtts://HOST[:PORT], or ws:// or wss:// for WebSockets, without user or password";

static const struct scheme {
    const char *text;
    uint16_t port;
    bool tls, websocket;
} schemes[] = {{"mqtt://", 1883, false, false},
               {"mqtts://", 8883, true, false},
               {"ws://", 80, false, true},
               {"wss://", 443, true, true}};

void selkie_mqtt_settings_init(struct selkie_mqtt_settings *settings, unsigned connect_timeout_s)
{
    *settings = (struct selkie_mqtt_settings){.keepalive_s = KEEPALIVE_S, .connect_timeout_s = connect_timeout_s};
}

/* The length of the host; *brackets are those around an IPv6 address. 0: it is none. */
static size_t span_host(const char *text, size_t *brackets)
{
    *brackets = text[0] == '[' ? 1 : 0;
    if (*brackets == 0)
        return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_");
    size_t len = strspn(text + 1, "0123456789abcdefABCDEF:.");
    return text[1 + len] == ']' ? len : 0;
}

/* ":PORT" or nothing. 0: it is neither. */
static uint16_t read_port(const char *text, uint16_t fallback)
{
    size_t digits = text[0] == ':' ? strspn(text + 1, "0123456789") : 0;

    if (text[0] == '\0')
        return fallback;
    if (digits == 0 || digits > 5 || text[1 + digits] != '\0')
        return 0;
    long port = strtol(text + 1, NULL, 10);
    return port <= UINT16_MAX ? (uint16_t)port : 0;
}

bool selkie_mqtt_settings_parse_host(char host[static SELKIE_MQTT_HOST_MAX], uint16_t *port, const char *text,
                                     uint16_t fallback)
{
    size_t brackets;
    size_t len = span_host(text, &brackets);

    if (len == 0 || len >= SELKIE_MQTT_HOST_MAX)
        return false;
    memcpy(host, text + brackets, len);
    host[len] = '\0';
    *port = read_port(text + len + 2 * brackets, fallback);
    return *port != 0;
}

static const struct scheme *find_scheme(const char *text)
{
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (strncmp(text, schemes[i].text, strlen(schemes[i].text)) == 0)
            return &schemes[i];
    return NULL;
}

/* Paho takes the last colon of the URI for that of the port. */
static bool path_is_plain(const char *path)
{
    return path[strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-._~%?=&+")] == '\0';
}

static bool parse_uri(struct selkie_mqtt_uri *uri, const char *text, size_t len)
{
    if (len >= sizeof uri->text)
        return false;
    memcpy(uri->text, text, len);
    uri->text[len] = '\0';
    const struct scheme *scheme = find_scheme(uri->text);
    if (!scheme)
        return false;
    const char *host = uri->text + strlen(scheme->text);
    char host_and_port[SELKIE_MQTT_URI_MAX];
    size_t until_path = scheme->websocket ? strcspn(host, "/") : strlen(host);
    uri->tls = scheme->tls;
    uri->websocket = scheme->websocket;
    uri->path_at = strlen(scheme->text) + until_path;
    (void)snprintf(host_and_port, sizeof host_and_port, "%.*s", (int)until_path, host);
    return path_is_plain(uri->text + uri->path_at) &&
           selkie_mqtt_settings_parse_host(uri->host, &uri->port, host_and_port, scheme->port);
}

static const char *add_uri(struct selkie_mqtt_settings *settings, const char *text, size_t len)
{
    size_t used = strlen(settings->name);

    if (settings->uri_count == SELKIE_MQTT_URIS_MAX)
        return "is one too many: there may be 8";
    struct selkie_mqtt_uri *uri = &settings->uris[settings->uri_count];
    if (!parse_uri(uri, text, len))
        return uri_form;
    (void)snprintf(settings->name + used, sizeof settings->name - used, "%s%s", used > 0 ? ", " : "", uri->text);
    settings->uri_count++;
    return NULL;
}

const char *selkie_mqtt_settings_add_uris(struct selkie_mqtt_settings *settings, const char *uris)
{
    const char *fault = NULL;

    for (const char *at = uris; at && !fault;) {
        size_t len = strcspn(at, ",");
        fault = add_uri(settings, at, len);
        at = at[len] == ',' ? at + len + 1 : NULL;
    }
    return fault;
}

static void read_uris(struct selkie_mqtt_settings *settings, struct selkie_settings_object *object)
{
    bool list = selkie_settings_has(object, "uri") && !selkie_settings_is_string(object, "uri");
    size_t count = list ? selkie_settings_list(object, "uri", true) : 1;

    if (!selkie_settings_has(object, "uri") && settings->uri_count > 0)
        return;
    settings->uri_count = 0;
    settings->name[0] = '\0';
    if (count == 0)
        selkie_settings_reject(object, "uri", "must be one URI or more");
    for (size_t i = 0; i < count; i++) {
        const char *uri =
            list ? selkie_settings_list_string(object, "uri", i) : selkie_settings_require_string(object, "uri");
        const char *fault = uri ? add_uri(settings, uri, strlen(uri)) : NULL;
        if (fault && list)
            selkie_settings_reject(object, "uri", "entry %zu %s", i + 1, fault);
        else if (fault)
            selkie_settings_reject(object, "uri", "%s", fault);
    }
}

void selkie_mqtt_settings_read(struct selkie_mqtt_settings *settings, struct selkie_settings_object *object)
{
    read_uris(settings, object);
    settings->username = selkie_settings_string(object, "username", settings->username);
    settings->password_file = selkie_settings_string(object, "password_file", settings->password_file);
    settings->ca = selkie_settings_string(object, "ca", settings->ca);
    settings->cert = selkie_settings_string(object, "cert", settings->cert);
    settings->key = selkie_settings_string(object, "key", settings->key);
    settings->keepalive_s =
        (unsigned)selkie_settings_integer(object, "keepalive_s", KEEPALIVE_MIN, KEEPALIVE_MAX, settings->keepalive_s);
    settings->connect_timeout_s =
        (unsigned)selkie_settings_integer(object, "connect_timeout_s", 1, CONNECT_MAX, settings->connect_timeout_s);
    selkie_settings_end(object);
}

const char *selkie_mqtt_settings_fault(const struct selkie_mqtt_settings *settings, const char **key)
{
    *key = "uri";
    for (size_t i = 0; i < settings->uri_count; i++)
        if (!settings->uris[i].tls && (settings->ca || settings->cert || settings->key))
            return "must be mqtts:// or wss:// where ca, cert or key are given";
    *key = "key";
    if (settings->key && !settings->cert)
        return "is of no use without cert";
    *key = "password_file";
    if (settings->password_file && !settings->username)
        return "is of no use without username";
    return NULL;
}

/* Nobody listens between this machine and itself. */
static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 || strcmp(host, "::1") == 0;
}

const struct selkie_mqtt_uri *selkie_mqtt_settings_exposed(const struct selkie_mqtt_settings *settings)
{
    for (size_t i = 0; settings->password_file && i < settings->uri_count; i++)
        if (!settings->uris[i].tls && !is_loopback(settings->uris[i].host))
            return &settings->uris[i];
    return NULL;
}

bool selkie_mqtt_settings_tls(const struct selkie_mqtt_settings *settings)
{
    for (size_t i = 0; i < settings->uri_count; i++)
        if (settings->uris[i].tls)
            return true;
    return false;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool selkie_mqtt_settings_same(const struct selkie_mqtt_settings *a, const struct selkie_mqtt_settings *b)
{
    for (size_t i = 0; i < a->uri_count && i < b->uri_count; i++)
        if (strcmp(a->uris[i].text, b->uris[i].text) != 0)
            return false;
    return a->uri_count == b->uri_count && same_text(a->username, b->username) &&
           same_text(a->password_file, b->password_file) && same_text(a->ca, b->ca) && same_text(a->cert, b->cert) &&
           same_text(a->key, b->key) && a->keepalive_s == b->keepalive_s &&
           a->connect_timeout_s == b->connect_timeout_s;
}

/* Why these bytes begin with no password, or NULL. The broker would only say that it refuses a wrong one. */
static const char *password_fault(const char *bytes, size_t len)
{
    const char *end = memchr(bytes, '\n', len);
    size_t line = end ? (size_t)(end - bytes) : len;

    if (len == 0)
        return "holds no password, nor anything else";
    if (len >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
        return "begins with a byte order mark (EF BB BF); save it as UTF-8 without one";
    if (len >= 2 && (memcmp(bytes, "\xFF\xFE", 2) == 0 || memcmp(bytes, "\xFE\xFF", 2) == 0))
        return "is a text in UTF-16; save it as UTF-8";
    if (line > 0 && bytes[line - 1] == '\r')
        return "its first line ends with a carriage return, as texts on Windows do; save it with Unix line ends";
    if (line == 0)
        return "its first line is empty";
    if (line >= SELKIE_MQTT_PASSWORD_MAX)
        return "a password has at most 1023 bytes";
    for (size_t i = 0; i < line; i++)
        if (((unsigned char)bytes[i] < ' ' && bytes[i] != '\t') || bytes[i] == 0x7F)
            return "its first line holds a control character";
    for (size_t i = 0; i < line; i++)
        if (bytes[i] != ' ' && bytes[i] != '\t')
            return NULL;
    return "its first line holds only blanks";
}

int selkie_mqtt_settings_password(char password[static SELKIE_MQTT_PASSWORD_MAX], const char *path,
                                  char why[static SELKIE_MQTT_TEXT_MAX])
{
    struct stat status;
    char bytes[SELKIE_MQTT_PASSWORD_MAX + 1];
    const char *fault;
    int fd = selkie_file_open(path, &fault);
    ssize_t len = 0;

    password[0] = '\0';
    if (fd >= 0 && (fstat(fd, &status) != 0 || (len = read(fd, bytes, sizeof bytes)) < 0))
        fault = strerror(errno);
    else if (fd >= 0)
        fault =
            (status.st_mode & S_IRWXO) != 0 ? "everybody may read it; chmod o= it" : password_fault(bytes, (size_t)len);
    if (fault)
        (void)snprintf(why, SELKIE_MQTT_TEXT_MAX, "%s: %s", path, fault);
    else {
        char *end = memccpy(password, bytes, '\n', (size_t)len);
        password[end ? end - password - 1 : len] = '\0';
    }
    explicit_bzero(bytes, sizeof bytes);
    if (fd >= 0)
        (void)close(fd);
    return fault ? SELKIE_EIO : 0;
}
