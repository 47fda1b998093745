"""Which span a watch runs next, and what it does when it may not or cannot."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as pb
from rich.console import Console

from pipeline import config as configs
from pipeline import die_with_parent, lock, span_record, watch
from pipeline.watch import SpanFailed, Watch

DONE, CACHED, FAILED, RUNNING = (
    pb.Execution.COMPLETE,
    pb.Execution.CACHED,
    pb.Execution.FAILED,
    pb.Execution.RUNNING,
)


class Records:
    """Writes what TFX records of runs."""

    def __init__(self, config):
        config.run_dir.mkdir(parents=True)
        connection = pb.ConnectionConfig()
        connection.sqlite.filename_uri = str(config.run_dir / "metadata.sqlite")
        connection.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        self._store, self._name, self._runs = MetadataStore(connection), config.name, 0

    def run(self, span: int, pusher: int | None = DONE, version: str = "") -> None:
        """A run over spans up to one, which came as far as EventsGen (None) or Pusher."""
        self._runs += 1
        self._execute("EventsGen", "Examples", DONE, span=span)
        if pusher is not None:
            self._execute("Pusher", "PushedModel", pusher, pushed=int(bool(version)), pushed_version=version)

    def _execute(self, component: str, kind: str, state: int, **properties: int | str) -> None:
        store = self._store
        artifact = pb.Artifact(type_id=store.put_artifact_type(pb.ArtifactType(name=kind)))
        for name, value in properties.items():
            field = "int_value" if isinstance(value, int) else "string_value"
            setattr(artifact.custom_properties[name], field, value)
        execution = pb.Execution(
            type_id=store.put_execution_type(pb.ExecutionType(name=component)), last_known_state=state
        )
        path = pb.Event.Path(steps=[pb.Event.Path.Step(key="made")])
        event = pb.Event(type=pb.Event.OUTPUT, path=path)
        contexts = [
            pb.Context(type_id=store.put_context_type(pb.ContextType(name=kind)), name=name)
            for kind, name in (("pipeline_run", str(self._runs)), ("node", f"{self._name}.{component}"))
        ]
        made = [(artifact, event)] if state in (DONE, CACHED) else []
        store.put_execution(execution, made, contexts, reuse_context_if_already_exist=True)


@pytest.fixture
def shop(tmp_path):
    """A configuration over spans 1 to 5, all of which have landed."""
    for span in range(1, 6):
        folder = tmp_path / "data" / "events" / f"span-{span}"
        folder.mkdir(parents=True)
        (folder / "a.parquet").write_text("rows")
    overrides = {"data.source": None, "data.root": str(tmp_path / "data"), "runs_dir": str(tmp_path / "runs")}

    def load(**values):
        return configs.load("movielens", overrides | {key.replace("__", "."): value for key, value in values.items()})

    return load


@pytest.fixture
def watcher(capsys):
    return lambda config, **options: Watch(config, ["no-such.yaml"], Console(), settle_seconds=0, **options)


def test_the_first_span_to_be_run_is_the_newest_unless_another_is_named(shop, watcher):
    assert watcher(shop()).next_span() == 5
    assert watcher(shop(), first=2).next_span() == 2
    assert watcher(shop(), first=6).next_span() is None


def test_spans_that_were_missed_are_run_in_their_order(shop, watcher):
    records = Records(shop())
    records.run(2, version="1700000000")
    assert watcher(shop()).next_span() == 3
    assert watcher(shop(), first=1).next_span() == 3
    records.run(3, version="1700000001")
    assert watcher(shop()).next_span() == 4


def test_a_refused_model_ends_its_span_too(shop, watcher):
    records = Records(shop())
    records.run(2, version="1700000000")
    records.run(3)
    assert span_record.finished(shop()) == {2: "1700000000", 3: ""}
    assert watcher(shop()).next_span() == 4


@pytest.mark.parametrize("pusher", [None, FAILED, RUNNING])
def test_a_run_that_did_not_reach_its_end_is_run_again(shop, watcher, pusher):
    records = Records(shop())
    records.run(2, version="1700000000")
    records.run(3, pusher)
    assert watcher(shop()).next_span() == 3


def test_a_push_from_the_cache_is_an_end(shop, watcher):
    records = Records(shop())
    records.run(3, CACHED, version="1700000000")
    assert watcher(shop()).next_span() == 4


def test_the_configured_limits_hold(shop, watcher):
    records = Records(shop())
    records.run(3, version="1700000000")
    assert watcher(shop(data__last_span=3)).next_span() is None


def test_a_span_that_fails_is_tried_again_ever_later_and_the_screen_says_why(shop, watcher, monkeypatch, capsys):
    pauses = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(watch.time, "sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        watcher(shop()).run()
    assert pauses == [60, 120, 240]
    said = capsys.readouterr().out
    assert said.count("The run of span 5 ended with status 1: error: no configuration file no-such.yaml") == 3
    assert "Span 5 is tried again in 60 s; later spans wait for it." in said


def test_once_ends_with_the_failure(shop, watcher):
    with pytest.raises(SpanFailed, match=r"no configuration file no-such\.yaml"):
        watcher(shop()).run(once=True)


def test_once_ends_when_everything_that_has_landed_is_done(shop, watcher, capsys):
    Records(shop()).run(5, version="1700000000")
    watcher(shop()).run(once=True)
    assert "Every span that has landed is done." in capsys.readouterr().out


def test_a_span_waits_for_an_older_one_of_its_window_that_is_still_being_written(shop, watcher, monkeypatch, capsys):
    (pathlib.Path(shop().data.root) / "events" / "span-3" / "a.parquet").unlink()
    waits = "Span 5 waits for span 3, whose folder is there but has not landed."
    with pytest.raises(SpanFailed, match=waits):
        watcher(shop()).run(once=True)
    with pytest.raises(SpanFailed, match="no configuration file"):  # it is run
        watcher(shop(data__window_spans=2)).run(once=True)

    looks = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(watch.time, "sleep", sleep)
    capsys.readouterr()
    with pytest.raises(KeyboardInterrupt):
        watcher(shop(), poll_seconds=7).run()
    assert looks == [7, 7, 7]
    assert capsys.readouterr().out.count(waits) == 1


def test_a_bucket_is_to_be_mounted(shop, watcher):
    with pytest.raises(configs.ConfigError, match=r"data\.root is gs://shop; mount the bucket"):
        watcher(shop(data__root="gs://shop"))


@pytest.fixture
def waiting(shop):
    """A real `shelfwise watch` that has nothing to do."""
    config = shop()
    Records(config).run(5, version="1700000000")
    settings = [f"data.root={config.data.root}", f"runs_dir={config.runs_dir}", "data.source=null"]
    command = [sys.executable, "-m", "pipeline.cli", "watch", "movielens", "--poll", "0.1", "--settle", "0"]
    command += [word for setting in settings for word in ("--set", setting)]
    process = subprocess.Popen(command)
    path = config.run_dir / "watch.lock"
    deadline = time.monotonic() + 120
    while not (path.exists() and path.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    yield process, command
    process.kill()
    process.wait()


def test_a_second_watch_is_refused_and_names_the_first_which_leaves_no_lock_when_it_is_killed(waiting):
    process, command = waiting
    second = subprocess.run([*command, "--once"], capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert f"error: a watch of movielens is under way already, by process {process.pid}; wait" in second.stderr
    assert process.poll() is None

    process.send_signal(signal.SIGKILL)
    process.wait()
    third = subprocess.run([*command, "--once"], capture_output=True, text=True, check=False)
    assert third.returncode == 0, third.stderr
    assert "Every span that has landed is done." in third.stdout


def test_the_lock_is_free_again_after_an_error(tmp_path):
    with pytest.raises(ValueError, match="bad"), lock.held(tmp_path / "lock", "a test"):
        raise ValueError("bad")
    with lock.held(tmp_path / "lock", "a test"):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
        by_us = f"a test is under way already, by process {os.getpid()}"
        with pytest.raises(lock.Busy, match=by_us), lock.held(tmp_path / "lock", "a test"):
            pass


PARENT = """
import subprocess, sys, time
from pipeline import die_with_parent
child = subprocess.Popen(die_with_parent.command(sys.executable, "-c", "import time; time.sleep(600)"))
print(child.pid, flush=True)
time.sleep(600)
"""


def test_a_child_does_not_outlive_its_parent():
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    deadline = time.monotonic() + 60
    while b"time.sleep(600)" not in _command_line(child) and time.monotonic() < deadline:
        time.sleep(0.02)  # it has yet to become what it was told to
    parent.kill()
    parent.wait()
    while _is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _is_alive(child)


def test_a_child_whose_parent_has_gone_already_does_not_begin():
    command = die_with_parent.command(sys.executable, "-c", "print('begun')")
    command[2] = "1"  # another process than the one that starts it
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")


def _command_line(pid: int) -> bytes:
    return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() if _is_alive(pid) else b""


def _is_alive(pid: int) -> bool:
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
