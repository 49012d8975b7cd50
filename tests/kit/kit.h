/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that seal with the test key, folders that go away, and a host that runs an unsealer as a broker would. A
 * failure in here ends the test program with a message. */
#ifndef SELKIE_TESTS_KIT_H
#define SELKIE_TESTS_KIT_H

#include <jansson.h>
#include <selkie/message.h>
#include <selkie/session.h>
#include <selkie/unsealer.h>

/* Folders. Make the root outside the tests (unchecked fixture): it is removed even when a test fails. */
void kit_root_make(void);
void kit_root_remove(void);
/* A new folder in it, removed with it; the text lives as long as the program. */
const char *kit_dir(void);
const char *kit_path(const char *dir, const char *name);
void kit_write(const char *path, const void *bytes, size_t len, unsigned mode);

/* A private key (DER) as a PEM file of mode 0600 in a new folder. */
const char *kit_write_key(const uint8_t *der, size_t len);
/* The golden vectors' key as a PEM file of mode 0600 in a new folder. */
const char *kit_key_file(void);
/* A new key of as many bits in the same form; takes seconds. */
const char *kit_new_key_file(void);
/* A keyring with the vectors' key as 1. */
struct selkie_keyring *kit_keyring(const char *provider);

/* A device: it keeps its ID and counts its messages. */
struct kit_device {
    uint8_t address[SELKIE_ADDRESS_SIZE];
    uint8_t id[SELKIE_ID_SIZE];
    uint32_t counter; /* of the next message */
    struct selkie_session session;
};
/* Device `number`; another `life` is the same address with another ID. */
struct kit_device kit_device(uint32_t number, uint32_t life);

struct kit_body {
    uint8_t bytes[SELKIE_SEALED_SIZE + 1]; /* and one for those that are too long */
    size_t len;
};
/* Each takes the device's next counter. */
struct kit_body kit_register(struct kit_device *device, const char *claim, const char *firmware);
struct kit_body kit_data(struct kit_device *device, const char *payload);
struct kit_body kit_session(struct kit_device *device, const char *payload);
/* Any message, sealed under a key id. */
struct kit_body kit_seal(const uint8_t *message, size_t len, const uint8_t *address, uint8_t key_id);

/* A host. Outputs are taken as they come and kept until they are asked for. */
struct kit_host;
struct kit_host *kit_open(const struct selkie_unsealer_options *options); /* keyring NULL: kit_keyring's */
struct kit_host *kit_open_dir(const char *dir);                           /* the defaults */
void kit_close(struct kit_host *host);
struct selkie_unsealer *kit_unsealer(struct kit_host *host);

/* Submit under gateway "g1" with the next seq; returns the seq. `rx_ms` 0 = now. */
uint64_t kit_submit(struct kit_host *host, const struct kit_body *body, int64_t rx_ms);
uint64_t kit_submit_from(struct kit_host *host, const char *gateway, const struct kit_body *body, int64_t rx_ms);
/* The same with an age; below 0 = none. */
uint64_t kit_submit_aged(struct kit_host *host, const char *gateway, const struct kit_body *body, int64_t rx_ms,
                         int64_t age_ms);

/* The same, received with a strength of so many dBm; 0 = unknown. */
uint64_t kit_submit_rssi(struct kit_host *host, const struct kit_body *body, int16_t rssi);

/* The next output of a kind, in order within the kind; waits for it, at most half a minute, then fails. Free it. */
struct selkie_output *kit_next(struct kit_host *host, enum selkie_output_kind kind);
/* Wait for the receipt of a seq; every receipt counts, whichever was asked for first. */
void kit_receipt(struct kit_host *host, uint64_t seq);
/* Submit and wait for the receipt. */
void kit_submit_wait(struct kit_host *host, struct kit_body body);
bool kit_has_receipt(struct kit_host *host, uint64_t seq);
/* The outputs of a kind that have come so far and were not asked for. */
unsigned kit_waiting(struct kit_host *host, enum selkie_output_kind kind);
/* Acknowledge everything that was taken. */
void kit_delivered(struct kit_host *host);
/* Shorthands: the next payload is this; the next rejection has this reason; the next event is this. */
void kit_expect_payload(struct kit_host *host, const struct kit_device *device, uint32_t counter, const char *payload);
void kit_expect_rejected(struct kit_host *host, const char *reason);
json_t *kit_expect_event(struct kit_host *host, const char *event); /* json_decref it */
void kit_event(struct kit_host *host, const char *event);           /* the same, and its members do not matter */
/* How often the unsealer logged at this level or worse. */
unsigned kit_logged(struct kit_host *host, int level);
/* Whether a text is among the first few dozen lines that it logged. */
bool kit_log_has(struct kit_host *host, const char *text);

/* A number of selkie/stats; of a latency, its count. */
json_int_t kit_stat(struct kit_host *host, const char *group, const char *member);

/* Run one command ("{…}"); its entry in "responses", to be json_decref'ed. */
json_t *kit_command(struct kit_host *host, const char *command);
/* The same, and it must have succeeded. */
void kit_do(struct kit_host *host, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Change the registry in a folder whose host is closed. */
void kit_execute(const char *dir, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
