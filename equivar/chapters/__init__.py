"""The chapters: a room each, with everything that belongs to one chapter.

A room is named by the chapter's number, `c04_tasks` for notebooks/04-mnist6-tasks.ipynb, and
offers the same few names as every other:

- `Parameters`: what its notebook sets in the first cell, checked (`equivar.runs.parameters`);
- `runs(p)`: the runs of the store that it asks for, which `make run` and the sweep make;
- `tables(p)`: what its notebook shows and judges, out of these runs;
- `CLAIMS`: what is claimed, in words, with the figure that shows it;
- `claims(tables, p)`: the verdicts;
- `PAPER`: what the paper did and reports, where the chapter makes one of its experiments;
- its own pictures.

The library knows nothing of chapters, and chapters nothing of one another, but for parameters and
runs that one takes from another on purpose.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from equivar.names import unknown_name


def rooms() -> dict[str, str]:
    """The rooms that there are: number of the chapter ("04") -> name of its module.

    >>> rooms()["10"]
    'equivar.chapters.c10_orbits'
    """
    here = sorted(Path(__file__).parent.glob("c[0-9][0-9]_*"))
    return {path.stem[1:3]: f"{__name__}.{path.stem}" for path in here}


@cache
def room(chapter: str) -> ModuleType:
    """The room of a chapter, by the name of its notebook ("04-mnist6-tasks") or its number.

    ValueError: there is none.

    >>> room("04-mnist6-tasks").__name__
    'equivar.chapters.c04_tasks'
    """
    there = rooms()
    if chapter[:2] not in there:
        raise unknown_name("chapter", chapter, there)
    return import_module(there[chapter[:2]])
