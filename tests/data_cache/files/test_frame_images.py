"""Where the frames lie, and the fence around that folder."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from data_cache.files.frame_images import find_root, read_image

PROJECT = Path(__file__).resolve().parents[3]


def test_root_comes_from_the_option_or_from_params_of_the_same_data_set(tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    with pytest.raises(ValueError, match="--root DIR"):
        find_root("sample", None, params)
    params.write_text(f"dataset: sample\nroot: {tmp_path}\n")
    assert find_root("sample", None, params) == tmp_path
    with pytest.raises(ValueError, match=r"expected dataset 'hitsz-vcm'.*got 'sample'.*--root"):
        find_root("hitsz-vcm", None, params)
    assert find_root("hitsz-vcm", tmp_path, params) == tmp_path
    with pytest.raises(FileNotFoundError, match=r"nowhere: no such folder.*--root"):
        find_root("sample", tmp_path / "nowhere", params)
    params.write_text("dataset: sample\n")
    with pytest.raises(ValueError, match=r"expected the key 'root'.*--root"):
        find_root("sample", None, params)


def test_the_project_s_own_params_name_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    assert find_root("sample", None) == Path("data/sample")


def test_no_path_and_no_link_leaves_the_root(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    cv2.imwrite(str(outside / "1.png"), np.zeros((3, 5, 3), np.uint8))
    (root / "link.png").symlink_to(outside / "1.png")
    (root / "folder").symlink_to(outside)
    (root / "loop.png").symlink_to("loop.png")
    (tmp_path / "root2").mkdir()
    cv2.imwrite(str(tmp_path / "root2" / "1.png"), np.zeros((3, 5, 3), np.uint8))
    for path in ("../outside/1.png", "link.png", "folder/1.png", str(outside / "1.png"), "../root2/1.png"):
        with pytest.raises(ValueError, match="expected a frame inside"):
            read_image(root, path)
    assert read_image(root, "loop.png") is None
    cv2.imwrite(str(root / "1.png"), np.full((3, 5, 3), (1, 2, 3), np.uint8))
    (root / "inner.png").symlink_to("1.png")
    (tmp_path / "alias").symlink_to(root)
    for base, name in ((root, "1.png"), (root, "inner.png"), (tmp_path / "alias", "1.png")):
        image = read_image(base, name)
        assert image is not None
        assert image[0, 0].tolist() == [3, 2, 1]  # rgb


def test_what_is_no_picture_is_none(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not a picture")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    for name in ("text.jpg", "empty.jpg", "folder.jpg", "pipe.jpg", "absent.jpg"):
        assert read_image(tmp_path, name) is None
