"""The ledger in words: the table of README.md, the page of claims, the landing page, openings."""

import json
import re

from ledger import PROFILES, VERDICTS, WAYS, committed, of_chapters, wording_of

SIGNS = {"supported": "✓", "contradicted": "✗", "inconclusive": "?", "not judged": "–"}
BADGES = {
    "supported": "success",
    "contradicted": "danger",
    "inconclusive": "secondary",
    "not judged": "light",
}
WORDS = {"worded": "as worded", "above": "above chance"}
START, END = "<!-- claims -->", "<!-- end of claims -->"
TELLING = 3


def write(stage, root, profile, names):
    """Write what the pages include, of this run and of the committed results of other profiles.

    names: the chapters that were run. The rows of this run are returned.
    """
    notebooks = [stage / "notebooks" / f"{name}.ipynb" for name in names]
    wording, figures = wording_of(stage), figures_of(notebooks)
    found = committed(root) | {profile: of_chapters(notebooks, wording)}
    ledger = {name: rows for name, rows in in_order(found).items() if rows}
    folder = stage / "book" / "_generated"
    folder.mkdir(exist_ok=True)
    own = found[profile]
    (folder / "findings.inc").write_text(findings(own, profile, wording), encoding="utf-8")
    (folder / "claims.inc").write_text(overview(ledger, wording, figures), encoding="utf-8")
    (folder / "reasons.inc").write_text(reasons(ledger, wording), encoding="utf-8")
    return own


def figures_of(notebooks):
    """The names of the figures that executed chapters have, as links find them."""
    cells = [
        cell
        for path in notebooks
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
    ]
    named = (cell["metadata"].get("mystnb", {}).get("figure", {}) for cell in cells)
    return {figure["name"] for figure in named if "name" in figure}


def in_order(found):
    """Profiles with results, the best first; one of the reader's own comes last."""
    order = [name for name in PROFILES if name in found]
    return {name: found[name] for name in [*order, *(found.keys() - set(order))]}


def badge(verdict):
    return f"{{bdg-{BADGES[verdict]}}}`{SIGNS[verdict]} {verdict}`"


def verdicts_of(rows):
    """{claim: {way: row}}."""
    found = {}
    for row in rows:
        found.setdefault(row.claim, {})[row.judged] = row
    return found


def counts(rows):
    """How many claims came out how, in words."""
    told = [row.verdict for row in rows if row.judged == "worded"]
    return ", ".join(f"{told.count(v)} {v}" for v in VERDICTS if v in told)


def findings(rows, profile, wording):
    """The landing page: how many verdicts there are of each sort, and the most telling ones."""
    judged = {row.claim for row in rows}
    plural = "claim" if len(judged) == 1 else "claims"
    told = f": {counts(rows)}" if judged else ""
    text = f"Under the profile `{profile}` this run judged {len(judged)} {plural}{told}.\n"
    for row in telling([row for row in rows if not wording[row.claim].get("built_in")]):
        words = wording[row.claim]["claim"]
        way = " (judged above chance)" if row.judged == "above" else ""
        link = f" Chapter: [](../notebooks/{row.chapter}.ipynb)" if row.chapter else ""
        text += f"\n{row.claim} {words}\n: {badge(row.verdict)}{way} {sentence(row.reason)}{link}\n"
    return text


def telling(rows):
    """Three rows: the clearest claim that holds, the clearest that fails, one that chance undoes.

    A claim is as clear as its effect is long beside its interval.
    """
    own = [row for row in rows if not row.claim.startswith("B") and row.high > row.low]
    clear = sorted(own, key=lambda row: abs(row.effect) / (row.high - row.low), reverse=True)
    worded = [row for row in clear if row.judged == "worded"]
    lost = [
        row
        for row in clear
        if row.judged == "above"
        and verdicts_of(rows)[row.claim]["worded"].verdict == "supported" != row.verdict
    ]
    holds = [row for row in worded if row.verdict == "supported"]
    fails = [row for row in worded if row.verdict == "contradicted"]
    chosen = {}
    for row in [*lost[:1], *fails[:1], *holds, *worded]:
        chosen.setdefault(row.claim, row)
    order = [row.claim for row in rows]
    return sorted(list(chosen.values())[:TELLING], key=lambda row: order.index(row.claim))


def overview(ledger, wording, figures):
    """The table of claims by profile, each claim with a link to its figure, where there is one."""
    lines = [["claim", "what is claimed", *ledger], ["---"] * (2 + len(ledger))]
    for claim, about in wording.items():
        shown = about.get("figure") in figures
        name = f"{{ref}}`{claim} <{about['figure']}>`" if shown else claim
        cells = [cell(verdicts_of(rows).get(claim, {})) for rows in ledger.values()]
        lines.append([name, sentence(about["claim"]), *cells])
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def cell(ways):
    """The badges of one claim and profile: as worded and, where there is such, above chance."""
    told = [badge(ways[way].verdict) for way in WAYS if way in ways]
    return " <br> above chance ".join(told) if told else "not run"


def reasons(ledger, wording):
    """Under each claim what each profile found, in the order of the ledger."""
    text = ""
    for claim, about in wording.items():
        text += f"\n{claim} {about['claim']}\n"
        found = [
            reason(profile, ways[way])
            for profile, rows in ledger.items()
            for ways in [verdicts_of(rows).get(claim, {})]
            for way in WAYS
            if way in ways
        ]
        text += "\n".join(found or [": not run\n"])
    return text


def reason(profile, row):
    words = f"**{profile}**, {WORDS[row.judged]}"
    return f": {words}: {badge(row.verdict)} {sentence(row.reason)}\n"


def sentence(text):
    """With a capital and a full stop; characters that Markdown gives a meaning to, as they are."""
    text = re.sub(r"([\\*_`\[\]<>|$])", r"\\\1", text.strip().rstrip("."))
    return text[:1].upper() + text[1:] + "."


def readme_table(root):
    """The claims of the committed results, for README.md."""
    wording, ledger = wording_of(root), committed(root)
    if not ledger:
        return "No results are committed.\n"
    heads = [f"{name}, {WORDS[way]}" for name in ledger for way in WAYS]
    lines = [["", "claim", *heads], ["---"] * (2 + len(heads))]
    for claim, about in wording.items():
        cells = [
            f"{SIGNS[row.verdict]} {row.verdict}" if row else ""
            for rows in ledger.values()
            for way in WAYS
            for row in [verdicts_of(rows).get(claim, {}).get(way)]
        ]
        if any(cells):
            lines.append([claim, about["claim"], *cells])
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def refresh_readme(root):
    """Put the table between its marks."""
    path = root / "README.md"
    text = path.read_text(encoding="utf-8")
    path.write_text(with_table(text, readme_table(root)), encoding="utf-8")


def with_table(text, table):
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{table}{END}{after}"
