"""A plain ResNet in torch with torchvision's names and the stride 1 of layer4, as a definition to test against."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu


class TorchBlock(nn.Module):
    def __init__(self, inputs: int, width: int, expansion: int, stride: int) -> None:
        super().__init__()
        outputs = width * expansion
        sizes = [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
        if expansion == 1:
            sizes = [(inputs, width, 3, stride), (width, outputs, 3, 1)]
        self.count = len(sizes)
        for n, (i, o, size, step) in enumerate(sizes, 1):
            setattr(self, f"conv{n}", nn.Conv2d(i, o, size, step, size // 2, bias=False))
            setattr(self, f"bn{n}", nn.BatchNorm2d(o))
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for n in range(1, self.count + 1):
            y = getattr(self, f"bn{n}")(getattr(self, f"conv{n}")(y))
            y = relu(y) if n < self.count else y
        return relu(y + (x if self.downsample is None else self.downsample(x)))


class TorchResNet(nn.Module):
    """blocks a layer; width of the stem; expansion 4 for bottlenecks; classes of `fc`, which is not used here."""

    def __init__(self, blocks: tuple[int, ...], width: int, expansion: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        inputs = width
        for layer, count in enumerate(blocks):
            own = width * 2**layer
            steps = [2 if layer in (1, 2) else 1] + [1] * (count - 1)  # torchvision: 2 in layer4 as well
            rows = []
            for stride in steps:
                rows.append(TorchBlock(inputs, own, expansion, stride))
                inputs = own * expansion
            setattr(self, f"layer{layer + 1}", nn.Sequential(*rows))
        self.fc = nn.Linear(inputs, 7)

    def stem(self, x: Tensor) -> Tensor:
        return nn.functional.max_pool2d(relu(self.bn1(self.conv1(x))), 3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))


def random_resnet(blocks: tuple[int, ...], width: int, expansion: int) -> TorchResNet:
    """Seeded weights; batch norms with statistics and scales of their own, as after training."""
    random = torch.Generator().manual_seed(0)
    network = TorchResNet(blocks, width, expansion)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            noise = torch.randn(value.shape, generator=random)
            if value.ndim > 1:
                value.copy_(noise * (2 / value[0].numel()) ** 0.5)
            elif name.endswith("running_var"):
                value.copy_(1 + 0.3 * noise.abs())
            else:
                value.copy_((1.0 if name.endswith("weight") else 0.0) * 0.7 + 0.1 * noise)
    return network
