"""Does what is due: for `ftpsd acme`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from ftpsd.settings import Configuration
from ftpsd.tls.acme import plan, storage
from ftpsd.tls.acme.client import Server, obtain
from ftpsd.tls.acme.errors import AcmeError
from ftpsd.tls.acme.plan import Wanted
from ftpsd.tls.acme.storage import Failures

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went. `again`: seconds until there is something to do; `failures`, each as it should be told."""

    obtained: tuple[Wanted, ...] = ()
    failures: tuple[AcmeError, ...] = ()
    again: float = plan.DAILY


def run(configuration: Configuration, say: Say, *, force: bool = False, patient: bool = False) -> Outcome:
    """Gets the certificates that are due (`force`: all of them); `patient`: those that failed wait their time.

    Raises `ConfigError`.
    """
    settings = configuration.hosts[0].settings.certificates
    failures = Failures.load(settings.acme_account_key_file)
    obtained: list[Wanted] = []
    failed: list[AcmeError] = []
    again = plan.DAILY
    for wish in plan.wanted(configuration):
        why = "it was asked for" if force else plan.due(wish, storage.present(wish.certificate), datetime.now(UTC))
        if why is None:
            failures.forget(wish.certificate)
            continue
        count, moment = failures.by_certificate.get(wish.certificate, (0, 0.0))
        wait = min(moment - time.time(), plan.LONGEST_PAUSE * 1.1)  # clocks are set back
        if patient and wait > 0:
            again = min(again, wait)
            continue
        say(f"certificate '{wish.certificate}' for {', '.join(wish.names)}: {why}")
        try:
            _get(configuration, wish, say)
        except AcmeError as error:
            failed.append(error)
            pause = plan.pause(count + 1)
            failures.note(wish.certificate, count + 1, time.time() + pause)
            again = min(again, pause)
            continue
        failures.forget(wish.certificate)
        obtained.append(wish)
        say(f"certificate '{wish.certificate}' is there")
    return Outcome(tuple(obtained), tuple(failed), again)


def _get(configuration: Configuration, wish: Wanted, say: Say) -> None:
    settings = configuration.hosts[0].settings.certificates
    assert settings.acme_server is not None
    challenge = settings.acme_challenge
    server = Server(
        settings.acme_server, settings.acme_ca_certificate_file, settings.acme_contact, settings.acme_agreed,
        challenge.kind, challenge.address, challenge.port)
    with storage.room_for(wish.certificate, wish.key):
        account = storage.account_key(settings.acme_account_key_file)
        key = storage.make_key(wish.kind)
        chain = obtain(server, account, wish.names, key, say)
        storage.put(wish.certificate, chain, wish.key, key)
