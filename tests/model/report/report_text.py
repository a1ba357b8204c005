"""A report's HTML as a test reads it: tables by their captions, figures by their names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Tag


class ReportText:
    """The parsed page."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_text(encoding="utf-8")
        start = self.text.index("<body>")
        stop = self.text.index("<script>", start)  # plotly's five megabytes need no parsing
        self.body = BeautifulSoup(self.text[start:stop], "html.parser")
        self.figures: dict[str, Any] = json.loads(self.body.find(id="figures").text)  # type: ignore[union-attr]

    def section(self, name: str) -> Tag:
        """The section with that id."""
        found = self.body.find("section", id=name)
        assert isinstance(found, Tag), name
        return found

    def sentences(self, name: str) -> str:
        """All text of a section, blanks made one."""
        return " ".join(self.section(name).get_text(" ").split())

    def table(self, caption: str) -> dict[str, dict[str, str]]:
        """Rows of the one table whose caption begins so: first cell → heading → cell. Equal headings get a number."""
        (found,) = [one for one in self.body.find_all("caption") if one.text.startswith(caption)]
        table = found.parent
        assert isinstance(table, Tag)
        head = [cell.text for cell in table.find("thead").find_all("tr")[-1].find_all("th")]  # type: ignore[union-attr]
        names = [
            f"{name} {head[:place].count(name) + 1}" if head.count(name) > 1 else name
            for place, name in enumerate(head)
        ]
        rows = {}
        for row in table.find("tbody").find_all("tr"):  # type: ignore[union-attr]
            first, *cells = [cell.text for cell in row.find_all(["th", "td"])]
            assert first not in rows, first
            rows[first] = dict(zip(names[1:], cells, strict=True))
        return rows

    def marked(self, caption: str) -> list[str]:
        """First cells of the marked rows of a table."""
        (found,) = [one for one in self.body.find_all("caption") if one.text.startswith(caption)]
        return [row.th.text for row in found.parent.find_all("tr", class_="marked")]
