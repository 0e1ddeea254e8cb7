"""The verdicts of all profiles: python tools/ledger.py --profile standard

A chapter glues each verdict under `claim-<id>` (equivar/reporting.py); what is claimed is in
book/claims.yml. Read from the executed chapters of a profile they make data/results/<profile>/
claims.csv, which is committed, and the tables of README.md and of the book. So no verdict is ever
typed into prose. The README's picture is taken from a chapter in the same way.
"""

import argparse
import ast
import base64
import csv
import json
import math
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import staging
import yaml
from near import Stop, unknown

ROOT = Path(__file__).resolve().parents[1]
PROFILES = ("paper", "standard", "quick")  # the best first
VERDICTS = ("supported", "contradicted", "inconclusive", "not judged")
WAYS = ("worded", "above")
PLAIN = ("text/plain", "application/papermill.record/text/plain")
FILE = "claims.csv"
COVER = ("08-readings", "fig-matching")  # chapter and figure
PICTURE = "book/_static/cover.png"


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


def glued(notebook):
    """The texts that a notebook glued, {key: text}."""
    found = {}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            name = output.get("metadata", {}).get("scrapbook", {}).get("name")
            texts = [output["data"][mime] for mime in PLAIN if mime in output.get("data", {})]
            if name and texts:
                found[name] = unquoted("".join(texts[0]))
    return found


def unquoted(text):
    """A glued string is stored as Python writes it, with quotes."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, str) else text


def claims_in(notebook):
    """The rows of one executed chapter. Stop: a verdict that is none, or without a reason."""
    rows = []
    for key, text in glued(notebook).items():
        if not key.startswith("claim-"):
            continue
        for judged, facts in json.loads(text).items():
            row = Row(judged=judged, chapter=notebook.stem, **facts)
            where = f"{notebook.stem}: claim {row.claim}: "
            if row.verdict not in VERDICTS:
                raise Stop(where + unknown("verdict", row.verdict, VERDICTS))
            if not row.reason:
                raise Stop(where + "a verdict, but no reason")
            rows.append(row)
    return rows


def of_chapters(notebooks, wording):
    """The rows of executed chapters, and of B2, which speaks of all of them; in order of claims."""
    rows = [row for notebook in notebooks for row in claims_in(notebook)]
    for row in rows:
        if row.claim not in wording:
            what = unknown("claim", row.claim, wording)
            raise Stop(f"{row.chapter}: book/claims.yml has no {what}")
    if "B2" in wording and any(row.judged == "above" for row in rows):
        rows.append(above_chance(rows))
    order = list(wording)
    return sorted(rows, key=lambda row: (order.index(row.claim), WAYS.index(row.judged)))


def above_chance(rows):
    """Whether verdicts stay as they are when they are judged above chance (claim B2)."""
    from equivar.claims import Verdict, claim_b2  # late: torch takes its time

    ways = {
        way: [
            Verdict(row.claim, row.effect, row.low, row.high, row.verdict, row.reason)
            for row in rows
            if row.judged == way
        ]
        for way in WAYS
    }
    both = {verdict.claim for verdict in ways["above"]}
    ways["worded"] = [verdict for verdict in ways["worded"] if verdict.claim in both]
    return Row(judged="worded", chapter="", **vars(claim_b2(ways["worded"], ways["above"])))


def wording_of(root):
    """book/claims.yml: {claim: {"claim": words, "figure": name}}."""
    return yaml.safe_load((root / "book" / "claims.yml").read_text(encoding="utf-8"))


def committed(root):
    """The rows of data/results, {profile: rows}, the best profile first."""
    found = {}
    for profile in PROFILES:
        path = root / "data" / "results" / profile / FILE
        if path.is_file():
            found[profile] = read(path)
    return found


def read(path):
    """The rows of a file that `write` made; Stop names a column that it does not have."""
    with path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        missing = [f.name for f in fields(Row) if f.name not in (table.fieldnames or ())]
        if missing:
            raise Stop(f"{path}: no column {missing[0]!r}; make it again: make claims")
        numbers = ("effect", "low", "high")
        return [Row(**row | {name: float(row[name] or "nan") for name in numbers}) for row in table]


def write(rows, path):
    """The rows as a file; numbers with four digits, so that another machine writes the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, [f.name for f in fields(Row)], lineterminator="\n")
        table.writeheader()
        for row in rows:
            numbers = {name: number(getattr(row, name)) for name in ("effect", "low", "high")}
            table.writerow(asdict(row) | numbers)


def picture(notebook, name):
    """A figure of an executed notebook, as the bytes of a PNG file. Stop: it is not there."""
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["metadata"].get("mystnb", {}).get("figure", {}).get("name") == name:
            for output in cell["outputs"]:
                if "image/png" in output.get("data", {}):
                    return base64.b64decode(output["data"]["image/png"])
    raise Stop(f"{notebook.stem} has no figure {name}")


def number(value):
    return "" if math.isnan(value) else f"{value:.4g}"


def main(argv=None):
    import summaries  # which takes the rows from here

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="quick", help="a name in notebooks/profiles")
    profile = parser.parse_args(argv).profile
    folder = ROOT / "_build" / profile / "notebooks"
    notebooks = [folder / f"{name}.ipynb" for name in staging.chapters_of(ROOT)]
    try:
        absent = [path.stem for path in notebooks if not path.is_file()]
        if absent:
            raise Stop(f"{absent[0]} has not been run; run: make run PROFILE={profile}")
        rows = of_chapters(notebooks, wording_of(ROOT))
        write(rows, ROOT / "data" / "results" / profile / FILE)
        summaries.refresh_readme(ROOT)
        chapter, figure = COVER
        (ROOT / PICTURE).write_bytes(picture(folder / f"{chapter}.ipynb", figure))
    except Stop as stop:
        print(f"\nclaims failed: {stop}\n", file=sys.stderr, flush=True)
        return 1
    print(f"{len(rows)} verdicts in data/results/{profile}/{FILE}, and the table of README.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
