"""CITATION.cff, checked without a network: the keys that format 1.2.0 asks for, and the same facts as the package."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CITATION: dict[str, Any] = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_keys_of_the_format_are_there() -> None:
    assert {"cff-version", "message", "title", "authors"} <= CITATION.keys()
    assert (CITATION["cff-version"], CITATION["type"]) == ("1.2.0", "software")
    assert CITATION["authors"] == [{"name": "The STAR developers"}]


def test_it_says_of_the_software_what_the_package_says() -> None:
    assert (CITATION["version"], CITATION["license"]) == (PROJECT["version"], PROJECT["license"])
    assert CITATION["title"] == PROJECT["description"]


def test_the_paper_is_cited_with_its_own_authors() -> None:
    (paper,) = CITATION["references"]
    assert {"type", "title", "authors"} <= paper.keys()
    assert "Skeleton-Guided Spatial-Temporal Feature Learning" in paper["title"]
    assert [author["family-names"] for author in paper["authors"]] == ["Jiang", "Zhu", "Gao", "Liao"]
    assert all(author["given-names"] for author in paper["authors"])
