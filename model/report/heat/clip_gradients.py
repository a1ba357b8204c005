"""What a network makes of one clip on the way to its feature: the map, its gradient and the parts' weights.

The one place of the report that knows MindSpore.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import mindspore as ms
import numpy as np
from mindspore import Tensor, ops

from data_cache.contract.records import Modality

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from model.clips.clip_reader import ClipArrays
    from model.network.network import StarNetwork


class ClipGradients(NamedTuple):
    """Of one clip of T frames.

    similarity:    cosine similarity of the clip's feature and the wanted one
    cells:         (T, C, H, W) float32, the backbone's map F; slopes: the gradient of `similarity` by it
    contributions: (T, part, exponent) float32, α of eq 12 averaged over channels; none without sequence guidance
    masks:         (T, part, H, W) float32, sums to 1 over the cells; none without `model.pool_parts`
    """

    similarity: float
    cells: NDArray[np.float32]
    slopes: NDArray[np.float32]
    contributions: NDArray[np.float32] | None
    masks: NDArray[np.float32] | None


def clip_gradients(
    network: StarNetwork,
) -> Callable[[Modality, ClipArrays, NDArray[np.float32]], ClipGradients]:
    """A compiled function: a modality, the arrays of a batch of one clip, and the wanted feature (C,) of length 1.

    The backbone is compiled once a modality, what follows its map once, as long as clips have one shape. `network` is
    one that evaluates (`set_train(False)`).
    """

    def extract(visible: bool, images: Any) -> Any:
        frames = ops.reshape(images, (-1, *images.shape[2:]))
        if visible:  # a constant: each modality has its own graph
            return network.backbone.extract(frames, "visible")
        return network.backbone.extract(frames, "infrared")

    def similarity(cells: Any, edges: Any, nodes: Any, seen: Any, places: Any, wanted: Any) -> Any:
        return ops.sum(network.embed_map(cells, edges, nodes, seen, places) * wanted)

    def contribute(nodes: Any, seen: Any) -> Any:
        return ops.mean(network.part_weights(*network.part_encoder(nodes, seen)), 4)

    map_of, derive = ms.jit(extract), ms.jit(ms.value_and_grad(similarity, 0, None))
    parts = ms.jit(contribute) if network.sequence_guidance else None

    def part_masks(places: Any, seen: Any, height: int, width: int) -> NDArray[np.float32] | None:
        if not (network.sequence_guidance and network.by_part):
            return None
        found = network.part_masks(places, seen, height, width).asnumpy()[0]
        return np.array(found, np.float32).reshape(*found.shape[:2], height, width)

    def gradients(modality: Modality, arrays: ClipArrays, wanted: NDArray[np.float32]) -> ClipGradients:
        images, edges, nodes, seen, places = (Tensor(array) for array in arrays)
        cells = map_of(modality == Modality.VISIBLE, images)
        score, slopes = derive(cells, edges, nodes, seen, places, Tensor(wanted[None]))
        return ClipGradients(
            similarity=float(score.asnumpy()),
            cells=np.array(cells.asnumpy(), np.float32),
            slopes=np.array(slopes.asnumpy(), np.float32),
            contributions=None if parts is None else np.array(parts(nodes, seen).asnumpy()[0], np.float32),
            masks=part_masks(places, seen, *cells.shape[2:]),
        )

    return gradients
