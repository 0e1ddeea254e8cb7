"""Fetching: a server that breaks off or sends other bytes, and archives."""

import io
import tarfile
import threading
from pathlib import Path

import pytest
import requests
from file_server import CONTENT, honest, sha256

from equivar.data.fetch import LOCK, NotFetched, alone, fetch, obtain, unpack
from equivar.data.registry import Download, File
from equivar.files import DataDamaged

pytestmark = pytest.mark.usefixtures("in_no_time")


def breaks_off(request, start):
    honest(request, start, most=300_000)


def breaks_off_at_once(request, start):
    honest(request, start, most=0)


def other_bytes(request, start):
    honest(request, start, content=b"x" * len(CONTENT))


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
