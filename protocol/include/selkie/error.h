/* SPDX-License-Identifier: Apache-2.0 */
/* Errors of every room: one list makes the numbers, the names and the texts.
 * A function that can fail returns 0 or a positive value, or one of these; its result must be used. */
#ifndef SELKIE_ERROR_H
#define SELKIE_ERROR_H

#include <selkie/compiler.h>

SELKIE_C_BEGIN

/* X(name, number, text) */
#define SELKIE_ERRORS(X)                                                                                               \
    X(EINVAL, -1, "invalid argument")                                                                                  \
    X(ESPACE, -2, "the buffer is too small")                                                                           \
    X(ENOMEM, -3, "out of memory")                                                                                     \
    X(EIO, -4, "input or output failed")                                                                               \
    X(EFRAMING, -5, "not a COBS frame")                                                                                \
    X(ECRC, -6, "the frame's CRC does not match")                                                                      \
    X(ELENGTH, -7, "the frame is longer than 1024 bytes")                                                              \
    X(EMALFORMED, -8, "malformed")                                                                                     \
    X(EUNKNOWNKEY, -9, "no key with this key_id")                                                                      \
    X(EBADSEAL, -10, "the seal does not open")                                                                         \
    X(EFULL, -11, "the queue is full")                                                                                 \
    X(ECRYPTO, -12, "a cryptographic operation failed")                                                                \
    X(EENTROPY, -13, "not enough entropy")                                                                             \
    X(ETRUST, -14, "the public key does not match its pin")                                                            \
    X(EEXHAUSTED, -15, "the counter is exhausted")                                                                     \
    X(ENOTREADY, -16, "not ready yet")                                                                                 \
    X(EBUSY, -17, "busy")                                                                                              \
    X(ENOTFOUND, -18, "not found")                                                                                     \
    X(EEXIST, -19, "exists already")                                                                                   \
    X(ECONFIG, -20, "the configuration is wrong")                                                                      \
    X(ESTORAGE, -21, "storage failed")                                                                                 \
    X(EVERSION, -22, "made by another version")                                                                        \
    X(EREFUSED, -23, "refused")

enum selkie_error {
#define SELKIE_ERROR_ENUM(name, number, text) SELKIE_##name = (number),
    SELKIE_ERRORS(SELKIE_ERROR_ENUM)
#undef SELKIE_ERROR_ENUM
};

/* The name ("SELKIE_ECRC") and the text ("the frame's CRC does not match") of an error; both static, never NULL. */
const char *selkie_error_name(int error);
const char *selkie_error_text(int error);

SELKIE_C_END

#endif
