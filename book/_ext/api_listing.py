"""Write the listing that the API page includes: every public name of the package, once.

It is made from the package as it imports, so that a new module or name needs no edit here.
"""

import importlib
import inspect
import pkgutil
from pathlib import Path

from pydantic import BaseModel


def modules(package):
    """The package, the modules right below it, and the rooms of the chapters.

    What lies deeper they export, or it is theirs alone.
    """
    yield package
    for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if "._" not in found.name:
            yield importlib.import_module(found.name)
    chapters = importlib.import_module(f"{package.__name__}.chapters")
    yield from map(chapters.room, chapters.rooms())


def public(module):
    """The module's own public classes and functions, those of its submodules included."""
    names = getattr(module, "__all__", None) or [n for n in vars(module) if n[0] != "_"]
    for name in names:
        thing = getattr(module, name)
        home = getattr(thing, "__module__", None) or ""
        ours = home == module.__name__ or home.startswith(module.__name__ + ".")
        if ours and (inspect.isclass(thing) or inspect.isroutine(thing)):
            yield name, thing


def section(module, seen):
    """The reStructuredText of one module; what an outer module shows is not shown again."""
    lines = []
    for name, thing in public(module):
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if of_pydantic(thing):  # its docstring names every field, in words
            lines += [f".. autoclass:: {module.__name__}::{name}", "   :exclude-members:", ""]
        elif inspect.isclass(thing):
            lines += [f".. autoclass:: {module.__name__}::{name}", "   :members:", ""]
        else:
            lines += [f".. autofunction:: {module.__name__}::{name}", ""]
    return lines


def listing(package):
    """The whole page part as Markdown, a heading for each module that has something to show."""
    seen, text = set(), []
    for module in modules(package):
        body = section(module, seen)
        if body:
            first = inspect.getdoc(module) or ""
            text += [f"## `{module.__name__}`", "", first.split("\n\n")[0], ""]
            text += ["```{eval-rst}", *body, "```", ""]
    return "\n".join(text)


def of_pydantic(thing):
    """Whether it is a class of checked parameters, whose types are long rules and no words."""
    return inspect.isclass(thing) and issubclass(thing, BaseModel)


def without_rules(_app, _what, _name, thing, _options, signature, returned):
    """No signature for classes of checked parameters."""
    return ("", None) if of_pydantic(thing) else (signature, returned)


def write(app):
    target = Path(app.srcdir) / "book" / "_generated" / "api.inc"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(listing(importlib.import_module("equivar")), encoding="utf-8")


def setup(app):
    app.connect("builder-inited", write)
    app.connect("autodoc-process-signature", without_rules)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
