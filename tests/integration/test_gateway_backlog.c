/* SPDX-License-Identifier: Apache-2.0 */
/* The broker is gone for a long time: 100,000 frames wait on disk, then drain in order, and none is missing. */
#include "rig.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#define FRAMES 10000
#else
#define FRAMES 100000
#endif

/* The encoder's buffer, filled with frames up to a piece that the line takes at once. */
static void send_many(struct harness_pty *pty, uint32_t from, uint32_t to)
{
    uint8_t wire[4096];
    size_t fill = 0;

    for (uint32_t number = from; number < to; number++) {
        uint8_t body[RIG_BODY_SIZE];
        rig_body(body, number);
        int len = selkie_link_encode(wire + fill, sizeof(wire) - fill, body, sizeof(body));
        ck_assert_int_gt(len, 0);
        fill += (size_t)len;
        if (fill + SELKIE_LINK_WIRE_SIZE(RIG_BODY_SIZE) > sizeof(wire) || number + 1 == to) {
            harness_pty_write(pty, wire, fill);
            fill = 0;
        }
    }
}

/* Nobody acknowledges on the radio, so that the line has one direction and the test writes as fast as it is read. */
static const char *config_for(int port, const char *device)
{
    return rig_config_text("\"broker\":{\"uri\":\"mqtt://127.0.0.1:%d\"},\"confirm\":\"broker\",\"window\":200,"
                           "\"serial\":[{\"device\":\"%s\",\"ack\":false}]",
                           port, device);
}

START_TEST(all_frames_wait_and_drain_in_order)
{
    struct harness_broker *broker = harness_broker("max_queued_messages 0\n");
    struct harness_client *plugin = rig_plugin(broker);
    struct harness_pty *pty = harness_pty("tty");
    const char *config = config_for(harness_free_port(), pty->path); /* nobody listens there */
    struct harness_process *gateway = rig_gateway_ready(config, false);

    harness_wait_log(gateway, "cannot connect");
    send_many(pty, 0, FRAMES);
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    long waiting = rig_waiting();
    ck_assert_int_gt(waiting, FRAMES - 1000); /* the line holds a few at the end */
    harness_pty_unplug(pty);
    harness_pty_plug(pty);

    gateway = rig_gateway(config_for(broker->port, pty->path));
    send_many(pty, (uint32_t)waiting, FRAMES);
    int64_t last = 0;
    for (uint32_t i = 0; i < FRAMES; i++) {
        int64_t seq;
        ck_assert_uint_eq(rig_receive(plugin, &seq), i);
        ck_assert_int_gt(seq, last);
        last = seq;
    }
    rig_stop(gateway, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gateway_backlog");
    TCase *tcase = tcase_create("gateway_backlog");

    tcase_set_timeout(tcase, 170);
    tcase_add_test(tcase, all_frames_wait_and_drain_in_order);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
