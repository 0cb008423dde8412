"""A verifier: a webhook scheme and keys, ready to tell whether a delivery is the vendor's."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import ParamSpec, TypeVar

from countermark._option_checks import checked_clock
from countermark._redaction import guarded, shown, shown_variable
from countermark.errors import BadWebhook, ConfigurationError, InvalidKey, WeakKeyWarning
from countermark.keys._keyring import Keyring, checked_keyring
from countermark.keys._secret import SecretKey
from countermark.webhooks._header_checks import hmac_check, secret_check
from countermark.webhooks._http_signatures import http_signature_check
from countermark.webhooks._parts import MAX_TOLERANCE, HttpSignature, SecretHeader
from countermark.webhooks._proof import Check, Rest
from countermark.webhooks._request_head import Headers, Misused, Received, Text, read_body
from countermark.webhooks._results import REFUSALS, Refused, VerifiedWebhook
from countermark.webhooks._scheme import WebhookScheme

P = ParamSpec("P")
T = TypeVar("T")


class WebhookVerifier:
    """Verifies the webhooks of one vendor with the keys of a keyring. Safe to use from threads.

    Args:
        scheme: The vendor: the name of a webhook scheme, or a scheme.
        keyring: The keys, each accepted until its end. For HTTP signatures a
            mapping: keyrings by the key ids under which the vendor names them.
        tolerance: How many seconds the time that is signed may be before or after
            the time of receipt. By default the scheme says.
        clock: Returns the time, in seconds since the epoch.

    Raises:
        ConfigurationError: Something does not fit together; the message says
            what to change.
    """

    __slots__ = {
        "scheme": "The vendor's recipe, a WebhookScheme.",
        "tolerance": "How many seconds a delivery may be old, or early; None: it has no time.",
        "_check": None,
        "_clock": None,
    }

    scheme: WebhookScheme
    tolerance: float | None

    @guarded
    def __init__(
        self,
        scheme: str | WebhookScheme,
        keyring: Keyring | Mapping[str, Keyring],
        *,
        tolerance: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.scheme = scheme = _scheme(scheme)
        rings = _rings(scheme, keyring)
        self.tolerance = _tolerance(scheme, tolerance)
        self._clock = checked_clock(clock)
        _check_keys(scheme, rings)
        self._check = _compile(scheme, rings)

    @classmethod
    @guarded
    def from_env(
        cls,
        scheme: str | WebhookScheme,
        *,
        tolerance: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> WebhookVerifier:
        """Build a verifier with the keys of the environment variable that the scheme names.

        The options are those of the class, the variables those of
        :meth:`Keyring.from_env`. For HTTP signatures another variable has the key
        id, and with ``_PREVIOUS`` and ``_NEXT`` behind its name those that are
        accepted too, each for all of the keys.
        """
        scheme = _scheme(scheme)
        secret = scheme.secret
        if not secret.variable:
            raise ConfigurationError(
                f"{scheme.slug} names no environment variable for its secret; give the keyring"
                " yourself: WebhookVerifier(scheme, Keyring(secret))"
            )
        ring = Keyring.from_env(secret.variable)
        if not secret.key_id_variable:
            return cls(scheme, ring, tolerance=tolerance, clock=clock)
        names = [f"{secret.key_id_variable}{role}" for role in ("", "_PREVIOUS", "_NEXT")]
        ids = [os.environ[name] for name in names if os.environ.get(name)]
        if not os.environ.get(names[0]):
            raise ConfigurationError(
                f"the environment variable {shown_variable(names[0])} is not set; set it to the"
                " id of the key"
            )
        return cls(scheme, dict.fromkeys(ids, ring), tolerance=tolerance, clock=clock)

    def verify(
        self, *, headers: Headers, body: Text, method: Text = "POST", path: Text = "/"
    ) -> VerifiedWebhook:
        """Return what proves that a delivery is the vendor's.

        Args:
            headers: A mapping, or pairs of names and values. Only pairs show that
                a header came twice.
            body: The body as it came, before anybody parsed it.
            method: The method of the request, which HTTP signatures sign.
            path: Its path as it came, still with percent signs, and its query.

        Raises:
            BadWebhook: It is not; ``code`` says why. Nothing else, for any text and bytes.
            ConfigurationError: It is no delivery, but for instance a body that was parsed.
        """
        outcome = self._outcome(headers, body, method, path)
        # Some headers hold the secret: not to be in the traceback.
        del headers, body, method, path
        return self._told(outcome)

    def look(
        self, *, headers: Headers, method: Text, path: Text
    ) -> Callable[[bytes], VerifiedWebhook]:
        """Look at what stands before the body, so that nobody has to wait for that in vain.

        Returns:
            The rest of ``verify``: it takes the body.

        Raises:
            BadWebhook: As for ``verify``, and so does the rest.
        """
        outcome = self._look(headers, method, path)
        del headers, method, path
        rest = self._told(outcome)

        def whole(body: bytes) -> VerifiedWebhook:
            outcome = rest(body)
            del body
            return self._told(outcome)

        return whole

    def _outcome(
        self, headers: Headers, body: Text, method: Text, path: Text
    ) -> VerifiedWebhook | str:
        whole = _attempt(read_body, body)
        if isinstance(whole, str):
            return whole
        rest = self._look(headers, method, path)
        return rest if isinstance(rest, str) else rest(whole)

    def _look(
        self, headers: Headers, method: Text, path: Text
    ) -> Callable[[bytes], VerifiedWebhook | str] | str:
        now = self._clock()

        def look() -> Rest:
            return self._check(Received(headers, method, path), now)

        rest = _attempt(look)
        return (
            rest if isinstance(rest, str) else lambda body: _attempt(self._prove, rest, body, now)
        )

    def _prove(self, rest: Rest, body: bytes, now: float) -> VerifiedWebhook:
        key, timestamp, delivery_id = rest(body)
        if timestamp is not None and self.tolerance is not None:
            _check_time(timestamp, now, self.tolerance)
        return VerifiedWebhook(self.scheme.slug, delivery_id, timestamp, key.key_id, key.role)

    def _told(self, outcome: T | str) -> T:
        """Return an outcome, or raise the error that its text stands for."""
        if not isinstance(outcome, str):
            return outcome
        if outcome in REFUSALS:
            raise BadWebhook(f"{self.scheme.slug}: {REFUSALS[outcome]}", code=outcome)
        raise ConfigurationError(outcome)

    def __repr__(self) -> str:
        # A traceback may print a verifier whose construction has just failed.
        return f"<WebhookVerifier {self.scheme.slug if hasattr(self, '_check') else 'refused'}>"


@guarded
def verify_webhook(
    scheme: str | WebhookScheme,
    keyring: Keyring | Mapping[str, Keyring],
    *,
    headers: Headers,
    body: Text,
    method: Text = "POST",
    path: Text = "/",
    tolerance: float | None = None,
    clock: Callable[[], float] = time.time,
) -> VerifiedWebhook:
    """Verify one delivery with a :class:`WebhookVerifier` of its own, which see.

    Raises:
        BadWebhook: It is not the vendor's; ``code`` says why.
        ConfigurationError: Something does not fit together.
    """
    verifier = WebhookVerifier(scheme, keyring, tolerance=tolerance, clock=clock)
    return verifier.verify(headers=headers, body=body, method=method, path=path)


def _attempt(step: Callable[P, T], *given: P.args, **named: P.kwargs) -> T | str:
    """Return what *step* returns, or the code of a refusal, or how it is misused."""
    # As text: an error would carry frames in which there are secrets.
    try:
        return step(*given, **named)
    except Refused as refused:
        return refused.code
    except Misused as error:
        return str(error)


def _scheme(scheme: object) -> WebhookScheme:
    if isinstance(scheme, str):
        return WebhookScheme.load(scheme)
    if not isinstance(scheme, WebhookScheme):
        raise ConfigurationError(
            "scheme must be the name of a webhook scheme, such as 'stigg', or a WebhookScheme"
        )
    return scheme


def _rings(scheme: WebhookScheme, keyring: object) -> dict[str, Keyring]:
    """Return the keyrings by key id, which is "" where the vendor names none."""
    if not isinstance(scheme.signature, HttpSignature):
        return {"": checked_keyring(keyring)}
    if isinstance(keyring, Mapping) and keyring:
        rings = dict(keyring)
        if all(isinstance(key_id, str) and key_id for key_id in rings) and all(
            isinstance(ring, Keyring) for ring in rings.values()
        ):
            return rings
    raise ConfigurationError(
        f"{scheme.slug} names its keys: keyring must be a mapping of key ids to keyrings,"
        " such as {'the key id': Keyring(secret)}"
    )


def _tolerance(scheme: WebhookScheme, given: object) -> float | None:
    if given is None:
        return None if scheme.timestamp is None else scheme.timestamp.tolerance
    if scheme.timestamp is None:
        raise ConfigurationError(f"{scheme.slug} does not sign a time; leave tolerance= out")
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if not number or not isfinite(given) or given <= 0:  # type: ignore[arg-type,operator]
        raise ConfigurationError("tolerance= must be a number of seconds above 0")
    if given > MAX_TOLERANCE:  # type: ignore[operator]
        raise ConfigurationError(
            f"tolerance= must be at most {MAX_TOLERANCE} seconds, as deliveries are remembered for"
            " twice that time"
        )
    return given  # type: ignore[return-value]


def _check_keys(scheme: WebhookScheme, rings: Mapping[str, Keyring]) -> None:
    rule, which = (
        scheme.secret,
        f" in {shown_variable(scheme.secret.variable)}" if scheme.secret.variable else "",
    )
    for key in _all_keys(rings):
        if not isinstance(key, SecretKey):
            raise InvalidKey(
                f"{scheme.slug} needs a shared secret, not a private key; give the secret, as text"
            )
        if key.starts_with(rule.refuse_prefixes):
            raise InvalidKey(
                f"{scheme.slug}: this is a key of another kind, not the secret{which}; copy the"
                " secret of the webhook"
            )
        if rule.prefix and key.starts_with([f"v1,{rule.prefix}"]):
            raise InvalidKey(
                f"{scheme.slug}: the secret{which} begins with 'v1,', which is surplus; cut it off,"
                f" so that it begins with {shown(rule.prefix, ['whsec_'])}"
            )
        written = key.written(rule.form, rule.prefix)
        if rule.most is not None and not written.looks_short(least=rule.most + 1):
            raise InvalidKey(
                f"{scheme.slug}: the secret{which} has more than {rule.most} bytes; copy it again,"
                " alone"
            )
        if written.looks_short(least=rule.least):
            warnings.warn(
                f"{scheme.slug}: the secret{which} has fewer than {rule.least} bytes; have the"
                " vendor make a longer one",
                WeakKeyWarning,
                stacklevel=4,
            )


def _all_keys(rings: Mapping[str, Keyring]) -> Iterator[object]:
    for ring in rings.values():
        yield from (ring.current, *ring.next, *ring.previous)


def _compile(scheme: WebhookScheme, rings: Mapping[str, Keyring]) -> Check:
    signature = scheme.signature
    if isinstance(signature, HttpSignature):
        return http_signature_check(scheme, signature, rings)
    if isinstance(signature, SecretHeader):
        return secret_check(scheme, signature, rings[""])
    return hmac_check(scheme, signature, rings[""])


def _check_time(timestamp: float, now: float, tolerance: float) -> None:
    if now - timestamp > tolerance:
        raise Refused("expired")
    if timestamp - now > tolerance:
        raise Refused("not_yet_valid")
