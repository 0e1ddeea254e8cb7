"""python -m equivar runs: what a store holds, and taking it away again."""

import pytest
import torch
from filelock import FileLock

from equivar import cli
from equivar.runs import Made, Spec, Store
from equivar.runs.store import CHECKPOINT
from equivar.training.checkpoint import Checkpoint, Progress


@pytest.fixture
def stored(tmp_path):
    """A store with a finished run, a damaged one, and one that was stopped in its second epoch."""
    store = Store(tmp_path / "runs", results=tmp_path)
    for seed in (0, 1):
        spec = Spec("trial", 1, {"seed": seed}, label=f"trial, seed {seed}")
        store.get(spec, lambda work: Made({}, {"x": torch.ones(3)}, {"accuracy": 0.75}))
    (store.root / spec.name / "weights.safetensors").write_bytes(b"")
    work = store.root / "trial-half.work"
    work.mkdir()
    model = torch.nn.Linear(2, 2)
    progress = Progress(rows=[{"epoch": 1}], steps=7)
    Checkpoint(work / CHECKPOINT, "").save(model, torch.optim.SGD(model.parameters()), progress)
    return store.root


def test_runs_lists_what_the_store_holds(stored, capsys):
    assert cli.main(["runs", "--store", str(stored)]) == 0
    lines = capsys.readouterr().out.splitlines()
    told = {line.split()[0]: line for line in lines if line.strip().startswith("trial-")}
    assert len(told) == 3
    assert "1 epochs and 7 steps" in told["trial-half.work"]
    states = sorted(line.split()[1] for line in told.values())
    assert states == ["damaged", "done", "unfinished"]
    assert any("trial, seed 0, accuracy 0.75" in line for line in lines)


def test_runs_removes_by_name_or_state(stored, capsys):
    assert cli.main(["runs", "--store", str(stored), "--remove", "damaged", "trial-half"]) == 0
    assert "2 runs removed" in capsys.readouterr().out
    (left,) = (path.name for path in stored.iterdir() if path.name != ".locks")
    assert cli.main(["runs", "--store", str(stored), "--remove", "trail-0"]) == 2
    assert f"Known: {left}" in capsys.readouterr().err
    assert cli.main(["runs", "--store", str(stored), "--remove", "done"]) == 0
    assert cli.main(["runs", "--store", str(stored)]) == 0
    assert "no runs in" in capsys.readouterr().out


def test_a_run_that_is_being_made_is_not_removed(stored, capsys):
    with FileLock(stored / ".locks" / "trial-half.lock"):
        assert cli.main(["runs", "--store", str(stored), "--remove", "trial-half"]) == 2
    assert "is being made; stop its process first" in capsys.readouterr().err
    assert (stored / "trial-half.work").is_dir()
