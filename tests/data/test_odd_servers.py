"""Servers that stall or lead elsewhere: what comes is verified, or the address is told."""

import threading
import time

import pytest
from file_server import CONTENT, honest, send, sha256

from equivar.data import fetch
from equivar.data.registry import Download

pytestmark = pytest.mark.usefixtures("in_no_time")


def wanted(*urls):
    return Download("set/file.bin", urls, sha256(CONTENT))


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def moved(to):
    def answer(request, _start):
        send(request, 302, b"", Location=to)

    return answer


def test_a_server_that_stalls_is_left(tmp_path, server, monkeypatch):
    """It sends a part and then nothing more, without closing; another one has the file."""
    release = threading.Event()

    def stalls(request, start):
        honest(request, start, most=200_000)
        request.wfile.flush()
        release.wait(20)

    monkeypatch.setattr(fetch, "TIMEOUT", (1, 0.3))
    server.answers |= {"stalls": stalls, "honest": honest}
    began = time.monotonic()
    with pytest.raises(fetch.NotFetched, match="/stalls: no"):
        fetch.fetch(wanted(server.url("stalls")), tmp_path)
    assert time.monotonic() - began < 10 and files(tmp_path) == []
    fetch.fetch(wanted(server.url("stalls"), server.url("honest")), tmp_path)
    release.set()
    assert (tmp_path / "set" / "file.bin").read_bytes() == CONTENT


def test_a_redirect_is_followed_and_what_comes_is_verified(tmp_path, server):
    server.answers |= {
        "moved": moved(server.url("honest")), "honest": honest, "lost": moved(server.url("other")),
        "other": lambda request, start: honest(request, start, content=b"x" * 1000),
    }  # fmt: skip
    fetch.fetch(wanted(server.url("moved")), tmp_path / "right")
    assert (tmp_path / "right" / "set" / "file.bin").read_bytes() == CONTENT
    with pytest.raises(fetch.NotFetched, match="/lost: "):
        fetch.fetch(wanted(server.url("lost")), tmp_path / "wrong")
    assert files(tmp_path / "wrong") == []


@pytest.mark.parametrize("to", ["loop", "file:///etc/hostname", "ftp://127.0.0.1/x"])
def test_a_redirect_that_leads_nowhere_is_told(tmp_path, server, to):
    server.answers["loop"] = moved(server.url("loop") if to == "loop" else to)
    with pytest.raises(fetch.NotFetched, match="/loop: "):
        fetch.fetch(wanted(server.url("loop")), tmp_path)
    assert files(tmp_path) == []
