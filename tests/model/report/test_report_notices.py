"""What a reader must know, and what is not there: a sentence on the page, with the remedy."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model.__main__ import main
from model.report.reported_run import read_reported_run
from model.report.results.published_results import ABLATION, METHODS
from model.report.results.result_rows import comparison_remarks, is_comparable, published_tables
from tests.model.report.report_runs import RUN, write_config, write_report_tree
from tests.model.report.report_text import ReportText

HOME = Path("artifacts/tiny/runs/full")
OUT = Path("artifacts/tiny/reports/full.html")

# The tables of HITSZ-VCM's specification, typed a second time: rank-1, mAP infrared → visible, then the reverse.
SPECIFIED = """
LbA 46.38 30.69 49.30 32.38 | MPANet 46.51 35.26 50.32 37.80 | DDAG 54.62 39.26 59.03 41.50
VCD 54.53 41.18 57.52 43.45 | CAJL 56.59 41.49 60.13 42.81 | SGIEL 67.65 52.30 70.23 52.54
MITML 63.74 45.31 64.54 47.69 | IBAN 65.03 48.77 69.58 50.96 | SAADG 69.22 53.77 73.13 56.09
CST 69.44 51.16 72.64 53.00 | STAR 69.57 56.01 73.25 58.56 | M3-ReID 73.21 59.02 75.31 60.51
X-ReID 73.40 60.50 76.10 59.60 | DMTA 79.62 67.69 81.57 69.18
"""
SPECIFIED_ABLATION = """
baseline 66.76 54.05 70.45 55.45 | frame 68.53 55.01 71.01 56.16
sequence 69.04 55.91 73.15 58.22 | full 69.57 56.01 73.25 58.56
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        write_report_tree()
    return path


@pytest.fixture(autouse=True)
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the runs."""
    shutil.copytree(made, tmp_path / "run", ignore=shutil.ignore_patterns("data"))
    (tmp_path / "run/data").symlink_to(made / "data")
    monkeypatch.chdir(tmp_path / "run")


def reported(*options: str) -> ReportText:
    """The report without heat maps, or with those that need no network."""
    assert main(["report", "--config", "full.yaml", "--queries", "1", *options]) == 0
    return ReportText(OUT)


def change_metrics(path: Path, direction: str, **figures: float) -> None:
    content: dict[str, Any] = json.loads(path.read_text())
    content[direction].update(figures)
    path.write_text(json.dumps(content))


def test_published_figures_are_those_of_the_specification() -> None:
    for text, rows in ((SPECIFIED, METHODS), (SPECIFIED_ABLATION, ABLATION)):
        wanted = [row.split() for row in text.strip().replace("\n", " | ").split(" | ")]
        found = [
            [
                row.method,
                *(f"{value:.2f}" for one in (row.infrared_to_visible, row.visible_to_infrared) for value in one),
            ]
            for row in rows
        ]
        assert found == wanted


def test_on_hitsz_vcm_the_run_stands_among_the_published() -> None:
    run = read_reported_run(HOME)
    provenance = json.loads(json.dumps(run.results.provenance))
    provenance["protocol"]["dataset"] = "hitsz-vcm"
    there = replace(run, results=replace(run.results, provenance=provenance))
    assert is_comparable(there) and not is_comparable(run)
    figures = [f"{100 * run.results.metrics[d][key]:.2f}" for d in run.results.metrics for key in ("rank-1", "mAP")]
    for table, published in zip(published_tables(there), (METHODS, ABLATION), strict=True):
        assert table.rows[-1] == ("full (full)", "this run", *figures)
        assert table.marked == {len(published)}
        assert "not comparable" not in table.caption
    (remark,) = comparison_remarks(there)
    assert "tested on 6 infrared, 7 visible tracks, where the published protocol has 4,584 infrared, 5,099" in remark
    provenance["protocol"]["tracks"] = {"infrared": 4584, "visible": 5099}
    assert comparison_remarks(there) == []


def test_a_missing_baseline_is_a_sentence_with_the_commands() -> None:
    shutil.rmtree(HOME.parent / "baseline")
    page = reported("--clips", "0")
    assert "Compared with no other run" in page.sentences("run")
    assert all(len(page.figures[f"cmc-{way}"]["data"]) == 1 for way in ("infrared_to_visible", "visible_to_infrared"))
    shutil.rmtree(HOME / "checkpoints")
    page = reported()
    said = page.sentences("heat")
    assert "There is no finished baseline in artifacts/tiny/runs/baseline; to make one:" in said
    assert "star train --config configs/runs/tiny/baseline.yaml" in said


def test_a_baseline_that_is_damaged_is_left_out() -> None:
    (HOME.parent / "baseline/features.h5").write_bytes(b"nothing")
    shutil.rmtree(HOME / "checkpoints")
    assert "The baseline is left out: artifacts/tiny/runs/baseline/features.h5: file: expected" in reported().sentences(
        "heat"
    )


@pytest.mark.parametrize("text", ["[" * 20_000, f'{{"provenance": {"7" * 400}}}', "null", "\ufeff{}"])
def test_a_damaged_neighbour_is_named_and_left_out(text: str) -> None:
    neighbour = HOME.parent / "other/metrics.json"
    neighbour.parent.mkdir()
    neighbour.write_text(text, encoding="utf-8")
    page = reported("--clips", "0")
    assert f"Left out: {neighbour}: expected the metrics.json of an evaluation" in page.body.get_text(" ", strip=True)


@pytest.mark.parametrize(
    ("name", "part"), [("live/plots/metrics/loss/kl.tsv", "training"), ("clip_lengths.json", "clip-length")]
)
def test_a_damaged_file_of_the_baseline_is_named_and_left_out(name: str, part: str) -> None:
    path = HOME.parent / "baseline" / name
    path.write_text("[" * 20_000)
    assert f"Left out: {path}: expected" in reported("--clips", "0").sentences(part)


def test_a_checkpoint_that_is_gone_leaves_the_heat_maps_out() -> None:
    for name in ("full", "baseline"):
        shutil.rmtree(HOME.parent / name / "checkpoints")
    page = reported()
    assert "the checkpoint that the results are of is not there any more; evaluate the run" in page.sentences("heat")
    assert "is not there any more" in page.sentences("parts")


def test_another_checkpoint_under_the_name_is_noticed() -> None:
    shutil.rmtree(HOME.parent / "baseline")
    (HOME / "checkpoints/step-00000123.safetensors").write_bytes(b"another")
    assert "another checkpoint than the one that the results are of" in reported().sentences("heat")


def test_a_newer_checkpoint_is_said() -> None:
    shutil.copy(HOME / "checkpoints/step-00000123.safetensors", HOME / "checkpoints/step-00000200.safetensors")
    said = reported("--clips", "0").sentences("run")
    assert "The results are of step-00000123.safetensors, but training has gone on to step-00000200.safetensors" in said


def test_figures_that_the_features_do_not_give_are_said() -> None:
    change_metrics(HOME / "metrics.json", "infrared_to_visible", mINP=0.125)
    change_metrics(HOME.parent / "baseline/metrics.json", "visible_to_infrared", **{"rank-1": 0.0})
    said = reported("--clips", "0").sentences("run")
    assert "infrared → visible: ranking features.h5 anew gives other figures than metrics.json (mINP 12.500 →" in said
    assert (
        "baseline: visible → infrared: ranking features.h5 anew gives other figures than metrics.json (rank-1" in said
    )


def test_other_settings_than_the_config_has_are_said() -> None:
    write_config(replace(RUN, train=replace(RUN.train, seed=77), data=replace(RUN.data, pad=3)), Path("full.yaml"))
    said = reported("--clips", "0").sentences("run")
    assert (
        "trained with other settings than the config has now: data.pad 10 (the config says 3); train.seed 0 (the"
        in said
    )


def test_what_was_not_made_is_a_sentence_with_the_command() -> None:
    shutil.rmtree(HOME / "live")
    Path("artifacts/tiny/keypoints/train.h5").unlink()
    page = reported("--clips", "0")
    assert "Training left no tables in live/plots/metrics: train the run with star train" in page.sentences("training")
    assert "Evaluated with 3 frames only. For the curve: star evaluate --config" in page.sentences("clip-length")
    assert "No other run differs from this one in its exponents only." in page.sentences("exponents")
    assert "train: artifacts/tiny/keypoints/train.h5 is not there; dvc repro makes it." in page.sentences("skeletons")
    assert "quality-test-median" in page.figures and "quality-train-median" not in page.figures


def test_lengths_of_another_checkpoint_are_left_out() -> None:
    content = json.loads((HOME / "metrics.json").read_text())
    content["provenance"]["checkpoint"]["sha256"] = "0" * 64
    content["provenance"]["protocol"]["frames"] = 7
    (HOME / "protocols/frames-7").mkdir(parents=True)
    (HOME / "protocols/frames-7/metrics.json").write_text(json.dumps(content))
    said = reported("--clips", "0").sentences("clip-length")
    assert "frames-7/metrics.json is of another checkpoint than artifacts/tiny/runs/full/metrics.json and left" in said
    assert "Evaluated with 3 frames only" in said


def test_names_are_text_and_never_markup() -> None:
    """Names of runs and settings come from files."""
    name = "<img src=x onerror=alert(1)>"
    shutil.copytree(HOME, HOME.parent / name)
    path = HOME / "metrics.json"
    path.write_text(path.read_text().replace("step-00000123.safetensors", "</script><b>bold</b>"))
    shutil.copy(path, HOME.parent / name / "metrics.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model.report.reported_run._check_same_evaluation", lambda *_: None)
        page = reported("--clips", "0")
    assert name in page.table("Runs on tiny")
    assert not page.body.find_all("img", src="x")
    assert not page.body.find_all("b", string="bold")
    assert "</script><b>bold</b>" in page.sentences("run")


def test_the_policy_lets_only_the_pages_own_scripts_run() -> None:
    text = reported("--clips", "0").text
    policy = text.split('http-equiv="Content-Security-Policy" content="')[1].split('"')[0].replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy.split("style-src")[0]
    assert "http" not in policy
    assert text.count("<script>") == policy.count("sha256-") == 2


def test_a_named_run_is_compared_with_under_its_name() -> None:
    shutil.copytree(HOME.parent / "baseline", HOME.parent / "other")
    page = reported("--clips", "0", "--baseline", "other")
    assert "Compared with other" in page.sentences("run")
    for name in ("cmc-visible_to_infrared", "curve-loss-total"):
        assert [trace["name"] for trace in page.figures[name]["data"]] == ["this run", "other"]
