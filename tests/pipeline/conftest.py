import contextlib
import os
import pathlib
import sys
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import yaml

from pipeline import cli


class Finished(NamedTuple):
    """What a command left behind: its exit code, and all that it wrote to standard output and error."""

    code: int
    output: str
    errors: str


@contextlib.contextmanager
def _written_to(path: pathlib.Path, descriptor: int, name: str) -> Iterator[None]:
    """Sends a stream of this process to a file, by its descriptor and by its name in `sys`."""
    before, stream = os.dup(descriptor), getattr(sys, name)
    with open(path, "w") as file:
        os.dup2(file.fileno(), descriptor)
    with open(descriptor, "w", closefd=False) as ours:
        setattr(sys, name, ours)
        try:
            yield
        finally:
            setattr(sys, name, stream)
            ours.flush()
            os.dup2(before, descriptor)
            os.close(before)


@pytest.fixture(scope="session")
def shelfwise(tmp_path_factory):
    """Runs the `shelfwise` command in this process, which has imported TFX once and for all."""
    folder = tmp_path_factory.mktemp("commands")

    def run(*arguments: str) -> Finished:
        out, err = folder / "out", folder / "err"
        with _written_to(out, 1, "stdout"), _written_to(err, 2, "stderr"), pytest.raises(SystemExit) as end:
            cli.main(list(arguments))
        return Finished(end.value.code or 0, out.read_text(), err.read_text())

    return run


@pytest.fixture
def write_config(tmp_path):
    """Writes a configuration file and returns its path."""

    def write(document: dict, name: str = "shop.yaml") -> pathlib.Path:
        path = tmp_path / name
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return path

    return write
