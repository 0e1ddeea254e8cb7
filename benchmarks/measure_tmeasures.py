"""Against tmeasures (Quiroga et al. 2021), for what both give: invariance and same-equivariance.

Goal: at least 2 times faster on ResNet-18 at 64 x 64, its 8 blocks, 64 images, 3 quarter turns.
It is needed for this comparison only, with statsmodels, which it imports: both are installed by
`.venv/bin/uv pip install --python .venv tmeasures statsmodels`.
tmeasures scores every cell by its variance over turns, ours every channel by correlation; both
need the same forward passes.
"""

import sys

import torch
import torchvision
from side_by_side import best_seconds, machine, report
from torch import Tensor, nn

import equivar

try:
    import tmeasures as tm
except ImportError as error:
    sys.exit(f"tmeasures is not installed ({error}); see the first lines of this file")

BLOCKS = [f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)]


class Blocks(tm.pytorch.ActivationsModule):
    """ResNet-18 as tmeasures reads it: a forward pass that returns the blocks' outputs."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)

    def forward_activations(self, x: Tensor) -> list[Tensor]:
        m = self.model
        x = m.maxpool(m.relu(m.bn1(m.conv1(x))))
        activations = []
        for name in BLOCKS:
            x = m.get_submodule(name)(x)
            activations.append(x)
        return activations

    def activation_names(self) -> list[str]:
        return BLOCKS


class Turn(tm.pytorch.PyTorchTransformation, tm.InvertibleTransformation):
    """A quarter turn as tmeasures has it: of one image or map (C, H, W)."""

    def __init__(self, quarter_turns: int):
        super().__init__()
        self.quarter_turns = quarter_turns

    def forward(self, x: Tensor) -> Tensor:
        return torch.rot90(x, self.quarter_turns, dims=(-2, -1))

    def __call__(self, x: Tensor) -> Tensor:
        return self.forward(x)

    def inverse(self) -> "Turn":
        return Turn(-self.quarter_turns)

    def parameters(self):
        return torch.tensor([float(self.quarter_turns)])


class Turns(tm.pytorch.PyTorchTransformationSet):
    """The identity and three quarter turns."""

    def __init__(self):
        super().__init__([Turn(k) for k in range(4)])

    def id(self) -> str:
        return "turns"

    def valid_input(self, shape) -> bool:
        return True

    def copy(self) -> "Turns":
        return Turns()


def theirs(model: nn.Module, images: Tensor):
    """Its normalised variances: invariance, and same-equivariance after turning maps back."""
    options = tm.pytorch.PyTorchMeasureOptions(batch_size=64, verbose=False)
    data = list(images)
    for measure in (
        tm.pytorch.NormalizedVarianceInvariance(),
        tm.pytorch.NormalizedVarianceSameEquivariance(),
    ):
        measure.eval(data, Turns(), Blocks(model), options)


@torch.no_grad()
def forwards(model: nn.Module, images: Tensor):
    for turns in range(4):
        moved = torch.rot90(images, turns, dims=(-2, -1))
        model(moved.contiguous(memory_format=torch.channels_last))


def main():
    model = torchvision.models.resnet18().eval()
    images = torch.randn(64, 3, 64, 64)
    turns = equivar.rotations()
    seconds = best_seconds(
        {
            "bare forward passes": lambda: forwards(model, images),
            "tmeasures": lambda: theirs(model, images),
            "equivar.measure": lambda: equivar.measure(
                model, images, turns, layers=BLOCKS, progress=False
            ),
        },
        repeats=3,
    )
    ratio = seconds["tmeasures"] / seconds["equivar.measure"]
    report("ResNet-18 at 64 x 64, 8 blocks, 64 images, 3 turns", seconds, ratio, "at least 2")


if __name__ == "__main__":
    print(machine())
    main()
