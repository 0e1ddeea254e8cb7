"""What the figures and the last table show, in sentences with computed numbers."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from equivar.chapters.c04_tasks import TASKS
from equivar.chapters.c11_learned.changes import changes, done, learned_table, tenth
from equivar.figures import LABELS, Words, number, signed
from equivar.names import BEFORE_POOLING, SORTS
from equivar.verdicts import CORRECTED, FAMILIES, count_words
from equivar.verdicts.corrected import values_of

FEW = 5  # names that a sentence can hold
SEEN = 0.05  # a rise or a fall that the figure along training shows


def seen(parts: pd.DataFrame) -> Words:
    """What the overview of networks shows, in means over networks: the parts before pooling.

    parts: rows of `Learned.parts`.
    """
    every = _equivariance(parts)
    told = []
    for sort, words in SORTS.items():
        for family, name in FAMILIES.items():
            rows = every[(every["family"] == family) & (every["transforms"] == sort)]
            if rows.empty:
                continue
            means = rows.groupby("part")[["untrained", "trained"]].mean().reindex(BEFORE_POOLING)
            levels = ", ".join(
                f"from {number(row.untrained)} to {number(row.trained)} in the {part} part"
                for part, row in means.iterrows()
            )
            count = count_words(rows["network"].nunique(), name[:-1])
            ways = _ways(means["trained"] - means["untrained"])
            told.append(f"{words} equivariance of {count} goes {levels}: {ways}")
    least = every[(every["transforms"] == "shift") & (every["part"] == "late")]
    least = least[least["family"] == "cnn"]
    if len(least) > 1:
        row = least.loc[least["change"].idxmin()]
        told.append(
            f"of the CNNs, {row['network']} gains least translation equivariance in the late part: "
            f"it goes from {number(row['untrained'])} to {number(row['trained'])}"
        )
    return Words(sentences(["corrected for chance, " + told[0], *told[1:]] if told else []))


def sentences(told: Iterable[str]) -> str:
    """Clauses as sentences."""
    return " ".join(f"{one[:1].upper()}{one[1:]}." for one in told)


def _ways(change: pd.Series) -> str:
    """What training does in which parts, as in "training raises it in all three parts"."""
    raised = [part for part, value in change.items() if value > 0]
    lowered = [part for part, value in change.items() if value <= 0]
    if not raised or not lowered:
        return f"training {'raises' if raised else 'lowers'} it in all three parts"
    return f"training raises it {_in(raised)} and lowers it {_in(lowered)}"


def _in(parts: Iterable[str]) -> str:
    parts = list(parts)
    return f"in the {' and '.join(parts)} part{'s' if len(parts) > 1 else ''}"


def after_pooling(parts: pd.DataFrame) -> Words:
    """What training does to CNNs after pooling, and in which of them scores fall."""
    rows = _equivariance(parts)
    rows = rows[rows["family"] == "cnn"]
    if rows.empty:
        return Words("No CNN is measured here.")
    told = []
    for sort, words in SORTS.items():
        for part in ("pool", "final"):
            some = rows[(rows["transforms"] == sort) & (rows["part"] == part)]
            told.append(_lowered(some, f"{words} equivariance in {part.capitalize()}"))
    invariance = changes(parts, CORRECTED)
    invariance = invariance[invariance["kind"] == "invariance"].set_index(
        ["network", "transforms", "part"]
    )["untrained"]
    pool = rows[(rows["transforms"] == "rotation") & (rows["part"] == "pool")]
    most = pool.loc[pool["untrained"].idxmax()]
    own = invariance[most["network"], "rotation", "pool"]
    return Words(
        f"After pooling training lowers {'; '.join(told)}. Of the CNNs "
        f"before training, {most['network']} has most rotation equivariance in Pool, "
        f"{number(most['untrained'])}, and {number(own)} of invariance (corrected for chance, "
        "of which equivariance has more, so that it can be the smaller one)."
    )


def _lowered(rows: pd.DataFrame, what: str) -> str:
    fallen = rows[rows["change"] < 0]
    names = f" ({', '.join(fallen['network'])})" if 0 < len(fallen) <= FEW else ""
    return f"{what} in {len(fallen)} of {len(rows)} CNNs{names}"


def moving(dynamics: pd.DataFrame) -> Words:
    """What the figure along training shows: how soon scores come, and whether they go again."""
    rows = _along(dynamics)
    told = []
    for network, of in rows.groupby("network", sort=False):
        share = pd.Series([done(run) for _, run in of.groupby(["group", "seed"])]).mean()
        if share != share:
            continue  # not measured in the first tenth
        runs = count_words(len(of.groupby(["group", "seed"])), "run")
        then, last = tenth(of["epoch"]), of["epoch"].max()
        accuracy = of.groupby("epoch")["accuracy"].mean()
        told.append(
            f"in {network} ({runs}) {number(share)} of it is covered after epoch {then} of {last}, "
            f"with an accuracy of {number(accuracy[then])} then and {number(accuracy[last])} in "
            "the end"
        )
    told = (
        [
            "the way is how far the untrained network's scores are from those of the trained one, "
            "corrected for chance; " + ", and ".join(told)
        ]
        if told
        else []
    )
    return Words(sentences([*told, *_gone_again(rows)]))


def _gone_again(rows: pd.DataFrame) -> list[str]:
    """How many lines of all groups rise and then fall again, and which falls most."""
    lines = rows.groupby(["network", "group", "transforms", "part", "epoch"], sort=False)
    lines = lines["value"].mean().unstack("epoch").sort_index(axis=1)
    first, last = lines.bfill(axis=1).iloc[:, 0], lines.ffill(axis=1).iloc[:, -1]
    top = lines.max(axis=1)
    again = (top - first > SEEN) & (top - last > SEEN)
    stay, fall = (last - first > SEEN) & ~again, (first - last > SEEN) & ~again
    told = [
        f"of {len(lines)} lines (of these runs and those that are not shown) {stay.sum()} rise "
        f"by more than {SEEN:g} and stay, {again.sum()} rise by more than that and fall by more "
        f"than that again, {fall.sum()} only fall, and "
        f"{(~(stay | again | fall)).sum()} move by less"
    ]
    if again.any():
        place = (top - last)[again].idxmax()
        network, group, sort, part = place
        told.append(
            f"{SORTS[sort]} equivariance in the {part} part of {network}, "
            f"{LABELS.get(group, group)}, falls most after its top: "
            f"{number(first[place])} at the beginning, "
            f"{number(top[place])} after epoch {lines.loc[place].idxmax()}, "
            f"{number(last[place])} in the end"
        )
    return told


def seen_learned(parts: pd.DataFrame) -> Words:
    """What training adds to the early and the late part in each task of chapter 04."""
    table = learned_table(parts, "tasks")
    table = table[table["kind"] == "equivariance"]
    if table.empty:
        return Words("None of the networks of chapter 04 is measured here.")
    means = table.groupby(["task", "part"], sort=False)[["untrained", "trained", "learned"]].mean()
    falls = means.xs("early", level="part") - means.xs("late", level="part")
    added = ", ".join(
        f"in {TASKS[task]} {means.loc[(task, 'early'), 'learned']:+z.2f} and "
        f"{means.loc[(task, 'late'), 'learned']:+z.2f}"
        for task in falls.index
    )
    before, less = (falls["untrained"] > 0).sum(), (falls["trained"] < falls["untrained"]).sum()
    told = [
        f"to the early and the late part training adds, corrected for chance, {added}",
        f"before any training rotation equivariance falls from the early to the late part in "
        f"{before} of {len(falls)} tasks, and training makes the fall smaller in {less}",
    ]
    if before == len(falls):
        told.append("so the fall with depth is already in the untrained network")
    return Words(sentences(told))


def meaning(parts: pd.DataFrame) -> Words:
    """The chapter's answer, with its numbers: how much is learned, and what decides B8."""
    rows = _equivariance(parts)
    rows = rows[rows["part"].isin(BEFORE_POOLING)]
    told = []
    for sort, words in SORTS.items():
        of = rows[(rows["family"] == "cnn") & (rows["transforms"] == sort)]
        means = of[["untrained", "trained"]].mean()
        told.append(f"{number(1 - means['untrained'] / means['trained'])} of {words} equivariance")
    turned = rows[rows["transforms"] == "rotation"]
    change = turned.groupby("part")["change"].mean()
    gains = signed(change)
    families = "; ".join(
        f"{FAMILIES[family]} {signed(of.groupby('part')['change'].mean())}"
        for family, of in turned.groupby("family", sort=False)
    )
    why = ""
    if (change > 0).all() and change.idxmax() != "early":
        why = f": it is larger in every part, and the {change.idxmax()} part gains most"
    return Words(
        "In one number, of what trained CNNs have before pooling, in the mean over networks and "
        f"parts and corrected for chance, {' and '.join(told)} is learned, and the rest is there "
        "before the first step. B8 asks for two things, that training adds rotation equivariance "
        "in each part and that it adds most in the early one. In the mean over all networks it "
        f"changes the early, middle and late part by {gains}{why}. By family it is: {families}."
    )


def drawn_as_zero(summary: pd.DataFrame) -> Words:
    """Which weights each architecture draws as zero, so that what they multiply is constant."""
    rows = summary.dropna(subset="drawn_as_zero").drop_duplicates("network")
    rows = rows[rows["drawn_as_zero"] != ""]
    if rows.empty:
        return Words("None of the architectures above draws a weight as zero.")
    told = zip(rows["network"], rows["drawn_as_zero"].map(_shortened), strict=True)
    return Words(
        "Some weights are drawn as zero and do nothing until they are trained: "
        + "; ".join(f"in {name} {names}" for name, names in told)
        + "."
    )


def _shortened(names: str) -> str:
    several = [f"`{name}`" for name in names.split(", ")]
    more = f" and {len(several) - 3} more" if several[3:] else ""
    return ", ".join(several[:3]) + more


def _equivariance(parts: pd.DataFrame) -> pd.DataFrame:
    """Rows of `changes` for equivariance, corrected for chance."""
    rows = changes(parts, CORRECTED)
    return rows[rows["kind"] == "equivariance"]


def _along(dynamics: pd.DataFrame) -> pd.DataFrame:
    """The rows for equivariance, with the `value` corrected for chance."""
    keys = ["network", "group", "seed", "epoch"]
    rows = dynamics.assign(value=values_of(dynamics, CORRECTED, keys).values)
    return rows[rows["kind"] == "equivariance"]
