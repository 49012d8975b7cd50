/* SPDX-License-Identifier: Apache-2.0 */
#include <selkie/frame.h>
#include <selkie/link.h>
#include <string.h>

static uint8_t head(enum selkie_frame_type type)
{
    return (uint8_t)(SELKIE_VERSION_1 << 4 | type);
}

static uint16_t get_u16(const uint8_t bytes[static 2])
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void put_u16(uint8_t bytes[static 2], uint16_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static int decode_sealed(struct selkie_frame *frame, const uint8_t *body, size_t len)
{
    if (len != SELKIE_SEALED_SIZE)
        return SELKIE_EMALFORMED;
    frame->sealed.key_id = body[1];
    memcpy(frame->sealed.address, body + 2, SELKIE_ADDRESS_SIZE);
    frame->sealed.ciphertext = body + SELKIE_SEALED_HEADER_SIZE;
    return 0;
}

static int decode_session(struct selkie_frame *frame, const uint8_t *body, size_t len)
{
    if (len < SELKIE_SESSION_OVERHEAD || len > SELKIE_SESSION_SIZE_MAX)
        return SELKIE_EMALFORMED;
    memcpy(frame->session.session_tag, body + 1, SELKIE_SESSION_TAG_SIZE);
    frame->session.counter_low = get_u16(body + 1 + SELKIE_SESSION_TAG_SIZE);
    frame->session.header = body;
    frame->session.ciphertext = body + SELKIE_SESSION_HEADER_SIZE;
    frame->session.ciphertext_len = len - SELKIE_SESSION_OVERHEAD;
    return 0;
}

static int decode_ack(struct selkie_frame *frame, const uint8_t *body, size_t len)
{
    if (len != SELKIE_ACK_SIZE)
        return SELKIE_EMALFORMED;
    frame->ack.crc = get_u16(body + 1);
    return 0;
}

int selkie_frame_decode(struct selkie_frame *frame, const uint8_t *body, size_t len)
{
    if (len == 0 || body[0] >> 4 != SELKIE_VERSION_1)
        return SELKIE_EMALFORMED;
    frame->type = body[0] & 0x0F;
    switch (frame->type) {
    case SELKIE_SEALED:
        return decode_sealed(frame, body, len);
    case SELKIE_SESSION:
        return decode_session(frame, body, len);
    case SELKIE_ACK:
        return decode_ack(frame, body, len);
    case SELKIE_FRAGMENT:
        break;
    }
    return SELKIE_EMALFORMED;
}

void selkie_frame_put_sealed_header(uint8_t header[static SELKIE_SEALED_HEADER_SIZE], uint8_t key_id,
                                    const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    header[0] = head(SELKIE_SEALED);
    header[1] = key_id;
    memcpy(header + 2, address, SELKIE_ADDRESS_SIZE);
}

void selkie_frame_put_session_header(uint8_t header[static SELKIE_SESSION_HEADER_SIZE],
                                     const uint8_t session_tag[static SELKIE_SESSION_TAG_SIZE], uint32_t counter)
{
    header[0] = head(SELKIE_SESSION);
    memcpy(header + 1, session_tag, SELKIE_SESSION_TAG_SIZE);
    put_u16(header + 1 + SELKIE_SESSION_TAG_SIZE, (uint16_t)counter);
}

void selkie_frame_put_ack(uint8_t ack[static SELKIE_ACK_SIZE], const uint8_t *body, size_t len)
{
    ack[0] = head(SELKIE_ACK);
    put_u16(ack + 1, selkie_crc16(body, len));
}

void selkie_address_format(char text[static SELKIE_ADDRESS_TEXT_SIZE],
                           const uint8_t address[static SELKIE_ADDRESS_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SELKIE_ADDRESS_SIZE; i++) {
        text[2 * i] = digits[address[i] >> 4];
        text[2 * i + 1] = digits[address[i] & 0x0F];
    }
    text[2 * SELKIE_ADDRESS_SIZE] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int selkie_hex_decode(uint8_t *bytes, size_t size, const char *digits)
{
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(digits[2 * i]);
        int low = high < 0 ? -1 : hex_digit(digits[2 * i + 1]);
        if (low < 0)
            return SELKIE_EINVAL;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

int selkie_address_parse(uint8_t address[static SELKIE_ADDRESS_SIZE], const char *text)
{
    uint8_t bytes[SELKIE_ADDRESS_SIZE];
    if (selkie_hex_decode(bytes, sizeof bytes, text) < 0 || text[2 * SELKIE_ADDRESS_SIZE] != '\0')
        return SELKIE_EINVAL;
    memcpy(address, bytes, sizeof bytes);
    return 0;
}
