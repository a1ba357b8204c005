"""The SAD network: a ResNet with a stem for each modality (section 4.1.3, reference 46: SAADG).

ResNet: He et al., Deep Residual Learning for Image Recognition, CVPR 2016, with the stride of a bottleneck in its
3×3 convolution, as torchvision and timm have it. Parameters bear torchvision's names, so that its weights map by
name (`model.pretrained`).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from mindspore import Tensor, nn, ops
from mindspore.common.initializer import HeNormal

from model.network.style import StyleDisturbance

if TYPE_CHECKING:
    from collections.abc import Mapping

Modality = Literal["infrared", "visible"]


@dataclass(frozen=True)
class Architecture:
    """expansion: channels of a block's result over its width (4 makes bottlenecks); blocks and width: per layer."""

    expansion: int
    blocks: tuple[int, int, int, int]
    stem_width: int = 64

    @property
    def widths(self) -> tuple[int, int, int, int]:
        """Channels of the four layers' results."""
        w = self.stem_width * self.expansion
        return w, 2 * w, 4 * w, 8 * w


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        "resnet50": Architecture(4, (3, 4, 6, 3)),
        "resnet18": Architecture(1, (2, 2, 2, 2)),
        "narrow": Architecture(1, (1, 1, 1, 1), stem_width=16),
    }
)


class Block(nn.Cell):
    """One residual block: (N, in, H, W) → (N, out, ⌈H/stride⌉, ⌈W/stride⌉).

    Basic (two 3×3) where `expansion` is 1, else a bottleneck (1×1, 3×3 with the stride, 1×1) of out / expansion.
    """

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        width = outputs // expansion
        self.bottleneck = expansion > 1
        if self.bottleneck:
            self.conv1, self.bn1 = _convolution(inputs, width, 1), nn.BatchNorm2d(width)
            self.conv2, self.bn2 = _convolution(width, width, 3, stride), nn.BatchNorm2d(width)
            self.conv3, self.bn3 = _convolution(width, outputs, 1), nn.BatchNorm2d(outputs)
        else:
            self.conv1, self.bn1 = _convolution(inputs, width, 3, stride), nn.BatchNorm2d(width)
            self.conv2, self.bn2 = _convolution(width, outputs, 3), nn.BatchNorm2d(outputs)
        self.projects = stride != 1 or inputs != outputs
        if self.projects:
            self.downsample = nn.SequentialCell([_convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs)])

    def construct(self, x: Tensor) -> Tensor:
        y = ops.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.bottleneck:
            y = self.bn3(self.conv3(ops.relu(y)))
        shortcut = self.downsample(x) if self.projects else x
        return ops.relu(y + shortcut)


class Stem(nn.Cell):
    """conv1, bn1, ReLU, max pooling: (N, 3, height, width) → (N, width, height / 4, width / 4), rounded up."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = _convolution(3, width, 7, 2)
        self.bn1 = nn.BatchNorm2d(width)
        self.pool = nn.MaxPool2d(3, 2, pad_mode="pad", padding=1)

    def construct(self, images: Tensor) -> Tensor:
        return self.pool(ops.relu(self.bn1(self.conv1(images))))


class SadBackbone(nn.Cell):
    """Two stems, shared layer1 to layer4; layer4's stride is 1, so 288×144 pixels give 18×9 cells.

    construct(infrared, visible, same, other) is the training pass:
        infrared: (Ni, 3, height, width), visible: (Nv, 3, height, width), normalised frames; N = Ni + Nv rows,
            the infrared ones first
        same, other: (N,) int32, the row whose style a row takes after layer2 (a frame of the same modality)
            and, in the disturbed pass, after layer3 (a frame of the other modality)
    Returns the feature map and the disturbed feature map, both (N, C, H, W). The two passes share all weights;
    batch norms take the statistics of each pass by itself, and both passes move the running ones.

    extract(images, modality) is the clean pass for frames of one modality: (N, 3, height, width) → (N, C, H, W).
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        plan = ARCHITECTURES[name]
        self.channels = plan.widths[3]
        self.infrared_stem = Stem(plan.stem_width)
        self.visible_stem = Stem(plan.stem_width)
        strides = (1, 2, 2, 1)
        inputs = (plan.stem_width, *plan.widths[:3])
        layers = [
            nn.SequentialCell([Block(i if n == 0 else w, w, plan.expansion, s if n == 0 else 1) for n in range(blocks)])
            for i, w, s, blocks in zip(inputs, plan.widths, strides, plan.blocks, strict=True)
        ]
        self.layer1, self.layer2, self.layer3, self.layer4 = layers
        self.disturb = StyleDisturbance()
        for target, source in zip(self.visible_stem.get_parameters(), self.infrared_stem.get_parameters(), strict=True):
            target.set_data(Tensor(source.asnumpy()))

    def construct(self, infrared: Tensor, visible: Tensor, same: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        stems = ops.cat((self.infrared_stem(infrared), self.visible_stem(visible)), 0)
        shallow = self.layer2(self.layer1(stems))
        disturbed = self.disturb(self.layer3(self.disturb(shallow, same)), other)
        return self.layer4(self.layer3(shallow)), self.layer4(disturbed)

    def extract(self, images: Tensor, modality: Modality) -> Tensor:
        stem = self.infrared_stem(images) if modality == "infrared" else self.visible_stem(images)
        return self.layer4(self.layer3(self.layer2(self.layer1(stem))))


def _convolution(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    """A convolution without bias that pads by half its size, drawn as the ResNet paper does."""
    weights = HeNormal(mode="fan_out", nonlinearity="relu")
    return nn.Conv2d(inputs, outputs, size, stride, pad_mode="pad", padding=size // 2, weight_init=weights)
