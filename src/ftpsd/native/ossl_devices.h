/* Keys and random numbers from elsewhere: PKCS#11 tokens, engines, providers, files.
 *
 * A key named by a URI comes from a provider that has a loader for its scheme, or else from the engine of that name.
 * Nothing here ever asks a person: a PIN is in the URI or given.
 */
#ifndef FTPSD_OSSL_DEVICES_H
#define FTPSD_OSSL_DEVICES_H

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#ifndef OPENSSL_NO_ENGINE
#include <openssl/engine.h>
#endif

#define SCHEME_MAX 32

struct pin {
    const char *text;
    size_t size;
};

static int pin_open(UI *ui)
{
    return 1;
}

/* Every question is answered with the PIN; without one, asking fails. */
static int pin_read(UI *ui, UI_STRING *question)
{
    const struct pin *pin = UI_get0_user_data(ui);

    if (UI_get_string_type(question) != UIT_PROMPT && UI_get_string_type(question) != UIT_VERIFY)
        return 1;
    if (pin == NULL || pin->text == NULL)
        return 0;
    return UI_set_result_ex(ui, question, pin->text, (int)pin->size) == 0;
}

static UI_METHOD *pin_method(void)
{
    static UI_METHOD *method;

    if (method == NULL && (method = UI_create_method("ftpsd")) != NULL) {
        UI_method_set_opener(method, pin_open);
        UI_method_set_reader(method, pin_read);
    }
    return method;
}

static EVP_PKEY *key_of_provider(const char *uri, struct pin *pin)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open(uri, pin_method(), pin, NULL, NULL);
    OSSL_STORE_INFO *info;
    EVP_PKEY *key = NULL;

    if (store == NULL)
        return NULL;
    OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY);
    while (key == NULL && !OSSL_STORE_eof(store) && (info = OSSL_STORE_load(store)) != NULL) {
        if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
            key = OSSL_STORE_INFO_get1_PKEY(info);
        OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
    return key;
}

#ifndef OPENSSL_NO_ENGINE
/* Engines are deprecated, and the only way to many a token until OpenSSL has a provider for it. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static EVP_PKEY *key_of_engine(const char *name, const char *uri, struct pin *pin)
{
    EVP_PKEY *key = NULL;
    ENGINE *engine;

    ENGINE_load_dynamic();
    engine = ENGINE_by_id(name);
    if (engine == NULL)
        return NULL;
    if (ENGINE_init(engine)) {
        ENGINE_ctrl_cmd_string(engine, "QUIET", NULL, 1);
        key = ENGINE_load_private_key(engine, uri, pin_method(), pin);
        ENGINE_finish(engine);
    }
    ENGINE_free(engine);
    return key;
}

/* 1: in use for everything that it can do ("ALL": every engine that is built in); 0: see the error queue. */
static int engine_use(const char *name)
{
    ENGINE *engine;
    int done = 0;

    ENGINE_load_builtin_engines();
    if (strcmp(name, "ALL") == 0)
        return ENGINE_register_all_complete();
    engine = ENGINE_by_id(name);
    if (engine == NULL)
        return 0;
    if (ENGINE_init(engine)) {
        done = ENGINE_set_default(engine, ENGINE_METHOD_ALL);
        ENGINE_finish(engine);
    }
    ENGINE_free(engine);
    return done;
}

static int engines_exist(void)
{
    return 1;
}
#pragma GCC diagnostic pop
#else
static EVP_PKEY *key_of_engine(const char *name, const char *uri, struct pin *pin)
{
    return NULL;
}

static int engine_use(const char *name)
{
    return 0;
}

static int engines_exist(void)
{
    return 0;
}
#endif

/* The private key that `uri` names; NULL: see the error queue. */
static EVP_PKEY *key_of_uri(const char *uri, const char *pin_text, size_t pin_size)
{
    struct pin pin = {pin_text, pin_size};
    size_t size = strcspn(uri, ":");
    char scheme[SCHEME_MAX];

    if (size == 0 || size >= sizeof scheme)
        return NULL;
    memcpy(scheme, uri, size);
    scheme[size] = '\0';
    if (OSSL_PROVIDER_available(NULL, scheme) || OSSL_PROVIDER_try_load(NULL, scheme, 1) != NULL)
        return key_of_provider(uri, &pin);
    if (engines_exist())
        ERR_clear_error();
    return key_of_engine(scheme, uri, &pin);
}

/* Signs something, so that a token's key is at hand in this process; 0: see the error queue. */
static int key_exercise(EVP_PKEY *key)
{
    static const unsigned char text[] = "ftpsd";
    unsigned char signature[2048];
    size_t size = sizeof signature;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    int done = digest != NULL
        && EVP_DigestSignInit(digest, NULL, EVP_sha256(), NULL, key) == 1
        && EVP_DigestSign(digest, signature, &size, text, sizeof text) == 1;

    EVP_MD_CTX_free(digest);
    return done;
}

static int provider_use(const char *name)
{
    return OSSL_PROVIDER_load(NULL, "default") != NULL && OSSL_PROVIDER_load(NULL, name) != NULL;
}

/* Keeps the pages of a secret out of swap and core dumps; 0: the system does not allow the former. */
static int memory_lock(void *data, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = (uintptr_t)data & ~(page - 1);
    size_t whole = (((uintptr_t)data + size + page - 1) & ~(page - 1)) - first;

    (void)madvise((void *)first, whole, MADV_DONTDUMP);
    return mlock((void *)first, whole) == 0;
}

#endif
