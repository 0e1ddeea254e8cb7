"""The measure: a model, images and transformations in, a tidy table out (section 3)."""

import json
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version

import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from equivar.features import Layers, Tokens, default_layers, depth_parts
from equivar.measure.comparison import CHOICES, Options, Transform
from equivar.measure.correction import Result
from equivar.measure.images import check_images, count_images
from equivar.measure.model import original, ready, warn_of_batch_statistics
from equivar.measure.session import LEAST_IMAGES, Limits, Session
from equivar.measure.summary import REPLICATES, store_replicates, summarise
from equivar.names import BEFORE_POOLING, WITHOUT_CELLS
from equivar.transforms import parse_transforms

__all__ = ["CHOICES", "COLUMNS", "measure", "summarise"]

COLUMNS = [
    *("layer", "index", "part", "channels", "height", "width", "stride", "transform"),
    *("kind", "over", "score", "se", "chance", "images", "undefined"),
    *("corrected", "groups", "excess"),
]
Results = dict[tuple[int, Transform], dict[str, Result]]  # layer, transformation -> kind -> result


def measure(
    model: nn.Module,
    images: Tensor | Iterable,
    transforms: Sequence[Transform] | Transform | str,
    *,
    layers: Sequence[str] | Mapping[str, str | Tokens] | None = None,
    similarity: str = "correlation",
    over: str = "image",
    match: str = "dataset",
    border: str = "zero",
    subpixel: str = "bilinear",
    sign: str = "keep",
    common: str = "keep",
    chance: bool = True,
    batch_size: int = 128,
    device: torch.device | str | None = None,
    max_memory: int = 2 * 2**30,
    progress: bool = True,
) -> pd.DataFrame:
    """How far a network's features move with the image (equivariance) or stand still (invariance).

    For an image x, a layer f and a transformation T, the feature map transformed, F = T f(x), is
    compared with the feature map of the transformed image, G = f(T x), channel by channel:
    invariance of channel c is S(G_c, F_c) (eq. 4 of the paper), equivariance is the best match
    max over c' of S(G_c, F_c') (eq. 7). A layer's score is the mean over its channels.

    Parameters
    ----------
    model : nn.Module
        Any network; measured in eval mode without gradients, its modes restored afterwards. What is
        compiled is measured as it was before.
    images : Tensor (N, C, H, W) or iterable of such batches
        As the network expects them, normalised, and in random order: chance compares neighbours,
        and where images are sorted by class these have much in common. If a batch is a tuple, its
        first item is taken.
    transforms : list of Rotation and Shift, or text
        `equivar.rotations()`, `equivar.diagonal_shifts(1, 32)`, a list of your own, or a text such
        as "rotations, shifts:4-32:4, shift--3".
    layers : list of names, {name: part}, {name: Tokens}, or None
        Module names as in `model.named_modules()`; with `:input` what enters the module, with `:0`
        an item of a tuple. Of several tensors, the only one that is a map is read. None: the
        network's own blocks (`equivar.default_layers`); those that are never called or can not be
        read are left out, with one warning. In a list, layers with more than one cell are cut into
        early, middle and late in the order of their calls (section 4.2). A layer with one cell is
        final if it is called last, else pool. A layer is read as a grid of cells where every
        operation that leads to it is known to keep the cells in their places, or where the network
        declares it; `equivar.Tokens(height, width, before, after)` says it for tokens that are
        refused otherwise.
    similarity : "correlation" or "cosine"
        S: the Pearson correlation over cells (section 3.3), or the cosine.
    over : "image" or "dataset"
        S over the cells of one image, averaged over images; or over the cells of all images at
        once. Layers of 1 x 1 cells are always measured over the data set.
    match : "dataset" or "image"
        The best c' is chosen once per channel, after averaging S over the images, or per image.
    border : "zero" or "wrap"
        What fills the pixels that a shift leaves empty: zeros (only cells whose content was in the
        image before the shift are compared), or the other side of the image (all are compared).
    subpixel : "bilinear", "nearest" or "skip"
        How maps are read where a shift is not a whole number of cells; "skip": such rows are NaN.
    sign : "keep" or "clip"
        "clip": a negative S of two maps counts as 0. This needs a matrix product for every image.
    common : "keep" or "remove"
        "remove": each channel's mean map over the images is taken away first, from F and from G,
        so that nothing is left that all images share. This takes a second pass over the images.
    chance : bool
        Also score every image against the feature map of the image before it; `corrected` and
        `excess` need it.
    batch_size : int
        The largest number of images in one forward pass; it has no influence on the scores.
    device : device or None
        Where to measure; None: where the model is. The model is moved back afterwards.
    max_memory : int
        Bytes for the channel-by-channel sums. Where they would not fit, the transformations are
        measured in groups, with one more pass over the images for each.
    progress : bool
        Draw a progress bar.

    Returns
    -------
    pandas.DataFrame
        One row per layer x transform x kind. `layer`, `index` (its place in depth), `part` (early,
        middle, late, pool, final), `channels`, `height` and `width` in cells, `stride` in pixels
        (the larger of the two directions; NaN where there is one cell), `transform` ("rotation-90",
        "shift-3"), `kind` ("invariance", "equivariance"), `over`, `score` in [-1, 1], `se` (its
        standard error, over images, or by the jackknife over groups of images where the score is
        not a mean over images), `chance` (the same score against another image), `images`,
        `undefined` (the share of pairs of an image and a channel that have no score, because a map
        does not vary), `corrected` (the score above chance, (s - c) / (1 - c) for each channel with
        its own chance c, then the mean over channels: 1 is perfect, 0 is chance; channels with
        c > .95 take no part, NaN where none is left), `groups` (of images, that the jackknife
        used), `excess` (what equivariance adds to invariance, rows of equivariance only: the mean
        over channels of (e - m) / (1 - m), where m is the larger of the channel's invariance and
        the chance of its equivariance). If all are undefined, or a layer without cells has fewer
        than four images, the score is NaN. If some are undefined, invariance averages the others
        first per image and equivariance first per channel, so that equivariance may come out a
        little lower.
        `table.attrs` holds the settings and versions, what `equivar.summarise` needs to average
        rows with the right standard errors, and `left_out`: the largest share of channels of each
        layer whose chance is above .95, as JSON.

    Raises
    ------
    ValueError
        Unknown layer or option, a named layer that is never called or whose cells lie on no known
        grid (the message says what was found), no images, NaN or infinity in images or features
        (naming them), a shift that leaves nothing, images that can be read only once where two
        passes are needed.
    TypeError
        `images` or `transforms` of another kind.

    Cost: N x (T + 1) images pass through the network for N images and T transformations.

    >>> import torch, equivar
    >>> from equivar import networks
    >>> model = networks.build("toy-equivariant", in_channels=1, channels=(8, 8), kernel_size=5)
    >>> images = torch.rand(16, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    >>> table = equivar.measure(model, images, equivar.rotations(), progress=False)
    >>> table[table["transform"] == "rotation-90"][["layer", "kind", "score"]].round(2)
          layer          kind  score
    0  layers.0    invariance   0.92
    1  layers.0  equivariance   1.00
    6  layers.1    invariance   0.75
    7  layers.1  equivariance   1.00
    """
    options = Options(similarity, over, match, border, subpixel, sign, common, chance)
    transforms = check_transforms(transforms)
    model = original(model)
    named = named_layers(model, layers)
    session = run_session(
        model,
        images,
        transforms,
        named,
        options,
        batch_size,
        device,
        max_memory,
        progress,
        lenient=layers is None,
    )
    names, parts = session.layers.names, parts_of(named, session.layers)
    if session.count < LEAST_IMAGES and not all(shape.spatial for shape in session.layers.shapes):
        warnings.warn(
            f"layers without cells are scored over the images, of which {session.count} are too "
            f"few: their scores are NaN; give {LEAST_IMAGES} or more",
            stacklevel=2,
        )
    results = {place: session.results(*place) for place in session.comparisons}
    table = pd.DataFrame(_rows(session, results, names, parts), columns=COLUMNS)
    table.attrs = _provenance(model, options) | {
        REPLICATES: _replicates(results, names),
        "left_out": json.dumps(_left_out(results, names)),
    }
    return table


def run_session(
    model: nn.Module,
    images: Tensor | Iterable,
    transforms: list[Transform],
    named: Mapping[str, str | Tokens | None],
    options: Options,
    batch_size: int,
    device: torch.device | str | None,
    max_memory: int,
    progress: bool,
    lenient: bool = False,
    session: Callable[..., Session] = Session,
    more: int = 0,
) -> Session:
    """Pass the images through the network, with the arguments of `measure`.

    named: the layers, as `named_layers` gives them; lenient: nobody named them, so that those that
    can not be read are left out. The `comparisons` of the session that is returned hold the sums of
    each layer and transformation. session: what makes it; more: how many forward passes of each
    image it makes besides. Raises ValueError and TypeError as `measure` does.
    """
    _check_options(options, batch_size, max_memory)
    check_images(images)
    warn_of_batch_statistics(model)
    total = count_images(images)
    passes = 2 if options.common == "remove" else 1
    told = {name: part for name, part in named.items() if isinstance(part, Tokens)}
    ends = [name for name, part in named.items() if part in WITHOUT_CELLS]
    with (
        ready(model, device) as (place, dtype),
        Layers(model, list(named), told, lenient, ends) as hooked,
        tqdm(
            total=total and total * ((len(transforms) + 1) * passes + more),
            desc=f"measuring {type(model).__name__}",
            unit="img",
            disable=not progress,
        ) as bar,
    ):
        limits = Limits(batch_size, max_memory, place, dtype)
        made = session(hooked, images, transforms, options, limits, bar.update)
        made.run()
    if total not in (None, made.count):
        warnings.warn(
            f"the images were said to be {total}, but there were {made.count}: standard errors "
            "may be missing",
            stacklevel=3,
        )
    return made


def _rows(session: Session, results: Results, names: list[str], parts: list[str]):
    for (i, transform), kinds in results.items():
        shape = session.layers.shapes[i]
        grid = shape.grid
        place = (names[i], i, parts[i], shape.channels, grid.height, grid.width, shape.stride)
        over = session.comparisons[i, transform].over
        for kind, result in kinds.items():
            score = result.score
            yield (
                *place,
                *(transform.name, kind, over),
                *(score.score, score.se, result.chance, session.count, score.undefined),
                *(result.corrected, result.groups, result.excess),
            )


def _replicates(results: Results, names: list[str]) -> str:
    return store_replicates(
        {
            (names[i], transform.name, kind): result.replicates
            for (i, transform), kinds in results.items()
            for kind, result in kinds.items()
        }
    )


def _left_out(results: Results, names: list[str]) -> dict[str, float]:
    """The largest share of channels of each layer that chance alone makes alike, where not 0."""
    shares: dict[str, float] = {}
    for (i, _), kinds in results.items():
        for result in kinds.values():
            if result.left_out > 0:
                shares[names[i]] = max(shares.get(names[i], 0.0), round(result.left_out, 3))
    return shares


def named_layers(model: nn.Module, layers) -> dict[str, str | Tokens | None]:
    """The part of each layer by its name, None where the part follows from the shapes.

    Raises ValueError where no layer is named, or one is named twice.
    """
    if layers is None:
        return default_layers(model)
    if isinstance(layers, Mapping):
        named = dict(layers)
    else:
        names = [layers] if isinstance(layers, str) else list(layers)
        named = dict.fromkeys(names)
        if len(named) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"layer {twice!r} is named twice in `layers`")
    if not named:
        raise ValueError("`layers` is empty: name at least one layer, or leave it out")
    return {name.removeprefix("_orig_mod."): part for name, part in named.items()}


def parts_of(named: Mapping[str, str | Tokens | None], hooked: Layers) -> list[str]:
    """The part of each layer: as named, else by its place in depth (section 4.2)."""
    parts = [
        part.part if isinstance(part := named[name], Tokens) else part for name in hooked.names
    ]
    if hooked.left_out:  # of the network's own layers: the others are cut into thirds anew
        parts = [None if part in BEFORE_POOLING else part for part in parts]
    spatial = [i for i in hooked.order if hooked.shapes[i].spatial]
    for i, part in zip(spatial, depth_parts(spatial), strict=True):
        parts[i] = parts[i] or part
    vectors = [i for i in hooked.order if not hooked.shapes[i].spatial]
    for i in vectors:
        parts[i] = parts[i] or ("final" if i == hooked.order[-1] else "pool")
    return parts


def _check_options(options: Options, batch_size: int, max_memory: int):
    for name, choices in CHOICES.items():
        value = getattr(options, name)
        if value not in choices:
            raise ValueError(f"{name}={value!r}: choose one of {', '.join(map(repr, choices))}")
    for name, value in (("batch_size", batch_size), ("max_memory", max_memory)):
        if value < 1:
            raise ValueError(f"{name}={value!r}: should be at least 1")


def check_transforms(transforms) -> list[Transform]:
    """The transformations of a list or a text. ValueError, TypeError: as in `measure`."""
    if isinstance(transforms, str):
        return parse_transforms(transforms)
    transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
    if transforms and all(isinstance(transform, str) for transform in transforms):
        return parse_transforms(transforms)
    for transform in transforms:
        if not isinstance(transform, Transform):
            raise TypeError(
                f"{transform!r} is no transformation: give equivar.Rotation(k), equivar.Shift(d), "
                "equivar.rotations() or equivar.diagonal_shifts(1, 16)"
            )
    if not transforms:
        raise ValueError("`transforms` is empty: try equivar.rotations()")
    if len(set(transforms)) < len(transforms):
        raise ValueError(f"a transformation is given twice: {[t.name for t in transforms]}")
    return transforms


def _provenance(model: nn.Module, options: Options) -> dict:
    settings = {name: getattr(options, name) for name in options.__dataclass_fields__}
    return {
        "model": type(model).__name__,
        **settings,
        "versions": {name: version(name) for name in ("equivar", "torch")},
    }
