"""Which pages may ask: the exact origins, as browsers send them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

from countermark._redaction import guarded, shown
from countermark.errors import BadToken, ConfigurationError
from countermark.verifying._locations import from_header

Policy: TypeAlias = Literal["refuse", "allow"]

#: The environment in which nothing is made easier. One that is not named counts as it.
LIVE: Final = "live"

# Compiled when a list is built, not when the module is: that is slow.
_HOST = r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]"
_ORIGIN = rf"(https?)://({_HOST})(?::([1-9][0-9]{{0,4}}))?"
_LOOPBACK = r"(.+\.)?localhost|127(\.[0-9]{1,3}){3}|\[::1\]"
_DEFAULT_PORTS = {"https": "443", "http": "80"}

_read_origin = from_header("Origin")


class AllowedOrigins:
    """The origins of the pages whose requests are let in.

    Browsers say which page a request comes from, in the header ``Origin``. Programs
    can say what they like there: this keeps other pages out, and nobody else.

    Args:
        origins: Such as ``https://app.example`` or ``https://app.example:8443``,
            each in full: no wildcards, no paths, no default ports, lower case.
        missing: What becomes of requests without an origin. ``refuse`` by default,
            because the requests of pages elsewhere that carry a header of their own
            always have one. Browsers send none with GET and HEAD to the page's own
            origin, with images, scripts and navigation; programs mostly send none:
            ``allow`` them where such requests are expected.
        null: What becomes of the origin ``null``, which sandboxed frames, local files
            and some redirects have. ``refuse`` by default: anybody can make such a
            page. ``allow`` gives them no permission to read refusals, nor for a
            preflight, so that a token in a header does not get through to here.
        loopback: Whether origins of the own machine, such as
            ``http://localhost:3000``, may be listed. None: outside ``live``, where
            the verifier names its environment. True: also where it names none.
            In ``live`` they are never.

    Raises:
        ConfigurationError: One of them is not as browsers would send it.
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
        """Refuse origins of the own machine where they do not belong.

        Raises:
            ConfigurationError: There are some, and *environment* is not for them.
        """
        named = environment not in (None, LIVE) if self._loopback is None else self._loopback
        own = sorted(filter(_is_loopback, self._allowed))
        if own and (environment == LIVE or not named):
            raise ConfigurationError(
                f"{own[0]} is a loopback origin, which is only allowed outside 'live';"
                " name the verifier's environment=, or take it out of origins="
            )

    def allowed(self, source: Mapping[str, Any]) -> str | None:
        """Return the origin of a scope or environ; None where it has none and needs none.

        Raises:
            BadToken: It is not allowed. The code is ``origin_refused``.
        """
        try:
            origin = _read_origin(source)
        except BadToken:
            origin = ""  # doubled
        if origin in self._allowed:
            return origin
        policy = {None: self._missing, "null": self._null}.get(origin, "refuse")
        if policy == "refuse":
            raise BadToken("the page's origin is not allowed", code="origin_refused")
        return None

    def __repr__(self) -> str:
        return f"<AllowedOrigins {' '.join(sorted(self._allowed))}>"


def claimed_origin(source: Mapping[str, Any]) -> str | None:
    """Return the origin that a request has; None where it has none, or two."""
    try:
        return _read_origin(source)
    except BadToken:
        return None


def checked_origin(origin: object) -> str:
    """Return *origin* if it is one as browsers send it, and may be listed.

    Raises:
        ConfigurationError: It is not; the message says what to write.
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
    """Tell whether a wrong origin is one all the same, and not a secret in its place."""
    written = (
        r"(?i)[a-z]+://[^@]*|[a-z0-9*-]+(\.[a-z0-9-]+)*\.[a-z]{2,12}(:[0-9]+)?/?|\[?localhost.*"
    )
    return len(text) <= 100 and re.fullmatch(written, text) is not None


def _shown(origin: str) -> str:
    return repr(origin) if _is_origin_like(origin) else shown(origin, ())


def _advice(origin: str) -> str:
    """Say what to write instead of *origin*, as far as it can be told."""
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
