"""The measure: a model, images and transformations in, a tidy table out (section 3)."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version

import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from equivar.features import Layers, default_layers, depth_parts
from equivar.measure.comparison import CHOICES, Options, Transform
from equivar.measure.images import check_images, count_images
from equivar.measure.score import Score
from equivar.measure.session import Limits, Session
from equivar.measure.summary import REPLICATES, store_replicates, summarise

__all__ = ["CHOICES", "COLUMNS", "measure", "summarise"]

COLUMNS = [
    *("layer", "index", "part", "channels", "height", "width", "stride", "transform"),
    *("kind", "over", "score", "se", "chance", "images", "undefined"),
]
Scores = dict[tuple[int, Transform], dict[str, tuple[Score, float]]]  # kind -> score, chance


def measure(
    model: nn.Module,
    images: Tensor | Iterable,
    transforms: Sequence[Transform] | Transform,
    *,
    layers: Sequence[str] | Mapping[str, str] | None = None,
    similarity: str = "correlation",
    over: str = "image",
    match: str = "dataset",
    border: str = "zero",
    subpixel: str = "bilinear",
    sign: str = "keep",
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
        Any network; measured in eval mode without gradients, its modes restored afterwards.
    images : Tensor (N, C, H, W) or iterable of such batches
        As the network expects them, normalised. Of a batch that is a tuple the first item is taken.
    transforms : list of Rotation and Shift
        `equivar.rotations()`, `equivar.diagonal_shifts(1, 32)` or a list of your own.
    layers : list of names, {name: part}, or None
        Module names as in `model.named_modules()`; with `:input` what enters the module, with `:0`
        an item of a tuple. None: the network's own blocks (`equivar.default_layers`). For a list,
        layers with more than one cell are cut into early, middle and late in the order they are
        called; of those without, the last is called final and the others pool.
    similarity : "correlation" or "cosine"
        S: the Pearson correlation over cells (section 3.3), or the cosine.
    over : "image" or "dataset"
        S over the cells of one image, averaged over images; or over the cells of all images at
        once. Layers of 1 x 1 cells are always measured over the data set.
    match : "dataset" or "image"
        The best c' is chosen once per channel, after averaging S over the images, or per image.
    border : "zero" or "wrap"
        What a shift moves in: zeros (the map's cells whose content left the image are cropped), or
        the other side of the image (nothing is cropped).
    subpixel : "bilinear", "nearest" or "skip"
        How maps are read where a shift is no whole number of cells; "skip": such rows are NaN.
    sign : "keep" or "clip"
        "clip": a negative S of two maps counts as 0, which takes a product for every image.
    chance : bool
        Also score every image against the feature map of the image before it.
    batch_size : int
        The most images in one forward pass; no influence on the scores.
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
        standard error: over images; by the jackknife over groups of images where the score is no
        mean over images),
        `chance` (the same score against another image), `images`, `undefined` (the share of
        (image, channel) without a score: maps that do not vary). All undefined: score NaN. Where
        some are, invariance and equivariance weigh the rest differently (per image, per channel),
        so that the latter may come out a little lower.
        `table.attrs` holds the settings and versions, and what `equivar.summarise` needs to average
        rows with the right standard errors.

    Raises
    ------
    ValueError
        Unknown layer or option, a layer that is never called or cannot be read as feature maps,
        no images, NaN or infinity in images or features (naming them), a shift that leaves nothing.
    TypeError
        `images` or `transforms` of another kind.

    Cost: N x (T + 1) forward images for N images and T transformations.
    """
    options = Options(similarity, over, match, border, subpixel, sign, chance)
    transforms = _check_transforms(transforms)
    named = named_layers(model, layers)
    session = run_session(
        model, images, transforms, named, options, batch_size, device, max_memory, progress
    )
    names, parts = list(named), parts_of(named, session.layers)
    scores = {place: comparison.scores() for place, comparison in session.comparisons.items()}
    table = pd.DataFrame(_rows(session, scores, names, parts), columns=COLUMNS)
    table.attrs = _provenance(model, options) | {REPLICATES: _replicates(scores, names)}
    return table


def run_session(
    model: nn.Module,
    images: Tensor | Iterable,
    transforms: list[Transform],
    named: Mapping[str, str | None],
    options: Options,
    batch_size: int,
    device: torch.device | str | None,
    max_memory: int,
    progress: bool,
) -> Session:
    """The passes over the images; arguments as in `measure`, `named` as `named_layers` gives it.

    The session's `comparisons` then hold the sums of each layer and transformation.
    """
    _check_options(options, batch_size, max_memory)
    check_images(images)
    total = count_images(images)
    with (
        _evaluating(model, device) as (place, dtype),
        Layers(model, list(named)) as hooked,
        tqdm(
            total=total and total * (len(transforms) + 1),
            desc=f"measuring {type(model).__name__}",
            unit="img",
            disable=not progress,
        ) as bar,
    ):
        limits = Limits(batch_size, max_memory, place, dtype)
        session = Session(hooked, images, transforms, options, limits, bar.update)
        session.run()
    return session


def _rows(session: Session, scores: Scores, names: list[str], parts: list[str]):
    for (i, transform), kinds in scores.items():
        shape = session.layers.shapes[i]
        grid = shape.grid
        place = (names[i], i, parts[i], shape.channels, grid.height, grid.width, shape.stride)
        over = session.comparisons[i, transform].over
        for kind, (score, chance) in kinds.items():
            yield (
                *place,
                *(transform.name, kind, over),
                *(score.score, score.se, chance, session.count, score.undefined),
            )


def _replicates(scores: Scores, names: list[str]) -> str:
    return store_replicates(
        {
            (names[i], transform.name, kind): score
            for (i, transform), kinds in scores.items()
            for kind, (score, _) in kinds.items()
        }
    )


def named_layers(model: nn.Module, layers) -> dict[str, str | None]:
    """Layer name -> part, or None where the part follows from the shapes."""
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
    return named


def parts_of(named: Mapping[str, str | None], hooked: Layers) -> list[str]:
    """The part of each layer: as named, else by its place in depth."""
    parts = list(named.values())
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


def _check_transforms(transforms) -> list[Transform]:
    transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
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


@contextmanager
def _evaluating(model: nn.Module, device):
    """The model in eval mode on the device, in full precision; everything restored afterwards."""
    tensors = [*model.parameters(), *model.buffers()]
    home = tensors[0].device if tensors else torch.device("cpu")
    place = torch.device(device) if device is not None else home
    dtype = next((x.dtype for x in tensors if x.is_floating_point()), None)
    modes = {module: module.training for module in model.modules()}
    backends = (torch.backends.cuda.matmul, torch.backends.cudnn)
    tf32 = [backend.allow_tf32 for backend in backends]
    try:
        model.eval()
        if place != home:
            model.to(place)
        for backend in backends:
            backend.allow_tf32 = False  # 10 bits of mantissa would show in the scores
        yield place, dtype
    finally:
        for backend, allowed in zip(backends, tf32, strict=True):
            backend.allow_tf32 = allowed
        if place != home:
            model.to(home)
        for module, training in modes.items():
            module.training = training


def _provenance(model: nn.Module, options: Options) -> dict:
    settings = {name: getattr(options, name) for name in options.__dataclass_fields__}
    return {
        "model": type(model).__name__,
        **settings,
        "versions": {name: version(name) for name in ("equivar", "torch")},
    }
