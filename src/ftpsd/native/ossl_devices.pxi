def engines_exist():
    return bool(c_engines_exist())


def use_engine(str name):
    ERR_clear_error()
    if engine_use(name.encode()) != 1:
        raise openssl_error(f"cannot use the engine '{name}'")
    ERR_clear_error()


def use_provider(str name):
    ERR_clear_error()
    if provider_use(name.encode()) != 1:
        raise openssl_error(f"cannot load the provider '{name}'")
    ERR_clear_error()


def load_random(bytes path, long size):
    cdef int found
    ERR_clear_error()
    found = RAND_load_file(PyBytes_AS_STRING(path), size)
    if found < 0:
        raise openssl_error("cannot read the seed file")
    return found


def lock_memory(unsigned char[::1] secret not None):
    return len(secret) == 0 or bool(memory_lock(&secret[0], len(secret)))


def wipe_memory(unsigned char[::1] secret not None):
    if len(secret) > 0:
        OPENSSL_cleanse(&secret[0], len(secret))


def dh_bits(bytes pem):
    cdef PEMText text = PEMText(pem)
    cdef EVP_PKEY *parameters = PEM_read_bio_Parameters(text.bio, NULL)
    cdef int bits
    if parameters == NULL:
        raise openssl_error("cannot read the DH parameters")
    bits = EVP_PKEY_get_bits(parameters) if EVP_PKEY_is_a(parameters, "DH") or EVP_PKEY_is_a(parameters, "DHX") else 0
    EVP_PKEY_free(parameters)
    if bits <= 0:
        raise OpenSSLError("these are no DH parameters")
    return bits
