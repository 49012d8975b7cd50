/* SPDX-License-Identifier: Apache-2.0 */
/* Real parts for integration tests: programs as child processes, a Mosquitto on a free port, serial lines as pairs of
 * ptys, and a synchronous MQTT 5 client. Nothing sleeps: each wait is for an event and has a limit. A step that fails
 * ends the test with a sentence and the tail of the log concerned.
 *
 * Everything lives in one folder for each test program, removed at its end; children die with the test. One thread. */
#ifndef SELKIE_TESTS_HARNESS_H
#define SELKIE_TESTS_HARNESS_H

#include <check.h>
#include <selkie/message.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Milliseconds after which a wait is given up. Generous, since machines are slow under sanitizers. */
#define HARNESS_PATIENCE 60000

/* The end of main: makes the folder, runs the suite, removes the folder. */
int harness_main(Suite *suite);

/* A path in this test's own folder (one folder a test), in static storage of a small ring: use it before eight more
 * calls. */
const char *harness_path(const char *name);

/* Write a file there; returns its path. */
const char *harness_write(const char *name, mode_t mode, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A whole file as a NUL-terminated text (heap; free it). */
char *harness_read(const char *path);

int64_t harness_now_ms(void); /* monotonic */

/* A TCP port of the loopback that is free, and stays so for this test: bound, though nobody listens. Whoever listens
 * there has to set SO_REUSEADDR. */
int harness_free_port(void);

/* ---- Processes ---- */

struct harness_process {
    pid_t pid; /* 0 once it has ended and was waited for */
    int input; /* writing end of its stdin, or -1 */
    char name[32];
    char log[256]; /* its stdout and stderr together; restarts append */
};

/* Start a program; argv[0] is its path. stdout and stderr go to <name>.log in the test's folder. With `with_input` its
 * stdin is a pipe, else /dev/null. */
struct harness_process *harness_spawn(const char *name, const char *const argv[], bool with_input);

/* Wait for a text in its log. The test fails where the process ends first or patience runs out. */
void harness_wait_log(struct harness_process *process, const char *text);
bool harness_log_has(const struct harness_process *process, const char *text);

/* Send a signal; wait for the end. Returns the exit status, or 128 + signal. */
void harness_signal(struct harness_process *process, int signal_number);
int harness_wait_exit(struct harness_process *process);
int harness_stop(struct harness_process *process, int signal_number);

/* Run to the end and return the exit status; with `output`, its stdout and stderr (heap; free it). */
int harness_run(const char *name, const char *const argv[], char **output);

/* The path of one of our programs (or of mosquitto_selkie.so). */
const char *harness_program(const char *name);

/* ---- Mosquitto ---- */

struct harness_broker {
    struct harness_process *process;
    int port;
    char uri[64];       /* mqtt://127.0.0.1:<port> */
    const char *config; /* path */
};

/* Start Mosquitto with a listener on a free loopback port and these further lines of configuration, and wait until it
 * listens. */
struct harness_broker *harness_broker(const char *configuration);
/* The same with the plugin: plugin.json is written from `plugin_configuration` (the text of a JSON object without keys
 * and state_dir, such as "\"gateways\":\"any\"", or ""), with the golden vectors' key as key 1 and a state_dir in the
 * test's folder; replay_wait is 0 unless it says otherwise. */
struct harness_broker *harness_broker_with_plugin(const char *configuration, const char *plugin_configuration);
/* The lines of mosquitto.conf that load the plugin with this configuration file. Static, until the next call. */
const char *harness_plugin_lines(const char *path);
/* The same with a configuration file that is all the test's own, with a listener on this loopback port. */
struct harness_broker *harness_broker_from(const char *config, int port);
/* Start it again on the same port after it has ended. */
void harness_broker_restart(struct harness_broker *broker);
/* Start Mosquitto with a configuration that it must refuse; returns its exit status, and its log. */
int harness_broker_refuses(const char *configuration, char **log);

/* ---- MQTT client ---- */

struct harness_client;

struct harness_client_options {
    const char *id; /* NULL = a fresh one */
    const char *username, *password;
    bool keep_session; /* clean start off, session never expires */
    const char *will_topic, *will_payload;
    bool will_retain;
    const char *ca, *cert, *key; /* TLS where ca is set */
    int port;                    /* 0 = the broker's first listener */
};

/* Connect; options may be NULL. The test fails where it is refused; …_try returns NULL and the MQTT 5 reason code
 * instead. */
struct harness_client *harness_connect(const struct harness_broker *broker,
                                       const struct harness_client_options *options);
struct harness_client *harness_connect_try(const struct harness_broker *broker,
                                           const struct harness_client_options *options, int *reason);
void harness_disconnect(struct harness_client *client);
/* Close the connection without DISCONNECT, so that the will is sent. */
void harness_drop(struct harness_client *client);
bool harness_connected(struct harness_client *client);

/* Returns the reason code of the SUBACK (0..2 = granted QoS). */
int harness_subscribe(struct harness_client *client, const char *filter, int qos);

/* User properties, ended by a NULL name. */
struct harness_property {
    const char *name, *value;
};

/* Publish and, above QoS 0, wait for the acknowledgement. Returns its MQTT 5 reason code (0, or 16: no subscribers), or
 * -1 where the broker closed the connection. */
int harness_publish(struct harness_client *client, const char *topic, const void *payload, size_t len, int qos,
                    bool retain, const struct harness_property properties[]);
/* The same without waiting. */
void harness_publish_async(struct harness_client *client, const char *topic, const void *payload, size_t len, int qos,
                           const struct harness_property properties[]);

struct harness_message {
    char topic[256];
    uint8_t *payload; /* len bytes and a NUL */
    size_t len;
    int qos;
    bool retained;
    int format;            /* payload format indicator; -1 = none */
    char content_type[48]; /* "" = none */
    unsigned property_count;
    struct {
        char name[32], value[96];
    } properties[8];
};

/* The next message whose topic starts with `prefix` (NULL or "": any), however long others wait before it: those stay
 * for later calls. Free with harness_message_free. …_try gives up after so many milliseconds and returns NULL;
 * …_receive fails the test. */
struct harness_message *harness_receive(struct harness_client *client, const char *prefix);
struct harness_message *harness_receive_try(struct harness_client *client, const char *prefix, int patience_ms);
const char *harness_message_property(const struct harness_message *message, const char *name); /* NULL where absent */
void harness_message_free(struct harness_message *message);

/* ---- Serial ---- */

/* A cable: two ptys, what goes into one comes out of the other. The names are links in the test's folder. */
struct harness_line {
    struct harness_process *process;
    char a[256], b[256];
};
struct harness_line *harness_line(const char *name);

/* One end is a pty that a program opens by `path`; the test holds the other. */
struct harness_pty {
    int master;
    char
        path[256]; /* a link in the test's folder, so that a line can be unplugged and plugged in under the same name */
};
struct harness_pty *harness_pty(const char *name);
void harness_pty_unplug(struct harness_pty *pty);
void harness_pty_plug(struct harness_pty *pty);
void harness_pty_write(struct harness_pty *pty, const uint8_t *bytes, size_t len);
/* Read what comes until `len` bytes are there or patience runs out; returns how many. */
size_t harness_pty_read(struct harness_pty *pty, uint8_t *bytes, size_t len, int patience_ms);

/* ---- Keys and frames of the golden vectors' key ---- */

const char *harness_private_key(void); /* path of key 1 as PEM, mode 0600 */
const char *harness_public_key(void);  /* path of its public half as PEM */
const char *harness_second_key(void);  /* path of key 2, made anew, as PEM, mode 0600; takes seconds */

/* Seal a message for key 1 as an outsider would, with OpenSSL. */
void harness_seal(uint8_t body[static SELKIE_SEALED_SIZE], const struct selkie_message *message);
/* The same for key 2. */
void harness_seal_second(uint8_t body[static SELKIE_SEALED_SIZE], const struct selkie_message *message);
void harness_seal_data(uint8_t body[static SELKIE_SEALED_SIZE], const uint8_t address[static 8],
                       const uint8_t id[static 32], uint32_t counter, const char *payload);
void harness_seal_register(uint8_t body[static SELKIE_SEALED_SIZE], const uint8_t address[static 8],
                           const uint8_t id[static 32], const char *claim);

#endif
