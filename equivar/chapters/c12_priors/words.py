"""What the figures show, in sentences with computed numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from equivar.chapters.c12_priors.trained import PLAIN
from equivar.figures import Words, half_interval, number
from equivar.names import BEFORE_POOLING
from equivar.orbits import FIRST


def by_layer(table: pd.DataFrame, operation: str = "turned") -> pd.DataFrame:
    """What each way keeps in each layer, seeds apart: columns `network`, `part` and the ways."""
    rows = table[table["operation"] == operation]
    keys = ["network", "layer", "index", "part"]
    wide = rows.pivot_table(index=keys, columns="way", values="kept", sort=False).reset_index()
    return wide.assign(part=wide["part"].replace(FIRST, "early"))


def seen_map(table: pd.DataFrame) -> Words:
    """What the maps of what is kept show."""
    turned, averaged = by_layer(table), by_layer(table, "averaged")
    if turned.empty:
        return Words("No network of this run is right more often than chance.")
    means = turned.groupby("part")[["matched", "own", "random", "blank"]].mean()
    parts = [part for part in BEFORE_POOLING if part in means.index]
    row = {way: ", ".join(number(means.loc[part, way]) for part in parts) for way in means}
    ahead = _ahead(turned)
    worst = turned.loc[(turned["matched"] - turned["own"]).idxmin()]
    last = averaged[["matched", "own", "random"]].mean()
    return Words(
        f"Given the maps of the turned image in place of its own, networks keep in the "
        f"{', '.join(parts)} part: {row['matched']} with channels matched, {row['own']} with each "
        f"channel's own map, {row['random']} with channels drawn, and {row['blank']} with mean "
        f"maps. Matching beats staying in {ahead} of {len(turned)} layers. It loses most in layer "
        f"`{worst['layer']}` of {worst['network']} ({number(worst['matched'])} against "
        f"{number(worst['own'])}). Averaged over four turns, and with mean and deviation restored "
        f"for each cycle, {number(last['matched'])} is kept with channels matched, "
        f"{number(last['own'])} with their own and {number(last['random'])} with channels drawn: a "
        "mean has a quarter of the layer's own maps in it, which is why the other operation is "
        "judged."
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
        f"({turned.idxmax()}). A channel that takes the place of another may be stronger or "
        "brighter everywhere: a correlation forgives that, the next layer does not. With mean and "
        f"deviation made those of the channel that it stands for, {number(after)} is kept instead "
        f"of {number(before)} on average, {number(gain.max())} more in layer `{most['layer']}` of "
        f"{most['network']}, matching beats staying in {_ahead(other)} of {len(rows)} layers "
        f"instead of {_ahead(rows)}, and the rank correlation is "
        f"{number(rescaled.mean())}. Of each channel's own map, what is kept goes with its "
        f"invariance by {number(own)} over all layers."
    )


def _ahead(rows: pd.DataFrame) -> int:
    """In how many layers matched channels keep more than each channel's own map."""
    return int((rows["matched"] > rows["own"]).sum())


def _correlation(rows: pd.DataFrame, x: str, y: str) -> float:
    return float(rows[x].rank().corr(rows[y].rank()))


def seen_trained(table: pd.DataFrame) -> Words:
    """Whether the map said which stage would cost most."""
    rows = table[table["stage"] != PLAIN].groupby("stage", sort=False)
    means = rows[["kept", "gain", "parameters"]].mean()
    plain = table[table["stage"] == PLAIN]
    kept, gain = means["kept"], means["gain"]
    cheap, dear = kept.idxmax(), kept.idxmin()
    said = (
        "as the map says" if gain[cheap] > gain[dear] else "the other way round than the map says"
    )
    wide = table.pivot(index="seed", columns="stage", values="gain")
    half = pd.Series(half_interval(wide.T), wide.columns)
    better = int((wide[cheap] > wide[dear]).sum())
    most = np.abs(gain).max()
    return Words(
        f"The plain network is right for {number(plain['accuracy'].mean(), 3)} of the test images "
        f"and has {int(plain['parameters'].iloc[0]):,} weights. The map calls the {cheap} stage "
        f"the cheapest ({number(kept[cheap])} kept) and the {dear} one the dearest "
        f"({number(kept[dear])}). Tied from the start, the {cheap} stage changes accuracy by "
        f"{gain[cheap]:+z.4f} ± {half[cheap]:.4f} and the {dear} one by {gain[dear]:+z.4f} ± "
        f"{half[dear]:.4f} (95 %, over seeds): {said}, in {better} of {len(wide)} "
        f"seeds. No stage changes it by more than {most:.4f}, and the weights fall to "
        f"{int(means['parameters'].min()):,}. A network that is trained with the prior can learn "
        "around it, which one that has it forced upon it can not."
    )
