"""The calls that chapters show in their text run as they stand, given a network and images."""

import re

import chapters
import pandas as pd
import pytest
from places import ROOT

from equivar import data, networks

SHOWN = ("01", "02", "03", "04", "05")
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("chapter", SHOWN)
def test_the_call_that_matters_runs(chapter):
    notebook = next((ROOT / "notebooks").glob(f"{chapter}-*.ipynb"))
    texts = [
        chapters.text(c) for c in chapters.read(notebook)["cells"] if c["cell_type"] == "markdown"
    ]
    blocks = BLOCK.findall("\n".join(texts))
    assert len(blocks) == 1
    given = {
        "model": networks.build("cnn7", in_channels=1, num_classes=6),
        "images": data.load("digits", "test").normalised(4),
    }
    shifts = "1-32" in blocks[0]  # the digits are no larger than 28 pixels
    exec(blocks[0].replace("1-32", "1-16") if shifts else blocks[0], given)
    tables = [value for value in given.values() if isinstance(value, pd.DataFrame)]
    assert tables and all(len(table) and table["score"].notna().any() for table in tables)
