"""What the pages of the book include and is made from runs: verdicts, findings, times.

What stands around each chapter is in `chapter_pages`.
"""

import csv
import json
import math

import ledger
from chapter_pages import (
    LEFT,
    MADE_WITH,
    RIGHT,
    badge,
    made_with,
    open_with,
    paper_of,
    sentence,
    table,
)
from chapters import declared, for_chapter, read
from ledger import HEADLINES, HERE, best, verdict_of, verdicts_by_claim, wording
from scipy import stats

from equivar.verdicts import VERDICTS
from equivar.verdicts.cards import card, forest
from equivar.verdicts.report import WAYS

MOST = 1000  # runs, beyond which nobody asks how many


def write(stage, root, profile, names):
    """Write what the pages include into book/_generated, and a cell into each staged chapter.

    Of this run, and of the committed results of other profiles. names: the chapters that were run.
    """
    notebooks = [stage / "notebooks" / f"{name}.ipynb" for name in names]
    own = ledger.of_chapters(notebooks)
    found = ledger.committed(root) | {profile: own}
    profiles = {name: rows for name, rows in in_order(found).items() if rows}
    folder = stage / "book" / "_generated"
    folder.mkdir(exist_ok=True)
    for name, page in {
        "findings": findings(profiles),
        "forest": forest_of(profiles),
        "claims": overview(profiles, figures_of(notebooks)),
        "reasons": reasons(profiles),
        "smallest": smallest_effects(),
        "rates": error_rates(root / "data" / "results" / "error-rates.csv"),
        "needed": needed(profiles),
        "changed": changed(profiles, root / "data" / "results" / "first-edition.csv"),
        "chapters": chapters_table(notebooks),
        "results": results_table(root / "data" / "results"),
        "scales": scales(root),
    }.items():
        (folder / f"{name}.inc").write_text(page, encoding="utf-8")
    for path in notebooks:
        open_with(path, [row for row in own if row.chapter == path.stem], profile)


def figures_of(notebooks):
    """The names of the figures that executed chapters have, as links find them."""
    cells = [
        cell
        for path in notebooks
        for cell in read(path)["cells"]
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
    ]
    named = (cell["metadata"].get("mystnb", {}).get("figure", {}) for cell in cells)
    return {figure["name"] for figure in named if "name" in figure}


def in_order(found):
    """Profiles with results, the best first; one of the reader's own comes last."""
    order = [name for name in ledger.PROFILES if name in found]
    return {name: found[name] for name in [*order, *(found.keys() - set(order))]}


def counts(verdicts):
    """How many claims came out how, in words."""
    return ", ".join(f"{verdicts.count(v)} {v}" for v in VERDICTS if v in verdicts)


def findings(profiles):
    """The landing page: the paper's four headline findings, each with what this book finds."""
    found = best(profiles)
    text = ""
    for title, claim, words in HEADLINES:
        ways = found.get(claim)
        verdict = ways["worded"].verdict if ways else "not judged"
        text += f"\n**{title}.** {words} {HERE[verdict]}\n"
        if ways:
            text += html(card(wording()[claim].words, told(ways)))
    own = [ways["worded"].verdict for claim, ways in found.items() if not claim.startswith("B")]
    paper = sum(not claim.startswith("B") for claim in wording())
    text += f"\nOf the paper's {paper} claims this book judges {len(own)}: {counts(own)}. Each is "
    text += "taken from the profile nearest to the paper's own training that judges it.\n"
    return text + otherwise(profiles)


def otherwise(profiles):
    """The paper's claims that a further profile judges otherwise, told; "" where none does."""
    text, found = "", best(profiles)
    for profile, rows in profiles.items():
        for claim, ways in verdicts_by_claim(rows).items():
            row = ways["worded"]
            known = claim in found and not claim.startswith("B") and profile != "quick"
            if known and row.verdict not in (found[claim]["worded"].verdict, "not judged"):
                text += f"In `{profile}` {claim} comes out otherwise: {row.verdict}"
                text += f", over {row.count} runs or networks.\n" if row.count else ".\n"
    return text


def forest_of(profiles):
    """All claims with an interval on one picture: those of the paper, then ours."""
    found = best(profiles)
    text = ""
    for words, ours in (("The paper's claims", False), ("Beyond the paper", True)):
        rows = [
            (
                f"{claim} {wording()[claim].words}",
                verdict_of(ways["worded"]),
                wording()[claim].smallest,
            )
            for claim, ways in found.items()
            if claim.startswith("B") == ours and not math.isnan(ways["worded"].low)
        ]
        if rows:
            text += f"\n**{words}**\n" + html(f'<div class="forest">{forest(rows)}</div>')
    return text or "No claim has an interval yet.\n"


def told(ways, profile=""):
    """{how it was judged: Verdict} of a claim's rows, for its card."""
    lead = f"{profile}, " if profile else ""
    return {lead + WAYS[way]: verdict_of(ways[way]) for way in WAYS if way in ways}


def html(text):
    """HTML as it is, inside a page in Markdown."""
    return f"\n```{{raw}} html\n{text}\n```\n"


def overview(profiles, figures):
    """The table of claims by profile, each claim with a link to its figure, where there is one."""
    lines = [["claim", "what is claimed", *profiles], ["---"] * (2 + len(profiles))]
    for claim, about in wording().items():
        name = f"{{ref}}`{claim} <{about.figure}>`" if about.figure in figures else claim
        cells = [cell(verdicts_by_claim(rows).get(claim, {})) for rows in profiles.values()]
        lines.append([name, sentence(about.words), *cells])
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def cell(ways):
    """The badges of one claim and profile: as worded and, where it is there, corrected."""
    told = [badge(ways[way].verdict) for way in WAYS if way in ways]
    return " <br> corrected ".join(told) if told else "not run"


def reasons(profiles):
    """A card for each claim, with what each profile found, the best profile first."""
    text = ""
    for claim, about in wording().items():
        ways = {}
        for profile, rows in profiles.items():
            ways |= told(verdicts_by_claim(rows).get(claim, {}), profile)
        if ways:
            text += html(card(about.words, ways))
    return text or "No claim has been judged yet.\n"


def smallest_effects():
    """What effect of each claim is of interest, why, and what a verdict generalises to."""
    rows = [
        [claim, sentence(about.words), f"{about.smallest:g}", about.why, about.unit]
        for claim, about in wording().items()
        if about.why
    ]
    columns = ("claim", "what is claimed", "smallest", "why", "over")
    return table(dict.fromkeys(columns, LEFT) | {"smallest": RIGHT}, rows)


def error_rates(path):
    """How often simulated tables are judged wrongly, and how often rightly."""
    if not path.is_file():
        return "No simulation is committed.\n"
    columns = ("kind of claim", "as in", "true effect", "wrong", *VERDICTS[:-1])
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.reader(file))[1:]
    rows = [
        [*row[:2], f"{float(row[2]):g}", *(f"{float(x):.1%}" for x in (row[-1], *row[3:-1]))]
        for row in found
    ]
    return table({name: LEFT if name in columns[:2] else RIGHT for name in columns}, rows)


def needed(profiles):
    """For each open claim of the best profile, how many networks or runs would settle it."""
    rows = []
    for claim, ways in best(profiles).items():
        about = wording()[claim]
        for way, row in ways.items():
            if row.verdict == "inconclusive" and row.count and row.high > row.low:
                wanted = enough(row.count, (row.high - row.low) / 2, about.smallest)
                rows.append([claim, WAYS[way], about.unit, row.count, wanted])
    columns = {"claim": LEFT, "judged": LEFT, "over": LEFT, "now": RIGHT, "about": RIGHT}
    return table(columns, rows) if rows else "No claim is open.\n"


def enough(count, half, smallest):
    """How many runs shrink half of an interval, of `count` runs, to `smallest`; a word for none.

    It shrinks with the root of their number, and few of them have a large quantile of Student's t.
    """
    if half <= smallest:
        return "close to the border"
    spread = half / (stats.t.ppf(0.975, max(count - 1, 1)) / math.sqrt(count))
    for more in range(count + 1, MOST):
        if stats.t.ppf(0.975, more - 1) * spread / math.sqrt(more) <= smallest:
            return more
    return f"more than {MOST}"


def changed(profiles, path):
    """The verdicts of committed profiles that are not those of the first edition, and why."""
    if not path.is_file():
        return "The verdicts of the first edition are not there.\n"
    with path.open(encoding="utf-8", newline="") as file:
        before = {
            (r["profile"], r["claim"], r["judged"]): r["verdict"] for r in csv.DictReader(file)
        }
    text = ""
    for profile, claims in profiles.items():
        for row in claims:
            was = before.get((profile, row.claim, row.judged))
            if was and was != row.verdict:
                head = f"{row.claim}, {profile}, {WAYS[row.judged]}"
                text += f"\n{head}: {badge(was)} became {badge(row.verdict)}\n"
                text += f": {sentence(row.reason)}\n"
    return text or "No verdict has changed.\n"


def scales(root):
    """What the committed results of each profile were made with, beside the paper, by chapter."""
    folder = root / "notebooks" / "profiles"
    judged = {p: r for p, r in ledger.committed(root).items() if (folder / f"{p}.yaml").is_file()}
    profiles, rows = list(judged), []
    for notebook in sorted((root / "notebooks").glob("*.ipynb")):
        paper = paper_of(notebook.stem)
        found = {
            profile: made_with(declared(notebook) | for_chapter(root, notebook, profile))
            for profile in profiles
            if any(row.chapter == notebook.stem for row in judged[profile])
        }
        for what in MADE_WITH if found else ():
            cells = [found.get(profile, {}).get(what, "-") for profile in profiles]
            rows.append([notebook.stem, what, paper.get(what, "-"), *cells])
    columns = ["chapter", "", "the paper", *(f"profile {name}" for name in profiles)]
    return table(dict.fromkeys(columns, LEFT), rows) if rows else "No results are committed.\n"


def chapters_table(notebooks):
    """Seconds that each executed notebook took, as papermill noted them."""
    rows = []
    for path in notebooks:
        ran = read(path)["metadata"].get("papermill", {})
        seconds = f"{ran['duration']:.0f}" if ran.get("duration") else "not noted"
        rows.append([f"[](../notebooks/{path.name})", seconds])
    return table({"chapter": LEFT, "seconds": RIGHT}, rows)


def results_table(results):
    """Of the committed results: how many runs, how long they took, on what."""
    rows = []
    for folder in sorted(path for path in results.glob("*/*") if path.is_dir()):
        notes = [json.loads(path.read_text()) for path in sorted(folder.glob("*/provenance.json"))]
        if notes:
            hours = sum(note["seconds"] for note in notes) / 3600
            devices = ", ".join(sorted({device(note) for note in notes}))
            rows.append([folder.name, folder.parent.name, len(notes), f"{hours:.2f}", devices])
    if not rows:
        return "No results are committed.\n"
    numbers = {"runs": RIGHT, "hours in all": RIGHT}
    return table({"chapter": LEFT, "profile": LEFT, **numbers, "made on": LEFT}, rows)


def device(note):
    """The device of a run, and how many threads it had."""
    plural = "" if note["threads"] == 1 else "s"
    return f"{note['device']}, {note['threads']} thread{plural}"
