"""A COCO keypoint data set from a keypoints file: the skeletons as annotations, to train and to evaluate on.

One JSON file with ``images``, ``categories`` and one annotation for every frame with status ok
(https://cocodataset.org, "data format"). A frame is the crop of one person, so the box is the frame. The visibility
flag of a joint is 2 where its score is at least the min score, else 0 (not labelled, which trainers and COCOeval leave
out); x and y stay where the estimator put them either way, and ``keypoint_scores`` beside them keeps the scores.
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
    from numpy.typing import NDArray

    from data_cache.exchange.exports.exported_frames import ExportRequest, SkeletonBlock

SEEN, UNSEEN = 2, 0  # COCO's visibility flag: labelled and visible, not labelled


def export_coco_dataset(request: ExportRequest) -> ExportSummary:
    """Write images, category and annotations to `request.out`, whole or not at all.

    Memory does not grow with the number of frames. Raises ValueError for a file that is not an intact keypoints
    file, and OSError where the file cannot be written.
    """
    with open_cache(request.source, "keypoints") as reader, publish_files(request.out) as (file,):
        ranges = chosen_ranges(reader, request)
        info = {"min_score": request.min_score, "track_id": "row of /tracks, -1 for a frame without a track"}
        write_images(file, reader, ranges, info, {})
        file.write(b', "annotations": ')
        annotations = JsonList(file)
        owner = reader.index().track
        person = np.append(reader.tracks.person, np.int32(-1))  # for track -1
        for block in read_blocks(reader, ranges):
            tracks = owner[block.rows.start : block.rows.stop]
            annotations.add(annotation_lines(block, tracks, person[tracks], request.min_score))
        annotations.end()
        file.write(b"}\n")
        frames = sum(map(len, ranges))
        return ExportSummary((request.out,), annotations.count, frames - annotations.count)


def annotation_lines(
    block: SkeletonBlock, tracks: NDArray[np.int32], persons: NDArray[np.int32], min_score: float
) -> list[str]:
    """Return one JSON object for each frame of `block` with status ok.

    tracks, persons: (frame,) int32, row of /tracks and person number, -1 for a frame without a track
    """
    ok = np.flatnonzero(block.ok)
    seen = block.score[ok] >= np.float32(min_score)
    places = shortest_texts(block.keypoints[ok].reshape(len(ok), 2 * len(JOINTS)))
    flags = np.where(seen, str(SEEN), str(UNSEEN)).tolist()
    scores = shortest_texts(block.score[ok])
    lines = []
    for place, row in enumerate(ok.tolist()):
        number = block.rows[row] + 1
        height, width = block.size[row].tolist()
        xyv = ", ".join(
            text for joint in zip(places[place][::2], places[place][1::2], flags[place], strict=True) for text in joint
        )
        lines.append(
            f'{{"id": {number}, "image_id": {number}, "category_id": {PERSON}, "iscrowd": 0,'
            f' "bbox": [0, 0, {width}, {height}], "area": {width * height}, "num_keypoints": {seen[place].sum()},'
            f' "keypoints": [{xyv}], "keypoint_scores": [{", ".join(scores[place])}],'
            f' "track_id": {tracks[row]}, "person": {persons[row]}}}'
        )
    return lines
