"""Files that others may read while they are written anew."""

import os
import pathlib


def replace(path: pathlib.Path, text: str) -> None:
    """Writes a text file aside and puts it in the place of the one before it."""
    aside = path.with_name(f".{path.name}")
    aside.write_text(text, encoding="utf-8")
    os.replace(aside, path)
