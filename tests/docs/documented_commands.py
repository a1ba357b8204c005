"""The commands that README.md and docs/*.md tell a reader to type, and a small project to run them in."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from command_line.settings_file import overridden, read_mapping
from model.__main__ import main as model_main
from pipeline.__main__ import main as pipeline_main
from tests.pipeline.datasets.buptcampus_trees import build_buptcampus

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
# A network and a training of a second, in place of those of the run's file; they fit the generated data set below.
SMALL = (
    *("model.backbone=narrow", "model.frames=2", "model.image_height=23", "model.image_width=17"),
    *("model.edge_hidden=7", "model.lstm_hidden=11", "model.graph_hidden=3", "model.graph_width=13"),
    *("model.kl_width=19", "data.persons=2", "train.epochs=2", "train.steps_per_epoch=1", "train.warmup_epochs=0"),
    "train.milestones=[1]",
)


@dataclass(frozen=True)
class Command:
    """One command as it is typed, on which page; a loop of the shell is one command."""

    page: str
    text: str


def documented_commands() -> list[Command]:
    """Every command of every console block, and those with options that stand in the running text or a table."""
    found = [Command(page.name, text) for page in PAGES for text in page_commands(page.read_text(encoding="utf-8"))]
    return list(dict.fromkeys(found))


def page_commands(text: str) -> Iterator[str]:
    """The commands of one page, in the order in which they are there, without comments and continued lines joined."""
    for block, inline in re.findall(r"^```console\n(.*?)^```$|(?<!`)`([^`]+)`(?!`)", text, re.MULTILINE | re.DOTALL):
        if block:
            yield from _block_commands(block)
        elif is_whole(command := " ".join(inline.split())):
            yield command


def _block_commands(block: str) -> Iterator[str]:
    loop: list[str] = []
    for line in block.replace("\\\n", " ").split("\n"):
        words = " ".join(re.sub(r"(^|\s)#.*", "", line).split())
        if words and (loop or words.startswith("for ")):
            loop.append(words)
            words = "\n".join(loop) if words.endswith("done") else ""
            loop = loop if not words else []
        if words:
            yield words
    assert not loop, block


def is_whole(text: str) -> bool:
    """Whether code in the running text is a command to type: it has options or a file, and nothing to fill in."""
    if re.search(r"…(?!\d)|<|\bNAME\b|\bFILE\b|\bN\b|--help", text):
        return False
    return bool(re.match(r"(star|python -m) .*(--|/)|make [a-z-]+$|dvc repro|STAR_\w+=\S+ ", text))


def named_commands() -> list[Command]:
    """`star command` in the running text, where it names a command and does not spell it out."""
    pattern = re.compile(r"`(star\s+[a-z][^`]*)`")
    found = [
        Command(page.name, " ".join(text.split()))
        for page in PAGES
        for text in pattern.findall(page.read_text("utf-8"))
    ]
    return [command for command in dict.fromkeys(found) if not is_whole(command.text)]


def build_project(folder: Path) -> None:
    """Make what the pages take as given below `folder`, the current one: data sets, configs, and two finished runs.

    data/sample and data/hitsz-vcm are generated walkers with their true joints for a pose network's; the runs of the
    sample are trained and evaluated with a small network.
    """
    shutil.copytree(ROOT / "configs", folder / "configs")
    shutil.copy(ROOT / "params.yaml", folder)
    for file in (folder / "configs" / "runs").glob("*/*.yaml"):
        file.write_text(yaml.safe_dump(overridden(read_mapping(file), SMALL)), encoding="utf-8")
    persons = ("--train-persons", "5", "--test-persons", "3", "--tracks", "2", "--frames", "12")
    for name in ("sample", "hitsz-vcm"):
        home = f"artifacts/{name}"
        assert pipeline_main(["synth", "--out", f"data/{name}", "--artifacts", home, "--dataset", name, *persons]) == 0
        for kind in ("edges", "graphs"):
            for split in ("train", "test"):
                files = ("--keypoints", f"{home}/keypoints/{split}.h5", "--out", f"{home}/{kind}/{split}.h5")
                assert pipeline_main([kind, "--config", f"configs/{name}.yaml", *files]) == 0
    for name in ("full", "baseline"):
        config = ("--config", f"configs/runs/sample/{name}.yaml")
        assert model_main(["train", *config]) == 0
        assert model_main(["evaluate", *config]) == 0
    build_buptcampus(folder / "data" / "buptcampus")
