"""Chapter 09: a reader's own network, its channels beside their matches."""

from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest

import equivar
from equivar import figures, networks
from equivar.chapters import c09_own
from equivar.data.folder import open_images
from equivar.rulers import RULERS

matplotlib.use("agg")


def test_drawn_channels_of_a_known_network_match_exactly():
    network = networks.load("equivar:toy-equivariant")
    images = open_images("", network.input, 6)
    for transform in (equivar.Rotation(1), equivar.Shift(3)):
        examples = c09_own.look(network, images, "layers.2", transform, shown=4, pairs=2)
        assert len(examples.most) == len(examples.least) == 2
        if isinstance(transform, equivar.Rotation):
            for channel in examples.most + examples.least:
                assert channel.similarity == pytest.approx(1, abs=1e-4)
                assert channel.match != channel.channel
                np.testing.assert_allclose(channel.f, channel.g, atol=1e-4)
    with pytest.raises(ValueError, match="image 9 is to be shown, but there are only 6"):
        c09_own.look(network, images, "layers.2", transform, shown=9)


def test_what_is_seen_has_the_tables_numbers():
    network = networks.load("equivar:toy-equivariant")
    images = open_images("", network.input, 12)
    turns = [equivar.Rotation(1)]
    table = equivar.measure(network.model, images, turns, progress=False)
    rows = table[(table["kind"] == "equivariance") & ~table["part"].isin(["pool", "final"])]
    told = c09_own.profile_seen(table)
    assert f"chance {rows['chance'].mean():.2f};" in told and "nan" not in told
    ruled = pd.DataFrame(
        [("channel", "a", 0.5, 0.1), ("linear", "a", 0.75, 0.25), ("channel", "b", 0.9, 0.1),
         ("linear", "b", np.nan, np.nan)],
        columns=["ruler", "layer", "score", "chance"],
    ).assign(kind="equivariance", transform="rotation-90")  # fmt: skip
    found = SimpleNamespace(ruled=ruled)
    assert c09_own.rulers_seen(found) == (
        "For rotations, over one layer: best channel 0.50 (chance 0.10), linear map 0.75 (chance "
        "0.25). The linear map has no score in `b`: to fit it takes more images than were measured."
    )
    assert "named in `rulers`" in c09_own.rulers_seen(SimpleNamespace(ruled=ruled[:0]))


def test_rulers_of_one_scale_share_a_panel():
    place = {"kind": "equivariance", "transform": "rotation-90", "se": 0.01, "chance": 0.1}
    rows = [
        place | {"ruler": ruler, "layer": f"l{i}", "index": i, "part": "early", "score": 0.5}
        for ruler in ("channel", "linear", "lie") for i in range(3)
    ]  # fmt: skip
    figure = figures.ruler_profile(pd.DataFrame(rows), RULERS)
    titles = [ax.get_title(loc="left") or ax.get_title() for ax in figure.axes]
    assert titles[0] == "rotation" and titles[1].startswith(RULERS["lie"].title)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "linear map" in labels and "linear map, chance" in labels
