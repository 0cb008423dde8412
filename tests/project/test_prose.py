"""Prose is plain English: no phrase that readers have to decode.

Each rule has the reason and a replacement. Text in backticks and code is not prose; the
comments and docstrings of code are.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from countermark.errors import REFUSALS
from countermark.verifying._refusals import HINTS

ROOT = Path(__file__).resolve().parents[2]

#: The texts that are checked. Add "source" to check src and the names of tests too.
COVERED = ["pages", "source"]


class Rule(NamedTuple):
    """A phrase to avoid, and the advice for its author."""

    phrase: str
    advice: str


NEGATION = "name the thing or the user: no one, anonymous, unknown, invalid"
ACTOR = "name the actor: the user, the client, the application"
TERM = "use the term of the trade"
ANYWHERE = [
    Rule(r"\bnobody('s)?\b", NEGATION),
    Rule(r"(?<!there )\b(is|are) (?-i:none)\b", NEGATION),
    Rule(r"\bwho(m)?ever\b", ACTOR),
    Rule(r"\bwhose (\w+ )?(it|they) (is|are)\b", f"{ACTOR}: the principal of the request"),
    Rule(r"\bwho (it|they) (is|are)\b", f"{ACTOR}: the current user, the identity"),
    Rule(r"(^|[.:] )(?-i:Who|Whose) (?![^.]*\?)", ACTOR),
    Rule(r"\bbesides?\b", "with, next to, in addition to"),
    Rule(r"\banew\b", "again"),
    Rule(r"(?-i:\bElse\b)|[;:] else\b", "otherwise"),
    Rule(r"\bfor ever\b", "forever, or a limit"),
    Rule(r"\b(tell|tells|told|telling) (\w+ ){0,4}apart\b", f"{TERM}: distinguish"),
    Rule(r"\blet(s|ting)? (\w+ ){0,2}in\b", f"{TERM}: allow"),
    Rule(r"\b(get|gets|got) in\b", f"{TERM}: is allowed"),
    Rule(r"\bturned away\b", f"{TERM}: refused"),
    Rule(r"\bgood (token|signature|deliver|JWT|MAC)", f"{TERM}: valid"),
    Rule(r"\b(token|signature|deliver)\w* (is|are) (not |no longer )?good\b", f"{TERM}: valid"),
    Rule(r"\bbad (token|signature|deliver)", f"{TERM}: invalid"),
    Rule(r"\b(token|key|claim|session)s? (has|have|that) end(s|ed)?\b", f"{TERM}: expired"),
    Rule(r"\b(end|ends) by (itself|themselves)\b", f"{TERM}: expires"),
    Rule(r"\b(a|the|own) ring\b|\bkeys? of (a|the) ring\b", f"{TERM}: keyring"),
    Rule(r"\bfigures\b", f"{TERM}: metrics, numbers, counts"),
    Rule(r"(?<!-)\brecipes?\b", f"{TERM}: scheme"),
    Rule(r"\b(come|comes|came) twice\b", f"{TERM}: duplicate, sent twice"),
    Rule(r"\b(ride|rides|rode) (on|too)\b", f"{TERM}: is sent with"),
    Rule(r"\bstands? (in|at|on|there|outside|inside|next)\b", "is; things do not stand"),
    Rule(r"\b(hear|hears) of\b", "is notified, detects"),
    Rule(
        r"\b(token|page|scheme|file|header|response|message|command|table|proxy|request)s?"
        r" (says?|wants?|tells?|knows?)\b",
        "things do not speak: specifies, contains, needs, shows",
    ),
    Rule(r"\bas (it|they) (is|are) written\b|\bto the letter\b", "exactly, unchanged"),
    Rule(r"\bwhat there is\b|\bof now\b", "say what to do, then why"),
]
#: Rules for the first words of docstrings.
OPENING = [
    Rule(r"^(What|Whose|Who|Whom|Whether)\b", "start with the noun: the outcome of, true if"),
    Rule(r"^From \w+( \w+)? to\b", "start with the verb: parses, converts"),
]

#: Allowed phrases, by the end of a path: the phrase as it is found, and the reason.
EXCEPTIONS: dict[tuple[str, str], str] = {}


class Text(NamedTuple):
    """A piece of prose, and its place."""

    path: Path
    line: int
    prose: str
    is_docstring: bool = False


def without_code(text: str) -> str:
    """Return *text* with backticked code and the targets of links left out, in as many lines."""

    def blank(found: re.Match[str]) -> str:
        return "\n" * found[0].count("\n") + "…"

    return re.sub(r"\]\([^)]*\)|https?://\S+", blank, re.sub(r"(`+)[^`]+?\1", blank, text))


def joined(text: str, line: int, path: Path, *, is_docstring: bool = False) -> Iterator[Text]:
    """Yield the paragraphs of *text*, each on one line, so that phrases across lines are found."""
    text, start = without_code(text), 0
    ends = [found.end() for found in re.finditer(r"\n\s*\n|\n(?=\s*([-*|#]|\d+\.) ?)", text)]
    for end in (*ends, len(text)):
        place = line + text.count("\n", 0, start)
        yield Text(path, place, " ".join(text[start:end].split()), is_docstring and not start)
        start = end


def texts_of_python(source: str, path: Path, first: int = 1) -> Iterator[Text]:
    """Yield the docstrings, comments and string literals of Python code."""
    docstrings = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body
            if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
                docstrings.add(body[0].lineno)
    comment: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind, line = tokenize.tok_name[token.type], token.start[0]
        if kind == "COMMENT":
            comment.append(token.string.lstrip("#: "))
            continue
        if comment and kind != "NL":
            yield from joined(" ".join(comment), first + line - len(comment), path)
            comment.clear()
        if kind in ("STRING", "FSTRING_MIDDLE"):
            # Neighbours are one text, but a phrase across two literals is rare.
            prose = token.string.strip("rbfRBF").strip("\"'")
            yield from joined(prose, first + line - 1, path, is_docstring=line in docstrings)


def text_of_template(path: Path) -> Text:
    """Return the text of a template without its tags and expressions."""
    text = path.read_text(encoding="utf-8")
    prose = re.sub(r"<code>.*?</code>|<[^>]*>|\{[{%#].*?[}%#]\}", " ", text, flags=re.DOTALL)
    return Text(path, 1, " ".join(prose.split()), is_docstring=False)


def texts_of_page(path: Path) -> Iterator[Text]:
    """Yield the paragraphs of a page, and the comments and strings of its Python code."""
    text = path.read_text(encoding="utf-8")
    for message in (*(f"{text.capitalize()}." for text in REFUSALS.values()), *HINTS.values()):
        text = text.replace(message, "…")  # quoted from the source, and checked there

    def blank(found: re.Match[str]) -> str:
        return "\n" * found[0].count("\n")

    for found in re.finditer(r"^ *```python\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE):
        try:
            ast.parse(found[1])
        except SyntaxError:  # an excerpt
            continue
        yield from texts_of_python(found[1], path, text.count("\n", 0, found.start(1)) + 1)
    yield from joined(
        re.sub(r"^ *```.*?^ *```$", blank, text, flags=re.DOTALL | re.MULTILINE), 1, path
    )


#: These are generated from the source and the data of the schemes.
GENERATED = ("vendors.md", "frameworks.md", "api.md")


def pages() -> Iterator[Text]:
    for path in [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md"))]:
        if path.name not in GENERATED:
            yield from texts_of_page(path)
    for path in sorted((ROOT / "docs/examples").rglob("*.py")):
        yield from texts_of_python(path.read_text(encoding="utf-8"), path)
    for path in sorted((ROOT / "src/countermark/demo/templates").glob("*.html")):
        yield text_of_template(path)


def source() -> Iterator[Text]:
    for name in GENERATED:
        yield from texts_of_page(ROOT / "docs" / name)
    for path in sorted((ROOT / "src").rglob("*.py")):
        yield from texts_of_python(path.read_text(encoding="utf-8"), path)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if test := re.match(r"\s*(?:async )?def test_(\w+)", line):
                yield Text(path, number, test[1].replace("_", " "))


TEXTS: dict[str, Callable[[], Iterator[Text]]] = {"pages": pages, "source": source}


def found_in(text: Text) -> Iterator[str]:
    """Yield a line for each phrase of *text* that a rule forbids."""
    for rule in [*ANYWHERE, *(OPENING if text.is_docstring else [])]:
        for found in re.finditer(rule.phrase, text.prose, re.IGNORECASE):
            place, phrase = text.path.relative_to(ROOT).as_posix(), found[0].strip(" .;:")
            if not any(place.endswith(end) and phrase == said for end, said in EXCEPTIONS):
                yield f"{place}:{text.line}: {phrase!r}; {rule.advice}"


@pytest.mark.parametrize("texts", COVERED)
def test_prose_is_plain(texts: str) -> None:
    assert [line for text in TEXTS[texts]() for line in found_in(text)] == []


@pytest.mark.parametrize(
    ("prose", "phrases"),
    [
        ("It is nobody's token.", ["nobody's"]),
        ("Whoever asks gets a good\ntoken.", ["Whoever", "good token"]),
        ("It lets everybody in.", ["lets everybody in"]),
        ("Keep `nobody` and ``whoever``.", []),
        ("[see](docs/recipe.md)", []),
        ("A valid token; otherwise the request is anonymous.", []),
    ],
)
def test_a_phrase_is_found_across_lines_and_not_in_code(prose: str, phrases: list[str]) -> None:
    lines = [line for text in joined(prose, 1, ROOT / "page.md") for line in found_in(text)]
    assert [line.split("'")[1] if '"' not in line else line.split('"')[1] for line in lines] == (
        phrases
    )


def test_comments_docstrings_and_strings_of_code_are_prose() -> None:
    code = '"""Whether it is."""\nx = f"{1} anew"  # nobody\n# The page\n# says so.\n'
    lines = [line for text in texts_of_python(code, ROOT / "x.py") for line in found_in(text)]
    assert [line.split("'")[1] for line in lines] == ["Whether", "anew", "nobody", "page says"]
