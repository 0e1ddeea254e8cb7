"""The runs of chapters: python tools/sweep.py notebooks/04-mnist6-tasks.ipynb

Lists them (--list), makes those that are not there (the default; several processes share the
work, and --scheduler gives it to workers), measures finished ones again (--measure-again: tables of
older versions lack columns), prints a job array for SLURM (--sbatch), or copies the tables of those
that are there into data/results/<profile> (--publish). Without a chapter: all chapters that have
runs, numbered through.
"""

import argparse
import sys
from pathlib import Path

from chapters import Stop, declared, for_chapter, of_profile
from run_notebook import existing

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "data" / "results"
PICTURES = "pictures.png"
ARRAY = """\
#!/bin/bash
# Each task makes one run of the profile {profile}, and goes on from its checkpoint when it is
# started again. Submit it in the folder of the project, which all nodes must see, after
# make setup and make data PROFILE={profile}. Change the lines below to what the cluster has.
#SBATCH --job-name=equivar-{profile}
#SBATCH --array=1-{count}
#SBATCH --cpus-per-task=4
#SBATCH --mem=16G
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --output=sweep-%a.log
export OMP_NUM_THREADS="${{SLURM_CPUS_PER_TASK:-1}}"
cd "$SLURM_SUBMIT_DIR" || exit 1
exec .venv/bin/python tools/sweep.py --profile {profile}{chapters} --only "$SLURM_ARRAY_TASK_ID"
"""


def arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", type=Path, metavar="CHAPTER")
    parser.add_argument("--profile", default="quick", help="a name in notebooks/profiles")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="name the runs, make none")
    what.add_argument("--publish", action="store_true", help="copy their tables, make none")
    what.add_argument(
        "--measure-again", action="store_true",
        help="measure those that have weights here with this version, train none",
    )  # fmt: skip
    what.add_argument("--sbatch", action="store_true", help="print a job array for SLURM")
    parser.add_argument("--only", nargs="+", default=[], metavar="I", help="by number, from 1")
    parser.add_argument(
        "--scheduler", default="",
        help="whose workers make the runs: tcp://HOST:PORT of dask, or local:N for N processes",
    )  # fmt: skip
    options = parser.parse_args(argv)
    words = options.only  # a chapter that stands after --only I is one of the chapters
    options.only = [int(word) for word in words if word.isdigit()]
    options.chapters += [Path(word) for word in words if not word.isdigit()]
    return options


def runs_of(notebook, profile):
    """The runs of the store that a chapter asks for under a profile."""
    found, parameters = room_of(notebook, profile)
    return found.runs(parameters)


def room_of(notebook, profile):
    """The room of a chapter, and its parameters under a profile."""
    values = declared(existing(notebook)) | for_chapter(ROOT, notebook, profile)
    from equivar.chapters import room  # late: a mistyped name is told at once

    found = room(notebook.stem)
    return found, found.Parameters.checked(values)


def all_chapters(profile):
    """The notebooks that the profile names."""
    return [ROOT / "notebooks" / f"{name}.ipynb" for name in of_profile(ROOT, profile)]


def numbered(chapters, profile):
    """[(number, chapter, run)] over the chapters; a run that several ask for has one number."""
    rows, numbers = [], {}
    for notebook in chapters:
        for one in runs_of(notebook, profile):
            rows.append((numbers.setdefault(name_of(one), len(numbers) + 1), notebook, one))
    return rows


def name_of(one):
    """The name of a run in the store; in words where its data have no fingerprint on record."""
    try:
        return one.spec.name
    except FileNotFoundError:
        return str(one)


def found(one, store):
    """The finished run, if it is there."""
    return store.find(one.spec) if name_of(one) != str(one) else None


def chosen(rows, only):
    """The rows of the numbers that are asked for."""
    last = max((number for number, *_ in rows), default=0)
    if not all(1 <= number <= last for number in only):
        raise Stop(f"--only: there are runs 1 to {last}")
    return [row for row in rows if not only or row[0] in only]


def say(rows, store):
    for number, _, one in rows:
        run, name = found(one, store), name_of(one)
        state = f"{run.provenance['seconds']:8.0f} s" if run else "   not made"
        print(f"{number:3d}  {state}  {name if name != str(one) else 'no data:'}  {one}")


def publish(rows, store, profile):
    from equivar.runs.folder import copy_results

    for _, notebook, one in rows:
        run = found(one, store)
        folder = RESULTS / profile / notebook.stem
        place = next(folder.parent.glob(f"*/{name_of(one)}"), folder / "new").parent
        if run and run.path.parent != place:  # chapters may share runs: one copy is enough
            copy_results(run, place)
        print(f"{'in ' + str(place.relative_to(ROOT)) if run else 'not made'}: {one}")
    for notebook in dict.fromkeys(notebook for _, notebook, _ in rows):
        keep_pictures(notebook, profile)


def keep_pictures(notebook, profile):
    """The few pictures of its data that a chapter shows, for books that are made without these."""
    from equivar.data import DATASETS

    folder = RESULTS / profile / notebook.stem
    found, parameters = room_of(notebook, profile)
    if not (callable(getattr(found, "pictures", None)) and folder.is_dir()):
        return
    sheet = found.pictures(parameters)
    if sheet.source == parameters.data and DATASETS[sheet.source].find:  # an embedded one is there
        sheet.save(folder / PICTURES)
        print(f"in {(folder / PICTURES).relative_to(ROOT)}: {sheet.told(parameters.data)}")


def measure_again(rows, store):
    from equivar.runs import Training

    for _, _, one in rows:
        if isinstance(one, Training) and store.find(one.spec, weights=True):
            store.measure_again(one)
            print(f"measured again: {one}", flush=True)
        else:
            print(f"no weights here: {one}", flush=True)


def tell_of_others(rows, profile):
    """Results that the profile does not ask for any more; a person decides what becomes of them."""
    for notebook in dict.fromkeys(notebook for _, notebook, _ in rows):
        names = {name_of(one) for _, of, one in rows if of == notebook}
        for path in sorted((RESULTS / profile / notebook.stem).glob("*")):
            if path.name not in {*names, PICTURES}:
                print(f"not asked for any more: {path.relative_to(ROOT)}")


def make(runs, scheduler):
    from equivar.runs import run_all
    from equivar.runs.executors import opened

    with opened(scheduler) as executor:
        for words in run_all(runs, executor=executor).missing:
            print(f"not made: {words}", file=sys.stderr)


def sweep(options):
    from equivar.runs import Store

    rows = numbered(options.chapters or all_chapters(options.profile), options.profile)
    if not rows:
        raise Stop(f"no runs of the store are asked for by {', '.join(map(str, options.chapters))}")
    wanted = chosen(rows, options.only)
    if options.list:
        say(wanted, Store())
    elif options.sbatch:
        named = "".join(f" {path.as_posix()}" for path in options.chapters)
        last = max(number for number, *_ in rows)
        print(ARRAY.format(profile=options.profile, count=last, chapters=named), end="")
    elif options.measure_again:
        measure_again(wanted, Store())
    elif options.publish:
        publish(wanted, Store(), options.profile)
        tell_of_others(rows, options.profile)
    else:
        make([one for _, _, one in wanted], options.scheduler)


def main(argv=None):
    options = arguments(argv)
    try:
        sweep(options)
    except KeyboardInterrupt:
        print("\nsweep stopped: started again, it goes on from here\n", file=sys.stderr, flush=True)
        return 130
    except Exception as error:
        notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
        if not notes and not isinstance(error, Stop | ValueError | OSError | ImportError):
            raise
        print(f"\nsweep failed: {error}{notes}\n", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
