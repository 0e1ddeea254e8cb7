"""python -m equivar symmetrise: what it writes, draws and refuses."""

import importlib
import json

import pandas as pd
import pytest
from PIL import Image

from equivar import cli
from equivar.cli import symmetrising

priors = importlib.import_module("equivar.priors")
NETWORK = ["equivar:resnet8", "--option", "num_classes=10", "--ways", "matched", "own", "blank"]


def test_the_command_writes_draws_and_prints(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = [*NETWORK, "--count", "16", "--out", "kept.csv", "--plot", "kept.png"]
    assert cli.main(["symmetrise", *arguments]) == 0
    shown = capsys.readouterr()
    assert "layer3.0" in shown.out and "kept" not in shown.out and "16 of shapes" in shown.err
    table = pd.read_csv("kept.csv")
    assert list(table.columns) == priors.COLUMNS and table["kept"].isna().all()
    assert table["layer"].iloc[0] == "conv1" and table["part"].iloc[0] == "first"
    assert json.loads((tmp_path / "kept.json").read_text())["classes"] == 10
    assert min(Image.open("kept.png").size) > 100


def test_labels_of_a_data_set_give_the_accuracy(capsys):
    arguments = [*NETWORK, "--images", "digits", "--count", "20", "--labels", "--layers", "conv1"]
    assert cli.main(["symmetrise", *arguments]) == 0
    assert "accuracy" in capsys.readouterr().out


def test_an_untrained_twin_has_the_statistics_of_the_images(monkeypatch):
    given = []

    def noting(model, *arguments, **options):
        given.append(model)
        raise ValueError("seen enough")

    monkeypatch.setattr(symmetrising, "symmetrise", noting)
    assert cli.main(["symmetrise", "untrained:equivar:resnet8", "--count", "12"]) == 2
    assert given[0].bn1.running_mean.count_nonzero()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--count", "5"], "5 images are too few"),
        (["--count", "12", "--layers", "linear"], "has a single cell"),
        (["--plot", "kept.txt"], "should end in .png"),
        (["--images", ".", "--labels"], "have no labels"),
    ],
)
def test_the_command_refuses_in_one_line(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (32, 32)).save("one.png")
    assert cli.main(["symmetrise", *NETWORK, *arguments]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ") and message in error
    assert [path.name for path in tmp_path.iterdir()] == ["one.png"]
