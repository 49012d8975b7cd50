/* SPDX-License-Identifier: Apache-2.0 */
/* The table of attacks: what each does, and what must come of it. */
#include "attack/acts.h"

static const struct selkie_attack attacks[SELKIE_ATTACK_KINDS] = {
    [SELKIE_ATTACK_REPLAY] = {"records a frame and sends it again at once", selkie_tap_record, selkie_act_replay,
                              "forged==0 doubled==0 .heard>=1"},
    [SELKIE_ATTACK_REPLAY_LATE] = {"sends a recorded frame again an hour later", selkie_tap_record, selkie_act_send_old,
                                   "forged==0 doubled==0 .heard>=1 .replay>=1", .after_s = 3600},
    [SELKIE_ATTACK_HOLD_BACK] = {"jams a frame while recording it, and sends it later", selkie_tap_hold,
                                 selkie_act_send_old, "forged==0 doubled==0 lost_elsewhere==0 .delivered>=1",
                                 .after_s = 30},
    [SELKIE_ATTACK_FLIP] = {"flips a bit in each field of a recorded frame, and mends the CRC", selkie_tap_record,
                            selkie_act_flip, "forged==0 .heard>=1 rejected_total>=1 .rejected>=1"},
    [SELKIE_ATTACK_FORGED_REGISTER] = {"registers an ID of its own for a live address, and sends under it", NULL,
                                       selkie_act_register, "forged==0 .heard>=1 events.reset>=1 .alarm-reset>=1"},
    [SELKIE_ATTACK_THIEF] = {"has a device's ID, and sends beside it", NULL, selkie_act_thief,
                             "forged==0 .heard>=1 events.clone>=1 .alarm-clone>=1 .clone>=1"},
    [SELKIE_ATTACK_EAGER_THIEF] = {"has a device's ID, and sends before it does: delivered, but not unseen",
                                   selkie_tap_robbed, selkie_act_thief,
                                   "forged==0 lost_elsewhere>=0 impersonated>=1 events.clone>=1 .alarm-clone>=1"},
    [SELKIE_ATTACK_RESET_STORM] = {"registers one new ID after another for an address", NULL, selkie_act_storm,
                                   "forged==0 .heard>=1 events.reset>=1 .alarm-reset>=1 rejected.pending-full>=1 "
                                   ".pending-full>=1"},
    [SELKIE_ATTACK_GATEWAY_REPLAY] = {"a gateway hands over what it has heard again and again", selkie_tap_record,
                                      selkie_act_gateway_replay, "forged==0 doubled==0 .heard>=1 .unanswered==0",
                                      SELKIE_NEEDS_GATEWAY},
    [SELKIE_ATTACK_GATEWAY_REORDER] = {"a gateway hands frames over in an order of its own", selkie_tap_all,
                                       selkie_act_gateway_reorder,
                                       "forged==0 doubled==0 lost_elsewhere==0 .delivered>=1 .unanswered==0",
                                       SELKIE_NEEDS_GATEWAY},
    [SELKIE_ATTACK_GATEWAY_FLOOD] = {"a gateway hands over hundreds of frames of chance at once", NULL,
                                     selkie_act_gateway_flood,
                                     "forged==0 lost_elsewhere==0 .bad-seal>=1 .unanswered==0", SELKIE_NEEDS_GATEWAY},
    [SELKIE_ATTACK_GATEWAY_LIAR] = {"a gateway lies about when it heard a frame", selkie_tap_record,
                                    selkie_act_gateway_liar,
                                    "forged==0 doubled==0 lost_elsewhere==0 .heard>=1 .unanswered==0",
                                    SELKIE_NEEDS_GATEWAY},
    [SELKIE_ATTACK_PUBLISHER] = {"a client publishes on devices' topics, as rejections, statistics and receipts", NULL,
                                 selkie_act_publish, "forged==0 unrefused_publishes==0 .refused>=1",
                                 SELKIE_NEEDS_CLIENT},
    [SELKIE_ATTACK_WILL] = {"a client leaves a will on a device's topic, and dies", NULL, selkie_act_will, "forged==0",
                            SELKIE_NEEDS_CLIENT},
    [SELKIE_ATTACK_NOISE] = {"puts random bytes on the line", selkie_tap_next, selkie_act_noise,
                             "forged==0 delivered_share>=0.5 .delivered>=1"},
};

const struct selkie_attack *selkie_attack_of(enum selkie_attack_kind kind)
{
    return &attacks[kind];
}
