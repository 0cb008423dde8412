"""Explains tokens with a message authentication code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from countermark.errors import InvalidPrincipal
from countermark.keys._keyring import Keyring
from countermark.mistakes._catalogue import mistake
from countermark.mistakes._codes import codes
from countermark.mistakes._explanation import UNEXPLAINED, Explanation, Mistakes
from countermark.mistakes._frames import Frame, Frames
from countermark.mistakes._keys import candidate_keys
from countermark.mistakes._messages import SignedTexts, texts_of
from countermark.mistakes._search import MOST, Code, Found, explanation, search
from countermark.mistakes._ways import HASHES, ways
from countermark.mistakes._wrappings import unwrapped
from countermark.principal import Signable, identifier_text
from countermark.schemes._scheme import Scheme
from countermark.tokens._mac import code_width

# Each reading with other values is searched on its own. A token has one or two.
_MOST_READINGS: Final = 6

#: Frames and the mistakes around them, by the values that they show.
_Readings = dict[frozenset[tuple[str, str]], list[tuple[Frame, Mistakes]]]


def explain_mac(
    scheme: Scheme,
    keyring: Keyring,
    others: Mapping[str, Keyring],
    token: str,
    principal: Signable | None,
) -> Explanation:
    """Return the mistakes that explain a token with a code, which the scheme refuses.

    Args:
        scheme: The scheme, with the account's constants in its templates.
        keyring: The keys that are accepted.
        others: Keyrings of other environments, by name.
        token: The token, as it was received.
        principal: The principal that came with it, or None.
    """
    mac = scheme.mac
    assert mac is not None  # noqa: S101  # or its tokens are JWTs
    size = HASHES[mac.algorithm][1]
    frames, texts = Frames(scheme), SignedTexts(scheme, keyring.current)
    keys = candidate_keys(keyring, others, form=mac.key, variable=scheme.variable)
    all_ways = ways(mac.algorithm, mac.construction)
    found: list[Found] = []
    lengths = []
    readings = _readings(frames, token)
    for shown, read in [*readings.items()][:_MOST_READINGS]:
        wanted: list[Code] = []
        for frame, around in read:
            lengths.append(len(frame.code))
            wanted += [
                code._replace(mistakes=(*around, *code.mistakes))
                for code in codes(frame.code, mac.encoding, size)
                if len(around) + len(code.mistakes) <= MOST
            ]
        messages = texts.candidates(principal, dict(shown))
        found += search(wanted, keys, messages, all_ways)
    found = _simplest(found)
    if not found:
        return UNEXPLAINED._replace(remarks=_remarks(lengths, code_width(mac)))
    if found[0].mistakes:
        return explanation(found)
    values = {**dict(next(iter(readings))), **texts_of(principal)}
    signed = {name: text for name, text in values.items() if name in texts.names}
    return _of_a_right_code(scheme, found[0], signed)


def _readings(frames: Frames, token: str) -> _Readings:
    """Return the readings of a token, by the values that it shows."""
    found: _Readings = {}
    for outer in unwrapped(token):
        for frame in frames.read(outer.text):
            shown = frozenset(frame.shown.items())
            found.setdefault(shown, []).append((frame, (*outer.mistakes, *frame.mistakes)))
    return found


def _simplest(found: list[Found]) -> list[Found]:
    least = min((len(one.mistakes) for one in found), default=0)
    return [one for one in found if len(one.mistakes) == least]


def _remarks(lengths: list[int], wanted: int) -> Mistakes:
    """Return the remark that no reading has a code of the right length."""
    if not lengths or wanted in lengths:
        return ()
    which = str(min(lengths, key=lambda length: abs(length - wanted)))
    return (mistake("wrong_length", which=which, wanted=str(wanted)),)


def _of_a_right_code(scheme: Scheme, found: Found, signed: Mapping[str, str]) -> Explanation:
    """Explain why a token with the right code for the values *signed* is refused."""
    for name, text in signed.items():
        try:
            refused = scheme.rule(name).problem(identifier_text(text)) is not None
        except InvalidPrincipal:
            refused = True
        if refused:
            return explanation([Found((mistake("value_refused", name=name),), found.message)])
    return UNEXPLAINED._replace(signed=found.message.decode(errors="replace"))
