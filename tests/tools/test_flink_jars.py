"""What runs Flink is fetched once and used only as it was locked; what is missing is said plainly."""

import hashlib

import pytest

from tools.flink import jars
from tools.flink.jars import LOCK, MissingPrerequisite


@pytest.fixture
def lock(tmp_path):
    """A lock of one jar, `flink.jar`, that holds the bytes `flink`."""
    file = tmp_path / "jars.sha256"
    file.write_text(f"{hashlib.sha256(b'flink').hexdigest()}  flink.jar\n")
    return file


def java(path, version: str) -> None:
    path("java", f"echo 'openjdk version \"{version}\" 2025-04-15' >&2")


# Fills the folder of `-DoutputDirectory=` as Maven would.
_MAVEN = 'for word; do case "$word" in -DoutputDirectory=*) folder="${word#*=}";; esac; done\n/bin/mkdir -p "$folder"\n'


def test_jars_are_fetched_once(path, lock, tmp_path):
    java(path, "17.0.15")
    path("mvn", _MAVEN + 'printf flink > "$folder/flink.jar"')
    fetched = jars.fetch(tmp_path / "cache", lock)
    assert (fetched / "flink.jar").read_bytes() == b"flink"
    path("mvn", "exit 1")
    assert jars.fetch(tmp_path / "cache", lock) == fetched


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ('printf other > "$folder/flink.jar"', "flink.jar has another digest"),
        ("", "flink.jar is missing"),
        ('printf flink > "$folder/flink.jar"; printf more > "$folder/more.jar"', "more.jar is not in it"),
    ],
)
def test_a_jar_that_is_not_the_locked_one_is_not_used(path, lock, tmp_path, written, problem):
    java(path, "17.0.15")
    path("mvn", _MAVEN + written)
    for _ in range(2):  # what was refused is not taken from the cache either
        with pytest.raises(MissingPrerequisite, match=problem):
            jars.fetch(tmp_path / "cache", lock)


def test_a_jar_that_was_changed_in_the_cache_is_found(path, lock, tmp_path):
    java(path, "17.0.15")
    path("mvn", _MAVEN + 'printf flink > "$folder/flink.jar"')
    (jars.fetch(tmp_path / "cache", lock) / "flink.jar").write_bytes(b"changed")
    with pytest.raises(MissingPrerequisite, match=r"flink\.jar has another digest"):
        jars.fetch(tmp_path / "cache", lock)


def test_a_machine_without_java_is_told_so(path, lock, tmp_path):
    with pytest.raises(MissingPrerequisite, match=r"there is no `java`; install a Java runtime"):
        jars.fetch(tmp_path / "cache", lock)


def test_a_java_that_is_too_old_is_named(path, lock, tmp_path):
    java(path, "1.8.0_412")
    with pytest.raises(MissingPrerequisite, match=r'Java 11 or newer, and `java -version` says .*"1\.8\.0_412"'):
        jars.fetch(tmp_path / "cache", lock)


def test_a_machine_without_maven_is_told_so(path, lock, tmp_path):
    java(path, "21")
    with pytest.raises(MissingPrerequisite, match=r"there is no `mvn`; install Maven"):
        jars.fetch(tmp_path / "cache", lock)


def test_what_maven_says_is_passed_on(path, lock, tmp_path):
    java(path, "17.0.15")
    path("mvn", "echo '[ERROR] Could not transfer artifact a:b:jar:1'; exit 1")
    with pytest.raises(MissingPrerequisite, match="Could not transfer artifact a:b:jar:1"):
        jars.fetch(tmp_path / "cache", lock)


def test_the_command_fails_in_words(path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["jars"])
    assert jars.main() == 1
    assert capsys.readouterr().err.startswith("error: Flink needs Java 11 or newer")


def test_the_lock_names_the_runner_and_flink_itself():
    names = [line.split()[1] for line in LOCK.read_text().splitlines()]
    assert {"beam-runners-flink-1.19-2.70.0.jar", "flink-runtime-1.19.0.jar"} <= set(names)
    assert names == sorted(set(names))
