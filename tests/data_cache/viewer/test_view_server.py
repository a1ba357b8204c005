"""The viewer's server: who may ask, what it answers against the cache, and the one thing it saves."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_cache.contract.reader import CacheReader, open_cache
from data_cache.contract.records import Modality, Status
from data_cache.contract.skeleton import JOINTS
from data_cache.contract.track_marks import read_marks
from data_cache.viewer.page_server import PageServer
from tests.data_cache.viewer.viewed_files import make_split, served


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_split(tmp_path_factory.mktemp("view"))


@pytest.fixture
def server(files: tuple[Path, Path], tmp_path: Path) -> Iterator[PageServer]:
    with served(*files, tmp_path / "marks.json") as running:
        yield running


@pytest.fixture(scope="module")
def reader(files: tuple[Path, Path]) -> Iterator[CacheReader]:
    with open_cache(files[0]) as opened:
        yield opened


def ask(
    server: PageServer, path: str, method: str = "GET", body: bytes | None = None, token: str = "", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, f"/{token or server.token}{path}", body, named)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, dict(response.getheaders()), content


def values(server: PageServer, path: str) -> Any:
    status, _, body = ask(server, path)
    assert status == 200, body
    return json.loads(body)


def save(server: PageServer, revision: str, marks: list[dict[str, Any]]) -> tuple[int, Any]:
    body = json.dumps({"revision": revision, "marks": marks}).encode()
    status, _, answer = ask(server, "/api/marks", "POST", body, Content_Type="application/json")
    return status, json.loads(answer)


def test_only_who_knows_the_token_and_comes_from_here_is_answered(server: PageServer) -> None:
    port = server.server_port
    assert server.server_address[0] == "127.0.0.1"
    assert ask(server, "/")[0] == 200
    assert ask(server, "/", Host=f"localhost:{port}", Origin=f"http://localhost:{port}")[0] == 200
    for token in ("x", server.token[:-1], server.token + "x", "%C3%BC"):
        assert ask(server, "/", token=token)[0] == 404
    for host in ("evil.example", f"evil.example:{port}", f"127.0.0.1:{port + 1}", "127.0.0.1"):
        assert ask(server, "/", Host=host)[0] == 403
    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"):
        assert ask(server, "/api/file", Origin=origin)[0] == 403
        assert ask(server, "/api/marks", "POST", b"{}", Origin=origin)[0] == 403
    status, headers, _ = ask(server, "")
    assert (status, headers["Location"]) == (308, f"/{server.token}/")


def test_every_answer_holds_the_page_in_and_other_methods_are_refused(server: PageServer) -> None:
    for status, headers, _ in (
        ask(server, "/"),
        ask(server, "/none"),
        ask(server, "/", "PUT"),
        ask(server, "/", token="x"),
    ):
        assert headers["Content-Security-Policy"].startswith("default-src 'none'"), status
        assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")
        assert headers["Referrer-Policy"] == "no-referrer"
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
        assert ask(server, "/api/marks", method)[0] == 501
    status, headers, body = ask(server, "/", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) == len(ask(server, "/")[2])


@pytest.mark.parametrize(
    "path",
    [
        "/page/../answers.py",
        "/page/%2e%2e/answers.py",
        "//etc/passwd",
        "/page//etc/passwd",
        "/page/",
        "/api/frames/../../x/picture",
        "/api/frames/-1/picture",
        "/api/frames/99999/picture",
        "/api/frames/99999/edges",
        "/api/tracks/13",
    ],
)
def test_no_address_leads_out_of_the_page_and_the_rows(server: PageServer, path: str) -> None:
    assert ask(server, path)[0] == 404


def test_a_track_is_that_of_the_cache(server: PageServer, reader: CacheReader, files: tuple[Path, Path]) -> None:
    points = reader.read("keypoints", 0, reader.frames)
    score = reader.read("score", 0, reader.frames)
    size = reader.read("size", 0, reader.frames)
    for track in range(len(reader.tracks)):
        shown = values(server, f"/api/tracks/{track}")
        assert shown["person"] == reader.tracks.person[track]
        assert shown["camera"] == reader.tracks.camera[track]
        assert shown["modality"] == Modality(int(reader.tracks.modality[track])).name.lower()
        rows = range(int(reader.tracks.start[track]), int(reader.tracks.stop[track]))
        assert [frame["row"] for frame in shown["list"]] == list(rows)
        for frame, row in zip(shown["list"], rows, strict=True):
            assert frame["path"] == reader.paths[row]
            assert frame["size"] == size[row].tolist()
            assert frame["status"] == Status(int(reader.status[row])).name.lower()
            usable = reader.status[row] == Status.OK
            for joint in range(17):
                assert frame["keypoints"][joint] == (points[row, joint].tolist() if usable else None)
                assert frame["score"][joint] == (float(score[row, joint]) if usable else None)
            exists = (files[1] / reader.paths[row]).is_file()
            assert (frame["problem"] == "") == exists
            status, headers, body = ask(server, f"/api/frames/{row}/picture")
            assert status == (200 if exists else 404)
            if exists:
                assert headers["Content-Type"] == "image/jpeg"
                assert body == (files[1] / reader.paths[row]).read_bytes()


def figures(reader: CacheReader, track: int) -> tuple[float, float, int, int]:
    """Mean score, share of the least seen joint, worst frame within the track, bad frames: by a loop."""
    start, stop = int(reader.tracks.start[track]), int(reader.tracks.stop[track])
    score = reader.read("score", start, stop).astype(np.float64)
    good = [place for place in range(stop - start) if reader.status[start + place] == Status.OK]
    if not good:
        return -1.0, -1.0, -1, stop - start
    mean = sum(score[place].mean() for place in good) / len(good)
    least = min(sum(score[place, joint] >= np.float32(0.3) for place in good) / len(good) for joint in range(17))
    return mean, least, min(good, key=lambda place: score[place].mean()), stop - start - len(good)


def test_the_list_filters_and_sorts_as_a_loop_does(server: PageServer, reader: CacheReader) -> None:
    tracks = reader.tracks
    known = {track: figures(reader, track) for track in range(len(tracks))}
    for row in values(server, "/api/tracks")["tracks"]:
        mean, least, worst, bad = known[row["track"]]
        assert row["bad"] == bad
        if mean >= 0:
            assert row["mean"] == pytest.approx(mean, abs=1e-6)
            assert row["worst_share"] == pytest.approx(least)
            assert row["worst_frame"] == worst
            assert row["worst_joint"] in JOINTS
    for sort, place in (("mean", 0), ("share", 1)):
        found = [row["track"] for row in values(server, f"/api/tracks?sort={sort}")["tracks"]]
        assert found == sorted(known, key=lambda track: (round(known[track][place], 9), track))
    for name, column, wanted, text in (
        ("person", tracks.person, 2, "2"),
        ("camera", tracks.camera, 3, "3"),
        ("modality", tracks.modality, Modality.INFRARED, "infrared"),
    ):
        found = values(server, f"/api/tracks?{name}={text}")
        expected = [track for track in range(len(tracks)) if column[track] == wanted]
        assert [row["track"] for row in found["tracks"]] == expected
        assert 0 < found["total"] == len(expected) < len(tracks)
    bad = [row["track"] for row in values(server, "/api/tracks?bad=yes")["tracks"]]
    assert bad == [track for track in known if known[track][3]]
    changed = values(server, "/api/tracks?marked=yes&also=3,5&without=5")
    assert [row["track"] for row in changed["tracks"]] == [3]


def test_next_walks_through_the_list_and_ends(server: PageServer) -> None:
    order = [row["track"] for row in values(server, "/api/tracks?sort=mean")["tracks"]]
    walked = [values(server, "/api/next?sort=mean")["track"]]
    while (following := values(server, f"/api/next?sort=mean&track={walked[-1]}")["track"]) is not None:
        walked.append(following)
    assert walked == order
    assert values(server, f"/api/next?sort=mean&track={order[4]}&back=yes")["track"] == order[3]
    assert values(server, f"/api/next?sort=mean&track={order[0]}&back=yes")["track"] is None


@pytest.mark.parametrize("query", ["person=x", "modality=radar", "sort=up", "why=1", "offset=-1", "also=1,,2", "&&"])
def test_what_makes_no_sense_is_a_sentence(server: PageServer, query: str) -> None:
    status, _, body = ask(server, f"/api/tracks?{query}")
    assert status == 400
    assert json.loads(body)["error"]


def test_edges_and_graphs_are_those_beside(server: PageServer, files: tuple[Path, Path], reader: CacheReader) -> None:
    row = int(np.flatnonzero(reader.status == Status.OK)[3])
    beside = files[0].parent.parent
    with open_cache(beside / "edges" / "train.h5") as edges, open_cache(beside / "graphs" / "train.h5") as graphs:
        shown = values(server, f"/api/frames/{row}/edges")
        stored = edges.read("edges", row, row + 1)[0]
        graph = values(server, f"/api/frames/{row}/graphs")
        nodes, seen = graphs.read("nodes", row, row + 1)[0], graphs.read("seen", row, row + 1)[0]
        for a in range(17):
            assert graph["nodes"][a] == nodes[a].tolist()
            assert graph["seen"][a] == bool(seen[a])
            for b in range(17):
                assert shown["distance"][a][b] == float(stored[a, b, 0])
                assert shown["angle"][a][b] == float(stored[a, b, 1])
        assert graph["spatial_edges"] == graphs.read("/graph/spatial_edges", 0, 2).T.tolist()
    assert shown["unit"] == "crop heights"
    assert "temporal edges" in graph["temporal"]


def test_marks_are_saved_whole_and_never_over_others(server: PageServer, reader: CacheReader, tmp_path: Path) -> None:
    path = tmp_path / "marks.json"
    assert values(server, "/api/marks") == {"revision": "", "marks": []}
    status, saved = save(server, "", [{"track": 7, "note": "zwei Personen"}, {"track": 2, "note": ""}])
    assert status == 200
    marks = read_marks(path)
    assert marks.rows_in(reader.tracks, reader.paths).tolist() == [2, 7]
    assert marks.tracks[1].note == "zwei Personen"
    assert values(server, "/api/marks") == saved
    before = path.read_bytes()
    assert save(server, "", [])[0] == 409
    for bad in (
        [{"track": 13, "note": ""}],
        [{"track": 1, "note": "a\nb"}],
        [{"track": 1}],
        [{"track": True, "note": ""}],
    ):
        status, answer = save(server, saved["revision"], bad)
        assert (status, bool(answer["error"])) == (400, True)
    assert path.read_bytes() == before
    assert save(server, saved["revision"], [])[0] == 200
    assert read_marks(path).tracks == ()
    assert [file.name for file in tmp_path.iterdir()] == ["marks.json"]


def test_bodies_are_bounded_and_of_one_kind(server: PageServer, tmp_path: Path) -> None:
    json_kind = {"Content_Type": "application/json"}
    assert ask(server, "/api/marks", "POST", b"{}")[0] == 415
    assert ask(server, "/api/marks", "POST", b"{", **json_kind)[0] == 400
    assert ask(server, "/api/marks", "POST", b"[" * 50_000, **json_kind)[0] == 400
    assert ask(server, "/api/file", "POST", b"{}", **json_kind)[0] == 404
    assert ask(server, "/api/marks", "POST", b"", Content_Length="99999999999", **json_kind)[0] == 413
    assert ask(server, "/api/marks", "POST", b"", Content_Length="-1", **json_kind)[0] == 411
    assert list(tmp_path.iterdir()) == []
