"""Finds h2load, nghttp2's load generator: the machine's own, or one that is fetched aside once, with apt.

    python -m tools.h2load

On Debian and Ubuntu its packages are unpacked under .cache/h2load, and the system is left untouched. Elsewhere it is to
be installed.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
from typing import NamedTuple

CACHE = pathlib.Path(__file__).parent.parent / ".cache" / "h2load"
_PACKAGE = "nghttp2-client"
_OF_THE_SYSTEM = {"libc6", "libgcc-s1", "libstdc++6"}  # which every program there has, in the version it wants


class MissingPrerequisite(Exception):
    """h2load cannot be had here; the message says what to do."""


class H2load(NamedTuple):
    """The program, and where it finds libraries that the system may lack."""

    program: str
    libraries: str = ""

    def run(self, *arguments: str) -> str:
        """Gives what it prints.

        Raises:
            RuntimeError: it failed; the message holds what it said.
        """
        paths = [self.libraries, os.environ.get("LD_LIBRARY_PATH", "")]
        environment = os.environ | {"LD_LIBRARY_PATH": ":".join(path for path in paths if path)}
        result = subprocess.run([self.program, *arguments], env=environment, capture_output=True, text=True)
        if result.returncode:
            raise RuntimeError(f"h2load failed: {result.stderr or result.stdout}")
        return result.stdout


def find(cache: pathlib.Path = CACHE) -> H2load:
    """Finds or fetches it.

    Args:
        cache: where it is kept.

    Raises:
        MissingPrerequisite: it is not installed, and apt is not there or cannot get at it.
    """
    if installed := shutil.which("h2load"):
        return H2load(installed)
    if not cache.exists():
        aside = cache.with_suffix(".incoming")
        shutil.rmtree(aside, ignore_errors=True)
        _download(aside)
        aside.rename(cache)
    (program,) = cache.glob("usr/bin/h2load")
    return H2load(str(program), ":".join(sorted({str(path.parent) for path in cache.glob("**/lib*.so.*")})))


def _download(root: pathlib.Path) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise MissingPrerequisite("there is no `h2load`; install nghttp2, whose load generator it is")
    kinds = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    listed = _run("apt-cache", "depends", "--recurse", *(f"--no-{kind}" for kind in kinds), _PACKAGE)
    packages = sorted({*re.findall(r"^\w[^\s:]*$", listed, re.MULTILINE)} - _OF_THE_SYSTEM)
    archives = root / "archives"
    archives.mkdir(parents=True)
    _run("apt-get", "-o", "APT::Sandbox::User=root", "download", *packages, cwd=archives)
    for archive in archives.glob("*.deb"):
        _run("dpkg", "-x", str(archive), str(root))
    shutil.rmtree(archives)


def _run(*command: str, cwd: pathlib.Path | None = None) -> str:
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if result.returncode:
        said = (result.stderr or result.stdout).strip().splitlines()[-1:]
        raise MissingPrerequisite(
            f"there is no `h2load`, and `{' '.join(command[:2])}` cannot get it: {''.join(said)} Run `apt-get update` "
            f"once, or install the package {_PACKAGE}."
        )
    return result.stdout


def main() -> int:
    """Returns the exit status."""
    try:
        print(find().run("--version").strip())
    except MissingPrerequisite as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
