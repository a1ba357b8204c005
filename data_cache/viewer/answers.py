"""What the viewer answers: the page's own files, JSON about the split, pictures, and the one thing it saves."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from command_line.json_data import parse_json
from command_line.run_command import one_line
from data_cache.viewer.saved_marks import StaleMarksError, parse_posted
from data_cache.viewer.track_query import WrongRequestError, parse_query, parse_whole
from data_cache.viewer.viewed_split import NoSuchRowError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from data_cache.viewer.viewed_split import ViewedSplit

    Route = Callable[[re.Match[str], dict[str, str]], "Answer"]

logger = logging.getLogger(__name__)

MAX_POSTED = 16 << 20  # bytes: every track of the largest split with the longest note
_PAGE = Path(__file__).with_name("page")
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


@dataclass(frozen=True)
class Answer:
    """Status, media type and body of a response, and where to ask instead."""

    status: int
    kind: str
    body: bytes
    location: str = ""


def json_answer(values: Mapping[str, Any], status: int = 200) -> Answer:
    """Return values as JSON in ASCII, as a file's name need not be UTF-8; ValueError for NaN, a mistake of ours."""
    return Answer(status, "application/json", json.dumps(values, allow_nan=False).encode())


def refuse(status: int, sentence: str) -> Answer:
    """Return the sentence that the page shows."""
    return json_answer({"error": sentence}, status)


class Answers:
    """All answers about one split. The page's files are read at the start, so that no address names a file."""

    def __init__(self, split: ViewedSplit) -> None:
        self._split = split
        self._files = {
            f"/page/{file.name}": Answer(200, f"{_KINDS[file.suffix]}; charset=utf-8", file.read_bytes())
            for file in _PAGE.iterdir()
            if file.suffix in _KINDS
        }
        self._routes: tuple[tuple[re.Pattern[str], Route], ...] = (
            (re.compile(r"/api/file"), lambda _, given: json_answer(split.describe())),
            (re.compile(r"/api/tracks"), lambda _, given: self._list(given)),
            (re.compile(r"/api/next"), lambda _, given: self._next(given)),
            (re.compile(r"/api/tracks/([0-9]{1,9})"), lambda m, given: json_answer(split.show_track(int(m[1])))),
            (re.compile(r"/api/frames/([0-9]{1,9})/picture"), lambda m, given: self._picture(int(m[1]))),
            (
                re.compile(r"/api/frames/([0-9]{1,9})/(edges|graphs)"),
                lambda m, given: json_answer(split.show_guidance(m[2], int(m[1]))),
            ),
            (re.compile(r"/api/marks"), lambda _, given: json_answer(split.show_marks())),
        )

    def get(self, path: str, query: str) -> Answer:
        """Answer a GET of `path`, the part behind the token; mistakes of the data or the asker become a sentence."""
        page = self._files.get("/page/index.html" if path == "/" else path)
        if page is not None:
            return page
        for pattern, answer in self._routes:
            if match := pattern.fullmatch(path):
                return _answer_errors(partial(self._make, answer, match, query))
        return refuse(404, "nothing here")

    def _make(self, answer: Route, match: re.Match[str], query: str) -> Answer:
        return answer(match, _parameters(query))

    def post(self, path: str, body: bytes) -> Answer:
        """Save the marks that `body` lists; nothing else is ever saved."""
        if path != "/api/marks":
            return refuse(404, "nothing here")
        return _answer_errors(lambda: json_answer(self._split.save_marks(parse_posted(_parse_json(body)))))

    def _list(self, given: dict[str, str]) -> Answer:
        offset = parse_whole(given, "offset") or 0
        given.pop("offset", None)
        return json_answer(self._split.list_tracks(parse_query(given), offset))

    def _next(self, given: dict[str, str]) -> Answer:
        track = parse_whole(given, "track")
        step = -1 if given.get("back") == "yes" else 1
        for name in ("track", "back"):
            given.pop(name, None)
        return json_answer(self._split.next_track(parse_query(given), track, step))

    def _picture(self, row: int) -> Answer:
        kind, content = self._split.show_picture(row)
        return Answer(200, kind, content)


def _parameters(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=20)
    except ValueError as error:
        raise WrongRequestError(f"parameters: {error}") from None
    return dict(pairs)


def _parse_json(body: bytes) -> Any:
    try:
        return parse_json(body)
    except ValueError:
        raise WrongRequestError("marks: expected JSON, got something else") from None


def _answer_errors(make: Callable[[], Answer]) -> Answer:
    """Turn what went wrong into its sentence: 404 not there, 400 asked wrongly, 409 saved elsewhere, 500 the data."""
    try:
        return make()
    except NoSuchRowError as error:
        return refuse(404, one_line(error))
    except WrongRequestError as error:
        return refuse(400, one_line(error))
    except StaleMarksError as error:
        return refuse(409, one_line(error))
    except (ValueError, KeyError, OSError) as error:
        logger.warning("%s", one_line(error))
        return refuse(500, one_line(error))
