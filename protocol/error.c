/* SPDX-License-Identifier: Apache-2.0 */
#include <selkie/error.h>

const char *selkie_error_name(int error)
{
    switch (error) {
#define SELKIE_ERROR_NAME(name, number, text)                                                                          \
    case SELKIE_##name:                                                                                                \
        return "SELKIE_" #name;
        SELKIE_ERRORS(SELKIE_ERROR_NAME)
#undef SELKIE_ERROR_NAME
    default:
        return error < 0 ? "unknown error" : "SELKIE_OK";
    }
}

const char *selkie_error_text(int error)
{
    switch (error) {
#define SELKIE_ERROR_TEXT(name, number, text)                                                                          \
    case SELKIE_##name:                                                                                                \
        return text;
        SELKIE_ERRORS(SELKIE_ERROR_TEXT)
#undef SELKIE_ERROR_TEXT
    default:
        return error < 0 ? "unknown error" : "no error";
    }
}
