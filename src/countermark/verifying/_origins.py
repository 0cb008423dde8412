"""The allowed origins of pages, compared exactly as browsers send them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

from countermark._redaction import guarded, shown
from countermark.errors import BadToken, ConfigurationError
from countermark.verifying._locations import from_header

Policy: TypeAlias = Literal["refuse", "allow"]

#: The environment with the strictest rules. An unnamed environment counts as this one.
LIVE: Final = "live"

# Compiled when a list is built: at import it would be slow.
_HOST = r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]"
_ORIGIN = rf"(https?)://({_HOST})(?::([1-9][0-9]{{0,4}}))?"
_LOOPBACK = r"(.+\.)?localhost|127(\.[0-9]{1,3}){3}|\[::1\]"
_DEFAULT_PORTS = {"https": "443", "http": "80"}

_read_origin = from_header("Origin")


class AllowedOrigins:
    """The origins of the pages whose requests are allowed.

    Browsers send the origin of the page in the header ``Origin``. Programs can send any
    value there: this keeps other pages out, but not programs.

    Args:
        origins: Full origins in lower case, such as ``https://app.example`` or
            ``https://app.example:8443``, without wildcards, paths and default ports.
        missing: The rule for requests without an origin. ``refuse`` by default, because
            a request of another site's page that has a custom header always has an
            origin. Browsers send none with GET and HEAD to the page's own origin, nor
            with images, scripts and navigation, and most programs send none: ``allow``
            them if you expect such requests.
        null: The rule for the origin ``null`` of sandboxed frames, local files and some
            redirects. ``refuse`` by default: anyone can make such a page. ``allow``
            does not grant their preflights or let them read refusals, so their browsers
            send no token in a header.
        loopback: Whether loopback origins such as ``http://localhost:3000`` may be
            listed. None: only if the verifier names an environment other than
            ``live``. True: also if it names none. In ``live`` they are always refused.

    Raises:
        ConfigurationError: An entry differs from what browsers send.
    """

    __slots__ = ("_allowed", "_loopback", "_missing", "_null")

    @guarded
    def __init__(
        self,
        origins: Iterable[str],
        *,
        missing: Policy = "refuse",
        null: Policy = "refuse",
        loopback: bool | None = None,
    ) -> None:
        if isinstance(origins, str) or not isinstance(origins, Iterable):
            raise ConfigurationError("origins= must be a list, such as ['https://app.example']")
        self._allowed = frozenset(map(checked_origin, origins))
        if not self._allowed:
            raise ConfigurationError("origins= is empty; leave it out, or list what is allowed")
        for name, policy in {"missing": missing, "null": null}.items():
            if policy not in ("refuse", "allow"):
                raise ConfigurationError(f"{name}= of allowed origins must be 'refuse' or 'allow'")
        if loopback not in (None, True, False):
            raise ConfigurationError("loopback= must be True, False or None")
        self._missing, self._null, self._loopback = missing, null, loopback

    def check_environment(self, environment: str | None) -> None:
        """Refuse loopback origins in an environment that does not allow them.

        Raises:
            ConfigurationError: A loopback origin is listed.
        """
        named = environment not in (None, LIVE) if self._loopback is None else self._loopback
        own = sorted(filter(_is_loopback, self._allowed))
        if own and (environment == LIVE or not named):
            raise ConfigurationError(
                f"{own[0]} is a loopback origin, which is only allowed outside 'live';"
                " name the verifier's environment=, or take it out of origins="
            )

    def allowed(self, source: Mapping[str, Any]) -> str | None:
        """Return the origin of a scope or environ; None if it has none and may.

        Raises:
            BadToken: The origin is not allowed. The code is ``origin_refused``.
        """
        try:
            origin = _read_origin(source)
        except BadToken:
            origin = ""  # a duplicate
        if origin in self._allowed:
            return origin
        policy = {None: self._missing, "null": self._null}.get(origin, "refuse")
        if policy == "refuse":
            raise BadToken("the page's origin is not allowed", code="origin_refused")
        return None

    def __repr__(self) -> str:
        return f"<AllowedOrigins {' '.join(sorted(self._allowed))}>"


def claimed_origin(source: Mapping[str, Any]) -> str | None:
    """Return the origin of a request; None if it has none, or two."""
    try:
        return _read_origin(source)
    except BadToken:
        return None


def checked_origin(origin: object) -> str:
    """Return *origin* if browsers send it in this form and it may be listed.

    Raises:
        ConfigurationError: It is invalid; the message suggests the right form.
    """
    if not isinstance(origin, str):
        raise ConfigurationError(
            f"an origin must be a text such as 'https://app.example', not {type(origin).__name__}"
        )
    if "*" in origin:
        raise ConfigurationError(
            f"{_shown(origin)}: wildcards do not work; list each origin in full"
        )
    if origin == "null":
        raise ConfigurationError("'null' cannot be listed as an origin; use null='allow'")
    match = re.fullmatch(_ORIGIN, origin)
    if match is None:
        raise ConfigurationError(
            f"{_shown(origin)} is not an origin as browsers send it; {_advice(origin)}"
        )
    scheme, host, _, port = match.groups()
    if port == _DEFAULT_PORTS[scheme] or int(port or 0) > 65535:
        raise ConfigurationError(
            f"{_shown(origin)}: browsers do not send this port; {_advice(origin)}"
        )
    if scheme == "http" and not re.fullmatch(_LOOPBACK, host):
        raise ConfigurationError(f"{_shown(origin)}: only https is allowed; {_advice(origin)}")
    return origin


def _is_origin_like(text: str) -> bool:
    """Tell whether a wrong origin resembles one, and is not a secret in the wrong place."""
    written = (
        r"(?i)[a-z]+://[^@]*|[a-z0-9*-]+(\.[a-z0-9-]+)*\.[a-z]{2,12}(:[0-9]+)?/?|\[?localhost.*"
    )
    return len(text) <= 100 and re.fullmatch(written, text) is not None


def _shown(origin: str) -> str:
    return repr(origin) if _is_origin_like(origin) else shown(origin, ())


def _advice(origin: str) -> str:
    """Return advice on what to write instead of *origin*."""
    lowered = origin.strip().lower()
    found = re.match(rf"(?:[a-z]+://)?({_HOST})(?::([0-9]{{1,5}}))?(?=[/?#]|$)", lowered)
    if found is None or not lowered.isascii() or not _is_origin_like(lowered):
        return "write https://, the host in ASCII and lower case, and its port if it is not 443"
    host, _, port = found.groups()
    plain = lowered.startswith("http:") and re.fullmatch(_LOOPBACK, host)
    scheme = "http" if plain else "https"
    suffix = "" if port in (None, _DEFAULT_PORTS[scheme]) else f":{port}"
    return f"write '{scheme}://{host}{suffix}'"


def _is_loopback(origin: str) -> bool:
    match = re.fullmatch(_ORIGIN, origin)
    return match is not None and re.fullmatch(_LOOPBACK, match[2]) is not None
