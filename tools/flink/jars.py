"""Fetches what runs Beam's jobs on Flink: `python -m tools.flink.jars`, once, with Maven, into .cache/flink.

Nothing is used whose digest differs from `jars.sha256`. `--lock` writes that file anew, after a change of `pom.xml`.
"""

import argparse
import hashlib
import pathlib
import re
import shutil
import subprocess
import sys

FOLDER = pathlib.Path(__file__).parent
POM, LOCK = FOLDER / "pom.xml", FOLDER / "jars.sha256"
CACHE = FOLDER.parent.parent / ".cache" / "flink"
_OLDEST_JAVA = 11


class MissingPrerequisite(Exception):
    """Something that Flink needs cannot be had here; the message says what, and what to do."""


def fetch(cache: pathlib.Path = CACHE, lock: pathlib.Path = LOCK) -> pathlib.Path:
    """Returns the folder of jars, which the first call fills.

    Args:
        cache: where it is kept.
        lock: digests, as `sha256sum` writes them.

    Raises:
        MissingPrerequisite: there is no Java or no Maven, Maven cannot get at the jars, or a jar is not the one that
            the lock names.
    """
    check_java()
    jars = cache / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    if not jars.exists():
        aside = jars.with_suffix(".incoming")
        download(aside)
        verify(aside, lock)
        aside.rename(jars)
    verify(jars, lock)
    return jars


def check_java() -> None:
    """Checks that a Java runtime of a version that Flink takes is there.

    Raises:
        MissingPrerequisite: it is not.
    """
    remedy = "install a Java runtime, such as Debian's openjdk-17-jre-headless"
    if shutil.which("java") is None:
        raise MissingPrerequisite(f"Flink needs Java {_OLDEST_JAVA} or newer, and there is no `java`; {remedy}")
    said = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', said)
    if version is None or int(version[1]) < _OLDEST_JAVA:
        found = said.splitlines()[0] if said else "nothing"
        raise MissingPrerequisite(
            f"Flink needs Java {_OLDEST_JAVA} or newer, and `java -version` says {found}; {remedy}"
        )


def download(folder: pathlib.Path) -> None:
    """Fills a folder with the jars that `pom.xml` stands for.

    Raises:
        MissingPrerequisite: there is no Maven, or it cannot get at them.
    """
    if shutil.which("mvn") is None:
        raise MissingPrerequisite("Flink's jars come from Maven Central, and there is no `mvn`; install Maven once")
    shutil.rmtree(folder, ignore_errors=True)
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    maven = subprocess.run(["mvn", "--batch-mode", "--quiet", "-f", POM, *goal], capture_output=True, text=True)
    if maven.returncode:
        errors = re.findall(r"\[ERROR\] (.+)", maven.stdout + maven.stderr)
        raise MissingPrerequisite(f"Maven cannot get Flink's jars: {errors[0] if errors else maven.stdout}")


def digests(folder: pathlib.Path) -> dict[str, str]:
    """SHA-256 of each jar of a folder, by name."""
    return {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in sorted(folder.glob("*.jar"))}


def verify(folder: pathlib.Path, lock: pathlib.Path) -> None:
    """Checks that a folder holds the jars of a lock, all of them and no others.

    Raises:
        MissingPrerequisite: it does not; the message names the first jar that differs.
    """
    wanted = {name: digest for digest, name in (line.split() for line in lock.read_text().splitlines())}
    found = digests(folder)
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            problem = (
                "is missing" if name not in found else "is not in it" if name not in wanted else "has another digest"
            )
            raise MissingPrerequisite(
                f"{folder}: {name} {problem}, by {lock}. Remove the folder and fetch again; should that not help, the "
                "repository's jars are not those that were tried"
            )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lock", action="store_true", help="trust what Maven fetches now, and write jars.sha256")
    try:
        if parser.parse_args().lock:
            aside = CACHE / "locking"
            download(aside)
            LOCK.write_text("".join(f"{digest}  {name}\n" for name, digest in digests(aside).items()))
            shutil.rmtree(aside)
        jars = fetch()
    except MissingPrerequisite as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{len(list(jars.glob('*.jar')))} jars, digests as locked, are in {jars}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
