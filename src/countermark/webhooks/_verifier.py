"""The verifier of webhooks: a webhook scheme with keys."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from countermark._option_checks import checked_clock
from countermark._redaction import guarded, shown_variable
from countermark.errors import BadWebhook, WeakKeyWarning
from countermark.keys._keyring import Keyring
from countermark.keys._user import keys_now, start_watches
from countermark.webhooks._challenge import ChallengeAnswer
from countermark.webhooks._challenge_answers import is_signed_challenge, unsigned_answer
from countermark.webhooks._delivery_body import Body, read_body
from countermark.webhooks._keyrings import keyrings_from_env
from countermark.webhooks._keys_in_use import KeysInUse
from countermark.webhooks._pending import PendingDelivery
from countermark.webhooks._received_secret import has_secret
from countermark.webhooks._request_head import Headers, RequestHead, Text
from countermark.webhooks._results import REFUSALS, Refusal, Refused, VerifiedWebhook
from countermark.webhooks._scheme import WebhookScheme
from countermark.webhooks._signed_url import checked_base_url
from countermark.webhooks._verifier_options import (
    checked_rings,
    checked_scheme,
    checked_tolerance,
)
from countermark.webhooks._verify_tokens import verify_token_from_env, verify_tokens

if TYPE_CHECKING:
    from countermark.keys._watch import Watch
    from countermark.mistakes._explanation import Explanation

Outcome = TypeVar("Outcome")


class WebhookVerifier:
    """Verifies the webhooks of one vendor with the keys of a keyring. Safe to use from threads.

    With a :class:`WatchedKeyring` it uses new keys from one delivery to the next.

    Args:
        scheme: A webhook scheme, or the name of one.
        keyring: The secrets, or the vendor's public keys, each accepted until it expires.
            For HTTP signatures a mapping: keyrings by the key ids under which the vendor
            names them.
        tolerance: The number of seconds by which the signed time may differ from the
            time of receipt. The default is the scheme's.
        base_url: The public URL before the path that the application receives, such as
            ``https://hooks.example.com``, if the vendor signs the URL. A prefix that a
            proxy removes from the path belongs to it.
        verify_token: The verify token that the vendor repeats in a verification request,
            if the scheme has one. None: such requests are refused.
        clock: Returns the time, in seconds since the epoch.

    Raises:
        ConfigurationError: The arguments contradict each other; the message explains
            what to change.
    """

    __slots__ = {
        "scheme": "The webhook scheme, a WebhookScheme.",
        "tolerance": "The accepted age in seconds, either way; None: the vendor signs no time.",
        "base_url": "The public URL before the path; empty if the vendor signs no URL.",
        "__weakref__": None,
        "_clock": None,
        "_keys": None,
        "_tokens": None,
        "_watches": None,
    }

    scheme: WebhookScheme
    tolerance: float | None
    base_url: str

    @guarded
    def __init__(
        self,
        scheme: str | WebhookScheme,
        keyring: Keyring | Mapping[str, Keyring],
        *,
        tolerance: float | None = None,
        base_url: str | None = None,
        verify_token: Keyring | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.scheme = scheme = checked_scheme(scheme)
        rings = checked_rings(scheme, keyring)
        self.tolerance = checked_tolerance(scheme, tolerance)
        self.base_url = checked_base_url(scheme, base_url)
        self._tokens = verify_tokens(scheme, verify_token)
        self._clock = checked_clock(clock)
        keys = {key_id: keys_now(ring) for key_id, ring in rings.items()}
        self._keys = KeysInUse(scheme, keys, self.tolerance, self.base_url)
        if self._keys.has_short:
            which = (
                f" in {shown_variable(scheme.secret.variable)}" if scheme.secret.variable else ""
            )
            warnings.warn(
                f"{scheme.slug}: the secret{which} has fewer than {scheme.secret.least} bytes; have"
                " the vendor make a longer one",
                WeakKeyWarning,
                stacklevel=3,
            )
        # Once for each, as several key ids may have one keyring.
        self._watches = {watch: ring for ring, watch in keys.values() if watch is not None}
        for watch, ring in self._watches.items():
            watch.attach(ring, self._prepare, scheme=f"webhook:{scheme.slug}")

    @classmethod
    @guarded
    def from_env(
        cls,
        scheme: str | WebhookScheme,
        *,
        watch: bool = False,
        tolerance: float | None = None,
        base_url: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> WebhookVerifier:
        """Build a verifier with the keys of the environment variable that the scheme names.

        The options are those of the class, the variables those of
        :meth:`Keyring.from_env`. If the scheme has a verify token, and its variable is set, that
        variable holds it, read once. With *watch*, a new content of their files is used without a
        restart: see :class:`WatchedKeyring`. For HTTP signatures another variable holds the key id;
        with ``_PREVIOUS`` and ``_NEXT`` after its name, it holds further ids, each
        accepted for all of the keys.
        """
        scheme = checked_scheme(scheme)
        variable = scheme.secret.variable
        return cls(
            scheme,
            keyrings_from_env(scheme, variable, watch=watch, call="WebhookVerifier"),
            tolerance=tolerance,
            base_url=base_url,
            verify_token=verify_token_from_env(scheme),
            clock=clock,
        )

    def _latest_keys(self) -> KeysInUse:
        """Return the keys for a delivery, after their watches have started."""
        start_watches(self._watches)
        return self._keys

    def _prepare(self, watch: Watch, ring: Keyring) -> Callable[[], None]:
        changed = self._keys.with_new(watch, ring)

        def commit() -> None:
            self._keys = changed

        return commit

    @guarded
    def verify(
        self, *, headers: Headers, body: Text, method: Text = "POST", path: Text = "/"
    ) -> VerifiedWebhook:
        """Verify that the vendor sent a delivery, unmodified and recently.

        Args:
            headers: A mapping, or pairs of names and values. Only pairs show that
                a header was sent twice.
            body: The body as it came, before any parsing.
            method: The method of the request, which some vendors sign.
            path: The path as it came, percent-encoded, with the query.

        Raises:
            BadWebhook: The delivery is refused; ``code`` gives the reason. No other
                error is raised for text and bytes.
            ConfigurationError: An argument has the wrong type, such as a parsed body.
        """
        return self._accepted(self._outcome(headers, body, method, path, self._latest_keys()))

    def _accepted(self, outcome: Outcome | Refusal) -> Outcome:
        """Return an outcome, or raise BadWebhook.

        Some headers hold the secret. A refusal is a value until here, so that the traceback of
        the error has no frame that read them.
        """
        if isinstance(outcome, Refusal):
            raise BadWebhook(f"{self.scheme.slug}: {REFUSALS[outcome.code]}", code=outcome.code)
        return outcome

    def _outcome(
        self, headers: Headers, body: Text, method: Text, path: Text, keys: KeysInUse
    ) -> VerifiedWebhook | Refusal:
        content = read_body(body)
        if isinstance(content, Refusal):
            return content
        pending = self._read_head(RequestHead(headers, method, path), keys)
        return pending if isinstance(pending, Refusal) else pending.finish(content)

    @guarded
    def explain(
        self, *, headers: Headers, body: Text, method: Text = "POST", path: Text = "/"
    ) -> Explanation:
        """Check a delivery, and look for the mistake that explains why it is refused.

        The arguments are those of :meth:`verify`. It takes up to a second, so do not call it
        for each delivery.

        Raises:
            ConfigurationError: An argument has the wrong type, such as a parsed body.
        """
        # Late, as it is rare.
        from countermark.webhooks._explaining import explain_challenge, explain_delivery

        keys = self._latest_keys()
        answer = self._unsigned_answer(RequestHead(headers, method, path), keys)
        if answer is not None:
            return explain_challenge(self.scheme, answer)
        outcome = self._outcome(headers, body, method, path, keys)
        content = read_body(body)
        return explain_delivery(
            self.scheme,
            keys.rings,
            outcome,
            RequestHead(headers, method, path),
            Body(b"") if isinstance(content, Refusal) else content,
            now=self._clock(),
            base_url=self.base_url,
        )

    @guarded
    def answer_challenge(
        self, *, headers: Headers, body: Text = b"", method: Text = "POST", path: Text = "/"
    ) -> ChallengeAnswer | None:
        """Answer a request by which the vendor verifies the URL; None: it is a delivery.

        The arguments are those of :meth:`verify`, which refuses such a request if nothing
        signs it. The middlewares answer by themselves.

        Raises:
            BadWebhook: The request is refused; ``code`` gives the reason.
            ConfigurationError: An argument has the wrong type, such as a parsed body.
        """
        return self._accepted(self._answer(headers, body, method, path, self._latest_keys()))

    def _answer(
        self, headers: Headers, body: Text, method: Text, path: Text, keys: KeysInUse
    ) -> ChallengeAnswer | Refusal | None:
        content, head = read_body(body), RequestHead(headers, method, path)
        answer = self._unsigned_answer(head, keys)
        if answer is not None or isinstance(content, Refusal):
            return answer
        if not is_signed_challenge(self.scheme.challenge, content):
            return None
        pending = self._read_head(head, keys)
        if isinstance(pending, Refusal):
            return pending
        verified = pending.finish(content)
        return verified if isinstance(verified, Refusal) else pending.answer(content)

    @guarded
    def read_head(
        self, headers: Headers, method: Text, path: Text
    ) -> PendingDelivery | ChallengeAnswer | Refusal:
        """Check everything before the body, so that an invalid delivery is not read completely.

        A GET request that verifies the URL is answered.
        """
        head, keys = RequestHead(headers, method, path), self._latest_keys()
        answer = self._unsigned_answer(head, keys)
        return self._read_head(head, keys) if answer is None else answer

    def _unsigned_answer(
        self, head: RequestHead, keys: KeysInUse
    ) -> ChallengeAnswer | Refusal | None:
        try:
            return unsigned_answer(self.scheme, keys.rings, self._tokens, head, self._clock())
        except Refused as refused:
            return Refusal(refused.code)

    def _read_head(self, head: RequestHead, keys: KeysInUse) -> PendingDelivery | Refusal:
        try:
            return keys.check.read(head, self._clock())
        except Refused as refused:
            if refused.code == "malformed" and has_secret(self.scheme, keys.rings, head):
                return Refusal("secret_received")
            return Refusal(refused.code)

    def __repr__(self) -> str:
        # A traceback may print a verifier after its constructor failed.
        return f"<WebhookVerifier {self.scheme.slug if hasattr(self, '_keys') else 'refused'}>"
