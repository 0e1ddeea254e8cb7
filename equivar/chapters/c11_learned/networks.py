"""Which networks of other chapters are taken up, and their twins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from equivar.chapters import c03_accuracy, c04_tasks, c05_augmentations, c06_capacity
from equivar.chapters.c11_learned.along import Along, Beside
from equivar.chapters.c11_learned.parameters import Parameters
from equivar.names import title_of
from equivar.runs import Measurement, Stored
from equivar.runs.measured import Pretrained
from equivar.runs.parameters import NetworkRow
from equivar.runs.trained import Training


def residual(p: Parameters) -> list[Stored]:
    found = []
    for name, weights in p.residual.items():
        one = Measurement(
            experiment="learned",
            groups=_groups(title_of(name), "cnn", "residual"),
            network=Pretrained(network=f"equivar:{name}", weights=weights),
            data=p.data,
            images=p.images,
            transforms=p.transforms,
            options={"match": p.match},
            order=0,
            removed_images=p.images,
        )
        found += _with_twins(one, p.twins)
    return found


def compared(p: Parameters) -> list[Stored]:
    """The networks of chapter 03: the runs of that chapter, and their twins."""
    found = []
    for row, one in _by_row(p.compared):
        groups = _groups(row.name, row.family, "compared")
        if isinstance(one, Training):
            found.append(_along(p, one, groups, "", between=False))
        else:
            one = replace(one, experiment=one.experiment, groups=groups)
            found += _with_twins(one, p.compared_twins)
    return found


def alike(p: Parameters) -> list[Stored]:
    """The networks that chapter 07 trains alike, beside their own beginning."""
    if p.alike is None:
        return []
    return [
        Beside(
            base=one,
            images=one.images,
            # the name may be that of a network with weights of others
            groups={**_groups(f"{row.name}, alike", row.family, "alike"), "run": ""},
        )
        for row, one in _by_row(p.alike)
    ]


def _by_row(p: c03_accuracy.Parameters) -> Iterator[tuple[NetworkRow, Training | Measurement]]:
    """Each row of a table of networks with its run; without those on fewer images."""
    return zip(p.networks, c03_accuracy.runs(p)[: len(p.networks)], strict=True)


def _with_twins(one: Measurement, seeds: Sequence[int]) -> list[Measurement]:
    trained = replace(one, groups={**one.groups, "state": "trained", "run": ""})
    twins = [
        replace(
            one,
            groups={**one.groups, "state": "untrained", "run": f"seed {seed}"},
            network=one.network.untrained(seed),
            replicates=False,
        )
        for seed in seeds
    ]
    return [trained, *twins]


def trained_here(p: Parameters) -> list[Stored]:
    """The networks of chapters 04, 05 and 06; those of 04 and 05 along their training."""
    found = []
    for one in c04_tasks.runs(p.tasks):
        groups = _groups("7-layer CNN", "cnn", "tasks")
        found.append(_along(p, one, groups, one.groups["task"]))
    for one in c05_augmentations.runs(p.augmentations):
        name = title_of(one.network) + ", trained here"
        groups = _groups(name, "cnn", "augmentations")
        found.append(_along(p, one, groups, one.groups["augment"]))
    for one in c06_capacity.runs(p.capacity):
        groups = _groups(one.network.upper(), "cnn", "capacity")
        found.append(_along(p, one, groups, "", between=False))
    return found


def _along(
    p: Parameters, one: Training, groups: dict[str, object], group: object, between: bool = True
) -> Along:
    run = ", ".join(part for part in (str(group), f"seed {one.seed}") if part)
    return Along(
        base=one,
        images=min(p.images, one.images),
        groups={**groups, "group": group, "run": run},
        transforms=p.transforms,
        match=p.match,
        between=between,
    )


def _groups(network: str, family: str, sort: str) -> dict[str, object]:
    return {"network": network, "family": family, "sort": sort}
