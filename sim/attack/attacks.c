/* SPDX-License-Identifier: Apache-2.0 */
/* The table of attacks: what each does, and what must come of it. */
#include "attack/acts.h"

static const struct selkie_attack attacks[SELKIE_ATTACK_KINDS] = {
    [SELKIE_ATTACK_REPLAY] = {.what = "records a frame and sends it again at once",
                              .tap = selkie_tap_record,
                              .act = selkie_act_replay,
                              .must = "forged==0 doubled==0 .heard>=1"},
    [SELKIE_ATTACK_REPLAY_LATE] = {.what = "sends a recorded frame again an hour later",
                                   .tap = selkie_tap_record,
                                   .act = selkie_act_send_old,
                                   .must = "forged==0 doubled==0 .heard>=1 .replay>=1",
                                   .after_s = 3600},
    [SELKIE_ATTACK_HOLD_BACK] = {.what = "jams a frame while recording it, and sends it later",
                                 .tap = selkie_tap_hold,
                                 .act = selkie_act_send_old,
                                 .must = "forged==0 doubled==0 lost_elsewhere==0 .delivered>=1",
                                 .after_s = 30},
    [SELKIE_ATTACK_FLIP] = {.what = "flips a bit in each field of a recorded frame, and mends the CRC",
                            .tap = selkie_tap_record,
                            .act = selkie_act_flip,
                            .must = "forged==0 .heard>=1 rejected_total>=1 .rejected>=1"},
    [SELKIE_ATTACK_FORGED_REGISTER] = {.what = "registers an ID of its own for a live address, and sends under it",
                                       .act = selkie_act_register,
                                       .must = "forged==0 .heard>=1 events.reset>=1 .alarm-reset>=1"},
    [SELKIE_ATTACK_THIEF] = {.what = "has a device's ID, and sends beside it",
                             .act = selkie_act_thief,
                             .must = "forged==0 .heard>=1 events.clone>=1 .alarm-clone>=1 .clone>=1"},
    [SELKIE_ATTACK_EAGER_THIEF] = {.what = "has a device's ID, and sends before it does: delivered, but not unseen",
                                   .tap = selkie_tap_robbed,
                                   .act = selkie_act_thief,
                                   .must =
                                       "forged==0 lost_elsewhere>=0 impersonated>=1 events.clone>=1 .alarm-clone>=1"},
    [SELKIE_ATTACK_JUMPING_THIEF] = {.what = "has a device's ID, and jumps far ahead of its counter",
                                     .tap = selkie_tap_robbed,
                                     .act = selkie_act_thief,
                                     .must = "forged==0 lost_elsewhere==0 impersonated>=1 .heard>=1 events.clone>=1 "
                                             ".alarm-clone>=1"},
    [SELKIE_ATTACK_RESET_STORM] = {.what = "registers one new ID after another for an address",
                                   .act = selkie_act_storm,
                                   .must =
                                       "forged==0 .heard>=1 events.reset>=1 .alarm-reset>=1 rejected.pending-full>=1 "
                                       ".pending-full>=1"},
    [SELKIE_ATTACK_PENDING_FLOOD] = {.what = "the same, while the address's device is reset and waits for approval",
                                     .act = selkie_act_storm,
                                     .must = "forged==0 lost_elsewhere==0 .heard>=1 .alarm-reset>=5 .pending-full>=1 "
                                             "approved>=1"},
    [SELKIE_ATTACK_LATE_CLAIM] = {.what = "keeps a device's life between two resets from every gateway, and plays it "
                                          "later",
                                  .tap = selkie_tap_life,
                                  .act = selkie_act_late_claim,
                                  .must = "forged==0 lost_elsewhere==0 events.takeover>=1 .heard>=2 .alarm-reset>=1 "
                                          ".retired>=1"},
    [SELKIE_ATTACK_GATEWAY_REPLAY] = {.what = "a gateway hands over what it has heard again and again",
                                      .tap = selkie_tap_record,
                                      .act = selkie_act_gateway_replay,
                                      .must = "forged==0 doubled==0 .heard>=1 .unanswered==0",
                                      .needs = SELKIE_NEEDS_GATEWAY},
    [SELKIE_ATTACK_GATEWAY_REORDER] = {.what = "a gateway hands frames over in an order of its own",
                                       .tap = selkie_tap_all,
                                       .act = selkie_act_gateway_reorder,
                                       .must = "forged==0 doubled==0 lost_elsewhere==0 .delivered>=1 .unanswered==0",
                                       .needs = SELKIE_NEEDS_GATEWAY},
    [SELKIE_ATTACK_GATEWAY_FLOOD] = {.what = "a gateway hands over hundreds of frames of chance at once",
                                     .act = selkie_act_gateway_flood,
                                     .must = "forged==0 lost_elsewhere==0 .bad-seal>=1 .unanswered==0",
                                     .needs = SELKIE_NEEDS_GATEWAY},
    [SELKIE_ATTACK_GATEWAY_LIAR] = {.what = "a gateway lies about when it heard a frame",
                                    .tap = selkie_tap_record,
                                    .act = selkie_act_gateway_liar,
                                    .must = "forged==0 doubled==0 lost_elsewhere==0 .heard>=1 .unanswered==0",
                                    .needs = SELKIE_NEEDS_GATEWAY},
    [SELKIE_ATTACK_REGISTRATION_FLOOD] = {.what = "a gateway registers devices that do not exist until the registry is "
                                                  "full for it",
                                          .act = selkie_act_registration_flood,
                                          .must = "forged==0 lost_elsewhere==0 rejected.registry-full>=1 "
                                                  ".registry-full>=1 .unanswered==0",
                                          .needs = SELKIE_NEEDS_GATEWAY},
    [SELKIE_ATTACK_PUBLISHER] = {.what =
                                     "a client publishes on devices' topics, as rejections, statistics and receipts",
                                 .act = selkie_act_publish,
                                 .must = "forged==0 unrefused_publishes==0 .refused>=1",
                                 .needs = SELKIE_NEEDS_CLIENT},
    [SELKIE_ATTACK_WILL] = {.what = "a client leaves a will on a device's topic, and dies",
                            .act = selkie_act_will,
                            .must = "forged==0",
                            .needs = SELKIE_NEEDS_CLIENT},
    [SELKIE_ATTACK_NOISE] = {.what = "puts random bytes on the line",
                             .tap = selkie_tap_next,
                             .act = selkie_act_noise,
                             .must = "forged==0 delivered_share>=0.5 .delivered>=1"},
    [SELKIE_ATTACK_FORGED_FRAGMENTS] = {.what = "sends fragments with the numbers of a device's frame, and of frames "
                                                "that do not exist",
                                        .tap = selkie_tap_record,
                                        .act = selkie_act_forged_fragments,
                                        .must = "forged==0 doubled==0 lost_elsewhere==0 delivered_share>=0.9 "
                                                ".heard>=9"},
};

const struct selkie_attack *selkie_attack_of(enum selkie_attack_kind kind)
{
    return &attacks[kind];
}
