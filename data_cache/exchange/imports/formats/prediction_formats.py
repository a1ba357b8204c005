"""Who is in a prediction: the persons of one image out of the JSON of a pose estimator, in the order of our joints."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from data_cache.contract.skeleton import JOINTS
from data_cache.exchange.imports.skeleton_table import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Persons = list[tuple[Any, Any]]


@dataclass(frozen=True)
class PredictionFormat:
    """What a pose estimator writes of an image.

    program: its name, for messages
    option:  how its folder of predictions is named
    apart:   how it is run on one folder of frames, so that frames `1.jpg` of two folders do not meet
    names:   of the file, with {} for the image's basename without ending; `.json` are parsed, others are text
    persons: from the file's path and its JSON or text to keypoints [[x, y], …] and scores […] of each person, as they
             are there: the table says what is wrong with numbers. Raises ValueError naming the file for other content.
    shares:  coordinates are shares of the frame's width and height, not pixels
    """

    program: str
    option: str
    apart: str
    names: tuple[str, ...]
    persons: Callable[[Path, Any], Persons]
    shares: bool = False


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


def ultralytics_persons(path: Path, content: Any) -> Persons:
    """`Results.to_json()` or `summary()`: ``[{name, class, confidence, box, keypoints: {x, y, visible}}]``, lists.

    Without `normalize=True`: x and y in pixels of the image. What was not found is 0, 0 there, with a score below 0.5.
    """
    if not isinstance(content, list) or not all(isinstance(person, dict) for person in content):
        raise ValueError(f"{path}: expected a list of persons as to_json() makes it, found {type(content).__name__}")
    persons = []
    for person in content:
        _check_class(path, person.get("class"))
        x, y, visible = _joint_columns(path, person.get("keypoints"))
        if not len(x) == len(y) == len(visible):
            raise ValueError(
                f"{path}: keypoints: expected as many x, y and visible, found {len(x)}, {len(y)} and {len(visible)};"
                " make the prediction of this image again"
            )
        persons.append(([list(joint) for joint in zip(x, y, strict=True)], visible))
    return persons


def _joint_columns(path: Path, keypoints: object) -> list[list[Any]]:
    table = keypoints if isinstance(keypoints, dict) else {}
    columns = [table[name] for name in ("x", "y", "visible") if isinstance(table.get(name), list)]
    if len(columns) < 3:
        found = ", ".join(map(str, table))[:80] or "none"
        raise ValueError(
            f"{path}: keypoints: expected x, y and visible of each joint, found {found}; run a pose network of COCO's"
            " 17 joints with their visibility, whose scores these are"
        )
    return columns


_BOX = 5  # class, then centre, width and height of the box
_LINE = _BOX + 3 * len(JOINTS)


def label_persons(path: Path, text: str) -> Persons:
    """Ultralytics' label files (`save_txt=True`): a line a person, class, box, then x, y, score of each joint.

    After them may stand the box's confidence (`save_conf=True`) and the number of a track, which are not asked for.
    """
    persons = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            values = [float(word) for word in line.split()]
        except ValueError:
            raise ValueError(f"{where}: expected numbers as save_txt=True writes them, found {line[:40]!r}") from None
        if not _LINE <= len(values) <= _LINE + 2:
            raise ValueError(
                f"{where}: expected class, box and x, y, score of {len(JOINTS)} joints, {_LINE} to {_LINE + 2} numbers,"
                f" found {len(values)}; run a pose network of COCO's 17 joints with their visibility"
            )
        _check_class(where, values[0])
        joints = [values[place : place + 3] for place in range(_BOX, _LINE, 3)]
        largest = max((abs(extent) for joint in joints for extent in joint[:2]), default=0)
        if largest > MOST_SHARE:
            raise ValueError(
                f"{where}: expected x and y as shares of the frame, 0…1, found {largest:g}; give the file as"
                " save_txt=True writes it, or pixels as to_json() does, with --format ultralytics"
            )
        persons.append(([joint[:2] for joint in joints], [joint[2] for joint in joints]))
    return persons


MOST_SHARE = 2  # of a frame; a joint further out than the frame is large is in pixels


def _check_class(where: Path | str, number: object) -> None:
    """Pose networks of COCO have one class, 0: a person."""
    if number != 0 or isinstance(number, bool):
        raise ValueError(
            f"{where}: expected class 0 (person), found {shown(number)}; run a pose network of COCO's 17 joints, which"
            " knows persons alone"
        )


_FOLDER = "<folder of the frames>"
MMPOSE = PredictionFormat(
    program="MMPose",
    option="pred_out_dir",
    apart=f"pred_out_dir=PREDICTIONS/{_FOLDER}",
    names=("{}.json", "results_{}.json"),
    persons=mmpose_persons,
)
OPENPOSE = PredictionFormat(
    program="OpenPose",
    option="--write_json",
    apart=f"--write_json PREDICTIONS/{_FOLDER}",
    names=("{}_keypoints.json",),
    persons=openpose_persons,
)
ULTRALYTICS = PredictionFormat(
    program="Ultralytics",
    option="a file with to_json() of each frame",
    apart=f"its files written to PREDICTIONS/{_FOLDER}",
    names=("{}.json",),
    persons=ultralytics_persons,
)
LABELS = PredictionFormat(
    program="Ultralytics",
    option="save_txt=True",
    apart=f"project=PREDICTIONS name={_FOLDER}",
    names=("labels/{}.txt", "{}.txt"),
    persons=label_persons,
    shares=True,
)
PREDICTION_FORMATS: Mapping[str, PredictionFormat] = MappingProxyType(
    {"mmpose": MMPOSE, "openpose": OPENPOSE, "ultralytics": ULTRALYTICS, "ultralytics-txt": LABELS}
)
