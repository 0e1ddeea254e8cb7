"""Files and parameters are data: none of them runs code, or has a say in what is written where."""

import ast
import io
import os
import pickle
import re
import sys
from pathlib import Path

import chapters
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import yaml
from chapters import Stop
from PIL import Image
from places import ROOT
from schedules import parameters_of, values_of
from small_project import Project

from equivar import data as datasets
from equivar import networks, training
from equivar.chapters import room
from equivar.data import DataDamaged
from equivar.data.folder import read_image
from equivar.data.input import Input
from equivar.data.readers import read_tables
from equivar.runs import Spec, folder
from equivar.runs.store import CHECKPOINT


class Trap:
    """What a hostile pickle holds: it touches a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def ran(tmp_path):
    """The file that is there after a trap has gone off; that it would is tried first."""
    path = tmp_path / "ran"
    pickle.loads(pickle.dumps(Trap(path)))
    assert path.exists()
    path.unlink()
    yield path
    assert not path.exists(), "code in a data file was run"


# Nothing in the sources could unpickle, evaluate or unpack everything.

BUILT_IN = ("eval", "exec", "compile", "__import__")
REFUSED = {  # the end of a call's name -> the argument that makes it harmless, if one does
    "system": "", "popen": "", "Unpickler": "", "pickle.load": "", "pickle.loads": "",
    "read_pickle": "", "marshal.loads": "", "shelve.open": "", "joblib.load": "", "dill.load": "",
    "extractall": "", "unpack_archive": "", "yaml.load": "", "yaml.unsafe_load": "",
    "hub.load": "", "torch.load": "weights_only=True", "np.load": "allow_pickle=False",
    "Image.open": "formats=",
}  # fmt: skip


def refused(source):
    """The calls in a source that could run what a file holds."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name, call = ast.unparse(node.func), ast.unparse(node)
            ends = [end for end in REFUSED if f".{name}".endswith(f".{end}")]
            bad = any(not (REFUSED[end] and REFUSED[end] in call) for end in ends)
            if (
                (bad and name != "safetensors.torch.load")
                or name in BUILT_IN
                or "shell=True" in call
            ):
                yield call


def sources():
    for pattern in ("equivar/**/*.py", "tools/*.py", "book/_ext/*.py", "notebooks/*.ipynb"):
        for path in sorted(ROOT.glob(pattern)):
            if path.suffix == ".py":
                yield path, path.read_text()
            else:
                cells = chapters.code(chapters.read(path))
                yield path, "\n".join(chapters.text(cell) for cell in cells)


def test_no_source_loads_what_could_run():
    found = [f"{path.name}: {call}" for path, source in sources() for call in refused(source)]
    assert not found
    for bad in ("torch.load(p)", "np.load(p)", "eval(x)", "tar.extractall(p)", "os.system('x')",
                "pd.read_pickle(p)", "subprocess.run(x, shell=True)"):  # fmt: skip
        assert list(refused(bad)) == [bad]


# Crafted files


def test_a_crafted_checkpoint_is_no_more_than_damaged(tmp_path, ran):
    path = tmp_path / CHECKPOINT
    path.write_bytes(pickle.dumps(Trap(ran)))
    data = datasets.load("digits").subset(8)
    with pytest.raises(training.CheckpointDamaged, match=CHECKPOINT):
        training.train(networks.build("cnn7"), data, epochs=1, checkpoint=path, progress=False)


def test_crafted_weights_in_a_run_are_refused(tmp_path, ran):
    """With a manifest that fits, as someone who publishes results could write it."""
    content = pickle.dumps(Trap(ran))
    for name in ("run.csv", folder.WEIGHTS):
        path = tmp_path / name.partition(".")[0]
        path.mkdir()
        folder._write_all(path, {name: content, folder.PROVENANCE: b"{}"})
        run = folder.Run(path)
        with pytest.raises(ValueError, match=r"weights\.safetensors can not be read|codec"):
            run.weights() if name == folder.WEIGHTS else run.table("run")


def test_a_pickle_in_the_metadata_of_a_table_stays_there(tmp_path, ran):
    """Old versions of Arrow unpickled extension types on reading (CVE-2023-47248)."""
    png = io.BytesIO()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(png, "png")
    crafted = {
        "ARROW:extension:name": "arrow.py_extension_type",
        "ARROW:extension:metadata": pickle.dumps(Trap(ran), 0),
    }
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    schema = pyarrow.schema(
        [pyarrow.field("img", kind, metadata=crafted), pyarrow.field("label", pyarrow.int64())],
        metadata={"pandas": pickle.dumps(Trap(ran), 0)},
    )
    rows = [[{"bytes": png.getvalue(), "path": "a"}], [3]]
    table = pyarrow.table(rows, schema=schema)
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    images, labels = read_tables([tmp_path / "t.parquet"])
    assert images.shape == (1, 3, 4, 4) and labels.tolist() == [3]


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("kind", ["pickle", "npz"])
def test_pickles_in_place_of_images_and_weights_are_refused(tmp_path, ran, kind):
    content = io.BytesIO(pickle.dumps(Trap(ran)))
    if kind == "npz":
        content = io.BytesIO()
        np.savez(content, images=np.array([Trap(ran)], dtype=object))
    column = [{"bytes": content.getvalue(), "path": "a"}]
    table = pyarrow.table({"img": column, "label": [0]})
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(DataDamaged, match=r"image 0 of .*t\.parquet can not be decoded"):
        read_tables([tmp_path / "t.parquet"])
    for name in ("a.npz", "a.png"):
        (tmp_path / name).write_bytes(content.getvalue())
    with pytest.raises(DataDamaged, match=r"a\.png can not be read"):
        read_image(tmp_path / "a.png", Input())
    with pytest.raises(DataDamaged, match=r"a\.npz"):
        networks.load_weights(networks.build("resnet8"), tmp_path / "a.npz")


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for Ghostscript is a script")
def test_postscript_is_not_run(tmp_path, monkeypatch, ran):
    """Pillow would call Ghostscript, here a script that leaves a file, for such an image."""
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch '{ran}'\nexit 1\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)  # look for it again
    image = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"
    with pytest.raises(Exception, match="gs"):
        Image.open(io.BytesIO(image)).load()
    assert ran.exists()  # so the trap works
    ran.unlink()
    (tmp_path / "photo.jpg").write_bytes(image)
    with pytest.raises(DataDamaged, match=r"photo\.jpg can not be read as an image"):
        read_image(tmp_path / "photo.jpg", Input())
    table = pyarrow.table({"img": [{"bytes": image, "path": "a"}], "label": [0]})
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(DataDamaged, match=r"image 0 of .* can not be decoded"):
        read_tables([tmp_path / "t.parquet"])


# Parameters


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / "project")


def test_parameters_in_a_notebook_are_data(project, tmp_path, monkeypatch):
    """A text that would end the literal and call something arrives as that text, and no secret
    of the environment is in what the run leaves."""
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    touch = f"open({str(tmp_path / 'ran')!r}, 'w')"
    text = f'a"\n{touch}\n\'\'\'\n"""; {touch} #\\\x00'[:-1] + "{{" + touch + "}}"
    project.chapter("print(ascii(name))")
    done = project.run("-p", "name", text)
    assert done.returncode == 0, done.stderr
    executed = project.root / "_build" / "quick" / "runs" / "01-a.ipynb"
    printed = chapters.code(chapters.read(executed))[-1]["outputs"][0]["text"]
    assert "".join(printed).strip() == ascii(text)
    assert not (tmp_path / "ran").exists()
    assert "hunter2" not in executed.read_text()


def test_the_parameters_cell_is_read_and_not_run(project, tmp_path):
    touch = f"open({str(tmp_path / 'ran')!r}, 'w')"
    made = project.source.read_text().replace("size = 7", f"size = {touch}".replace('"', '\\"'))
    project.source.write_text(made)
    with pytest.raises(Stop, match="not a name and a literal value"):
        chapters.declared(project.source)
    assert not (tmp_path / "ran").exists()


def test_a_profile_is_data(project, ran):
    values = f"!!python/object/apply:pathlib.Path.touch [!!python/object:pathlib.Path ['{ran}']]"
    (project.root / "notebooks" / "profiles" / "quick.yaml").write_text(f"01-a: {values}\n")
    with pytest.raises(Stop, match=r"quick\.yaml is not YAML"):
        chapters.of_profile(project.root, "quick")


@pytest.mark.parametrize("name", ["../evil", "../../outside/evil", "/tmp/evil"])
def test_a_profile_is_no_path(project, tmp_path, name):
    """Its name is part of paths: _build/<profile>, data/results/<profile>."""
    for path in (project.root / "notebooks" / "evil.yaml", tmp_path / "outside" / "evil.yaml"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump({"01-a": {}}))
    before = sorted(tmp_path.rglob("*"))
    for tool in ("build_book", "run_notebook"):
        chapter = ["notebooks/01-a.ipynb"] if tool == "run_notebook" else []
        done = project.call(tool, *chapter, "--profile", name)
        assert done.returncode == 1 and "unknown profile" in done.stderr
    after = sorted(path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts)
    assert after == before


@pytest.mark.parametrize("experiment", ["../evil", "/tmp/evil", "a/b", "..", "", "a\\b", ".locks"])
def test_an_experiment_is_no_path(experiment):
    with pytest.raises(ValueError, match="experiment"):
        Spec(experiment, 1, {})


CHAPTERS = [path.stem for path in (ROOT / "notebooks").glob("*.ipynb")]


@pytest.mark.parametrize("chapter", [name for name in CHAPTERS if name[:2] not in ("01", "09")])
def test_no_parameter_moves_a_run_out_of_the_store(chapter):
    """Every text among the parameters, made a path, one after the other."""
    texts = [name for name, value in values_of(chapter, "quick").items() if isinstance(value, str)]
    assert texts
    for name in texts:
        try:
            runs = room(chapter).runs(parameters_of(chapter, "quick", {name: "../../evil"}))
            names = {one.spec.name for one in runs}
        except (ValueError, FileNotFoundError):
            continue  # refused: it names no data set, no weights
        assert all(re.fullmatch(r"[\w-]+", one) for one in names)
