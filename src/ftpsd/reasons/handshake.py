"""TLS handshakes that fail, and what breaks TLS later."""

from __future__ import annotations

from ftpsd.reasons.codes import Code
from ftpsd.reasons.reason import Reason

REASONS = (
    Reason(
        Code.NO_SHARED_CIPHER,
        "The client and the server have no cipher in common, so they could not agree on an encryption.",
        causes=(
            "TLSCipherSuite leaves too few ciphers, or only ciphers of a protocol version that the client does "
            "not use.",
            "The certificate's key is of a kind that the client's ciphers cannot use (an EC key and a client that only "
            "knows RSA, for example).",
            "The client is old and only offers ciphers that today's OpenSSL no longer has (RC4, 3DES, EXPORT).",
        ),
        confirm=(
            "`ftpsd check` lists the ciphers that remain for every protocol version.",
            "TLSOptions EnableDiags writes the ciphers that the client offers into the TLSLog.",
        ),
        server=(
            "Remove TLSCipherSuite, or write `TLSCipherSuite DEFAULT`.",
            "Give the server an RSA and an EC certificate (TLSRSACertificateFile and TLSECCertificateFile).",
        ),
        client=("Update the client, or its TLS library.",),
        shown=("TLSLog: unable to accept TLS connection: client does not support any cipher from 'TLSCipherSuite …'",),
    ),
    Reason(
        Code.PROTOCOL_DISABLED,
        "The client wants a version of TLS that this server does not speak.",
        causes=(
            "The client is old and knows only TLS 1.0 or 1.1, which TLSProtocol does not name.",
            "TLSProtocol names only versions that are newer than the client.",
            "TLSProtocol names the version, but TLSCipherSuite or OpenSSL's security level leave no cipher for it.",
        ),
        confirm=(
            "The TLSLog says which version the client asked for.",
            "`ftpsd check` shows which versions this configuration really offers.",
            "`openssl s_client -starttls ftp -tls1_2 -connect HOST:21` tries one version.",
        ),
        server=(
            "Add the version: `TLSProtocol TLSv1.2 TLSv1.3`. TLS 1.0 and 1.1 are weak: only for clients that cannot be "
            "replaced, and then with `TLSCipherSuite DEFAULT@SECLEVEL=0`.",
        ),
        client=("Update the client, or allow it TLS 1.2.",),
        shown=("TLSLog: unable to accept TLS connection: perhaps client requested disabled TLS protocol version: …",),
    ),
    Reason(
        Code.NOT_TLS,
        "A TLS handshake was due, and the client sent something else.",
        causes=(
            "The port is for implicit TLS (`ftps://`, usually 990), and the client speaks plain or explicit FTP.",
            "A web browser, a port scanner or a health check knocked.",
            "On data connections: the client asked for encryption (PROT P) and sends its file in clear.",
            "Something between client and server changes the bytes of the connection.",
            "A proxy sends a header of the PROXY protocol where none is expected: ProxyProtocolEngine is off, "
            "ProxyProtocolTrust does not name the proxy, or on data connections ProxyProtocolData is off.",
        ),
        confirm=("The client's address in the system log tells a scanner from a user.",),
        server=("Offer explicit TLS on port 21 and implicit TLS (TLSOptions UseImplicitSSL) on port 990.",),
        client=("Choose \"implicit FTP over TLS\" for port 990, \"explicit\" for port 21.",),
        shown=("TLSLog: unable to accept TLS connection: what the client sent is not TLS",),
    ),
    Reason(
        Code.IMPLICIT_AT_EXPLICIT,
        "The client began to encrypt at once (implicit TLS). On this port the server speaks first, in clear, and the "
        "client asks for encryption with the command AUTH TLS (explicit TLS).",
        causes=(
            "The client is set to implicit TLS, or was given an address that begins with ftps://.",
            "A scanner that looks for any service with TLS.",
        ),
        confirm=("`openssl s_client -starttls ftp -connect HOST:21` shows that explicit TLS works here.",),
        server=(
            "For clients that know only implicit TLS: a <VirtualHost> with `Port 990` and "
            "`TLSOptions UseImplicitSSL`.",
        ),
        client=(
            "Choose \"explicit FTP over TLS\". FileZilla: ftpes:// instead of ftps://. lftp: ftp:// and "
            "`set ftp:ssl-force yes`. curl: `curl --ssl-reqd ftp://HOST/`.",
        ),
        shown=(
            "System log: client began TLS without AUTH, as for implicit TLS; this port is for explicit TLS, …",
            "The client: An unexpected TLS packet was received, wrong version number, unknown protocol",
        ),
    ),
    Reason(
        Code.HANDSHAKE_TIMEOUT,
        "The TLS handshake was not finished in the time that TLSTimeoutHandshake allows.",
        causes=(
            "The client waits for something itself: a question to its user whether the certificate may be trusted.",
            "The client speaks plain FTP to an implicit host: it waits for a greeting, the server for a handshake.",
            "A firewall swallows the packets of the handshake, or the line is very slow.",
            "A scanner that connects and does nothing.",
            "On data connections: the client believes that the data is not to be encrypted.",
        ),
        confirm=(
            "The TLSLog says whether the client had begun to speak TLS (`no TLS hello came`: it had not).",
            "`openssl s_client -starttls ftp -connect HOST:21` from the client's machine shows how far it comes.",
        ),
        server=("Raise TLSTimeoutHandshake (seconds) where users are asked about certificates.",),
        client=(
            "Answer the question about the certificate; trust its authority.",
            "Use `explicit` for port 21, `implicit` for port 990.",
        ),
        shown=("TLSLog: TLS negotiation timed out (300 seconds)",),
    ),
    Reason(
        Code.HANDSHAKE_EOF,
        "The connection was closed in the middle of the TLS handshake, without a word.",
        causes=(
            "The client gave up: its user did not accept the certificate, or it crashed.",
            "A firewall, router or \"FTP helper\" that reads FTP cut the connection when it could not read it "
            "any more.",
            "The client cannot cope with being asked for a certificate; the TLSLog says so if it was asked.",
        ),
        confirm=(
            "The client's own log, which knows best.",
            "Connect from another network: if it works there, something on the way is to blame.",
        ),
        server=(
            "Switch off the FTP helper of the firewall for this server (`nf_conntrack_ftp`, \"FTP ALG\").",
            "TLSOptions NoCertRequest, if clients are asked for certificates without need.",
        ),
        client=(
            "Accept or trust the server's certificate.",
            "Switch off the FTP inspection of the router or virus scanner.",
        ),
        shown=("TLSLog: unable to accept TLS connection: received EOF that violates protocol",),
    ),
    Reason(
        Code.HANDSHAKE_CLOSED,
        "The client ended TLS in an orderly way before the handshake was through.",
        causes=("Its user cancelled, or did not accept the certificate.",),
        confirm=("The client's log.",),
        client=("Accept or trust the server's certificate.",),
        shown=("TLSLog: unable to accept TLS connection: TLS connection closed",),
    ),
    Reason(
        Code.HANDSHAKE_RESET,
        "The connection was torn down (reset) during the TLS handshake.",
        causes=(
            "A firewall or virus scanner does not let TLS pass on this port.",
            "The client's program ended.",
        ),
        confirm=("Try from another network; look into the firewall's log.",),
        server=("Let the firewall pass the port without looking into it.",),
        client=("Switch off the FTP inspection of the router or virus scanner.",),
        shown=("TLSLog: unable to accept TLS connection: system call error: [104] Connection reset by peer",),
    ),
    Reason(
        Code.HANDSHAKE_SYSTEM_ERROR,
        "The network failed during the TLS handshake.",
        causes=("The client's network went away, or there is no way back to it.",),
        confirm=("The TLSLog has the system's number and words.",),
        server=("Check routes and firewall between server and client.",),
        client=("Try again; try another network.",),
        shown=("TLSLog: unable to accept TLS connection: system call error: [113] No route to host",),
    ),
    Reason(
        Code.HANDSHAKE_ERROR,
        "The TLS handshake failed for a reason that has no code of its own; the TLSLog has OpenSSL's words.",
        causes=(
            "The client's TLS library is faulty or very old.",
            "Bytes were changed on the way.",
        ),
        confirm=(
            "Read the numbered lines in the TLSLog.",
            "TLSOptions EnableDiags writes every message of the handshake into the TLSLog.",
        ),
        client=("Try another client, or update this one.",),
        shown=("TLSLog: unable to accept TLS connection: protocol error: (1) error:…",),
    ),
    Reason(
        Code.SERVER_CERT_UNTRUSTED,
        "The client refused this server's certificate: it does not know the authority that signed it.",
        causes=(
            "The chain is incomplete: the authority's intermediate certificate is not sent.",
            "The certificate is self-signed, or signed by an authority of your own that the client has not been given.",
        ),
        confirm=(
            "`ftpsd check` shows the chain as clients see it.",
            "`openssl s_client -starttls ftp -showcerts -connect HOST:21` shows it from outside.",
        ),
        server=(
            "Name the authority's chain with TLSCertificateChainFile, or use the `fullchain` file as certificate file.",
            "Use a certificate of a public authority.",
        ),
        client=("Give the client the authority's certificate, or accept this one by hand.",),
        shown=("TLSLog: … client does not trust the issuer of this server's certificate",),
    ),
    Reason(
        Code.SERVER_CERT_EXPIRED,
        "The client refused this server's certificate as expired.",
        causes=(
            "It has expired.",
            "It was renewed, but the server still has the old one.",
            "The client's clock is wrong.",
        ),
        confirm=("`ftpsd check` shows the dates.",),
        server=("Renew the certificate, then reload: `systemctl reload ftpsd`, or SIGHUP.",),
        client=("Set the clock right.",),
        shown=("TLSLog: … client rejected this server's certificate as expired",),
    ),
    Reason(
        Code.SERVER_CERT_REJECTED,
        "The client refused this server's certificate without saying exactly why.",
        causes=(
            "The name that the client connects to does not stand in the certificate.",
            "The client's user answered \"no\" to the question whether it may be trusted.",
            "The client has stored another certificate for this server and takes the new one for an attack.",
        ),
        confirm=("`ftpsd check` compares the names in the certificate with those of the configuration.",),
        server=("Get a certificate that names the host as clients write it.",),
        client=("Connect by the name that the certificate has, not by address.", "Remove the stored old certificate."),
        shown=("TLSLog: … client rejected this server's certificate",),
    ),
    Reason(
        Code.CLIENT_ALERT,
        "The client ended the TLS handshake with an alert.",
        causes=(
            "It found nothing acceptable in what the server offers: versions, ciphers, groups, signatures.",
            "The server's key or its signature is too weak for the client (RSA below 2048 bits, SHA-1).",
        ),
        confirm=("The TLSLog has the alert's name; `ftpsd check` names weak keys and signatures.",),
        server=("Use a certificate with an RSA key of 2048 bits or more, or an EC key, signed with SHA-256.",),
        client=("Update the client.",),
        shown=("TLSLog: unable to accept TLS connection: protocol error: (1) error:…:sslv3 alert handshake failure",),
    ),
    Reason(
        Code.FOREIGN_ALPN,
        "The client said (ALPN) that it wants to speak another protocol than FTP over this TLS connection.",
        causes=(
            "It is no FTP client: a web browser, a proxy, a scanner.",
            "A TLS proxy in front of the server adds it.",
        ),
        confirm=("TLSOptions EnableDiags shows what is offered.",),
        server=("Tell the TLS proxy to offer `ftp`, or nothing.",),
        client=("Use an FTP client.",),
        shown=("TLSLog: … client offered application protocols (ALPN), and 'ftp' is not among them",),
    ),
    Reason(
        Code.SNI_NOT_HOST,
        "The client asked for one host name with the HOST command and for another one in the TLS handshake (SNI).",
        causes=("A fault of the client, or of a proxy before the server.",),
        confirm=("The TLSLog has both names.",),
        server=("TLSOptions IgnoreSNI makes the server overlook the name in the handshake.",),
        client=("Use the same name for both.",),
        shown=("TLSLog: warning: SNI 'a' does not match HOST 'b', rejecting SSL/TLS connection",),
    ),
    Reason(
        Code.SNI_AFTER_LOGIN,
        "The client logged in to one virtual host and then asked for another one in the TLS handshake (SNI).",
        causes=(
            "TLSOptions AllowPerUser lets clients log in before AUTH, and the name that the client connects by is that "
            "of another virtual host than the one of the address. What a login may do is for its own host to say.",
        ),
        confirm=("The TLSLog has the name.",),
        server=(
            "TLSOptions IgnoreSNI makes the server overlook the name in the handshake.",
            "Give the virtual hosts addresses or ports of their own.",
        ),
        client=("Send AUTH TLS before USER, or HOST with the name before both.",),
        shown=("TLSLog: SNI 'x' names another server than the one logged in to, rejecting SSL/TLS connection",),
    ),
    Reason(
        Code.SNI_UNKNOWN,
        "The client asked in the TLS handshake (SNI) for a host name that no virtual host has.",
        causes=(
            "A new name in DNS that the configuration does not know yet.",
            "The client connects by an alias or an internal name.",
        ),
        confirm=("The TLSLog has the name.",),
        server=(
            "Add it: `ServerAlias NAME` in the right <VirtualHost>.",
            "Or overlook such names: TLSOptions IgnoreSNI.",
        ),
        client=("Connect by a name that the server has.",),
        shown=("TLSLog: no matching server found for client-sent SNI 'x', rejecting SSL/TLS connection",),
    ),
    Reason(
        Code.SNI_NO_TLS,
        "The virtual host that the client asked for in the TLS handshake (SNI) has TLS switched off.",
        causes=("TLSEngine stands in server config, but not in that <VirtualHost>.",),
        confirm=("`ftpsd check --explain TLSEngine` shows its value for every host.",),
        server=("Write `TLSEngine on` and the certificate into the <VirtualHost>, or all of it into <Global>.",),
        shown=("TLSLog: TLSEngine not enabled for SNI 'x', rejecting client",),
    ),
    Reason(
        Code.RENEGOTIATION_BY_CLIENT,
        "The client began a new handshake on the connection that stood, or asked for new keys again and again.",
        causes=(
            "An attack: each handshake costs the server far more than the client.",
            "A client that renegotiates by habit (rare).",
        ),
        confirm=("The client's address in the log.",),
        server=("TLSOptions AllowClientRenegotiations lets clients do it; better to leave it off.",),
        client=("Switch renegotiation off in the client.",),
        shown=("TLSLog: warning: client-initiated session renegotiation detected, aborting connection",),
    ),
    Reason(
        Code.RENEGOTIATION_TIMEOUT,
        "The server asked for new TLS keys (TLSRenegotiate), and the client did not answer in time.",
        causes=("The client does not support renegotiation; many do not.",),
        confirm=("It happens after the hours or megabytes that TLSRenegotiate names.",),
        server=("`TLSRenegotiate required off`, or `TLSRenegotiate none`. TLS 1.3 needs none of it.",),
        client=("Use TLS 1.3.",),
        shown=("TLSLog: requested TLS renegotiation timed out on control channel",),
    ),
    Reason(
        Code.CONTROL_TLS_ERROR,
        "TLS broke on the control connection, and the session had to end.",
        causes=("The client sent something that is not TLS.", "Bytes were changed on the way."),
        confirm=("The TLSLog has OpenSSL's words.",),
        client=("Try another client or network.",),
        shown=("TLSLog: panic: SSL_ERROR_SSL: …",),
    ),
)
