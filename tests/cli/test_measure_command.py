"""python -m equivar measure and layers: what they write, print and refuse."""

import functools
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import equivar
from equivar import cli, networks
from equivar.data.folder import open_images
from equivar.measure import COLUMNS
from equivar.rulers import COLUMNS as RULED

NET = """
import time
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3, stride=2)
        self.head = nn.Linear(5, 2)
    def forward(self, x):
        return self.head(self.b(self.a(x).relu()).mean((2, 3)))

class Slow(Net):
    def forward(self, x):
        time.sleep(0.2)
        return super().forward(x)

class Parts(Net):
    def forward(self, x):
        return [self.a(x), x]

class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
    def forward(self, x):
        return self.norm(x)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to work in, with a network and images."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    for number in range(5):
        pixels = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    return tmp_path


MEASURE = ["measure", "net.py:Net", "--size", "16", "--images", "photos"]


def refused(capsys, *arguments, code=2):
    """The one line that a command ends with."""
    assert cli.main([str(argument) for argument in arguments]) == code
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    return error


def test_a_measurement_is_written_drawn_and_printed(here, capsys):
    arguments = ["--transforms", "rotation-90,shifts:2-4:2", "--out", "p.csv", "--plot", "p.png"]
    assert cli.main([*MEASURE, *arguments]) == 0
    shown = capsys.readouterr()
    assert "rotations" in shown.out and "final" in shown.out and "chance" in shown.out
    assert "5 of photos, as 3 x 16 x 16" in shown.err and "20/20" in shown.err
    table = pd.read_csv("p.csv")
    assert list(table.columns) == COLUMNS
    assert set(table["transform"]) == {"rotation-90", "shift-2", "shift-4"}
    network = networks.load("net.py:Net").with_input(size=16)
    images = torch.cat(list(open_images("photos", network.input)))
    transforms = [equivar.Rotation(1), equivar.Shift(2), equivar.Shift(4)]
    direct = equivar.measure(network.model, images, transforms, progress=False)
    np.testing.assert_allclose(table["score"], direct["score"], atol=1e-5)
    settings = json.loads((here / "p.json").read_text())
    assert settings["network"] == "net.py:Net" and settings["weights_sha256"] == network.sha256
    assert settings["input"]["resize"] == [18, 18] and settings["match"] == "dataset"
    assert settings["images"] == "photos" and settings["versions"]["torch"]
    assert Image.open("p.png").size[0] > 600
    assert {path.name for path in here.iterdir()} >= {"p.csv", "p.json", "p.png"}
    assert not list(here.glob(".*part*"))


def test_options_reach_the_measure(here, capsys):
    assert cli.main([*MEASURE, "--layers", "b", "head", "--similarity", "cosine", "--over",
                     "dataset", "--match", "image", "--border", "wrap", "--subpixel", "skip",
                     "--count", "4", "--transforms", "shift-3", "--out", "p.csv",
                     "--quiet"]) == 0  # fmt: skip
    assert capsys.readouterr() == ("", "")
    table = pd.read_csv("p.csv")
    assert set(table["layer"]) == {"b", "head"} and set(table["images"]) == {4}
    assert set(table["over"]) == {"dataset"} and table["score"].isna().any()
    assert json.loads((here / "p.json").read_text())["border"] == "wrap"


def test_other_rulers_take_the_place_of_the_measure(here, capsys):
    asked = ["measure", "equivar:toy-equivariant", "--count", "16", "--layers", "layers.0",
             "layers.1", "--ruler", "linear", "lie"]  # fmt: skip
    assert cli.main([*asked, "--out", "p.csv", "--plot", "p.png"]) == 0
    shown = capsys.readouterr().out
    assert "linear" in shown and "corrected" in shown and "early" in shown
    table = pd.read_csv("p.csv")
    assert list(table.columns) == RULED
    np.testing.assert_allclose(table[table["ruler"] == "linear"]["score"], 1, atol=1e-3)
    settings = json.loads((here / "p.json").read_text())
    assert settings["rulers"] == ["linear", "lie"] and settings["images"] == "shapes test"
    assert Image.open("p.png").size[0] > 600
    assert "unknown ruler 'linaer'. Did you mean 'linear'" in refused(
        capsys, *MEASURE, "--ruler", "linaer"
    )
    assert "--match is of the measure alone" in refused(
        capsys, *MEASURE, "--ruler", "linear", "--match", "image"
    )
    assert "5 images are too few" in refused(capsys, *MEASURE, "--ruler", "linear")


def test_embedded_images_need_no_folder(here, capsys):
    assert cli.main(["measure", "equivar:toy-invariant", "--count", "3"]) == 0
    assert "3 of shapes test" in capsys.readouterr().err


def test_the_layers_of_a_network_are_listed(here, capsys):
    assert cli.main(["layers", "timm:test_resnet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["0", "early", "layer1.0", "32", "x", "40", "x", "40", "4"]
    assert lines[-1].split()[1:3] == ["final", "fc"]


def test_a_network_that_can_not_be_read_lists_candidates(here, capsys):
    assert cli.main(["layers", "net.py:Mixed"]) == 2
    assert "other modules: norm" in capsys.readouterr().out
    error = refused(capsys, "measure", "net.py:Mixed", "--size", 16)
    assert "cannot tell the layers of Mixed" in error and "equivar layers" in error


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tim:resnet18"], "unknown source 'tim'"),
        (["timm:resnt18"], "Did you mean timm:resnet18"),
        (["net.py:Nett"], "Did you mean 'Net'"),
        (["none.py:Net"], "no file"),
        (["net.py:Net", "--layers", "a", "hed"], "near names: head"),
        (["net.py:Net", "--transforms", "rot-90"], "Did you mean rotation-90? There are rotations"),
        (["net.py:Net", "--transforms", "shifts:5-2"], "last is below first"),
        (["net.py:Net", "--transforms", ","], "'' can not be read"),
        (["net.py:Net", "--transforms", "shift-16"], "leaves nothing of an image of 16 x 16"),
        (["net.py:Net", "--images", "none"], "no folder none"),
        (["net.py:Net", "--images", "."], "no images in"),
        (["net.py:Net", "--size", "2"], "fails on images of 3 x 2 x 2"),
        (["net.py:Parts", "--layers", ""], "name one: ':0', ':1'"),
        (["net.py:Net", "--out", "none/p.csv"], "no folder none to write to"),
        (["net.py:Net", "--out", "photos"], "photos is a folder"),
        (["net.py:Net", "--out", "p.parquet"], "should end in .csv"),
        (["net.py:Net", "--plot", "p.bmp"], ".png, .pdf, .svg"),
        (["net.py:Net", "--device", "nowhere"], "--device nowhere can not be used"),
        (["net.py:Net", "--weights", "none.pt"], "no weights at none.pt"),
        (["net.py:Net", "--weights", "net.py"], "net.py holds more than tensors"),
        (["net.py:Net", "--option", "a=1"], "can not be called with a"),
        (["net.py:Net", "--mean", "1", "2"], "3 numbers each"),
        (["net.py:Net", "--quiet"], "--out or --plot"),
        (["net.py:Net", "--count", "1"], "at least 2"),
    ],
)
def test_bad_input_is_one_line(here, capsys, arguments, words):
    (here / "photos" / "empty").mkdir()
    if arguments[-1] == ".":
        arguments = [*arguments[:-1], "photos/empty"]
    defaults = ["measure", *arguments]
    defaults += [] if "--size" in arguments else ["--size", "16"]
    defaults += [] if "--images" in arguments else ["--images", "photos"]
    assert words in refused(capsys, *defaults)
    assert not list(here.glob("*.csv"))


@pytest.mark.parametrize("flag", [["--option", "a"], ["--count", "0"], ["--match", "x"], ["--ot"]])
def test_wrong_usage_ends_with_2(here, capsys, flag):
    with pytest.raises(SystemExit) as stop:
        cli.main([*MEASURE, *flag])
    assert stop.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_unreadable_images_are_skipped_on_request_and_counted(here, capsys):
    (here / "photos" / "2.png").write_bytes(b"no image")
    assert "2.png can not be read" in refused(capsys, *MEASURE)
    assert cli.main([*MEASURE, "--skip-unreadable", "--out", "p.csv"]) == 0
    assert "skipped 1 unreadable: 2.png" in capsys.readouterr().err
    assert set(pd.read_csv("p.csv")["images"]) == {4}
    assert json.loads((here / "p.json").read_text())["images_skipped"] == ["photos/2.png"]


def test_other_errors_end_with_1_and_leave_earlier_results(here, capsys, monkeypatch):
    (here / "p.csv").write_text("earlier")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cli.measuring.figures, "network_profile", full)
    error = refused(capsys, *MEASURE, "--out", "p.csv", "--plot", "p.png", code=1)
    assert "No space left" in error
    assert (here / "p.csv").read_text() == "earlier"
    assert not (here / "p.json").exists() and not list(here.glob(".*"))


def test_ctrl_c_is_one_line_and_writes_nothing(here):
    command = [sys.executable, "-m", "equivar", "measure", "net.py:Slow", "--size", "16",
               "--out", "p.csv", "--plot", "p.png", "--batch-size", "1"]  # fmt: skip
    # where the tests run in the background of a shell, children ignore Ctrl-C unless told otherwise
    heard = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heard) as process:
        time.sleep(0.1)
        line = next(line for line in process.stderr if line.startswith("images"))
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130, rest
    assert "stopped: nothing was written" in rest and "Traceback" not in rest
    assert line and not list(here.glob("*p.*g")) and not list(here.glob("*p.csv"))


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["measure", "--help"])
    assert stop.value.code == 0
    assert "examples:" in (shown := capsys.readouterr().out) and "timm:resnet18" in shown
