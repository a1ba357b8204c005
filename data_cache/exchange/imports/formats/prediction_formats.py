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


# OpenPose's joints (https://github.com/CMU-Perceptual-Computing-Lab/openpose, doc/02_output.md), by how many there are.
_ARMS = "Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist"
_FACE = "REye LEye REar LEar"
OPENPOSE_JOINTS = {
    25: f"{_ARMS} MidHip RHip RKnee RAnkle LHip LKnee LAnkle {_FACE}"
    " LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel".split(),
    18: f"{_ARMS} RHip RKnee RAnkle LHip LKnee LAnkle {_FACE}".split(),
}


def _openpose_name(joint: str) -> str:
    """`left_eye` is `LEye`."""
    side, _, part = joint.rpartition("_")
    return side[:1].upper() + part.capitalize()


def openpose_persons(path: Path, content: Any) -> Persons:
    """``{version, people: [{pose_keypoints_2d: [x, y, score, …]}]}`` of the models BODY_25 and COCO (18 joints).

    Neck, middle of the hips and feet are not among our joints. What was not found is 0, 0, 0 there.
    """
    people = content.get("people") if isinstance(content, dict) else None
    if not isinstance(people, list) or not all(isinstance(person, dict) for person in people):
        raise ValueError(f"{path}: expected an object with people, as OpenPose's --write_json makes it, found another")
    persons = []
    for person in people:
        values = person.get("pose_keypoints_2d")
        count, rest = divmod(len(values), 3) if isinstance(values, list) else (0, 0)
        if rest or count not in OPENPOSE_JOINTS:
            raise ValueError(
                f"{path}: pose_keypoints_2d: expected x, y, score of 25 joints (BODY_25) or 18 (COCO), found"
                f" {len(values) if isinstance(values, list) else 'no'} numbers; run OpenPose with --model_pose BODY_25"
            )
        places = [OPENPOSE_JOINTS[count].index(_openpose_name(joint)) for joint in JOINTS]
        joints = [values[3 * place : 3 * place + 3] for place in places]
        persons.append(([joint[:2] for joint in joints], [joint[2] for joint in joints]))
    return persons


MMPOSE = PredictionFormat("MMPose", "pred_out_dir", ("{}.json", "results_{}.json"), mmpose_persons)
OPENPOSE = PredictionFormat("OpenPose", "--write_json", ("{}_keypoints.json",), openpose_persons)
PREDICTION_FORMATS: Mapping[str, PredictionFormat] = MappingProxyType({"mmpose": MMPOSE, "openpose": OPENPOSE})
