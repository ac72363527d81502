"""Gets one certificate of an ACME server, by the library `acme`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import requests
from acme import challenges, client, crypto_util, errors, messages
from cryptography.hazmat.primitives.asymmetric import ec
from josepy.errors import Error as JoseError
from josepy.jwa import ES256
from josepy.jwk import JWK, JWKEC

import ftpsd
from ftpsd.reasons.codes import Code
from ftpsd.tls.acme.answering import Answers, Kind, answering
from ftpsd.tls.acme.errors import AcmeError

TIMEOUT = 30
"""Seconds for one question to the server."""

PATIENCE = 180.0
"""Seconds for an order, from the first answer to the certificate."""


@challenges.ChallengeResponse.register
class TLSALPN01Response(challenges.KeyAuthorizationChallengeResponse):
    """RFC 8737; the library has lost its own."""

    typ = "tls-alpn-01"


@challenges.Challenge.register
class TLSALPN01(challenges.KeyAuthorizationChallenge):
    """See `TLSALPN01Response`."""

    response_cls = TLSALPN01Response
    typ = "tls-alpn-01"

    def validation(self, account_key: JWK, **kwargs: Any) -> str:
        """What the certificate has the digest of."""
        return str(self.key_authorization(account_key))


@dataclass(frozen=True, slots=True)
class Server:
    """An ACME server and how it is dealt with. `authority`: a file (PEM) of who vouches for it (None: the system's);
    `contact`: a mail address; `agreed` to its terms; `address` and `port`: where its questions are answered."""

    url: str
    authority: str | None
    contact: str | None
    agreed: bool
    kind: Kind
    address: str
    port: int


def obtain(
    server: Server, account: ec.EllipticCurvePrivateKey, names: tuple[str, ...], key: bytes,
    say: Callable[[str], object] = lambda text: None,
) -> bytes:
    """The certificate (PEM, with its chain) of the private `key` for `names`. `say` hears of progress.

    Raises `AcmeError`.
    """
    logging.getLogger("acme").setLevel(logging.CRITICAL)
    with _explained(server):
        asking = _register(server, account)
        say(f"asking {server.url} for a certificate for {', '.join(names)}")
        order = asking.new_order(crypto_util.make_csr(key, list(names)))
        answers = Answers(server.kind)
        deadline = datetime.now() + timedelta(seconds=PATIENCE)
        open_challenges = [_challenge(server, each) for each in order.authorizations
                           if each.body.status != messages.STATUS_VALID]
        if open_challenges:
            with answering(answers, server.address, server.port):
                for name, challenge in open_challenges:
                    response, authorization = challenge.chall.response_and_validation(asking.net.key)
                    answers.add(name, challenge.chall.encode("token"), authorization)
                    asking.answer_challenge(challenge, response)
                order = asking.poll_authorizations(order, deadline)
        return str(asking.finalize_order(order, deadline).fullchain_pem).encode()


def _register(server: Server, account: ec.EllipticCurvePrivateKey) -> client.ClientV2:
    """A client with our account, which is made where the server does not know it."""
    net = client.ClientNetwork(
        JWKEC(key=account), alg=ES256, user_agent=f"ftpsd/{ftpsd.__version__}", timeout=TIMEOUT,
        verify_ssl=server.authority or True)  # type: ignore[arg-type]  # requests takes a path, too
    directory = client.ClientV2.get_directory(server.url, net)
    asking = client.ClientV2(directory, net)
    terms = _terms(directory)
    if terms and not server.agreed:
        raise AcmeError(
            Code.ACME_REFUSED, f"'{server.url}' has terms of service ({terms}), and nobody has agreed to them",
            "Read them, and write ACMEAgreeToTerms on.")
    wish = messages.NewRegistration.from_data(email=server.contact, terms_of_service_agreed=server.agreed)
    try:
        asking.new_account(wish)
    except errors.ConflictError as known:
        net.account = messages.RegistrationResource(uri=known.location, body=messages.Registration())
    return asking


def _terms(directory: messages.Directory) -> str:
    try:
        return str(directory.meta.terms_of_service or "")
    except AttributeError:
        return ""


def _challenge(server: Server, authorization: Any) -> tuple[str, Any]:
    """The name that is to be proved, and the challenge of our kind."""
    name = authorization.body.identifier.value
    for challenge in authorization.body.challenges:
        if challenge.chall.typ == server.kind:
            return name, challenge
    offered = ", ".join(each.chall.typ for each in authorization.body.challenges)
    raise AcmeError(
        Code.ACME_REFUSED, f"the ACME server does not offer {server.kind} for {name} (only {offered})",
        "Write another ACMEChallenge; names with a star need DNS, which ftpsd does not do.")


@contextmanager
def _explained(server: Server) -> Iterator[None]:
    """What the library raises, as `AcmeError`."""
    try:
        yield
    except errors.ValidationError as error:
        raise AcmeError(
            Code.ACME_VALIDATION, f"the ACME server could not verify a name: {_failed(error)}",
            f"It asks the name's address at port {80 if server.kind == 'http-01' else 443}: DNS must lead here, and no"
            " firewall may be in between.") from None
    except errors.TimeoutError:
        raise AcmeError(
            Code.ACME_VALIDATION, f"the ACME server did not decide within {PATIENCE:.0f} seconds",
            "It is tried again.") from None
    except messages.Error as error:
        raise AcmeError(
            Code.ACME_REFUSED, f"the ACME server refuses: {_text(error)}",
            "Its answer says why; a rate limit only takes time.") from None
    except requests.exceptions.SSLError as error:
        raise AcmeError(
            Code.ACME_UNREACHABLE, f"'{server.url}' cannot be trusted: {_text(error)}",
            "For an ACME server of your own name its authority: ACMECACertificateFile.") from None
    except requests.exceptions.RequestException as error:
        raise AcmeError(
            Code.ACME_UNREACHABLE, f"'{server.url}' cannot be reached: {_text(error)}",
            "Is the address right, and may this machine connect to it?") from None
    except (errors.Error, JoseError, ValueError, KeyError, AttributeError) as error:
        raise AcmeError(
            Code.ACME_REFUSED, f"'{server.url}' gave no answer that could be understood: {_text(error)}",
            "Is it the address of an ACME directory?") from None


def _failed(error: errors.ValidationError) -> str:
    found = [
        f"{each.body.identifier.value}: {_text(challenge.error)}"
        for each in error.failed_authzrs for challenge in each.body.challenges if challenge.error is not None]
    return "; ".join(found) or "it does not say why"


def _text(error: object) -> str:
    """On one line, and not endless."""
    return " ".join(str(error).split())[:500]
