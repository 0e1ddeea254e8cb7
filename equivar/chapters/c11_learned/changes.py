"""What training changes in a network, and the claims on it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from equivar.chapters.c04_tasks import claim_4_3a
from equivar.chapters.c05_augmentations import claim_4_4a
from equivar.chapters.c07_architectures import claim_4_6a, claim_4_6c
from equivar.names import BEFORE_POOLING, PARTS, SORTS
from equivar.verdicts import (
    CORRECTED,
    SCORE,
    Claim,
    Component,
    Sample,
    Verdict,
    count_words,
    judge,
    mean,
)
from equivar.verdicts.corrected import note_of, values_of

TENTH = 0.1  # of training
FIFTIETH = "a fiftieth of the scale"
CLAIMS = {
    "B7": Claim(
        "Training raises translation equivariance in every part of CNNs, on average over networks.",
        "fig-learned-translation",
        smallest=0.02,
        why=FIFTIETH,
        unit="networks",
    ),
    "B8": Claim(
        "Training raises rotation equivariance before pooling, most in the early part.",
        "fig-learned-rotation",
        smallest=0.02,
        why=FIFTIETH,
        unit="networks",
    ),
    "B9": Claim(
        "Training lowers the translation equivariance of ViTs before pooling.",
        "fig-learned-translation",
        smallest=0.02,
        why=FIFTIETH,
        unit="networks",
    ),
    "B10": Claim(
        "Most of the change comes in the first tenth of training.",
        "fig-learned-along",
        smallest=0.1,
        why="a tenth of the whole change",
        unit="training runs",
    ),
}
NETWORKS_NEEDED = "It takes two networks"
PLACE = ["network", "family", "transforms", "kind", "part"]


def changes(table: pd.DataFrame, column: str = SCORE) -> pd.DataFrame:
    """What training changes in each network, by sort of transformation, kind and part.

    Columns `untrained`, `trained` (means over runs and twins) and `change`.
    """
    found = values_of(table, column, ["network", "run", "state"])
    means = table.assign(value=found.values).groupby([*PLACE, "state"])["value"].mean()
    wide = means.unstack("state").reindex(columns=["untrained", "trained"])
    return wide.assign(change=wide["trained"] - wide["untrained"]).reset_index()


def claim_b7(table: pd.DataFrame, column: str = SCORE) -> Verdict:
    """Training raises translation equivariance in every part of CNNs.

    The effect is a network's equivariance minus that of its untrained twins, a comparison a part,
    over networks. `table`: rows of `Learned.parts`; column: what is judged.
    """
    found = changes(table, column)
    found = found[found["family"] == "cnn"]
    raised = [_change("B7", found, "shift", part, above=0) for part in PARTS]
    return judge("B7", raised, NETWORKS_NEEDED, note_of(column, False))


def claim_b8(table: pd.DataFrame, column: str = SCORE) -> Verdict:
    """Training raises rotation equivariance before pooling, most in the early part.

    As in B7; and what it adds to the early part minus what it adds to each other one is above 0.
    """
    found = changes(table, column)
    components = [_change("B8", found, "rotation", part, above=0) for part in BEFORE_POOLING]
    change = _wide(found, "rotation", "change")
    early = "early"
    for part in BEFORE_POOLING[1:]:
        falls = _sample(change[early] - change[part])
        components.append(
            mean(
                f"early and {part} part",
                f"training changes rotation equivariance by {{0}} in the early and by {{1}} in the "
                f"{part} part",
                falls,
                [_sample(change[early]), _sample(change[part])],
                unit="network",
                above=0,
                smallest=CLAIMS["B8"].smallest,
            )
        )
    return judge("B8", components, NETWORKS_NEEDED, note_of(column, False))


def claim_b9(table: pd.DataFrame, column: str = SCORE) -> Verdict:
    """Training lowers the translation equivariance of ViTs before pooling; as in B7."""
    found = changes(table, column)
    found = found[found["family"] == "vit"]
    lowered = [_change("B9", found, "shift", part, below=0) for part in BEFORE_POOLING]
    verdict = judge("B9", lowered, "It takes two ViTs", note_of(column, False))
    alone = found.drop_duplicates("network")["network"]
    if verdict.verdict != "not judged" or len(alone) != 1:
        return verdict
    change = _wide(found, "shift", "change").iloc[0]
    told = ", ".join(f"{change[part]:+.2f}" for part in BEFORE_POOLING)
    reason = f"{verdict.reason} In {alone.iloc[0]} alone early, middle and late change by {told}."
    return replace(verdict, reason=reason)


def claim_b10(table: pd.DataFrame, column: str = SCORE) -> Verdict:
    """Most of the change comes in the first tenth of training.

    The effect is the share of a run's change that is done after the last epoch measured in the
    first tenth, minus one half. The share is 1 minus the mean distance of the scores then from
    those at the end, over that at the beginning; means are over sorts of transformations and parts.
    Networks that were not measured in the first tenth are left out. `table`: rows of
    `Learned.dynamics`.
    """
    found = values_of(table, column, ["network", "group", "seed", "epoch"])
    rows = table.assign(value=found.values)
    rows = rows[rows["kind"] == "equivariance"]
    components = []
    for network, of in rows.groupby("network", sort=False):
        shares = pd.Series(
            {run: done(one) for run, one in of.groupby(["group", "seed"], sort=False)}
        )
        if shares.isna().all():
            continue
        components.append(
            mean(
                str(network),
                f"the first tenth of training makes {{0}} of the change in {network}; minus one "
                "half that is",
                _sample(shares - 0.5, "run"),
                [_sample(shares, "run")],
                above=0,
                smallest=CLAIMS["B10"].smallest,
            )
        )
    return judge("B10", components, note=note_of(column, False))


def learned_claims(parts: pd.DataFrame) -> pd.DataFrame:
    """Claims of the paper judged on what these networks have, and again on what is learned of it.

    A row each; `as measured`: on trained networks, `learned`: on trained minus untrained, both
    corrected for chance. Of families on the networks that are trained alike, where there are.
    """
    families = "alike" if "alike" in set(parts["sort"]) else "compared"
    asked = {
        "4.3a": ("tasks", claim_4_3a),
        "4.4a": ("augmentations", claim_4_4a),
        "4.6a": (families, claim_4_6a),
        "4.6c": (families, claim_4_6c),
    }
    rows = []
    for name, (sort, claim) in asked.items():
        table = learned_table(parts, sort)
        verdicts = [claim(table.assign(score=table[column])) for column in ("trained", "learned")]
        told = {"claim": name, "as measured": verdicts[0].verdict, "learned": verdicts[1].verdict}
        rows.append(told | {"why; all levels are what training adds": verdicts[1].reason})
    return pd.DataFrame(rows).set_index("claim")


def _change(claim: str, found: pd.DataFrame, sort: str, part: str, **bounds: float) -> Component:
    """What training changes in a part's equivariance, over networks."""
    levels = [
        _sample(_wide(found, sort, state)[part] if len(found) else pd.Series(dtype=float))
        for state in ("change", "trained", "untrained")
    ]
    what = SORTS[sort].lower()
    return mean(
        f"{part} part",
        f"{part} {what} equivariance is {{0}} with training and {{1}} without",
        levels[0],
        levels[1:],
        unit="network",
        smallest=CLAIMS[claim].smallest,
        **bounds,
    )


def _wide(found: pd.DataFrame, sort: str, column: str) -> pd.DataFrame:
    """A column of `changes` for equivariance, networks by parts."""
    rows = found[(found["transforms"] == sort) & (found["kind"] == "equivariance")]
    return rows.pivot(index="network", columns="part", values=column).reindex(columns=PARTS)


def _sample(values: pd.Series, unit: str = "network") -> Sample:
    known = values.dropna().to_numpy(dtype=float)
    return Sample(known, "" if len(known) > 1 else count_words(len(known), unit))


def done(rows: pd.DataFrame) -> float:
    """The share of a run's change that is done in the first tenth of its epochs.

    NaN where no epoch in it was measured, and where nothing changes.
    """
    wide = rows.pivot_table(index=["transforms", "part"], columns="epoch", values="value")
    first, then, last = wide.columns.min(), tenth(wide.columns), wide.columns.max()
    left, whole = ((wide[last] - wide[epoch]).abs().mean() for epoch in (then, first))
    return float(1 - left / whole) if whole and then > first else np.nan


def tenth(epochs) -> int:
    """The last epoch measured that lies in the first tenth of training."""
    epochs = sorted(set(epochs))
    return max(epoch for epoch in epochs if epoch <= max(TENTH * epochs[-1], epochs[0]))


def learned_table(parts: pd.DataFrame, sort: str) -> pd.DataFrame:
    """Rows of `parts` of one chapter's networks, a row for both states, in that chapter's terms.

    Columns `trained`, `untrained` and `learned`, corrected for chance.
    """
    rows = parts.assign(value=values_of(parts, CORRECTED, ["network", "run", "state"]).values)
    rows = rows[rows["sort"] == sort]
    group = {"tasks": "task", "augmentations": "augment"}.get(sort, "network")
    keys = [group, "family", "transforms", "kind", "part"]
    keys += [] if group == "network" else ["seed"]
    wide = rows.pivot_table(index=keys, columns="state", values="value").reset_index()
    about = {"tasks": ["rotation"], "augmentations": ["shift"]}.get(sort, list(SORTS))
    wide = wide[wide["transforms"].isin(about)]
    return wide.assign(learned=wide["trained"] - wide["untrained"], top1=np.nan)
