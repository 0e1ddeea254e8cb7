"""make data: what a profile needs, fetched, verified or asked for."""

import json

import get_data
import pytest
from file_server import honest, sha256

from equivar.data import registry
from equivar.data.registry import FILES, Download, File

pytestmark = pytest.mark.usefixtures("in_no_time")


def project(tmp_path, monkeypatch, values, declared=None):
    """A project of one chapter, whose profile `p` has these values."""
    declared = declared or dict.fromkeys(values, "")
    source = "\n".join(f"{name} = {value!r}" for name, value in declared.items())
    source += '\nprofile = "quick"'
    cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": source}
    folder = tmp_path / "project" / "notebooks"
    (folder / "profiles").mkdir(parents=True)
    (folder / "01-a.ipynb").write_text(json.dumps({"cells": [cell]}))
    (folder / "profiles" / "p.yaml").write_text(json.dumps({"01-a": values}))
    monkeypatch.setattr(get_data, "ROOT", tmp_path / "project")
    monkeypatch.setenv("EQUIVAR_DATA", str(tmp_path / "data"))


def get(capsys):
    status = get_data.main(["--profile", "p"])
    return status, capsys.readouterr().out


def test_embedded_data_need_nothing(tmp_path, monkeypatch, capsys):
    values = {"data": "digits", "images": "a folder", "weights": ""}
    project(tmp_path, monkeypatch, values)
    status, said = get(capsys)
    assert status == 0 and "profile p needs no files" in said
    assert not (tmp_path / "data").exists()


def test_weights_of_several_networks_are_found(tmp_path, monkeypatch):
    rows = [{"network": "timm:a", "weights": "w"}, {"network": "timm:b", "weights": "hub:url"},
            {"network": "equivar:c"}, {"network": "equivar:d", "weights": "train"}]  # fmt: skip
    project(tmp_path, monkeypatch, {"networks": rows}, {"networks": []})
    assert get_data.needed("p") == ([], ["w"], ["timm:b"])
    table = {"resnet20": "w", "resnet8": ""}
    project(tmp_path / "other", monkeypatch, {"networks": table}, {"networks": {}})
    assert get_data.needed("p") == ([], ["w"], [])


def test_tables_inside_tables_and_other_names_of_data_count_too(tmp_path, monkeypatch):
    values = {
        "tasks": {"data": "mnist", "tasks": ["plain"]},
        "imagenet": [{"name": "A", "network": "timm:a", "weights": "w"}],
        "imagenet_data": "imagenet",
    }
    project(tmp_path, monkeypatch, values)
    assert get_data.needed("p") == (["imagenet", "mnist"], ["w"], [])


def test_defaults_of_a_chapter_count_too(tmp_path, monkeypatch):
    project(tmp_path, monkeypatch, {"images": 3}, {"data": "mnist", "images": 2, "weights": "w"})
    assert get_data.needed("p") == (["mnist"], ["w"], [])


@pytest.fixture
def tiny(tmp_path, monkeypatch, server):
    """A data set of two bytes that lies in two files of the server, and one put by hand."""
    a, b = b"a" * 500, b"b" * 600
    for name, content in (("a", a), ("b", b)):
        server.answers[name] = lambda r, start, content=content: honest(r, start, content)
    downloads = [
        Download(f"tiny/{name}.bin", (server.url("gone"), server.url(name)), sha256(content))
        for name, content in (("a", a), ("b", b))
    ]
    files = tuple(File(d.place, d.sha256, d) for d in downloads)
    by_hand = File("tiny/test.bin", sha256(b"c"), how="a file that someone has")
    monkeypatch.setitem(FILES, ("tiny", "train"), files)
    monkeypatch.setitem(FILES, ("tiny", "test"), (by_hand,))
    from equivar import data as datasets

    def find(split, root):
        return [datasets.finders.first_existing([root / f.place], "") for f in FILES["tiny", split]]

    entry = datasets.DataSet(read=None, find=find, classes=("x",), mean=(0.5,), std=(1.0,))
    monkeypatch.setitem(datasets.DATASETS, "tiny", entry)
    return server


def test_data_are_fetched_and_the_rest_is_asked_for(tmp_path, monkeypatch, capsys, tiny):
    weights = File("weights/w.safetensors", sha256(b"w"), how="a state dict")
    monkeypatch.setitem(registry.WEIGHTS, "w", weights)
    project(tmp_path, monkeypatch, {"data": "tiny", "weights": "w"})
    status, said = get(capsys)
    assert status == 1 and len(tiny.seen) == 6  # an address that fails is tried twice
    lines = [line for line in said.splitlines() if not line.startswith("fetching")]
    assert lines[1].split() == ["tiny", "train", "fetched,", "verified"]
    assert lines[2].split() == ["tiny", "test", "missing"]
    assert f"put test.bin at {tmp_path}/data/tiny/test.bin" in lines[3]
    assert lines[4].strip() == f"a file that someone has, sha256 {sha256(b'c')}"
    assert lines[5].split() == ["weights", "w", "missing"] and "w.safetensors" in lines[6]
    (tmp_path / "data" / "tiny" / "test.bin").write_bytes(b"c")
    (tmp_path / "data" / "weights").mkdir()
    (tmp_path / "data" / "weights" / "w.safetensors").write_bytes(b"w")
    status, said = get(capsys)
    assert status == 0 and said.count("present, verified") == 3 and len(tiny.seen) == 6
    (tmp_path / "data" / "tiny" / "b.bin").write_bytes(b"other")
    (tmp_path / "data" / "weights" / "w.safetensors").write_bytes(b"other")
    status, said = get(capsys)
    assert status == 1 and f"has {sha256(b'other')}" in said
    assert f"{tmp_path}/data/tiny/b.bin should hold" in said and "damaged, or other weights" in said


def test_without_a_network_it_says_what_to_put_where(tmp_path, monkeypatch, capsys, tiny):
    tiny.answers.clear()
    project(tmp_path, monkeypatch, {"data": "digits", "train_data": "tiny"})
    status, said = get(capsys)
    assert status == 1 and "the server answered 404" in said
    for name, content in (("a", b"a" * 500), ("b", b"b" * 600)):
        place = tmp_path / "data" / "tiny" / f"{name}.bin"
        urls = f"from {tiny.url('gone')} or {tiny.url(name)}"
        assert f"put {name}.bin at {place}\n        {urls}, sha256 {sha256(content)}" in said


def test_a_root_that_can_not_be_written_still_gives_the_list(tmp_path, monkeypatch, capsys, tiny):
    project(tmp_path, monkeypatch, {"data": "tiny"})
    (tmp_path / "data").write_bytes(b"")
    status, said = get(capsys)
    assert status == 1 and "EQUIVAR_DATA names another folder" in said and "put a.bin at" in said


def test_weights_of_a_hub_and_names_that_nothing_has(tmp_path, monkeypatch, capsys):
    values = {"network": "timm:resnet18", "weights": "hub"}
    project(tmp_path, monkeypatch, values)
    status, said = get(capsys)
    assert status == 0 and "timm:resnet18" in said and "fetched by its library" in said
    assert get_data.main(["--profile", "q"]) == 1
    assert "unknown profile 'q'" in capsys.readouterr().err
