"""What every process of test_data_parallel.py does: `msrun … python parallel_step.py <folder> <arguments>`.

First `python -m model <arguments>`, noting every step's persons, and weights and momentum after the last step, in
<folder>/train-<rank>.npz; then the gradients of half a batch and their averages, in <folder>/gradients-<rank>.npz.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

PERSONS, TRACKS, FRAMES, HEIGHT, WIDTH = 8, 2, 3, 19, 16
SETTINGS: dict[str, Any] = {
    "backbone": "narrow",
    "frames": FRAMES,
    "image_height": HEIGHT,
    "image_width": WIDTH,
    "edge_hidden": 7,
    "lstm_hidden": 11,
    "graph_hidden": 3,
    "graph_width": 13,
    "kl_width": 17,
}
Arrays = dict[str, np.ndarray]


def train(arguments: list[str]) -> tuple[int, Arrays]:
    """Run the command; its status, the persons (step, clip), and what a step has changed, by the checkpoint's names."""
    from model.__main__ import main
    from model.training.training_step import TrainingStep

    made: list[TrainingStep] = []
    persons: list[np.ndarray] = []
    make_step = TrainingStep.__call__

    def noted(self: TrainingStep, inputs: Any, person: np.ndarray, *rates: float) -> Any:
        made.append(self)
        persons.append(person.copy())
        return make_step(self, inputs, person, *rates)

    TrainingStep.__call__ = noted  # type: ignore[method-assign]
    status = main(arguments)
    learnt = {f"network.{parameter.name}" for parameter in made[-1].network.trainable_params()}
    tensors = made[-1].tensors().items()
    kept = {name: array for name, array in tensors if name in learnt or name.startswith("optimizer.")}
    return status, {"persons": np.stack(persons), **kept}


def step_inputs(devices: int, device: int) -> list[np.ndarray]:
    """One device's clips of a step, infrared ones first, then their persons; every frame keeps its own style."""
    random = np.random.default_rng(1)
    half = PERSONS * TRACKS
    clip = np.arange(2 * half).reshape(2, PERSONS, TRACKS)
    share = PERSONS // devices
    mine = clip[:, device * share : (device + 1) * share].ravel()
    images = random.normal(size=(2 * half, FRAMES, 3, HEIGHT, WIDTH)).astype(np.float32)[mine]
    edges = random.normal(size=(2 * half, FRAMES, 272)).astype(np.float32)[mine]
    seen = (random.random((2 * half, FRAMES, 17)) < 0.8)[mine].astype(np.float32)
    nodes = random.random((2 * half, FRAMES, 17, 3)).astype(np.float32)[mine] * seen[..., None]
    places = random.random((2 * half, FRAMES, 17, 2)).astype(np.float32)[mine]
    side = len(mine) // 2
    gains = [np.ones((side, FRAMES), np.float32), np.ones((side, FRAMES, 3), np.float32)]
    channel = np.tile(np.arange(3, dtype=np.int32), (side, FRAMES, 1))
    itself = np.arange(2 * side * FRAMES, dtype=np.int32).reshape(2 * side, FRAMES)
    keep = np.ones((2 * side, FRAMES, 128), np.float32)
    person = np.tile(np.arange(PERSONS, dtype=np.int32).repeat(TRACKS), 2)[mine]
    return [images[:side], images[side:], edges, nodes, seen, places, *gains, channel, itself, itself, keep, person]


def identity_gradients(devices: int, device: int) -> Arrays:
    """Of L_id alone, batch norms in evaluation mode: its two terms and the gradients by the parameters' names, as
    this device has them (`own.…`) and averaged over all (`mean.…`).
    """
    import mindspore as ms

    from model.network.losses import TotalLoss
    from model.network.network import StarNetwork
    from model.run.config import LossConfig, ModelConfig, TrainConfig
    from model.training.training_step import TrainingStep, average_over_devices

    random = np.random.default_rng(2)
    ms.set_seed(2)
    network = StarNetwork(ModelConfig(**SETTINGS), PERSONS)
    for parameter in network.trainable_params():  # none may stay at 0, where others learn nothing
        moved = parameter.asnumpy() + random.normal(scale=0.1, size=parameter.shape)
        parameter.set_data(ms.Tensor(moved.astype(np.float32)))
    loss = TotalLoss(LossConfig(triplet=0.0, kl=0.0, sad=0.0), network.consistent)
    step = TrainingStep(network, loss, TrainConfig(), devices)
    network.set_train(False)
    weights = step.optimizer.parameters
    (_, _, terms), slopes = step.gradients(*(ms.Tensor(array) for array in step_inputs(devices, device)))
    averages = average_over_devices(weights, devices)(slopes, terms) if devices > 1 else (slopes, terms)
    found = {}
    for whose, (slopes_of, terms_of) in {"own": (slopes, terms), "mean": averages}.items():
        found |= {f"{whose}.{p.name}": slope.asnumpy() for p, slope in zip(weights, slopes_of, strict=True)}
        found[f"{whose}.terms"] = terms_of.asnumpy()[:2]
    return found


if __name__ == "__main__":
    status, trained = train(sys.argv[2:])
    from mindspore.communication import get_group_size, get_rank

    folder, rank = Path(sys.argv[1]), get_rank()
    np.savez(folder / f"train-{rank}.npz", **trained)
    np.savez(folder / f"gradients-{rank}.npz", **identity_gradients(get_group_size(), rank))
    sys.exit(status)
