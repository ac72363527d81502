"""What `ftpsd check` finds in a configuration and in what it names."""

from __future__ import annotations

from ftpsd.reasons.codes import Code
from ftpsd.reasons.reason import Reason

_RENEW = "Renew it: the server takes the new files by itself (TLSCertificateWatch), or reload it with SIGHUP."


def _found(code: Code, what: str, *causes: str, confirm: tuple[str, ...] = (), server: tuple[str, ...] = ()) -> Reason:
    return Reason(code, what, causes, confirm, server, shown=(f"ftpsd check: [{code}]",))


REASONS = (
    _found(
        Code.CONFIG_ERROR, "A line of the configuration cannot be: the server does not start with it, and a reload "
        "keeps "
        "the old configuration.", "A typing error.", "A directive in a section where it may not stand.",
        "A directive of a module that ftpsd does not have.",
        confirm=("`ftpsd help DIRECTIVE` shows how it is written.",), server=("Correct the line that is named.",)),
    _found(
        Code.CONFIG_NOTICE, "The server starts, and says this about the configuration.",
        "A line that may not mean what its author meant.", server=("Read the line that is named.",)),
    _found(
        Code.DIRECTIVE_WITHOUT_EFFECT, "The line may stand there, but changes nothing.",
        "ftpsd does not need it.", "Another line takes its effect away.",
        server=("Take it out, or correct the other line.",)),
    _found(
        Code.DIRECTIVE_DIFFERS, "The line means something else than it would in ProFTPD.",
        "ftpsd decided otherwise, for the reason that is given.",
        confirm=("`ftpsd help DIRECTIVE` says what it means here.",)),
    _found(
        Code.CANNOT_LOOK, "A file could not be looked at, so nothing can be said about it.",
        "The check runs as a user who may not read it.", "It needs a password.", server=("Run the check as root.",)),
    _found(
        Code.CERT_UNREADABLE, "A file of a certificate, key or chain cannot be used: the server does not start.",
        "The path is wrong.", "It is not in PEM form.", "It may not be read.",
        confirm=("`openssl x509 -noout -subject -in FILE`, `openssl pkey -noout -in FILE`",)),
    _found(
        Code.CERT_KEY_MISMATCH, "Certificate and key do not belong together: the server does not start.",
        "One of them was renewed, and the other was not replaced.", "Two hosts' files were mixed up.",
        confirm=("`openssl x509 -noout -pubkey -in CERT` and `openssl pkey -pubout -in KEY` must print the same.",),
        server=("Find the right key, or request a new certificate.",)),
    _found(
        Code.CERT_KEY_ENCRYPTED, "The key is encrypted. Somebody must type its passphrase at every start.",
        "It was made with a passphrase.",
        server=("`openssl pkey -in KEY -out NEW` and `chmod 600 NEW`.", "Or a TLSPassPhraseProvider.")),
    _found(
        Code.CERT_KEY_OPEN, "Others on this machine can read the server's key, and with it be the server.",
        "Its mode is too open.", server=("`chmod 600 KEY`. To be sure, make a new key.",)),
    _found(
        Code.CERT_KIND, "The certificate has another kind of key than the directive is for.",
        "TLSRSACertificateFile names an EC certificate, or the other way round.",
        server=("Use the directive for its kind.",)),
    _found(
        Code.CERT_EXPIRED, "The server's certificate has expired: clients refuse to connect.", "It was not renewed.",
        "It was renewed, and the configuration names the old file.",
        server=(_RENEW,)),
    _found(
        Code.CERT_NOT_YET_VALID, "The server's certificate is not valid yet: clients refuse to connect.",
        "This machine's clock is behind.", "It was made for later.", confirm=("`date -u`",)),
    _found(
        Code.CERT_EXPIRES_SOON, "The server's certificate will soon expire.", "It is time to renew it.",
        "The automatic renewal does not work.", server=(_RENEW,)),
    _found(
        Code.CERT_WEAK_KEY, "The certificate's key is too short for OpenSSL and for clients.",
        "It was made long ago.", server=("Make a key of 2048 bits (RSA) or 256 bits (EC), and a certificate for it.",)),
    _found(
        Code.CERT_WEAK_SIGNATURE, "The certificate is signed with a method that clients do not accept any more.",
        "It was made long ago, or with old tools.", server=("Have it signed with SHA-256.",)),
    _found(
        Code.CERT_NOT_FOR_SERVERS, "The certificate was not issued for servers, and clients refuse it.",
        "It is a client's certificate, or one for e-mail.", confirm=("`openssl x509 -noout -purpose -in CERT`",),
        server=("Request one for TLS servers.",)),
    _found(
        Code.CERT_NAMES, "The certificate does not bear a name that clients connect to: they warn, or refuse.",
        "A name was added to the configuration, and not to the certificate.", "The certificate is another host's.",
        confirm=("`openssl x509 -noout -ext subjectAltName -in CERT`",), server=("Request one with all names.",)),
    _found(
        Code.CERT_WITHOUT_SAN, "The certificate has its name only where clients no longer look (the common name).",
        "It was made with old instructions.",
        server=("`openssl req … -addext subjectAltName=DNS:NAME`",)),
    _found(
        Code.CERT_SELF_SIGNED, "Nobody vouches for the certificate: every client asks its user, or refuses.",
        "It was made for a test.", server=("Get one of a public authority, or give clients this one.",)),
    _found(
        Code.STAPLING_OFF, "The certificate demands that its state is sent along (OCSP stapling, RFC 7633), and the "
        "server does not: clients that know the demand refuse it.",
        "It was requested with must-staple, and TLSStapling is not configured.",
        confirm=("`openssl x509 -noout -ext tlsfeature -in CERT`",),
        server=("`TLSStapling on`", "Or request one without must-staple.")),
    _found(
        Code.STAPLING_IMPOSSIBLE, "TLSStapling is on, and for this certificate nobody can be asked.",
        "It is self-signed.", "Its issuer's certificate is not configured.",
        "It names no OCSP responder: some authorities have given them up.",
        confirm=("`openssl x509 -noout -ocsp_uri -in CERT`",),
        server=("Put the issuer's certificate into TLSCertificateChainFile, or name a TLSStaplingResponder.",)),
    _found(
        Code.RESPONDER_UNREACHABLE, "This machine cannot connect to the OCSP responder of the certificate, so there is "
        "nothing to staple.",
        "A firewall lets nothing out.", "The name of the responder cannot be resolved.",
        confirm=("`curl -v` with the address that `openssl x509 -noout -ocsp_uri -in CERT` prints.",),
        server=("Allow it, or name another one: TLSStaplingResponder.",)),
    _found(
        Code.CACHE_UNREACHABLE, "The Redis or memcached server that keeps TLS sessions or OCSP responses does not "
        "answer. The server runs nevertheless, and clients resume less often.",
        "It does not run.", "Its address is wrong, or a firewall is in between.",
        confirm=("`redis-cli -h HOST -p PORT ping`, or `nc HOST PORT` for memcached.",),
        server=("Start it, or correct RedisServer or MemcacheServers.",)),
    _found(
        Code.DIRECTORY_UNREACHABLE, "The LDAP server does not answer. Who has his account there cannot log in, which "
        "counts as no wrong password; of several servers the next one is asked.",
        "It does not run.", "Its address is wrong, or a firewall is in between.",
        confirm=("`ldapsearch -x -H ldap://HOST -s base` must print an entry.",),
        server=("Start it, or correct LDAPServer.",)),
    _found(
        Code.PAM_UNUSABLE, "PAM cannot be asked: passwords of the system's users are looked up in /etc/shadow. Where "
        "AuthOrder has `mod_auth_pam.c*`, so that PAM alone counts, the server does not start.",
        "ftpsd was installed without its extra `pam`.", "There is no service of the name that AuthPAMConfig says.",
        confirm=("`ls /etc/pam.d`",),
        server=("Install ftpsd[pam], correct AuthPAMConfig, or write AuthPAM off.",)),
    _found(
        Code.CHAIN_INCOMPLETE, "Clients do not get all certificates between the server's and the authority that they "
        "trust. Some fetch the rest, most refuse.", "The intermediate certificate was not configured.",
        "The authority has changed its intermediate certificate.",
        confirm=("`openssl s_client -starttls ftp -showcerts -connect HOST:21`",),
        server=("Use the `fullchain` file as certificate file, or TLSCertificateChainFile.",)),
    _found(
        Code.CHAIN_DISORDERED, "The certificates of the chain stand in a wrong order. ftpsd sends them in the right "
        "one.",
        "They were put together by hand.", server=("Sort them, for the sake of other programs.",)),
    _found(
        Code.CHAIN_UNRELATED, "The chain file has certificates that belong to no certificate of this host.",
        "It is another certificate's, or was not replaced when the certificate was renewed.",
        server=("Name the right chain.",)),
    _found(
        Code.CHAIN_EXPIRED, "A certificate of the chain has expired: clients refuse the server's.",
        "The authority has a new intermediate certificate.", server=("Get the present one from the authority.",)),
    _found(
        Code.CA_UNREADABLE, "The authorities of clients cannot be read: the server does not start.",
        "The path is wrong.", "The file holds no certificate in PEM form."),
    _found(
        Code.CA_EXPIRED, "An authority of clients has expired: no client with a certificate of its is let in.",
        "It was not renewed here.", server=("Add its present certificate.",)),
    _found(
        Code.CA_NOT_AN_AUTHORITY, "A certificate among the authorities of clients is none of an authority.",
        "The client's own certificate was put there.", server=("Name the certificate of who issued it.",)),
    _found(
        Code.CRL_UNREADABLE, "A revocation list cannot be read: the server does not start.", "The path is wrong.",
        "It is not in PEM form.", "It is damaged or cut off: one of several is enough.",
        server=("`openssl crl -inform DER -in FILE -out NEW`",)),
    _found(
        Code.CRL_EXPIRED, "A revocation list has expired. Until there is a new one, nobody of that authority is let "
        "in.",
        "The job that fetches it failed.", confirm=("`openssl crl -noout -nextupdate -in FILE`",),
        server=("Fetch the present list.",)),
    _found(
        Code.CRL_NOT_YET_VALID, "A revocation list is not valid yet, and nobody of that authority is let in.",
        "This machine's clock is behind.", confirm=("`date -u`",)),
    _found(
        Code.CRL_EXPIRES_SOON, "A revocation list will soon expire; then nobody of that authority is let in any more.",
        "The job that fetches it failed.", server=("Fetch the present list.",)),
    _found(
        Code.CRL_FOREIGN, "A revocation list is of an authority whose clients are not let in anyway.",
        "Another authority's list.", "The authority's certificate is missing in TLSCACertificateFile."),
    _found(
        Code.CRL_BAD_SIGNATURE, "A revocation list was not signed by its authority, and nobody of it is let in.",
        "The file is damaged.", "The authority has a new key, and here is its old certificate."),
    _found(
        Code.VERIFY_ANY_AUTHORITY, "Client certificates of every public authority are taken.",
        "TLSVerifyClient without TLSCACertificateFile.", server=("Name your own authority.",)),
    _found(
        Code.VERIFY_DEPTH_ZERO, "Every client's certificate is refused, because its chain is too long.",
        "TLSVerifyDepth 0.", server=("Take the line out.",)),
    _found(
        Code.PROTOCOL_OBSOLETE, "TLS 1.0 and 1.1 are weak, and to offer them OpenSSL must be told to accept weak "
        "things "
        "from all clients of the host.", "Old clients.", "An old configuration.",
        confirm=("The TLSLog says which version each client used.",), server=("`TLSProtocol TLSv1.2 TLSv1.3`",)),
    _found(
        Code.PROTOCOL_UNAVAILABLE, "OpenSSL does not have this protocol version any more.", "An old configuration.",
        server=("Take it out.",)),
    _found(
        Code.PROTOCOL_WITHOUT_CIPHER, "A protocol version is offered for which no cipher is left: clients that need it "
        "fail with `no shared cipher`.", "TLSCipherSuite is too narrow.",
        "OpenSSL's security level does not allow what is left.", server=("Widen TLSCipherSuite, or remove it.",)),
    _found(
        Code.CIPHER_WORD_UNMATCHED, "A word of TLSCipherSuite means no cipher that this OpenSSL has.",
        "A typing error.", "A cipher that OpenSSL has dropped.", server=("Correct or remove the word.",)),
    _found(
        Code.CIPHER_WEAK, "Ciphers without authentication, without encryption, or broken ones are offered.",
        "TLSCipherSuite ALL, or an old list.", server=("Remove TLSCipherSuite, or add :!aNULL:!eNULL:!RC4:!3DES.",)),
    _found(
        Code.CERT_WITHOUT_CIPHER, "None of the ciphers that are left can be used with the certificates that there are.",
        "A list for RSA keys and a certificate with an EC key, or the other way round.",
        server=("Add a certificate of the other kind, or widen TLSCipherSuite.",)),
    _found(
        Code.REUSE_SWITCHED_OFF, "Data connections need not continue the control connection's TLS session, so they "
        "do not "
        "prove whose they are: who reaches the port first gets the file.", "Some client cannot resume sessions.",
        server=("Give NoSessionReuseRequired to those clients only.",)),
    _found(
        Code.SESSION_CACHE_OFF, "Sessions are not resumed, so data connections do not prove whose they are, and every "
        "file costs a full handshake.", "TLSSessionCache off.", server=("Take the line out.",)),
    _found(
        Code.SESSION_CACHE_SHORT, "Sessions live shorter than the time between new keys. With ProFTPD data connections "
        "then fail; with ftpsd they do not.", "The values of an old configuration."),
    _found(
        Code.RENEGOTIATION_RISKY, "Clients that cannot renegotiate are cut off, in the middle of large files.",
        "TLSRenegotiate required on, with TLS 1.2 or older.", server=("`TLSRenegotiate none`",)),
    _found(
        Code.HANDSHAKE_TIME_SHORT, "Handshakes have so little time that people cannot answer questions about the "
        "certificate.", "TLSTimeoutHandshake is too small.", server=("Write 60 or more.",)),
    _found(
        Code.TLS_OFF, "TLS is off for this host: passwords and files can be read on the way.", "TLSEngine is not on.",
        "It is on in server config only; a <VirtualHost> needs it in <Global> or in itself.",
        server=("`TLSEngine on`",)),
    _found(
        Code.TLS_OPTIONAL, "Clients may do without TLS, for the passwords or for the files.", "TLSRequired says so.",
        server=("`TLSRequired on`",)),
    _found(
        Code.TLS_PER_USER, "Whether TLS is needed is decided after the password has come.", "TLSOptions AllowPerUser.",
        server=("`IfSessionOptions PerUnauthenticatedUser` decides it when the user name has come.",)),
    _found(
        Code.IMPLICIT_PORT, "The port and the kind of TLS do not fit: 21 is for explicit, 990 for implicit TLS.",
        "UseImplicitSSL at the wrong host.", server=("Two <VirtualHost> sections: one on 21, one on 990.",)),
    _found(
        Code.PASSIVE_PORTS_FEW, "There are fewer passive ports than sessions: transfers fail when all are in use.",
        "PassivePorts is too small.", server=("One port for each simultaneous transfer, and some more.",)),
    _found(
        Code.PASSIVE_PORTS_EPHEMERAL, "The kernel may use some of the passive ports for other connections.",
        "The ranges overlap.", server=("Reserve them: net.ipv4.ip_local_reserved_ports.",)),
    _found(
        Code.PASSIVE_PORTS_CLASH, "A port that the server listens on is among the passive ports.",
        "The range is too wide.", server=("Choose another range.",)),
    _found(
        Code.MASQUERADE_UNRESOLVABLE, "The name that clients are to be told cannot be looked up, or is no IPv4 "
        "address.",
        "A typing error.", "No DNS here.", confirm=("`getent ahosts NAME`",)),
    _found(
        Code.MASQUERADE_PRIVATE, "The address that clients are told is private: who is outside cannot reach it.",
        "The inner address was written.", "The name means another address inside.",
        server=("Write the public address.",)),
    _found(
        Code.MASQUERADE_WITHOUT_PORTS, "Clients are told a router's address, but the router cannot know which ports to "
        "forward.", "PassivePorts is missing.", server=("`PassivePorts 30000 30999`, and forward them.",)),
    _found(
        Code.FOREIGN_ADDRESSES_ALLOWED, "Data connections with third parties are allowed to everybody.",
        "AllowForeignAddress on, or with the name of a <Class> that everybody is of.",
        server=("Name a <Class> of the servers that it is for.", "Allow it to those who need it.",)),
    _found(
        Code.BEHIND_NAT, "This machine has private addresses only. Clients in the same network can use them, others "
        "cannot.",
        "NAT: a router, a cloud, a container.", server=("MasqueradeAddress and PassivePorts.",)),
    _found(
        Code.PROXY_TRUST_WIDE, "ProxyProtocolTrust names so many addresses that hardly anybody is left: whoever "
        "connects from one of them can say that he is anybody, and gets round bans, limits by address and classes.",
        "0.0.0.0/0 or ::/0 was written to make it work.",
        server=("Name the addresses of the proxies, or the network that holds them and no clients.",)),
    _found(
        Code.PROXY_ADDRESS, "Clients connect to a proxy, and PASV tells them this machine's address.",
        "MasqueradeAddress is missing.",
        server=("MasqueradeAddress with the address that clients connect to, or `ProxyProtocolOptions "
                "UseProxiedServerAddress` where the proxy has that address itself.",)),
    _found(
        Code.PROXY_DATA_PLAIN, "Passive data connections that come through the proxy are refused: they come from its "
        "address, which is not the client's, and nothing says whose they are.",
        "`ProxyProtocolData on` is missing.",
        server=("`ProxyProtocolData on`, and the header on the proxy's passive ports, too.",
                "Or lead the passive ports past the proxy, with the clients' addresses as they are.")),
    _found(
        Code.LOG_UNUSABLE, "A log cannot be written.", "Its directory does not exist.",
        "Everybody may write to its directory, and so could make the server overwrite other files.",
        "It is a symbolic link."),
    _found(
        Code.LOG_OPEN, "Everybody on this machine can change the log.", "Its mode.", server=("`chmod o-w LOG`",)),
    _found(
        Code.AUTH_FILE_UNUSABLE, "An account file cannot be used: the server does not start. While it runs, whoever "
        "AuthGroupFile, /etc/shells, /etc/ftpusers or /etc/shadow might keep out is kept out when it cannot be read, "
        "and whoever might be in an AuthUserFile or AuthOTPTable is refused. That counts as no wrong password.",
        "It does not exist.", "Others can read the password hashes, or add users.",
        server=("`chmod 600 FILE`, in a directory of root's.", "The log says why a file cannot be read.")),
    _found(
        Code.AUTH_FILE_LINE, "A line of an account file does not count.", "A field is missing, or is no number.",
        server=("Correct it; `ftpsd passwd` writes correct lines.",)),
    _found(
        Code.AUTH_FILE_DUPLICATE, "A user stands twice in the file; the first line counts.", "Edited by hand.",
        server=("Take one out.",)),
    _found(
        Code.AUTH_FILE_HASH, "A password in the file is not hashed, or hashed in a way that is easily broken.",
        "Edited by hand, or made long ago.", server=("`ftpsd passwd --file FILE NAME --change-password`",)),
    _found(
        Code.AUTH_FILE_HOME, "A user's home is missing, so the login fails.", "It was not made, or has moved."),
    _found(
        Code.AUTH_FILE_SHELL, "A user cannot log in, because the shell is not in /etc/shells.", "RequireValidShell "
        "is on.",
        server=("`RequireValidShell off`",)),
    _found(
        Code.AUTH_FILE_ROOT, "A user of the file has uid 0.", "Edited by hand.", server=("Give the user another "
        "uid.",)),
    _found(
        Code.AUTH_FILE_UNUSED, "AuthOrder and AuthUserFile do not fit together.", "One of them was forgotten.",
        "What stands outside of every section does not hold for a <VirtualHost>."),
    _found(
        Code.WORKER_UNKNOWN, "User or Group names somebody who does not exist: the server does not start.",
        "A typing error.", "The system calls the group otherwise (nobody, nogroup)."),
    _found(
        Code.WORKER_ROOT, "Sessions run as root until somebody has logged in.", "User is missing, or root.",
        server=("`User nobody`",)),
    _found(
        Code.SERVER_TYPE_INETD, "Each connection is served by a process that somebody starts for it. What outlives a "
        "connection elsewhere (session tickets, OCSP responses, renewals) does not here.", "ServerType inetd.",
        server=("ServerType standalone, perhaps with systemd's ftpsd.socket.",)),
    _found(
        Code.LIMITS_NOT_SHARED, "A limit in number holds in each process alone, and there is one session in each: it "
        "bounds nothing.", "ServerType inetd with ScoreboardFile none.",
        server=("`ScoreboardFile /run/ftpsd.scoreboard`",)),
    _found(
        Code.ROOT_LOGIN, "root may log in.", "RootLogin on.", server=("Take the line out.",)),
    _found(
        Code.NO_JAIL, "Users can leave their homes and look at all that everybody may read.", "No DefaultRoot.",
        server=("`DefaultRoot ~`",)),
    _found(
        Code.ANONYMOUS_BROKEN, "An <Anonymous> section that nobody can log in to.", "Its User does not exist.",
        "Its directory does not exist."),
    _found(
        Code.UMASK_OPEN, "Every user of the machine can change what is uploaded.", "Umask leaves the right to write to "
        "others.", server=("`Umask 022`",)),
)
