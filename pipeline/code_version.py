"""Which code made a model."""

import functools
import pathlib
import subprocess

from pipeline.fingerprint import fingerprint

_ROOT = pathlib.Path(__file__).parent.parent
_PACKAGES = ("components", "models", "pipeline", "schemas", "serving")


@functools.cache
def current() -> str:
    """The commit where the code is a git checkout, and always a fingerprint of the packages, such as `035d226 4f0e…`.

    A commit ends in `-dirty` where files have been changed since. The fingerprint alone says it where there is no git,
    as in a container.
    """
    return " ".join(filter(None, (_commit(), fingerprint(*_PACKAGES)[:12])))


def _commit() -> str:
    if not (_ROOT / ".git").exists():
        return ""
    command = ["git", "-C", str(_ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
