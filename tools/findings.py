"""The landing page's table: each claim that the chapters judged, with their own words.

A chapter glues `claim-<id>-verdict` and `claim-<id>-reason`; what the paper claims is in
book/claims.yml. So no number of a run is ever typed into the prose.
"""

import ast
import json
import re

import yaml
from near import Stop, unknown

BADGES = {
    "supported": "success",
    "contradicted": "danger",
    "inconclusive": "secondary",
    "not judged": "light",
}
PLAIN = ("text/plain", "application/papermill.record/text/plain")


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
    """The ids that a notebook judged with verdict and reason, {id: (verdict, reason)}."""
    texts = glued(notebook)
    ids = [m.group(1) for key in texts if (m := re.fullmatch(r"claim-(.+)-verdict", key))]
    found = {}
    for name in ids:
        verdict, reason = texts[f"claim-{name}-verdict"], texts.get(f"claim-{name}-reason")
        if verdict not in BADGES:
            raise Stop(f"{notebook.stem}: claim {name}: " + unknown("verdict", verdict, BADGES))
        if not reason:
            raise Stop(f"{notebook.stem}: claim {name} has a verdict, but no claim-{name}-reason")
        found[name] = (verdict, reason)
    return found


def write(stage, profile, names):
    """Write book/_generated/findings.inc, which the landing page includes."""
    wording = yaml.safe_load((stage / "book" / "claims.yml").read_text(encoding="utf-8"))
    found = {}
    for name in names:
        for claim, judged in claims_in(stage / "notebooks" / f"{name}.ipynb").items():
            if claim not in wording:
                raise Stop(f"{name}: book/claims.yml has no " + unknown("claim", claim, wording))
            found[claim] = (*judged, name)
    text = summary([verdict for verdict, *_ in found.values()], profile)
    for claim in sorted(found):
        text += row(claim, wording[claim], *found[claim])
    target = stage / "book" / "_generated" / "findings.inc"
    target.parent.mkdir(exist_ok=True)
    target.write_text(text, encoding="utf-8")


def row(claim, wording, verdict, reason, chapter):
    """One claim: what the paper says, and what this run says of it."""
    badge = f"{{bdg-{BADGES[verdict]}}}`{verdict}`"
    link = f"[](../notebooks/{chapter}.ipynb)"  # Sphinx fills in the chapter's title
    return f"\n{claim} {wording}\n: {badge} {sentence(reason)} Chapter: {link}\n"


def sentence(text):
    """With a capital and a full stop; characters that Markdown gives a meaning to, as they are."""
    text = re.sub(r"([\\*_`\[\]<>|$])", r"\\\1", text.strip().rstrip("."))
    return text[:1].upper() + text[1:] + "."


def summary(verdicts, profile):
    """How many claims came out how, in one sentence."""
    counts = [f"{verdicts.count(v)} {v}" for v in BADGES if v in verdicts]
    plural = "claim" if len(verdicts) == 1 else "claims"
    told = ": " + ", ".join(counts) if counts else ""
    return f"Under the profile `{profile}` this run judged {len(verdicts)} {plural}{told}.\n"
