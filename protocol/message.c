/* SPDX-License-Identifier: Apache-2.0 */
#include <selkie/message.h>
#include <string.h>

/* Writing: the fields are checked before, so that nothing here can run past SELKIE_MESSAGE_MAX. */

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t len)
{
    if (len != 0)
        memcpy(at, bytes, len);
    return at + len;
}

static uint8_t *put_counted(uint8_t *at, const void *bytes, size_t len)
{
    *at = (uint8_t)len;
    return put_bytes(at + 1, bytes, len);
}

static bool printable(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] < 0x20 || text[i] > 0x7E)
            return false;
    }
    return true;
}

/* What both directions demand of a REGISTER's fields. */
static bool registration_valid(uint8_t flags, size_t claim_len, const char *firmware, size_t firmware_len)
{
    return (flags & ~SELKIE_FLAG_SESSION) == 0 && claim_len <= SELKIE_CLAIM_MAX &&
           firmware_len <= SELKIE_FIRMWARE_MAX && printable(firmware, firmware_len);
}

static bool fields_valid(const struct selkie_message *message)
{
    switch (message->kind) {
    case SELKIE_REGISTER:
        return registration_valid(message->registration.flags, message->registration.claim_len,
                                  message->registration.firmware, message->registration.firmware_len);
    case SELKIE_DATA:
        return message->data.payload_len <= SELKIE_PAYLOAD_MAX;
    }
    return false;
}

int selkie_message_encode(uint8_t bytes[static SELKIE_MESSAGE_MAX], const struct selkie_message *message)
{
    if (!fields_valid(message))
        return SELKIE_EINVAL;

    uint8_t *at = bytes;
    *at++ = (uint8_t)message->kind;
    at = put_bytes(at, message->address, SELKIE_ADDRESS_SIZE);
    at = put_bytes(at, message->id, SELKIE_ID_SIZE);
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(message->counter >> shift);
    if (message->kind == SELKIE_REGISTER) {
        *at++ = message->registration.flags;
        at = put_counted(at, message->registration.claim, message->registration.claim_len);
        at = put_counted(at, message->registration.firmware, message->registration.firmware_len);
    } else {
        at = put_bytes(at, message->data.payload, message->data.payload_len);
    }
    return (int)(at - bytes);
}

/* Reading: a cursor that gives NULL once anything was asked for past the end, and goes on doing so. */

struct cursor {
    const uint8_t *at;
    size_t left;
};

static const uint8_t *take(struct cursor *cursor, size_t len)
{
    if (!cursor->at || len > cursor->left) {
        cursor->at = NULL;
        return NULL;
    }
    const uint8_t *bytes = cursor->at;
    cursor->at += len;
    cursor->left -= len;
    return bytes;
}

static const uint8_t *take_counted(struct cursor *cursor, size_t *len)
{
    const uint8_t *count = take(cursor, 1);
    *len = count ? *count : 0;
    return take(cursor, *len);
}

static int decode_registration(struct selkie_message *message, struct cursor cursor)
{
    const uint8_t *flags = take(&cursor, 1);
    message->registration.claim = take_counted(&cursor, &message->registration.claim_len);
    message->registration.firmware = (const char *)take_counted(&cursor, &message->registration.firmware_len);
    if (!cursor.at || cursor.left != 0)
        return SELKIE_EMALFORMED;
    message->registration.flags = *flags;
    return fields_valid(message) ? 0 : SELKIE_EMALFORMED;
}

int selkie_message_decode(struct selkie_message *message, const uint8_t *bytes, size_t len)
{
    if (len < SELKIE_MESSAGE_HEADER_SIZE)
        return SELKIE_EMALFORMED;

    const uint8_t *at = bytes;
    message->kind = *at++;
    memcpy(message->address, at, SELKIE_ADDRESS_SIZE);
    at += SELKIE_ADDRESS_SIZE;
    memcpy(message->id, at, SELKIE_ID_SIZE);
    at += SELKIE_ID_SIZE;
    message->counter = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];

    struct cursor body = {bytes + SELKIE_MESSAGE_HEADER_SIZE, len - SELKIE_MESSAGE_HEADER_SIZE};
    switch (message->kind) {
    case SELKIE_REGISTER:
        return decode_registration(message, body);
    case SELKIE_DATA:
        message->data.payload = body.at;
        message->data.payload_len = body.left;
        return fields_valid(message) ? 0 : SELKIE_EMALFORMED;
    }
    return SELKIE_EMALFORMED;
}
