"""Regular expressions of schemes, in the part of the syntax that means the same in JavaScript.

The whole text must match, as with ``re.fullmatch`` here and ``^(?:…)$`` with the flag ``u`` there.
"""

from __future__ import annotations

import re

from countermark.errors import ConfigurationError, InvalidScheme

# One character. \d, \w and \s are missing: they are ASCII in JavaScript, and Unicode in Python.
_ESCAPE = r"\\[\\^$.*+?()\[\]{}|/]"
# Doubled punctuation in a class is reserved in both languages.
_IN_CLASS = rf"(?!--|&&|~~|\|\|)(?:[^\\\[\]]|{_ESCAPE}|\\-)"
_CLASS = rf"\[\^?(?!\^){_IN_CLASS}(?:{_IN_CLASS})*\]"
_ONE = rf"(?:[^\\\[\](){{}}*+?|^$]|{_ESCAPE}|{_CLASS})"
# Without a second quantifier, which would be possessive in Python and an error in JavaScript.
_REPEATED = r"(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})\??(?![*+?{])"
_LOOKAHEAD = rf"\(\?[=!](?:{_ONE}|[|^$]|{_REPEATED})*\)(?![*+?{{])"
_PORTABLE = rf"(?:{_ONE}|[|^$]|{_REPEATED}|{_LOOKAHEAD}|\((?:\?:|(?!\?))|\))*"


def checked_pattern(
    pattern: object, where: str, error: type[ConfigurationError] = ConfigurationError
) -> str:
    """Return *pattern* if it is a regular expression.

    Args:
        pattern: The pattern.
        where: The beginning of the message.
        error: The class of the error.

    Raises:
        ConfigurationError: The pattern is invalid.
    """
    if not isinstance(pattern, str):
        raise error(f"{where} must be a str, not {type(pattern).__name__}")
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as problem:
        raise error(f"{where} is not a valid regular expression: {problem}") from None
    return pattern


def checked_portable_pattern(pattern: str, where: str) -> str:
    """Return *pattern* if it is a regular expression with one meaning in Python and JavaScript.

    Raises:
        InvalidScheme: It is invalid, or uses more than both have; the message begins with *where*.
    """
    if not re.fullmatch(_PORTABLE, pattern):
        raise InvalidScheme(
            f"{where} must mean the same in Python and JavaScript; use classes such as"
            r" [A-Za-z0-9_-], groups, | and quantifiers, and neither \d, \w or \s nor flags"
        )
    return checked_pattern(pattern, where, InvalidScheme)
