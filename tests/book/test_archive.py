"""make archive and make data ARCHIVE=...: what can not be fetched goes from one root to another."""

import errno
import json
import tarfile

import archive
import get_data
import pytest
from file_server import honest, sha256
from sample_run import Sample

from equivar.data import origins, registry
from equivar.data.origins import ORIGINS, Origin, origin_of
from equivar.data.registry import FILES, WEIGHTS, Download, File
from equivar.runs import Store

pytestmark = pytest.mark.usefixtures("in_no_time")
CONTENT = {"free": b"may be passed on", "kept": b"may not", "fetched": b"lies elsewhere"}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A project whose profile names three weights and two runs, one made; the root of its data."""
    root, project = tmp_path / "here" / "data", tmp_path / "here"
    ways = {"free": origins.ARCHIVED, "kept": origins.BY_HAND, "fetched": origins.FETCHED}
    made = tuple(
        Origin(f"weights/{name}.*", f"the {name} ones", "BSD", got) for name, got in ways.items()
    )
    monkeypatch.setattr(origins, "ORIGINS", made)
    (root / "weights").mkdir(parents=True)
    for name, content in CONTENT.items():
        file = File(f"weights/{name}.safetensors", sha256(content), how=f"the {name} ones")
        monkeypatch.setitem(registry.WEIGHTS, name, file)
        (root / file.place).write_bytes(content)
    monkeypatch.setattr(archive, "ROOT", project)
    monkeypatch.setattr(archive, "all_chapters", lambda profile: [])
    monkeypatch.setattr(
        archive, "numbered", lambda *_: [(1, "01", Sample(1)), (2, "01", Sample(2))]
    )
    for tool in (archive, get_data):
        monkeypatch.setattr(tool, "needed", lambda profile: ([], list(CONTENT), []))
    monkeypatch.setattr(archive, "crate", lambda *_: "{}\n")  # of a package: see below
    monkeypatch.setenv("EQUIVAR_DATA", str(root))
    monkeypatch.setenv("EQUIVAR_RUNS", str(project / "runs"))
    Store().make(Sample(1))
    table = project / "data" / "results" / "p" / "claims.csv"
    table.parent.mkdir(parents=True)
    table.write_text("claim\n")
    return root


@pytest.fixture
def there(tmp_path, monkeypatch):
    """Go to an empty clone: the root of its data."""

    def go():
        monkeypatch.setenv("EQUIVAR_DATA", str(tmp_path / "there" / "data"))
        monkeypatch.setenv("EQUIVAR_RUNS", str(tmp_path / "there" / "runs"))
        return tmp_path / "there" / "data"

    return go


def packed(here, *options):
    assert archive.main(["--profile", "p", *options]) == 0
    name = "equivar-p-everything.tar" if options else "equivar-p.tar"
    return here.parent / "_build" / "p" / name


def get(capsys, *options):
    capsys.readouterr()
    status = get_data.main(["--profile", "p", *map(str, options)])
    return status, capsys.readouterr().out


def names(path):
    with tarfile.open(path) as tar:
        return [member.name.partition("/")[2] for member in tar]


def test_it_holds_what_may_be_passed_on_and_lies_nowhere_else(here, capsys):
    path = packed(here)
    inputs = [name for name in names(path) if name.startswith("raw/")]
    assert inputs == ["raw/weights/free.safetensors"]
    assert "results/p/claims.csv" in names(path)
    run = f"runs/{Sample(1).spec.name}"
    assert {f"{run}/{f}" for f in ("manifest.json", "provenance.json", "scores.csv")} <= set(
        names(path)
    )
    assert not [name for name in names(path) if name.startswith(f"runs/{Sample(2).spec.name}")]
    assert sha256(path.read_bytes()) in capsys.readouterr().out
    note = path.with_suffix(".tar.sha256").read_text()
    assert note == f"{sha256(path.read_bytes())}  equivar-p.tar\n"


def test_the_same_files_give_the_same_bytes_and_others_are_left_out(here, capsys):
    first = packed(here).read_bytes()
    again = here / "weights" / "free.safetensors"
    again.unlink()
    again.write_bytes(CONTENT["free"])  # another time, another place in its folder
    assert packed(here).read_bytes() == first
    with tarfile.open(packed(here)) as tar:
        members = tar.getmembers()
    assert [m.name for m in members[1:]] == sorted(m.name for m in members[1:])
    assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in members} == {(0, 0, 0, "", 0o644)}
    again.write_bytes(b"other")
    assert "raw/weights/free.safetensors" not in names(packed(here))
    assert "other weights than those on record, left out" in capsys.readouterr().out


def test_its_readme_names_origin_and_licence_of_each_input(here):
    with tarfile.open(packed(here)) as tar:
        text = tar.extractfile("equivar-p/README.md").read().decode()
        sums = tar.extractfile(f"equivar-p/{get_data.SUMS}").read().decode()
    assert "| `raw/weights/free.safetensors` | 16 | the free ones | BSD |" in text
    assert "NOT TO BE PUBLISHED" not in text and "1 stored runs" in text
    assert f"{sha256(CONTENT['free'])}  raw/weights/free.safetensors" in sums.splitlines()


def test_a_clone_is_complete_with_the_archive(here, there, capsys):
    path = packed(here)
    root = there()
    status, said = get(capsys, "--archive", path)
    assert "weights free                       present, verified" in said
    assert status == 1 and "put kept.safetensors" in said  # what it does not hold is asked for
    assert sorted(p.name for p in (root / "weights").iterdir()) == ["free.safetensors"]
    assert Store().find(Sample(1).spec).table("scores")["score"].tolist() == [1 / 8]
    for name in ("kept", "fetched"):
        (root / "weights" / f"{name}.safetensors").write_bytes(CONTENT[name])
    status, said = get(capsys, "--archive", path)
    assert status == 0 and said.count("present, verified") == 3


def test_everything_goes_to_a_machine_of_ones_own(here, there, capsys):
    path = packed(here, "--everything")
    with tarfile.open(path) as tar:
        text = tar.extractfile("equivar-p-everything/README.md").read().decode()
    assert "NOT TO BE PUBLISHED" in text
    there()
    assert get(capsys, "--archive", path)[0] == 0


def test_what_is_there_stays(here, there, capsys):
    path, root = packed(here), there()
    mine = root / "weights" / "free.safetensors"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    store = Store()
    kept = store.make(Sample(1)).path / "scores.csv"
    kept.with_name("note.txt").write_text("mine")
    status, said = get(capsys, "--archive", path)
    assert status == 1 and "damaged, or other weights" in said and mine.read_bytes() == b"mine"
    assert kept.with_name("note.txt").exists()


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_half_an_archive_is_told_and_no_half_file_kept(here, there, capsys, share):
    path = packed(here)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    root = there()
    status, said = get(capsys, "--archive", path)
    assert status == 1 and ("ends too early" in said or "are missing or changed" in said)
    for file in root.rglob("*.safetensors"):
        assert file.read_bytes() == CONTENT["free"]
    assert not list((root.parent / "runs").glob(".*.part"))
    for run in (root.parent / "runs").glob("sample-*"):
        assert Store().find(Sample(1).spec).path == run


@pytest.mark.parametrize("change", ["gone", "changed", "no sums"])
def test_a_folder_that_is_half_unpacked_is_told(here, there, capsys, tmp_path, change):
    with tarfile.open(packed(here)) as tar:
        tar.extractall(tmp_path)  # written by this test
    folder = tmp_path / "equivar-p"
    file = folder / f"runs/{Sample(1).spec.name}/scores.csv"
    if change == "changed":
        file.write_text("score\n1\n")
    else:
        (folder / get_data.SUMS if change == "no sums" else file).unlink()
    there()
    status, said = get(capsys, "--archive", folder)
    assert status == 1
    if change == "no sums":
        assert "is no archive of this project" in said
    else:
        assert (
            f"1 of its 7 files are missing or changed, the first {file.relative_to(folder)}" in said
        )
        assert "weights free                       present, verified" in said
    assert Store().find(Sample(1).spec) is None


def test_a_file_that_is_not_on_record_is_not_written(here, there, capsys, monkeypatch):
    outside = {"raw/../../evil": b"x", "raw/weights/unknown.safetensors": b"x",
               "runs/../evil/manifest.json": b"x"}  # fmt: skip
    monkeypatch.setattr(archive, "contents", lambda *_: outside)
    monkeypatch.setattr(archive, "readme", lambda *_: "")
    monkeypatch.setattr(archive, "say", lambda *_: None)
    path, root = packed(here), there()
    get(capsys, "--archive", path)
    assert not list(root.parent.rglob("*evil*")) and not list(root.rglob("*.safetensors"))


def test_a_full_disk_is_told_and_the_rest_looked_for(here, there, capsys, monkeypatch):
    path, root = packed(here), there()
    (root / "weights").mkdir(parents=True)
    (root / "weights" / "kept.safetensors").write_bytes(CONTENT["kept"])
    monkeypatch.setattr(get_data, "put_input", full)
    status, said = get(capsys, "--archive", path)
    assert status == 1 and "No space left" in said and "put free.safetensors" in said
    assert "weights kept                       present, verified" in said


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_without_a_file_it_is_fetched_once_it_has_an_address(
    here, there, capsys, server, monkeypatch
):
    content = packed(here).read_bytes()
    server.answers["a"] = lambda request, start: honest(request, start, content)
    there()
    assert "put free.safetensors" in get(capsys)[1] and not server.seen
    for digest, words in ((sha256(b"other"), "does not match"), (sha256(content), "verified")):
        download = Download("originals/equivar-p.tar", (server.url("a"),), digest)
        monkeypatch.setattr(registry, "ARCHIVE", download)
        assert words in get(capsys)[1]
    assert "weights free                       present, verified" in get(capsys)[1]
    assert len(server.seen) == 3  # wrong bytes are tried twice; what is there, not at all


def test_no_archive_is_made_of_nothing(here, capsys, monkeypatch):
    monkeypatch.setattr(archive, "contents", lambda *_: {})
    assert archive.main(["--profile", "p"]) == 1
    assert "neither inputs, runs nor tables" in capsys.readouterr().err


def test_the_description_names_inputs_and_runs(tmp_path):
    pytest.importorskip("rocrate")
    folder = tmp_path / "runs" / "sample-1"
    folder.mkdir(parents=True)
    (folder / "provenance.json").write_text(json.dumps({"label": "a sample", "commit": "c0ffee"}))
    (tmp_path / "w").write_bytes(b"abc")
    name = "raw/weights/imagenet/squeezenet1_1.safetensors"
    files = {name: tmp_path / "w", "runs/sample-1/provenance.json": folder / "provenance.json"}
    text = archive.crate("p", files, {name: "5um"})
    assert text == archive.crate("p", files, {name: "5um"})
    graph = {entry["@id"]: entry for entry in json.loads(text)["@graph"]}
    assert graph[name]["license"] == "BSD-2-Clause" and graph[name]["sha256"] == "5um"
    assert graph["runs/sample-1/"]["name"] == "a sample"
    assert {part["@id"] for part in graph["./"]["hasPart"]} == {name, "runs/sample-1/"}


# Origins


def test_every_file_on_record_has_an_origin_that_the_page_names():
    from places import ROOT

    page = " ".join((ROOT / "data" / "README.md").read_text().split())
    files = [file for of in FILES.values() for file in of] + list(WEIGHTS.values())
    for origin in {origin_of(file.place) for file in files}:
        assert origin.licence in page, origin
        for word in origin.source.replace(",", " ").split():
            assert "/" not in word or word in page, word
    for origin in ORIGINS:
        assert origin.got in (origins.FETCHED, origins.BY_PIP) or origin.why


def test_only_what_has_a_licence_goes_into_the_archive():
    for origin in ORIGINS:
        assert origin.got != origins.ARCHIVED or origin.licence in ("Apache-2.0", "BSD-2-Clause")
    assert origin_of("weights/imagenet/squeezenet1_0_pruned.safetensors").got == origins.BY_HAND
    with pytest.raises(KeyError, match="no origin on record for other/x"):
        origin_of("other/x")
