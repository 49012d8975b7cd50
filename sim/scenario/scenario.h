/* SPDX-License-Identifier: Apache-2.0 */
/* A scenario: the fleet, its air, what happens to them, who attacks, and what is expected. docs/SIMULATOR.md describes
 * each key. Read from JSON so that each mistake names file, line and key, or put together by the command line. Heap,
 * file input; one thread. */
#ifndef SELKIE_SIM_SCENARIO_H
#define SELKIE_SIM_SCENARIO_H

#include "account/payload.h"
#include "scenario/expect.h"

#include <jansson.h>
#include <selkie/session.h>
#include <selkie/topic.h>
#include <stdbool.h>
#include <stdint.h>

#define SELKIE_SCENARIO_DEVICES_MAX  1000000
#define SELKIE_SCENARIO_GROUPS_MAX   8
#define SELKIE_SCENARIO_CHANNELS_MAX 1024
#define SELKIE_SCENARIO_ACTIONS_MAX  64
#define SELKIE_SCENARIO_ATTACKS_MAX  32
#define SELKIE_SCENARIO_HEARD_MAX    4

/* How a channel's bytes reach a gateway. */
enum selkie_sim_link {
    SELKIE_SIM_LINK_PTY,    /* a pseudo-terminal that a selkie-gateway opens */
    SELKIE_SIM_LINK_SOCKET, /* a TCP or Unix socket that somebody connects to, such as socat in another container */
    SELKIE_SIM_LINK_MQTT    /* no gateway process: the simulator speaks to the broker in its place */
};

/* How bad a channel's air is. */
struct selkie_noise_options {
    double bit_errors;    /* chance of a bit to be wrong, 0..1 */
    double lost_bytes;    /* chance of a byte to be lost, 0..1 */
    double burst_every_s; /* mean time between bursts; 0 = none */
    double burst_s;       /* mean length of one; each bit in it is wrong with an even chance */
};

/* How radios cut what they send; a packet arrives whole or not at all. */
struct selkie_packet_options {
    uint32_t bytes;  /* at most, in a packet; 0 = the radios stream */
    uint32_t gap_us; /* between two packets of one sender */
    uint32_t buffer; /* bytes that wait in a sender's module */
    double loss;     /* chance of a packet to be lost, at each receiver */
};

struct selkie_sim_radio_options {
    uint32_t bit_rate; /* bits a second; 0 = no radio */
    uint32_t sense_us; /* a signal is sensed by others only so long after its start */
    double fade_share; /* part of the time that a path is faded: nothing of it is heard */
    double fade_s;     /* a path is faded, or not, for so long at a time */
    unsigned chunk;    /* bytes handed on together at most; 0 = up to a signal's end. The channel sets it */
    struct selkie_noise_options noise;
    struct selkie_packet_options packet;
};

extern const char *const selkie_link_words[]; /* and NULL behind the last */

/* A group of channels with the same settings. */
struct selkie_scenario_channels {
    uint32_t count;
    enum selkie_sim_link link;
    const char
        *line; /* pty: links of this name with the channel's number behind it; socket: HOST:PORT (the channel's number
                  is added to the port) or a path (its number behind it); NULL = in the run's own folder */
    bool own_gateways; /* pty: start a selkie-gateway on each */
    bool ack;          /* gateways acknowledge, devices wait for it */
    bool one_air;      /* these gateways hear each other, and the devices hear all of them */
    bool has_clock;    /* mqtt: the gateways' clocks are wrong by clock_ms, and they publish ages */
    int64_t clock_ms;
    struct selkie_sim_radio_options air;
};

struct selkie_scenario_fleet {
    uint32_t devices;
    bool together;        /* they start in the same instant, and make payloads by the main loop of docs/PORTING.md */
    double start_s;       /* else they start within so many seconds */
    double interval_s;    /* between two payloads of a device, */
    double jitter;        /* more or less by up to this part of it */
    double session_share; /* part of the devices that send SESSION frames */
    uint32_t heard_by;    /* gateways that hear each device */
    bool sense;           /* devices listen before they send */
    uint16_t sealed_every;
    uint8_t register_times, data_times;
    uint32_t spread_ms;
    uint16_t duty_permille;
    uint16_t packet_max, packet_gap_ms; /* as the device library's */
    uint8_t parity;
    const char *claim;
    enum selkie_payload_kind payload;
    size_t payload_size;
    const char *payload_file;
};

struct selkie_scenario_key {
    uint8_t id;
    const char *file; /* the public half, PEM */
};

struct selkie_scenario_broker {
    const char *uri; /* NULL = start one */
    const char *username, *password_file, *ca, *cert, *key;
    const char *root;
    const char *mosquitto; /* the program; NULL = Debian's, or the one in PATH */
    const char *plugin;    /* path of mosquitto_selkie.so; NULL = beside this program, or where it is installed */
    const char *enrolment, *rebind; /* the plugin's policies, as its configuration names them */
    uint32_t silent_after_s;        /* as the plugin's, on the wall */
    uint32_t workers;               /* 0 = the plugin's default */
    uint32_t max_devices;           /* the same */
    uint32_t approve_ms; /* an operator approves each pending device after so long, on the wall; 0 = nobody does */
    size_t key_count;
    struct selkie_scenario_key keys[2]; /* with uri: current and next */
};

enum selkie_action_kind {
    SELKIE_ACTION_RESET,        /* a share of the devices loses its power */
    SELKIE_ACTION_KEY,          /* a share of the devices seals with the next key */
    SELKIE_ACTION_OUTAGE,       /* a share of the devices is without power for for_s, and boots in the same instant */
    SELKIE_ACTION_BROKER_STOP,  /* the broker is stopped, and started again after for_s */
    SELKIE_ACTION_BROKER_KILL,  /* the same with SIGKILL */
    SELKIE_ACTION_GATEWAY_STOP, /* as for the broker, with the gateway of `channel` */
    SELKIE_ACTION_GATEWAY_KILL
};

struct selkie_scenario_action {
    enum selkie_action_kind kind;
    double at_s, every_s, for_s; /* every_s 0 = once */
    double share;
    int32_t channel; /* -1 = all */
};

/* X(name, word). attack/attacks.c says what each does, and what must come of it. */
#define SELKIE_ATTACKS(X)                                                                                              \
    X(REPLAY, "replay")                                                                                                \
    X(REPLAY_LATE, "replay-late")                                                                                      \
    X(HOLD_BACK, "hold-back")                                                                                          \
    X(FLIP, "flip")                                                                                                    \
    X(FORGED_REGISTER, "forged-register")                                                                              \
    X(THIEF, "thief")                                                                                                  \
    X(EAGER_THIEF, "eager-thief")                                                                                      \
    X(JUMPING_THIEF, "jumping-thief")                                                                                  \
    X(RESET_STORM, "reset-storm")                                                                                      \
    X(PENDING_FLOOD, "pending-flood")                                                                                  \
    X(LATE_CLAIM, "late-claim")                                                                                        \
    X(GATEWAY_REPLAY, "gateway-replay")                                                                                \
    X(GATEWAY_REORDER, "gateway-reorder")                                                                              \
    X(GATEWAY_FLOOD, "gateway-flood")                                                                                  \
    X(GATEWAY_LIAR, "gateway-liar")                                                                                    \
    X(REGISTRATION_FLOOD, "registration-flood")                                                                        \
    X(PUBLISHER, "publisher")                                                                                          \
    X(WILL, "will")                                                                                                    \
    X(NOISE, "noise")                                                                                                  \
    X(FORGED_FRAGMENTS, "forged-fragments")

enum selkie_attack_kind {
#define SELKIE_ATTACK_ENUM(name, word) SELKIE_ATTACK_##name,
    SELKIE_ATTACKS(SELKIE_ATTACK_ENUM)
#undef SELKIE_ATTACK_ENUM
        SELKIE_ATTACK_KINDS
};

/* The words, and NULL behind the last. */
extern const char *const selkie_attack_words[SELKIE_ATTACK_KINDS + 1];

struct selkie_scenario_attack {
    enum selkie_attack_kind kind;
    double at_s, every_s;
    uint32_t count; /* how often; 0 = to the end */
    uint32_t channel;
    int32_t device; /* the victim; -1 = any */
    double after_s; /* how long a recorded frame is kept */
};

struct selkie_scenario {
    const char *name, *description;
    uint64_t seed;
    double duration_s; /* of virtual time */
    double speed;      /* 0 = max */
    double settle_s;   /* at the end: for so long nothing has come, on the wall, and then what is missing is lost */
    uint32_t backlog; /* frames that a gateway has and that were not delivered yet: above this, time waits. 0 = never */
    struct selkie_scenario_fleet fleet;
    size_t group_count;
    uint32_t channel_count; /* of all groups */
    struct selkie_scenario_channels groups[SELKIE_SCENARIO_GROUPS_MAX];
    struct selkie_scenario_broker broker;
    size_t action_count;
    struct selkie_scenario_action actions[SELKIE_SCENARIO_ACTIONS_MAX];
    size_t attack_count;
    struct selkie_scenario_attack attacks[SELKIE_SCENARIO_ATTACKS_MAX];
    struct selkie_expect expect;
    struct selkie_settings *settings; /* owns the strings */
};

/* Read the settings of a file or a text, which are taken; what they leave out has its default. NULL: no memory. Check
 * selkie_scenario_error next. */
void selkie_scenario_read(struct selkie_scenario *scenario, struct selkie_settings *settings);

/* NULL, or the sentence that names file, line and key. */
const char *selkie_scenario_error(const struct selkie_scenario *scenario);

void selkie_scenario_close(struct selkie_scenario *scenario);

/* Where a channel's socket listens, read strictly: HOST:PORT ([HOST]:PORT where the host has colons; no host = any), or
 * a path with a '/'. The channel's number is added to the port, or appended to the path. Pure; no heap; any thread. */
#define SELKIE_ENDPOINT_PATH_SIZE 108 /* sun_path's */

struct selkie_endpoint {
    bool is_path;
    char path[SELKIE_ENDPOINT_PATH_SIZE];
    char host[256]; /* "" = any */
    char port[8];
};

/* 0, or SELKIE_EINVAL with *mistake set to what is wrong with the text. */
SELKIE_USE_RESULT int selkie_endpoint_parse(struct selkie_endpoint *endpoint, const char *text, uint32_t number,
                                            const char **mistake);

/* Scenarios from the command line: a file (or an attack's own small scenario, or nothing) with single keys set over it.
 * The result goes through the reader of scenarios, so the command line has the same ranges and messages. */

/* Note a key to be set, "fleet/devices" or "channels/0/link", in `over`, a JSON list of ["path/in/the/scenario",
 * value]. The value is taken as JSON if it is, else as a string. 0 or SELKIE_ENOMEM. */
SELKIE_USE_RESULT int selkie_command_line_set(json_t *over, const char *path, const char *value);

/* Read the file (NULL: the defaults; else an attack by its name: NULL where file is given) with what was noted set over
 * it. Check selkie_scenario_error next. Returns NULL, or a path that was noted and leads nowhere (a list has no such
 * place, or a plain value nothing inside); it lives as long as `over`. */
SELKIE_USE_RESULT const char *selkie_command_line_load(const json_t *over, struct selkie_scenario *scenario,
                                                       const char *file, const char *attack);

/* Whether a device sends SESSION frames. By its index, not by chance: so the share is exact in a small fleet as well.
 */
bool selkie_scenario_has_session(const struct selkie_scenario_fleet *fleet, uint32_t device);

/* The part of the air that the payloads take on the busiest channel, at their interval and with their repeats: above 1,
 * the channel cannot carry them. REGISTERs and repeats for want of an ACK come on top. 0 without radios. */
double selkie_scenario_load(const struct selkie_scenario *scenario, const struct selkie_payload_plan *plan,
                            uint32_t *worst);

/* A fleet that its air cannot carry fails in any case, and after hours: say so. */
void selkie_scenario_weigh(const struct selkie_scenario *scenario, const struct selkie_payload_plan *plan);

/* Print what would be run, for --check-config. SELKIE_EIO after a sentence about the file of payloads. */
SELKIE_USE_RESULT int selkie_command_line_show(const struct selkie_scenario *scenario);

#endif
