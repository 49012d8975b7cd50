/* SPDX-License-Identifier: Apache-2.0 */
#include "connect_error.h"

#include <MQTTAsync.h>
#include <stdatomic.h>
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

/* How far the attempt came, as far as the trace says. */
enum stage { NOT_THERE, IN_TLS, BEYOND_TLS };

static atomic_uint attempt;

/* What the thread has read of the newest attempt. */
static _Thread_local struct {
    unsigned attempt;
    enum stage stage;
    char reason[SELKIE_MQTT_TEXT_MAX]; /* the first one; others follow from it */
} seen;

static void forget_older(void)
{
    unsigned now = atomic_load(&attempt);

    if (seen.attempt == now)
        return;
    memset(&seen, 0, sizeof seen);
    seen.attempt = now;
}

static void keep(const char *before, const char *what, size_t len, const char *after)
{
    forget_older();
    if (seen.reason[0] == '\0')
        (void)snprintf(seen.reason, sizeof seen.reason, "%s%.*s%s", before, (int)len, what, after);
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
    forget_older();
    if (after(line, TLS_BEGINS))
        seen.stage = IN_TLS;
    else if (after(line, NAME_IS) || (address && address[0] == '1'))
        seen.stage = BEYOND_TLS;
    else if (address)
        keep("the certificate is not for this host name", "", 0, "");
    else if (alert)
        keep("the broker ended TLS with \"", alert, strlen(alert), "\"; check cert and key");
}

void selkie_connect_error_begin(void)
{
    atomic_fetch_add(&attempt, 1);
    MQTTAsync_setTraceCallback(on_trace);
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_MINIMUM);
}

void selkie_connect_error_end(void)
{
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_FATAL); /* no line for each packet */
}

/* OpenSSL's line is "thread:error:code:library:function:reason:file:line:data". Only the reason is for people, and the
 * thread would make each line another one. */
int selkie_connect_error_on_tls(const char *text, size_t len, void *context)
{
    const char *reason = text;

    (void)context;
    for (int fields = 0; fields < 5 && reason; fields++) {
        reason = strchr(reason, ':');
        if (reason)
            reason++;
    }
    if (!reason)
        reason = text;
    keep("TLS: ", reason, strcspn(reason, ":\n"), "");
    return (int)len;
}

void selkie_connect_error_text(char text[static SELKIE_MQTT_TEXT_MAX], const char *message, bool tls)
{
    const char *reason = "no connection";

    forget_older();
    if (seen.reason[0] != '\0')
        reason = seen.reason;
    else if (message && after(message, TIMEOUT))
        reason = "no answer";
    else if (seen.stage == IN_TLS)
        reason = "the broker ended TLS";
    else if (seen.stage == BEYOND_TLS || (message && after(message, CONNECT_SENT)))
        reason = tls ? "the broker closed the connection; check cert and key" : "the broker closed the connection";
    (void)snprintf(text, SELKIE_MQTT_TEXT_MAX, "%s", reason);
}
