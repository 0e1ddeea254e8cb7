"""The networks of the live page: python tools/live_page.py --profile standard

Writes book/_static/live/weights.js, which is committed, so that a book of committed tables has its
live page too. It holds the three networks of chapter 04 (one seed) from the store of runs, each
trained and untrained; twelve test digits; and what `equivar.measure` and `equivar.orbits` find on
the test images. Everything is measured on the float16-rounded weights that the page runs.
"""

import argparse
import base64
import json
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import torch
from chapters import Stop
from sweep import runs_of

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "book" / "_static" / "live" / "weights.js"
CHAPTER = ROOT / "notebooks" / "04-mnist6-tasks.ipynb"
TRANSFORMS = "rotations, shifts:1-8"
IMAGES = 1000  # on which the numbers over the data set are measured
EACH = 2  # digits of each class to pick from
FOR_STATISTICS = 2000  # training images that give an untrained network its batch norm
SCALE, NONE, UNDEFINED = 10_000, 255, -32768  # scores as int16; no match; no score
BYTES = 2**31  # for channel-by-channel sums


def arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="standard", help="a name in notebooks/profiles")
    parser.add_argument("--seed", type=int, help="of a run that the profile does not name")
    return parser.parse_args(argv)


def chosen(profile, store, seed=None):
    """The chapter's runs of one seed, [(Training, Run)]: the lowest whose weights are all here."""
    runs = runs_of(CHAPTER, profile)
    if seed is not None:
        runs = [replace(one, seed=seed) for one in runs if one.seed == runs[0].seed]
    for number in sorted({one.seed for one in runs}):
        of_seed = [one for one in runs if one.seed == number]
        found = [(one, store.find(one.spec, weights=True)) for one in of_seed]
        if all(run is not None for _, run in found):
            return found
    raise Stop(
        f"no seed of {CHAPTER.stem} under {profile} has all its weights in {store.root}: make "
        f"them, python tools/sweep.py --profile {profile} notebooks/{CHAPTER.name}, or --seed N"
    )


def rounded(model):
    """The network with weights as float16 holds them, in float32."""
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.copy_(value.half())
    if not all(torch.isfinite(value).all() for value in model.state_dict().values()):
        raise Stop("a weight is too large for float16")
    return model.eval()


def untrained(one, run):
    """The same network before training, with the batch statistics of one pass over images.

    Without them its maps would have another scale in every layer than in training.
    """
    model = one._build(run.facts["classes"], run.facts["channels"])
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the mean over all batches
    model.train()
    with torch.no_grad():
        for batch in one.load("train").normalised(FOR_STATISTICS).split(200):
            model(batch)
    return model


def text64(array):
    """The bytes of an array, little-endian, as text."""
    array = np.ascontiguousarray(array)
    return base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()


def weights_of(model):
    """All weights in the order of the state dict, without counters, as float16."""
    state = model.state_dict().items()
    kept = [value.half().flatten().numpy() for name, value in state if "num_batches" not in name]
    return text64(np.concatenate(kept))


def numbers(values):
    """Values for JSON: three digits, null for NaN."""
    return [round(value, 3) if value == value else None for value in map(float, values)]


def session_of(model, images, match):
    """The sums of `equivar.measure`, of which channels and matches are taken too."""
    from equivar.features import default_layers
    from equivar.measure import run_session
    from equivar.measure.comparison import Options
    from equivar.transforms import parse_transforms

    named, options = default_layers(model), Options(match=match)
    transforms = parse_transforms(TRANSFORMS)
    return run_session(model, images, transforms, named, options, 128, None, BYTES, False)


def channel_scores(comparison):
    """(4, C): invariance, its chance, equivariance, its chance; NaN where undefined."""
    rows = []
    for kind in ("invariance", "equivariance"):
        for sums in (comparison.real, comparison.chance):
            rows.append(sums.channels(())[kind].whole.numpy())
    return np.stack(rows)


def best_matches(comparison):
    """The best channel of F for each of G over the data set, (C,) uint8; NONE: there is none."""
    s = comparison.similarities()
    best = s.nan_to_num(nan=-2).argmax(dim=1)
    best[s.isnan().all(dim=1)] = NONE
    return best.numpy().astype(np.uint8)


def measured(model, images):
    """What is known over the data set: scores of layers and channels, matches, orbits."""
    pooled, single = session_of(model, images, "dataset"), session_of(model, images, "image")
    layers, scores, matches = [[] for _ in pooled.layers.names], [], []
    for i, transform in product(range(len(layers)), pooled.transforms):
        comparison, channels = pooled.comparisons[i, transform], pooled.layers.shapes[i].channels
        kinds = pooled.results(i, transform)
        if np.isnan(kinds["invariance"].score.score):  # the shift leaves nothing to compare
            layers[i].append([None] * 9)
            scores.append(np.full(4 * channels, np.nan))
            matches.append(np.full(channels, NONE, np.uint8))
            continue
        results = (*kinds.values(), single.results(i, transform)["equivariance"])
        threes = ((one.score.score, one.chance, one.corrected) for one in results)
        layers[i].append(numbers(value for three in threes for value in three))
        scores.append(channel_scores(comparison).ravel())
        matches.append(best_matches(comparison))
    flat = np.concatenate(scores)
    packed = np.where(np.isnan(flat), UNDEFINED, np.round(flat * SCALE)).astype(np.int16)
    return {
        "layers": layers,
        "channels": text64(packed),
        "matches": text64(np.concatenate(matches)),
        "orbits": orbits_of(model, images),
    }, pooled


def orbits_of(model, images):
    """The groups of channels that turn into one another, {layer: [{kind, members}]}."""
    import equivar

    cycles = equivar.orbits(model, images, progress=False)
    found = {}
    for row in cycles[cycles["found"]].itertuples():
        members = [int(channel) for channel in row.members.split()]
        found.setdefault(row.layer, []).append({"kind": row.kind, "members": members})
    return found


def accuracy(model, test):
    """The share of test images that the network names rightly."""
    with torch.no_grad():
        return (model(test.normalised()).argmax(1) == test.labels).float().mean().item()


def network_entry(one, run, trained):
    """One network with everything that the page tells of it; also its session."""
    model = rounded(one.network_of(run) if trained else untrained(one, run))
    test = one.load("test").subset(IMAGES)
    found, session = measured(model, test.normalised())
    entry = {
        "task": one.task,
        "trained": trained,
        "classes": list(test.classes),
        "accuracy": round(accuracy(model, test), 4),
        "weights": weights_of(model),
        **found,
    }
    return entry, session


def digits_of(test):
    """The first digits of each class: their names, their pixels."""
    order = [
        index
        for label in range(len(test.classes))
        for index in torch.nonzero(test.labels == label).flatten()[:EACH].tolist()
    ]
    names = [test.classes[label] for label in test.labels[order].tolist()]
    return {"names": names, "pixels": text64(test.images[order, 0].numpy())}


def page_data(found, profile):
    """Everything that the page reads, for JSON."""
    from equivar.runs.provenance import commit

    entries = []
    for one, run in found:
        for trained in (True, False):
            print(f"live  {one}, {'trained' if trained else 'untrained'}", flush=True)
            entry, session = network_entry(one, run, trained)
            entries.append(entry)
    layers = [
        {"name": name, "side": shape.grid.height, "stride": shape.stride}
        for name, shape in zip(session.layers.names, session.layers.shapes, strict=True)
    ]
    for layer in layers:
        layer["stride"] = int(layer["stride"]) if layer["side"] > 1 else None
    first, (plain, _) = found[0][1], next(pair for pair in found if pair[0].task == "plain")
    test = plain.load("test")
    return {
        "about": {
            "profile": profile,
            "seed": plain.seed,
            "data": plain.data,
            "epochs": plain.recipe["epochs"],
            "train_images": first.facts["train_images"],
            "images": IMAGES,
            "runs": {one.task: run.path.name for one, run in found},
            "commit": commit(),
        },
        "mean": test.mean[0],
        "std": test.std[0],
        "layers": layers,
        "transforms": [transform.name for transform in session.transforms],
        "digits": digits_of(test),
        "networks": entries,
    }


def script(data):
    """The file: a classic script, since pages opened from disk can load no other."""
    about = data["about"]
    runs = ", ".join(about["runs"].values())
    words = (
        f"// Made by python tools/live_page.py --profile {about['profile']}, not by hand.\n"
        f"// From the runs {runs} (seed {about['seed']}).\n"
        f"// Measured by commit {about['commit']}.\n"
    )
    lines = json.dumps(data, separators=(",", ":")).replace('{"task"', '\n{"task"')
    return f"{words}const LIVE_DATA = {lines};\n" + (
        'if (typeof module !== "undefined") module.exports = LIVE_DATA;\n'
    )


def main(argv=None):
    options = arguments(argv)
    from equivar.files import all_or_nothing  # late: a mistyped option is told at once
    from equivar.runs import Store

    try:
        found = chosen(options.profile, Store(), options.seed)
        text = script(page_data(found, options.profile))
    except Stop as stop:
        print(f"\nlive page failed: {stop}\n", file=sys.stderr, flush=True)
        return 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    with all_or_nothing([TARGET]) as (part,):
        part.write_text(text, encoding="utf-8")
    print(f"live  {TARGET.relative_to(ROOT)}, {len(text) / 1e6:.2f} MB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
