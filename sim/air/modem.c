/* SPDX-License-Identifier: Apache-2.0 */
#include "air/modem.h"

#include <stdlib.h>
#include <string.h>

#define BITS_A_BYTE 8

int selkie_sim_modem_open(struct selkie_sim_modem *modem, const struct selkie_sim_radio_options *options)
{
    memset(modem, 0, sizeof *modem);
    modem->options = options->packet;
    modem->bit_rate = options->bit_rate;
    modem->buffer = malloc(options->packet.buffer);
    return modem->buffer ? 0 : SELKIE_ENOMEM;
}

void selkie_sim_modem_close(struct selkie_sim_modem *modem)
{
    free(modem->buffer);
    modem->buffer = NULL;
}

uint64_t selkie_sim_modem_next_us(const struct selkie_sim_modem *modem)
{
    uint64_t paused_us = modem->fed_us + SELKIE_SIM_MODEM_PAUSE_US;

    if (modem->len == 0)
        return UINT64_MAX;
    return modem->len >= modem->options.bytes || paused_us < modem->free_us ? modem->free_us : paused_us;
}

int selkie_sim_modem_advance(struct selkie_sim_modem *modem, uint64_t now_us)
{
    int error = 0;

    while (error == 0 && selkie_sim_modem_next_us(modem) <= now_us) {
        size_t len = modem->len < modem->options.bytes ? modem->len : modem->options.bytes;
        error = modem->transmit(modem->context, modem->buffer, len);
        modem->free_us = now_us + (uint64_t)len * BITS_A_BYTE * 1000000u / modem->bit_rate + modem->options.gap_us;
        modem->len -= len;
        memmove(modem->buffer, modem->buffer + len, modem->len);
    }
    return error;
}

int selkie_sim_modem_write(struct selkie_sim_modem *modem, const uint8_t *bytes, size_t len, uint64_t now_us)
{
    int error = selkie_sim_modem_advance(modem, now_us);

    modem->fed_us = now_us;
    while (len > 0 && error == 0) {
        size_t room = modem->options.buffer - modem->len, taken = len < room ? len : room;
        memcpy(modem->buffer + modem->len, bytes, taken);
        modem->len += taken;
        bytes += taken;
        len -= taken;
        error = selkie_sim_modem_advance(modem, now_us); /* a packet that is full leaves at once, if it can */
        if (modem->len == modem->options.buffer)
            break;
    }
    modem->dropped += len;
    return error;
}
