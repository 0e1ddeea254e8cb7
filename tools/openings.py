"""What every chapter opens with, below its title: what made it, and its claims with verdicts."""

import json

import summaries
from ledger import wording_of
from parameters import declared

SCALE = {  # parameters that tell what a chapter was made from, and how they are said
    "data": "data {}",
    "train_data": "trained on {}",
    "images": "{} images",
    "network": "network {}",
    "networks": "{} networks",
    "epochs": "{} epochs",
    "seeds": "{} seeds",
}
TRAINING = ("train_data", "epochs")


def insert(stage, names, rows):
    """Put a cell after the first one of each staged chapter; `rows` are those of the ledger."""
    wording = wording_of(stage)
    for name in names:
        path = stage / "notebooks" / f"{name}.ipynb"
        notebook = json.loads(path.read_text(encoding="utf-8"))
        own = [row for row in rows if row.chapter == name]
        ran_with = notebook["metadata"].get("papermill", {}).get("parameters", {})
        text = scale(declared(path) | ran_with) + verdicts(own, wording)
        page = {"cell_type": "markdown", "id": "opening", "metadata": {}, "source": text}
        notebook["cells"].insert(1, page)
        path.write_text(json.dumps(notebook), encoding="utf-8")


def scale(values):
    """One line: the profile, the data, and how much of everything that plays a part."""
    told = [f"profile {values['profile']}"]
    idle = TRAINING if trained_elsewhere(values) else ()
    for name, words in SCALE.items():
        value = values.get(name)
        if value and name not in idle:
            told.append(words.format(len(value) if isinstance(value, list | dict) else value))
    return "```{div} scale\n" + " · ".join(told) + "\n```\n"


def trained_elsewhere(values):
    """Whether a chapter's networks come with weights, so that nothing is trained for it."""
    networks = values.get("networks") or {}
    if isinstance(networks, dict):  # {name: weights}
        given = list(networks.values())
    else:
        given = [network.get("weights") for network in networks]
    return any([values.get("weights"), *given])


def verdicts(rows, wording):
    """A list of the chapter's claims; both verdicts where they are judged above chance too."""
    text = ""
    for claim, ways in summaries.verdicts_of(rows).items():
        badges = ", above chance ".join(
            summaries.badge(ways[way].verdict) for way in summaries.WAYS if way in ways
        )
        text += f"- {claim} {wording[claim]['claim']} {badges}\n"
    return f"\n{text}" if text else ""
