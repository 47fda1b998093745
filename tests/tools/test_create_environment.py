"""The environment script: what it decides before it installs anything; CI runs the rest of it on every fresh clone."""

import importlib.util
import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).parents[2] / "tools" / "create_environment.py"


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("create_environment", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_finished_environment_is_left_alone(script, tmp_path):
    (tmp_path / "shelfwise-environment").write_text(script.fingerprint(script.LOCK))
    marker = tmp_path / "marker"
    marker.touch()
    assert subprocess.run([sys.executable, SCRIPT, tmp_path], check=False).returncode == 0
    assert marker.exists()


def test_a_changed_lock_makes_the_environment_stale(script, tmp_path):
    changed = tmp_path / "requirements.lock"
    changed.write_text(script.LOCK.read_text() + "# changed")
    assert script.fingerprint(changed) != script.fingerprint(script.LOCK)


def test_an_old_system_without_apt_is_told_which_systems_work(script, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(script.MissingPrerequisite, match="Use Debian 13"):
        script.download_runtime(tmp_path)


def test_a_failing_command_shows_what_it_printed(script):
    with pytest.raises(script.MissingPrerequisite, match="no mirror answers"):
        script.run(sys.executable, "-c", "import sys; sys.exit('no mirror answers')")


def test_the_environment_runs_on_a_glibc_that_its_wheels_accept(script):
    assert script.NEEDED_GLIBC == (2, 39)  # what the wheels of ml-metadata and TFDV are tagged with
    assert script.system_glibc() >= script.NEEDED_GLIBC  # fetched aside where the system's own is older
