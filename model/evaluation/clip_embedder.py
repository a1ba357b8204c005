"""The network as a function from the arrays of clips to their features: the one place here that knows MindSpore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mindspore as ms
import numpy as np
from mindspore import Tensor

from data_cache.contract.records import Modality
from model.network.network import ClipEmbedding

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from model.clips.clip_reader import ClipArrays
    from model.network.network import StarNetwork


def clip_embedder(network: StarNetwork) -> Callable[[Modality, ClipArrays], NDArray[np.float32]]:
    """A compiled function: a modality and the arrays of B of its clips → their features (B, C) float32 of length 1.

    It is compiled once for every shape, so give it batches of one size. `network` is one that evaluates
    (`set_train(False)`). The features are copied: they stay when the arrays' memory is filled anew.
    """
    of_infrared, of_visible = ClipEmbedding(network, "infrared"), ClipEmbedding(network, "visible")
    for cell in (of_infrared, of_visible):
        cell.set_train(False)

    def embed(visible: bool, images: Any, *skeletons: Any) -> Any:
        if visible:  # a constant: each modality has its own graph
            return of_visible(images, *skeletons)
        return of_infrared(images, *skeletons)

    compiled = ms.jit(embed)

    def features(modality: Modality, arrays: ClipArrays) -> NDArray[np.float32]:
        found = compiled(modality == Modality.VISIBLE, *(Tensor(array) for array in arrays))
        return np.array(found.asnumpy(), np.float32)

    return features
