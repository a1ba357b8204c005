"""Where joints lie in the image that the network sees, after flip, crop and resizing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from data_cache.contract.skeleton import mirror_indices
from model.clips.augment import Augmentation, ImageSettings
from model.clips.clip_reader import ClipArrays, ClipReader, ClipShape
from tests.model.clips.clip_trees import person_tracks, write_clip_tree

IMAGES = ImageSettings(height=31, width=17, pad=3, flip=0.5, random_erasing=0.5)


@pytest.mark.parametrize("flip", [False, True])
def test_joints_move_with_flip_and_crop(tmp_path: Path, flip: bool) -> None:
    """2 pixels of 31 down and 3 of 17 to the left, in places and, over the crop's height, in nodes."""
    tree = write_clip_tree(tmp_path, person_tracks(1, 1, 1))
    frames = np.array([1, 4, 7, 8, 12])
    shape = ClipShape(1, len(frames), IMAGES.height, IMAGES.width)
    clip = ClipArrays(*(array[0] for array in shape.lay_out(np.zeros(shape.bytes, np.uint8))))
    ClipReader(tree.files, IMAGES).read(frames, Augmentation(2, -3, flip, None), clip)
    other = mirror_indices() if flip else np.arange(17)
    for t, frame in enumerate(frames):
        height, width = tree.size[frame]
        for j in np.flatnonzero(tree.seen[frame][other]):
            x, y = tree.keypoints[frame][other[j]]
            x = width - 1 - x if flip else x
            column, row = (x + 0.5) / width - 3 / 17, (y + 0.5) / height + 2 / 31
            np.testing.assert_allclose(clip.places[t, j], [column, row], rtol=0, atol=1e-6)
            node = np.array([x / height - 3 / 17 * width / height, y / height + 2 / 31])
            np.testing.assert_allclose(clip.nodes[t, j, :2], node, rtol=0, atol=1e-6)
        assert (clip.places[t][~tree.seen[frame][other]] == 0).all()
        assert (clip.nodes[t][~tree.seen[frame][other]] == 0).all()


def test_a_dot_on_a_joint_is_found_at_its_place(tmp_path: Path) -> None:
    """The image and the skeleton are moved by separate code: here one is read from the other's pixels."""
    tree = write_clip_tree(tmp_path, person_tracks(1, 1, 1))
    frame, big = 4, ImageSettings(height=310, width=170, pad=30, flip=0.5, random_erasing=0)
    height, width = tree.size[frame]
    inside = ((tree.keypoints[frame] > 3) & (tree.keypoints[frame] < width - 4)).all(-1)
    joint = int(np.flatnonzero(tree.seen[frame] & inside)[0])
    dark = np.zeros((height, width, 3), np.uint8)
    x, y = tree.keypoints[frame][joint].astype(int)
    dark[y, x] = 255
    assert cv2.imwrite(str(tree.files.root / tree.index.paths[frame]), dark, [cv2.IMWRITE_JPEG_QUALITY, 100])
    for flip in (False, True):
        shape = ClipShape(1, 1, big.height, big.width)
        clip = ClipArrays(*(array[0] for array in shape.lay_out(np.zeros(shape.bytes, np.uint8))))
        ClipReader(tree.files, big).read(np.array([frame]), Augmentation(11, 13, flip, None), clip)
        row, column = np.unravel_index(cv2.GaussianBlur(clip.images[0, 1], (0, 0), 2).argmax(), (310, 170))
        place = clip.places[0, mirror_indices()[joint] if flip else joint]
        assert place * [170, 310] - 0.5 == pytest.approx([column, row], abs=2)
