"""python -m equivar orbits: what it writes, draws and refuses."""

import importlib
import json

import pandas as pd
import pytest
from PIL import Image

from equivar import cli

orbits = importlib.import_module("equivar.orbits")


def test_the_command_writes_draws_and_prints(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = ["equivar:toy-equivariant", "--count", "24", "--out", "o.csv"]
    arguments += ["--plot", "shares.png", "--filters", "filters.png"]
    assert cli.main(["orbits", *arguments]) == 0
    shown = capsys.readouterr()
    assert "12 15 14 13" in shown.out and "24 of shapes test" in shown.err
    table = pd.read_csv("o.csv")
    assert list(table.columns) == orbits.COLUMNS
    assert table["layer"].iloc[0] == "layers.0.conv" and table["part"].iloc[0] == "first"
    assert json.loads((tmp_path / "o.json").read_text())["rate"] == 0.05
    assert min(Image.open("shares.png").size + Image.open("filters.png").size) > 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--count", "5"], "5 images are too few"),
        (["--plot", "o.txt"], "should end in .png"),
        (["--filters", "nowhere/o.png"], "no folder nowhere"),
        (["--layers", "layers.9"], "no layer 'layers.9'"),
        (["--rate", "2"], "between 0 and 1"),
    ],
)
def test_the_command_refuses_in_one_line(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["orbits", "equivar:toy-equivariant", "--count", "24", *arguments]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ") and message in error
    assert not list(tmp_path.iterdir())


def test_the_commands_help_has_examples(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["orbits", "--help"])
    assert stop.value.code == 0 and "squeezenet1_0" in capsys.readouterr().out
