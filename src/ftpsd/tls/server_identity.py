"""Whether the TLS server that we are the client of is the one that we meant (SSCN, TLSVerifyServer).

A server that data is sent to directly (secure FXP) is known by its address only. `on`: the chain must verify,
and the certificate must bear the address, or the name that reverse DNS gives for it; `NoReverseDNS`: the
address; `off`: nothing is looked at. Addresses are looked for in SANs, then in the CommonName, as for names.
"""

from __future__ import annotations

from collections.abc import Callable

from ftpsd.tls import identity
from ftpsd.tls.identity import Suspicious, Verdict

OFF, ON, WITHOUT_DNS = "off", "on", "NoReverseDNS"
"""The values of TLSVerifyServer."""


def judge(
    mode: str, certificate: bytes | None, chain_problem: str, address: str,
    reverse_name: Callable[[], str | None],
) -> Verdict:
    """The verdict of TLSVerifyServer `mode` on the server at `address`.

    `certificate` is the server's (DER; None: it showed none), `chain_problem` OpenSSL's objection to its
    chain ("": it verified). `reverse_name` looks up the confirmed name of the address, None if there is
    none; it is called only when the name matters, whatever UseReverseDNS says.
    """
    if mode == OFF:
        return Verdict(True)
    if certificate is None:
        return _refused(address, "server did not present a certificate")
    if chain_problem:
        return _refused(address, chain_problem)
    names = identity.names_of(certificate)
    try:
        if identity.has_address(names, address) or identity.has_common_name(names, address):
            return Verdict(True)
        if mode == WITHOUT_DNS:
            return _refused(address, "certificate does not bear the server's IP address")
        name = reverse_name()
        if name is None:
            return _refused(address, "certificate does not bear the server's IP address, which has no name")
        if identity.has_dns_name(names, name) or identity.has_common_name(names, name):
            return Verdict(True)
    except Suspicious as found:
        return _refused(address, found.lines[0])
    return _refused(address, f"certificate bears neither the server's IP address nor its name '{name}'")


def _refused(address: str, reason: str) -> Verdict:
    return Verdict(False, (f"unable to verify '{address}' server certificate: {reason}",))
