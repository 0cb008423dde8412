"""The keys that may have signed: those of the keyring, of other environments, and mistaken ones."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode, urlsafe_b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from countermark.errors import InvalidKey
from countermark.keys._keyring import Key, Keyring
from countermark.keys._secret import SecretKey
from countermark.mistakes._catalogue import Mistake, mistake
from countermark.mistakes._explanation import Mistakes
from countermark.mistakes._search import CandidateKey

_Change = Callable[[bytes], "bytes | None"]

_ENCODED: Final = {"hex": "hexadecimal", "base64": "base64"}


def candidate_keys(
    keyring: Keyring,
    others: Mapping[str, Keyring],
    *,
    form: str = "text",
    prefix: str = "",
    variable: str = "",
) -> list[CandidateKey]:
    """Return the keys that may have signed, those without a mistake first.

    Args:
        keyring: The keys that are accepted.
        others: Keyrings of other environments, by name.
        form: The encoding of secrets: ``text``, ``hex`` or ``base64``.
        prefix: The text that may precede secrets and is not a part of them.
        variable: The name of the environment variable, or "".
    """
    found = [
        candidate
        for key, steps in all_keys(keyring, others)
        if isinstance(key, SecretKey)
        for candidate in _candidates(key, steps, form, prefix)
    ]
    return [*found, *_without_secret(keyring, variable)]


def all_keys(keyring: Keyring, others: Mapping[str, Keyring]) -> Iterator[tuple[Key, Mistakes]]:
    """Yield the keys of a keyring, and those of other environments with that mistake."""
    for _, key in keyring.by_role():
        yield key, ()
    for name, ring in others.items():
        for _, key in ring.by_role():
            yield key, (mistake("other_environment", name=name),)


def _candidates(key: SecretKey, steps: Mistakes, form: str, prefix: str) -> Iterator[CandidateKey]:
    with suppress(InvalidKey):
        yield CandidateKey(key.written(form, prefix), steps)
    if form != "text":
        as_text = (*steps, mistake("secret_not_decoded", which=_ENCODED[form]))
        yield CandidateKey(key, as_text)
        bare = key._changed(lambda secret: secret.removeprefix(prefix.encode()))
        if bare is not None:
            yield CandidateKey(bare, as_text)
        for decode in (_decoded_by_node, _decoded_by_python):
            lenient = key._changed(decode) if prefix and form == "base64" else None
            if lenient is not None:
                yield CandidateKey(lenient, (*steps, mistake("secret_prefix_decoded")))
        steps = as_text
    for code, which, change in _CHANGES:
        try:
            changed = key._changed(change)
        except ValueError:  # it is not encoded in this way
            continue
        if changed is not None:
            yield CandidateKey(changed, (*steps, mistake(code, which=which)))


def _without_secret(keyring: Keyring, variable: str) -> Iterator[CandidateKey]:
    """Yield the keys that are there when the secret is missing: none of them is secret."""
    key = keyring.current
    assert isinstance(key, SecretKey)  # noqa: S101  # the verifier has checked
    for text, which in _INSTEAD.items():
        yield _instead(key, text, mistake("secret_empty", which=which))
    if variable:
        for text in (variable, f"${variable}", f"${{{variable}}}", f"{{{{{variable}}}}}"):
            yield _instead(key, text, mistake("secret_variable_name"))


def _instead(key: SecretKey, text: str, step: Mistake) -> CandidateKey:
    return CandidateKey(key._changed(lambda secret: text.encode()) or key, (step,))


def _with(before: str = "", after: str = "") -> _Change:
    """Return the change that puts text around a secret that does not have it yet."""
    head, tail = before.encode(), after.encode()

    def change(secret: bytes) -> bytes | None:
        has = (head and secret.startswith(head)) or (tail and secret.endswith(tail))
        return None if has else head + secret + tail

    return change


def _cut_at(character: str) -> _Change:
    return lambda secret: secret.partition(character.encode())[0] or None


def _without_quotes(secret: bytes) -> bytes | None:
    quoted = len(secret) > 2 and secret[:1] == secret[-1:] and secret[:1] in b"\"'"
    return secret[1:-1] if quoted else None


def _without_prefix(secret: bytes) -> bytes | None:
    return re.sub(rb"^(v1,)?([A-Za-z0-9]+_)+", b"", secret) or None


def _from_hex(secret: bytes) -> bytes | None:
    return bytes.fromhex(secret.decode("ascii")) or None


def _from_base64(secret: bytes) -> bytes | None:
    if not re.fullmatch(rb"[A-Za-z0-9+/_-]+={0,2}", secret):
        return None
    bare = secret.rstrip(b"=")
    return urlsafe_b64decode(bare.translate(_TO_URL_SAFE) + b"=" * (-len(bare) % 4))


def _decoded_by_node(secret: bytes) -> bytes:
    """Decode base64 as Buffer.from() does, which takes an underscore for a slash."""
    return _decoded_by_python(secret.translate(_TO_STANDARD))


def _decoded_by_python(secret: bytes) -> bytes:
    """Decode base64 as b64decode() does: characters that are not of it are skipped."""
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", secret)
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return b64decode(letters + b"=" * (-len(letters) % 4))


_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_TO_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_AROUND: Final = {
    "\n": "a newline at the end",
    "\r\n": "a carriage return and newline at the end",
    " ": "a space at the end",
    "\t": "a tab at the end",
}
_CHANGES: Final[tuple[tuple[str, str, _Change], ...]] = (
    *(("secret_white_space", which, _with(after=text)) for text, which in _AROUND.items()),
    ("secret_white_space", "a space at the beginning", _with(" ")),
    ("secret_white_space", "a byte order mark at the beginning", _with("\ufeff")),
    ("secret_quoted", "has", _with('"', '"')),
    ("secret_quoted", "has", _with("'", "'")),
    ("secret_quoted", "left out the", _without_quotes),
    ("secret_bytes_repr", "", lambda secret: str(secret).encode()),
    ("secret_prefix_added", "whsec_", _with("whsec_")),
    ("secret_prefix_added", "v1,", _with("v1,")),
    ("secret_prefix_added", "v1,whsec_", _with("v1,whsec_")),
    ("secret_prefix_removed", "", _without_prefix),
    ("secret_decoded", "hexadecimal", _from_hex),
    ("secret_decoded", "base64", _from_base64),
    ("secret_encoded", "base64", b64encode),
    ("secret_encoded", "hexadecimal", lambda secret: secret.hex().encode()),
    ("secret_case", "lower", bytes.lower),
    ("secret_case", "upper", bytes.upper),
    ("secret_url_encoded", "percent-encoded", lambda secret: quote(secret, safe="").encode()),
    ("secret_url_encoded", "with its percent-encoding removed", unquote_to_bytes),
    ("secret_url_encoded", "with spaces in the place of +", lambda s: s.replace(b"+", b" ")),
    *(("secret_cut_off", repr(mark), _cut_at(mark)) for mark in "#$&=; %"),
)

#: Texts that sign in place of a missing secret.
_INSTEAD: Final = {
    "": "an empty text",
    "undefined": "'undefined'",
    "None": "'None'",
    "null": "'null'",
    "secret": "the placeholder 'secret'",
    "changeme": "the placeholder 'changeme'",
}
