"""Symmetrise: known answers, the literal twin, other forms of output, and bad input."""

import importlib
import itertools

import numpy as np
import priors_twin
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import equivar
from equivar import networks
from equivar.chapters.c10_orbits.planted import planted_network, smooth_noise
from equivar.features import Grid, MapShape
from equivar.similarity import pairwise

priors = importlib.import_module("equivar.priors")
operations = importlib.import_module("equivar.priors.operations")
permutation = importlib.import_module("equivar.priors.permutation")
matching = importlib.import_module("equivar.orbits.matching")
WITHOUT_ORBITS = ("matched", "own", "random", "blank")
CLASSES = 6


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


IMAGES = smooth_noise(48, 3, 12, generator(4))


class Headed(nn.Module):
    """A trunk, then a head with random weights that reads every cell; classes are about equal."""

    def __init__(self, trunk, images=IMAGES, seed=0, classes=CLASSES):
        super().__init__()
        self.trunk = trunk.to(images.dtype)
        with torch.no_grad():
            maps = self.trunk(images).flatten(1)
            weight = torch.randn(maps.shape[1], classes, generator=generator(seed)).to(maps)
            scores = maps @ weight
        self.weight, self.mean, self.std = weight, scores.mean(0), scores.std(0)

    def forward(self, images):
        return (self.trunk(images).flatten(1) @ self.weight - self.mean) / self.std


def answers(model, images=IMAGES):
    with torch.no_grad():
        return model(images).argmax(1)


def kept(model, layers=None, images=IMAGES, **options):
    labels = answers(model, images)
    options = {"operations": priors.OPERATIONS, "progress": False} | options
    table = equivar.symmetrise(model, images, labels, layers, **options)
    return table.set_index(["layer", "operation", "way"])["kept"]


def toy(kind):
    return Headed(networks.build(f"toy-{kind}"))


# Known answers


def test_an_equivariant_network_keeps_everything():
    model = toy("equivariant")
    found = kept(model, [f"trunk.layers.{i}" for i in range(3)])
    assert len(found) == 3 * 3 * 6 - 3 * 3  # no other channels: all are in orbits
    for operation in priors.OPERATIONS:
        for way in ("matched", "orbits"):
            assert found.xs((operation, way), level=(1, 2)).eq(1).all()
        assert found.xs((operation, "own"), level=(1, 2)).lt(1).all()


def test_an_invariant_network_keeps_everything_with_its_own_channels():
    found = kept(toy("invariant"), [f"trunk.layers.{i}" for i in range(3)], ways=WITHOUT_ORBITS)
    own = found.xs("own", level=2)
    assert own.eq(1).all() and len(own) == 9


def test_drawn_channels_and_mean_maps_keep_nothing():
    model = Headed(planted_network(16, 5, 3, (4, 4, 4, 4), generator(1)))
    found = kept(model, ["trunk.1"], ways=WITHOUT_ORBITS).loc["trunk.1"].loc["turned"]
    assert found["matched"] == 1
    assert found[["random", "blank"]].abs().max() < 0.2


class Size(nn.Module):
    def forward(self, maps):
        return maps.abs()


class Stripes(nn.Module):
    """Two channels see horizontal and vertical edges; the label is the one that sees more."""

    def __init__(self):
        super().__init__()
        kernel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
        edges = nn.Conv2d(1, 2, 3, padding=1, bias=False)
        edges.weight = nn.Parameter(torch.stack([kernel, kernel.T])[:, None])
        self.edges = nn.Sequential(edges, Size())

    def forward(self, images):
        return self.edges(images).square().mean((2, 3))


def test_what_the_orientation_tells_is_lost():
    ramp = torch.sin(torch.arange(12.0) * (0.5 + torch.rand(40, 1, generator=generator(8))))
    images = ramp[:, None, None, :].repeat(1, 1, 12, 1)
    images[::4], images[1::4] = images[::4].mT, images[1::4].mT
    images += 0.05 * torch.randn(images.shape, generator=generator(9))
    found = kept(Stripes(), ["edges"], images, ways=("matched", "own"))
    # a quarter turn and three of them exchange the classes, half a turn does not: (1/3 - 1/2) / 1/2
    assert found["edges", "turned", "own"] == pytest.approx(-1 / 3)
    assert found["edges", "turned", "matched"] == 1
    half = kept(
        Stripes(), ["edges"], images, ways=("own",), transforms="rotation-180",
        operations=["turned"],
    )  # fmt: skip
    assert half["edges", "turned", "own"] == 1


def test_accuracy_falls_in_step_with_noise_in_planted_orbits():
    levels, values = (0.0, 0.3, 1.0), []
    for noise in levels:
        trunk = planted_network(16, 5, 3, (4, 4, 4, 4), generator(1))
        with torch.no_grad():
            weight = trunk[0].weight
            weight += noise * weight.std() * torch.randn(weight.shape, generator=generator(2))
        found = kept(Headed(trunk), ["trunk.1"], ways=("matched", "orbits"))
        values.append(found["trunk.1", "turned", "matched"])
        if noise < 1:
            assert found["trunk.1", "turned", "orbits"] == values[-1]  # every orbit is found again
    assert values[0] == 1 and values[0] > values[1] > values[2] > 0


def outputs(trunk, images, matches):
    """What `averaged` gives for images, and for images turned, with a permutation for each turn."""
    shape = MapShape("channels first", 8, Grid(12, 12))
    given = []
    for first in (0, 1):
        turned = [trunk(torch.rot90(images, k + first, (2, 3))) for k in range(4)]
        back = [operations.turned_back(shape, maps, k) for k, maps in enumerate(turned)]
        if isinstance(matches, dict):  # independent ones
            index = {k: np.argsort(match) for k, match in matches.items()}
            given.append(sum(back[k][:, index[k]] for k in range(4)) / 4)
        else:
            choice = operations.Choice(matches, np.arange(8))
            given.append(operations.Carried(shape, dict(enumerate(back)), choice).averaged())
    return given


def test_averaged_maps_are_equivariant_exactly_and_independent_matches_are_not():
    trunk = planted_network(8, 3, 3, (), generator(5))
    scores = {
        k: pairwise(
            trunk(torch.rot90(IMAGES, k, (2, 3))), torch.rot90(trunk(IMAGES), k, (2, 3))
        ).mean(0).numpy()
        for k in (1, 2, 3)
    }  # fmt: skip
    match = priors.representation(scores)
    assert not (match == np.arange(8)).all()
    upright, turned = outputs(trunk, IMAGES, match)
    expected = torch.rot90(upright, 1, (2, 3))
    assert torch.equal(turned[:, np.arange(8)], expected[:, match])
    independent = {0: np.arange(8)} | {
        k: matching.matched(s, "assignment") for k, s in scores.items()
    }
    upright, turned = outputs(trunk, IMAGES, independent)
    expected = torch.rot90(upright, 1, (2, 3))
    assert not any(torch.allclose(turned, expected[:, m], atol=1e-3) for m in independent.values())


def test_restored_maps_have_the_mean_and_deviation_of_before():
    trunk = planted_network(8, 3, 3, (), generator(5))
    shape = MapShape("channels first", 8, Grid(12, 12))
    turned = [trunk(torch.rot90(IMAGES, k, (2, 3))) for k in range(4)]
    back = [operations.turned_back(shape, maps, k) for k, maps in enumerate(turned)]
    match = np.array([1, 2, 3, 0, 5, 4, 6, 7])
    choice = operations.Choice(match, np.arange(8))
    own, flat = operations.Moments(8), operations.Moments(8)
    mean = operations.Carried(shape, dict(enumerate(back)), choice).averaged()
    for some in (slice(0, 20), slice(20, None)):
        own.add(shape.maps(back[0][some]))
        flat.add(shape.maps(mean[some]))
    restored = operations.restoring(own, flat, choice).into(shape, mean.clone())
    for cycle in ([0, 1, 2, 3], [4, 5], [6]):
        of, was = restored[:, cycle], back[0][:, cycle]
        assert of.mean() == pytest.approx(was.mean().item(), abs=1e-5)
        deviations = [x.var((0, 2, 3), unbiased=False).mean().item() for x in (of, was)]
        assert deviations[0] == pytest.approx(deviations[1], rel=1e-4)


def test_rescaled_maps_are_as_strong_as_the_channel_that_they_stand_for():
    """A network that keeps everything but for the strength of its channels."""
    model = Headed(planted_network(16, 5, 3, (4, 4, 4, 4), generator(1)))
    strength = 0.2 + 3 * torch.rand(16, 1, 1, generator=generator(3))
    model.trunk = nn.Sequential(model.trunk, Times(strength), Times(1 / strength))
    found = kept(model, ["trunk.1"], ways=("matched",)).loc["trunk.1"]
    assert found["rescaled", "matched"] > found["turned", "matched"] + 0.2
    assert found["rescaled", "matched"] > 0.95


class Times(nn.Module):
    def __init__(self, factors):
        super().__init__()
        self.factors = factors

    def forward(self, maps):
        return maps * self.factors


# The literal twin


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_twin(seed):
    images = smooth_noise(16, 2, 6, generator(seed + 10)).double()
    trunk = planted_network(5, 3, 2, ((), (4,), (2,))[seed], generator(seed))
    model = Headed(trunk, images, classes=3)
    labels = answers(model, images).clone()
    labels[:3] = (labels[:3] + 1) % 3  # some are wrong as it is

    def layer(image):
        with torch.no_grad():
            return model.trunk(torch.from_numpy(np.ascontiguousarray(image))[None])[0].numpy()

    def rest(maps):
        scores = torch.from_numpy(np.ascontiguousarray(maps)).flatten() @ model.weight
        return ((scores - model.mean) / model.std).numpy()

    table = equivar.symmetrise(
        model, images.split(5), labels, ["trunk.1"], ways=("matched", "own", "blank"),
        operations=priors.OPERATIONS, batch_size=3, progress=False,
    ).set_index(["operation", "way"])  # fmt: skip
    pictures = images.numpy()
    matches = {
        "matched": lambda some: priors_twin.best_representation(layer, some),
        "own": lambda some: tuple(range(5)),
    }
    own = np.mean([np.argmax(rest(layer(x))) == y for x, y in zip(pictures, labels, strict=True)])
    for way, match_of in matches.items():
        hits = priors_twin.hits(layer, rest, pictures, labels.numpy(), match_of)
        for operation in priors.OPERATIONS:
            row = table.loc[operation, way]
            assert row["accuracy"] == pytest.approx(hits[operation].mean())
            expected = (hits[operation].mean() - 1 / 3) / (own - 1 / 3)
            assert row["kept"] == pytest.approx(expected)
            assert table.loc[(operation, "blank"), "accuracy"] == hits["blank"].mean()


def test_the_error_is_that_of_another_sample_of_images():
    """Over many samples of images, kept varies as its standard error says."""
    kept_of = importlib.import_module("equivar.priors.kept").kept
    rng, values, errors = np.random.default_rng(0), [], []
    for _ in range(200):
        before = rng.random(100) < 0.9
        hits = (before & (rng.random(100) < 0.7)).astype(float)
        value, error = kept_of(hits[None], before.astype(float), 10)
        values.append(value[0])
        errors.append(error[0])
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.15)


def test_batches_do_not_matter_and_the_network_is_left_as_it_was():
    model = Headed(planted_network(8, 3, 3, (4,), generator()))
    model.train()
    labels = answers(model)
    one, other, little = (
        equivar.symmetrise(
            model, images, labels, ["trunk.1"], progress=False, batch_size=size, max_memory=memory
        )
        for images, size, memory in (
            (IMAGES, 128, 2**31),
            (IMAGES.split(7), 5, 2**31),
            (IMAGES, 128, 2**16),
        )
    )
    assert one.equals(little)
    assert one.equals(other)
    assert model.training and not model.trunk[1]._forward_hooks
    assert "forward" not in vars(model.trunk[1])


# The permutation


def test_planted_cycles_come_back():
    rng = np.random.default_rng(0)
    for lengths in ((4, 4, 4), (4, 2, 2, 1, 1), (1,) * 9, (2,) * 5):
        order = rng.permutation(sum(lengths))
        groups = np.split(order, np.cumsum(lengths)[:-1])
        match = np.arange(sum(lengths))
        for group in groups:
            match[group] = np.roll(group, -1)
        along = permutation.powers(match)
        scores = {k: 0.2 * rng.standard_normal((len(match),) * 2) for k in (1, 2, 3)}
        for k, s in scores.items():
            s[along[0], along[k]] += 0.6
        assert (priors.representation(scores) == match).all()


def test_a_permutation_is_never_worse_than_none_and_close_to_the_best():
    rng, shares = np.random.default_rng(1), []
    for _ in range(20):
        scores = {k: rng.standard_normal((5, 5)) for k in (1, 2, 3)}
        match = priors.representation(scores)
        assert (permutation.powers(match)[3][match] == np.arange(5)).all()
        nothing = permutation.total(scores, np.arange(5))
        best = max(permutation.total(scores, np.array(p)) for p in closed(5))
        shares.append((permutation.total(scores, match) - nothing) / (best - nothing))
    assert min(shares) >= 0 and np.mean(shares) > 0.9


def closed(channels):
    for p in map(np.array, itertools.permutations(range(channels))):
        if (p[p[p[p]]] == np.arange(channels)).all():
            yield p


def test_channels_without_scores_stay():
    scores = {k: np.full((5, 5), 0.1) for k in (1, 2, 3)}
    for k, s in scores.items():
        s[[0, 1, 2, 3], np.roll([0, 1, 2, 3], -k)] = 0.9
        s[4], s[:, 4] = np.nan, np.nan
    assert priors.representation(scores).tolist() == [1, 2, 3, 0, 4]
    drawn = permutation.drawn(np.array([1, 2, 3, 0, 4]), np.random.default_rng(0))
    assert sorted(map(len, matching.cycles(drawn))) == [
        1,
        4,
    ]


# Other forms of output


class Formed(nn.Module):
    """The equivariant toy, whose second layer gives its maps in another form."""

    def __init__(self, form):
        super().__init__()
        trunk = networks.build("toy-equivariant").layers
        self.first, self.second, self.third = trunk
        self.form = Form(form)
        self.head = nn.Linear(16 * 12 * 12, CLASSES)
        self.token = nn.Linear(16, CLASSES)
        self.mean, self.std = 0, 1
        with torch.no_grad():
            scores = self(IMAGES)
        self.mean, self.std = scores.mean(0), scores.std(0)

    def forward(self, images):
        maps = self.second(self.first(images))
        given = self.form(maps)
        inner, token = self.form.back(given, maps)
        scores = self.head(self.third(inner).flatten(1)) if token is None else self.token(token)
        return (scores - self.mean) / self.std


class Form(nn.Module):
    def __init__(self, form):
        super().__init__()
        self.form = form

    def forward(self, maps):
        if self.form == "last":
            return maps.permute(0, 2, 3, 1)
        if self.form == "tokens":
            tokens = maps.flatten(2).transpose(1, 2)
            return torch.cat([tokens.mean(1, keepdim=True), tokens], 1)
        return (maps, maps.mean((2, 3))) if self.form == "tuple" else F.relu(maps, inplace=True)

    def back(self, given, maps):
        if self.form == "last":
            return given.permute(0, 3, 1, 2), None
        if self.form == "tokens":
            return given[:, 1:].transpose(1, 2).unflatten(2, maps.shape[2:]), given[:, 0]
        return (given[0], None) if self.form == "tuple" else (given, None)


@pytest.mark.parametrize("form", ["first", "last", "tokens", "tuple"])
def test_every_form_is_turned_back(form):
    """Of tokens, the answer hangs on the class token alone: it is that of the turned image."""
    torch.manual_seed(1)
    model = Formed(form)
    layer = "form:0" if form == "tuple" else "form"
    found = kept(model, [layer], ways=WITHOUT_ORBITS)
    for operation in priors.OPERATIONS:
        assert found[layer, operation, "matched"] == 1
        assert found[layer, operation, "own"] < 1
    if form == "tokens":  # left as it is, the token would hand the answer through
        assert found[layer, "turned", "own"] < 0.9


def test_what_enters_a_module_can_be_changed():
    model = toy("equivariant")
    found = kept(model, ["trunk.layers.2:input", "trunk.layers.1"], ways=("matched", "own"))
    one, other = (found.xs(name, level=0) for name in ("trunk.layers.2:input", "trunk.layers.1"))
    assert one.equals(other)


def test_default_layers_and_no_labels():
    model = networks.build("resnet8", num_classes=CLASSES)
    table = equivar.symmetrise(model, IMAGES, ways=("own",), progress=False)
    assert set(table["layer"]) == {"layer1.0", "layer2.0", "layer3.0"}
    assert table["part"].tolist()[::2] == ["early", "middle", "late"]
    assert set(table.attrs["left_out"]) == {"pool", "linear"}
    assert table[["accuracy", "kept", "se"]].isna().all(axis=None)
    assert table["agreement"].between(0, 1).all() and list(table.columns) == priors.COLUMNS


# Bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": [0] * 47}, "47 labels for 48 images"),
        ({"labels": [0] * 47 + [6]}, "labels from 0 to 6, but the network has 6 classes"),
        ({"labels": [-1] + [0] * 47}, "labels from -1"),
        ({"images": IMAGES[..., 2:]}, "images of 12 x 10 pixels.*only where they are square"),
        ({"images": IMAGES[:7], "ways": ["own"]}, "7 images are too few"),
        ({"images": IMAGES[:30]}, "30 images are too few.*leave out the ways 'orbits'"),
        ({"images": iter([IMAGES])}, "read only once"),
        ({"layers": ["linear"]}, "layer 'linear' has a single cell"),
        ({"layers": ["nine"]}, "no layer 'nine'"),
        ({"ways": ["best"]}, "ways: there is no 'best'"),
        ({"operations": []}, "`operations` is empty"),
        ({"transforms": equivar.diagonal_shifts(1, 2)}, "give quarter turns"),
    ],
)
def test_bad_arguments(options, message):
    model = networks.build("resnet8", num_classes=CLASSES)
    with pytest.raises(ValueError, match=message):
        equivar.symmetrise(model, progress=False, **{"images": IMAGES, **options})


def test_labels_that_are_no_whole_numbers():
    with pytest.raises(TypeError, match="whole numbers, one for each image"):
        equivar.symmetrise(toy("invariant"), IMAGES, torch.rand(48))


class Odd(nn.Module):
    """A layer of one channel, one whose output nobody reads, and the answer."""

    def __init__(self, last):
        super().__init__()
        self.one, self.unread = nn.Conv2d(3, 1, 3), nn.Conv2d(3, 4, 3)
        self.linear = nn.Linear(100, 4)
        self.last = last

    def forward(self, images):
        self.unread(images)
        scores = self.linear(self.one(images).flatten(1))
        return scores if self.last else scores[:, None, None, :]


@pytest.mark.parametrize(
    ("layer", "last", "message"),
    [
        ("one", True, "layer 'one' has 1 channel"),
        ("unread", True, "layer 'unread' is not followed by anything"),
        ("one", False, "no score for each class"),
    ],
)
def test_networks_in_which_nothing_can_be_changed(layer, last, message):
    with pytest.raises(ValueError, match=message):
        equivar.symmetrise(Odd(last), IMAGES, layers=[layer], progress=False)


def test_where_there_is_nothing_to_keep_it_is_said():
    model = toy("equivariant")
    labels = torch.arange(48) % CLASSES
    with pytest.warns(UserWarning, match="there is nothing to keep"):
        table = equivar.symmetrise(
            model, IMAGES, labels, ["trunk.layers.0"], ways=("own",), progress=False
        )
    assert table[["kept", "se"]].isna().all(axis=None) and table["accuracy"].notna().all()
