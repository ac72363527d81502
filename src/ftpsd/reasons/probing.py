"""What `ftpsd probe` finds at a server, whichever program that is."""

from __future__ import annotations

from ftpsd.reasons.codes import Code
from ftpsd.reasons.reason import Reason


def _found(
    code: Code, what: str, *causes: str, confirm: tuple[str, ...] = (), server: tuple[str, ...] = (),
    client: tuple[str, ...] = (),
) -> Reason:
    return Reason(code, what, causes, confirm, server, client, shown=(f"ftpsd probe HOST: [{code}]",))


_S_CLIENT = "`openssl s_client -starttls ftp -connect HOST:21`"

REASONS = (
    _found(
        Code.SERVER_UNREACHABLE, "No FTP server could be found there: the connection is refused, or nothing answers.",
        "The name or the port is wrong.", "The server does not run.", "A firewall on the way lets nothing through.",
        confirm=("`nc -vz HOST 21` from this machine and from another network.",),
        server=("Start it; open ports 21 (explicit TLS) and 990 (implicit TLS).",),
        client=("Check name and port; try another network.",)),
    _found(
        Code.GREETING_REFUSED, "The server answers, and turns clients away before anybody can say anything.",
        "Too many clients are on.", "It is being shut down.", "The client's address is banned.",
        "The port is for the other kind of TLS, explicit or implicit.",
        confirm=("The text of the reply; the server's log.",),
        client=("Try later, from another address, or with the other kind of TLS.",)),
    _found(
        Code.GREETING_SLOW, "The server lets clients wait for its first words; people believe that it hangs.",
        "It looks up the client's name in DNS, and DNS does not answer.", "It asks for the client's ident (port 113), "
        "and a firewall drops that.", "The machine is overloaded.",
        server=("`UseReverseDNS off` and `IdentLookups off` (ProFTPD, ftpsd); -H (Pure-FTPd).",)),
    _found(
        Code.PROBE_INTERRUPTED, "The server did something in this step that no FTP server should do, so nothing can be "
        "said about what the step was for.",
        "It limits connections from one address, and the probe made too many.",
        "It closes connections that do strange things.", "Something on the way changes the dialogue.",
        confirm=("`ftpsd probe --trace` shows what was said.", "`--no-ciphers` makes far fewer connections.")),
    _found(
        Code.TLS_UNAVAILABLE, "The server refuses TLS: passwords and files go over the network in clear.",
        "TLS is not switched on, or has no certificate.", "It is a plain FTP server.",
        confirm=("The words of the reply to AUTH TLS.",),
        server=("`TLSEngine on` and a certificate; `ftpsd check` says what is missing.",),
        client=("Do not log in: everybody on the way can read the password.",)),
    _found(
        Code.CLIENT_CERT_WANTED, "The server asks clients for a certificate, and lets in those that have none.",
        "TLSVerifyClient optional, or mod_tls's default.",
        server=("TLSOptions NoCertRequest, if no client has one: some old clients stumble over the question.",)),
    _found(
        Code.AUTH_UNLISTED, "Clients that read the list of features (FEAT) take this for a server without TLS.",
        "An old or home-made server.",
        "Something on the way rewrites the list: firewalls do, to be able to read along.",
        confirm=("FEAT from the server's own machine: if AUTH TLS stands there, it is lost on the way.",),
        server=("Update the server; switch off the FTP inspection of the firewall.",),
        client=("Choose “require explicit FTP over TLS”, which does not ask FEAT.",)),
    _found(
        Code.EPSV_MISSING, "The server does not know EPSV (RFC 2428), the successor of PASV that also serves IPv6 and "
        "NAT.", "An old server, or EPSV was switched off.",
        server=("Allow EPSV; with NAT it is even better, as it names no address.",),
        client=("Connect by IPv4.",)),
    _found(
        Code.INJECTION_RUN, "Who sits on the way can put commands of his own before the client's encrypted ones: the "
        "server keeps what came in clear behind AUTH, runs it, and answers over TLS. From then on every reply belongs "
        "to the command before it.",
        "The server does not throw its buffer away when TLS begins (CVE-2011-0411 and its kin).",
        server=("Update the server.",),
        client=("Use implicit TLS (port 990), where nothing goes in clear.",)),
    _found(
        Code.TLS13_MISSING, "The server speaks TLS 1.2 at most. That is safe, and will be old some day.",
        "An old OpenSSL.", "The list of protocols does not name it.",
        server=("`TLSProtocol TLSv1.2 TLSv1.3`",)),
    _found(
        Code.NO_FORWARD_SECRECY, "With some ciphers whoever gets the server's key later can read what he recorded "
        "before. Today's clients do not choose them.", "An old or very wide list of ciphers.",
        server=("Add `:!kRSA` to the list of ciphers.",)),
    _found(
        Code.SNI_REQUIRED, "Only clients that name the host in the TLS handshake are served; many FTP clients do not.",
        "A TLS proxy in front of the server that chooses by name.",
        server=("Give the proxy a default server.",), client=("Use a client that sends the name (SNI).",)),
    _found(
        Code.ALPN_REFUSED, "Clients that say that they speak FTP (ALPN) are turned away.",
        "A TLS proxy that only knows web protocols.", server=("Let the proxy allow `ftp`.",)),
    _found(
        Code.RENEGOTIATION_INSECURE, "The server lacks the protection of renegotiations against who sits on the way "
        "(RFC 5746); OpenSSL 3 does not even connect to it.", "A TLS library of before 2010.",
        server=("Update the server's OpenSSL.",)),
    _found(
        Code.RENEGOTIATION_OPEN, "Clients may begin new handshakes on a connection that stands. Each costs the server "
        "far more than the client: one machine can keep it busy.",
        "It was allowed for some old client.", "The server's program does not forbid it.",
        confirm=(f"{_S_CLIENT} with -tls1_2, then type R.",),
        server=("Take TLSOptions AllowClientRenegotiations away (ProFTPD, ftpsd); or switch TLS 1.2 off.",)),
    _found(
        Code.RESUMPTION_REQUIRED, "A data connection is accepted only if it resumes the TLS session of the control "
        "connection. That keeps others from taking files; clients that cannot resume fail at the first transfer.",
        "The default of ProFTPD, vsftpd and ftpsd.",
        confirm=("The client's log: it logs in, and then listing fails with 425, 450 or 522.",),
        server=("Relax it only for those who need it: in ftpsd and ProFTPD `NoSessionReuseRequired` in a section for "
                "them; vsftpd can only switch it off for all (`require_ssl_reuse=NO`).",),
        client=("Use a client that resumes sessions: FileZilla, WinSCP, lftp, curl.",)),
    _found(
        Code.RESUMPTION_BROKEN, "The server demands that data connections resume the TLS session, and refuses them "
        "when they do: nobody can transfer anything.",
        "The session cache is off, too small, or its entries expire too early.",
        "Several server processes that do not share sessions or ticket keys; a load balancer.",
        "A fault of the server under TLS 1.3 (ProFTPD before 1.3.7, vsftpd).",
        confirm=("The server's TLS log.", "`ftpsd probe` says whether other versions of TLS work."),
        server=("Switch the session cache on; `TLSProtocol TLSv1.2` if only TLS 1.3 fails; update the server.",),
        client=("Limit the client to TLS 1.2, if that works.",)),
    _found(
        Code.RESUMPTION_UNAVAILABLE, "The server resumes no TLS sessions on data connections. Each file costs a full "
        "handshake, and nothing proves that the one who connects to the port is the one who logged in.",
        "The server's program cannot do it.", "The session cache and tickets are off.",
        server=("Switch the session cache on: `TLSSessionCache internal:` (ftpsd).",)),
    _found(
        Code.TICKETS_RUN_DRY, "The server sends a few TLS 1.3 tickets at the login and none later. Clients that use "
        "each ticket only once, as they should, can transfer that many files; then they are refused.",
        "The server's program leaves it to OpenSSL, which sends two tickets.",
        confirm=("Exactly two transfers (or listings) work, the third is refused.",),
        server=("ftpsd sends one for each transfer. Elsewhere: `TLSProtocol TLSv1.2`, or do not demand resumption.",),
        client=("Limit the client to TLS 1.2, or log in again.",)),
    _found(
        Code.PROBE_LOGIN_FAILED, "The user that the probe was given could not log in, so transfers were not looked at.",
        "A wrong name or password.", "The user may not log in from here.",
        client=("Check name and password.",)),
    _found(
        Code.PASSWORD_WITHHELD, "The password was not sent, because the server could not prove who it is.",
        "Its certificate is faulty, or of an authority that this machine does not know.",
        client=("Name its authority with `--ca FILE`; or accept the risk with `--insecure`.",)),
    _found(
        Code.PASV_OTHER_HOST, "The reply to PASV sends clients to another host than the one that they are connected "
        "to. Many refuse, as that is how they are used to attack others.",
        "The public address has changed, and the configuration has the old one.", "A load balancer or proxy is in "
        "between.", confirm=("Compare it with `dig +short HOST`.",),
        server=("`MasqueradeAddress` with the server's public name; or remove it.",),
        client=("Switch on “use the server's address for passive mode”.",)),
    _found(
        Code.PASV_UNREADABLE, "The reply that should name the port for a data connection names none.",
        "Something on the way rewrites it.", "A home-made server.",
        confirm=("`ftpsd probe --trace` shows the reply.",), client=("Try the other of PASV and EPSV.",)),
    _found(
        Code.DATA_IN_CLEAR, "The login is encrypted, but clients may transfer files and listings in clear (PROT C).",
        "The server leaves it to the client.",
        server=("`TLSRequired on` (ProFTPD, ftpsd); `force_local_data_ssl=YES` (vsftpd); --tls=3 (Pure-FTPd).",),
        client=("Switch on the protection of data connections.",)),
    _found(
        Code.CLOSE_NOTIFY_MISSING, "The server just closes data connections. By TLS's rules an end without "
        "close_notify may be an attacker's, so careful clients (GnuTLS: FileZilla, lftp) report an error, or "
        "take the file for cut.",
        "An old or home-made server.", "The server's process dies after the transfer.",
        server=("Update the server.",), client=("Compare the sizes of the files.",)),
    _found(
        Code.PROBE_TRANSFER_FAILED, "The small file of the probe could not be transferred as it should.",
        "The directory does not exist, or the user may not write there.", "The disk is full.",
        "The data connection fails; then there is another finding that says why.",
        confirm=("The reply in the finding; the server's log.",),
        client=("Name a directory in which the user may write: `--write DIR`.",)),
    _found(
        Code.PROBE_FILE_LEFT, "The probe's own file could not be deleted and is still there.",
        "Users may store files there, and not delete them.", server=("Delete it: its name is in the finding.",)),
    _found(
        Code.CCC_ALLOWED, "Clients may switch the encryption of the control connection off after the login, so that "
        "firewalls can read along.", "The server's default.",
        server=("<Limit CCC> DenyAll, if no client needs it.",)),
    _found(
        Code.CERT_IRREGULAR, "OpenSSL accepts the certificate, but it is not as certificates of public sites must be; "
        "other programs may refuse it.", "It was made by hand, or by an authority of your own.",
        server=("Make a new one with the usual extensions.",)),
    _found(
        Code.CERT_REVOKED, "The authority has revoked the server's certificate: careful clients refuse it.",
        "The key may have been stolen.", "The certificate was replaced, and the server still has the old one.",
        server=("Get a new certificate with a new key.",), client=("Do not trust this server.",)),
    _found(
        Code.STAPLE_UNUSABLE, "The server sends a statement about its certificate (OCSP) that proves nothing; clients "
        "that check it refuse the connection.", "It is outdated: the server cannot reach the responder any more.",
        "The certificate was renewed, and the statement is about the old one.",
        server=("Restart the server, or switch stapling off; let it reach the responder.",)),
)
