"""Fetching: a server that breaks off or sends other bytes; archives; make data."""

import hashlib
import io
import json
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import get_data
import pytest
import requests

from equivar.data import registry
from equivar.data.fetch import LOCK, NotFetched, alone, fetch, obtain, unpack
from equivar.data.registry import FILES, Download, File
from equivar.files import DataDamaged

ROOT = Path(__file__).resolve().parents[1]

CONTENT = hashlib.shake_256(b"a file").digest(700_000)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Server:
    """A server on this machine that answers /NAME by the function `answers[NAME]`.

    Each is called with the request and the number of the byte that it starts from; `seen` has
    (name, Range) of every request.
    """

    def __init__(self):
        self.answers, self.seen = {}, []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                name, wanted = self.path[1:], self.headers.get("Range")
                server.seen.append((name, wanted))
                server.encodings = self.headers.get("Accept-Encoding")
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                if name in server.answers:
                    server.answers[name](self, start)
                else:
                    self.send_error(404)

            def log_message(self, *_):
                """Nothing on the terminal."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}).start()

    def url(self, name):
        return f"http://127.0.0.1:{self.http.server_port}/{name}"

    def close(self):
        self.http.shutdown()
        self.http.server_close()


def send(request, status, body, promised=None, **headers):
    """An answer; with `promised` bytes announced, the connection ends before they have come."""
    request.send_response(status)
    request.send_header("Content-Length", str(len(body) if promised is None else promised))
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)


def honest(request, start, content=CONTENT, most=None):
    """The file from `start` on, as Range asks; breaks off after `most` bytes."""
    if start >= len(content):
        return send(request, 416, b"", Content_Range=f"bytes */{len(content)}")
    body = content[start:]
    span = f"bytes {start}-{len(content) - 1}/{len(content)}"
    headers = {"Content_Range": span} if start else {}
    return send(request, 206 if start else 200, body[:most], len(body), **headers)


def breaks_off(request, start):
    honest(request, start, most=300_000)


def breaks_off_at_once(request, start):
    honest(request, start, most=0)


def other_bytes(request, start):
    honest(request, start, content=b"x" * len(CONTENT))


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch):
    """pooch waits for a second before it tries again."""
    monkeypatch.setattr("time.sleep", lambda _: None)


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def wanted(server):
    """A download with one address for each name."""

    def make(*names, content=CONTENT):
        for name in names:
            if name in globals():
                server.answers[name] = globals()[name]
        urls = tuple(server.url(name) for name in names)
        return Download("set/file.bin", urls, sha256(content))

    return make


def only(folder):
    """The files under a folder, the lock aside."""
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and p.name != LOCK)


def test_a_file_is_fetched_to_its_place(tmp_path, server, wanted):
    path = fetch(wanted("honest"), tmp_path)
    assert path == tmp_path / "set" / "file.bin" and path.read_bytes() == CONTENT
    assert only(tmp_path) == ["file.bin"]
    assert server.seen == [("honest", None)] and server.encodings == "identity"


def test_a_download_that_breaks_off_is_tried_again_and_at_the_next_address(
    tmp_path, server, wanted
):
    once = iter([breaks_off, honest])
    server.answers["breaks_once"] = lambda *request: next(once)(*request)
    assert fetch(wanted("breaks_once"), tmp_path).read_bytes() == CONTENT
    (tmp_path / "set" / "file.bin").unlink()
    assert fetch(wanted("breaks_off", "honest"), tmp_path).read_bytes() == CONTENT
    assert [name for name, _ in server.seen[2:]] == ["breaks_off", "breaks_off", "honest"]
    assert only(tmp_path) == ["file.bin"]


def test_other_bytes_are_fetched_twice_then_refused(tmp_path, server, wanted):
    found = sha256(b"x" * len(CONTENT))
    words = rf"http://.*/other_bytes: .*expected .*{sha256(CONTENT)} but got {found}"
    with pytest.raises(NotFetched, match=words):
        fetch(wanted("other_bytes"), tmp_path)
    assert server.seen == [("other_bytes", None)] * 2 and only(tmp_path) == []
    fetch(wanted("other_bytes", "honest"), tmp_path)
    assert only(tmp_path) == ["file.bin"]


def test_every_address_is_named_when_none_answers(tmp_path, wanted):
    nowhere = "http://127.0.0.1:1/file.bin"  # nothing listens there
    download = wanted("gone", "breaks_off_at_once")
    download = Download(download.place, (nowhere, *download.urls), download.sha256)
    with pytest.raises(NotFetched) as caught:
        fetch(download, tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{nowhere}: no connection" and "/gone: the server answered 404" in lines[1]
    assert "broke off" in lines[2] and only(tmp_path) == []


def test_a_stopped_download_leaves_nothing(tmp_path, wanted, monkeypatch):
    whole = requests.Response.iter_content

    def stopped(response, chunk_size):
        yield next(whole(response, chunk_size))
        raise KeyboardInterrupt

    monkeypatch.setattr(requests.Response, "iter_content", stopped)
    with pytest.raises(KeyboardInterrupt):
        fetch(wanted("honest"), tmp_path)
    assert only(tmp_path) == []


def test_one_process_at_a_time_fetches_into_a_root(tmp_path, capsys):
    order = []

    def second():
        with alone(tmp_path / "root"):
            order.append("second")

    with alone(tmp_path / "root"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        order.append("first")
    thread.join()
    assert order == ["first", "second"] and "waiting for another" in capsys.readouterr().out


def test_a_root_that_can_not_be_written_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    words = r"Not a directory.*EQUIVAR_DATA names another folder.*file"
    with pytest.raises(OSError, match=words), alone(tmp_path / "file" / "root"):
        pass


# Archives

MEMBERS = {"in/a.bin": b"a" * 1000, "in/b.bin": b"b" * 2000}


def tar(path, members, links=()):
    """A tar archive of {name: content}, with symbolic links (name, target)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return path


def files_of(download=None, members=MEMBERS):
    return [File(f"set/{n}", sha256(content), download, n) for n, content in members.items()]


def test_members_are_unpacked_to_their_places(tmp_path):
    extra = {"../outside.bin": b"o", "/tmp/absolute-of-a-test.bin": b"o", "in/c.bin": b"c"}
    archive = tar(tmp_path / "root" / "x.tar.gz", extra | MEMBERS, links=[("in/l", "../../l")])
    unpack(archive, files_of(), tmp_path / "root")
    assert only(tmp_path) == ["a.bin", "b.bin", "x.tar.gz"]
    assert not Path("/tmp/absolute-of-a-test.bin").exists()
    assert (tmp_path / "root" / "set" / "in" / "b.bin").read_bytes() == MEMBERS["in/b.bin"]


@pytest.mark.parametrize(
    ("members", "links", "words"),
    [
        ({"in/a.bin": b"a" * 1000, "in/b.bin": b"other"}, [], r"in/b\.bin has sha256 .*, not"),
        ({"in/a.bin": b"a" * 1000, "in/../../b.bin": b"b"}, [], r"does not hold in/b\.bin"),
        ({"in/a.bin": b"a" * 1000}, [("in/b.bin", "/etc/passwd")], r"does not hold in/b\.bin"),
    ],
)
def test_an_archive_of_other_members_leaves_nothing(tmp_path, members, links, words):
    archive = tar(tmp_path / "x.tar.gz", members, links)
    with pytest.raises(DataDamaged, match=words):
        unpack(archive, files_of(), tmp_path)
    assert only(tmp_path) == ["x.tar.gz"]


@pytest.mark.parametrize(
    "damage",
    [lambda c: b"", lambda c: c[:30], lambda c: c[:-20], lambda c: c[:900] + b"?" + c[901:]],
    ids=["empty", "start", "cut", "changed"],
)
def test_a_broken_archive_is_named(tmp_path, damage):
    content = tar(tmp_path / "x.tar.gz", {n: c + CONTENT for n, c in MEMBERS.items()}).read_bytes()
    (tmp_path / "x.tar.gz").write_bytes(damage(content))
    with pytest.raises(DataDamaged, match=r"x\.tar\.gz"):
        unpack(tmp_path / "x.tar.gz", files_of(), tmp_path)
    assert only(tmp_path) == ["x.tar.gz"]


def test_an_archive_is_fetched_once_and_removed_when_unpacked(tmp_path, server, capsys):
    content = tar(tmp_path / "x.tar.gz", MEMBERS).read_bytes()
    server.answers["x"] = lambda request, start: honest(request, start, content)
    download = Download("set/x.tar.gz", (server.url("x"),), sha256(content))
    obtain(files_of(download), tmp_path / "root")
    assert len(server.seen) == 1 and only(tmp_path / "root") == ["a.bin", "b.bin"]
    obtain(files_of(download), tmp_path / "root")
    assert len(server.seen) == 1  # all is there
    (tmp_path / "root" / "set" / "in" / "a.bin").unlink()
    (tmp_path / "x.tar.gz").rename(tmp_path / "root" / "set" / "x.tar.gz")
    obtain(files_of(download), tmp_path / "root")  # put there by hand: taken, and stays
    assert len(server.seen) == 1 and only(tmp_path / "root") == ["a.bin", "b.bin", "x.tar.gz"]
    assert "fetching x.tar.gz from 127.0.0.1" in capsys.readouterr().out


# make data


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
