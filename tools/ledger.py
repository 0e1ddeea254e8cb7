"""The verdicts of all profiles: python tools/ledger.py --profile standard

A chapter leaves its verdicts as JSON beside the executed notebook (equivar/verdicts/report.py);
what is claimed stands in its room (equivar/chapters). Read from the executed chapters of a profile
they make data/results/<profile>/claims.csv, which is committed, and the tables of README.md and of
the book. So no verdict is ever typed into prose. The README's picture is taken from a chapter.
"""

import argparse
import base64
import csv
import json
import math
import re
import sys
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path

from chapters import Stop, chapters_of, check, of_profile, read, unknown
from run_notebook import verdicts_of

from equivar.verdicts import SIGNS, VERDICTS, Verdict, claim_b2
from equivar.verdicts.report import WAYS

ROOT = Path(__file__).resolve().parents[1]
PROFILES = ("paper", "standard", "quick")  # the best first
FILE = "claims.csv"
NUMBERS = ("effect", "low", "high", "above", "below")
COVER = ("10-orbits", "fig-orbit-maps")  # chapter and figure
PICTURE = "book/_static/cover.png"
START, END = "<!-- claims -->", "<!-- end of claims -->"

HEADLINES = (  # a title, the claim that tells it, and what the paper finds
    (
        "Accuracy",
        "4.2b",
        "The paper finds that networks which recognise more are more equivariant to translation, "
        "in the final part in almost the same order.",
    ),
    (
        "Augmentation",
        "4.4a",
        "It finds that random crops and RandAugment raise translation equivariance from the middle "
        "part on.",
    ),
    (
        "Capacity",
        "4.5a",
        "It finds that small networks are more equivariant than wide ones.",
    ),
    (
        "Architecture",
        "4.6a",
        "It finds that vision transformers and mixers have less translation equivariance inside "
        "than convolutional networks.",
    ),
)
HERE = {
    "supported": "The same is found here.",
    "contradicted": "It is not so here.",
    "negligible": "Here the effect is too small to be of interest.",
    "inconclusive": "The runs of this book leave it open.",
    "not judged": "This book can not judge it yet.",
}


@dataclass(frozen=True)
class Row:
    """One claim judged in one way, by the runs of one profile."""

    claim: str
    judged: str  # as `WAYS`
    verdict: str
    effect: float
    low: float
    high: float
    reason: str
    chapter: str
    count: int = 0  # runs or networks; 0: over something else
    above: float = math.nan
    below: float = math.nan


@cache
def wording():
    """What is claimed, {claim: equivar.verdicts.Claim}, in the order of the paper's sections."""
    from equivar.chapters import room, rooms  # late: they import PyTorch
    from equivar.verdicts.kept import CLAIMS

    found = dict(CLAIMS)
    for number in rooms():
        found |= room(number).CLAIMS
    return {claim: found[claim] for claim in sorted(found, key=_place)}


def _place(claim):
    """4.3a before 4.10a before B2."""
    return [(not part.isdigit(), part.zfill(4)) for part in re.findall(r"\d+|\D+", claim)]


def claims_in(notebook):
    """The rows of one executed chapter. Stop: there are none, or one is no verdict with reason."""
    path = verdicts_of(notebook)
    rows = []
    for facts in json.loads(path.read_text(encoding="utf-8")) if path.exists() else ():
        numbers = {name: math.nan for name, value in facts.items() if value is None}
        row = Row(chapter=notebook.stem, **facts | numbers)
        where = f"{notebook.stem}: claim {row.claim}: "
        if row.verdict not in VERDICTS:
            raise Stop(where + unknown("verdict", row.verdict, VERDICTS))
        if not row.reason:
            raise Stop(where + "a verdict, but no reason")
        if row.claim not in wording():
            raise Stop(f"{row.chapter}: its room has no {unknown('claim', row.claim, wording())}")
        rows.append(row)
    return rows


def of_chapters(notebooks):
    """The rows of executed chapters, and of B2, which speaks of all of them; in order of claims."""
    rows = [row for notebook in notebooks for row in claims_in(notebook)]
    if any(row.judged == "corrected" for row in rows):
        rows.append(corrected(rows))
    order = list(wording())
    return sorted(rows, key=lambda row: (order.index(row.claim), list(WAYS).index(row.judged)))


def corrected(rows):
    """Whether verdicts stay as they are when scores are corrected for chance (claim B2)."""
    ways = {way: [verdict_of(row) for row in rows if row.judged == way] for way in WAYS}
    both = {verdict.claim for verdict in ways["corrected"]}
    worded = [verdict for verdict in ways["worded"] if verdict.claim in both]
    return Row(judged="worded", chapter="", **vars(claim_b2(worded, ways["corrected"])))


def verdict_of(row):
    """The verdict of a row."""
    return Verdict(**{field.name: getattr(row, field.name) for field in fields(Verdict)})


def committed(root):
    """The rows of data/results, {profile: rows}, the best profile first."""
    found = {}
    for profile in PROFILES:
        path = root / "data" / "results" / profile / FILE
        if path.is_file():
            found[profile] = read_csv(path)
    return found


def read_csv(path):
    """The rows of a file that `write` made; Stop names a column that it does not have."""
    with path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        missing = [f.name for f in fields(Row) if f.name not in (table.fieldnames or ())]
        if missing:
            raise Stop(f"{path}: no column {missing[0]!r}; make it again: make claims")
        return [
            Row(
                **row
                | {name: float(row[name] or "nan") for name in NUMBERS}
                | {"count": int(row["count"])}
            )
            for row in table
        ]


def write(rows, path):
    """The rows as a file; numbers with four digits, so that another machine writes the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, [f.name for f in fields(Row)], lineterminator="\n")
        table.writeheader()
        for row in rows:
            numbers = {name: number(getattr(row, name)) for name in NUMBERS}
            table.writerow(asdict(row) | numbers)


def picture(notebook, name):
    """A figure of an executed notebook, as the bytes of a PNG file. Stop: it is not there."""
    for cell in read(notebook)["cells"]:
        if cell["metadata"].get("mystnb", {}).get("figure", {}).get("name") == name:
            for output in cell["outputs"]:
                if "image/png" in output.get("data", {}):
                    return base64.b64decode(output["data"]["image/png"])
    raise Stop(f"{notebook.stem} has no figure {name}")


def number(value):
    return "" if math.isnan(value) else f"{value:.4g}"


def verdicts_by_claim(rows):
    """{claim: {way: row}}."""
    found = {}
    for row in rows:
        found.setdefault(row.claim, {})[row.judged] = row
    return found


def best(profiles):
    """{claim: {way: row}} of the best profile that judges a claim."""
    found = {}
    for rows in profiles.values():
        for claim, ways in verdicts_by_claim(rows).items():
            if any(row.verdict != "not judged" for row in ways.values()):
                found.setdefault(claim, ways)
    return {claim: found[claim] for claim in wording() if claim in found}


def readme_table(root):
    """The claims of the committed results, for README.md."""
    ledger = committed(root)
    if not ledger:
        return "No results are committed.\n"
    text, found = "", best(ledger)
    for title, claim, words in HEADLINES:
        ways = found.get(claim, {})
        row, fair = (ways.get(way) for way in WAYS)
        said = f" {row.reason}" if row else ""
        if row and fair and fair.verdict != row.verdict:
            said += f" Corrected for chance the claim is {fair.verdict}."
        text += f"- **{title}.** {words} {HERE[row.verdict if row else 'not judged']}{said}\n"
    heads = [f"{name}, {WAYS[way]}" for name in ledger for way in WAYS]
    lines = [["", "claim", *heads], ["---"] * (2 + len(heads))]
    for claim, about in wording().items():
        cells = [
            f"{SIGNS[row.verdict]} {row.verdict}" if row else ""
            for rows in ledger.values()
            for way in WAYS
            for row in [verdicts_by_claim(rows).get(claim, {}).get(way)]
        ]
        if any(cells):
            lines.append([claim, about.words, *cells])
    return text + "\n" + "".join("| " + " | ".join(line) + " |\n" for line in lines)


def refresh_readme(root):
    """Put the table between its marks."""
    path = root / "README.md"
    text = path.read_text(encoding="utf-8")
    path.write_text(with_table(text, readme_table(root)), encoding="utf-8")


def with_table(text, table):
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{table}{END}{after}"


def complete(profile):
    """The executed chapters of a profile that are complete.

    The others are named; Stop where one of them has verdicts that are committed, or none is left.
    """
    values, done = of_profile(ROOT, profile), []
    before = {row.chapter for row in committed(ROOT).get(profile, ())}
    for name in chapters_of(ROOT):
        path = ROOT / "_build" / profile / "notebooks" / f"{name}.ipynb"
        try:
            check(ROOT, path, profile, values)
            done.append(path)
        except Stop as stop:
            if name in before:
                raise
            print(f"left out: {stop}", file=sys.stderr, flush=True)
    if not done:
        raise Stop(f"no chapter of {profile} has been run")
    return done


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="quick", help="a name in notebooks/profiles")
    profile = parser.parse_args(argv).profile
    try:
        notebooks = complete(profile)
        rows = of_chapters(notebooks)
        write(rows, ROOT / "data" / "results" / profile / FILE)
        refresh_readme(ROOT)
        chapter, figure = COVER
        for notebook in notebooks:
            if notebook.stem == chapter:
                (ROOT / PICTURE).write_bytes(picture(notebook, figure))
    except Stop as stop:
        print(f"\nclaims failed: {stop}\n", file=sys.stderr, flush=True)
        return 1
    print(f"{len(rows)} verdicts in data/results/{profile}/{FILE}, and the table of README.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
