/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/token_login.h"
#include "keys/secret.h"
#include <selkie/error_text.h>

#include <mbedtls/platform_util.h>
#include <pthread.h>
#include <string.h>

/* What identifies a token, as in RFC 7512. */
struct identity {
    uint8_t label[32], manufacturer[32], model[16], serial[16];
};

/* A token that refused a PIN; one for each that this process has seen. */
struct login {
    struct identity token;
    pthread_mutex_t lock;              /* everything below, and the token's login */
    uint8_t pin[SELKIE_TOKEN_PIN_MAX]; /* the refused one */
    size_t pin_len;                    /* 0: none */
    bool counted;                      /* the token's flags showed that it counted the try */
    char refusal[SELKIE_KEYRING_ERROR_SIZE];
    struct login *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* the list alone */
static struct login *logins;

/* At the process's end, or when the library is unloaded. */
__attribute__((destructor)) static void forget_all(void)
{
    for (struct login *login = logins, *next; login; login = next) {
        next = login->next;
        pthread_mutex_destroy(&login->lock);
        selkie_secret_free(login, sizeof *login);
    }
    logins = NULL;
}

static struct identity identify(const CK_TOKEN_INFO *info)
{
    struct identity token;

    memcpy(token.label, info->label, sizeof token.label);
    memcpy(token.manufacturer, info->manufacturerID, sizeof token.manufacturer);
    memcpy(token.model, info->model, sizeof token.model);
    memcpy(token.serial, info->serialNumber, sizeof token.serial);
    return token;
}

static struct login *login_of(const CK_TOKEN_INFO *info)
{
    const struct identity token = identify(info);
    struct login *login;

    pthread_mutex_lock(&lock);
    for (login = logins; login; login = login->next)
        if (memcmp(&login->token, &token, sizeof token) == 0)
            break;
    if (!login && (login = selkie_secret_alloc(sizeof *login)) != NULL) {
        login->token = token;
        pthread_mutex_init(&login->lock, NULL);
        login->next = logins;
        logins = login;
    }
    pthread_mutex_unlock(&lock);
    return login;
}

/* Note that the PIN must not be tried, and say why. */
static int refuse(const CK_TOKEN_INFO *info, const char *why, char error[static SELKIE_KEYRING_ERROR_SIZE])
{
    int len = (int)sizeof info->label;

    while (len > 0 && info->label[len - 1] == ' ')
        len--;
    selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "token \"%.*s\" %s", len, (const char *)info->label,
                             why);
    return SELKIE_ECONFIG;
}

static CK_FLAGS flags_now(const struct selkie_token_slot *slot)
{
    CK_TOKEN_INFO info;

    return slot->module->C_GetTokenInfo(slot->id, &info) == CKR_OK ? info.flags : 0;
}

/* The token refused the PIN: remember it. */
static int pin_refused(const struct selkie_token_slot *slot, struct login *login, const CK_TOKEN_INFO *info,
                       const uint8_t *pin, size_t pin_len, CK_RV code, char error[static SELKIE_KEYRING_ERROR_SIZE])
{
    CK_FLAGS flags = flags_now(slot);
    char why[SELKIE_KEYRING_ERROR_SIZE];
    const char *left = flags & CKF_USER_PIN_LOCKED      ? "; it is locked now"
                       : flags & CKF_USER_PIN_FINAL_TRY ? "; one more try is left"
                       : flags & CKF_USER_PIN_COUNT_LOW ? "; the token counts the tries"
                                                        : "";

    login->counted = flags & CKF_USER_PIN_COUNT_LOW;
    login->pin_len = pin_len;
    memcpy(login->pin, pin, pin_len);
    selkie_error_text_format(why, sizeof why,
                             "refuses the PIN (%s)%s; it is not tried again: correct pin_file, then reload",
                             p11_kit_strerror(code), left);
    int result = refuse(info, why, error);
    memcpy(login->refusal, error, sizeof login->refusal);
    return result;
}

/* Whether the token refused this PIN, and nobody has logged in since, which sets its count back. */
static bool is_known_wrong(const struct login *login, CK_FLAGS flags, const uint8_t *pin, size_t pin_len)
{
    return login->pin_len == pin_len && memcmp(login->pin, pin, pin_len) == 0 &&
           (!login->counted || flags & CKF_USER_PIN_COUNT_LOW);
}

/* Under the login's lock. */
static int try_pin(const struct selkie_token_slot *slot, struct login *login, const CK_TOKEN_INFO *info,
                   CK_SESSION_HANDLE session, const uint8_t *pin, size_t pin_len,
                   char error[static SELKIE_KEYRING_ERROR_SIZE])
{
    if (info->flags & CKF_USER_PIN_LOCKED)
        return refuse(info, "lets nobody in: its PIN is locked; unlock it (with the SO PIN), then reload", error);
    if (info->flags & CKF_USER_PIN_FINAL_TRY)
        return refuse(info,
                      "allows one more try of its PIN, which is kept for you: log in once with another program "
                      "(pkcs11-tool --login --list-objects), then reload",
                      error);
    if (is_known_wrong(login, info->flags, pin, pin_len)) {
        memcpy(error, login->refusal, sizeof login->refusal);
        return SELKIE_ECONFIG;
    }
    CK_RV code = slot->module->C_Login(session, CKU_USER, (CK_UTF8CHAR_PTR)(uintptr_t)pin, pin_len);
    switch (code) {
    case CKR_OK:
        mbedtls_platform_zeroize(login->pin, sizeof login->pin);
        login->pin_len = 0;
        return 0;
    case CKR_USER_ALREADY_LOGGED_IN:
        return 0;
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
    case CKR_PIN_EXPIRED:
    case CKR_PIN_LOCKED:
    case CKR_USER_PIN_NOT_INITIALIZED:
        return pin_refused(slot, login, info, pin, pin_len, code, error);
    default:
        selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "cannot log in to the token: %s",
                                 p11_kit_strerror(code));
        return SELKIE_ENOTREADY;
    }
}

static bool is_logged_in(const struct selkie_token_slot *slot, CK_SESSION_HANDLE session)
{
    CK_SESSION_INFO info;

    return slot->module->C_GetSessionInfo(session, &info) == CKR_OK &&
           (info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS);
}

int selkie_token_log_in(const struct selkie_token_slot *slot, CK_SESSION_HANDLE session, const uint8_t *pin,
                        size_t pin_len, char error[static SELKIE_KEYRING_ERROR_SIZE])
{
    CK_TOKEN_INFO info;
    int result = 0;

    if (pin_len == 0)
        return 0;
    CK_RV code = slot->module->C_GetTokenInfo(slot->id, &info);
    if (code != CKR_OK) {
        selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "the token does not say what it is: %s",
                                 p11_kit_strerror(code));
        return SELKIE_ENOTREADY;
    }
    struct login *login = login_of(&info);
    if (!login) {
        selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "%s", selkie_error_text(SELKIE_ENOMEM));
        return SELKIE_ENOMEM;
    }
    pthread_mutex_lock(&login->lock);
    if (!is_logged_in(slot, session)) {
        info.flags = flags_now(slot); /* again, under the lock: another key's login may have changed them */
        result = try_pin(slot, login, &info, session, pin, pin_len, error);
    }
    pthread_mutex_unlock(&login->lock);
    return result;
}
