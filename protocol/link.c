/* SPDX-License-Identifier: Apache-2.0 */
#include <selkie/link.h>

#define CRC_SIZE 2

/* The first byte of a body. */
#define FIRST_HEAD 0x10
#define LAST_HEAD  0x13

/* The code of a block of 254 bytes, the only one that no zero follows. */
#define COBS_FULL 0xFF

uint16_t selkie_crc16_byte(uint16_t before, uint8_t byte)
{
    /* Eight steps of the polynomial at once, without a table: flash is dear on a device and the line is slow. */
    uint32_t crc = before;
    uint32_t x = (crc >> 8) ^ byte;

    x ^= x >> 4;
    crc = (crc << 8) ^ (x << 12) ^ (x << 5) ^ x;
    return (uint16_t)crc;
}

uint16_t selkie_crc16(const uint8_t *data, size_t len)
{
    uint16_t crc = SELKIE_CRC16_INITIAL;

    for (size_t i = 0; i < len; i++)
        crc = selkie_crc16_byte(crc, data[i]);
    return crc;
}

void selkie_link_rx_init(struct selkie_link_rx *rx)
{
    /* The body's bytes are written before they are read; clearing them would only cost time between frames. */
    rx->fill = 0;
    rx->code = 0;
    rx->left = 0;
    rx->skipping = 0;
}

bool selkie_link_rx_inside(const struct selkie_link_rx *rx)
{
    return rx->code != 0 && rx->fill > 0 && rx->body[0] >= FIRST_HEAD && rx->body[0] <= LAST_HEAD;
}

static void append(struct selkie_link_rx *rx, uint8_t byte)
{
    if (rx->fill == sizeof rx->body)
        rx->skipping = (uint8_t)-SELKIE_ELENGTH;
    else
        rx->body[rx->fill++] = byte;
}

/* What the delimiter makes of the bytes before it. */
static int finish(const struct selkie_link_rx *rx)
{
    if (rx->code == 0)
        return 0;
    if (rx->skipping != 0)
        return -(int)rx->skipping;
    if (rx->left != 0 || rx->fill <= CRC_SIZE)
        return SELKIE_EFRAMING;
    size_t len = (size_t)rx->fill - CRC_SIZE;
    uint16_t crc = (uint16_t)(rx->body[len] << 8 | rx->body[len + 1]);
    return crc == selkie_crc16(rx->body, len) ? (int)len : SELKIE_ECRC;
}

int selkie_link_rx_byte(struct selkie_link_rx *rx, uint8_t byte)
{
    if (byte == 0) {
        int result = finish(rx);
        selkie_link_rx_init(rx);
        return result;
    }
    if (rx->skipping != 0)
        return 0;
    if (rx->left != 0) {
        rx->left--;
        append(rx, byte);
        return 0;
    }
    /* A block stands for a zero behind it only once another block follows, so the zero is written here. */
    if (rx->code != 0 && rx->code != COBS_FULL)
        append(rx, 0);
    rx->code = byte;
    rx->left = (uint8_t)(byte - 1);
    return 0;
}

struct writer {
    uint8_t *wire;
    size_t fill;
    size_t code_at; /* where the code of the block under way goes once the block is closed */
};

static void open_block(struct writer *writer)
{
    writer->code_at = writer->fill++;
}

static void close_block(struct writer *writer)
{
    writer->wire[writer->code_at] = (uint8_t)(writer->fill - writer->code_at);
}

static void put(struct writer *writer, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        /* A full block is closed only when something follows it: no empty block at the end of a frame. */
        if (writer->fill - writer->code_at == COBS_FULL) {
            close_block(writer);
            open_block(writer);
        }
        if (bytes[i] == 0) {
            close_block(writer);
            open_block(writer);
        } else {
            writer->wire[writer->fill++] = bytes[i];
        }
    }
}

int selkie_link_encode(uint8_t *wire, size_t wire_size, const uint8_t *body, size_t len)
{
    if (len == 0 || len > SELKIE_LINK_BODY_MAX)
        return SELKIE_EINVAL;
    if (wire_size < SELKIE_LINK_WIRE_SIZE(len))
        return SELKIE_ESPACE;

    uint16_t crc = selkie_crc16(body, len);
    const uint8_t crc_bytes[CRC_SIZE] = {(uint8_t)(crc >> 8), (uint8_t)crc};
    struct writer writer = {.wire = wire};
    wire[writer.fill++] = 0;
    open_block(&writer);
    put(&writer, body, len);
    put(&writer, crc_bytes, sizeof crc_bytes);
    close_block(&writer);
    wire[writer.fill++] = 0;
    return (int)writer.fill;
}
