"""The words of the trade that explanations use, each with half a sentence for somebody who meets it for the first "
"time."""

from __future__ import annotations

import re

WORDS: dict[str, str] = {
    "control connection": "the connection that carries the commands and replies; it lasts as long as the login",
    "data connection": "a second connection, made anew for each file and listing",
    "passive mode": "the client opens the data connections, to a port that the server names (PASV, EPSV)",
    "active mode": "the server opens the data connections, to a port that the client names (PORT, EPRT)",
    "explicit": "TLS that the client asks for on a connection begun in clear (AUTH TLS, port 21)",
    "implicit": "TLS from the first byte on (ftps://, port 990)",
    "in clear": "not encrypted: everybody on the way can read it",
    "handshake": "how client and server begin TLS: who they are, how they encrypt",
    "TLS session": "what both sides keep of a handshake, so that the next one can continue it",
    "resume": "to continue the TLS session of an earlier connection, which proves that it is the same client",
    "ticket": "what the server gives a client so that it can resume the TLS session",
    "renegotiation": "a second handshake on a connection that stands, for new keys; TLS 1.3 has none",
    "cipher": "a method of encryption that both sides must know",
    "certificate": "a file, signed by an authority, that proves whose key it is",
    "authority": "who signs certificates (CA)",
    "intermediate": "a certificate between the server's and that of the authority which clients know",
    "chain": "the certificates from one's own up to the authority that the other side knows",
    "self-signed": "signed by nobody but its owner",
    "CRL": "the list of certificates that an authority has withdrawn",
    "OCSP": "asking the authority whether a certificate is still valid",
    "SNI": "the host name that a client says in the TLS handshake",
    "ALPN": "the protocol that a client says in the TLS handshake that it wants to speak",
    "SAN": "the names that a certificate is good for (subject alternative names)",
    "PEM": "the text form of certificates and keys: -----BEGIN …",
    "PROT P": "the command that asks for encrypted data connections (PROT C: in clear)",
    "CCC": "the command that ends the encryption of the control connection",
    "SSCN": "the command that makes a server begin TLS on the next data connection, for FXP",
    "FXP": "a transfer from one server to another, which a client arranges",
    "EPSV": "the newer form of PASV: names a port, and no address",
    "close_notify": "how TLS says that a connection ends here on purpose, and was not cut",
    "NAT": "a router that gives a private network one public address",
    "private address": "one that is good only within its own network, as 192.168.1.2 or 10.1.2.3",
    "virtual host": "one of several servers in the same program, by address, port or name (<VirtualHost>)",
    "server config": "what stands in the configuration outside of every section",
    "SIGHUP": "the signal that makes the server read its configuration again: `kill -HUP $(cat PIDFILE)`",
    "uid": "the number that the operating system knows a user by",
}
"""Word → meaning; the plural with -s is found, too."""

_FORMS = {
    word: re.compile(
        rf"(?<![\w<]){re.escape(word)}(?:s|d|ed|ing)?(?![\w>])", re.IGNORECASE if word.islower() else re.NOFLAG)
    for word in WORDS
}


def used_in(*texts: str) -> dict[str, str]:
    """The words that occur in the texts, with their meanings."""
    whole = " ".join(texts)
    return {word: meaning for word, meaning in WORDS.items() if _FORMS[word].search(whole)}
