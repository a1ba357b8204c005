"""COCO keypoint results from a keypoints file, for pycocotools, xtcocotools and what else reads them.

`<out>` is COCO's results format (a list of ``{image_id, category_id, keypoints, score}``, one a frame with status
ok), `<out>` with the ending ``.images.json`` the data set that the results refer to (images, the person category, no
annotations): ``COCO("results.images.json").loadRes("results.json")``. Formats: https://cocodataset.org, "data format"
and "results format".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.reader import open_cache
from data_cache.contract.skeleton import JOINTS
from data_cache.exchange.exports.coco_file import PERSON, JsonList, shortest_texts, write_images
from data_cache.exchange.exports.exported_frames import ExportSummary, chosen_ranges, read_blocks
from data_cache.files.published_file import publish_files

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from data_cache.exchange.exports.exported_frames import ExportRequest


def images_path(out: Path) -> Path:
    """Return the name of the data set part that belongs to the results file `out` (ending .json)."""
    return out.with_suffix(".images.json")


def export_coco(request: ExportRequest) -> ExportSummary:
    """Write the results to `request.out`, and the images beside it; both whole or neither.

    Memory does not grow with the number of frames. Raises ValueError for a file that is not an intact keypoints
    file, and OSError where the files cannot be written.
    """
    images = images_path(request.out)
    with (
        open_cache(request.source, "keypoints") as reader,
        publish_files(request.out, images) as (results_file, images_file),
    ):
        ranges = chosen_ranges(reader, request)
        results = JsonList(results_file)
        for block in read_blocks(reader, ranges):
            ok = np.flatnonzero(block.ok)
            results.add(result_lines(block.rows.start + ok + 1, block.keypoints[ok], block.score[ok]))
        results.end()
        results_file.write(b"\n")
        write_images(images_file, reader, ranges, {}, {"annotations": []})
        images_file.write(b"}\n")
        frames = sum(map(len, ranges))
        return ExportSummary((request.out, images), results.count, frames - results.count)


def result_lines(image_id: NDArray[np.int64], keypoints: NDArray[np.float32], score: NDArray[np.float32]) -> list[str]:
    """Return one JSON object a frame.

    image_id: (frame,) integers; keypoints: (frame, joint, xy) float32; score: (frame, joint) float32, all finite.
    Numbers have the fewest digits that give the same float32 back. A frame's own score is the mean of its joints'.
    """
    table = np.concatenate([keypoints, score[:, :, None]], axis=2).reshape(len(score), 3 * len(JOINTS))
    means = score.mean(axis=1, dtype=np.float64).astype(np.float32)[:, None]
    return [
        f'{{"image_id": {number}, "category_id": {PERSON}, "keypoints": [{", ".join(values)}], "score": {mean}}}'
        for number, values, (mean,) in zip(image_id.tolist(), shortest_texts(table), shortest_texts(means), strict=True)
    ]
