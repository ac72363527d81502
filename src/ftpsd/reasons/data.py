"""Data connections that do not come about."""

from __future__ import annotations

from ftpsd.reasons.codes import Code
from ftpsd.reasons.reason import Reason

_PASSIVE = "Use passive mode."
_FIREWALL = "Open the ports of PassivePorts in every firewall, and forward them on the router."

REASONS = (
    Reason(
        Code.DATA_NOT_RESUMED,
        "Every file and listing travels over a connection of its own. It must continue the TLS session of the control "
        "connection, which proves that the same client opened it; this one began a new session.",
        causes=(
            "The client cannot resume sessions at all: Python's ftplib, Java's FTPSClient, PHP, some devices.",
            "The client resumes, but not under TLS 1.3.",
            "The client takes it for another server: a proxy or NAT is between, or PASV names another address.",
            "Session caching is off in the client (curl: --no-sessionid).",
        ),
        confirm=(
            "`ftpsd probe HOST --user NAME` shows that this server serves clients that resume.",
            "TLSOptions EnableDiags writes the client's first TLS message into the TLSLog: without psk or "
            "session_ticket "
            "in it the client does not even try.",
        ),
        server=(
            "TLSOptions NoSessionReuseRequired, best for those clients only: in an <IfUser>, <IfClass> or "
            "<VirtualHost>. "
            "Without the check, whoever reaches a passive port first can take or plant a file.",
            "A client that resumes only under TLS 1.2: `TLSProtocol TLSv1.2` on a virtual host for it.",
        ),
        client=(
            "FileZilla, WinSCP, lftp, curl 7.72 and later, Cyberduck do it; look for \"TLS session resumption\" "
            "in the settings.",
        ),
        shown=(
            "425 Unable to build data connection: TLS session of the control connection was not reused "
            "[data-not-resumed]",
            "TLSLog: client did not reuse SSL session, rejecting data connection (see the NoSessionReuseRequired "
            "TLSOptions parameter)",
        ),
    ),
    Reason(
        Code.DATA_WRONG_SESSION,
        "The data connection resumed a TLS session, but that of another control connection.",
        causes=(
            "The client runs several connections to the server and mixes up their sessions.",
            "Somebody else who also has a session here connected to the announced port: an attack.",
        ),
        confirm=("Try with a single connection (\"maximum simultaneous transfers\": 1).",),
        server=("TLSOptions NoSessionReuseRequired for that client only.",),
        client=("Update the client; use a single connection.",),
        shown=(
            "425 Unable to build data connection: TLS session of another control connection was reused "
            "[data-wrong-session]",
            "TLSLog: client did not reuse SSL session from control channel, rejecting data connection …",
        ),
    ),
    Reason(
        Code.DATA_CERTIFICATE_MISMATCH,
        "On the data connection the client showed another certificate than on the control connection.",
        causes=("The client uses several certificates and mixes them up.", "An attack."),
        client=("Choose one certificate for this server.",),
        shown=(
            "425 Unable to build data connection: the client certificate is not that of the control connection "
            "[data-certificate-mismatch]",
        ),
    ),
    Reason(
        Code.DATA_SERVER_NOT_VERIFIED,
        "In a transfer between two servers (SSCN) the other server's certificate could not be verified "
        "(TLSVerifyServer).",
        causes=(
            "Its authority is not among TLSCACertificateFile's.",
            "The certificate does not bear the other server's address or name.",
        ),
        confirm=("The TLSLog says what is wrong with it.",),
        server=("Add its authority, or `TLSVerifyServer off`.",),
        shown=("TLSLog: unable to verify '192.0.2.1' server certificate: …",),
    ),
    Reason(
        Code.DATA_NO_ADDRESS,
        "A transfer was asked for, and nobody had said where the data is to go.",
        causes=(
            "The client sent no PASV, EPSV, PORT or EPRT before, or that was refused.",
            "The one before was used up by an earlier transfer.",
        ),
        confirm=("The command before, in the client's log.",),
        client=(_PASSIVE,),
        shown=("425 Unable to build data connection: no PASV, EPSV, PORT or EPRT command came before",),
    ),
    Reason(
        Code.DATA_NOT_CONNECTED,
        "The server waited for the client's data connection at a passive port, and none came.",
        causes=(
            "A firewall before the server does not let the port through.",
            "A router does not forward the ports of PassivePorts to the server.",
            "The reply to PASV names an address that the client cannot reach.",
            "A firewall on the client's side allows only certain ports.",
        ),
        confirm=(
            "`ftpsd check` shows the passive ports and the address that clients are told.",
            "From outside: `nc -vz HOST PORT` with the port of the 227 or 229 reply, while the client waits.",
        ),
        server=(
            "PassivePorts with a range of your own. " + _FIREWALL,
            "Behind NAT: MasqueradeAddress with the public address or name.",
        ),
        client=("Allow outgoing connections to the server's passive ports.", "Prefer EPSV: it names no address."),
        shown=("425 Unable to build data connection: Connection timed out [data-not-connected]",),
    ),
    Reason(
        Code.NAT_PRIVATE_ADDRESS,
        "The reply to PASV told the client a private address (such as 192.168.1.2), which it cannot reach from "
        "where it "
        "is: no data connection came.",
        causes=("The server stands behind NAT (a router, a cloud, a container), and MasqueradeAddress is not set.",),
        confirm=("The 227 reply in the client's log has the address: the first four numbers.",),
        server=(
            "`MasqueradeAddress PUBLIC-NAME-OR-ADDRESS`. " + _FIREWALL,
            "Clients inside and outside: two <VirtualHost> sections on different addresses or ports.",
        ),
        client=("Use EPSV, or \"use the server's address instead\" where the client has that.",),
        shown=("425 Unable to build data connection: Connection timed out [nat-private-address]",),
    ),
    Reason(
        Code.ACTIVE_REFUSED,
        "The client asked the server to connect to it (active mode), and the client's side refused the connection.",
        causes=(
            "The client's firewall or router refuses connections from outside.",
            "The client no longer listened: it gave up, or gave a wrong port.",
        ),
        client=(_PASSIVE,),
        shown=("425 Unable to build data connection: Connection refused [active-refused]",),
    ),
    Reason(
        Code.ACTIVE_UNREACHABLE,
        "The client asked the server to connect to it (active mode), and nothing answered there.",
        causes=(
            "The client is behind NAT or a firewall: active mode cannot work there.",
            "The server's own firewall does not let connections out.",
        ),
        confirm=("The PORT or EPRT command has the address that the client believes to have.",),
        client=(_PASSIVE,),
        shown=("425 Unable to build data connection: Connection timed out [active-unreachable]",),
    ),
    Reason(
        Code.DATA_FOREIGN_PEER,
        "Somebody else than the client connected to its passive port, and was turned away. The client is still "
        "awaited.",
        causes=(
            "A port scanner, or somebody who wants the file.",
            "The client comes from several addresses: a proxy or carrier NAT that changes them.",
            "A proxy or load balancer of your own hands data connections on, and does not say whose they are.",
        ),
        confirm=("The system log has both addresses.",),
        server=(
            "Behind a proxy of your own: ProxyProtocolEngine and ProxyProtocolData.",
            "AllowForeignAddress with the name of a <Class> of such addresses, or `on` for such clients only; the TLS "
            "session then still proves who it is.",),
        client=("Use one way to the server, no balancing proxy.",),
        shown=("System log: data connection from 198.51.100.7 refused: the control connection is from 192.0.2.1",),
    ),
    Reason(
        Code.ADDRESS_MISMATCH,
        "With PORT or EPRT the client named an address that is not its own.",
        causes=(
            "The client is behind NAT and names its inner address.",
            "Somebody tries to make the server connect to third parties (a \"bounce attack\"), or transfers between "
            "two servers (FXP).",
        ),
        confirm=("The system log has the refused address.",),
        server=(
            "For FXP, AllowForeignAddress with the name of a <Class> of the other servers, for those clients only.",),
        client=(_PASSIVE,),
        shown=("500 Illegal PORT command [address-mismatch]",),
    ),
    Reason(
        Code.PORT_BELOW_1024,
        "With PORT or EPRT the client named a port below 1024, where system services are: the server does not connect "
        "there.",
        causes=("A \"bounce attack\".", "A fault of the client."),
        confirm=("The system log has the refused port.",),
        client=(_PASSIVE,),
        shown=("500 Illegal PORT command [port-below-1024]",),
    ),
    Reason(
        Code.PASSIVE_PORTS_EXHAUSTED,
        "Every port of PassivePorts was in use for five seconds, or the system let the server have none, so that the "
        "client cannot be given one.",
        causes=(
            "PassivePorts is too small for the number of clients.",
            "Clients ask for a port and do not use it: each keeps one until it asks for another, transfers something, "
            "or its session ends (TimeoutIdle, TimeoutNoTransfer, TimeoutSession).",
            "Another program uses ports of that range.",
            "\"Permission denied\": SELinux forbids the server these ports.",
        ),
        confirm=("`ss -Htan 'sport >= :FIRST and sport <= :LAST'` lists who has them; `ftpsd check` compares the range "
                 "with MaxClients.",),
        server=(
            "A larger range. A port is free again as soon as its client is connected, so that fewer ports than "
            "simultaneous transfers do, when clients use at once what they ask for.",
            "Against clients that keep ports on purpose: no session keeps more than one, so nobody can keep all of "
            "them where MaxClientsPerHost and MaxClientsPerUser are smaller than the range.",
        ),
        client=("Try again later, with fewer simultaneous transfers.",),
        shown=("425 Unable to build data connection: no passive port is free [passive-ports-exhausted]",),
    ),
    Reason(
        Code.PASV_ON_IPV6,
        "PASV can only name IPv4 addresses, and the client is connected over IPv6.",
        causes=("The client does not know EPSV.",),
        client=("Switch on EPSV (extended passive mode), or connect over IPv4.",),
        shown=("500 Illegal PASV command: use EPSV on IPv6",),
    ),
    Reason(
        Code.NETWORK_PROTOCOL,
        "With EPSV or EPRT the client asked for another network protocol (IPv4, IPv6) than this connection has.",
        causes=("NAT or a proxy translates between IPv4 and IPv6.",),
        client=("EPSV without an argument, or a connection over the other protocol.",),
        shown=("522 Network protocol not supported, use (1)",),
    ),
    Reason(
        Code.EPSV_ALL,
        "The client had said EPSV ALL, \"from now on I use nothing but EPSV\", and used something else.",
        causes=("A fault of the client.",),
        client=("Connect anew.",),
        shown=("500 Illegal PORT command, EPSV ALL in effect",),
    ),
)
