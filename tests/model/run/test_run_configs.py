"""Every configuration that is shipped is read, bears its file's name and belongs to its folder's data set."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.run.config import DataConfig, LossConfig, RunConfig, TrainConfig, load_run

ROOT = Path(__file__).resolve().parents[3]
RUNS = sorted((ROOT / "configs" / "runs").rglob("*.yaml"))
PAPER = [path for path in RUNS if path.parent.name == "hitsz-vcm"]


@pytest.mark.parametrize("path", RUNS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_names_fit(path: Path) -> None:
    run = load_run(path)
    assert (run.name, run.dataset, run.root) == (path.stem, path.parent.name, f"data/{path.parent.name}")
    assert run.model.variant == path.stem.split("-")[0]
    assert (ROOT / "configs" / f"{run.dataset}.yaml").is_file()


def test_all_variants_of_the_paper_are_there() -> None:
    assert {path.stem for path in PAPER} == {"baseline", "frame", "sequence", "full", "full-8-ascend"}


@pytest.mark.parametrize("path", PAPER, ids=lambda path: path.stem)
def test_the_papers_settings_are_the_defaults(path: Path) -> None:
    run, default = load_run(path), RunConfig()
    assert (run.loss, run.data, run.train) == (LossConfig(), DataConfig(), TrainConfig())
    assert (run.model.backbone, run.model.frames, run.model.image_height, run.model.image_width) == (
        "resnet50",
        6,
        288,
        144,
    )
    booleans = {"frame_guidance", "sequence_guidance"}
    kept = {name: value for name, value in vars(run.model).items() if name not in booleans}
    assert kept == {name: value for name, value in vars(default.model).items() if name not in booleans}


def test_the_walkers_variants_differ_in_two_booleans_only() -> None:
    folder = ROOT / "configs" / "runs" / "synth"
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.yaml"))}
    assert set(texts) == {"baseline", "frame", "sequence", "full"}
    own = ("name:", "frame_guidance:", "sequence_guidance:")
    shared = {
        "\n".join(line for line in text.splitlines() if not line.strip().startswith(own)) for text in texts.values()
    }
    assert len(shared) == 1
