/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/key_faults.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#define LINE_SIZE (SELKIE_KEYRING_ERROR_SIZE + 80)

/* The place of this reason ("": a free one), or -1. */
static int find(const struct selkie_key_faults *faults, const char *why)
{
    for (int i = 0; i < SELKIE_KEY_FAULTS_MAX; i++)
        if (strcmp(faults->told[i], why) == 0)
            return i;
    return -1;
}

static void log_fault(const struct selkie_unsealer *unsealer, unsigned index, const char *why)
{
    char line[LINE_SIZE];
    const char *provider;
    uint8_t id;

    selkie_keyring_describe(unsealer->options.keyring, index, &id, &provider);
    (void)snprintf(line, sizeof line, "key %u is unavailable, and its frames wait at their gateways: %s", id, why);
    selkie_pipeline_log(unsealer, LOG_ERR, line);
}

void selkie_key_faults_log(struct selkie_key_faults *faults, const struct selkie_unsealer *unsealer)
{
    char why[SELKIE_KEYRING_ERROR_SIZE];
    bool stands[SELKIE_KEY_FAULTS_MAX] = {false}, any = false, ended = false;

    for (unsigned i = 0; i < selkie_keyring_count(unsealer->options.keyring); i++) {
        if (!selkie_keyring_fault(unsealer->options.keyring, i, why))
            continue;
        int place = find(faults, why);
        if (place < 0 && (place = find(faults, "")) >= 0) {
            memcpy(faults->told[place], why, sizeof why);
            log_fault(unsealer, i, why);
        }
        any = true;
        if (place >= 0)
            stands[place] = true;
    }
    for (int i = 0; i < SELKIE_KEY_FAULTS_MAX; i++) {
        if (stands[i] || !faults->told[i][0])
            continue;
        faults->told[i][0] = '\0';
        ended = true;
    }
    if (ended && !any)
        selkie_pipeline_log(unsealer, LOG_NOTICE, "all keys are available again");
}
