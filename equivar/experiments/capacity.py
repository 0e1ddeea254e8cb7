"""Chapter 06, section 4.5: are small networks more equivariant than wide ones?"""

from __future__ import annotations

from equivar.experiments.stored import Results, run_all
from equivar.experiments.trained import Training, beside_reported, under_shifts
from equivar.profiles import Capacity
from equivar.store import Store


def capacity_runs(p: Capacity) -> list[Training]:
    """The networks of the chapter: each width with each seed."""
    return [
        under_shifts(
            p,
            experiment="capacity",
            groups={"widening": width},
            network=f"wrn-{p.depth}-{width}",
            augment=p.augment,
            seed=seed,
        )
        for seed in p.seeds  # so that a first seed of every width is there first
        for width in p.widths
    ]


def capacity(p: Capacity, store: Store | None = None) -> Results:
    """Section 4.5: every width, under diagonal shifts."""
    networks = {width: f"wrn-{p.depth}-{width}" for width in p.widths}
    return beside_reported(run_all(capacity_runs(p), store), "widening", networks, p.data)
