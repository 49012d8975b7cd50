/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/key_source.h"

#include <errno.h>
#include <mqtt_settings.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BITS       4096
#define EXPONENT       65537
#define SLOTS_MAX      64
#define ATTRIBUTES_MAX 16

/* What devices can seal for. */
static enum ctl_exit check(const EVP_PKEY *key, const char *from)
{
    BIGNUM *exponent = NULL;
    enum ctl_exit result = CTL_DONE;

    if (!EVP_PKEY_is_a(key, "RSA"))
        result = ctl_fail("%s: not an RSA key; must be RSA-%d", from, KEY_BITS);
    else if (EVP_PKEY_get_bits(key) != KEY_BITS)
        result = ctl_fail("%s: an RSA key of %d bits; must have exactly %d", from, EVP_PKEY_get_bits(key), KEY_BITS);
    else if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1 || !BN_is_word(exponent, EXPONENT))
        result = ctl_fail("%s: an RSA key with another exponent than %d, which devices refuse", from, EXPONENT);
    BN_free(exponent);
    return result;
}

/* ---- files ---- */

/* Instead of a question on the terminal. */
static int refuse_passphrase(char *buffer, int size, int writing, void *asked)
{
    (void)buffer;
    (void)size;
    (void)writing;
    *(bool *)asked = true;
    return -1;
}

static enum ctl_exit load_file(EVP_PKEY **key, const char *path)
{
    bool asked = false;
    FILE *file = fopen(path, "re");
    if (!file)
        return ctl_fail("%s: %s", path, strerror(errno));
    *key = PEM_read_PrivateKey(file, NULL, refuse_passphrase, &asked);
    if (!*key && !asked && fseek(file, 0, SEEK_SET) == 0)
        *key = PEM_read_PUBKEY(file, NULL, NULL, NULL);
    fclose(file);
    ERR_clear_error();
    if (!*key && asked)
        return ctl_fail("%s: the key is encrypted; give its public key, which 'openssl pkey -pubout' prints", path);
    return *key ? CTL_DONE : ctl_fail("%s: neither a private nor a public key in PEM", path);
}

/* ---- tokens ---- */

/* The token's session in which the key is looked for. */
struct session {
    const char *shown; /* the URI */
    P11KitUri *uri;
    CK_FUNCTION_LIST **modules; /* NULL-terminated */
    CK_FUNCTION_LIST *module;   /* of the token's slot */
    CK_SESSION_HANDLE handle;
    CK_FLAGS flags; /* of the token */
};

static enum ctl_exit fail_token(const struct session *session, const char *what, CK_RV code)
{
    return ctl_fail("%s: %s: %s", session->shown, what, p11_kit_strerror(code));
}

/* The one of module-path, or all that p11-kit's configuration names. */
static enum ctl_exit load_modules(struct session *session)
{
    const char *path = p11_kit_uri_get_module_path(session->uri);
    if (!path) {
        session->modules = p11_kit_modules_load_and_initialize(0);
    } else {
        session->modules = calloc(2, sizeof *session->modules);
        CK_FUNCTION_LIST *module = session->modules ? p11_kit_module_load(path, 0) : NULL;
        CK_RV code = module ? p11_kit_module_initialize(module) : CKR_GENERAL_ERROR;
        if (module && code != CKR_OK) {
            p11_kit_module_release(module);
            return fail_token(session, "cannot initialize the PKCS#11 module", code);
        }
        if (session->modules)
            session->modules[0] = module;
    }
    if (session->modules && session->modules[0])
        return CTL_DONE;
    return ctl_fail("%s: cannot load %s", session->shown, path ? path : "any configured PKCS#11 module");
}

static void release_modules(struct session *session)
{
    if (!session->modules)
        return;
    if (!p11_kit_uri_get_module_path(session->uri)) {
        p11_kit_modules_finalize_and_release(session->modules);
        return;
    }
    if (session->modules[0]) {
        (void)p11_kit_module_finalize(session->modules[0]); /* nothing to do about a module that fails */
        p11_kit_module_release(session->modules[0]);
    }
    free(session->modules);
}

static enum ctl_exit open_session(struct session *session)
{
    for (CK_FUNCTION_LIST **module = session->modules; *module; module++) {
        CK_SLOT_ID slots[SLOTS_MAX];
        CK_ULONG count = SLOTS_MAX;
        if ((*module)->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK)
            continue;
        for (CK_ULONG i = 0; i < count; i++) {
            CK_TOKEN_INFO info;
            if ((*module)->C_GetTokenInfo(slots[i], &info) != CKR_OK ||
                !p11_kit_uri_match_token_info(session->uri, &info))
                continue;
            CK_RV code = (*module)->C_OpenSession(slots[i], CKF_SERIAL_SESSION, NULL, NULL, &session->handle);
            if (code != CKR_OK)
                return fail_token(session, "cannot open a session with the token", code);
            session->module = *module;
            session->flags = info.flags;
            return CTL_DONE;
        }
    }
    return ctl_fail("%s: no such token in any slot", session->shown);
}

/* A wrong PIN is tried once, and never as the last try. */
static enum ctl_exit log_in(struct session *session, const char *pin_file)
{
    char pin[SELKIE_MQTT_PASSWORD_MAX], why[SELKIE_MQTT_TEXT_MAX];
    if (!pin_file)
        return CTL_DONE;
    if (session->flags & CKF_USER_PIN_LOCKED)
        return ctl_fail("%s: the token's PIN is locked; unlock it (with the SO PIN)", session->shown);
    if (session->flags & CKF_USER_PIN_FINAL_TRY)
        return ctl_fail("%s: the token allows one more try of its PIN, which is kept for you: log in once with another "
                        "program (pkcs11-tool --login --list-objects)",
                        session->shown);
    enum ctl_exit result = CTL_DONE;
    if (selkie_mqtt_settings_password(pin, pin_file, why) < 0) {
        result = ctl_fail("%s", why);
    } else {
        CK_RV code = session->module->C_Login(session->handle, CKU_USER, (CK_UTF8CHAR_PTR)pin, (CK_ULONG)strlen(pin));
        if (code != CKR_OK && code != CKR_USER_ALREADY_LOGGED_IN)
            result = fail_token(session, "cannot log in to the token, check the PIN", code);
    }
    OPENSSL_cleanse(pin, sizeof pin);
    return result;
}

/* How many objects of the class match the URI (up to 2), or -1; *object is the first. */
static int find(const struct session *session, CK_OBJECT_CLASS class, CK_OBJECT_HANDLE *object)
{
    CK_KEY_TYPE type = CKK_RSA;
    CK_ATTRIBUTE wanted[ATTRIBUTES_MAX] = {{CKA_CLASS, &class, sizeof class}, {CKA_KEY_TYPE, &type, sizeof type}};
    CK_ULONG count = 2, given = 0, found = 0;
    CK_OBJECT_HANDLE objects[2];
    CK_ATTRIBUTE_PTR attributes = p11_kit_uri_get_attributes(session->uri, &given);

    for (CK_ULONG i = 0; i < given && count < ATTRIBUTES_MAX; i++) {
        if (attributes[i].type != CKA_CLASS)
            wanted[count++] = attributes[i];
    }
    if (session->module->C_FindObjectsInit(session->handle, wanted, count) != CKR_OK)
        return -1;
    CK_RV code = session->module->C_FindObjects(session->handle, objects, 2, &found);
    (void)session->module->C_FindObjectsFinal(session->handle); /* closing the session ends the search too */
    *object = objects[0];
    return code == CKR_OK ? (int)found : -1;
}

static EVP_PKEY *make_key(const CK_ATTRIBUTE *modulus, const CK_ATTRIBUTE *exponent)
{
    BIGNUM *n = BN_bin2bn(modulus->pValue, (int)modulus->ulValueLen, NULL);
    BIGNUM *e = BN_bin2bn(exponent->pValue, (int)exponent->ulValueLen, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;
    bool made = n && e && build && context && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
                OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1 &&
                (params = OSSL_PARAM_BLD_to_param(build)) && EVP_PKEY_fromdata_init(context) > 0 &&
                EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) > 0;

    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(e);
    BN_free(n);
    return made ? key : NULL;
}

/* From the public key object, else from the private one, whose modulus is no secret. */
static enum ctl_exit read_key(EVP_PKEY **key, const struct session *session, bool logged_in)
{
    unsigned char modulus[1024], exponent[16];
    CK_ATTRIBUTE attributes[] = {{CKA_MODULUS, modulus, sizeof modulus},
                                 {CKA_PUBLIC_EXPONENT, exponent, sizeof exponent}};
    CK_OBJECT_HANDLE object;
    int found = find(session, CKO_PUBLIC_KEY, &object);
    if (found == 0)
        found = find(session, CKO_PRIVATE_KEY, &object);
    if (found < 0)
        return ctl_fail("%s: the token cannot be searched", session->shown);
    if (found == 0)
        return ctl_fail("%s: no RSA key of the token matches the URI%s", session->shown,
                        logged_in ? "" : "; if the token shows it only after a login, use --pin-file");
    if (found > 1)
        return ctl_fail("%s: several keys of the token match the URI; name one by object or id", session->shown);
    if (session->module->C_GetAttributeValue(session->handle, object, attributes, 2) != CKR_OK)
        return ctl_fail("%s: the token does not return the key's modulus and exponent", session->shown);
    *key = make_key(&attributes[0], &attributes[1]);
    return *key ? CTL_DONE : ctl_fail_openssl(session->shown);
}

static enum ctl_exit load_token(EVP_PKEY **key, const char *uri, const char *pin_file)
{
    struct session session = {.shown = uri, .uri = p11_kit_uri_new()};
    int code = session.uri ? p11_kit_uri_parse(uri, P11_KIT_URI_FOR_ANY, session.uri) : P11_KIT_URI_UNEXPECTED;
    enum ctl_exit result = CTL_DONE;
    if (code != P11_KIT_URI_OK)
        result = ctl_fail("%s: %s", uri, p11_kit_uri_message(code));
    if (result == CTL_DONE)
        result = load_modules(&session);
    if (result == CTL_DONE)
        result = open_session(&session);
    if (result == CTL_DONE)
        result = log_in(&session, pin_file);
    if (result == CTL_DONE)
        result = read_key(key, &session, pin_file != NULL);
    if (session.module)
        (void)session.module->C_CloseSession(session.handle); /* nothing to do about a token that is gone */
    release_modules(&session);
    p11_kit_uri_free(session.uri);
    return result;
}

enum ctl_exit ctl_key_source_load(EVP_PKEY **key, const char *from, const char *pin_file)
{
    bool token = strncmp(from, "pkcs11:", 7) == 0;
    *key = NULL;
    if (token && (strstr(from, "pin-value") || strstr(from, "pin-source"))) {
        ctl_fail("--from: the PIN must not be in the URI, which other users of this machine can see; use --pin-file");
        return CTL_USAGE;
    }
    if (!token && pin_file) {
        ctl_fail("--pin-file is for a token: --from pkcs11:…");
        return CTL_USAGE;
    }
    enum ctl_exit result = token ? load_token(key, from, pin_file) : load_file(key, from);
    if (result == CTL_DONE)
        result = check(*key, from);
    if (result != CTL_DONE) {
        EVP_PKEY_free(*key);
        *key = NULL;
    }
    return result;
}
