"""`ftpsd otp`: gives users a secret for one-time passwords, in the file of AuthOTPTable."""

from __future__ import annotations

import secrets
from urllib.parse import quote, urlencode

import click

from ftpsd.auth import editing, otp

SECRET_BYTES = 20
_ALGORITHMS = {"totp": "SHA1", "hotp": "SHA1", "totp-sha256": "SHA256", "totp-sha512": "SHA512"}


def uri(name: str, secret: bytes, algorithm: str, issuer: str) -> str:
    """What authenticator apps read, mostly as a QR code (the key URI format of Google Authenticator)."""
    kind = "hotp" if algorithm == "hotp" else "totp"
    fields = {
        "secret": otp.encode_secret(secret), "issuer": issuer, "algorithm": _ALGORITHMS[algorithm],
        "digits": str(otp.DIGITS)}
    fields |= {"counter": "0"} if kind == "hotp" else {"period": str(otp.STEP)}
    return f"otpauth://{kind}/{quote(issuer)}:{quote(name)}?{urlencode(fields, quote_via=quote)}"


def _without(data: bytes, name: str, path: str) -> bytes:
    left = otp.without(data, name)
    if left == data:
        raise editing.EditError(f"there is no '{name}' in {path}")
    return left


@click.command("otp")
@click.argument("name")
@click.option("--file", "-f", "path", type=click.Path(dir_okay=False), required=True, help="The file of AuthOTPTable.")
@click.option("--algorithm", type=click.Choice(list(_ALGORITHMS)), default="totp", show_default=True,
              help="That of AuthOTPAlgorithm.")
@click.option("--issuer", metavar="NAME", default="ftpsd", show_default=True, help="What the app shows above the code.")
@click.option("--delete", is_flag=True, help="Take NAME out.")
def command(name: str, path: str, algorithm: str, issuer: str, delete: bool) -> None:
    """Give NAME a new secret and print it for an authenticator app.

    \b
    ftpsd otp --file /var/lib/ftpsd/otp alice
    ftpsd otp --file /var/lib/ftpsd/otp alice --delete
    """
    try:
        if delete:
            editing.edit(path, lambda data: _without(data, name, path))
            click.echo(f"{name} is not in {path} any more")
            return
        secret = secrets.token_bytes(SECRET_BYTES)
        editing.edit(path, lambda data: otp.set_entry(data, otp.Entry(name, secret, 0)), create=True)
    except editing.EditError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{name} is in {path}\nSecret:  {otp.encode_secret(secret)}\n{uri(name, secret, algorithm, issuer)}")
