"""Make committed runs anew and compare their tables: python tools/verify.py --profile standard

Draws a few of the runs whose tables are committed, makes each in an empty store, and prints the
largest and the mean difference of each table beside the spread between seeds, with a verdict: same
bytes, same within rounding, as another seed, or different. Ends with 1 if a run is different or
could not be made.
"""

import argparse
import random
import sys
import tempfile
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from chapters import Stop
from sweep import RESULTS, all_chapters, chosen, name_of, numbered

ROUNDING = 1e-3  # a difference of scores that other libraries and machines make
OTHERWISE = ("images_per_second",)  # another one each time
VERDICTS = ("same bytes", "same within rounding", "as another seed", "different")


def arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", type=Path, metavar="CHAPTER")
    parser.add_argument("--profile", default="quick", help="a name in notebooks/profiles")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="how many are drawn")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument(
        "--only", type=int, nargs="+", default=[], metavar="I",
        help="these instead, by the numbers of sweep.py --list",
    )  # fmt: skip
    return parser.parse_args(argv)


@dataclass(frozen=True)
class Difference:
    """How far one table is from another: each value by its distance, relative where above 1.

    what: where they can not be compared (other rows, texts, or a column that is gone), in words.
    """

    largest: float = 0.0
    mean: float = 0.0
    what: str = ""


def difference(old, new):
    """The difference of two tables over the columns of the old one."""
    import numpy as np

    gone = [name for name in old.columns if name not in new.columns]
    if gone or len(old) != len(new):
        rows = f"{len(new)} rows, not {len(old)}"
        return Difference(what=f"no column {gone[0]}" if gone else rows)
    numbers = [name for name in old.select_dtypes("number").columns if name not in OTHERWISE]
    texts = [name for name in old.columns if name not in numbers and name not in OTHERWISE]
    other = [name for name in texts if not old[name].equals(new[name])]
    if other:
        return Difference(what=f"other texts in {other[0]}")
    a, b = (table[numbers].to_numpy(float) for table in (old, new))
    if (np.isnan(a) != np.isnan(b)).any():
        return Difference(what="values that are not defined in one of the two")
    far = np.nan_to_num(np.abs(a - b) / np.maximum(1, np.abs(a)))
    return Difference(far.max(initial=0), far.mean() if far.size else 0.0)


def tables_of(run):
    """The tables of a run by name, and its facts as one."""
    import pandas as pd

    facts = {k: v for k, v in run.facts.items() if isinstance(v, int | float)}
    return {name: run.table(name) for name in run.tables} | {"facts": pd.DataFrame([facts])}


def same_bytes(old, new, name):
    if name == "facts":
        return difference(tables_of(old)[name], tables_of(new)[name]) == Difference()
    files = [run.path / f"{name}.csv" for run in (old, new)]
    return files[0].read_bytes() == files[1].read_bytes()


def spread(runs):
    """{table: the largest Difference between any two of the runs}, which differ by the seed."""
    found = {}
    for a, b in combinations([tables_of(run) for run in runs], 2):
        for name in a.keys() & b.keys():
            far, known = difference(a[name], b[name]), found.get(name, Difference())
            found[name] = Difference(max(far.largest, known.largest), max(far.mean, known.mean))
    return found


def verdict(found, seeds, exact):
    """The verdict on one table."""
    if exact:
        return VERDICTS[0]
    if found.what:
        return VERDICTS[3]
    if found.largest <= ROUNDING:
        return VERDICTS[1]
    near = seeds and found.mean <= seeds.mean and found.largest <= seeds.largest
    return VERDICTS[2] if near else VERDICTS[3]


def compare(old, new, seeds):
    """Print a line for each table of the committed run; the verdict on the run: the worst one."""
    print(f"  {'table':12s} {'largest':>9s} {'mean':>9s}    between seeds: largest, mean")
    before, after, worst = tables_of(old), tables_of(new), 0
    for name, table in before.items():
        there = name in after
        found = difference(table, after[name]) if there else Difference(what="not made any more")
        said = verdict(found, seeds.get(name), there and same_bytes(old, new, name))
        worst = max(worst, VERDICTS.index(said))
        numbers = found.what or f"{found.largest:9.2g} {found.mean:9.2g}"
        beside = seeds.get(name)
        beside = f"{beside.largest:.2g}, {beside.mean:.2g}" if beside else "no other seeds"
        print(f"  {name:12s} {numbers}    {beside:24s} {said}", flush=True)
    return VERDICTS[worst]


def committed(rows, store):
    """{name: (number, run to make, committed run)} of the rows whose tables are committed."""
    found = {}
    for number, _, one in rows:
        run = store.find(one.spec) if name_of(one) != str(one) else None
        if run:
            found[name_of(one)] = (number, one, run)
    return found


def siblings(one, found):
    """The committed runs that differ from a run by the seed alone, itself among them."""

    def without_seed(other):
        return {k: v for k, v in other.columns.items() if k != "seed"}

    if "seed" not in one.columns:
        return []
    return [
        run for _, other, run in found.values()
        if other.spec.experiment == one.spec.experiment and without_seed(other) == without_seed(one)
    ]  # fmt: skip


def drawn_of(there, rows, options):
    """The names of the runs to make anew."""
    if options.only:
        wanted = {name_of(one) for *_, one in chosen(rows, options.only)}
        return [name for name in there if name in wanted]
    return random.Random(options.seed).sample(list(there), min(options.runs, len(there)))


def again(name, there, folder):
    """Make one run in the empty folder and compare it; its verdict in words."""
    from equivar.data import DataDamaged, DataMissing
    from equivar.runs import Store

    number, one, old = there[name]
    print(f"\n{one}  (number {number}, {name})", flush=True)
    try:
        new = Store(folder / "runs", results=folder / "none").make(one)
    except (DataMissing, DataDamaged, OSError) as error:
        print(f"  not made: {error}", flush=True)
        return "not made"
    said = compare(old, new, spread(siblings(one, there)))
    seconds = [run.provenance["seconds"] for run in (new, old)]
    print("  {}; made in {:.0f} s, the committed one in {:.0f} s".format(said, *seconds))
    return said


def verify(options):
    """How many of the drawn runs are different, or could not be made."""
    from equivar.runs import Store

    rows = numbered(options.chapters or all_chapters(options.profile), options.profile)
    with tempfile.TemporaryDirectory() as folder:
        there = committed(rows, Store(folder, results=RESULTS))
        drawn = drawn_of(there, rows, options)
        if not drawn:
            raise Stop(f"profile {options.profile}: no committed results to verify")
        print(f"{len(drawn)} of {len(there)} committed runs, made anew in an empty store")
        said = {name: again(name, there, Path(folder)) for name in drawn}
    print("\nverdicts")
    for name, words in said.items():
        print(f"  {name:40s} {words}")
    return sum(words in ("not made", VERDICTS[3]) for words in said.values())


def main(argv=None):
    options = arguments(argv)
    try:
        if options.runs < 1:
            raise Stop(f"--runs {options.runs}: one at least")
        return 1 if verify(options) else 0
    except KeyboardInterrupt:
        print("\nstopped: nothing is kept of it\n", file=sys.stderr, flush=True)
        return 130
    except (Stop, ValueError, OSError, ImportError) as error:
        print(f"\nverify failed: {error}\n", file=sys.stderr, flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())
