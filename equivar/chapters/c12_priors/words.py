"""What the figures show, in sentences with computed numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from equivar.chapters.c12_priors.pictures import SORTS
from equivar.chapters.c12_priors.trained import PLAIN
from equivar.figures import Words, half_interval, number
from equivar.names import BEFORE_POOLING
from equivar.orbits import FIRST
from equivar.verdicts import count_words
from equivar.verdicts.samples import without_seed

KEPT = ["matched", "own", "random", "blank"]
NEAR = 0.05  # two shares of what is kept that the figures hardly tell apart
MUCH = 10  # per cent of a network's weights
INVARIANT = "Rot-Inv"  # the task whose network is to give one answer to all turns


def by_layer(table: pd.DataFrame, operation: str = "turned") -> pd.DataFrame:
    """What each way keeps in each layer, seeds apart: columns `network`, `part` and the ways."""
    rows = table[table["operation"] == operation]
    keys = ["network", "layer", "index", "part"]
    wide = rows.pivot_table(index=keys, columns="way", values="kept", sort=False).reset_index()
    return wide.assign(part=wide["part"].replace(FIRST, "early"))


def by_part(table: pd.DataFrame, operation: str = "turned") -> pd.DataFrame:
    """What each way keeps in each part: means over layers, then seeds, then networks, as in B11."""
    runs = by_layer(table, operation).groupby(["part", "network"])[KEPT].mean().reset_index()
    runs["network"] = without_seed(runs["network"])
    return runs.groupby(["part", "network"])[KEPT].mean().groupby("part").mean()


def seen_map(table: pd.DataFrame) -> Words:
    """What the profiles of what is kept show."""
    turned = by_layer(table)
    if turned.empty:
        return Words("No network of this run is right more often than chance.")
    means = by_part(table)
    parts = [part for part in BEFORE_POOLING if part in means.index]
    row = {way: ", ".join(number(means.loc[part, way]) for part in parts) for way in means}
    small = table[(table["operation"] == "turned") & (table["sort"] == "task")]
    digits = len(small[["network", "layer"]].drop_duplicates())
    worst = turned.loc[(turned["matched"] - turned["own"]).idxmin()]
    return Words(
        f"Given the maps of the turned image in place of its own, networks keep in the "
        f"{', '.join(parts)} part: {row['matched']} with channels matched, {row['own']} with each "
        f"channel's own map, {row['random']} with random channels, and {row['blank']} with mean "
        "maps (means over networks). Matched channels keep more than each channel's own map in "
        f"{_ahead(turned)} of {len(turned)} layers (seeds counted apart; {digits} are of 7-layer "
        f"CNNs). {_late(means)}"
        f"Matching falls farthest behind in layer `{worst['layer']}` of {worst['network']}, with "
        f"{number(worst['matched'])}, and {number(worst['own'])} with own maps."
    )


def _late(means: pd.DataFrame) -> str:
    """Whether matching brings anything in the late part."""
    if "late" not in means.index:
        return ""
    matched, own = (means.loc["late", way] for way in ("matched", "own"))
    how = "nearly equal" if abs(matched - own) < NEAR else "apart"
    return f"In the late part the two are {how}, {number(matched)} and {number(own)}. "


def seen_averaged(table: pd.DataFrame) -> Words:
    """What is kept where maps are averaged over the four turns."""
    if by_layer(table, "averaged").empty:
        return Words("No network of this run is right more often than chance.")
    last = by_part(table, "averaged").mean()
    return Words(
        "Averaged over the four turns, in the mean over parts and networks, "
        f"{number(last['matched'])} is kept with channels matched, {number(last['own'])} with "
        f"their own and {number(last['random'])} with random ones. Even wrong channels keep much, "
        "as a quarter of each mean is right: which is why `turned` is judged and not this."
    )


def seen_measure(
    table: pd.DataFrame, measured: pd.DataFrame, turned: pd.Series, rescaled: pd.Series
) -> Words:
    """What the scatters of what is measured and what is kept show.

    turned, rescaled: the rank correlation of each network under these operations.
    """
    columns = ["network", "layer", "equivariance_corrected", "invariance_corrected"]
    rows = by_layer(table).merge(measured[columns], on=["network", "layer"])
    if rows.empty or turned.empty:
        return Words("No network of this run has enough layers.")
    other = by_layer(table, "rescaled").merge(rows[["network", "layer"]], on=["network", "layer"])
    gain = other["matched"].to_numpy() - rows["matched"].to_numpy()
    most = rows.iloc[int(gain.argmax())]
    before, after = rows["matched"].mean(), other["matched"].mean()
    own = _correlation(rows, "invariance_corrected", "own")
    return Words(
        f"Within networks the rank correlation is {number(turned.mean())} on average, from "
        f"{number(turned.min())} ({turned.idxmin()}) to {number(turned.max())} "
        f"({turned.idxmax()}).{_invariant(rows)} A channel that takes the place of another may be "
        "stronger or brighter everywhere: a correlation forgives that, the next layer does not. "
        "With mean and deviation made those of the channel that it stands for, the share that is "
        f"kept goes from {number(before)} to {number(after)} in the mean over layers, most in "
        f"layer `{most['layer']}` of {most['network']}, by {number(gain.max())}. Matched channels "
        f"then keep more than own maps in {_ahead(other)} of {len(rows)} layers instead of "
        f"{_ahead(rows)}, and the mean rank correlation becomes {number(rescaled.mean())}. "
        "For own maps, the rank correlation of invariance and what is kept, over the layers of all "
        f"networks, is {number(own)}."
    )


def _invariant(rows: pd.DataFrame) -> str:
    """Why what is kept need not go with the measure in a network that is to be invariant."""
    of = rows[without_seed(rows["network"]).eq(INVARIANT)]
    if of.empty:
        return ""
    last = of[of["index"] == of["index"].max()]
    return (
        f" {INVARIANT} is trained to give one answer to all turns. Its last layer measures "
        f"{number(last['equivariance_corrected'].mean())}, and {number(last['matched'].mean())} is "
        "kept: what reads that layer no longer minds a turn."
    )


def _ahead(rows: pd.DataFrame) -> int:
    """In how many layers matched channels keep more than each channel's own map."""
    return int((rows["matched"] > rows["own"]).sum())


def _correlation(rows: pd.DataFrame, x: str, y: str) -> float:
    return float(rows[x].rank().corr(rows[y].rank()))


def saved_rows(table: pd.DataFrame, weights: pd.DataFrame, share: float) -> pd.DataFrame:
    """What a tied layer saves, % of its network's weights, and what `turned` keeps, matched.

    Blocks alone, seeds averaged: columns `sort`, `network`, `layer`, `index`, `part`, `saved`,
    `kept`. front: whether no other layer saves and keeps as much. share: of a layer's weights that
    is saved.
    """
    rows = table[(table["operation"] == "turned") & (table["way"] == "matched")]
    columns = ["network", "layer", "weights", "network_weights"]
    rows = rows.merge(weights[columns], on=["network", "layer"])
    rows = rows[(rows["part"] != FIRST) & rows["kept"].notna()]
    rows = rows.assign(
        saved=100 * share * rows["weights"] / rows["network_weights"],
        network=without_seed(rows["network"]),
    )
    keys = ["sort", "network", "layer", "index", "part"]
    found = rows.groupby(keys, sort=False)[["saved", "kept"]].mean().reset_index()
    found = found.sort_values(["saved", "kept"], ascending=False)
    best = found["kept"].cummax()
    return found.assign(front=found["kept"].eq(best) & ~best.duplicated())


def seen_savings(rows: pd.DataFrame) -> Words:
    """Where much would be saved and much kept. rows: `saved_rows`."""
    if rows.empty:
        return Words("No network of this run is right more often than chance.")
    much = rows[rows["saved"] > MUCH]
    both = much[much["kept"] > 0.5]
    largest = rows.iloc[0]
    parts = both["part"].value_counts().reindex(BEFORE_POOLING, fill_value=0)
    counts = ", ".join(f"{count} {part}" for part, count in parts.items())
    goes = [
        f"{number(of['saved'].rank().corr(of['kept'].rank()))} ({SORTS[sort][1]})"
        for sort, of in rows.groupby("sort", sort=False)
        if len(of) > 3
    ]
    return Words(
        f"Of {len(rows)} layers, {len(much)} hold so many weights that tying one saves more than "
        f"{MUCH} % of the network's, and {len(both)} of these keep more than half ({counts}). Most "
        f"would be saved in `{largest['layer']}` of {largest['network']}, "
        f"{number(largest['saved'], 0)} %, where {number(largest['kept'])} is kept. The rank "
        f"correlation of what is saved and what is kept is {', '.join(goes) or 'not known'}."
    )


def seen_agreement(table: pd.DataFrame) -> Words:
    """Whether matching helps in networks trained on ImageNet. table: their rows."""
    rows = table[table["operation"] == "turned"]
    if rows.empty:
        return Words("In this run there are none.")
    told = []
    for network, of in rows.groupby("network", sort=False):
        wide = of.pivot_table(index="index", columns="way", values="agreement")
        behind = int((wide["own"] - wide["matched"] > NEAR).sum())
        ahead = int((wide["matched"] - wide["own"] > NEAR).sum())
        told.append(
            f"in {network} by more than {NEAR:g} in {behind} of {len(wide)} layers (in the mean "
            f"over layers {number(wide['own'].mean())} against {number(wide['matched'].mean())}), "
            f"and less by more than that in {ahead}"
        )
    return Words(
        "Each channel's own map keeps the answer more often than matched channels "
        f"{'; '.join(told)}. Channels are matched on half of {int(rows['images'].max())} images, "
        "which are few. These networks are not part of B11 to B13."
    )


def seen_trained(table: pd.DataFrame) -> Words:
    """Whether the profile said which stage would cost most."""
    rows = table[table["stage"] != PLAIN].groupby("stage", sort=False)
    means = rows[["kept", "gain", "parameters"]].mean()
    plain = table[table["stage"] == PLAIN]
    kept, gain = means["kept"], means["gain"]
    cheap, dear = kept.idxmax(), kept.idxmin()
    wide = table.pivot(index="seed", columns="stage", values="gain")
    half = pd.Series(half_interval(wide.T), wide.columns)
    better = int((wide[cheap] > wide[dear]).sum())
    said = "as the profile says" if gain[cheap] > gain[dear] else "unlike what the profile says"
    zero = [stage for stage in gain.index if abs(gain[stage]) <= half[stage]]
    shown = (
        "each interval contains 0, so that no change is shown"
        if len(zero) == len(gain)
        else f"{count_words(len(zero), 'interval')} of {len(gain)} contain 0"
    )
    levels = ", ".join(f"{stage} {gain[stage]:+z.4f} ± {half[stage]:.4f}" for stage in gain.index)
    counts = means["parameters"].astype(int)
    less = " or ".join(
        f"{count:,} ({', '.join(counts.index[counts == count])})" for count in sorted(set(counts))
    )
    return Words(
        f"The plain network is right for {number(plain['accuracy'].mean(), 3)} of the test images. "
        f"Its profile calls the {cheap} stage the cheapest ({number(kept[cheap])} kept) and the "
        f"{dear} one the dearest ({number(kept[dear])}). Tied from the start, the stages change "
        f"accuracy by {levels} (95 %, over seeds). In {better} of {len(wide)} seeds the {cheap} "
        f"stage does better than the {dear} one (in the mean {said}), but {shown}. The weights "
        f"fall from {int(plain['parameters'].iloc[0]):,} to {less}. Perhaps a network that is "
        "trained with the prior finds other ways to the answer."
    )


def meaning(saved: pd.DataFrame, stages: pd.DataFrame) -> Words:
    """Where a prior would pay, by these networks, and what it cost. saved: `saved_rows`."""
    much = saved[saved["saved"] > MUCH]
    best = (much if len(much) else saved).sort_values("kept").tail(1)
    told = [
        f"Here it would pay most in `{row.layer}` of {row.network}, which saves "
        f"{number(row.saved, 0)} % of the weights and keeps {number(row.kept)}. "
        for row in best.itertuples()
    ]
    gain = stages[stages["stage"] != PLAIN].groupby("stage")["gain"].mean()
    return Words(
        "".join(told) + "The paper asked for the opposite, a prior where equivariance is missing. "
        "There, forcing it on a finished network tends to cost most; training with it "
        f"changed accuracy by at most {np.abs(gain).max():.4f} in the one case tried."
    )
