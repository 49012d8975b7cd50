/* SPDX-License-Identifier: Apache-2.0 */
#include "certificates.h"

#include "harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void openssl(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void openssl(const char *format, ...)
{
    char command[1200] = "exec openssl ";
    char *output;
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(command + strlen(command), sizeof(command) - strlen(command), format, arguments);
    va_end(arguments);
    const char *argv[] = {"sh", "-c", command, NULL};
    ck_assert_msg(harness_run("openssl", argv, &output) == 0, "%s\n%s", command, output);
    free(output);
}

void certificates_authority(const char *name)
{
    char key[40], cert[40];

    (void)snprintf(key, sizeof(key), "%s.key", name);
    (void)snprintf(cert, sizeof(cert), "%s.pem", name);
    openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=%s -keyout %s -out %s",
            name, harness_path(key), harness_path(cert));
}

void certificates_make(const char *name, const char *host, const char *alternative)
{
    certificates_make_for(name, host, alternative, 2);
}

void certificates_make_for(const char *name, const char *host, const char *alternative, int days)
{
    char key[40], cert[40], request[40];

    (void)snprintf(key, sizeof(key), "%s.key", name);
    (void)snprintf(cert, sizeof(cert), "%s.pem", name);
    (void)snprintf(request, sizeof(request), "%s.csr", name);
    openssl("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=%s -addext subjectAltName=%s "
            "-keyout %s -out %s",
            host, alternative, harness_path(key), harness_path(request));
    openssl("x509 -req -in %s -CA %s -CAkey %s -CAcreateserial -days %d -copy_extensions copy -out %s",
            harness_path(request), harness_path("ca.pem"), harness_path("ca.key"), days, harness_path(cert));
}

int certificates_broker(const char *alternative, const char *address, const char *more)
{
    char configuration[1500];
    int port = harness_free_port();

    certificates_authority("ca");
    certificates_make("server", "server", alternative);
    (void)snprintf(configuration, sizeof configuration, "listener %d %s\ncafile %s\ncertfile %s\nkeyfile %s\n%s", port,
                   address, harness_path("ca.pem"), harness_path("server.pem"), harness_path("server.key"), more);
    (void)harness_broker(configuration);
    return port;
}
