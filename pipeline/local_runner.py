"""Runs the DAG on this machine: one component after the other, in this process, with SQLite metadata.

What a person sees is one line a component; everything that TFX, Beam and TensorFlow say goes to a log file. A component
whose inputs, settings and code have not changed is taken from the cache, so a run that failed goes on where it failed;
but a server that refused a model is asked again.
"""

import contextlib
import logging

from rich.console import Console

from pipeline import code_version, lock
from pipeline.config import Config
from pipeline.progress import ProgressHandler
from pipeline.run_log import diverted, new_log
from pipeline.run_record import NoRun, RunRecord


class RunFailed(RuntimeError):
    """A component stopped the run; the message names it, its error, and the log."""

    def __init__(self, message: str, component: str):
        super().__init__(message)
        self.component = component


def run(config: Config, *, only_data: bool = False) -> None:
    """Runs the pipeline of a shop, and prints how it goes on.

    Args:
        config: the shop.
        only_data: whether to end once the tables have passed, before anything is learnt from them.

    Raises:
        Busy: another process runs this pipeline.
        ConfigError: what is configured about a table's columns contradicts itself, or versions cannot be pushed to
            where they shall be.
        RunFailed: a component failed; nothing after it ran, and nothing was pushed.
    """
    with lock.held(config.run_dir / "run.lock", f"a run of {config.name}"):
        _run(config, only_data)


def _run(config: Config, only_data: bool) -> None:
    log = new_log(config.run_dir)
    width = Console().width
    with diverted(log) as terminal:
        console = Console(file=terminal, width=width)
        console.print(f"Running the pipeline [bold]{config.name}[/bold]; the full log is {log}", soft_wrap=True)
        with console.status("Loading TensorFlow Extended"):
            # Not at the top: this takes long and prints, and neither must befall those who only ask for `--help`.
            from tfx.orchestration.local.local_dag_runner import LocalDagRunner

            from components.pusher.publish import check_reachable
            from pipeline.dag import create_pipeline

        check_reachable(config.destination)  # better now than when a model has been trained
        pipeline = create_pipeline(config, only_data=only_data)
        with contextlib.suppress(NoRun):
            RunRecord(config).forget_refusals_by_servers()
        with ProgressHandler(console, lambda component: _outcome(config, component)) as progress:
            try:
                LocalDagRunner().run(pipeline)
            except KeyboardInterrupt:
                console.print(f"Interrupted in {progress.component}; the same command goes on from there")
                raise
            except Exception as error:
                logging.exception("%s failed", progress.component)
                message = _message(error)
                RunRecord(config).record_failure(progress.component, message)
                raise RunFailed(
                    f"{progress.component} failed: {message}\nNothing was pushed. Once this is mended, the "
                    f"same command goes on from {progress.component}. The full log is {log}",
                    progress.component,
                ) from error


def _outcome(config: Config, component: str) -> tuple[bool, str]:
    record = RunRecord(config)
    record.sign(component, {"config": config.model_dump_json(), "code": code_version.current()})
    return record.is_cached(component), record.outcome(component)


def _message(error: Exception) -> str:
    """What an error says, without what Beam appends about its own stages."""
    text = str(error).split(" [while running", 1)[0]
    # The others, such as KeyError, are rarely written for a person and need their type to be understood.
    return (
        text if isinstance(error, ValueError | OSError | RuntimeError) and text else f"{type(error).__name__}: {text}"
    )
