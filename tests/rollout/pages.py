"""Reads the page of a rollout as a browser does, and refuses markup that is not balanced."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"link", "meta"}


class Page(HTMLParser):
    """The elements and texts of a page.

    Attributes:
        elements: Each element with its attributes, in order.
        tables: The rows of each table by its caption; a row is the texts of its cells.
        text: All texts outside the style and the script.
        raw: The contents of the style and the script, by element.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.raw: dict[str, str] = {}
        self._texts: list[str] = []
        self._open: list[str] = []
        self._rows: list[list[str]] = []
        self.feed(html)
        self.close()
        assert self._open == []
        self.text = " ".join(" ".join(self._texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute of {tag} is given twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "table":
            self._rows = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in {"th", "td"}:
            self._rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in {"style", "script"}:
            self.raw[self._open[-1]] = data
            return
        self._texts.append(data)
        if "caption" in self._open:
            self.tables[data] = self._rows
        elif "th" in self._open or "td" in self._open:
            self._rows[-1][-1] = f"{self._rows[-1][-1]} {data}".strip()

    def all(self, name: str, **attributes: str) -> list[dict[str, str | None]]:
        """Return the attributes of the elements called *name* that have *attributes*."""
        wanted = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
        return [
            found for tag, found in self.elements if tag == name and wanted.items() <= found.items()
        ]
