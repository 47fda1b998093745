"""A clean root file system, and commands in it: what a container engine would do, as far as building needs it."""

import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Mapping

# What commands in images of Docker's find without further ado, and what finds `chroot` here.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What the stand-in for the image python:3.11 needs of the distribution: the libraries of Python's own modules.
_PACKAGES = [
    *("ca-certificates", "libbz2-1.0", "libexpat1", "libffi8", "liblzma5", "libncursesw6", "libreadline8t64"),
    *("libsqlite3-0", "libssl3t64", "libstdc++6", "libuuid1", "zlib1g"),
]
# What lets a build reach the package index, as it reaches it from this machine; never part of an image.
_INDEX_FILES = ["/etc/pip.conf", "/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt"]


class Missing(Exception):
    """Something that this machine lacks; the message says what."""


def create(folder: pathlib.Path, suite: str) -> None:
    """Makes a root file system of a Debian release, with this machine's Python 3.11 in it.

    The image python:3.11-slim cannot be fetched without a registry of images: its Debian comes from the machine's own
    mirror, and its Python is replaced by the one that runs this.

    Raises:
        Missing: not root, no debootstrap, or no mirror that apt knows.
    """
    if os.geteuid() != 0:
        raise Missing("root file systems are made by root only; run this as root on a machine of your own")
    if not shutil.which("debootstrap"):
        raise Missing("debootstrap is not there; `apt-get install debootstrap` brings it")
    include = f"--include={','.join(_PACKAGES)}"
    subprocess.run(["debootstrap", "--variant=minbase", include, suite, folder, _mirror()], check=True)
    python = pathlib.Path(sys.base_prefix)
    inside = folder / python.relative_to("/")
    shutil.copytree(
        python, inside, symlinks=True, ignore=shutil.ignore_patterns("site-packages", "test", "__pycache__")
    )
    site = inside / "lib" / "python3.11" / "site-packages"
    shutil.copytree(python / "lib" / "python3.11" / "site-packages" / "pip", site / "pip")
    for parent in [inside, *inside.parents]:
        if parent.is_relative_to(folder):
            parent.chmod(0o755)
    (folder / "usr/local/bin/python").symlink_to(python / "bin" / "python3.11")


def _mirror() -> str:
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    mirrors = [uri for uri in listed if uri.rstrip("/").endswith("debian")]
    if not mirrors:
        raise Missing("apt knows no Debian mirror; run `apt-get update` on a Debian machine first")
    return mirrors[0]


def allow_index(folder: pathlib.Path) -> None:
    """Lets commands in the file system reach the package index as this machine does."""
    for name in _INDEX_FILES:
        if pathlib.Path(name).is_file():
            target = folder / name.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(name, target)


def forbid_index(folder: pathlib.Path) -> None:
    """Takes away what `allow_index` gave, but for the certificates, which the distribution has as well."""
    for name in _INDEX_FILES[:3]:
        (folder / name.lstrip("/")).unlink(missing_ok=True)


def run(
    folder: pathlib.Path, command: str, environment: Mapping[str, str], workdir: str = "/", user: str = "0"
) -> None:
    """Runs a shell command with the folder as its root, in a mount namespace of its own.

    Raises:
        subprocess.CalledProcessError: it failed; what it said is on the terminal.
    """
    mounts = " && ".join(f"mount --rbind /{name} {folder}/{name}" for name in ("proc", "dev"))
    inside = f"cd {workdir} && {command}"
    chroot = ["chroot", f"--userspec={user}:{user}", str(folder), "/bin/sh", "-c", inside]
    script = f'{mounts} && exec "$@"'
    passed = {
        name: value for name, value in os.environ.items() if name.lower().endswith("_proxy") or name[:4] == "PIP_"
    }
    subprocess.run(
        ["unshare", "--mount", "/bin/sh", "-c", script, "sh", *chroot],
        env={"PATH": PATH, "HOME": "/tmp", **passed, **environment},
        check=True,
    )
