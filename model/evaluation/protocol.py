"""What is evaluated: which tracks, how they are cut into clips, and a name for what is not the run's own protocol."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from model.run.config import RunConfig

Split = Literal["test", "validation", "train"]
SPLITS: tuple[Split, ...] = get_args(Split)
DEFAULT = "default"  # label of the protocol that a run is tested by


@dataclass(frozen=True)
class Protocol:
    """One way to evaluate.

    dataset:    whose caches are read; root: folder of its frames
    split:      `test`; `train`: the tracks of the persons trained on; `validation`: those of the persons held out
    frames:     T of a clip
    all_clips:  average a track's clips (True), or take one clip a track
    min_frames: shorter tracks are left out
    """

    dataset: str
    root: str
    split: Split
    frames: int
    all_clips: bool
    min_frames: int

    @property
    def cached_split(self) -> str:
        """The split whose cache holds the tracks."""
        return "test" if self.split == "test" else "train"

    def described(self) -> dict[str, Any]:
        """The settings as plain values for a result file; `clips` is `all` or `one`."""
        settings = asdict(self)
        return {"clips": "all" if settings.pop("all_clips") else "one", **settings}

    def label(self, trained: RunConfig) -> str:
        """How this differs from testing as the run `trained` was trained; `default` where it does not."""
        parts = (
            (self.frames != trained.model.frames, f"frames-{self.frames}"),
            (self.all_clips, "clips-all"),
            (self.split != "test", f"split-{self.split}"),
            (self.min_frames != trained.data.min_frames, f"min-frames-{self.min_frames}"),
            (self.dataset != trained.dataset, f"on-{self.dataset}"),
        )
        return "_".join(name for differs, name in parts if differs) or DEFAULT
