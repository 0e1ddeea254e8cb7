"""Chapter 07, section 4.6: how convolutional networks, vision transformers and mixers differ.

The networks are those of chapter 03, and so are its parameters, runs and tables. A second table
may hold networks that are trained alike, several of each family: claims about families are judged
on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from pydantic import field_validator

from equivar.chapters import c03_accuracy
from equivar.chapters.c03_accuracy import FIFTH, NEEDS, Compared
from equivar.chapters.c07_architectures.pictures import architecture_profiles, relative_depth
from equivar.chapters.c07_architectures.seen import along_depth, beside_cnns, meaning, seen
from equivar.names import BEFORE_POOLING, KINDS, PARTS, SORTS
from equivar.runs import Store, Stored
from equivar.runs.parameters import of_this_profile
from equivar.verdicts import (
    EXCESS,
    FAMILIES,
    FEW,
    NO_EXCESS,
    SCORE,
    Claim,
    Component,
    Networks,
    Verdict,
    contrast,
    count_words,
    difference,
    judge,
    judged,
    mean,
    not_judged,
    rank,
)

__all__ = [
    "CLAIMS",
    "Architectures",
    "Parameters",
    "along_depth",
    "architecture_profiles",
    "beside_cnns",
    "claim_4_6a",
    "claim_4_6b",
    "claim_4_6c",
    "claim_4_6d",
    "claim_4_6e",
    "claim_4_6f",
    "claims",
    "meaning",
    "relative_depth",
    "runs",
    "seen",
    "tables",
]

OTHERS = ("vit", "mixer")
FAMILY_NEEDS = f"It takes {FEW} networks of each family"
TWO_NEEDED = f"It takes {FEW} networks"
TWENTIETH = "a twentieth of the scale: not to be seen in the paper's figure"
PAPER = {
    "network": "EfficientNet-B6 and -B7, ResNeXt-101, Inception-v3, a ViT, an MLP-Mixer",
    "data": "ImageNet, validation images",
    "epochs": "none, public weights",
    "images": "2000",
    "reports": "ViT and Mixer have less translation equivariance in early and middle parts, and "
    "less rotation equivariance inside, but the ViT the most after pooling",
}
CLAIMS = {
    "4.6a": Claim(
        "ViT and MLP-Mixer have less translation equivariance than CNNs in the early and middle "
        "parts.",
        "fig-architectures",
        smallest=0.05,
        why=TWENTIETH,
        unit="networks",
    ),
    "4.6b": Claim(
        "Across architectures, translation invariance equals translation equivariance.",
        "fig-architectures",
        smallest=0.05,
        why=f"a margin: {TWENTIETH}",
        unit="images, of the networks at hand",
    ),
    "4.6c": Claim(
        "ViT and MLP-Mixer have less rotation equivariance in intermediate parts than CNNs.",
        "fig-architectures",
        smallest=0.05,
        why=TWENTIETH,
        unit="networks",
    ),
    "4.6d": Claim(
        "In the final part the ViT has the most rotation equivariance.",
        "fig-architectures",
        smallest=0.05,
        why=TWENTIETH,
        unit="networks",
    ),
    "4.6e": Claim(
        "Early parts have features that are equivariant to rotation and not invariant, more than "
        "late parts.",
        "fig-architectures",
        smallest=0.05,
        why=TWENTIETH,
        unit="networks",
    ),
    "4.6f": Claim(
        "Networks with much rotation equivariance inside have little in the final part.",
        "fig-architectures",
        smallest=0.2,
        why=FIFTH,
        unit="networks",
    ),
}


class Parameters(c03_accuracy.Parameters):
    """What the chapter is made with: the networks of chapter 03, and others that are trained alike.

    alike: parameters of chapter 03 with several networks of each family, all trained in the run;
    None for no second table.
    """

    alike: c03_accuracy.Parameters | None

    _profile = field_validator("alike", mode="before")(of_this_profile)


@dataclass(frozen=True)
class Architectures(Compared):
    """The networks of chapter 03, and in `alike` those that are trained alike, where there are."""

    alike: Compared | None = None


def runs(p: Parameters) -> list[Stored]:
    """The networks of both tables."""
    return c03_accuracy.runs(p) + (c03_accuracy.runs(p.alike) if p.alike else [])


def tables(p: Parameters, store: Store | None = None) -> Architectures:
    """Section 4.6: every network under shifts and quarter turns."""
    found = c03_accuracy.tables(p, store)
    alike = c03_accuracy.tables(p.alike, store) if p.alike else None
    missing = found.missing + (alike.missing if alike else ())
    return Architectures(**vars(found) | {"missing": missing}, alike=alike)


def claims(found: Architectures, p: Parameters, corrected: bool = False) -> list[Verdict]:
    """The verdicts on section 4.6, on scores as they are or corrected for chance.

    Of families on the networks that are trained alike, where there are; what compares no families
    (4.6b, 4.6e, 4.6f) on the others, which are trained as far as they go.
    """
    families = (claim_4_6a, claim_4_6c, claim_4_6d)
    told = _judged(families, found.alike or found, corrected)
    told += _judged((claim_4_6b, claim_4_6e, claim_4_6f), found, corrected)
    return sorted(told, key=lambda one: one.claim)


def _judged(every: Sequence[Callable], of: Compared, corrected: bool) -> list[Verdict]:
    return judged(every, of.parts, of.removed, corrected, ["network"], replicates=of.replicates)


def claim_4_6a(
    table: pd.DataFrame, column: str = SCORE, replicates: pd.DataFrame | None = None
) -> Verdict:
    """ViT and Mixer have less translation equivariance than CNNs in Early and Middle (figure 7).

    The effect is the CNNs' mean equivariance minus the family's; a comparison for each family and
    part, over networks. `table`: rows of `Compared.parts`; column: what is judged; replicates: of
    the table.
    """
    networks = Networks(table, column, replicates)
    return _less_than_cnns("4.6a", networks, "shift", ("early", "middle"))


def claim_4_6b(
    table: pd.DataFrame, column: str = SCORE, replicates: pd.DataFrame | None = None
) -> Verdict:
    """For translation, invariance equals equivariance, within a margin (figure 7).

    A comparison for each network and part, over images. The effect is equivariance minus
    invariance; corrected for chance, what equivariance adds to invariance.
    """
    networks = Networks(table, column if column == SCORE else EXCESS, replicates)
    margin = CLAIMS["4.6b"].smallest
    components = [
        _gap_over_images(networks, name, "shift", part, above=-margin, below=margin)
        for name in networks.names
        for part in PARTS
    ]
    return judge("4.6b", components, "It takes scores of every part", networks.note)


def claim_4_6c(
    table: pd.DataFrame, column: str = SCORE, replicates: pd.DataFrame | None = None
) -> Verdict:
    """ViT and Mixer have less rotation equivariance than CNNs before pooling (figure 7)."""
    networks = Networks(table, column, replicates)
    return _less_than_cnns("4.6c", networks, "rotation", BEFORE_POOLING)


def claim_4_6d(
    table: pd.DataFrame, column: str = SCORE, replicates: pd.DataFrame | None = None
) -> Verdict:
    """In the final part the ViT has the most rotation equivariance (figure 7).

    The effect is the ViTs' mean minus that of another family; a comparison for each, over networks.
    """
    networks = Networks(table, column, replicates)
    pairs = [("vit", other) for other in FAMILIES if other != "vit"]
    return _families("4.6d", networks, pairs, "rotation", ("final",))


def claim_4_6e(
    table: pd.DataFrame, column: str = SCORE, replicates: pd.DataFrame | None = None
) -> Verdict:
    """Early parts have equivariant features that are not invariant, more than late (figure 7).

    For rotation, over networks of whatever family. The effect is a network's equivariance minus its
    invariance, or what the first adds to the second: above 0 in the early part, and larger there
    than in the late part.
    """
    networks = Networks(table, column if column == SCORE else EXCESS, replicates)
    bounds = {"above": 0, "smallest": CLAIMS["4.6e"].smallest}
    early, late = (_gap(networks, "rotation", part) for part in ("early", "late"))
    told = networks.sample(networks.names, early, "network")
    later = networks.sample(networks.names, late, "network")
    falls = networks.sample(networks.names, [*early, *_times(late, -1)], "network")
    what = "rotation equivariance is larger than invariance by"
    components = [
        mean("early part", f"in the early part {what} {{0}}", told, unit="network", **bounds),
        mean(
            "early and late part",
            f"{what} {{0}} in the early part and by {{1}} in the late",
            falls,
            [told, later],
            unit="network",
            **bounds,
        ),
    ]
    if networks.approximate:
        return not_judged("4.6e", [NO_EXCESS], TWO_NEEDED)
    return judge("4.6e", components, TWO_NEEDED, networks.note)


def claim_4_6f(
    table: pd.DataFrame, column: str = SCORE, replicates: pd.DataFrame | None = None
) -> Verdict:
    """High rotation equivariance before pooling goes with a low one at the end (figure 7).

    The effect is Spearman's correlation of the two over networks of whatever family, below 0 where
    one is high and the other low.
    """
    networks = Networks(table, column, replicates)
    inside = [networks.scores("rotation", "equivariance", part) for part in BEFORE_POOLING]
    final = networks.scores("rotation", "equivariance", "final")
    words = "the rank correlation of rotation equivariance before pooling with that in the final "
    words += "part is"
    bounds = {"below": 0, "smallest": CLAIMS["4.6f"].smallest}
    one = rank("inside and final", words, np.mean(inside, axis=0), final, **bounds)
    return judge("4.6f", [one], NEEDS, networks.note)


def _less_than_cnns(
    claim: str, networks: Networks, transforms: str, parts: tuple[str, ...]
) -> Verdict:
    return _families(claim, networks, [("cnn", one) for one in OTHERS], transforms, parts)


def _families(
    claim: str,
    networks: Networks,
    pairs: Sequence[tuple[str, str]],
    transforms: str,
    parts: tuple[str, ...],
) -> Verdict:
    """Whether the first family of each pair has more equivariance than the second, in each part.

    Where a family has fewer than two networks nothing is said of families; what one network has
    beside the mean of the CNNs is said of that network, over images.
    """
    few, what = _few(networks), f"{SORTS[transforms]} equivariance"
    if few:
        verdict = not_judged(claim, few, FAMILY_NEEDS)
        alone = [
            _beside_cnns(networks, networks.of(family)[0], transforms, part)
            for family in OTHERS
            for part in parts
            if len(networks.of(family)) == 1
        ]
        told = [one.sentence() for one in alone if not one.lacking]
        return replace(verdict, reason=" ".join([verdict.reason, *told]))
    components = [
        difference(
            f"{part} part, {FAMILIES[one]} and {FAMILIES[other]}",
            f"{part} {what} is {{0}} in {FAMILIES[one]} and {{1}} in {FAMILIES[other]}",
            *(
                networks.sample(
                    networks.of(family),
                    [(1, transforms, "equivariance", part)],
                    FAMILIES[family][:-1],
                )
                for family in (one, other)
            ),
            unit="network",
            above=0,
            smallest=CLAIMS[claim].smallest,
        )
        for one, other in pairs
        for part in parts
    ]
    return judge(claim, components, FAMILY_NEEDS, networks.note)


def _few(networks: Networks) -> list[str]:
    """The families of which there are too few networks, in words."""
    counts = {words: len(networks.of(family)) for family, words in FAMILIES.items()}
    return [f"{count_words(count, words[:-1])}" for words, count in counts.items() if count < FEW]


def _beside_cnns(networks: Networks, name: str, transforms: str, part: str) -> Component:
    """One network's equivariance minus the mean of the CNNs, over images.

    Of the CNNs whose images were left out in as many groups, for the interval is of one sum: memory
    decides how many groups there are.
    """
    place, groups = (transforms, "equivariance", part), networks.groups(name)
    cnns = [one for one in networks.of("cnn") if networks.groups(one) == groups]
    terms = [(1, name, *place), *((-1 / len(cnns), one, *place) for one in cnns)]
    own = networks.score(name, *place)
    others = float(np.mean([networks.score(one, *place) for one in cnns])) if cnns else np.nan
    words = f"{part} {SORTS[transforms]} equivariance is {{0}} in {name} alone and {{1}} on "
    words += f"average in {_of_all(cnns, networks.of('cnn'))}"
    return contrast(f"{part} part", words, networks, terms, (own, others))


def _of_all(some: list[str], every: list[str]) -> str:
    """As in "11 of the 13 CNNs", or "the 13 CNNs"."""
    if len(some) == len(every):
        return f"the {len(every)} CNNs"
    return f"{len(some)} of the {len(every)} CNNs"


def _gap_over_images(
    networks: Networks, name: str, transforms: str, part: str, **bounds: float
) -> Component:
    """One network's equivariance minus its invariance, over images."""
    terms = [(weight, name, *place) for weight, *place in _gap(networks, transforms, part)]
    levels = [networks.score(name, transforms, kind, part) for kind in reversed(KINDS)]
    words = f"{part} translation equivariance of {name} is {{0}} and its invariance {{1}}"
    if networks.column == EXCESS:
        words = f"{part} translation equivariance of {name} adds {{0}} to its invariance"
    return contrast(f"{part} part of {name}", words, networks, terms, levels, **bounds)


def _gap(networks: Networks, transforms: str, part: str) -> list[tuple]:
    """Equivariance minus invariance, or what the first adds to the second."""
    equivariance = (1, transforms, "equivariance", part)
    if networks.column == EXCESS:
        return [equivariance]
    return [equivariance, (-1, transforms, "invariance", part)]


def _times(terms: list[tuple], factor: float) -> list[tuple]:
    return [(factor * weight, *place) for weight, *place in terms]
