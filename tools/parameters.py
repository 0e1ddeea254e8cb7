"""The parameters of a chapter: what its first cell declares, and what a profile sets them to.

papermill only warns of a name that the notebook does not have, and knows nothing of types;
both are checked here, before anything runs.
"""

import ast
import json
from pathlib import Path

import yaml
from near import Stop, unknown


def declared(notebook):
    """The names and default values in the cell tagged `parameters`, a mapping."""
    cells = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
    tagged = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    if len(tagged) != 1:
        raise Stop(f"{notebook}: {len(tagged)} cells are tagged 'parameters', not one")
    defaults = {}
    for line in ast.parse("".join(tagged[0]["source"])).body:
        if not isinstance(line, ast.Assign) or len(line.targets) != 1:
            raise Stop(f"{notebook}: the parameters cell may hold assignments only")
        try:
            defaults[line.targets[0].id] = ast.literal_eval(line.value)
        except (AttributeError, ValueError):
            found = ast.unparse(line)
            raise Stop(f"{notebook}: not a name and a literal value: {found}") from None
    return defaults


def of_profile(root, profile):
    """What a profile sets, {chapter: {parameter: value}}."""
    folder = Path(root) / "notebooks" / "profiles"
    there = [path.stem for path in folder.glob("*.yaml")]
    if profile not in there:  # also where it is a path: folders are named by it
        raise Stop(unknown("profile", profile, there))
    path = folder / f"{profile}.yaml"
    try:
        chapters = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise Stop(f"{path.name} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(chapters, dict) or not all(
        isinstance(value, dict) for value in chapters.values()
    ):
        raise Stop(f"{path.name} must map each chapter to a mapping (an empty one is {{}})")
    return chapters


def for_chapter(root, notebook, profile, overrides=()):
    """The checked parameters to run a chapter with: the profile's, `overrides`, and `profile`."""
    stem = Path(notebook).stem
    chapters = of_profile(root, profile)
    if stem not in chapters:
        raise Stop(
            f"profiles/{profile}.yaml: no entry for this chapter ('{stem}: {{}}' runs its "
            f"defaults): " + unknown("chapter", stem, chapters)
        )
    defaults = declared(notebook)
    values = dict(chapters[stem])
    for name, text in overrides:
        values[name] = literal(text, defaults.get(name))
    values["profile"] = profile
    check(values, defaults)
    return values


def check(values, defaults):
    """Refuse a name that is not declared, and a value of another type than the default's."""
    for name, value in values.items():
        if name not in defaults:
            raise Stop(unknown("parameter", str(name), defaults))
        if not fits(value, defaults[name]):
            raise Stop(
                f"parameter '{name}': {value!r} is {kind(value)}, but its default "
                f"{defaults[name]!r} is {kind(defaults[name])}" + hint(value)
            )


def literal(text, default):
    """A value from the command line; text stays text where the default is text."""
    if isinstance(default, str):
        return text
    try:
        return ast.literal_eval({"true": "True", "false": "False", "null": "None"}.get(text, text))
    except (ValueError, SyntaxError):
        return text


def fits(value, default):
    """Whether a value may stand where the default stands; a whole number may for a real one."""
    if default is None:
        return True
    if isinstance(default, list | tuple):
        return isinstance(value, list | tuple) and (
            not default or all(fits(item, default[0]) for item in value)
        )
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is type(default)


def kind(value):
    """The type of a literal in words."""
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    words |= {list: "a list", tuple: "a list", dict: "a mapping", type(None): "nothing"}
    name = words.get(type(value), type(value).__name__)
    if isinstance(value, list | tuple) and value:
        return f"{name} whose first item is {kind(value[0])}"
    return name


def hint(value):
    """YAML 1.1 reads 1e-3 as text, which is easily overlooked."""
    try:
        float(value)
    except (TypeError, ValueError):
        return "."
    if isinstance(value, str):
        return f". YAML reads {value} as text; write it with a decimal point and a signed exponent."
    return "."
