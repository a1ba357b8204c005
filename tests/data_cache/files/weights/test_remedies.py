"""What is no weights file is told apart, and every remedy is followed as it stands, in the case that prints it."""

from __future__ import annotations

import ast
import gzip
import inspect
import os
import pickle
import re
import shlex
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from data_cache.files.weights import __main__ as keep_command
from data_cache.files.weights import network_names, weights_file
from data_cache.files.weights.network_names import network_tensors
from data_cache.files.weights.weights_file import named_tensors, read_weights

PROJECT = Path(__file__).resolve().parents[4]
Make = Callable[[Path], None]


def network() -> torch.nn.Module:
    torch.manual_seed(5)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3), torch.nn.BatchNorm2d(5))


NETWORK = network()
WANTED = frozenset(NETWORK.state_dict())


class Settings:
    """A class that no reader of weights knows."""


def saved(path: Path) -> Path:
    torch.save(NETWORK.state_dict(), path)
    return path


def packed_by_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(saved(path).read_bytes()))


def packed_by_tar(path: Path) -> None:
    content = saved(path.parent / "inner.pth")
    with tarfile.open(path, "w") as archive:
        archive.add(content, content.name)
    content.unlink()


def packed_by_zip(path: Path) -> None:
    content = saved(path.parent / "inner.pth")
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(content, content.name)
    content.unlink()


def cut(path: Path) -> None:
    whole = saved(path).read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])


def cut_inside(path: Path) -> None:
    """A directory that is whole, of members that are not."""
    saved(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content[:7] if name.endswith("data.pkl") else content)


def cut_safetensors(path: Path) -> None:
    save_file(NETWORK.state_dict(), path)
    path.write_bytes(path.read_bytes()[:-3])


def scripted(path: Path) -> None:
    torch.jit.script(NETWORK).save(str(path))


def two_networks(path: Path) -> None:
    other = {name: torch.zeros_like(value) for name, value in NETWORK.state_dict().items()}
    torch.save({"teacher": NETWORK.state_dict(), "student": other, "best": np.float64(0.5)}, path)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"5" * 64 + b"\nsize 102530333\n"
FETCHED = {  # what a failed download leaves
    "empty": (lambda path: path.write_bytes(b""), r"got an empty file; fetch it again"),
    "git lfs": (
        lambda path: path.write_bytes(POINTER),
        r"Git LFS pointer to them; .* of 102530333 bytes, sha256 5{64}",
    ),
    "git lfs, odd": (lambda path: path.write_bytes(POINTER[:50]), r"Git LFS pointer to them; fetch the file itself$"),
    "page": (
        lambda path: path.write_bytes(b"\n<!DOCTYPE html>\n<html>\xc3\xa9"),
        r"got a web page; fetch the file itself",
    ),
    "text": (
        lambda path: path.write_bytes(b'{"error": "gone"}\n'),
        r"got text, which begins '\{\"error.*fetch the file",
    ),
    "cut": (cut, r"not a whole torch file: it was cut short or is damaged; fetch it again"),
    "cut inside": (cut_inside, r"refused: not a whole torch file \(.*\); fetch it again"),
    "cut safetensors": (cut_safetensors, r"not a whole safetensors file: .*; fetch it again"),
}
SAVED: dict[str, tuple[Make, str]] = {  # what has to be saved in another way
    "class": (lambda path: torch.save({"a": Settings()}, path), r"refused: it asks for .*\.Settings, which is code"),
    "whole network": (lambda path: torch.save(NETWORK, path), r"refused: it asks for torch\.nn\..*Sequential"),
    "float8": (lambda path: torch.save({"a": torch.ones(2).to(torch.float8_e4m3fn)}, path), r"_rebuild_tensor_v3"),
    "float8 safetensors": (
        lambda path: save_file({"a": torch.ones(2).to(torch.float8_e4m3fn)}, path),
        r"a: expected numbers that NumPy has, got F8_E4M3",
    ),
    "pickle": (lambda path: path.write_bytes(pickle.dumps({"a": np.ones(2)})), r"refused: a pickle that torch did not"),
    "other": (lambda path: path.write_bytes(b"\x08\x07\x12\0\xff\xfe"), r"got another kind of file"),
}
COMMANDS: dict[str, tuple[Make, str]] = {  # what one command makes readable; it ends in, or names, the file made
    "gzip": (packed_by_gzip, r"packed by gzip: (?P<command>gzip -dc .* > (?P<made>.*))$"),
    "tar": (packed_by_tar, r"got a tar archive: (?P<command>tar -xf .* -C (?P<made>.*)), then name a file of it$"),
    "zip": (packed_by_zip, r"zip archive of other files: (?P<command>python -m zipfile -e .* (?P<made>.*)), then name"),
    "TorchScript": (scripted, r"got a TorchScript program; (?P<command>python -c .* (?P<made>[^ ]*'))$"),
    "two networks": (
        two_networks,
        r"under 'teacher', 'student'; keep one of them: (?P<command>python .* (?P<made>.*))$",
    ),
}


def refusal(path: Path) -> str:
    return refusal_at(path)[0]


def refusal_at(path: Path) -> tuple[str, tuple[str, int]]:
    """What is said of `path`, in one line, and by which line of which file."""
    with pytest.raises(ValueError, match=re.escape(f"{path}: ")) as raised:
        network_tensors(path, named_tensors(read_weights(path)), WANTED)
    assert "\n" not in str(raised.value)
    entry = raised.traceback[-1]
    return str(raised.value), (Path(entry.path).name, entry.lineno + 1)


def assert_readable(path: Path) -> None:
    found = network_tensors(path, named_tensors(read_weights(path)), WANTED)
    assert found.keys() == WANTED
    for name, value in NETWORK.state_dict().items():
        np.testing.assert_array_equal(found[name], value.numpy(), err_msg=name)


def run(command: str) -> None:
    python = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{python}:{os.environ['PATH']}", "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("case", FETCHED)
def test_what_a_download_left_is_told_and_the_file_itself_is_read(case: str, tmp_path: Path) -> None:
    make, expected = FETCHED[case]
    path = tmp_path / "the weights.pth.tar"
    make(path)
    assert re.search(expected, refusal(path))
    saved(path)
    assert_readable(path)


@pytest.mark.parametrize("case", SAVED)
def test_what_is_saved_as_advised_is_read(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, expected = SAVED[case]
    make(tmp_path / "a.pth")
    message = refusal(tmp_path / "a.pth")
    assert re.search(expected, message)
    advised = re.search(r"; have whoever .* as (torch\.save\(.*\))$", message)
    assert advised is not None
    monkeypatch.chdir(tmp_path)
    exec(advised[1], {"torch": torch, "network": NETWORK})
    assert_readable(tmp_path / "weights.pth")


@pytest.mark.parametrize("case", COMMANDS)
def test_a_command_that_is_advised_makes_it_readable(case: str, tmp_path: Path) -> None:
    make, expected = COMMANDS[case]
    folder = tmp_path / "our nets"
    folder.mkdir()
    make(folder / "it's.pth.tar")
    found = re.search(expected, refusal(folder / "it's.pth.tar"))
    assert found is not None
    run(found["command"])
    made = Path(shlex.split(found["command"])[-1])
    assert_readable(made / "inner.pth" if made.is_dir() else made)


def test_a_folder_and_a_file_that_is_not_there_are_named(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path}: expected a weights file, got a folder; name the file in it"
    assert_readable(saved(tmp_path / "in it.bin"))
    with pytest.raises(FileNotFoundError, match=r"none\.pth: no such weights file; check the path"):
        read_weights(tmp_path / "none.pth")


def test_tensors_without_names_are_none(tmp_path: Path) -> None:
    for held in ([torch.ones(2)], {}, {5: torch.ones(2)}, {"state_dict": 3}):
        torch.save(held, tmp_path / "a.pth")
        assert "expected tensors by name, got none; name a file that holds a" in refusal(tmp_path / "a.pth")
    assert_readable(saved(tmp_path / "a.pth"))


def test_weights_that_one_may_not_read_say_how_they_become_readable() -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as shared:  # which every user may enter, as pytest's own folders are not
        Path(shared).chmod(0o755)
        path = saved(Path(shared, "a.pth"))
        path.chmod(0)
        child = os.fork()
        if child == 0:  # another user than the file's owner, whom nothing stops if it is root
            os._exit(status_as_nobody(path))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        run(f"chmod a+r {path}")
        assert path.stat().st_mode & 0o777 == 0o444


def status_as_nobody(path: Path) -> int:
    """0 if the refusal says what it should."""
    if os.geteuid() == 0:
        os.setegid(65534)
        os.seteuid(65534)
    try:
        read_weights(path)
    except PermissionError as error:
        return 0 if str(error) == f"{path}: you may not read these weights; as their owner, chmod a+r {path}" else 1
    return 2


def test_keeping_what_is_not_there_names_what_is(tmp_path: Path) -> None:
    two_networks(tmp_path / "a.pth")
    with pytest.raises(
        ValueError, match=r"a\.pth: expected tensors under 'tutor', got none; .* such as 'teacher\.0\.w"
    ):
        arguments = keep_command.build_parser().parse_args([str(tmp_path / "a.pth"), "tutor", str(tmp_path / "b")])
        keep_command.keep(arguments)
    assert not (tmp_path / "b").exists()


def raises(module: ModuleType) -> set[tuple[str, int]]:
    """File and line of every ValueError that `module` raises."""
    nodes = ast.walk(ast.parse(inspect.getsource(module)))
    calls: list[Any] = [node for node in nodes if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    name = Path(str(module.__file__)).name
    return {(name, line) for call in calls if ast.unparse(call.exc.func) == "ValueError" for line in [call.lineno]}


def test_every_refusal_is_among_these_cases(tmp_path: Path) -> None:
    cases = [make for make, _ in (FETCHED | SAVED | COMMANDS).values()]
    met = set()
    for number, make in enumerate((*cases, Path.mkdir, lambda path: torch.save({}, path))):
        make(tmp_path / f"{number}.pth")
        met.add(refusal_at(tmp_path / f"{number}.pth")[1])
    assert raises(weights_file) | raises(network_names) == met
