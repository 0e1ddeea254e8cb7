"""What made the results of a profile and can not be fetched, as one tar: python tools/archive.py

Writes equivar-<profile>.tar and its sha256 into _build/<profile>: inputs that may be passed on and
lie nowhere else, the stored runs with their weights, the committed tables, a README and a
description as an RO-Crate. The same files give the same bytes. `make data ARCHIVE=...` takes inputs
and runs from it. With --everything it also holds what may not be published, for a machine of your
own without a network.
"""

import argparse
import hashlib
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

from chapters import Stop
from get_data import SUMS, needed
from sweep import all_chapters, name_of, numbered

ROOT = Path(__file__).resolve().parents[1]
README = """\
# {title}

What made the results of profile `{profile}` of this book, and can not be fetched elsewhere, at
commit {commit}. In a checkout of it, `make data PROFILE={profile} ARCHIVE=` and the path of this
file (or of the folder it was unpacked to) puts `raw` and `runs` where they belong, fetches the
other inputs and verifies all. Sums of all files: {sums}.

| folder | what |
|---|---|
| `raw` | inputs, as they lie under the data root |
| `runs` | {runs} stored runs with their weights; each has its origin in `provenance.json` |
| `results` | the committed tables and verdicts |

The licence of `runs` and `results` is that of the project. The inputs are others':

| file | bytes | from | licence |
|---|---|---|---|
{inputs}
"""
WARNING = "\nNOT TO BE PUBLISHED: some of its inputs may not be passed on.\n"


def arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="quick", help="a name in notebooks/profiles")
    parser.add_argument(
        "--everything", action="store_true", help="also what may not be passed on: keep it"
    )
    return parser.parse_args(argv)


# What it holds


def inputs(profile, root, everything=False):
    """{place: path} of the inputs that belong into it; prints what is not at hand, or another."""
    from equivar.data.origins import ARCHIVED, origin_of
    from equivar.data.registry import FILES, WEIGHTS

    data, weights, _ = needed(profile)
    files = [file for key, of in FILES.items() if key[0] in data for file in of]
    files += [WEIGHTS[name] for name in weights if name in WEIGHTS]
    found = {}
    for file in files:
        if not everything and origin_of(file.place).got != ARCHIVED:
            continue
        there = [name for name in (file.place, file.needed) if (root / name).is_file()]
        if not there:
            print(f"not at hand, left out: {file.place}", flush=True)
        elif file in WEIGHTS.values() and digest(root / file.place) != file.sha256:
            print(f"other weights than those on record, left out: {file.place}", flush=True)
        else:
            found[there[0]] = root / there[0]
    return found


def runs(profile):
    """{name: folder} of the runs that the profile asks for and the store has."""
    from equivar.runs import Store

    store, found = Store(), {}
    asked = {name_of(one): one for _, _, one in numbered(all_chapters(profile), profile)}
    for name, one in asked.items():
        run = store.find(one.spec) if name != str(one) else None
        if run and run.path.parent == store.root:
            found[name] = run.path
    print(f"{len(found)} of {len(asked)} runs are in the store; of the others, tables at most")
    return found


def contents(profile, root, everything=False):
    """{path in the archive: path here} of all that is not written for it."""
    found = {f"raw/{place}": path for place, path in inputs(profile, root, everything).items()}
    results = ROOT / "data" / "results" / profile
    folders = {f"runs/{name}": folder for name, folder in runs(profile).items()}
    for name, folder in {**folders, f"results/{profile}": results}.items():
        for path in folder.rglob("*"):
            if path.is_file():
                found[f"{name}/{path.relative_to(folder).as_posix()}"] = path
    return found


def commit():
    """(commit, its date) of the checkout; of no use outside of git."""
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%H %cs"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.split() if done.returncode == 0 else ["unknown", "1970-01-01"]


def readme(profile, files, everything=False):
    from equivar.data.origins import origin_of

    lines = [
        f"| `{name}` | {path.stat().st_size} | {origin_of(name[4:]).source} "
        f"| {origin_of(name[4:]).licence} |"
        for name, path in sorted(files.items())
        if name.startswith("raw/")
    ]
    count = len({name.split("/")[1] for name in files if name.startswith("runs/")})
    text = README.format(
        title=f"equivar-{profile}", profile=profile, commit=commit()[0], sums=SUMS, runs=count,
        inputs="\n".join(lines),
    )  # fmt: skip
    return text + (WARNING if everything else "")


def crate(profile, files, sums):
    """The description as an RO-Crate: every input with its licence, every run as a folder."""
    try:
        from rocrate.rocrate import ROCrate
    except ImportError:
        raise Stop("rocrate is missing: make setup installs it") from None
    from equivar.data.origins import origin_of

    made = ROCrate(gen_preview=False)
    made.name = f"equivar-{profile}"
    made.description = f"Inputs, runs and tables of the profile {profile} of the book"
    made.datePublished, made.license = commit()[1], "see README.md"
    for name, path in sorted(files.items()):
        if name.startswith("raw/"):
            origin = origin_of(name.removeprefix("raw/"))
            about = {"license": origin.licence, "isBasedOn": origin.source, "sha256": sums[name]}
            about |= {"contentSize": str(path.stat().st_size)}
            made.add_file(dest_path=name, properties=about)
        elif name.endswith("/provenance.json"):
            facts = json.loads(path.read_text())
            about = {"name": facts["label"], "version": facts.get("commit")}
            made.add_dataset(dest_path=name.rpartition("/")[0], properties=about)
    return json.dumps(made.metadata.generate(), indent=1, sort_keys=True) + "\n"


# Writing it


def pack(target, top, content):
    """Write {name: path or bytes} to a tar below the folder `top`; the same bytes each time."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(content, key=lambda name: (name != SUMS, name)):  # the sums first
            data = content[name] if isinstance(content[name], bytes) else content[name].read_bytes()
            member = tarfile.TarInfo(f"{top}/{name}")  # its time is 0, its owner is 0
            member.size, member.mode = len(data), 0o644
            tar.addfile(member, io.BytesIO(data))


def digest(content):
    data = content if isinstance(content, bytes) else content.read_bytes()
    return hashlib.sha256(data).hexdigest()


def archive(profile, everything=False):
    """Write the archive, and say what is in it."""
    from equivar.data import data_root
    from equivar.files import all_or_nothing

    files = contents(profile, data_root().resolve(), everything)
    if not files:
        raise Stop(f"profile {profile}: neither inputs, runs nor tables to pass on")
    top = f"equivar-{profile}{'-everything' if everything else ''}"
    target = ROOT / "_build" / profile / f"{top}.tar"
    target.parent.mkdir(parents=True, exist_ok=True)
    with all_or_nothing([target, target.with_suffix(".tar.sha256")]) as (part, note):
        pack(part, top, described(profile, files, everything))
        with part.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        note.write_text(f"{found}  {target.name}\n")
    say(files)
    print(f"{target.stat().st_size:12d}  {target.relative_to(ROOT)}\nsha256 {found}")


def described(profile, files, everything):
    """The files with those that describe them."""
    sums = {name: digest(path) for name, path in files.items()}
    written = {
        "README.md": readme(profile, files, everything).encode(),
        "ro-crate-metadata.json": crate(profile, files, sums).encode(),
    }
    sums |= {name: digest(data) for name, data in written.items()}
    lines = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
    return {**files, **written, SUMS: lines.encode()}


def say(files):
    for name in sorted(files):
        if name.startswith("raw/"):
            print(f"{files[name].stat().st_size:12d}  {name}")
    for kind in ("runs", "results"):
        paths = [path for name, path in files.items() if name.startswith(f"{kind}/")]
        print(f"{sum(path.stat().st_size for path in paths):12d}  {kind}: {len(paths)} files")


def main(argv=None):
    options = arguments(argv)
    try:
        archive(options.profile, options.everything)
    except (Stop, ValueError, OSError) as error:
        print(f"\narchive failed: {error}\n", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
