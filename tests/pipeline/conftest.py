import contextlib
import json
import os
import pathlib
import re
import shutil
import sys
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import yaml

from pipeline import cli, config


class Finished(NamedTuple):
    """What a command left behind: its exit code, and all that it wrote to standard output and error."""

    code: int
    output: str
    errors: str

    @property
    def components(self) -> dict[str, str]:
        """What the run says of each component that finished."""
        return dict(re.findall(r"^  ([A-Z][A-Za-z]+) +(\S.*)$", self.output, flags=re.MULTILINE))

    def ran(self) -> list[str]:
        """The components that were not taken from the cache."""
        return [name for name, rest in self.components.items() if not rest.startswith("cached")]


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


class Shop:
    """A configuration file of these tests, with its data and its runs in a folder of their own."""

    def __init__(self, shelfwise, yaml_name: str, root: pathlib.Path):
        self._shelfwise = shelfwise
        self._path = str(pathlib.Path(__file__).parent / yaml_name)
        self._overrides = {"data.root": root / "data", "runs_dir": root / "runs", "schema_dir": root / "schemas"}
        shutil.copytree(config.load(self._path).schema_dir, root / "schemas")

    def __call__(self, command: str, **overrides: object) -> Finished:
        """Runs a command; the names of overrides are written with `__` for a dot."""
        given = {name.replace("__", "."): value for name, value in overrides.items()}
        settings = [f"{key}={json.dumps(value, default=str)}" for key, value in (self._overrides | given).items()]
        return self._shelfwise(command, self._path, *(word for setting in settings for word in ("--set", setting)))

    @property
    def config(self) -> config.Config:
        """What the commands work with."""
        return config.load(self._path, {key: str(value) for key, value in self._overrides.items()})

    @property
    def versions(self) -> list[str]:
        """Names of the version folders, and of anything else where servers look for them."""
        return sorted(path.name for path in self.config.serving_dir.glob("*"))


@pytest.fixture(scope="session")
def make_shop(shelfwise, tmp_path_factory):
    """Makes a `Shop` from a file in this folder."""
    return lambda yaml_name: Shop(shelfwise, yaml_name, tmp_path_factory.mktemp(pathlib.Path(yaml_name).stem))


@pytest.fixture(scope="module")
def grocer(make_shop) -> Shop:
    """Twenty real households, whose tables are written; a file of tests has its own."""
    shop = make_shop("grocer.yaml")
    assert shop("data").code == 0
    return shop
