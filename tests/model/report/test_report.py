"""The report says what the files say: every figure against the files, or against a naive computation from them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from data_cache.contract.skeleton import JOINTS
from model.__main__ import main
from model.evaluation.clip_lengths import ClipLengths, LengthMetrics
from model.retrieval.ranking import DIRECTIONS
from tests.model.report.report_runs import EPOCHS, write_report_tree
from tests.model.report.report_text import ReportText

HOME = Path("artifacts/tiny/runs")
OUT = Path("artifacts/tiny/reports/full.html")
KEYS = ("rank-1", "rank-5", "rank-10", "rank-20", "mAP", "mINP")
EXPONENTS = {"one-one": ([0.5, 2.0], 0.31), "none-two": ([1.0, 2.0, 3.0], 0.62), "one-one-b": ([0.9, 5.0], 0.47)}


def edited(source: Path, target: Path, config: dict[str, Any], average: float, **protocol: Any) -> None:
    """A metrics.json with other settings and another mAP both ways (by a hundredth more the second way)."""
    content = json.loads(source.read_text())
    content["provenance"]["config"].update(config)
    content["provenance"]["protocol"].update(protocol)
    for number, direction in enumerate(DIRECTIONS):
        content[direction]["mAP"] = average + number / 100
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(content))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree, with runs of other exponents, clip lengths, and the report without heat maps."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_report_tree()
        source = HOME / "full/metrics.json"
        model = json.loads(source.read_text())["provenance"]["config"]["model"]
        for name, (exponents, average) in EXPONENTS.items():
            config = {"name": name, "model": {**model, "exponents": exponents}}
            edited(source, HOME / name / "metrics.json", config, average)
        other = {"name": "wider", "model": {**model, "exponents": [2.0], "edge_hidden": 77}}
        edited(source, HOME / "wider/metrics.json", other, 0.9)
        (HOME / "broken").mkdir()
        (HOME / "broken/metrics.json").write_text("{}")
        for name, step in (("full", 0.0), ("baseline", 0.2)):
            home = HOME / name
            edited(
                home / "metrics.json", home / "protocols/frames-5/metrics.json", {}, 0.55 - step, frames=5, label="x"
            )
            results = json.loads((home / "metrics.json").read_text())
            lengths = tuple(
                LengthMetrics(frames, {d: {**results[d], "mAP": value} for d in DIRECTIONS})
                for frames, value in ((2, 0.25 - step), (5, 0.99))
            )
            (home / "clip_lengths.json").write_bytes(ClipLengths(lengths, results["provenance"]).to_json())
        assert main(["report", "--config", "full.yaml", "--clips", "0", "--queries", "2"]) == 0
    return folder


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


@pytest.fixture(scope="module")
def page(folder: Path) -> ReportText:
    return ReportText(folder / OUT)


def metrics(name: str = "full") -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = json.loads((HOME / name / "metrics.json").read_text())
    return found


def naive_ranking(direction: str, name: str = "full") -> dict[int, list[tuple[int, int, float]]]:
    """Query track → (track, person, similarity) of its list, by loops over features.h5."""
    query, gallery = direction.split("_to_")
    found = {}
    with h5py.File(HOME / name / "features.h5") as file:
        for q in range(len(file[query]["track"])):
            person, camera = file[query]["person"][q], file[query]["camera"][q]
            listed = []
            for g in range(len(file[gallery]["track"])):
                if file[gallery]["person"][g] == person and file[gallery]["camera"][g] == camera:
                    continue
                similarity = float(np.dot(file[query]["features"][q], file[gallery]["features"][g]))
                listed.append((int(file[gallery]["track"][g]), int(file[gallery]["person"][g]), similarity))
            found[int(file[query]["track"][q])] = sorted(listed, key=lambda one: (-one[2], one[0]))
    return found


def naive_precision(listed: list[tuple[int, int, float]], person: int) -> float | None:
    """AP by its definition."""
    hits, total = 0, 0.0
    for rank, (_, other, _) in enumerate(listed, start=1):
        if other == person:
            hits += 1
            total += hits / rank
    return total / hits if hits else None


def persons(direction: str) -> dict[int, int]:
    """Query track → person."""
    with h5py.File(HOME / "full/features.h5") as file:
        group = file[direction.split("_to_")[0]]
        return dict(zip(group["track"][...].tolist(), group["person"][...].tolist(), strict=True))


def test_the_head_says_what_was_run_and_warns(page: ReportText) -> None:
    facts = {one.dt.text: one.dd.text for one in page.body.find_all("div") if one.dt}
    assert facts["Variant"] == "full"
    assert facts["Checkpoint"] == "step-00000123.safetensors, after 123 steps"
    assert facts["Tested on"] == "test split of tiny, 4 persons"
    assert facts["Protocol"].startswith("one clip of 3 frames a track; infrared → visible: 6 queries, 7 tracks in the")
    assert facts["Compared with"] == "baseline"
    assert "Only 4 persons were tested: one query more or less moves rank-1 by 16.7%." in page.sentences("run")
    assert "holds pictures of persons" in page.sentences("run")
    assert "licence" in page.sentences("run")


def test_the_results_are_those_of_the_files(page: ReportText) -> None:
    own = page.table("This run")
    for direction in DIRECTIONS:
        column = {name: row[direction.replace("_to_", " → ")] for name, row in own.items()}
        assert [column.pop(key) for key in KEYS] == [f"{100 * metrics()[direction][key]:.2f}" for key in KEYS]
        query, gallery = ({"infrared": "6", "visible": "7"}[side] for side in direction.split("_to_"))
        assert column == {"queries": query, "gallery": gallery}
    runs = page.table("Runs on tiny")
    assert list(runs) == ["baseline", "full", "none-two", "one-one", "one-one-b", "wider"]
    assert page.marked("Runs on tiny") == ["full"]
    for name in runs:
        for number, direction in enumerate(DIRECTIONS, start=1):
            wanted = [f"{100 * metrics(name)[direction][key]:.2f}" for key in KEYS]
            assert [runs[name][f"{key} {number}"] for key in KEYS] == wanted
    assert runs["baseline"]["also differs in"] == "nothing else"
    assert runs["wider"]["also differs in"] == "model.edge_hidden 77, model.exponents [2.0]"
    assert "Left out: artifacts/tiny/runs/broken/metrics.json: expected the metrics.json" in page.sentences("results")


def test_the_published_figures_stand_apart(page: ReportText) -> None:
    (apart,) = page.section("results").find_all("aside")
    assert apart.h3.text == "Published on HITSZ-VCM, not comparable"
    assert len(apart.find_all("table")) == 2
    assert len(page.section("results").find_all("table")) == 4
    assert not any("this run" in row.text for row in apart.find_all("tr"))


def test_losses_and_rate_are_those_that_were_logged(page: ReportText) -> None:
    tables = sorted((HOME / "full/live/plots/metrics").glob("loss/*.tsv"))
    assert len(tables) == 6
    for path in (*tables, HOME / "full/live/plots/metrics/learning_rate.tsv"):
        name = f"curve-loss-{path.stem}" if path.parent.name == "loss" else f"curve-{path.stem}"
        own, theirs = page.figures[name]["data"]
        for trace, run in ((own, "full"), (theirs, "baseline")):
            rows = [line.split("\t") for line in Path(str(path).replace("full", run)).read_text().splitlines()[1:]]
            assert trace["x"] == [int(step) + 1 for step, _ in rows] == list(range(1, EPOCHS + 1))
            assert trace["y"] == [float(value) for _, value in rows]
        assert (own["line"]["dash"], theirs["line"]["dash"]) == ("solid", "dash")


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", ["full", "baseline"])
def test_cmc_is_that_of_a_loop(page: ReportText, direction: str, name: str) -> None:
    trace = page.figures[f"cmc-{direction}"]["data"][("full", "baseline").index(name)]
    person, best = persons(direction), []
    for track, listed in naive_ranking(direction, name).items():
        ranks = [rank for rank, (_, other, _) in enumerate(listed, start=1) if other == person[track]]
        best += ranks[:1]
    assert trace["x"] == list(range(1, len(trace["x"]) + 1))
    assert trace["y"] == pytest.approx([np.mean([one <= rank for one in best]) for rank in trace["x"]])
    assert trace["y"][0] == pytest.approx(metrics(name)[direction]["rank-1"])


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_galleries_are_those_of_a_loop(page: ReportText, direction: str) -> None:
    person, lists = persons(direction), naive_ranking(direction)
    precision = {track: naive_precision(listed, person[track]) for track, listed in lists.items()}
    known = {track: value for track, value in precision.items() if value is not None}
    wanted = {
        "best": sorted(known, key=lambda track: (-known[track], track))[:2],
        "worst": sorted(known, key=lambda track: (known[track], track))[:2],
    }
    for end, tracks in wanted.items():
        label = f"{direction.replace('_to_', ' → ')}, {end}"
        articles = page.section("rankings").find("div", attrs={"aria-label": label}).find_all("article")
        assert [int(re.search(r"Track (\d+):", one.p.text)[1]) for one in articles] == tracks  # type: ignore[index]
        for article, track in zip(articles, tracks, strict=True):
            assert f"AP {100 * known[track]:.1f}%" in article.p.text
            items = article.find_all("li")
            assert len(items) == min(10, len(lists[track]))
            for rank, (item, (_, other, value)) in enumerate(zip(items, lists[track], strict=False), start=1):
                right = other == person[track]
                assert item["class"] == ["right" if right else "wrong"]
                assert item.find(class_="verdict").text == f"{rank}. {'✓ right' if right else '✗ wrong'}"
                assert f"person {other}, camera" in item.text
                assert f"cosine {value:.3f}" in item.text
                alt = item.img["alt"]
                modality, verdict = direction.split("_to_")[1], "right" if right else "wrong"
                assert re.fullmatch(
                    rf"person {other}, camera \d, {modality}, rank {rank}, {verdict}, frame 1 of 3", alt
                ), alt


def test_clip_lengths_come_from_both_kinds_of_files(page: ReportText) -> None:
    """protocols/frames-5 stands before clip_lengths.json; 3 frames are the run's own."""
    for direction, more in zip(DIRECTIONS, (0.0, 0.01), strict=True):
        theirs, own = page.figures[f"length-{direction}"]["data"]
        assert own["name"] == "this run" and own["fill"] == "tonexty"
        assert own["x"] == theirs["x"] == [2, 3, 5]
        assert own["y"] == pytest.approx([0.25, metrics()[direction]["mAP"], 0.55 + more])
        assert theirs["y"] == pytest.approx([0.05, metrics("baseline")[direction]["mAP"], 0.35 + more])


def test_the_exponent_grid_counts_below_and_above_one(page: ReportText) -> None:
    (trace,) = page.figures["exponents-infrared_to_visible"]["data"]
    grid = trace["z"]
    assert (trace["y"], trace["x"]) == (["0", "1"], ["0", "1", "2", "3"])
    own = 100 * metrics()["infrared_to_visible"]["mAP"]
    assert grid[1][1] == pytest.approx(47.0)  # the better of two
    assert grid[0][2] == pytest.approx(62.0)
    assert grid[1][3] == pytest.approx(own)
    assert sum(cell is not None for row in grid for cell in row) == 3
    table = page.table("Runs by exponents, mAP in percent, infrared")
    assert set(table) == {"full", *EXPONENTS}
    assert table["none-two"] == {"exponents": "1, 2, 3", "below 1": "0", "above 1": "2", "mAP": "62.00"}


@pytest.mark.parametrize("split", ["train", "test"])
def test_skeleton_quality_is_that_of_a_loop(page: ReportText, split: str) -> None:
    scores: dict[str, list[np.ndarray]] = {}
    with h5py.File(f"artifacts/tiny/keypoints/{split}.h5") as file:
        for row in range(len(file["/tracks/person"])):
            modality = {1: "infrared", 2: "visible"}[int(file["/tracks/modality"][row])]
            column = f"{modality} {file['/tracks/camera'][row]}"
            for frame in range(file["/tracks/start"][row], file["/tracks/stop"][row]):
                if file["/frames/status"][frame] == 0:
                    scores.setdefault(column, []).append(file["/frames/score"][frame])
    for key in ("median", "share"):
        (trace,) = page.figures[f"quality-{split}-{key}"]["data"]
        assert trace["x"] == sorted(scores, key=lambda name: (name.startswith("infrared"), name))
        assert trace["y"] == [name.replace("_", " ") for name in JOINTS]
        for place, column in enumerate(trace["x"]):
            values = np.array(scores[column])
            wanted = np.median(values, axis=0) if key == "median" else (values >= np.float32(0.3)).mean(axis=0)
            assert [row[place] for row in trace["z"]] == pytest.approx(wanted.tolist())


def test_settings_are_all_there(page: ReportText) -> None:
    settings = page.table("Settings that the checkpoint was trained with")
    assert settings["model.exponents"]["value"] == "[0.7, 1.0, 3.0, 5.0, 7.0]"
    assert page.table("Checkpoint")["file"]["value"] == "step-00000123.safetensors"
    assert page.table("Recipes of the caches")["graphs.min_score"]["value"] == "0.3"


def test_without_clips_the_sections_say_so(page: ReportText) -> None:
    assert "asked for no clips; --clips 3" in page.sentences("heat")
    assert "asked for no clips; --clips 3" in page.sentences("parts")
    assert not page.section("heat").find_all("img")


def test_without_clips_mindspore_is_not_loaded(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from model.__main__ import main\n"
        f"assert main('report --config full.yaml --clips 0 --out {tmp_path}/a.html'.split()) == 0\n"
        "assert not {'mindspore', 'torch'} & set(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    out = tmp_path / "again.html"
    assert main(["report", "--config", "full.yaml", "--clips", "0", "--queries", "2", "--out", str(out)]) == 0
    assert out.read_bytes() == OUT.read_bytes()
