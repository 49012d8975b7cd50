/* SPDX-License-Identifier: Apache-2.0 */
/* What the lines of Paho's trace and of OpenSSL are in words. */
#include "connect_error.h"
#include "run_suite.h"

#include <MQTTAsync.h>
#include <stdlib.h>
#include <string.h>

void __wrap_MQTTAsync_setTraceCallback(MQTTAsync_traceCallback *callback);

static MQTTAsync_traceCallback *trace;

void __wrap_MQTTAsync_setTraceCallback(MQTTAsync_traceCallback *callback)
{
    trace = callback;
}

#define CLOSED    "no connection: closed port, or no way to the host"
#define NO_CERT   "it may ask for a client certificate, and none is set: cert and key"
#define BEGINS    "SSL handshake started SSL client"
#define HOST      "X509_check_host for hostname h failed, rc 0"
#define TLS(line) "TLS" line

/* A line that begins with "TLS" is OpenSSL's, others are of the trace. */
static const struct {
    const char *lines[5], *message;
    bool tls;
    const char *text;
} cases[] = {
    {{NULL}, NULL, false, CLOSED},
    {{NULL}, "TCP/TLS connect failure", true, CLOSED},
    {{NULL}, "TCP connect timeout", false, "no answer"},
    {{BEGINS}, "TCP connect timeout", true, "no answer"},
    {{BEGINS}, NULL, true, "the broker ended TLS"},
    {{NULL}, "TCP connect completion failure", false, "the broker closed the connection"},
    {{BEGINS, "peername from X509_check_host is h"}, NULL, true, "the broker closed the connection; " NO_CERT},
    {{BEGINS, HOST, "rc from X509_check_ip_asc is 1"},
     NULL,
     true,
     "the broker closed the connection; it may not accept the client's certificate: c.pem"},
    {{BEGINS, HOST, "rc from X509_check_ip_asc is 0"}, NULL, true, "the certificate is not for this host name"},
    {{BEGINS, "SSL alert read:fatal:unknown CA"},
     NULL,
     true,
     "the broker ended TLS with \"unknown CA\"; check cert and key"},
    {{BEGINS, TLS("7F:error:0A000086:SSL routines::certificate verify failed:ssl.c:1889:\n"),
      TLS("7F:error:1:a:b:c:d")},
     "TCP connect timeout",
     true,
     "TLS: certificate verify failed"},
    {{BEGINS, "SSL alert read:fatal:certificate required"},
     NULL,
     true,
     "the broker asks for a client certificate, and none is set: cert and key"},
    {{BEGINS, "SSL alert read:fatal:unknown"},
     NULL,
     true,
     "the broker asks for a client certificate, and none is set: cert and key"},
    {{BEGINS, "SSL alert read:fatal:handshake failure"},
     NULL,
     true,
     "the broker ended TLS with \"handshake failure\"; " NO_CERT},
    {{BEGINS, "SSL alert read:fatal:unknown CA", "SSL alert read:fatal:decode error"},
     NULL,
     true,
     "the broker does not know the authority that signed the client's certificate: c.pem"},
    {{TLS("7F:error:0A000418:SSL routines::tlsv1 alert unknown ca:a.c:1:SSL alert number 48\n")},
     NULL,
     true,
     "the broker does not know the authority that signed the client's certificate: c.pem"},
    {{TLS("7F:error:0A000415:SSL routines::sslv3 alert certificate expired:a.c:1:x\n")},
     NULL,
     true,
     "the broker says that the client's certificate has expired: c.pem"},
    {{BEGINS, "SSL alert read:fatal:bad certificate"},
     NULL,
     true,
     "the broker refuses the client's certificate, which may not be valid yet by the broker's clock: c.pem"},
    {{BEGINS, "SSL alert read:fatal:protocol version"},
     NULL,
     true,
     "the broker and this program have no version of TLS in common; 1.2 is the oldest here"},
    {{TLS("no fields\n")}, NULL, true, "TLS: no fields"},
};

static void hear(struct selkie_connect_error *error, const char *said)
{
    char *line = strdup(said);

    if (strncmp(line, "TLS", 3) == 0)
        ck_assert_int_eq(selkie_connect_error_on_tls(line + 3, strlen(line + 3), error), (int)strlen(line + 3));
    else
        trace(MQTTASYNC_TRACE_MINIMUM, line);
    free(line);
}

static const struct selkie_mqtt_settings none;

START_TEST(reason_is_found)
{
    const char *has_cert = strstr(cases[_i].text, "c.pem");
    const struct selkie_mqtt_settings settings = {.cert = has_cert ? "c.pem" : NULL};
    struct selkie_connect_error error = {0};
    char text[SELKIE_MQTT_TEXT_MAX];

    selkie_connect_error_begin(&error, &settings);
    for (size_t i = 0; cases[_i].lines[i]; i++)
        hear(&error, cases[_i].lines[i]);
    selkie_connect_error_text(&error, text, cases[_i].message, cases[_i].tls);
    ck_assert_str_eq(text, cases[_i].text);
    selkie_connect_error_end(&error);
    selkie_connect_error_begin(&error, &none); /* the next attempt has reasons of its own */
    selkie_connect_error_text(&error, text, NULL, false);
    ck_assert_str_eq(text, CLOSED);
    selkie_connect_error_end(&error);
}
END_TEST

START_TEST(a_client_does_not_have_the_reason_of_another)
{
    struct selkie_connect_error one = {0}, other = {0};
    char text[SELKIE_MQTT_TEXT_MAX];

    selkie_connect_error_begin(&one, &none);
    selkie_connect_error_begin(&other, &none);
    hear(&one, BEGINS);
    hear(&one, "SSL alert read:fatal:unknown CA");
    hear(&one, TLS("7F:error:0A000086:SSL routines::certificate verify failed:ssl.c:1889:\n"));
    selkie_connect_error_text(&other, text, NULL, true);
    ck_assert_str_eq(text, CLOSED);
    selkie_connect_error_end(&other);
    selkie_connect_error_text(&one, text, NULL, true);
    ck_assert_str_eq(text, "TLS: certificate verify failed");
    selkie_connect_error_begin(&other, &none); /* the first one's lines may still come */
    selkie_connect_error_text(&other, text, NULL, true);
    ck_assert_str_eq(text, CLOSED);
    selkie_connect_error_end(&one);
    selkie_connect_error_end(&one);
    selkie_connect_error_end(&other);
    selkie_connect_error_begin(&one, &none);
    hear(&one, "SSL alert read:fatal:unknown CA");
    selkie_connect_error_text(&one, text, NULL, true);
    ck_assert_str_eq(text, "the broker ended TLS with \"unknown CA\"; check cert and key");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("connect_error");
    TCase *tcase = tcase_create("connect_error");

    tcase_add_loop_test(tcase, reason_is_found, 0, (int)(sizeof cases / sizeof cases[0]));
    tcase_add_test(tcase, a_client_does_not_have_the_reason_of_another);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
