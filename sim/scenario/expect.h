/* SPDX-License-Identifier: Apache-2.0 */
/* What a scenario expects, and whether it holds: metrics by name, each with a relation.
 *
 *   "expect": {"lost_elsewhere": 0, "delivered_share": ">=0.98", "events": {"clone": 1}, "rejected": {"replay": ">=1"},
 *              "attacks": {"flip": ">=20"}, "results": {"flip": {"rejected": ">=15"}}}
 *
 * A plain number means equality. Pure, but for what it prints; no heap; one thread. */
#ifndef SELKIE_SIM_EXPECT_H
#define SELKIE_SIM_EXPECT_H

#include "account/metrics.h"

#include <selkie/settings.h>
#include <stdio.h>

#define SELKIE_EXPECT_MAX 128

enum selkie_relation { SELKIE_EQUAL, SELKIE_AT_LEAST, SELKIE_AT_MOST, SELKIE_ABOVE, SELKIE_BELOW };

struct selkie_expectation {
    char name[SELKIE_METRIC_NAME_MAX]; /* "delivered_share", "events.clone" */
    enum selkie_relation relation;
    double value;
};

struct selkie_expect {
    size_t count;
    struct selkie_expectation list[SELKIE_EXPECT_MAX];
};

/* Read the object (NULL: nothing is expected). `attacks` are the names known in that group, and NULL. Mistakes go to
 * the settings, as everywhere. */
void selkie_expect_read(struct selkie_expect *expect, struct selkie_settings_object *object,
                        const char *const attacks[]);

/* Read ">=0.98" or "3". 0 or SELKIE_EINVAL. */
SELKIE_USE_RESULT int selkie_expect_parse(struct selkie_expectation *expectation, const char *text);

/* Add one by name, if it is not there; the name need not be checked: it is the program's own. What does not fit is
 * SELKIE_EFULL. */
SELKIE_USE_RESULT int selkie_expect_add(struct selkie_expect *expect, const char *name, const char *text);

/* Whether one holds. A figure that was never counted is 0, but a time (latency_…, wait_…) of which
 * there is no sample holds nothing. */
bool selkie_expect_holds(const struct selkie_expectation *expectation, const struct selkie_metrics *metrics);

/* "delivered_share >= 0.98, but is 0.97"; "…, is 0.99" where it holds. */
void selkie_expect_format(char text[static 128], const struct selkie_expectation *expectation,
                          const struct selkie_metrics *metrics);

#endif
