"""A machine on which only the programs of a test are installed."""

import stat

import pytest


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A folder of programs that are all there are; `path(name, script)` adds one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def add(name: str, script: str) -> None:
        program = folder / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    return add
