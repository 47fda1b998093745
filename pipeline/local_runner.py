"""Runs the DAG on this machine: one component after the other, in this process, with SQLite metadata.

What a person sees is one line a component; everything that TFX, Beam and TensorFlow say goes to a log file. A component
whose inputs and settings have not changed is taken from the cache, so a run that failed goes on where it failed.
"""

import contextlib
import json
import logging
import os
import pathlib
import sys
import time
from collections.abc import Iterator

import ml_metadata as mlmd
from absl import logging as absl_logging
from ml_metadata.proto import metadata_store_pb2
from rich.console import Console
from rich.status import Status
from tfx.orchestration.local.local_dag_runner import LocalDagRunner

from pipeline.config import Config
from pipeline.dag import create_pipeline

_STARTS, _ENDS = "Component %s is running.", "Component %s is finished."


class RunFailed(Exception):
    """A component stopped the run; the message names it and gives its error."""


class _Progress(logging.Handler):
    """Turns the runner's own log messages about components into lines for a person."""

    def __init__(self, console: Console, metadata_path: pathlib.Path):
        super().__init__()
        self._console, self._metadata_path = console, metadata_path
        self._status: Status | None = None
        self._started = 0.0
        self.component: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg == _STARTS:
            self.component, self._started = record.args[0], time.monotonic()
            self._status = self._console.status(f"{self.component} ...")
            self._status.start()
        elif record.msg == _ENDS:
            self.close_status()
            execution = self._last_execution()
            cached = execution is not None and execution.last_known_state == metadata_store_pb2.Execution.CACHED
            elapsed = "cached" if cached else f"{time.monotonic() - self._started:.1f} s"
            self._console.print(f"  {self.component:<18} {elapsed:>9}  {self._counts(execution)}", highlight=False)

    def close_status(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _store(self) -> mlmd.MetadataStore:
        connection = metadata_store_pb2.ConnectionConfig()
        connection.sqlite.filename_uri = str(self._metadata_path)
        return mlmd.MetadataStore(connection)

    def _last_execution(self) -> metadata_store_pb2.Execution | None:
        store = self._store()
        contexts = [c for c in store.get_contexts_by_type("node") if c.name.endswith(f".{self.component}")]
        executions = [e for context in contexts for e in store.get_executions_by_context(context.id)]
        return max(executions, key=lambda execution: execution.id, default=None)

    def _counts(self, execution: metadata_store_pb2.Execution | None) -> str:
        """The counts in the summaries that components write beside their examples."""
        if execution is None:
            return ""
        store = self._store()
        events = store.get_events_by_execution_ids([execution.id])
        outputs = [e.artifact_id for e in events if e.type == metadata_store_pb2.Event.OUTPUT]
        for artifact in store.get_artifacts_by_id(outputs):
            with contextlib.suppress(OSError):
                summary = json.loads((pathlib.Path(artifact.uri) / "summary.json").read_text())
                counts = {key: value for key, value in summary.items() if isinstance(value, int)}
                return ", ".join(f"{key.replace('_', ' ')} {value:,}" for key, value in counts.items())
        return ""


def run(config: Config, console: Console) -> None:
    """Runs the whole pipeline of a shop.

    Raises:
        RunFailed: a component failed; nothing after it ran, and nothing was pushed.
    """
    config.run_dir.mkdir(parents=True, exist_ok=True)
    log = config.run_dir / "logs" / f"{time.strftime('%Y%m%d-%H%M%S')}.log"
    log.parent.mkdir(exist_ok=True)
    console.print(f"Running [bold]{config.name}[/bold]; the full log is {log}")
    progress = _Progress(console, config.run_dir / "metadata.sqlite")
    with _quietly(log, progress):
        try:
            LocalDagRunner().run(create_pipeline(config))
        except Exception as error:
            absl_logging.exception("%s failed", progress.component)
            raise RunFailed(f"{progress.component} failed: {root_cause(error)}") from error


def root_cause(error: BaseException) -> str:
    """The message of the error that started it, without what Beam appends about its own stages."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{error}".split(" [while running", 1)[0] or type(error).__name__


@contextlib.contextmanager
def _quietly(log: pathlib.Path, progress: _Progress) -> Iterator[None]:
    """Sends all logging, and what libraries print past it, to a file; the console keeps its own stream."""
    root = logging.getLogger()
    with open(log, "a", buffering=1) as file:
        handler = logging.StreamHandler(file)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname).1s %(name)s: %(message)s"))
        handlers, level = root.handlers[:], root.level
        root.handlers = [handler, progress]
        root.setLevel(logging.INFO)
        absl_logging.set_verbosity(absl_logging.INFO)
        saved = [os.dup(descriptor) for descriptor in (1, 2)]
        sys.stdout.flush()
        try:
            for descriptor in (1, 2):
                os.dup2(file.fileno(), descriptor)
            yield
        finally:
            for descriptor, original in zip((1, 2), saved, strict=True):
                os.dup2(original, descriptor)
                os.close(original)
            root.handlers = handlers
            root.setLevel(level)
            progress.close_status()
