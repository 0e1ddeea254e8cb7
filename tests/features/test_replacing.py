"""Another output in the place of a layer's own: what runs again, and what is left as it was."""

import pytest
import torch
from torch import nn

from equivar.features import Grid, Layers, MapShape

IMAGES = torch.rand(3, 2, 6, 6, generator=torch.Generator().manual_seed(0))


class Counted(nn.Module):
    """A convolution that counts its calls; what follows writes into its output."""

    def __init__(self):
        super().__init__()
        self.conv, self.calls = nn.Conv2d(2, 2, 3, padding=1), 0

    def forward(self, maps):
        self.calls += 1
        return self.conv(maps)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two, self.three = Counted(), Counted(), Counted()

    def forward(self, images):
        one = self.one(images)
        two = self.two(one.relu_())  # in place
        return self.three(two.relu_() + one).mean((2, 3))  # reads both


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Net().eval()


def outputs(hooked):
    found = {}
    answer = hooked.run(IMAGES, lambda i, output: found.update({i: output.clone()}))
    return found, answer


def test_the_rest_runs_again_with_another_output(model):
    with Layers(model, ["one", "two", "three"]) as hooked, torch.no_grad():
        hooked.probe(IMAGES)
        known, answer = outputs(hooked)
        counts = [model.one.calls, model.two.calls, model.three.calls]
        again = hooked.rerun(IMAGES, 1, known[1], known)
        assert torch.equal(again, answer)
        now = [model.one.calls, model.two.calls, model.three.calls]
        assert [b - a for a, b in zip(counts, now, strict=True)] == [0, 0, 1]
        other = hooked.rerun(IMAGES, 1, torch.zeros_like(known[1]), known)
        expected = model.three(known[0].relu()).mean((2, 3))
        torch.testing.assert_close(other, expected)
        assert torch.equal(hooked.rerun(IMAGES, 0, known[0], {}), answer)
        assert torch.equal(hooked.run(IMAGES, lambda i, output: None), answer)
    assert "forward" not in vars(model.one) and not model.one._forward_hooks


def test_what_consume_returns_takes_the_place_of_the_output(model):
    with Layers(model, ["two", "three:input"]) as hooked, torch.no_grad():
        hooked.probe(IMAGES)
        _, answer = outputs(hooked)
        nothing = hooked.run(IMAGES, lambda i, output: torch.zeros_like(output) if i else None)
        expected = model.three.conv(torch.zeros_like(IMAGES)).mean((2, 3))
    torch.testing.assert_close(nothing, expected)
    assert not torch.equal(nothing, answer)


class Several(nn.Module):
    def forward(self, maps):
        return {"maps": maps, "more": (maps.mean((2, 3)), maps * 2)}


class Dicts(nn.Module):
    def __init__(self):
        super().__init__()
        self.several = Several()

    def forward(self, images):
        given = self.several(images)
        return given["maps"].mean((2, 3)) + 10 * given["more"][1].mean((2, 3))


def test_items_of_an_output_are_changed_and_others_stay():
    with Layers(Dicts(), ["several:maps"]) as hooked:
        hooked.probe(IMAGES)
        answer = hooked.run(IMAGES, lambda i, output: torch.zeros_like(output))
    torch.testing.assert_close(answer, 20 * IMAGES.mean((2, 3)))


@pytest.mark.parametrize(
    ("form", "shape"),
    [
        ("channels first", (2, 5, 3, 3)),
        ("channels last", (2, 3, 3, 5)),
        ("tokens", (2, 11, 5)),
        ("tokens last", (2, 5, 11)),
        ("tokens first", (11, 2, 5)),
    ],
)
def test_maps_are_written_back_where_they_were_read(form, shape):
    output = torch.rand(shape)
    read = MapShape(form, 5, Grid(3, 3), prefix=1 if "tokens" in form else 0)
    maps = torch.rand(2, 3, 3, 5)
    changed = read.with_maps(output, maps)
    assert torch.equal(read.maps(changed), maps) and not torch.equal(changed, output)
    assert torch.equal(read.with_maps(changed, read.maps(output)), output)
    assert output.shape[read.channel_dim] == 5 and output.shape[read.image_dim] == 2
