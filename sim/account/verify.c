/* SPDX-License-Identifier: Apache-2.0 */
#include "account/verify.h"

#include <stdlib.h>
#include <string.h>

int selkie_verify_open(struct selkie_verify *verify, uint32_t devices)
{
    memset(verify, 0, sizeof *verify);
    verify->devices = calloc(devices, sizeof *verify->devices);
    verify->device_count = verify->devices ? devices : 0;
    return verify->devices ? 0 : SELKIE_ENOMEM;
}

void selkie_verify_close(struct selkie_verify *verify)
{
    for (uint32_t i = 0; i < verify->device_count; i++)
        free(verify->devices[i].marks);
    free(verify->devices);
}

/* Beside the bits of those who heard a payload. */
#define DELIVERED 0x40

static bool delivered(const struct selkie_verify_device *device, uint32_t number)
{
    return (device->marks[number] & DELIVERED) != 0;
}

static bool heard(const struct selkie_verify_device *device, uint32_t number)
{
    return (device->marks[number] & ~DELIVERED) != 0;
}

static int grow(struct selkie_verify_device *device)
{
    uint32_t room = device->room == 0 ? 64 : device->room * 2;
    uint8_t *marks = realloc(device->marks, room);

    if (!marks)
        return SELKIE_ENOMEM;
    memset(marks + device->room, 0, room - device->room);
    device->marks = marks;
    device->room = room;
    return 0;
}

int64_t selkie_verify_sent(struct selkie_verify *verify, uint32_t index)
{
    struct selkie_verify_device *device = &verify->devices[index];

    if (device->sent == device->room && grow(device) < 0)
        return SELKIE_ENOMEM;
    verify->tally.sent++;
    return device->sent++;
}

void selkie_verify_heard(struct selkie_verify *verify, uint32_t index, uint32_t number, uint8_t by, uint64_t wall_us)
{
    struct selkie_verify_device *device = &verify->devices[index];

    if (number >= device->sent)
        return;
    bool before = heard(device, number);
    device->marks[number] |= by;
    if (before)
        return;
    verify->heard++;
    if (delivered(device, number)) {
        verify->heard_delivered++;
        return;
    }
    unsigned place = number % SELKIE_VERIFY_RECENT;
    device->recent_number[place] = number;
    device->recent_us[place] = wall_us;
}

void selkie_verify_unhear(struct selkie_verify *verify, uint32_t index, uint32_t from, uint32_t to, uint8_t by)
{
    struct selkie_verify_device *device = &verify->devices[index];

    for (uint32_t number = from; number < to && number < device->sent; number++) {
        if (!heard(device, number) || delivered(device, number))
            continue;
        device->marks[number] &= (uint8_t)~by;
        verify->heard -= !heard(device, number);
    }
}

static void measure(struct selkie_verify *verify, struct selkie_verify_device *device, uint32_t number,
                    uint64_t wall_us)
{
    unsigned place = number % SELKIE_VERIFY_RECENT;

    if (device->recent_us[place] == 0 || device->recent_number[place] != number)
        return;
    selkie_histogram_add(&verify->latency, (int64_t)wall_us - (int64_t)device->recent_us[place]);
    device->recent_us[place] = 0;
}

enum selkie_verify_outcome selkie_verify_delivered(struct selkie_verify *verify, uint32_t index, uint32_t number,
                                                   uint64_t wall_us)
{
    if (index >= verify->device_count || number >= verify->devices[index].sent) {
        verify->tally.forged++;
        return SELKIE_VERIFY_FORGED;
    }
    struct selkie_verify_device *device = &verify->devices[index];
    if (delivered(device, number)) {
        verify->tally.doubled++;
        return SELKIE_VERIFY_AGAIN;
    }
    device->marks[number] |= DELIVERED;
    verify->tally.delivered++;
    verify->heard_delivered += heard(device, number);
    measure(verify, device, number, wall_us);
    return SELKIE_VERIFY_FIRST;
}

uint32_t selkie_verify_count(const struct selkie_verify *verify, uint32_t device)
{
    return verify->devices[device].sent;
}

bool selkie_verify_is_delivered(const struct selkie_verify *verify, uint32_t device, uint32_t number)
{
    return number < verify->devices[device].sent && delivered(&verify->devices[device], number);
}

struct selkie_verify_tally selkie_verify_tally(const struct selkie_verify *verify)
{
    struct selkie_verify_tally tally = verify->tally;

    tally.waiting = verify->heard - verify->heard_delivered;
    tally.lost_elsewhere = tally.waiting;
    tally.lost_on_air = tally.sent - tally.delivered - tally.waiting;
    return tally;
}
