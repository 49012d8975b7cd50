/* SPDX-License-Identifier: Apache-2.0 */
/* A PKCS#11 module in front of another, which takes its token away while a file exists: the real module is
 * $P11_FAULT_MODULE, the file $P11_FAULT_FILE. What is in the file says how it fails: a CK_RV in decimal, and `once`
 * behind it where only the next call fails and all is well after it. Each login adds a byte to $P11_FAULT_LOGINS. */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST list;

static CK_RV fault(void)
{
    unsigned long code = CKR_DEVICE_REMOVED;
    char word[8] = "";
    FILE *file = fopen(getenv("P11_FAULT_FILE"), "r");
    if (!file)
        return CKR_OK;
    if (fscanf(file, "%lu %7s", &code, word) < 1)
        code = CKR_DEVICE_REMOVED;
    fclose(file);
    if (strcmp(word, "once") == 0 && unlink(getenv("P11_FAULT_FILE")) != 0)
        return CKR_OK; /* another thread has had it */
    return code;
}

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID_PTR slots, CK_ULONG_PTR count)
{
    CK_RV code = fault();
    return code ? code : real->C_GetSlotList(present, slots, count);
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR context, CK_NOTIFY notify,
                          CK_SESSION_HANDLE_PTR session)
{
    CK_RV code = fault();
    return code ? code : real->C_OpenSession(slot, flags, context, notify, session);
}

static CK_RV decrypt_init(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
    CK_RV code = fault();
    return code ? code : real->C_DecryptInit(session, mechanism, key);
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG pin_len)
{
    const char *path = getenv("P11_FAULT_LOGINS");
    FILE *file = path ? fopen(path, "a") : NULL;

    if (path && (!file || fputc('x', file) == EOF || fclose(file) != 0))
        return CKR_FUNCTION_FAILED;
    return real->C_Login(session, user, pin, pin_len);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR functions)
{
    if (!real) {
        void *module = dlopen(getenv("P11_FAULT_MODULE"), RTLD_NOW | RTLD_LOCAL);
        CK_C_GetFunctionList get = module ? (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList") : NULL;
        CK_RV code = get ? get(&real) : CKR_GENERAL_ERROR;
        if (code != CKR_OK)
            return code;
        list = *real;
        list.C_GetFunctionList = C_GetFunctionList;
        list.C_GetSlotList = get_slot_list;
        list.C_OpenSession = open_session;
        list.C_DecryptInit = decrypt_init;
        list.C_Login = login;
    }
    *functions = &list;
    return CKR_OK;
}
