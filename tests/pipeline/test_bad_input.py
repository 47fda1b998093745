"""What a person sees when the data or their own patience fails in the middle of a run."""

import os
import pathlib
import pty
import shutil
import signal
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def run_with(grocer, tmp_path):
    """Changes a copy of the tables, runs the pipeline over it, and checks that nothing was pushed."""

    def run(change, **overrides):
        shutil.copytree(grocer.config.data.root, tmp_path / "data")
        change(tmp_path / "data")
        runs = tmp_path / "runs"
        finished = grocer(
            "run", data__root=tmp_path / "data", data__source=None, data__sample=None, runs_dir=runs, **overrides
        )
        assert finished.code == 1
        assert "Traceback" not in finished.output + finished.errors
        assert not (runs / "grocer" / "serving").exists()
        return finished

    return run


def _rewrite(path: pathlib.Path, change) -> None:
    pq.write_table(change(pq.read_table(path)), path)


def test_a_kind_of_event_that_the_schema_does_not_know_stops_at_the_gate_and_has_a_page(run_with, grocer, tmp_path):
    def stolen(events):
        kinds = pa.array(["stolen"] * events.num_rows)
        return events.set_column(events.schema.get_field_index("event"), "event", kinds)

    finished = run_with(lambda root: _rewrite(root / "events" / "span-53" / "part-0.parquet", stolen))
    assert finished.errors.startswith("error: DataGate failed: ")
    assert "events (newest span) / event: " in finished.errors
    assert "stolen" in finished.errors
    assert "RequestExamples" not in finished.components

    page = tmp_path / "runs" / "grocer" / "report" / "data.html"
    assert f"The page about the data is {page}" in finished.errors
    assert "The data stopped the run" in page.read_text()
    page.unlink()
    reported = grocer("report", runs_dir=tmp_path / "runs")
    assert reported.code == 0, reported.errors
    assert "The data stopped the run: " in reported.output
    assert "events (newest span), event: Unexpected string values" in page.read_text()
    assert "stolen" in (page.parent / "data.json").read_text()


def test_a_missing_column_stops_the_ingestion_with_the_file_and_the_columns_there_are(run_with):
    finished = run_with(
        lambda root: _rewrite(
            root / "events" / "span-7" / "part-0.parquet", lambda table: table.drop_columns(["timestamp"])
        )
    )
    assert finished.errors.startswith("error: EventsGen failed: ")
    assert "span-7/part-0.parquet has no column 'timestamp'" in finished.errors
    assert "data.columns.events.timestamp" in finished.errors
    assert finished.components == {}


def test_a_corrupt_file_is_named(run_with):
    finished = run_with(lambda root: (root / "items" / "part-0.parquet").write_bytes(b"PAR1 not really"))
    assert finished.errors.startswith("error: ItemsGen failed: ")
    assert "items/part-0.parquet is no readable Parquet file" in finished.errors


def test_events_of_items_that_are_not_in_the_items_table_stop_the_join(run_with):
    finished = run_with(lambda root: _rewrite(root / "items" / "part-0.parquet", lambda table: table.slice(0, 2000)))
    assert finished.errors.startswith("error: RequestExamples failed: ")
    assert "name an item that the items table lacks" in finished.errors
    assert "data.max_rejected_share" in finished.errors


def test_ctrl_c_says_where_it_stopped_and_leaves_the_terminal_as_it_was(grocer, tmp_path):
    code = "import sys; from pipeline import cli; cli.main(sys.argv[1:])"
    settings = [f"data.root={grocer.config.data.root}", f"runs_dir={tmp_path}"]
    arguments = [sys.executable, "-c", code, "run", str(pathlib.Path(__file__).parent / "grocer.yaml")]
    arguments += [word for setting in settings for word in ("--set", setting)]
    process, terminal = pty.fork()
    if process == 0:
        os.environ["TERM"] = "xterm"
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a job in the background inherits that it is ignored
        os.execv(arguments[0], arguments)
    shown, interrupted = b"", False
    while chunk := _read(terminal):
        shown += chunk
        if b"EventsStatistics" in shown and not interrupted:
            os.write(terminal, b"\x03")
            interrupted = True
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    assert b"Interrupted in " in shown
    assert shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l")  # the cursor is shown again


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux's way to say that the other side is closed
        return b""
