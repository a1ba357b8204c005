"""`star synth`: a generated data set whose joints are known."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import get_args

from command_line.run_command import DONE
from pipeline.synth.settings import HiddenJoints, Infrared, SynthSettings

logger = logging.getLogger(__name__)

_HELP = {
    "seed": "everything is drawn from it",
    "train_persons": "persons of the training split",
    "test_persons": "persons of the test split",
    "tracks": "tracks of a person in each modality",
    "frames": "frames of a track",
    "train_occluded": "share of the training tracks with an occluder",
    "test_occluded": "share of the test tracks with an occluder; the frames are else the same",
    "joint_noise": "standard deviation of an error on the joints, in crop heights",
    "infrared": "infrared reflectances: drawn apart from the colours, or following their luminance",
    "hidden_joints": "joints behind an occluder: unseen, known, or noisy as a pose network guesses them",
}
_CHOICES = {"infrared": get_args(Infrared), "hidden_joints": get_args(HiddenJoints)}


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `subparsers`."""
    parser = subparsers.add_parser(
        "synth",
        help="generate a data set of drawn walkers, with their true joints",
        description="Draw walkers with personal proportions, gait and clothes as visible and infrared tracks, in the"
        " layout of HITSZ-VCM, and write their true joints as keypoints files. The same options give the same bytes.",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the data set's folder, to be made")
    parser.add_argument("--artifacts", type=Path, required=True, metavar="DIR", help="folder for keypoints/<split>.h5")
    parser.add_argument("--dataset", default="synth", metavar="NAME", help="name of the data set (default: synth)")
    parser.add_argument("--force", action="store_true", help="replace an earlier generated data set in --out")
    for name, text in _HELP.items():
        default = getattr(SynthSettings, name)
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(default),
            default=default,
            choices=_CHOICES.get(name),
            metavar=None if name in _CHOICES else "N" if isinstance(default, int) else "SHARE",
            help=f"{text} (default: {default})",
        )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the data set."""
    from command_line.terminal.progress import counted
    from pipeline.synth.dataset import write_dataset

    settings = SynthSettings(**{name: getattr(args, name) for name in _HELP})
    persons = settings.train_persons + settings.test_persons
    total = persons * 2 * settings.tracks * settings.frames
    try:
        with counted("drawing", "frames", total) as advance:
            frames = write_dataset(
                settings,
                args.dataset,
                args.out,
                args.artifacts,
                force=args.force,
                progress=lambda drawn: advance(drawn, None),
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{args.out} is as it was before") from None
    logger.info("%s: %d persons, %d frames; keypoints in %s", args.out, persons, frames, args.artifacts / "keypoints")
    return DONE
