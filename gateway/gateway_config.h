/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's configuration: one JSON file; each mistake is reported with file, line and key.
 * docs/man/selkie-gateway.8 describes the keys. Heap, file input; one thread at a time. */
#ifndef SELKIE_GATEWAY_CONFIG_H
#define SELKIE_GATEWAY_CONFIG_H

#include "line/line_settings.h"

#include <mqtt_settings.h>
#include <selkie/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SELKIE_LINES_MAX        16
#define SELKIE_WINDOW_MAX       1000
#define SELKIE_QUIET_MS_DEFAULT 20
#define SELKIE_QUIET_MS_MAX     10000
#define SELKIE_BIT_RATE_DEFAULT 2000

enum selkie_gateway_confirm {
    SELKIE_CONFIRM_RECEIPT, /* forget a frame on the plugin's receipt */
    SELKIE_CONFIRM_BROKER   /* forget a frame on the broker's PUBACK */
};

/* Where a radio tells how strongly it received a frame. */
enum selkie_line_rssi {
    SELKIE_LINE_RSSI_NONE,
    SELKIE_LINE_RSSI_BYTE /* in a byte behind each packet: dBm + 256 */
};

/* One serial line. */
struct selkie_gateway_line {
    const char *device; /* a path, or tcp://host:port */
    struct selkie_line_settings serial;
    bool ack;
    bool ack_session; /* acknowledge SESSION frames too, where `allow` is set */
    unsigned quiet_ms;
    unsigned bit_rate;      /* of the air, bits a second: how long an ACK takes */
    unsigned preamble_ms;   /* what the radio adds to each transmission */
    unsigned duty_permille; /* ACKs take at most this part of the air; 0: no limit */
    unsigned channel;       /* lines with the same number receive the same radio channel; below SELKIE_LINES_MAX */
    enum selkie_line_rssi rssi;
};

/* Strings belong to the configuration. */
struct selkie_gateway_config {
    const char *root;
    const char *gateway;
    struct selkie_mqtt_settings broker;
    size_t line_count;
    struct selkie_gateway_line lines[SELKIE_LINES_MAX];
    const char *spool_path;
    int64_t max_frames;
    enum selkie_gateway_confirm confirm;
    size_t window;
    unsigned stats_s; /* between two publishes of the stats */
    size_t allow_count;
    const char **allow; /* hex prefixes of addresses in lower case or upper; none = all devices */
};

/* Read a file (or a text, under a name for its messages), and check what can be checked without connecting: names,
 * ranges, and that the files it names can be read and that secrets are not open to everybody. Returns NULL after the
 * mistake was written to stderr. */
struct selkie_gateway_config *selkie_gateway_config_load(const char *path);
struct selkie_gateway_config *selkie_gateway_config_parse(const char *name, const char *text, size_t len);
void selkie_gateway_config_close(struct selkie_gateway_config *config);

/* Whether a broker connection made for one serves the other. */
bool selkie_gateway_config_same_connection(const struct selkie_gateway_config *a,
                                           const struct selkie_gateway_config *b);

/* Whether the gateway acknowledges devices that may be other people's: they would stop to repeat, and nobody who knows
 * them would have their frames. */
bool selkie_gateway_config_acknowledges_all(const struct selkie_gateway_config *config);

/* Log each certificate that has expired, is not yet valid or ends within 30 days; loading logs them too. */
void selkie_gateway_config_warn_of_dates(const struct selkie_gateway_config *config);

/* Print what would be used. */
void selkie_gateway_config_show(const struct selkie_gateway_config *config);

/* A complete configuration to start from, as JSON. */
extern const char selkie_gateway_config_template[];

#endif
