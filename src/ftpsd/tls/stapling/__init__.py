"""OCSP responses for the server's own certificates, fetched ahead of need (RFC 6066 section 8, RFC 6960, RFC 7633).

Theory
------
A handshake must never wait for a responder, so none is asked there: OpenSSL's callback (`native/ossl_staples.h`)
copies what lies ready in memory that all workers share. A thread in each worker sees to it that something does
(`stapler`). For each certificate one of them at a time, whoever holds its lock (`shelf`), asks the cache
(TLSStaplingCache) and then the responder, and writes down the response together with the time when somebody has to
ask again (`schedule`); the others see that it is done. So one worker's death, a dead responder or a reload changes
nothing for clients as long as the last response is valid.

    subjects    what can be asked for a certificate: issuer, responder, rules
    schedule    when to ask (pure)
    fetching    one response: asked for, judged
    shelf       places that processes and generations of the configuration share
    stapler     the thread
"""
