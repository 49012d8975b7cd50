/* SPDX-License-Identifier: Apache-2.0 */
#include "rssi_rx.h"

#include <selkie/topic.h>

void selkie_rssi_rx_init(struct selkie_rssi_rx *rx)
{
    selkie_link_rx_init(&rx->link);
    selkie_link_rx_init(&rx->past);
    rx->between = 0;
}

int selkie_rssi_rx_byte(struct selkie_rssi_rx *rx, uint8_t byte)
{
    int result = selkie_link_rx_byte(&rx->link, byte), past = 0;
    uint8_t between = rx->between;

    rx->body = rx->link.body;
    if (!rx->appended)
        return result;
    rx->between = byte == 0 ? 0 : between == 0 ? 1 : 2;
    if (byte == 0 || between != 0)
        past = selkie_link_rx_byte(&rx->past, byte);
    if (result > 0 || past <= 0)
        return byte == 0 && between == 1 ? 0 : result;
    rx->body = rx->past.body;
    return past;
}

bool selkie_rssi_rx_inside(const struct selkie_rssi_rx *rx)
{
    return selkie_link_rx_inside(&rx->link) || (rx->appended && selkie_link_rx_inside(&rx->past));
}

int16_t selkie_rssi_of(uint8_t byte)
{
    int dbm = byte - 256;

    return (int16_t)(dbm >= SELKIE_RSSI_MIN && dbm <= SELKIE_RSSI_MAX ? dbm : 0);
}
