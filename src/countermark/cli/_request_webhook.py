"""Deliveries of webhooks for ``countermark request``."""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from countermark.cli._curl import checked_url, curl_command
from countermark.cli._inputs import content_of
from countermark.cli._secrets import webhook_keys_of
from countermark.errors import BadWebhook, ConfigurationError
from countermark.keys import Keyring
from countermark.webhooks import WebhookScheme, WebhookSigner, WebhookVerifier, new_webhook_secret
from countermark.webhooks._parts import SecretHeader, SignatureHeader
from countermark.webhooks._signed_url import signs_url

if TYPE_CHECKING:
    from collections.abc import Mapping

# Larger bodies are an oversight, such as the name of another file.
_MOST = 16 << 20
_FOREIGN = "signed with another secret"

_Keys: TypeAlias = Keyring | dict[str, Keyring]


class _Target(NamedTuple):
    """The request that the commands make. The base of its URL is None if that is not signed."""

    url: str
    base_url: str | None
    path: str
    file: str
    body: bytes


def print_deliveries(scheme: WebhookScheme, options: argparse.Namespace, expired_for: int) -> None:
    """Print a command for curl for each kind of delivery, with the status that it gets.

    Args:
        scheme: The format.
        options: The options of the command.
        expired_for: The seconds for which the expired delivery has been expired.

    Raises:
        CountermarkError: Something is missing or invalid.
    """
    url = checked_url(options.url)
    keys = _keys_of(scheme, options)
    target = _Target(url, _base_of(scheme, url, options), _path_of(url), *_body_of(options))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the service warns of a short secret
        verifier = WebhookVerifier(
            scheme, _receiving(scheme, keys, target), base_url=target.base_url
        )
    print(f"# {scheme.name}: the expected statuses of a service with a WebhookMiddleware")
    for title, headers in _samples(scheme, keys, target, expired_for):
        if isinstance(headers, str):
            print(f"\n# {title}: {headers}")
        else:
            print(f"\n# {title}: {_expected(verifier, headers, target)}")
            print(_command(scheme, title, headers, target))


def _keys_of(scheme: WebhookScheme, options: argparse.Namespace) -> _Keys:
    if not scheme.signing_variable and scheme.has_public_key and options.secret_fd is None:
        raise ConfigurationError(
            f"{scheme.slug}: only the vendor has its private key; to try the service, give it the"
            " public key of a key pair of yours, and pass the private key with --secret-fd N"
        )
    return webhook_keys_of(scheme, scheme.signing_variable, options)


def _receiving(scheme: WebhookScheme, keys: _Keys, target: _Target) -> _Keys:
    """Return the keys of a receiver."""
    signer = WebhookSigner(scheme, keys, base_url=target.base_url)
    current, *others = signer.public_keys or ("",)
    return Keyring(current, next=others) if current else keys


def _samples(
    scheme: WebhookScheme,
    keys: _Keys,
    target: _Target,
    expired_for: int,
) -> Iterator[tuple[str, dict[str, str] | str]]:
    """Yield titles and headers, or the reason why the format has no such delivery."""

    def sign(keys: _Keys, body: bytes, age: float = 0) -> dict[str, str]:
        signer = WebhookSigner(
            scheme, keys, base_url=target.base_url, clock=lambda: time.time() - age
        )
        return signer.sign(body, path=target.path)

    yield "valid", sign(keys, target.body)
    timestamp = scheme.timestamp
    if timestamp is None:
        yield "expired", "the deliveries of this format have no signed time"
    elif timestamp.body:
        yield "expired", f"its time is the member {timestamp.body} of the body; write an older one"
    else:
        yield "expired", sign(keys, target.body, timestamp.tolerance + expired_for)
    if isinstance(scheme.signature, SecretHeader):
        yield "tampered with", "the deliveries of this format have no signature"
        yield _FOREIGN, {scheme.signature.header: "another-secret"}
    else:
        yield "tampered with", _tampered(scheme, sign(_with(keys, _current), target.body))
        yield _FOREIGN, sign(_with(keys, lambda ring: _foreign(scheme)), target.body)


def _with(keys: _Keys, change: Callable[[Keyring], Keyring]) -> _Keys:
    """Return the keys with changed keyrings."""
    if isinstance(keys, dict):
        return {key_id: change(ring) for key_id, ring in keys.items()}
    return change(keys)


def _current(ring: Keyring) -> Keyring:
    return Keyring(ring.current)


def _foreign(scheme: WebhookScheme) -> Keyring:
    return Keyring(new_webhook_secret(scheme))


def _tampered(scheme: WebhookScheme, headers: dict[str, str]) -> dict[str, str]:
    """Return the headers of one signature with a character of it changed."""
    from countermark.testing import tampered

    signature = scheme.signature
    name = signature.header if isinstance(signature, SignatureHeader) else "authorization"
    return {**headers, name: tampered(headers[name])}


def _expected(verifier: WebhookVerifier, headers: Mapping[str, str], target: _Target) -> str:
    try:
        verified = verifier.verify(headers=headers, body=target.body, path=target.path)
    except BadWebhook as refused:
        return f"401, {refused.code}"
    expected = "200, or another status of the service"
    if verified.timestamp is not None:
        expected += f", for {verifier.tolerance:g} seconds"
    if isinstance(verifier.scheme.signature, SecretHeader):
        expected += f", if ${_variable(verifier.scheme)} is the secret"
    return expected


def _command(scheme: WebhookScheme, title: str, headers: Mapping[str, str], target: _Target) -> str:
    given = dict(headers)
    before, more = "", []
    if title == "valid" and isinstance(scheme.signature, SecretHeader):
        # The shell puts the secret in, and gives it to curl outside of the arguments.
        del given[scheme.signature.header]
        before = f"printf '{scheme.signature.header}: %s\\n' \"${_variable(scheme)}\" | "
        more = ["--header", "@-"]
    for name, value in given.items():
        more += ["--header", f"{name}: {value}"]
    if _is_json(target.body):
        more += ["--header", "content-type: application/json"]
    return before + curl_command([*more, "--data-binary", f"@{target.file}"], target.url)


def _variable(scheme: WebhookScheme) -> str:
    return scheme.secret.variable or "SECRET"


def _body_of(options: argparse.Namespace) -> tuple[str, bytes]:
    """Return the name of the file of the body, and the body."""
    name: str | None = options.body
    if name is None or name == "-":
        raise ConfigurationError(
            "a webhook needs a body: pass --body FILE, which curl reads again when it runs"
        )
    body = content_of(name, "--body", options, _MOST + 1)
    if len(body) > _MOST:
        raise ConfigurationError(f"the file of --body has more than {_MOST >> 20} MiB")
    return name, body


def _base_of(scheme: WebhookScheme, url: str, options: argparse.Namespace) -> str | None:
    """Return the public URL before the path, if the format signs it."""
    if options.base_url is not None or not signs_url(scheme):
        base: str | None = options.base_url
        return base
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _path_of(url: str) -> str:
    """Return the path with the query, as curl sends it."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
