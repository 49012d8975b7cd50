/* SPDX-License-Identifier: Apache-2.0 */
/* SESSION frames through Mosquitto with the plugin, all rules and the durable commit included, against the same
 * Mosquitto forwarding the same bytes without it. The same clients, properties and number of messages under way, QoS 1
 * in and out; with the plugin, the receipts too. Prints; passes no judgement. */
#include "frames.h"
#include "pump.h"

#include <selkie/session.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define RULES "\"gateways\":\"any\",\"workers\":2"

enum {
    DEVICES = 5 * PUMP_GATEWAYS,
    ROUNDS = 5,
    FRAMES = 40000, /* in all rounds */
    SEALED = 2000,
    WINDOW = 160 * PUMP_GATEWAYS,
    PAYLOAD = 16,
    BODY = SELKIE_SESSION_OVERHEAD + PAYLOAD
};

static uint8_t *seal_sessions(void)
{
    uint8_t *bodies = calloc(FRAMES, BODY), payload[PAYLOAD] = "0123456789abcde";

    ck_assert_ptr_nonnull(bodies);
    for (unsigned d = 0; d < DEVICES; d++) {
        struct frames_device device = frames_device(d);
        struct selkie_session session;
        ck_assert_int_eq(selkie_session_derive(&session, device.address, device.id), 0);
        for (uint32_t i = 0; i < FRAMES / DEVICES; i++)
            ck_assert_int_eq(selkie_session_seal(bodies + ((size_t)i * DEVICES + d) * BODY, BODY, &session, i + 1,
                                                 payload, sizeof payload),
                             BODY);
    }
    return bodies;
}

/* SEALED frames: one that registers each device of the SESSION frames, or many of one more device for each gateway. */
static uint8_t *seal_sealed(bool registrations, size_t count)
{
    uint8_t(*bodies)[SELKIE_SEALED_SIZE] = calloc(count, sizeof *bodies);

    ck_assert_ptr_nonnull(bodies);
    for (uint32_t i = 0; i < count; i++) {
        struct frames_device device = frames_device(registrations ? i : DEVICES + i % PUMP_GATEWAYS);
        harness_seal_data(bodies[i], device.address, device.id, registrations ? 0 : i / PUMP_GATEWAYS,
                          "0123456789abcde");
    }
    return bodies[0];
}

START_TEST(figures)
{
    uint8_t *sessions = seal_sessions(), *registrations = seal_sealed(true, DEVICES),
            *sealed = seal_sealed(false, SEALED);
    struct harness_broker *plain = harness_broker(PUMP_BROKER);
    struct harness_broker *broker = harness_broker_with_plugin(PUMP_BROKER, RULES);
    struct pump *forwarding = pump_open(plain, PUMP_TOPICS, false),
                *opening = pump_open(broker, "selkie/device/+/up", true);
    int64_t forwarded_us = 0, rsa_us = 0, opened_us = 0;

    (void)pump_run(forwarding, sessions, BODY, FRAMES / ROUNDS, WINDOW); /* warm */
    (void)pump_run(opening, registrations, SELKIE_SEALED_SIZE, DEVICES, WINDOW);
    /* In turn, so that a machine's moods strike all. */
    for (size_t i = 0; i < ROUNDS; i++) {
        const uint8_t *part = sessions + i * (FRAMES / ROUNDS) * BODY;
        forwarded_us += pump_run(forwarding, part, BODY, FRAMES / ROUNDS, WINDOW);
        opened_us += pump_run(opening, part, BODY, FRAMES / ROUNDS, WINDOW);
        rsa_us += pump_run(opening, sealed + i * (SEALED / ROUNDS) * SELKIE_SEALED_SIZE, SELKIE_SEALED_SIZE,
                           SEALED / ROUNDS, WINDOW);
    }
    pump_close(forwarding);
    pump_close(opening);
    ck_assert_int_eq(harness_stop(plain->process, SIGTERM), 0);
    ck_assert_int_eq(harness_stop(broker->process, SIGTERM), 0);

    double forwarded = FRAMES * 1e6 / (double)forwarded_us, opened = FRAMES * 1e6 / (double)opened_us,
           rsa = SEALED * 1e6 / (double)rsa_us;
    printf(
        "%d-byte readings, frames/s: forwarded by plain Mosquitto %.0f; SESSION through the plugin %.0f: %.2f of it; "
        "SEALED with two workers %.0f: SESSION is %.0f times as fast\n",
        PAYLOAD, forwarded, opened, opened / forwarded, rsa, opened / rsa);
    free(sessions);
    free(registrations);
    free(sealed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session_rate");
    TCase *tcase = tcase_create("session_rate");

    tcase_set_timeout(tcase, 600);
    tcase_add_test(tcase, figures);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
