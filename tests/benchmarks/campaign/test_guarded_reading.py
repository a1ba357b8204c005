"""Readers with a planted fault are counted as what they do: accepting, raising, hanging, dying, swelling."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from benchmarks.campaign.guarded_reading import LeftOutError, Reading, read_all
from benchmarks.campaign.inputs.input_kind import InputKind
from benchmarks.campaign.mutations import Damaged, prepare, try_kind
from benchmarks.campaign.value_digest import value_digest

CONTENT = bytes(range(7, 120)) * 3


def refuse(folder: Path) -> object:
    data = (folder / "file").read_bytes()
    if data != CONTENT:
        raise ValueError(f"{folder / 'file'}: expected other bytes,\n got these")
    return data


def refuse_without_a_name(folder: Path) -> object:
    try:
        return refuse(folder)
    except ValueError:
        raise KeyError("something") from None


def raise_another(folder: Path) -> object:
    try:
        return refuse(folder)
    except ValueError:
        raise TypeError("not mine") from None


def accept(folder: Path) -> object:
    return (folder / "file").read_bytes()


def leave_out(folder: Path) -> object:
    try:
        return refuse(folder)
    except ValueError:
        raise LeftOutError from None


def hang(folder: Path) -> object:
    while accept(folder) != CONTENT:
        pass
    return CONTENT


def die(folder: Path) -> object:
    if accept(folder) != CONTENT:
        os.kill(os.getpid(), signal.SIGSEGV)
    return CONTENT


def exit_at_once(folder: Path) -> object:
    if accept(folder) != CONTENT:
        os._exit(0)
    return CONTENT


def swell(folder: Path) -> object:
    return CONTENT if accept(folder) == CONTENT else np.ones(1 << 31, np.uint8).sum()


@pytest.mark.parametrize(
    ("read", "checksum", "outcome"),
    [
        (refuse, True, "refused"),
        (leave_out, True, "refused"),
        (refuse_without_a_name, True, "unnamed"),
        (raise_another, True, "traceback"),
        (accept, True, "silent"),
        (accept, False, "other input"),
        (die, True, "crash"),
        (exit_at_once, True, "crash"),
        (swell, True, "memory"),
    ],
)
def test_a_reader_is_counted_as_what_it_does(
    read: Callable[[Path], object], checksum: bool, outcome: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    step = try_kind(InputKind("planted", "file", read, checksum), tmp_path, 3, range(11))
    assert step["outcomes"] == {outcome: 11}
    assert step["tried"] == 11 and (tmp_path / "file").read_bytes() == CONTENT
    found = [finding["number"] for finding in step["findings"]]
    assert found == ([] if outcome in ("refused", "other input") else list(range(11)))


def test_what_hangs_is_ended_and_the_next_ones_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)

    def place(number: int) -> None:
        (tmp_path / "file").write_bytes(CONTENT if number % 2 else b"other")

    reading = Reading(place, lambda: value_digest(hang(tmp_path)), ("file",), value_digest(CONTENT), seconds=0.2)
    outcomes = [outcome for _, outcome, _ in read_all(reading, [0, 1, 2, 3, 4])]
    assert outcomes == ["hang", "harmless", "hang", "harmless", "hang"]


def test_a_kind_whose_reader_opens_another_file_is_no_kind(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    with pytest.raises(ValueError, match="expected its reader to open file"):
        prepare(InputKind("planted", "file", lambda folder: 5), tmp_path, 0)


def test_a_mutation_is_drawn_from_its_seed_kind_and_number(tmp_path: Path) -> None:
    kind = InputKind("planted", "file", refuse, text=True)
    drawn = [Damaged(kind, tmp_path, 5, CONTENT).bytes_of(number) for number in range(97)]
    assert drawn == [Damaged(kind, tmp_path, 5, CONTENT).bytes_of(number) for number in range(97)]
    assert all(data != CONTENT for data, _ in drawn) and len({data for data, _ in drawn}) > 90
    assert len({way for _, way in drawn}) > 9
    assert Damaged(kind, tmp_path, 6, CONTENT).bytes_of(0)[0] != drawn[0][0]


@dataclass(frozen=True)
class Held:
    numbers: np.ndarray
    word: str


def test_a_digest_tells_values_apart_and_equal_ones_not() -> None:
    numbers = np.arange(6, dtype=np.int32).reshape(2, 3)
    same = value_digest({"a": Held(numbers, "x"), "b": [None, 1.5, True]})
    assert same == value_digest({"b": (None, 1.5, True), "a": Held(numbers.copy(order="F"), "x")})
    others = [
        {"a": Held(numbers.astype(np.int64), "x"), "b": [None, 1.5, True]},
        {"a": Held(numbers.reshape(3, 2), "x"), "b": [None, 1.5, True]},
        {"a": Held(numbers, "y"), "b": [None, 1.5, True]},
        {"a": Held(numbers, "x"), "b": [None, 1.5, 1]},
        {"a": Held(numbers, "x"), "b": [None, 1.5]},
    ]
    assert len({same, *map(value_digest, others)}) == 6
    with pytest.raises(TypeError, match="expected plain values"):
        value_digest(object())
