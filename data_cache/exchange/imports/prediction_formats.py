"""Who is in a prediction: the persons of one image out of the JSON of a pose estimator, in the order of our joints."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from data_cache.contract.skeleton import JOINTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Persons = list[tuple[Any, Any]]


@dataclass(frozen=True)
class PredictionFormat:
    """What a pose estimator writes of an image.

    program: its name, for messages
    option:  how its folder of predictions is named
    names:   of the file, with {} for the image's basename without ending
    persons: from the file's path and its parsed JSON to keypoints [[x, y], …] and scores […] of each person, as they
             are there: the table says what is wrong with numbers. Raises ValueError naming the file for other JSON.
    """

    program: str
    option: str
    names: tuple[str, ...]
    persons: Callable[[Path, Any], Persons]


def mmpose_persons(path: Path, content: Any) -> Persons:
    """The inferencer's list of ``{keypoints, keypoint_scores, bbox, bbox_score}`` (mmpose 1.1.0,
    `BaseMMPoseInferencer.postprocess`), or that of its demos, ``{meta_info, instance_info: [the same]}``."""
    if isinstance(content, dict) and "instance_info" in content:
        _check_names(path, content.get("meta_info"))
        content = content["instance_info"]
    if not isinstance(content, list) or not all(isinstance(person, dict) for person in content):
        raise ValueError(f"{path}: expected a list of persons as MMPose writes it, found {type(content).__name__}")
    for person in content:
        if "instances" in person:
            raise ValueError(
                f"{path}: expected the prediction of an image, found that of a video, whose frames have no names; run"
                " MMPose on the images"
            )
        if not {"keypoints", "keypoint_scores"} <= person.keys():
            found = ", ".join(map(str, person))[:80] or "nothing"
            raise ValueError(
                f"{path}: expected keypoints and keypoint_scores of each person, found {found}; make the prediction of"
                " this image again"
            )
    return [(person["keypoints"], person["keypoint_scores"]) for person in content]


def _check_names(path: Path, meta: object) -> None:
    """The demos say which joints they are: other data sets have 17 too, such as Human3.6M and AP-10K."""
    names = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
    if isinstance(names, dict) and [names.get(str(place)) for place in range(len(names))] != list(JOINTS):
        found = f"{len(names)}: {', '.join(map(str, names.values()))}"[:80]
        raise ValueError(
            f"{path}: meta_info: expected the {len(JOINTS)} COCO joints in their order ({JOINTS[0]} … {JOINTS[-1]}),"
            f" found {found}; run a network of COCO's joints"
        )


MMPOSE = PredictionFormat("MMPose", "pred_out_dir", ("{}.json", "results_{}.json"), mmpose_persons)
PREDICTION_FORMATS: Mapping[str, PredictionFormat] = MappingProxyType({"mmpose": MMPOSE})
