"""The SAD backbone against a torch ResNet with the same weights: whole ResNet-50 and 18, and the disturbed pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from mindspore import nn
from safetensors.numpy import save_file

from model.network.backbone import ARCHITECTURES, Block, SadBackbone
from model.network.pretrained import load_pretrained
from tests.model.network.cells import MODES, assert_close, backward, call, gradients, leaf, random_array, randomise
from tests.model.network.test_style import torch_adain
from tests.model.network.torch_resnet import TorchBlock, TorchResNet, random_resnet

if TYPE_CHECKING:
    from pathlib import Path

NI, NV, HEIGHT, WIDTH = 2, 3, 37, 29
SAME = np.array([1, 0, 4, 2, 3], np.int32)
OTHER = np.array([4, 2, 1, 0, 1], np.int32)


class Extract(nn.Cell):  # type: ignore[misc]
    """`SadBackbone.extract` for one modality as a cell."""

    def __init__(self, backbone: SadBackbone, modality: str) -> None:
        super().__init__()
        self.backbone, self.modality = backbone, modality

    def construct(self, images: Any) -> Any:
        return self.backbone.extract(images, self.modality)


def twins(name: str, folder: Path) -> tuple[SadBackbone, TorchResNet]:
    """A backbone and a torch ResNet with the same weights, mapped through a file as a user's are."""
    plan = ARCHITECTURES[name]
    network = random_resnet(plan.blocks, plan.stem_width, plan.expansion)
    path = folder / f"{name}.safetensors"
    save_file({key: value.numpy() for key, value in network.state_dict().items()}, path)
    backbone = SadBackbone(name)
    load_pretrained(backbone, path)
    return backbone, network


def ours(name: str) -> str:
    """A backbone's parameter under torchvision's name (both stems have that of the one)."""
    plain = name.removeprefix("backbone.").removeprefix("infrared_stem.").removeprefix("visible_stem.")
    for part, theirs in (("gamma", "weight"), ("beta", "bias")):
        plain = plain.replace(f".{part}", f".{theirs}")
    return plain


@pytest.mark.parametrize("name", ["resnet50", "resnet18"])
def test_the_whole_resnet_is_torchs_with_all_gradients(name: str, tmp_path: Path) -> None:
    backbone, network = twins(name, tmp_path)
    images = random_array(0, 2, 3, HEIGHT, WIDTH)
    network.eval()
    a = leaf(images)
    expected = backward(network(a))
    cell = Extract(backbone, "visible")
    cell.set_train(False)
    value, (by_images,), by_weight = gradients(cell, (images,))
    assert value.shape == (2, backbone.channels, 3, 2)  # ⌈37 / 16⌉ × ⌈29 / 16⌉: layer4 keeps the cells
    assert_close(value, expected)
    assert_close(by_images, a.grad)
    theirs = {key: parameter.grad for key, parameter in network.named_parameters() if not key.startswith("fc.")}
    found = {ours(key): gradient for key, gradient in by_weight.items() if "infrared_stem" not in key}
    assert found.keys() == theirs.keys()
    for key, gradient in found.items():
        assert_close(gradient, theirs[key], key)
    assert all((by_weight[key] == 0).all() for key in by_weight if "infrared_stem" in key)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("expansion", "stride", "inputs"), [(1, 1, 12), (1, 2, 7), (4, 1, 12), (4, 2, 7)])
def test_a_block_is_torchs_while_it_trains(expansion: int, stride: int, inputs: int, mode: str) -> None:
    cell, twin = Block(inputs, 12, expansion, stride), TorchBlock(inputs, 12 // expansion, expansion, stride)
    randomise(cell, 4, 0.1)
    ours_by_name = {ours(name): parameter for name, parameter in cell.parameters_and_names()}
    with torch.no_grad():
        for name, parameter in twin.named_parameters():
            parameter.copy_(torch.tensor(ours_by_name[name].asnumpy()))
    cell.set_train()
    x = random_array(5, 3, inputs, 11, 5)
    a = leaf(x)
    expected = backward(twin(a))
    value, (by_x,), by_weight = gradients(cell, (x,), (0,), mode)
    assert_close(value, expected)
    assert_close(by_x, a.grad)
    for name, gradient in by_weight.items():
        assert_close(gradient, dict(twin.named_parameters())[ours(name)].grad, name)


def torch_training_pass(
    network: TorchResNet, infrared: torch.Tensor, visible: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The clean and the disturbed map; layer3 runs the disturbed pass first, layer4 the clean one."""
    shallow = network.layer2(network.layer1(torch.cat((network.stem(infrared), network.stem(visible)))))
    after_layer3 = network.layer3(torch_adain(shallow, shallow[torch.tensor(SAME).long()]))
    clean = network.layer4(network.layer3(shallow))
    return clean, network.layer4(torch_adain(after_layer3, after_layer3[torch.tensor(OTHER).long()]))


@pytest.mark.parametrize("mode", MODES)
def test_both_passes_move_the_running_statistics_as_torch_does(mode: str, tmp_path: Path) -> None:
    backbone, network = twins("narrow", tmp_path)
    backbone.set_train()
    network.train()
    infrared, visible = random_array(1, NI, 3, HEIGHT, WIDTH), random_array(2, NV, 3, HEIGHT, WIDTH)
    call(backbone, infrared, visible, SAME, OTHER, mode=mode)
    torch_training_pass(network, torch.tensor(infrared), torch.tensor(visible))
    theirs, compared = network.state_dict(), 0
    for name, parameter in backbone.parameters_and_names():
        if name.startswith("layer") and "moving" in name:
            same = name.replace("moving_mean", "running_mean").replace("moving_variance", "running_var")
            assert_close(parameter.asnumpy(), theirs[same], name)
            compared += 1
    assert compared == 2 * (2 * 4 + 3)  # two batch norms a block and three shortcuts


@pytest.mark.parametrize("mode", MODES)
def test_the_training_pass_is_torchs_with_adain_after_layer2_and_layer3(mode: str, tmp_path: Path) -> None:
    backbone, network = twins("narrow", tmp_path)
    backbone.set_train()
    network.train()
    infrared, visible = random_array(1, NI, 3, HEIGHT, WIDTH), random_array(2, NV, 3, HEIGHT, WIDTH)
    a, b = leaf(infrared), leaf(visible)
    clean, disturbed = torch_training_pass(network, a, b)
    backward(disturbed)
    inputs = (infrared, visible, SAME, OTHER)
    value, (by_infrared, by_visible), _ = gradients(backbone, inputs, (0, 1), mode, output=1)
    assert_close(value, disturbed)
    assert_close(by_infrared, a.grad)
    assert_close(by_visible, b.grad)
    assert_close(call(backbone, *inputs)[0], clean)


def test_each_modality_goes_through_its_own_stem(tmp_path: Path) -> None:
    backbone, network = twins("narrow", tmp_path)
    backbone.set_train(False)
    network.eval()
    infrared, visible = random_array(1, NI, 3, HEIGHT, WIDTH), random_array(2, NV, 3, HEIGHT, WIDTH)
    before = call(backbone, infrared, visible, SAME, OTHER)[0]
    assert_close(before, network(torch.tensor(np.concatenate((infrared, visible)))))
    assert_close(call(Extract(backbone, "visible"), visible), before[NI:])
    stem = backbone.visible_stem.conv1.weight
    stem.set_data(stem * 2)
    after = call(backbone, infrared, visible, SAME, OTHER)[0]
    np.testing.assert_array_equal(after[:NI], before[:NI])
    assert (after[NI:] != before[NI:]).any()


def test_both_stems_start_alike_and_are_not_one() -> None:
    backbone = SadBackbone("narrow")
    infrared, visible = backbone.infrared_stem.conv1.weight, backbone.visible_stem.conv1.weight
    np.testing.assert_array_equal(infrared.asnumpy(), visible.asnumpy())
    infrared.set_data(infrared + 1)
    assert (infrared.asnumpy() != visible.asnumpy()).all()


def test_the_papers_frames_give_18_by_9_cells() -> None:
    cell = Extract(SadBackbone("narrow"), "infrared")
    cell.set_train(False)
    assert call(cell, random_array(3, 1, 3, 288, 144)).shape == (1, 128, 18, 9)
