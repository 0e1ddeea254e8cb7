"""A few pictures of a data set as one small PNG, for pages that are made without the data set."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

FACTS = "equivar"  # the PNG's text entry that tells what it shows


@dataclass(frozen=True)
class Sheet:
    """Pictures in named rows, and the data set that they are from.

    rows: name -> pictures, uint8 (H, W) or (H, W, 3), all of one size and as many in each row.
    labels: name -> a word for each picture, or nothing.

    >>> import numpy as np
    >>> sheet = Sheet("digits", {"plain": [np.zeros((8, 8), np.uint8)] * 2}, {"plain": ["2", "7"]})
    >>> sheet.told("digits")
    'The pictures are training images of `digits`.'
    """

    source: str
    rows: dict[str, list[np.ndarray]]
    labels: dict[str, list[str]] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write the pictures side by side, with what they are as text in the file."""
        rows = [np.concatenate(row, axis=1) for row in self.rows.values()]
        facts = {
            "source": self.source,
            "columns": len(next(iter(self.rows.values()))),
            "rows": list(self.rows),
            "labels": self.labels,
        }
        text = PngImagePlugin.PngInfo()
        text.add_text(FACTS, json.dumps(facts))
        Image.fromarray(np.concatenate(rows)).save(path, pnginfo=text, optimize=True)

    @classmethod
    def read(cls, path: Path) -> Sheet:
        """The pictures that `save` wrote. ValueError: the file is another one."""
        with Image.open(path, formats=["PNG"]) as image:
            facts, pixels = image.info.get(FACTS), np.asarray(image)
        if facts is None:
            raise ValueError(f"{path}: a picture, but not one that Sheet.save wrote")
        facts = json.loads(facts)
        rows = {
            name: np.split(row, facts["columns"], axis=1)
            for name, row in zip(facts["rows"], np.split(pixels, len(facts["rows"])), strict=True)
        }
        return cls(facts["source"], rows, facts["labels"])

    def of(self, names: Collection[str]) -> Sheet:
        """Some of the rows, in the order of `names`."""
        labels = {name: self.labels[name] for name in names if name in self.labels}
        return Sheet(self.source, {name: self.rows[name] for name in names}, labels)

    def told(self, asked: str) -> str:
        """What is shown, as a sentence under the picture. asked: the data set of the chapter."""
        if self.source == asked:
            return f"The pictures are training images of `{asked}`."
        return (
            f"The pictures are not of `{asked}`, whose files are not at hand here: images of "
            f"`{self.source}` stand in for them. What is measured below is of `{asked}`."
        )
