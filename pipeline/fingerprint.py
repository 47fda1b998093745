"""Fingerprints of the files that decide what a component makes."""

import hashlib
import pathlib

_ROOT = pathlib.Path(__file__).parent.parent


def fingerprint(*paths: str | pathlib.Path) -> str:
    """Changes when one of the files changes, or when a Python file comes into or leaves one of the folders.

    Args:
        paths: files, and folders that stand for all Python files below them; absolute, or relative to the folder that
            holds the packages, such as `models`.

    Raises:
        FileNotFoundError: a path does not exist.
    """
    digest = hashlib.sha256()
    for path in paths:
        path = _ROOT / path
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            place = file.relative_to(path.parent)
            digest.update(f"{place} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()
