"""The search of responses for secrets, in any protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal, TypedDict

from countermark._option_checks import check_functions
from countermark._responses import Response, problem, without_body
from countermark.errors import ConfigurationError, LeakBlocked
from countermark.events import Event, Leak, OnEvent, emit
from countermark.keys._keyring import Keyring
from countermark.keys._user import keys_now, start_watches
from countermark.leaks._decoding import Decoder, Undecodable, decoder_for
from countermark.leaks._matcher import Found, Stream
from countermark.leaks._secrets import Secrets, matcher_of, named_keyrings

if TYPE_CHECKING:
    from countermark.keys._watch import Watch

#: The mode of a guard.
LeakMode = Literal["off", "report", "block"]

#: A header of a response: its name and value.
ByteHeader = tuple[bytes, bytes]


class LeakOptions(TypedDict, total=False):
    """The options of :class:`Guard` other than ``mode``, for callers that pass them on."""

    secrets: Secrets
    sample: float
    on_event: OnEvent | None


class Guard:
    """The options of a guard, checked, and the prepared search.

    Args:
        mode: ``report`` or ``block``.
        secrets: Keyrings by name, or keyrings; None: those of the environment. New keys of a
            WatchedKeyring are searched for too.
        sample: The share of responses that are searched, from 0 to 1.
        on_event: Called with each :class:`Event`.

    Raises:
        ConfigurationError: An option is missing or invalid.
    """

    def __init__(
        self,
        mode: LeakMode,
        *,
        secrets: Secrets = None,
        sample: float = 1,
        on_event: OnEvent | None = None,
    ) -> None:
        check_functions(on_event=on_event)
        given: tuple[object, object] = mode, sample
        if given[0] not in ("report", "block"):
            raise ConfigurationError("mode= must be 'off', 'report' or 'block'")
        if type(given[1]) not in (int, float) or not 0 < sample <= 1:
            raise ConfigurationError("sample= must be a number above 0, and at most 1")
        self.blocks = mode == "block"
        self._keyrings = named_keyrings(secrets)
        found = [keys_now(ring) for _, ring in self._keyrings]
        self.matcher = matcher_of(self._keyrings)
        self._watches = {watch: keys for keys, watch in found if watch is not None}
        for watch, keys in self._watches.items():
            watch.attach(keys, self._prepare)
        self.on_event = on_event
        self._sample = sample

    def _prepare(self, watch: Watch, keys: Keyring) -> Callable[[], None]:
        matcher = matcher_of(
            (name, keys if keys_now(ring)[1] is watch else ring) for name, ring in self._keyrings
        )

        def commit() -> None:
            self.matcher = matcher

        return commit

    def samples(self) -> bool:
        """Tell whether the next response is searched."""
        start_watches(self._watches)
        if self._sample >= 1:
            return True
        from random import random  # late, as it is slow to import

        return random() < self._sample  # noqa: S311  # a statistical sample


class ResponseSearch:
    """The search of one response. Its methods return True if they found a secret.

    A secret is reported once for each header that contains it, and once for the body. An
    error of the search ends it, with an event, and never affects the response.
    """

    __slots__ = ("_body", "_codings", "_decoder", "_guard", "_over", "_seen")

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._body: Stream | None = None
        self._decoder: Decoder | None = None
        self._codings = b""
        self._over = False
        self._seen: set[tuple[str, str]] = set()

    def head(self, headers: Iterable[ByteHeader], status: bytes = b"") -> bool:
        """Search the headers and the reason phrase, and note how the body is encoded."""
        try:
            return self._search_head(headers, status)
        except Exception as error:  # an invalid header is for the server to judge
            self.end("search_raised", error)
            return False

    def body(self, chunk: bytes) -> bool:
        """Search the next bytes of the body."""
        if self._over or not chunk:
            return False
        try:
            return self._search_body(chunk)
        except Undecodable as error:
            self.end(error.reason)
        except Exception as error:
            self.end("search_raised", error)
        return False

    @property
    def is_pending(self) -> bool:
        """True if the body up to here ends in the beginning of a secret."""
        return self._body is not None and not self._over and self._body.is_pending

    def end(self, reason: str, error: Exception | None = None) -> None:
        """End the search, and report why the rest of the body is not searched."""
        if self._over:
            return
        self._over = True
        kind = None if error is None else type(error).__name__
        emit(Event("failed", reason, error=kind), self._guard.on_event)

    def _search_head(self, headers: Iterable[ByteHeader], status: bytes) -> bool:
        parts = [status]
        codings = []
        for name, value in headers:
            parts += name, value
            if name.lower() == b"content-encoding":
                codings.append(value)
        self._codings = b",".join(codings)
        matcher, leaked = self._guard.matcher, False
        if matcher.may_contain(b"\n".join(parts)):
            leaked = self._report(matcher.find(status), "status")
            for name, value in zip(parts[1::2], parts[2::2], strict=True):
                in_name = self._report(matcher.find(name), "header")
                place = "header" if in_name else f"header {name.decode('latin-1')}"
                leaked |= self._report(matcher.find(value), place) or in_name
        return leaked

    def _search_body(self, chunk: bytes) -> bool:
        body = self._body
        if body is None:
            body = self._body = Stream(self._guard.matcher)
            self._decoder = decoder_for(self._codings)
        if self._decoder is None:
            return self._report(body.feed(chunk), "body")
        leaked = False
        for piece in self._decoder.feed(chunk):
            leaked |= self._report(body.feed(piece), "body")
        return leaked

    def _report(self, found: Iterable[Found], place: str) -> bool:
        leaked = False
        for needle, offset in found:
            leaked = True
            if (place, needle.key_id) not in self._seen:
                self._seen.add((place, needle.key_id))
                at = offset if place == "body" else None
                leak = Leak(needle.secret, needle.key_id, needle.form, place, at)
                reason = "blocked" if self._guard.blocks else "reported"
                emit(Event("leaked", reason, leak=leak), self._guard.on_event)
        return leaked


def blocked_response(method: object) -> Response:
    """Return what is sent in place of a response that contains a secret."""
    detail = "The response contained a secret. The log of the server names it."
    response = problem(500, "leak_blocked", detail)
    return without_body(response) if method == "HEAD" else response


def cut_off() -> LeakBlocked:
    """Return the error that makes a server close the connection."""
    return LeakBlocked(
        "the response contained a secret, so the rest of it was not sent; the event 'leaked' names"
        " the secret"
    )
