"""What every chapter's page has around the chapter itself.

It opens with what made it: its scale, its claims with their verdicts, the paper beside this book,
its parameters, its runs. Below each figure stand the numbers that it shows, which the executed
notebook has beside the picture (`equivar.figures.numbers`).
"""

import json
import re

from chapters import declared, read, text
from ledger import verdicts_by_claim, wording

from equivar.chapters import room, rooms
from equivar.figures.numbers import MIME
from equivar.files import PROJECT
from equivar.names import title_of
from equivar.runs.parameters import Schedule
from equivar.verdicts import SIGNS
from equivar.verdicts.report import WAYS

BADGES = {
    "supported": "success",
    "contradicted": "danger",
    "negligible": "info",
    "inconclusive": "secondary",
    "not judged": "light",
}

SCALE = {  # parameters that tell what a chapter was made from, and how they are said
    "data": "data {}",
    "train_data": "trained on {}",
    "train_images": "{} training images",
    "images": "{} images",
    "network": "network {}",
    "networks": "{} networks",
    "epochs": "{} epochs",
    "seeds": "{} seeds",
}
TAKEN = {  # parameters of another chapter, or its networks, that a chapter takes up
    "compared": "03",
    "imagenet": "03",
    "tasks": "04",
    "augmentations": "05",
    "capacity": "06",
    "alike": "07",
}
TRAINING = (*Schedule.model_fields, "train_data", "train_images", "augment")
MADE_WITH = ("network", "data", "epochs", "seeds", "images")
PARAMETERS = {"parameters", "injected-parameters"}  # tags of cells: a page has a table instead
BOX = {  # parameters that the table beside the paper tells, and in which row
    "network": "network",
    "networks": "network",
    "data": "data",
    "epochs": "epochs",
    "seeds": "seeds",
    "images": "images",
}

LEFT, RIGHT = ":--", "--:"  # the columns of a table
MOST = 6  # names that a table tells of a parameter; the folded table has all


def open_with(path, rows, profile):
    """Put a cell after the first one of a staged chapter, and its numbers below each figure.

    rows: its verdicts.
    """
    notebook = read(path)
    ran_with = notebook["metadata"].get("papermill", {}).get("parameters", {})
    values = declared(path) | ran_with
    runs = runs_of(path.stem, values)
    source = scale(values) + verdicts(rows) + box(values, paper_of(path.stem)) + ran(values)
    source += made_by(path.stem, runs)
    numbers = path.parent.parent / "book" / "_generated" / "numbers"
    numbers_below(notebook, path.stem, profile, len(runs), numbers)
    notebook["cells"] = [cell for cell in notebook["cells"] if not PARAMETERS & tags_of(cell)]
    for cell in notebook["cells"]:
        if "Parameters.of(globals())" in text(cell):  # what every chapter begins with
            cell["metadata"]["tags"] = [*tags_of(cell), "hide-input"]
    page = {"cell_type": "markdown", "id": "opening", "metadata": {}, "source": source}
    notebook["cells"].insert(1, page)
    path.write_text(json.dumps(notebook), encoding="utf-8")


def scale(values):
    """One line: the profile, the data, and how much of everything that plays a part."""
    told = [f"profile {values['profile']}"]
    idle = TRAINING if trained_elsewhere(values) else ()
    for name, words in SCALE.items():
        value = values.get(name)
        if value and name not in idle:
            count = len(value) if isinstance(value, list | dict) else value
            told.append(words.format(count).removesuffix("s" if count == 1 else " "))
    told += [f"and {others}" for others in taken(values)]
    return "```{div} scale\n" + " · ".join(told) + "\n```\n"


def taken(values):
    """What a chapter takes from others, in words: [] where it takes nothing."""
    own = ("alike",) if _has_own(values) else ()
    names = [name for name in TAKEN if name not in own and _nested(values.get(name))]
    chapters = sorted({TAKEN[name] for name in names})
    plural = "s" if len(chapters) > 1 else ""
    return [f"networks of chapter{plural} {', '.join(chapters)}"] if chapters else []


def _has_own(values):
    """Whether networks that are trained alike are the chapter's own, as in chapter 07."""
    return "networks" in values


def _nested(value):
    """Whether a parameter holds parameters or networks, and not names."""
    return isinstance(value, dict) or any(isinstance(one, dict) for one in value or ())


def paper_of(chapter):
    """What the paper did in a chapter's experiment; nothing for a chapter of our own."""
    there = chapter[:2] in rooms()
    return getattr(room(chapter), "PAPER", {}) if there else {}


def box(values, paper):
    """What the paper did beside what this chapter was made with; "" for a chapter of our own."""
    if not paper:
        return ""
    mine = made_with(values)
    rows = [
        [what, paper.get(what, "-"), mine.get(what, "-")]
        for what in MADE_WITH
        if what in paper or what in mine
    ]
    rows.append(["found", sentence(paper["reports"]), "the verdicts above, and below with reasons"])
    return "\n" + table({"": LEFT, "the paper": LEFT, "this book": LEFT}, rows)


def made_with(values):
    """The network, data, epochs, seeds and images of a chapter, in words."""
    mine = {"epochs": "none, weights by others"} if trained_elsewhere(values) else {}
    if "widths" in values:
        widths = ", ".join(map(str, values["widths"]))
        mine["network"] = f"WRN-{values['depth']} of widths {widths}"
    for name, words in BOX.items():
        value = values.get(name)
        if value and words not in mine:
            count = len(value) if isinstance(value, list | dict) else 0
            mine.setdefault(words, f"{count}" if count and name == "seeds" else in_words(value))
    if values.get("train_images") and not trained_elsewhere(values):  # 0 stands for all
        mine["data"] = f"{mine['data']}, {values['train_images']} of its training images"
    if values.get("residual"):
        mine["network"] = in_words(values["residual"])
    mine.setdefault("network", "the same")  # it is no parameter
    mine["network"] = "; ".join([mine["network"], *taken(values)])
    if values.get("alike") and _has_own(values):
        of = values["alike"]
        more = {"network": f"{len(of['networks'])} networks", "data": of["data"]}
        more |= {name: f"{of[name]}" for name in ("epochs", "images")}
        mine |= {name: f"{mine[name]}; trained alike: {words}" for name, words in more.items()}
    return mine


def tags_of(cell):
    return set(cell["metadata"].get("tags", []))


def ran(values):
    """The parameters that a chapter ran with, folded."""
    idle = {*TRAINING} - {"profile"} if trained_elsewhere(values) else ()
    rows = [[f"`{name}`", shown(value)] for name, value in values.items() if name not in idle]
    body = table({"parameter": LEFT, "value": LEFT}, rows)
    return f"\n```{{dropdown}} This chapter ran with\n:class-container: ran\n\n{body}```\n"


def made_by(chapter, runs):
    """The runs behind a chapter, folded; "" where it has none."""
    if not runs:
        return ""
    columns = {"run": LEFT, "folder": LEFT, "commit": LEFT, "seconds": RIGHT}
    body = table(columns, rows_of(runs))
    return f"\n({label(chapter)})=\n```{{dropdown}} The runs behind this page\n{body}```\n"


def shown(value):
    """A value in a table; of a mapping its entries, of a table of networks their names."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return ", ".join(one["name"] for one in value)
    if isinstance(value, dict):
        return "; ".join(f"{name}: {shown(one)}" for name, one in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value) if value != "" else "none"


def in_words(value):
    """A parameter as a table says it: the names in a list, and how many; of many the first."""
    if isinstance(value, dict):
        value = list(value)
    if not isinstance(value, list | tuple):
        return title_of(str(value))
    names = [one["name"] if isinstance(one, dict) else title_of(str(one)) for one in value]
    if len(names) == 1:
        return names[0]
    told = names if len(names) <= MOST else [*names[: MOST // 2], f"{len(names) - MOST // 2} more"]
    return f"{len(names)}: {', '.join(told)}"


def trained_elsewhere(values):
    """Whether a chapter's networks come with weights, so that nothing is trained for it."""
    networks = values.get("networks") or {}
    if isinstance(networks, dict):  # {name: weights}
        given = list(networks.values())
    else:
        given = [network.get("weights") for network in networks]
    return any([values.get("weights"), *given])


def verdicts(rows):
    """A list of the chapter's claims; both verdicts where they are corrected for chance too."""
    text = ""
    for claim, ways in verdicts_by_claim(rows).items():
        told = [badge(ways[way].verdict) for way in WAYS if way in ways]
        badges = ", corrected for chance ".join(told)
        text += f"- {claim} {wording()[claim].words} {badges}\n"
    return f"\n{text}" if text else ""


def runs_of(chapter, values):
    """The finished runs of a chapter with these values, each with its description."""
    known = chapter[:2] in rooms() and (PROJECT / "notebooks" / f"{chapter}.ipynb").is_file()
    if not known:  # of another project
        return []
    from equivar.data import DataMissing  # late: PyTorch takes its time
    from equivar.runs import Store

    found, store = room(chapter), Store()
    pairs = []
    for one in found.runs(found.Parameters.checked(values)):
        try:
            run = store.find(one.spec)
        except DataMissing:
            continue
        if run is not None:
            pairs.append((str(one), run))
    return pairs


def rows_of(runs):
    """A row for each run: what it is, its folder, the commit that made it, and how long it took."""
    rows = []
    for words, run in runs:
        path = run.path.resolve()
        inside = path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path.name
        made = run.provenance
        rows.append([words, f"`{inside}`", _short(made["commit"]), f"{made['seconds']:.0f}"])
    return rows


def numbers_below(notebook, chapter, profile, count, folder):
    """Put a line below each figure that has numbers, which go to `folder` as CSV.

    count: how many runs the chapter has.
    """
    cells = []
    for cell in notebook["cells"]:
        cells.append(cell)
        name = cell["metadata"].get("mystnb", {}).get("figure", {}).get("name")
        table = [o["data"].pop(MIME) for o in cell.get("outputs", []) if MIME in o.get("data", {})]
        if not (name and table):
            continue
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.csv").write_text("".join(table[0]), encoding="utf-8")
        told = f"{{download}}`The numbers <../book/_generated/numbers/{name}.csv>` (CSV)"
        if count:
            runs = "run" if count == 1 else f"{count} runs"
            told += f", from the {{ref}}`{runs} of this chapter <{label(chapter)}>`"
        told += f". Again: `make notebooks/{chapter} PROFILE={profile}`"
        page = {"cell_type": "markdown", "id": f"numbers-{name}", "metadata": {}}
        cells.append(page | {"source": f"```{{div}} numbers\n{told}\n```\n"})
    notebook["cells"] = cells


def _short(commit):
    """The beginning of a commit's name, with the mark of a checkout that differs from it."""
    return f"{commit[:7]}{'+' if commit.endswith('+') else ''}" if commit else "none"


def label(chapter):
    """How links find the table of a chapter's runs."""
    return f"runs-{chapter}"


def badge(verdict):
    return f"{{bdg-{BADGES[verdict]}}}`{SIGNS[verdict]} {verdict}`"


def sentence(text):
    """With a capital and a full stop; characters that Markdown gives a meaning to, as they are."""
    text = re.sub(r"([\\*_`\[\]<>|$])", r"\\\1", text.strip().rstrip("."))
    return text[:1].upper() + text[1:] + "."


def table(columns, rows):
    """A Markdown table; columns is {head: LEFT or RIGHT}."""
    lines = [columns, columns.values(), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)
