"""How fast training is beside a plain loop: float32, default layout, a DataLoader, one image
at a time augmented and normalised.

Goals: at least 2 times the images per second for ResNet-44 and for the 7-layer CNN, with the same
final accuracy within the noise of seeds; the data pipeline at most 10 % of a step.
"""

import argparse
import time

import numpy as np
import torch
from side_by_side import best_seconds, machine, report
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from equivar import data as datasets
from equivar import networks, training
from equivar.training import loop
from equivar.training.checkpoint import Progress

SCHEDULE = {"batch_size": 128, "lr": 0.01, "optimizer": "adam", "weight_decay": 5e-4}


class OneByOne(Dataset):
    """Images as a DataLoader has them: each on its own."""

    def __init__(self, data, augment):
        self.data = data
        steps = [v2.RandomCrop(data.images.shape[-1], padding=4)] if "crop" in augment else []
        steps += [v2.RandomHorizontalFlip()] if "flip" in augment else []
        steps += [v2.ToDtype(torch.float32, scale=True), v2.Normalize(data.mean, data.std)]
        self.transform = v2.Compose(steps)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return self.transform(self.data.images[i]), self.data.labels[i]


def plain(name, data, augment, epochs, seed=0):
    """The loop of a tutorial, with the same schedule as `training.train`."""
    torch.manual_seed(seed)
    model = network(name, data, seed).train()
    optimizer = torch.optim.Adam(
        model.parameters(), lr=SCHEDULE["lr"], weight_decay=SCHEDULE["weight_decay"]
    )
    loader = DataLoader(OneByOne(data, augment), batch_size=SCHEDULE["batch_size"], shuffle=True)
    for epoch in range(epochs):
        for step, (images, labels) in enumerate(loader):
            rate = loop.Recipe(epochs=epochs, schedule="one-cycle", lr=SCHEDULE["lr"]).rate(
                epoch + step / len(loader)
            )
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()
    return model.eval()


def ours(name, data, augment, epochs, seed=0):
    model = network(name, data, seed)
    training.train(
        model, data, epochs=epochs, augment=augment, schedule="one-cycle", seed=seed,
        progress=False, **SCHEDULE,
    )  # fmt: skip
    return model


def network(name, data, seed):
    return networks.build(
        name, num_classes=len(data.classes), in_channels=data.images.shape[1], seed=seed
    )


def pipeline_share(name, data, augment):
    """The share of training's time that goes into order, augmentation and normalising."""
    plan = loop.Recipe(epochs=1, augment=augment)
    begin = time.perf_counter()
    for _ in loop._batches(
        data.images,
        data.labels,
        len(data.classes),
        data,
        plan,
        Progress(),
        torch.channels_last,
    ):
        pass
    pipeline = time.perf_counter() - begin
    begin = time.perf_counter()
    ours(name, data, augment, epochs=1)
    return pipeline / (time.perf_counter() - begin)


def speed(title, name, data, augment, repeats):
    seconds = best_seconds(
        {
            "plain float32 loop": lambda: plain(name, data, augment, 1),
            "equivar.training.train": lambda: ours(name, data, augment, 1),
        },
        repeats,
    )
    slow, fast = seconds.values()
    report(
        f"{title}: {len(data) / slow:.0f} and {len(data) / fast:.0f} images a second",
        seconds,
        slow / fast,
        "at least 2",
    )
    share = pipeline_share(name, data, augment)
    print(f"  the data pipeline takes {100 * share:.1f} % (goal: at most 10 %)")


def accuracies(seeds, epochs):
    """Final accuracies of both loops, the 7-layer CNN on the embedded digits."""
    data, test = datasets.load("digits"), datasets.load("digits", "test")
    print(f"\n7-layer CNN on digits, {epochs} epochs, {seeds} seeds: accuracy on test images")
    for words, train in (("plain float32 loop", plain), ("equivar.training.train", ours)):
        found = [
            training.accuracy(train("cnn7", data, (), epochs, seed), test) for seed in range(seeds)
        ]
        spread = np.std(found, ddof=1)
        print(f"  {words:<48} {np.mean(found):8.4f}, deviation {spread:.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", choices=("resnet44", "cnn7"))
    options = parser.parse_args()
    print(machine())
    shapes = datasets.load("shapes").subset(options.images)
    digits = datasets.load("digits")
    digits = digits.subset(torch.arange(options.images * 4) % len(digits))
    if options.only != "cnn7":
        for augment in ((), ("crop", "flip")):
            words = " and ".join(augment) or "no augmentation"
            speed(f"ResNet-44 at 32 x 32, {words}", "resnet44", shapes, augment, options.repeats)
    if options.only != "resnet44":
        speed("7-layer CNN at 28 x 28", "cnn7", digits, (), options.repeats)
        accuracies(options.seeds, epochs=10)


if __name__ == "__main__":
    main()
