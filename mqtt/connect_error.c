/* SPDX-License-Identifier: Apache-2.0 */
#include "connect_error.h"

#include "tls_verify.h"

#include <MQTTAsync.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* In Paho's trace. */
#define TLS_BEGINS  "SSL handshake started"
#define FATAL_ALERT "SSL alert read:fatal:"
#define NAME_IS     "peername from X509_check_host is " /* the handshake is done, and the certificate's name is right */
#define ADDRESS_IS  "rc from X509_check_ip_asc is "     /* where it was not: 1 where it has the address instead */

/* In Paho's messages. */
#define TIMEOUT      "timeout"
#define CONNECT_SENT "TCP connect completion failure" /* and no CONNACK came */

/* Between two reasons until the text is complete: a reason itself may contain a semicolon. */
#define BETWEEN "\n "

/* How far the attempt came, as far as the trace says. */
enum stage { NOT_THERE, IN_TLS, BEYOND_TLS };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static unsigned under_way;                               /* attempts of all clients */
static bool mixed;                                       /* several were under way since the last time that none was */
static unsigned newest;                                  /* the attempt that the trace is about, unless mixed */

/* What the thread has read of the trace of one attempt. */
static _Thread_local struct {
    unsigned attempt;
    enum stage stage;
    char reason[SELKIE_MQTT_TEXT_MAX]; /* the first one; others follow from it */
    char alert[64];                    /* the broker's first */
} seen;

/* Forget what an older attempt left. False: the trace is not about one attempt alone. */
static bool trace_counts(void)
{
    (void)pthread_mutex_lock(&lock);
    unsigned attempt = newest;
    bool alone = !mixed;
    (void)pthread_mutex_unlock(&lock);
    if (seen.attempt != attempt)
        memset(&seen, 0, sizeof seen);
    seen.attempt = attempt;
    return alone;
}

static void keep(char reason[static SELKIE_MQTT_TEXT_MAX], const char *before, const char *what, size_t len,
                 const char *after)
{
    if (reason[0] == '\0')
        (void)snprintf(reason, SELKIE_MQTT_TEXT_MAX, "%s%.*s%s", before, (int)len, what, after);
}

/* What follows `mark` in the line; NULL where it is not in it. */
static const char *after(const char *line, const char *mark)
{
    const char *at = strstr(line, mark);

    return at ? at + strlen(mark) : NULL;
}

static void on_trace(enum MQTTASYNC_TRACE_LEVELS level, char *line)
{
    const char *alert = after(line, FATAL_ALERT);
    const char *address = after(line, ADDRESS_IS);

    (void)level;
    (void)trace_counts();
    if (after(line, TLS_BEGINS))
        seen.stage = IN_TLS;
    else if (after(line, NAME_IS) || (address && address[0] == '1'))
        seen.stage = BEYOND_TLS;
    else if (address)
        keep(seen.reason, "the certificate is not for this host name", "", 0, "");
    else if (alert && seen.alert[0] == '\0')
        (void)snprintf(seen.alert, sizeof seen.alert, "%s", alert);
}

static bool copy_path(char copied[static SELKIE_CONNECT_ERROR_PATH_MAX], const char *path)
{
    (void)snprintf(copied, SELKIE_CONNECT_ERROR_PATH_MAX, "%s", path ? path : "");
    return path;
}

void selkie_connect_error_begin(struct selkie_connect_error *error, const struct selkie_mqtt_settings *settings)
{
    *error = (struct selkie_connect_error){.under_way = true};
    error->has_ca = copy_path(error->ca, settings->ca);
    error->has_cert = copy_path(error->cert, settings->cert);
    (void)pthread_mutex_lock(&lock);
    mixed = under_way > 0;
    under_way++;
    newest++;
    MQTTAsync_setTraceCallback(on_trace);
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_MINIMUM);
    (void)pthread_mutex_unlock(&lock);
}

void selkie_connect_error_end(struct selkie_connect_error *error)
{
    if (!error->under_way)
        return;
    error->under_way = false;
    (void)pthread_mutex_lock(&lock);
    if (--under_way == 0)
        MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_FATAL); /* no line for each packet */
    (void)pthread_mutex_unlock(&lock);
}

/* What the broker's alert, in the words of the trace or of OpenSSL's errors, says about our certificate. */
static void explain_alert(char text[static SELKIE_MQTT_TEXT_MAX], const struct selkie_connect_error *error,
                          const char *alert)
{
    static const struct {
        const char *alert, *without, *with; /* `with` has the file behind it */
    } known[] = {
        {"certificate required", "the broker asks for a client certificate, and none is set: cert and key",
         "the broker got no client certificate that it could use"},
        {"handshake failure",
         "the broker ended TLS with \"handshake failure\"; it may ask for a client certificate, and none is set: cert "
         "and "
         "key",
         "the broker ended TLS with \"handshake failure\""},
        {"unknown ca", NULL, "the broker does not know the authority that signed the client's certificate"},
        {"certificate expired", NULL, "the broker says that the client's certificate has expired"},
        {"certificate revoked", NULL, "the broker says that the client's certificate is revoked"},
        {"bad certificate", NULL,
         "the broker refuses the client's certificate, which may not be valid yet by the broker's clock"},
        {"protocol version", "the broker and this program have no version of TLS in common; 1.2 is the oldest here",
         NULL},
    };

    if (strcmp(alert, "unknown") == 0) /* that is what OpenSSL 3.0 calls the alerts of TLS 1.3 */
        alert = known[0].alert;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const char *said = error->has_cert && known[i].with ? known[i].with : known[i].without;
        if (!strcasestr(alert, known[i].alert) || !said)
            continue;
        (void)snprintf(text, SELKIE_MQTT_TEXT_MAX, "%s%s%s", said, said == known[i].with ? ": " : "",
                       said == known[i].with ? error->cert : "");
        return;
    }
    (void)snprintf(text, SELKIE_MQTT_TEXT_MAX, "the broker ended TLS with \"%s\"; check cert and key", alert);
}

/* OpenSSL's line is "thread:error:code:library:function:reason:file:line:data". Only the reason is for people, and the
 * thread would make each line another one. */
int selkie_connect_error_on_tls(const char *text, size_t len, void *context)
{
    struct selkie_connect_error *error = context;
    const char *reason = text;

    for (int fields = 0; fields < 5 && reason; fields++) {
        reason = strchr(reason, ':');
        if (reason)
            reason++;
    }
    if (!reason)
        reason = text;
    char line[SELKIE_MQTT_TEXT_MAX];
    (void)snprintf(line, sizeof line, "%.*s", (int)strcspn(reason, ":\n"), reason);
    const char *alert = after(line, " alert ");
    if (error->tls[0] == '\0' && alert)
        explain_alert(error->tls, error, alert);
    else if (error->tls[0] == '\0' && !selkie_tls_verify_take(error->tls, error->has_ca ? error->ca : NULL))
        keep(error->tls, "TLS: ", line, strlen(line), "");
    return (int)len;
}

/* In TLS 1.3 a broker refuses a client's certificate after the client believes that it is connected. Its alert is lost
 * where the client has sent something by then. */
static const char *explain_close(char text[static SELKIE_MQTT_TEXT_MAX], const struct selkie_connect_error *error)
{
    if (error->has_cert)
        (void)snprintf(text, SELKIE_MQTT_TEXT_MAX,
                       "the broker closed the connection; it may not accept the client's certificate: %s", error->cert);
    else
        (void)snprintf(text, SELKIE_MQTT_TEXT_MAX,
                       "the broker closed the connection; it may ask for a client certificate, and none is set: cert "
                       "and key");
    return text;
}

void selkie_connect_error_text(const struct selkie_connect_error *error, char text[static SELKIE_MQTT_TEXT_MAX],
                               const char *message, bool tls)
{
    const char *reason = "no connection: closed port, or no way to the host";
    bool counts = trace_counts();
    enum stage stage = counts ? seen.stage : NOT_THERE;
    char alert[SELKIE_MQTT_TEXT_MAX], closed[SELKIE_MQTT_TEXT_MAX];

    if (error->tls[0] != '\0')
        reason = error->tls;
    else if (counts && seen.reason[0] != '\0')
        reason = seen.reason;
    else if (counts && seen.alert[0] != '\0') {
        explain_alert(alert, error, seen.alert);
        reason = alert;
    } else if (message && after(message, TIMEOUT))
        reason = "no answer";
    else if (stage == IN_TLS)
        reason = "the broker ended TLS";
    else if (stage == BEYOND_TLS || (message && after(message, CONNECT_SENT)))
        reason = tls ? explain_close(closed, error) : "the broker closed the connection";
    (void)snprintf(text, SELKIE_MQTT_TEXT_MAX, "%s", reason);
}

void selkie_connect_error_unresolved(char text[static SELKIE_MQTT_TEXT_MAX], int error)
{
    if (error == 0 || error == EAI_NONAME)
        (void)snprintf(text, SELKIE_MQTT_TEXT_MAX, "the host name has no address");
    else
        (void)snprintf(text, SELKIE_MQTT_TEXT_MAX, "the host name cannot be resolved: %s", gai_strerror(error));
}

void selkie_connect_error_add(char text[static SELKIE_MQTT_TEXT_MAX], size_t of_uri, const char *uri,
                              const char *address, const char *reason)
{
    bool has_uri = uri[0] != '\0', has_address = address[0] != '\0';
    char added[SELKIE_MQTT_TEXT_MAX], behind[SELKIE_MQTT_TEXT_MAX];
    char *at = text + of_uri;

    (void)snprintf(added, sizeof added, "%s%s%s%s%s", uri, has_uri && has_address ? " at " : "", address,
                   has_uri || has_address ? ": " : "", reason);
    while (*at != '\0' && strcmp(at, added) < 0) {
        at += strcspn(at, "\n");
        at += *at != '\0' ? strlen(BETWEEN) : 0;
    }
    bool last = *at == '\0';
    (void)snprintf(behind, sizeof behind, "%s", at);
    (void)snprintf(at, (size_t)(text + SELKIE_MQTT_TEXT_MAX - at), "%s%s%s%s", last && at > text ? BETWEEN : "", added,
                   last ? "" : BETWEEN, behind);
}

void selkie_connect_error_finish(char *text)
{
    while ((text = strchr(text, '\n')))
        *text = ';';
}
