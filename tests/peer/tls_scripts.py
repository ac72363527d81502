"""Sessions about AUTH, implicit TLS, CCC, requirements of single users, and client certificates."""

from __future__ import annotations

import socket
from typing import Literal

from ftpsd.testing.client import ScriptedClient
from tests.peer import differences as but
from tests.peer.compare import Difference, Do, Handshake, ReadOn, Script, Step, Transfer

NO_REUSE = "TLSOptions NoSessionReuseRequired"
PROBE = Transfer("LIST sub")
LOGIN: tuple[Step, ...] = ("USER alice", "PASS secret")
IFSESSION = "<IfModule mod_dso.c>\nLoadModule mod_ifsession.c\n</IfModule>\n"
ANONYMOUS = (
    "<Anonymous BASE/homes/bob>\nUser bob\nGroup bob\nUserAlias anonymous bob\nRequireValidShell off\n"
    "TLSRequired off\n</Anonymous>\n"
)
PER_USER = ("TLSOptions AllowPerUser NoSessionReuseRequired", "TLSRequired on")


def private(value: bool) -> Do:
    """What the client believes of its data connections from now on."""

    def note(client: ScriptedClient) -> None:
        client.private_data = value

    return Do(f"data connections are {'private' if value else 'clear'}", note)


def words() -> list[Script]:
    """AUTH in all its words: TLS and TLS-C leave data connections clear, SSL and TLS-P do not."""
    found = []
    for word in ("TLS", "TLS-C", "SSL", "TLS-P", "tls", "Tls-p"):
        secure = word.upper() in ("SSL", "TLS-P")
        steps: list[Step] = [
            f"AUTH {word}", Handshake(), private(secure), *LOGIN, PROBE, "PBSZ 0", "PROT C", private(False),
            PROBE, "PROT P", private(True), PROBE,
        ]
        found.append(Script(f"AUTH {word}", steps, "connected", differences=(but.GREETING,)))
    found.append(Script(
        "AUTH TLS-P where data must not be private", [
            "AUTH TLS-P", Handshake(), *LOGIN, private(False), PROBE, "PROT P", "PROT C",
        ], "connected", ("TLSRequired !data", NO_REUSE), differences=(but.GREETING, but.NOT_PRIVATE)))
    found.append(Script(
        "AUTH and more words", ["AUTH", "AUTH TLS x", Handshake(), *LOGIN], "connected",
        differences=(but.GREETING,)))
    return found


def clears() -> list[Script]:
    """CCC where it is refused and where it is not, and what comes after."""
    lenient = ("TLSRequired auth+data", NO_REUSE)
    refused: list[Step] = [*LOGIN, "CCC", "PWD", "PROT P"]
    found = [Script("CCC before login", ["CCC", *LOGIN, "CCC x"], "tls", ("TLSRequired on", NO_REUSE))]
    found += [
        Script(f"CCC refused by TLSRequired {value}", refused, "tls", (f"TLSRequired {value}", NO_REUSE))
        for value in ("on", "ctrl", "ctrl+!data")
    ]
    found += [
        Script(f"CCC without close_notify, {version}", [
            Do("CCC", lambda client: client.clear_control(notify=False)), "PWD", PROBE, "AUTH TLS", "PBSZ 0",
        ], "private", lenient, version=version) for version in ("TLSv1.2", "TLSv1.3")
    ]
    found.append(Script("CCC frees of resumption", [
        Do("CCC", lambda client: client.clear_control()), Transfer("LIST sub", fresh=True),
        Transfer("RETR file.txt", fresh=True), "PROT C", "CCC",
    ], "private", ("TLSRequired auth+data",)))
    return found


def implicits() -> list[Script]:
    """UseImplicitSSL with every requirement that changes anything."""
    found = []
    for value in ("on", "data", "!data", "auth+data"):
        clear = value == "!data"
        steps: list[Step] = [
            "PBSZ 1", "AUTH SSL", *LOGIN, private(not clear), PROBE, "PROT C", "PROT P", "PROT X", "CCC x",
        ]
        tls = (f"TLSRequired {value}", "TLSOptions UseImplicitSSL NoSessionReuseRequired")
        found.append(Script(f"implicit TLS, TLSRequired {value}", steps, "implicit", tls,
                            differences=(but.GREETING,)))
    found.append(Script("implicit TLS, then CCC", [
        *LOGIN, Do("CCC", lambda client: client.clear_control()), "PWD", PROBE, "AUTH TLS",
    ], "implicit", ("TLSRequired off", "TLSOptions UseImplicitSSL NoSessionReuseRequired"),
        differences=(but.GREETING,)))
    return found


def per_user() -> list[Script]:
    """AllowPerUser: who must have TLS is known after login only."""
    clear: list[Step] = ["PBSZ 0", *LOGIN, "PWD"]
    anonymous: list[Step] = ["USER anonymous", "PASS me@example.org", "PWD", Transfer("LIST")]
    upgrade: list[Step] = [
        "USER anonymous", "PASS me@example.org", "AUTH TLS", Handshake(), "PBSZ 0", "PROT P", private(True),
        Transfer("LIST"), "AUTH TLS",
    ]
    found = [
        Script("AllowPerUser: TLS is missing", clear, "connected", PER_USER, sections=ANONYMOUS,
               differences=(but.GREETING,)),
        Script("AllowPerUser: TLS is there", [*LOGIN, PROBE, "PROT P", private(True), PROBE], "tls", PER_USER,
               sections=ANONYMOUS),
        Script("AllowPerUser: anonymous in clear", anonymous, "connected", PER_USER, sections=ANONYMOUS,
               differences=(but.GREETING,)),
        Script("AllowPerUser: AUTH after login", upgrade, "connected", PER_USER, sections=ANONYMOUS,
               differences=(but.GREETING,)),
    ]
    for user in ("alice", "bob"):
        login: list[Step] = [f"USER {user}", "PASS secret", "PWD", Transfer("LIST sub", private=False)]
        for condition in ("IfUser alice", "IfUser !bob", "IfGroup alice"):
            found.append(Script(
                f"AllowPerUser: TLSRequired in <{condition}>, {user}", login, "connected",
                ("TLSOptions AllowPerUser NoSessionReuseRequired", "TLSRequired off"),
                sections=f"{IFSESSION}<{condition}>\nTLSRequired on\n</{condition.split()[0]}>\n",
                differences=(but.GREETING,)))
    return found


def classes() -> list[Script]:
    """TLSRequired by <IfClass>: the FAQ's local and remote clients."""
    sections = (
        IFSESSION + "<Class local>\nFrom {}\n</Class>\n<IfClass local>\nTLSRequired off\n</IfClass>\n"
        "<IfClass !local>\nTLSRequired on\n</IfClass>\n"
    )
    return [
        Script(f"TLSRequired for others than {network}", ["NOOP", *LOGIN, "PWD", PROBE], "connected", (),
               sections=sections.format(network), differences=(but.GREETING,))
        for network in ("127.0.0.0/8", "192.0.2.0/24")
    ]


def directories() -> list[Script]:
    """TLSRequired of the current directory, for the commands that open data connections."""
    section = "<Directory BASE/homes/alice/sub>\nTLSRequired {}\n</Directory>\n"
    walk: list[Step] = [
        Transfer("LIST"), "CWD sub", Transfer("LIST"), Transfer("RETR inner.txt"), Transfer("STOR new", b"x"),
        "MLST inner.txt", "CDUP", Transfer("RETR sub/inner.txt"),
    ]
    return [
        Script(f"TLSRequired {value} in a <Directory>, PROT {level}", walk, start,
               ("TLSRequired off", NO_REUSE), sections=section.format(value))
        for value in ("data", "on")
        for level, start in (("C", TLS_CLEAR), ("P", PRIVATE))
    ]


Start = Literal["connected", "plain", "tls", "private", "implicit"]
TLS_CLEAR: Start = "plain"
PRIVATE: Start = "private"


def certificates() -> list[Script]:
    """TLSVerifyClient with no certificate, one of the trusted authority's, and a stranger's."""
    found = []
    for verify in ("on", "optional", "off"):
        for shown in ("none", "client", "stranger"):
            for version in ("TLSv1.2", "TLSv1.3"):
                found.append(Script(
                    f"TLSVerifyClient {verify}, certificate: {shown}, {version}",
                    ["AUTH TLS", Handshake(), "NOOP", *LOGIN, "PBSZ 0", "PROT P", private(True), PROBE],
                    "connected", ("TLSRequired on", "TLSCACertificateFile CA", f"TLSVerifyClient {verify}"),
                    differences=(but.GREETING,), version=version, certificate=_kind(shown)))
    return found


def _kind(shown: str) -> Literal["none", "client", "stranger"]:
    return "client" if shown == "client" else "stranger" if shown == "stranger" else "none"


def handshakes() -> list[Script]:
    """Handshakes that cannot succeed, and what is on the wire then."""
    def shut(client: ScriptedClient) -> None:
        client.control.socket.shutdown(socket.SHUT_WR)

    def say(client: ScriptedClient) -> None:
        client.control.socket.sendall(b"USER alice\r\nPASS secret\r\n")

    first: list[Step] = ["AUTH TLS", Handshake(), "NOOP"]
    return [
        Script("TLS 1.3 alone against a client of 1.2", first, "connected", ("TLSProtocol TLSv1.3",),
               differences=(but.GREETING,), version="TLSv1.2"),
        Script("TLS 1.2 alone against a client of 1.3", first, "connected", ("TLSProtocol TLSv1.2",),
               differences=(but.GREETING,), version="TLSv1.3"),
        Script("TLS without a cipher in common", first, "connected",
               ("TLSProtocol TLSv1.2", "TLSCipherSuite ECDHE-RSA-CHACHA20-POLY1305"),
               differences=(but.GREETING,), version="TLSv1.2", ciphers="AES256-GCM-SHA384"),
        Script("TLS: the end instead of a hello", ["AUTH TLS", Do("FIN", shut), ReadOn()],
               "connected", differences=(but.GREETING,)),
        Script("TLS: commands instead of a hello", ["AUTH TLS", Do("commands", say), ReadOn()],
               "connected", differences=(but.GREETING,)),
        Script("TLSSessionCache off demands no resumption", [
            Transfer("LIST sub", fresh=True), Transfer("RETR file.txt", fresh=True),
        ], "private", ("TLSRequired on",), directives=("TLSSessionCache off",)),
        Script("TLSSessionTickets off, resumption by session id", [PROBE, PROBE, Transfer("LIST sub", fresh=True)],
               "private", ("TLSRequired on", "TLSSessionTickets off"), version="TLSv1.2",
               differences=(but.NOT_REUSED,)),
    ]


NAMED = (
    "<VirtualHost 127.0.0.1>\nServerName named\nServerAlias named.example\nPort @PORT@\nTLSEngine on\n"
    "TLSRequired {}\nTLSOptions NoSessionReuseRequired\n@CERTIFICATE@\nAuthUserFile BASE/passwd\n"
    "AuthGroupFile BASE/group\nAuthOrder mod_auth_file.c\nRequireValidShell off\nDefaultRoot ~\n"
    'AccessGrantMsg "Welcome to named"\nWtmpLog off\n</VirtualHost>\n'
    "<VirtualHost 127.0.0.1>\nServerName clear\nServerAlias clear.example\nPort @PORT@\n</VirtualHost>\n"
)


def names() -> list[Script]:
    """Name-based hosts: HOST (RFC 7151) before TLS and after it, SNI, and both."""
    mine = ("ServerAlias localhost",)
    off = ("TLSRequired off", NO_REUSE)
    through: list[Step] = ["AUTH TLS", Handshake(), *LOGIN, "PBSZ 0", "PROT P", private(True), PROBE]

    def script(
        name: str, steps: list[Step], *, sni: str = "localhost", tls: tuple[str, ...] = off, named: str = "off",
        more: tuple[Difference, ...] = (),
    ) -> Script:
        changed = (but.HOST_GREETING,) if "HOST named.example" in steps else ()
        return Script(name, steps, "connected", tls, directives=mine, sections=NAMED.format(named), sni=sni,
                      differences=(but.GREETING, *changed, *more))

    return [
        script("HOST in clear, TLSRequired off", ["HOST", "HOST named.example", "NOOP", *LOGIN, "HOST localhost"]),
        script("HOST of nobody, TLSRequired off", ["HOST other.example", "NOOP", *LOGIN]),
        script("HOST with addresses, TLSRequired off", [
            "HOST 127.0.0.1", "HOST [127.0.0.1]", "HOST [::1]", "HOST x y",
        ]),
        script("HOST whose TLSRequired is on", ["HOST named.example", "NOOP", "USER alice"], named="on"),
        script("HOST, then TLS with its name", ["HOST named.example", *through], sni="named.example"),
        script("HOST, then TLS with another name", ["HOST named.example", "AUTH TLS", Handshake(), "NOOP"]),
        script("HOST after TLS with another name", ["AUTH TLS", Handshake(), "HOST clear.example", "NOOP", *LOGIN],
               sni="named.example"),
        script("TLS with the name of server config", ["AUTH TLS", Handshake()], more=(but.OWN_NAME,)),
        script("HOST after TLS with its name", ["AUTH TLS", Handshake(), "HOST named.example", *LOGIN],
               sni="named.example"),
        script("TLS with the name of another host", through, sni="named.example"),
        script("TLS with the name of a host whose TLSRequired is on", through, sni="named.example", named="on"),
        script("TLS with the name of nobody", ["AUTH TLS", Handshake(), "NOOP"], sni="other.example"),
        script("TLS with the name of a host without TLS", ["AUTH TLS", Handshake(), "NOOP"], sni="clear.example"),
        script("TLS with a name that is ignored", through, sni="other.example",
               tls=("TLSRequired off", "TLSOptions NoSessionReuseRequired IgnoreSNI")),
    ]


def servers_as_clients() -> list[Script]:
    """SSCN: its words, and that listings stay as they are."""
    every: list[Step] = [
        "SSCN", "SSCN ON", "SSCN", "SSCN on", "SSCN x", "SSCN ON OFF", PROBE, Transfer("NLST"), "SSCN OFF", "SSCN",
        Transfer("RETR file.txt"),
    ]
    return [
        *(Script(f"SSCN under TLS, {version}", every, "private", ("TLSRequired on", NO_REUSE), version=version)
          for version in ("TLSv1.2", "TLSv1.3")),
        Script("SSCN before login, TLS", ["SSCN", "SSCN ON", *LOGIN, "SSCN"], "tls"),
        Script("SSCN without TLS", ["SSCN", "SSCN ON"]),
        Script("SSCN after CCC", [
            Do("CCC", lambda client: client.clear_control()), "SSCN", "SSCN ON", "SSCN OFF", PROBE,
        ], "private", ("TLSRequired auth+data", NO_REUSE)),
    ]


TLS_SCRIPTS: list[Script] = [
    *servers_as_clients(), *names(), *words(), *clears(), *implicits(), *per_user(), *classes(), *directories(),
    *certificates(), *handshakes(),
]
