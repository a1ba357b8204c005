"""The SAD network's backbone in PyTorch, as anybody would write it from section 4.1.3 of the paper and reference 46.

A ResNet with torchvision's names, a stem for each modality, and stride 1 in layer4.
"""

from __future__ import annotations

from itertools import chain

import torch
from torch import Tensor, nn

# name: (expansion, blocks of the four layers, width of the stem)
PLANS = {
    "resnet50": (4, (3, 4, 6, 3), 64),
    "resnet18": (1, (2, 2, 2, 2), 64),
    "narrow": (1, (1, 1, 1, 1), 16),
}


class BasicBlock(nn.Module):
    """Two 3×3 convolutions: (N, in, H, W) → (N, width, H / stride, W / stride)."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(inputs, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + self.downsample(x))


class Bottleneck(nn.Module):
    """1×1, 3×3 with the stride, 1×1: (N, in, H, W) → (N, 4 · width, H / stride, W / stride)."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(inputs, 4 * width, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + self.downsample(x))


class Stem(nn.Module):
    """(N, 3, height, width) → (N, width, height / 4, width / 4)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(3, 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.pool(self.relu(self.bn1(self.conv1(images))))


class TorchBackbone(nn.Module):
    """forward(infrared, visible, same, other): normalised frames (Ni, 3, height, width) and (Nv, 3, height, width);
    same, other (Ni + Nv,), whose style a frame takes → map and disturbed map, both (Ni + Nv, C, H, W).
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        expansion, blocks, width = PLANS[name]
        self.infrared_stem, self.visible_stem = Stem(width), Stem(width)
        block = Bottleneck if expansion == 4 else BasicBlock
        inputs, layers = width, []
        for layer, (count, stride) in enumerate(zip(blocks, (1, 2, 2, 1), strict=True)):
            own = width * 2**layer
            strides = chain([stride], [1] * (count - 1))
            sizes = chain([inputs], [own * expansion] * (count - 1))
            layers.append(nn.Sequential(*(block(i, own, s) for i, s in zip(sizes, strides, strict=True))))
            inputs = own * expansion
        self.layer1, self.layer2, self.layer3, self.layer4 = layers
        self.channels = inputs

    def forward(self, infrared: Tensor, visible: Tensor, same: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        stems = torch.cat([self.infrared_stem(infrared), self.visible_stem(visible)])
        shallow = self.layer2(self.layer1(stems))
        disturbed = self.layer3(adain(shallow, shallow[same]))
        clean = self.layer4(self.layer3(shallow))
        return clean, self.layer4(adain(disturbed, disturbed[other]))  # the last pass moves running statistics last


def adain(x: Tensor, style: Tensor) -> Tensor:
    """σ(s)·(x − μ(x)) / σ(x) + μ(s), σ unbiased + 1e-6, per channel over the cells: (N, C, H, W) → the same."""
    deviation, mean = torch.std_mean(x, (2, 3), keepdim=True)
    style_deviation, style_mean = torch.std_mean(style, (2, 3), keepdim=True)
    return (style_deviation + 1e-6) * (x - mean) / (deviation + 1e-6) + style_mean


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
