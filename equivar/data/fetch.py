"""Fetch files of the registry from their addresses, and verify them.

A file is either complete at its place or not there at all. One process at a time fetches into a
data root (`alone`); others wait.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import sys
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pooch
import requests
from filelock import FileLock, Timeout

from equivar.data.making import make
from equivar.data.registry import Download, File
from equivar.files import DataDamaged, all_or_nothing

TIMEOUT = (10, 60)  # seconds to connect, and between two pieces of an answer
LOCK = ".fetching.lock"


class NotFetched(Exception):
    """No address of a file delivered it; the message says what happened at each of them."""


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Create the data root if needed, and be the only process that fetches into it.

    Raises OSError where the root cannot be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / LOCK)
        lock.acquire(timeout=0)
    except Timeout:
        print(f"waiting for another process that fetches into {root}", flush=True)
        lock.acquire(poll_interval=0.2)
    except OSError as error:
        raise type(error)(
            error.errno,
            f"{error.strerror}: data can not be put there; EQUIVAR_DATA names another folder",
            str(root),
        ) from error
    try:
        yield
    finally:
        lock.release()


def obtain(files: Iterable[File], root: Path) -> None:
    """Fetch the missing files that have an address, unpack archives, and make files of originals.

    A failure is printed, and the other files are still fetched. An archive or original that was put
    there by hand is used and kept; one that was fetched is deleted once it is used. Raises OSError
    where the root cannot be written.
    """
    wanted: dict[Download, list[File]] = {}
    for file in (file.instead or file for file in files):
        place = file.place if file.member else file.needed
        source = file.download or file.original
        if source and not (root / place).exists():
            wanted.setdefault(source, []).append(file)
    for download, missing in wanted.items():
        try:
            _obtain_one(download, missing, root)
        except (NotFetched, DataDamaged) as error:
            print(f"failed: {error}", flush=True)


def _obtain_one(download: Download, files: list[File], root: Path) -> None:
    target = root / download.place
    by_hand = target.exists()
    if not by_hand:
        fetch(download, root)
    if not (files[0].member or files[0].original):
        return
    try:
        if files[0].member:
            unpack(target, files, root)
        for file in files:
            if file.original:
                make(file, target, root)
    except DataDamaged:
        if not by_hand and not download.sha256:
            target.unlink()  # nothing else says that it is wrong
        raise
    if not by_hand:
        target.unlink()


def fetch(download: Download, root: Path) -> Path:
    """Download a file to its place, verify its sha256 (if it has one) and return its path.

    The addresses are tried in turn. After a failure (a connection that breaks off, wrong bytes) an
    address is tried once more from the beginning. Raises NotFetched, which says what happened at
    each address.
    """
    target, said = root / download.place, []
    known = f"sha256:{download.sha256}" if download.sha256 else None
    pooch.get_logger().setLevel("WARNING")
    for url in download.urls:
        print(f"fetching {target.name} from {url.split('/')[2]}", flush=True)
        fetcher = pooch.create(
            target.parent,
            base_url="",
            registry={target.name: known},
            urls={target.name: url},
            retry_if_failed=1,
        )
        try:
            fetcher.fetch(target.name, downloader=_downloader())
            return target
        except (requests.RequestException, ValueError) as error:
            said.append(f"{url}: {_words(error)}")
    raise NotFetched("\n        ".join(said))


def _downloader() -> pooch.HTTPDownloader:
    """Show a progress bar on a terminal only, and take a .gz file as it is."""
    headers = {"Accept-Encoding": "identity"}
    return pooch.HTTPDownloader(sys.stderr.isatty(), timeout=TIMEOUT, headers=headers)


def _words(error: Exception) -> str:
    """What went wrong with an address, in a few words."""
    if isinstance(error, requests.HTTPError):
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, requests.ConnectionError):
        kind = type(error).__name__  # SSLError or ProxyError, for example
        return "no connection" if kind == "ConnectionError" else f"no connection ({kind})"
    return str(error)


def unpack(archive: Path, files: Iterable[File], root: Path) -> None:
    """Unpack the named members of a tar archive to their places: all of them verified, or none.

    Only their bytes are used, so no path or link in the archive can decide where something is
    written. Raises DataDamaged where the archive cannot be read, or a member is missing or has
    another sha256.
    """
    files = list(files)
    targets = [root / file.place for file in files]
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
    with all_or_nothing(targets) as parts:
        todo = {file.member: (file, part) for file, part in zip(files, parts, strict=True)}
        try:
            with tarfile.open(archive) as tar:
                for member in tar:
                    if member.isfile() and member.name in todo:
                        _unpack_one(archive, tar, member, *todo.pop(member.name))
        except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataDamaged(f"{archive} can not be unpacked: {error}") from error
        if todo:
            raise DataDamaged(f"{archive} does not hold {', '.join(todo)}")


def _unpack_one(
    archive: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, file: File, part: Path
) -> None:
    with tar.extractfile(member) as source, part.open("wb") as target:
        shutil.copyfileobj(source, target)
    with part.open("rb") as written:
        found = hashlib.file_digest(written, "sha256").hexdigest()
    if found != file.sha256:
        raise DataDamaged(f"{archive}: {member.name} has sha256 {found}, not {file.sha256}")
