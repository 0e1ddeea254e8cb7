"""The training runs of chapters: python tools/sweep.py notebooks/04-mnist6-tasks.ipynb

Lists them (--list), makes those that are not there (the default; several processes share the
work), or copies the tables of those that are into data/results/<profile> (--publish). Without a
chapter: all that train networks.
"""

import argparse
import sys
from pathlib import Path

from near import Stop
from parameters import declared, for_chapter, of_profile
from run_notebook import existing

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "data" / "results"


def arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", type=Path, metavar="CHAPTER")
    parser.add_argument("--profile", default="quick", help="a name in notebooks/profiles")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="name the runs, make none")
    what.add_argument("--publish", action="store_true", help="copy their tables, make none")
    parser.add_argument("--only", type=int, nargs="+", metavar="I", help="runs by number, from 1")
    return parser.parse_args(argv)


def runs_of(notebook, profile):
    """The training runs that a chapter asks for under a profile."""
    from equivar.experiments.sweeps import sweep  # late: a mistyped name is told at once

    values = declared(existing(notebook)) | for_chapter(ROOT, notebook, profile)
    return sweep(notebook.stem, values)


def chapters_with_runs(profile):
    from equivar.experiments.sweeps import SWEEPS

    there = of_profile(ROOT, profile)
    return [ROOT / "notebooks" / f"{name}.ipynb" for name in SWEEPS if name in there]


def chosen(runs, only):
    """(number, run) of those that are asked for."""
    if only and not all(1 <= number <= len(runs) for number in only):
        raise Stop(f"--only: there are runs 1 to {len(runs)}")
    return [pair for pair in enumerate(runs, 1) if not only or pair[0] in only]


def say(numbered, store):
    for number, one in numbered:
        run = store.find(one.spec)
        state = f"{run.provenance['seconds']:8.0f} s" if run else "   not made"
        print(f"{number:3d}  {state}  {one.spec.name}  {one}")


def publish(numbered, store, folder):
    from equivar.store.folder import copy_results

    for _, one in numbered:
        run = store.find(one.spec)
        place = next(folder.parent.glob(f"*/{one.spec.name}"), folder / "new").parent
        if run and run.path.parent != place:  # chapters may share runs: one copy is enough
            copy_results(run, place)
        print(f"{'in ' + str(place.relative_to(ROOT)) if run else 'not made'}: {one}")


def tell_of_others(folder, runs):
    """Results that the profile does not ask for any more; a person decides what becomes of them."""
    names = {one.spec.name for one in runs}
    for path in sorted(folder.glob("*")):
        if path.name not in names:
            print(f"not asked for any more: {path.relative_to(ROOT)}")


def sweep_chapter(notebook, options):
    from equivar.experiments.stored import run_all
    from equivar.store import Store

    runs = runs_of(notebook, options.profile)
    numbered = chosen(runs, options.only)
    folder = RESULTS / options.profile / notebook.stem
    if options.list:
        say(numbered, Store())
    elif options.publish:
        publish(numbered, Store(), folder)
        tell_of_others(folder, runs)
    else:
        run_all([one for _, one in numbered])


def main(argv=None):
    options = arguments(argv)
    try:
        for notebook in options.chapters or chapters_with_runs(options.profile):
            sweep_chapter(notebook, options)
    except (Stop, ValueError, OSError) as error:
        print(f"\nsweep failed: {error}\n", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
