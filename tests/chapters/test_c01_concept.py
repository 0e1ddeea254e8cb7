"""The picture of the idea: its channels are the best by the rule, its maps are the network's."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from equivar.chapters import c01_toy
from equivar.chapters.c01_toy import concept


@pytest.fixture(scope="module")
def found():
    return c01_toy.idea()


def test_the_scores_are_the_correlations_of_the_maps_that_are_drawn(found):
    for pair in (found.still, found.moved):
        for other, score in ((pair.other, pair.score), (pair.channel, pair.own)):
            upright, turned = pair.maps[other]
            assert np.array_equal(np.rot90(upright), turned)
            by_hand = np.corrcoef(pair.answer.ravel(), turned.ravel())[0, 1]
            assert score == pytest.approx(by_hand, abs=1e-4)
    assert found.still.channel == found.still.other
    assert found.moved.channel != found.moved.other


def test_the_best_channels_are_taken_and_none_that_is_undefined_somewhere():
    generator = torch.Generator().manual_seed(0)
    f = torch.rand(3, 4, 9, 9, generator=generator)
    g = torch.rand(3, 4, 9, 9, generator=generator)
    turned = torch.rot90(f, 1, (-2, -1))
    g[:, 2] = turned[:, 2] + 0.3 * g[:, 2]
    g[:, 1] = turned[:, 3] + 0.3 * g[:, 1]
    g[:, 0] = turned[:, 3]
    g[1, 0] = 5  # perfect, but flat in one image
    still, moved = concept._best(1, f, g, 0)
    assert (still.channel, still.other) == (2, 2)
    assert (moved.channel, moved.other) == (1, 3)


def test_its_picture_and_words_tell_the_scores(found):
    figure = c01_toy.idea_picture(found)
    drawn = {text.get_text() for ax in figure.axes for text in ax.texts}
    plt.close(figure)
    for score in (found.still.score, found.moved.score, found.moved.own):
        assert f"S = {score:.2f}" in drawn
        assert f"{score:.2f}" in c01_toy.idea_seen(found)


def test_a_digit_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"digit 12 .* has 12"):
        c01_toy.idea(12)
