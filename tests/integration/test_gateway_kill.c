/* SPDX-License-Identifier: Apache-2.0 */
/* kill -9 at random moments, 200 times, while frames arrive and leave: what was acknowledged on the radio is not lost.
 */
#include "rig.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#define KILLS 40 /* starts are slow then, and what is looked for is another thing */
#else
#define KILLS 200
#endif
#define PER_LIFE 40 /* frames in one life at most */
#define NUMBERS  (KILLS * PER_LIFE)

static bool acked[NUMBERS];
static bool arrived[NUMBERS];

/* Send until the moment of death, which comes after a random number of ACKs, or between two. Returns the next number.
 */
static uint32_t live_and_die(const char *config, struct harness_pty *pty, uint32_t number)
{
    struct harness_process *gateway = rig_gateway(config);
    uint32_t last = number + 1 + (uint32_t)(random() % PER_LIFE);

    harness_wait_log(gateway, "open, ");
    for (; number < last; number++) {
        rig_send(pty, number);
        /* Now and then several at once, so that commits hold more than one. */
        if (random() % 3 == 0)
            continue;
        int crc = rig_ack(pty, random() % 8 == 0 ? 1 : HARNESS_PATIENCE);
        for (uint32_t i = number; crc >= 0 && i + 8 > number && i < NUMBERS; i--)
            if (rig_crc(i) == crc)
                acked[i] = true;
    }
    ck_assert_int_eq(harness_stop(gateway, SIGKILL), 128 + SIGKILL);
    return number;
}

START_TEST(nothing_acknowledged_is_lost_over_many_kills)
{
    struct harness_broker *broker = harness_broker("max_queued_messages 0\n");
    struct harness_client *plugin = rig_plugin(broker);
    struct harness_pty *pty = harness_pty("tty");
    const char *config = rig_config_text("\"broker\":{\"uri\":\"%s\"},\"confirm\":\"broker\","
                                         "\"serial\":[{\"device\":\"%s\",\"quiet_ms\":1}]",
                                         broker->uri, pty->path);
    uint32_t number = 0;
    uint32_t sure = 0;

    srandom(20260101);
    for (int kills = 0; kills < KILLS; kills++) {
        number = live_and_die(config, pty, number);
        harness_pty_unplug(pty); /* what stood in the line is gone, as with a real one */
        harness_pty_plug(pty);
    }
    for (uint32_t i = 0; i < number; i++)
        sure += acked[i];
    ck_assert_uint_gt(sure, KILLS);

    struct harness_process *gateway = rig_gateway_ready(config, true);
    rig_send_acked(pty, NUMBERS); /* comes last, since frames go in order */
    struct harness_message *message;
    do {
        message = harness_receive(plugin, RIG_UP);
        uint32_t found = rig_number(message->payload);
        if (found < NUMBERS)
            arrived[found] = true;
        harness_message_free(message);
        if (found == NUMBERS)
            break;
    } while (true);
    for (uint32_t i = 0; i < number; i++)
        ck_assert_msg(!acked[i] || arrived[i], "frame %u was acknowledged and is lost", i);
    ck_assert_int_eq(harness_stop(gateway, SIGTERM), 0);
    ck_assert_int_eq(rig_waiting(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gateway_kill");
    TCase *tcase = tcase_create("gateway_kill");

    tcase_set_timeout(tcase, 170);
    tcase_add_test(tcase, nothing_acknowledged_is_lost_over_many_kills);
    suite_add_tcase(suite, tcase);
    return harness_main(suite);
}
