"""Every message of docs/troubleshooting.md is one that the code says; what is cheap to provoke is provoked."""

from __future__ import annotations

import ast
import importlib
import re
import socket
from collections.abc import Callable
from functools import cache
from pathlib import Path

import h5py
import pytest

from tests.docs.documented_commands import ROOT
from tests.factories import write_cache

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
MESSAGES = list[str](re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE))


@cache
def sentences() -> tuple[str, ...]:
    """Every text in the code, with … for what is put in; texts that are put together from others are not followed."""
    found = []
    for package in ("command_line", "data_cache", "pipeline", "model", "star"):
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = [str(v.value) if isinstance(v, ast.Constant) else "…" for v in node.values]
                    found.append("".join(parts))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
    return tuple(found)


def pattern(message: str) -> re.Pattern[str]:
    """A message of the page as it begins, whatever stands for …"""
    return re.compile(".*".join(re.escape(part) for part in message.split("…")), re.DOTALL)


# Put together from several texts of the code: provoked below instead.
COMPOSED = {
    "…: cannot open this cache file (…)",
    "…: model.exponents: expected a list of 1 or more, each a number of more than 0 and up to 64, got …",
    "…: not valid YAML: …",
    "…: expected the key …, which has no default, got none",
    "…: another program listens on this port; choose another with --port, or --port 0 for any free one",
    "…: expected one of …, found no such attribute, so another program's file",
}


@pytest.mark.parametrize("message", [message for message in MESSAGES if message not in COMPOSED])
def test_a_message_is_a_sentence_of_the_code(message: str) -> None:
    assert any(pattern(message).match(sentence) for sentence in sentences()), message


def foreign() -> None:
    with h5py.File("foreign.h5", "w") as file:
        file["x"] = [1.0]


def keypoints() -> None:
    write_cache(Path("artifacts/sample/keypoints/train.h5"))


def coco_results() -> None:
    keypoints()
    Path("results.json").write_text('[{"image_id": 7}]', encoding="utf-8")


def empty_folder() -> None:
    Path("data/empty").mkdir(parents=True)


def params_without_root() -> None:
    Path("params.yaml").write_text("dataset: sample\n", encoding="utf-8")


def run_file(text: str) -> Callable[[], None]:
    def write() -> None:
        Path("run.yaml").write_text(text, encoding="utf-8")

    return write


# command → how its folder is made → the message, as the page has it
KEYPOINTS = "artifacts/sample/keypoints/train.h5"
PROVOKED: list[tuple[str, Callable[[], None], str]] = [
    ("pipeline check --root data/none", empty_folder, "expected the data set's folder, found nothing"),
    ("pipeline check --root data/empty", empty_folder, "expected folders Train/ and Test/"),
    ("model train --config none.yaml", empty_folder, "no such settings file"),
    ("model train --config run.yaml", run_file("frames: 3"), "unknown key"),
    ("model train --config run.yaml --set frames", run_file(""), "--set: expected key=value"),
    ("model train --config run.yaml", run_file("model: {exponents: []}"), "exponents: expected a list of 1 or more"),
    ("pipeline keypoints --split train", params_without_root, "expected the key"),
    ("model train --config run.yaml", run_file("name: a\nname: b"), "not valid YAML"),
    ("model train --config run.yaml", run_file("root: data/none"), "set root to the folder"),
    ("model train --config run.yaml", run_file("root: ."), "no such cache file of the"),
    ("data_cache inspect foreign.h5", foreign, "so another program's file"),
    (f"data_cache inspect {KEYPOINTS}", empty_folder, "cannot open this cache file"),
    (f"data_cache inspect {KEYPOINTS} --track 99", keypoints, "expected a row in 0…"),
    (
        f"data_cache import results.json --format coco --frames {KEYPOINTS} --out o.h5",
        coco_results,
        "name it with --images",
    ),
    ("model results metrics.json", empty_folder, "star evaluate writes it"),
]


@pytest.mark.parametrize(("command", "make", "part"), PROVOKED, ids=[row[0] + " " + row[2] for row in PROVOKED])
def test_the_message_is_what_a_user_gets(
    command: str,
    make: Callable[[], None],
    part: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (message,) = [message for message in MESSAGES if part in message]
    monkeypatch.chdir(tmp_path)
    make()
    package, *words = command.split()
    assert importlib.import_module(f"{package}.__main__").main(words) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert pattern(message).search(line.removeprefix("error: ")), line


def test_a_port_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    keypoints()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        main = importlib.import_module("data_cache.__main__").main
        assert main(["view", KEYPOINTS, "--root", ".", "--port", port]) == 1
    (message,) = [message for message in MESSAGES if "--port" in message]
    assert pattern(message).search(capsys.readouterr().err)


def test_there_are_as_many_messages_as_the_page_promises() -> None:
    assert len(MESSAGES) == len(set(MESSAGES)) >= 25
    assert set(MESSAGES) >= COMPOSED
    said = [part for _, _, part in PROVOKED] + ["--port"]
    assert {message for message in COMPOSED if not any(part in message for part in said)} == set()
