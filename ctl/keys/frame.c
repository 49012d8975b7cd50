/* SPDX-License-Identifier: Apache-2.0 */
/* selkiectl frame show: prints the clear fields of a frame's body and, with the key, its message. */
#include "ctl_command.h"
#include "ctl_text.h"
#include "keys/open.h"
#include "print.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <selkie/link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Hex with a space between the bytes of the longest frame on the line, and some line ends. */
#define INPUT_MAX (4 * SELKIE_LINK_WIRE_MAX)

struct body {
    uint8_t bytes[SELKIE_LINK_BODY_MAX];
    size_t len;
};

static enum ctl_exit read_input(uint8_t bytes[static INPUT_MAX], size_t *len, const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!file)
        return ctl_fail("%s: %s", path, strerror(errno));
    *len = fread(bytes, 1, INPUT_MAX, file);
    enum ctl_exit result = CTL_DONE;
    if (ferror(file))
        result = ctl_fail("%s: %s", path, strerror(errno));
    else if (*len == INPUT_MAX)
        result = ctl_fail("%s: too long for a frame", path);
    if (file != stdin)
        fclose(file);
    return result;
}

/* Turn hex in place into bytes. Leaves what is not hex alone: a raw body never looks like hex, since no known head byte
 * (10 to 12) is a digit or white space. */
static void unhex(uint8_t *bytes, size_t *len)
{
    char digits[INPUT_MAX];
    uint8_t decoded[INPUT_MAX / 2];
    size_t count = 0;
    for (size_t i = 0; i < *len; i++) {
        if (!isspace(bytes[i]))
            digits[count++] = (char)bytes[i];
    }
    if (count == 0 || count % 2 != 0 || selkie_hex_decode(decoded, count / 2, digits) < 0)
        return;
    *len = count / 2;
    memcpy(bytes, decoded, *len);
}

/* Bytes as they go over the line: take the first frame. No body begins with 00, so there is no mistaking it. */
static enum ctl_exit unframe(struct body *body, const uint8_t *bytes, size_t len, const char *path)
{
    struct selkie_link_rx rx;
    selkie_link_rx_init(&rx);
    for (size_t i = 0; i < len; i++) {
        int result = selkie_link_rx_byte(&rx, bytes[i]);
        if (result < 0)
            return ctl_fail("%s: %s", path, selkie_error_text(result));
        if (result > 0) {
            body->len = (size_t)result;
            memcpy(body->bytes, rx.body, body->len);
            return CTL_DONE;
        }
    }
    return ctl_fail("%s: no whole frame: none stands between two bytes 00", path);
}

static enum ctl_exit read_body(struct body *body, const char *path)
{
    uint8_t bytes[INPUT_MAX];
    size_t len = 0;
    enum ctl_exit result = read_input(bytes, &len, path);
    if (result != CTL_DONE)
        return result;
    unhex(bytes, &len);
    if (len != 0 && bytes[0] == 0)
        return unframe(body, bytes, len, path);
    if (len == 0)
        return ctl_fail("%s: empty", path);
    if (len > sizeof body->bytes)
        return ctl_fail("%s: %zu bytes, too long for a body", path, len);
    memcpy(body->bytes, bytes, len);
    body->len = len;
    return CTL_DONE;
}

/* The frame is a view of the body. */
static enum ctl_exit read_frame(struct selkie_frame *frame, struct body *body, const char *path)
{
    enum ctl_exit result = read_body(body, path);
    if (result == CTL_DONE && selkie_frame_decode(frame, body->bytes, body->len) < 0)
        return ctl_fail("%s: malformed: there is no frame of version %d, type %d and %zu bytes", path,
                        body->bytes[0] >> 4, body->bytes[0] & 0x0F, body->len);
    return result;
}

static void add_crc(json_t *object, const char *name, uint16_t crc)
{
    ctl_add_bytes(object, name, NULL, (const uint8_t[]){(uint8_t)(crc >> 8), (uint8_t)crc}, 2);
}

/* The clear fields. */
static void describe(json_t *object, const struct selkie_frame *frame, const struct body *body)
{
    static const char *const types[] = {"sealed", "session", "ack"};
    uint8_t wire[SELKIE_LINK_WIRE_MAX];
    char address[SELKIE_ADDRESS_TEXT_SIZE];
    ctl_json_update_take(object,
                         ctl_json_pack("{s:s, s:i}", "type", types[frame->type], "version", body->bytes[0] >> 4));
    switch (frame->type) {
    case SELKIE_SEALED:
        selkie_address_format(address, frame->sealed.address);
        ctl_json_update_take(object, ctl_json_pack("{s:s, s:i}", "address", address, "key_id", frame->sealed.key_id));
        break;
    case SELKIE_SESSION:
        ctl_add_bytes(object, "session_tag", NULL, frame->session.session_tag, SELKIE_SESSION_TAG_SIZE);
        ctl_json_update_take(object, ctl_json_pack("{s:i, s:i}", "counter_low", frame->session.counter_low,
                                                   "payload_bytes", (int)frame->session.ciphertext_len));
        break;
    case SELKIE_ACK:
        add_crc(object, "acknowledges", frame->ack.crc);
        break;
    case SELKIE_FRAGMENT: /* for the link alone: selkie_frame_decode refuses it */
        break;
    }
    ctl_json_update_take(object, ctl_json_pack("{s:i, s:i}", "bytes", (int)body->len, "bytes_on_the_line",
                                               selkie_link_encode(wire, sizeof wire, body->bytes, body->len)));
    add_crc(object, "crc", selkie_crc16(body->bytes, body->len));
}

/* The ID as it appears everywhere outside a device, the first 16 digits of its SHA-256, and its counter. */
static void add_id(json_t *object, const uint8_t id[static SELKIE_ID_SIZE], uint32_t counter)
{
    uint8_t digest[32];
    if (EVP_Digest(id, SELKIE_ID_SIZE, digest, NULL, EVP_sha256(), NULL) == 1)
        ctl_add_bytes(object, "id", NULL, digest, 8);
    ctl_json_update_take(object, ctl_json_pack("{s:I}", "counter", (json_int_t)counter));
}

static void describe_message(json_t *object, const struct selkie_message *message)
{
    ctl_json_update_take(object,
                         ctl_json_pack("{s:s}", "kind", message->kind == SELKIE_REGISTER ? "register" : "data"));
    add_id(object, message->id, message->counter);
    if (message->kind == SELKIE_DATA) {
        ctl_add_bytes(object, "payload", "text", message->data.payload, message->data.payload_len);
        return;
    }
    ctl_json_update_take(object, ctl_json_pack("{s:b}", "session", message->registration.flags & SELKIE_FLAG_SESSION));
    ctl_add_bytes(object, "claim", "claim_text", message->registration.claim, message->registration.claim_len);
    ctl_json_set_take(object, "firmware",
                      ctl_json_text(message->registration.firmware, message->registration.firmware_len));
}

static enum ctl_exit add_sealed(json_t *object, const struct selkie_frame *frame, const char *key_path)
{
    uint8_t plain[CTL_PLAIN_SIZE];
    struct selkie_message message;
    enum ctl_exit result = ctl_open_sealed(&message, plain, frame, key_path);
    if (result == CTL_DONE) {
        json_t *inside = ctl_json_must(json_object());
        describe_message(inside, &message);
        ctl_json_set_take(object, "message", inside);
    }
    OPENSSL_cleanse(plain, sizeof plain);
    OPENSSL_cleanse(&message, sizeof message);
    return result;
}

static enum ctl_exit add_session(json_t *object, const struct selkie_frame *frame, const struct ctl_options *options)
{
    uint8_t plain[CTL_PLAIN_SIZE], payload[SELKIE_PAYLOAD_MAX];
    struct body body = {.len = 0};
    struct selkie_frame sealed;
    struct selkie_message message;
    size_t len;
    uint32_t counter;
    if (!options->sealed)
        return ctl_fail(
            "a SESSION frame opens with the ID of its device: give a SEALED frame of the same device with --sealed");
    enum ctl_exit result = read_frame(&sealed, &body, options->sealed);
    if (result == CTL_DONE && sealed.type != SELKIE_SEALED)
        result = ctl_fail("%s: not a SEALED frame", options->sealed);
    if (result == CTL_DONE)
        result = ctl_open_sealed(&message, plain, &sealed, options->key);
    if (result == CTL_DONE)
        result = ctl_open_session(payload, &len, &counter, frame, &message);
    if (result == CTL_DONE) {
        char address[SELKIE_ADDRESS_TEXT_SIZE];
        selkie_address_format(address, message.address);
        json_t *inside = ctl_json_pack("{s:s}", "address", address);
        add_id(inside, message.id, counter);
        ctl_add_bytes(inside, "payload", "text", payload, len);
        ctl_json_set_take(object, "message", inside);
    }
    OPENSSL_cleanse(plain, sizeof plain);
    OPENSSL_cleanse(&message, sizeof message);
    OPENSSL_cleanse(payload, sizeof payload);
    return result;
}

enum ctl_exit ctl_frame_show(const struct ctl_options *options, const struct ctl_command *command)
{
    (void)command;
    struct body body = {.len = 0};
    struct selkie_frame frame;
    enum ctl_exit result = read_frame(&frame, &body, options->args[0]);
    if (result != CTL_DONE)
        return result;

    json_t *object = ctl_json_must(json_object());
    describe(object, &frame, &body);
    if (options->key && frame.type == SELKIE_SEALED)
        result = add_sealed(object, &frame, options->key);
    else if (options->key && frame.type == SELKIE_SESSION)
        result = add_session(object, &frame, options);
    /* Print what is known, even if the seal does not open. */
    ctl_print(object, options->json);
    json_decref(object);
    return result;
}
