"""Certificates that clients show."""

from __future__ import annotations

from ftpsd.reasons.codes import Code
from ftpsd.reasons.reason import Reason

_LOOK = "The TLSLog has the certificate's subject and issuer beside the verdict."
_VERIFY = "`openssl verify -CAfile CA.pem -untrusted CHAIN.pem CLIENT.pem` says the same on any machine."

REASONS = (
    Reason(
        Code.CLIENT_CERT_MISSING,
        "The server demands a certificate of the client (TLSVerifyClient on), and it showed none.",
        causes=(
            "The client has no certificate, or none is chosen in its settings.",
            "None of its certificates comes from an authority that the server names, so it sent none.",
            "The client cannot show certificates at all.",
        ),
        confirm=(
            "`openssl s_client -starttls ftp -connect HOST:21` lists the \"Acceptable client certificate CA names\".",
        ),
        server=("`TLSVerifyClient optional` lets clients without a certificate in, too.",),
        client=("Give the client its certificate and key.",),
        shown=("TLSLog: … client did not provide certificate, but one is required via 'TLSVerifyClient on'",),
    ),
    Reason(
        Code.CLIENT_CERT_CHAIN_TOO_LONG,
        "There are more authorities between the client's certificate and its root than TLSVerifyDepth allows.",
        causes=("TLSVerifyDepth is too small; with 0 every chain is too long.",),
        confirm=("`ftpsd check --explain TLSVerifyDepth` shows the value and the line that sets it.", _LOOK),
        server=("Raise TLSVerifyDepth, or remove it.",),
        shown=("TLSLog: client certificate failed verification: certificate chain too long",),
    ),
    Reason(
        Code.CLIENT_CERT_UNKNOWN_CA,
        "The client's certificate comes from an authority that the server does not know.",
        causes=(
            "TLSCACertificateFile (or TLSCACertificatePath) lacks the authority that issued it.",
            "The client does not send its intermediate certificate.",
            "The certificate is self-signed.",
        ),
        confirm=(_LOOK, _VERIFY),
        server=(
            "Add the authority, with its intermediates, to TLSCACertificateFile.",
            "In a TLSCACertificatePath, run `openssl rehash DIRECTORY` after every change.",
        ),
        client=("Put the intermediate certificates behind the client's own in its file.",),
        shown=("TLSLog: client certificate failed verification: unable to get local issuer certificate",),
    ),
    Reason(
        Code.CLIENT_CERT_EXPIRED,
        "The client's certificate, or one of its authorities', has expired.",
        causes=("It was not renewed in time.", "The server's clock is wrong."),
        confirm=(_LOOK, "`openssl x509 -noout -dates -in CLIENT.pem`"),
        server=("Set the clock right; renew the authority if it is the one that has expired.",),
        client=("Renew the certificate.",),
        shown=("TLSLog: client certificate failed verification: certificate has expired",),
    ),
    Reason(
        Code.CLIENT_CERT_NOT_YET_VALID,
        "The client's certificate is not valid yet.",
        causes=("The server's clock is behind.", "The certificate was made with a date in the future."),
        confirm=("`date -u` on the server, `openssl x509 -noout -dates -in CLIENT.pem` on the client.",),
        server=("Set the clock right.",),
        shown=("TLSLog: client certificate failed verification: certificate is not yet valid",),
    ),
    Reason(
        Code.CLIENT_CERT_REVOKED,
        "The client's certificate has been revoked by its authority.",
        causes=("The authority lists it as revoked (CRL), or its responder says so (OCSP).",),
        confirm=("`openssl crl -in CRL.pem -noout -text` lists the serial numbers.",),
        client=("Get a new certificate.",),
        shown=("TLSLog: client certificate failed verification: certificate revoked",),
    ),
    Reason(
        Code.CLIENT_CERT_CRL_UNUSABLE,
        "The list of withdrawn certificates (CRL) cannot be relied upon, so nobody of that authority is let in.",
        causes=(
            "The list (CRL) has expired: the new one was not fetched.",
            "Its signature is wrong, or the authority may not sign lists.",
        ),
        confirm=("`ftpsd check` shows the dates of every list.", "`openssl crl -in CRL.pem -noout -nextupdate`"),
        server=("Fetch the present list regularly (cron); the server notices the new file by itself.",),
        shown=("TLSLog: client certificate failed verification: CRL has expired",),
    ),
    Reason(
        Code.CLIENT_CERT_WRONG_PURPOSE,
        "The certificate that the client shows was not issued for clients.",
        causes=("It is a server's certificate (its extended key usage lacks clientAuth).",),
        confirm=("`openssl x509 -noout -purpose -in CLIENT.pem`",),
        client=("Get a certificate for TLS clients.",),
        shown=("TLSLog: client certificate failed verification: unsuitable certificate purpose",),
    ),
    Reason(
        Code.CLIENT_CERT_WEAK,
        "The client's certificate has a key or a signature that OpenSSL takes for too weak.",
        causes=("An RSA key below 2048 bits, or a signature with MD5 or SHA-1.",),
        confirm=("`openssl x509 -noout -text -in CLIENT.pem`",),
        server=("`TLSCipherSuite DEFAULT@SECLEVEL=0` accepts it; better to replace it.",),
        client=("Get a certificate with a stronger key.",),
        shown=("TLSLog: client certificate failed verification: EE certificate key too weak",),
    ),
    Reason(
        Code.CLIENT_CERT_NAME,
        "The client's certificate does not bear the client's address or host name, as TLSOptions demand.",
        causes=(
            "The client connects from another machine or network than the certificate was issued for.",
            "Its address has no name in DNS, or another one (dNSNameRequired).",
        ),
        confirm=(
            "The TLSLog says which name was looked for.",
            "`openssl x509 -noout -ext subjectAltName -in CLIENT.pem`",
        ),
        server=("Remove iPAddressRequired, dNSNameRequired or CommonNameRequired from TLSOptions.",),
        client=("Get a certificate with the right name.",),
        shown=("TLSLog: client cert missing required X509v3 SubjectAltName iPAddress",),
    ),
    Reason(
        Code.CLIENT_CERT_INVALID,
        "The client's certificate, or one of its chain, failed verification.",
        causes=("A wrong signature, a broken chain, a constraint of an authority that is not kept.",),
        confirm=(_LOOK, _VERIFY),
        server=("TLSVerifyClient and TLSVerifyOrder say how strictly certificates are judged.",),
        client=("Get a new certificate.",),
        shown=("TLSLog: client certificate failed verification: …",),
    ),
)
