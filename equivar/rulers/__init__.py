"""Other rulers of the field beside the paper's, on the same layers and images in one pass.

    table = equivar.rulers.compare(model, images, equivar.rotations(), rulers=("channel", "linear"))

`RULERS` says of each what it measures, on which scale, and from whom it is; formula, range, chance
and cost stand with `equivar.measure` (channel), `channel_dataset`, `linear`, `cca`,
`Variance.reading`, `LieError.reading` and `consistency`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from importlib.metadata import version

import pandas as pd
import torch
from torch import Tensor, nn

from equivar.features import Tokens
from equivar.measure import check_transforms, named_layers, parts_of, run_session
from equivar.measure.comparison import Options, Transform
from equivar.measure.model import original
from equivar.names import sort_of, unknown_name
from equivar.rulers.about import CORRELATION, RULERS, Ruler, corrected
from equivar.rulers.cca import cca
from equivar.rulers.channel import channel_dataset
from equivar.rulers.consistency import consistency
from equivar.rulers.lie import MOTIONS, LieError
from equivar.rulers.linear import linear
from equivar.rulers.session import FITTED, RulerSession
from equivar.rulers.variance import Variance

__all__ = [
    "COLUMNS",
    "CORRELATION",
    "RULERS",
    "LieError",
    "Ruler",
    "Variance",
    "cca",
    "channel_dataset",
    "check_rulers",
    "compare",
    "consistency",
    "corrected",
    "linear",
]

COLUMNS = [
    *("ruler", "layer", "index", "part", "transform", "kind"),
    *("score", "se", "chance", "corrected", "images"),
]
WHOLE = ""  # the layer of a ruler that looks at the answer alone: the network itself
_SHOWN = 3


def compare(
    model: nn.Module,
    images: Tensor | Iterable,
    transforms: Sequence[Transform] | Transform | str,
    *,
    layers: Sequence[str] | Mapping[str, str | Tokens] | None = None,
    rulers: Sequence[str] | str = ("channel", "channel-dataset", "linear"),
    border: str = "zero",
    subpixel: str = "bilinear",
    batch_size: int = 128,
    device: torch.device | str | None = None,
    max_memory: int = 2 * 2**30,
    progress: bool = True,
) -> pd.DataFrame:
    """How far a network's features move with the image, by several rulers at once.

    Each ruler compares F = T f(x), the feature map transformed, with G = f(T x), the feature map of
    the transformed image, on the same layers, cells and images.

    Parameters
    ----------
    model, images, transforms, layers, border, subpixel, batch_size, device, max_memory, progress :
        As in `equivar.measure`. The number of images must be known (a tensor, a list of tensors, a
        DataLoader), at least 16, and in random order: folds are consecutive images.
    rulers : list of names
        Of `RULERS`: "channel" (the paper's, with the defaults of `equivar.measure`),
        "channel-dataset" (the same over all images jointly), "linear" (the best linear map over
        channels), "cca" (SVCCA), "variance" (the normalised variance of tmeasures), "lie" (the
        local equivariance error), "consistency" (whether the answer stays).

    Returns
    -------
    pandas.DataFrame
        One row per ruler x layer x transformation x kind: `ruler`, `layer`, `index`, `part`,
        `transform`, `kind` (invariance or equivariance; the two channel rulers give both), `score`
        in the ruler's own unit and direction (`RULERS` says which), `se` (its standard error over
        images, by the jackknife over folds or groups of them), `chance` (the same with a wrong
        image), `corrected` (1 is perfect and 0 is chance, whatever the direction; none for `lie`,
        whose chance hangs on the step), `images`. The rows of `lie` have transformations of their
        own, "shift-0.5" and "rotation-1", where there are shifts and turns among `transforms`;
        those of `consistency` have the layer "", the network itself. NaN where a ruler says
        nothing: layers that are constant, and for "linear" and "cca" layers with too few cells for
        their channels, which a warning names.

    Raises
    ------
    ValueError, TypeError
        As `equivar.measure`; an unknown ruler; fewer than 16 images, or images of unknown number;
        no layer that has enough cells for a fitted ruler. TypeError: "consistency" of a network
        that gives no answer an image.

    Cost: N x (T + 1) images pass through the network for N images and T transformations, whatever
    the rulers; `lie` adds 2 N for shifts and 2 N for turns.

    >>> import torch
    >>> from equivar import networks, rulers
    >>> model = networks.build("toy-equivariant", in_channels=1, channels=(8, 8), kernel_size=5)
    >>> images = torch.rand(16, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    >>> table = rulers.compare(
    ...     model, images, "rotation-90", rulers=["channel", "variance"], progress=False
    ... )
    >>> table[["layer", "ruler", "kind", "score"]].round(2)
          layer     ruler          kind  score
    0  layers.0   channel    invariance   0.92
    1  layers.0   channel  equivariance   1.00
    2  layers.1   channel    invariance   0.75
    3  layers.1   channel  equivariance   1.00
    4  layers.0  variance    invariance   0.34
    5  layers.1  variance    invariance   0.66
    """
    rulers = check_rulers(rulers)
    transforms = check_transforms(transforms)
    model = original(model)
    named = named_layers(model, layers)
    over = "image" if "channel" in rulers else "dataset"
    session = run_session(
        model,
        images,
        transforms,
        named,
        Options(over=over, border=border, subpixel=subpixel),
        batch_size,
        device,
        max_memory,
        progress,
        lenient=layers is None,
        session=partial(RulerSession, rulers=rulers),
        more=2 * len({sort_of(one.name) for one in transforms}) if "lie" in rulers else 0,
    )
    _say_what_is_missing(session, rulers)
    parts = parts_of(named, session.layers)
    rows = list(_rows(session, rulers, parts))
    table = pd.DataFrame(rows, columns=COLUMNS)
    order = {name: number for number, name in enumerate(rulers)}
    table = table.sort_values("ruler", key=lambda names: names.map(order), kind="stable")
    table.attrs = {
        "model": type(model).__name__,
        "rulers": rulers,
        "border": border,
        "subpixel": subpixel,
        "versions": {name: version(name) for name in ("equivar", "torch")},
    }
    return table.reset_index(drop=True)


def check_rulers(rulers: Sequence[str] | str) -> list[str]:
    """The names, each once. ValueError: none, or one that there is not.

    >>> check_rulers(["linear", "cca"])
    ['linear', 'cca']
    """
    names = list(dict.fromkeys([rulers] if isinstance(rulers, str) else rulers))
    for name in names:
        if name not in RULERS:
            raise unknown_name("ruler", name, RULERS)
    if not names:
        raise ValueError(f"`rulers` is empty: name some of {', '.join(RULERS)}")
    return names


def _rows(session: RulerSession, rulers: list[str], parts: list[str]):
    """Rows layer by layer, so that what is worked out of a layer's sums is kept no longer."""
    of_layers = [name for name in rulers if name not in ("lie", "consistency")]
    for i, layer in enumerate(session.layers.names):
        places = [(name, one, one.name) for one in session.transforms for name in of_layers]
        places += [("lie", sort, MOTIONS[sort].name) for sort in session.motions]
        for ruler, key, transform in places:
            for kind, one in session.readings(ruler, i, key).items():
                yield (
                    *(ruler, layer, i, parts[i], transform, kind),
                    *(one.score, one.se, one.chance, one.corrected, session.count),
                )
        session.forget(i)
    if "consistency" in rulers:
        for transform in session.transforms:
            one = session.answer(transform)
            yield (
                *("consistency", WHOLE, len(parts), "final", transform.name, "invariance"),
                *(one.score, one.se, one.chance, one.corrected, session.count),
            )


def _say_what_is_missing(session: RulerSession, rulers: list[str]) -> None:
    """Warn of layers with too few cells for a fitted ruler; ValueError where all are."""
    fitted = [name for name in rulers if name in FITTED]
    if not fitted:
        return
    needed = {
        name: max(session.images_needed(i, one) for one in session.transforms)
        for i, name in enumerate(session.layers.names)
    }
    few = {name: images for name, images in needed.items() if images > session.total}
    if not few:
        return
    told = ", ".join(f"{name!r} {images}" for name, images in list(few.items())[:_SHOWN])
    words = f"{' and '.join(fitted)} take more images than {session.total}: {told}"
    words += ", ..." if len(few) > _SHOWN else ""
    if len(few) == len(needed):
        raise ValueError(f"{words}. No layer is left: give as many, or leave these rulers out")
    warnings.warn(f"{words}. These layers have no score by them", stacklevel=3)
