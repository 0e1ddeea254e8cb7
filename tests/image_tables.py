"""Parquet tables of encoded images, as data sets come in."""

import io

import pyarrow
import pyarrow.parquet
from PIL import Image


def encoded(picture, kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind)
    return buffer.getvalue()


def write_table(path, pictures, labels, column="img", names=None):
    rows = [
        {"bytes": encoded(picture), "path": names[i] if names else None}
        for i, picture in enumerate(pictures)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pyarrow.table({column: rows, "label": labels})
    pyarrow.parquet.write_table(table, path, row_group_size=100)
