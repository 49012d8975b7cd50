/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* strcasestr */
#include "keys/token.h"
#include <selkie/error_text.h>

#include <stdlib.h>
#include <string.h>

#define SLOTS_MAX      64
#define ATTRIBUTES_MAX 16

void selkie_token_show(const char *uri, char shown[static SELKIE_TOKEN_SHOWN_SIZE])
{
    const char *pin = strcasestr(uri, "pin-value");
    size_t len = strcspn(uri, "?");

    if (pin && (size_t)(pin - uri) < len)
        len = (size_t)(pin - uri);
    selkie_error_text_format(shown, SELKIE_TOKEN_SHOWN_SIZE, "%.*s", (int)len, uri);
}

int selkie_token_load(struct selkie_token *token, const char *uri, char error[static SELKIE_KEYRING_ERROR_SIZE])
{
    char shown[SELKIE_TOKEN_SHOWN_SIZE];

    selkie_token_show(uri, shown);
    *token = (struct selkie_token){0};
    if (strcasestr(uri, "pin-value") || strcasestr(uri, "pin-source") || strcasestr(uri, "pinfile")) {
        selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE,
                                 "%s: the PIN must not be in the URI; put it into a file and set pin_file", shown);
        return SELKIE_ECONFIG;
    }
    token->uri = p11_kit_uri_new();
    int code = token->uri ? p11_kit_uri_parse(uri, P11_KIT_URI_FOR_ANY, token->uri) : P11_KIT_URI_UNEXPECTED;
    if (code != P11_KIT_URI_OK) {
        selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "%s: %s", shown, p11_kit_uri_message(code));
        return SELKIE_ECONFIG;
    }
    const char *path = p11_kit_uri_get_module_path(token->uri);
    if (path) {
        token->modules = calloc(2, sizeof *token->modules);
        if (token->modules)
            token->modules[0] = p11_kit_module_load(path, 0);
    } else {
        token->modules = p11_kit_modules_load(NULL, 0);
    }
    if (token->modules && token->modules[0])
        return 0;
    selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "%s: cannot load %s", shown,
                             path ? path : "any configured PKCS#11 module");
    return SELKIE_ECONFIG;
}

void selkie_token_unload(struct selkie_token *token)
{
    selkie_token_disconnect(token);
    if (token->modules && p11_kit_uri_get_module_path(token->uri)) {
        if (token->modules[0])
            p11_kit_module_release(token->modules[0]);
        free(token->modules);
    } else if (token->modules) {
        p11_kit_modules_release(token->modules);
    }
    p11_kit_uri_free(token->uri);
    *token = (struct selkie_token){0};
}

static bool find_slot(struct selkie_token *token, CK_FUNCTION_LIST *module)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG count = SLOTS_MAX;

    if (module->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK)
        return false;
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO info;
        if (module->C_GetTokenInfo(slots[i], &info) == CKR_OK && p11_kit_uri_match_token_info(token->uri, &info)) {
            token->slot = (struct selkie_token_slot){.module = module, .id = slots[i]};
            return true;
        }
    }
    return false;
}

int selkie_token_connect(struct selkie_token *token, char error[static SELKIE_KEYRING_ERROR_SIZE])
{
    CK_RV code = CKR_OK;
    int ready = 0;

    /* One by one: a module that fails must not stop the others. */
    for (CK_FUNCTION_LIST **module = token->modules; *module; module++) {
        CK_RV result = p11_kit_module_initialize(*module);
        ready += result == CKR_OK;
        code = result == CKR_OK ? code : result;
    }
    token->connected = true;
    for (CK_FUNCTION_LIST **module = token->modules; *module; module++)
        if (find_slot(token, *module))
            return 0;
    selkie_token_disconnect(token);
    if (ready == 0)
        selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "cannot initialize the PKCS#11 module: %s",
                                 p11_kit_strerror(code));
    else
        selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "no such token in any slot");
    return SELKIE_ENOTREADY;
}

void selkie_token_disconnect(struct selkie_token *token)
{
    if (!token->connected)
        return;
    /* Fails for a module whose initialization failed, which does no harm. */
    for (CK_FUNCTION_LIST **module = token->modules; *module; module++)
        (void)p11_kit_module_finalize(*module);
    token->connected = false;
    token->slot.module = NULL;
}

/* Find the one RSA private key with the URI's attributes. */
static int find_object(struct selkie_token *token, struct selkie_token_key *key)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_KEY_TYPE type = CKK_RSA;
    CK_ATTRIBUTE wanted[ATTRIBUTES_MAX] = {{CKA_CLASS, &class, sizeof class}, {CKA_KEY_TYPE, &type, sizeof type}};
    CK_ULONG count = 2, given = 0, found = 0;
    CK_OBJECT_HANDLE objects[2];
    CK_ATTRIBUTE_PTR attributes = p11_kit_uri_get_attributes(token->uri, &given);

    for (CK_ULONG i = 0; i < given && count < ATTRIBUTES_MAX; i++)
        if (attributes[i].type != CKA_CLASS)
            wanted[count++] = attributes[i];
    if (token->slot.module->C_FindObjectsInit(key->session, wanted, count) != CKR_OK)
        return SELKIE_ENOTREADY;
    CK_RV code = token->slot.module->C_FindObjects(key->session, objects, 2, &found);
    (void)token->slot.module->C_FindObjectsFinal(key->session); /* closing the session ends the search too */
    if (code != CKR_OK)
        return SELKIE_ENOTREADY;
    key->object = objects[0];
    return found == 1 ? 0 : found == 0 ? SELKIE_ENOTFOUND : SELKIE_ECONFIG;
}

int selkie_token_open_key(struct selkie_token *token, const uint8_t *pin, size_t pin_len, struct selkie_token_key *key,
                          char error[static SELKIE_KEYRING_ERROR_SIZE])
{
    CK_RV code = token->slot.module->C_OpenSession(token->slot.id, CKF_SERIAL_SESSION, NULL, NULL, &key->session);
    if (code != CKR_OK) {
        selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE, "cannot open a session with the token: %s",
                                 p11_kit_strerror(code));
        return SELKIE_ENOTREADY;
    }
    int result = selkie_token_log_in(&token->slot, key->session, pin, pin_len, error);
    if (result < 0) {
        token->refused = result == SELKIE_ECONFIG;
        selkie_token_close_key(token, key);
        return result;
    }
    result = find_object(token, key);
    if (result == 0)
        return 0;
    selkie_error_text_format(error, SELKIE_KEYRING_ERROR_SIZE,
                             result == SELKIE_ECONFIG ? "several private keys of the token match the URI"
                                                      : "no RSA private key of the token matches the URI");
    selkie_token_close_key(token, key);
    return result == SELKIE_ECONFIG ? result : SELKIE_ENOTREADY;
}

void selkie_token_close_key(struct selkie_token *token, struct selkie_token_key *key)
{
    if (token->slot.module)
        (void)token->slot.module->C_CloseSession(key->session); /* nothing to do about a token that is gone */
}

int selkie_token_public(struct selkie_token *token, const struct selkie_token_key *key, uint8_t *modulus,
                        size_t *modulus_len, uint8_t *exponent, size_t *exponent_len)
{
    CK_ATTRIBUTE attributes[] = {{CKA_MODULUS, modulus, *modulus_len}, {CKA_PUBLIC_EXPONENT, exponent, *exponent_len}};

    if (token->slot.module->C_GetAttributeValue(key->session, key->object, attributes, 2) != CKR_OK)
        return SELKIE_ENOTREADY;
    *modulus_len = attributes[0].ulValueLen;
    *exponent_len = attributes[1].ulValueLen;
    return 0;
}

int selkie_token_decrypt(struct selkie_token *token, const struct selkie_token_key *key, bool raw,
                         const uint8_t ciphertext[static SELKIE_CIPHERTEXT_SIZE],
                         uint8_t plain[static SELKIE_CIPHERTEXT_SIZE])
{
    /* hash, mask, source: by place, since p11-kit 0.24 and 0.25 name the fields differently. */
    CK_RSA_PKCS_OAEP_PARAMS oaep = {CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0};
    CK_MECHANISM mechanism = {raw ? CKM_RSA_X_509 : CKM_RSA_PKCS_OAEP, raw ? NULL : &oaep, raw ? 0 : sizeof oaep};
    CK_ULONG len = SELKIE_CIPHERTEXT_SIZE;
    CK_FUNCTION_LIST *module = token->slot.module;

    if (module->C_DecryptInit(key->session, &mechanism, key->object) != CKR_OK)
        return SELKIE_EBADSEAL;
    CK_RV code =
        module->C_Decrypt(key->session, (CK_BYTE_PTR)(uintptr_t)ciphertext, SELKIE_CIPHERTEXT_SIZE, plain, &len);
    return code == CKR_OK && len <= SELKIE_CIPHERTEXT_SIZE ? (int)len : SELKIE_EBADSEAL;
}
