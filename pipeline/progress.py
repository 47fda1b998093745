"""Shows a person how a run goes on: a line for each finished component, and under them what goes on now."""

import logging
import re
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

_STARTS, _ENDS = "Component %s is running.", "Component %s is finished."  # as LocalDagRunner logs them
_ENCODED, _EPOCH = re.compile(r"encoding item texts: \d+ of \d+"), re.compile(r"epoch \d+ of \d+")  # as Trainer does
_RESUMED = re.compile(r"an interrupted training goes on at epoch \d+, step \d+")
_TRIAL, _BEST_TRIAL = re.compile(r"trial \d+ of \d+"), re.compile(r"best trial, number \d+: ")  # as Tuner does
_LOSS = re.compile(r"(?:val )?joint loss [\d.]+")
_PLAIN_SECONDS = 30  # between two lines about the same component where no terminal shows it live


class ProgressHandler(logging.Handler):
    """Turns log records about components, and those with which long ones say how far they are, into lines."""

    def __init__(self, console: Console, outcome: Callable[[str], tuple[bool, str]]):
        """Prepares; listens to the root logger for as long as its context is entered.

        Args:
            console: where to.
            outcome: tells of a finished component whether it came from the cache, and in a few words what it made.
        """
        super().__init__()
        self._console, self._outcome = console, outcome
        self._live = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<18}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._live.add_task("", start=False, visible=False, detail="")
        self._started = self._printed = time.monotonic()
        self._came_to = ""
        self.component: str | None = None

    def __enter__(self) -> "ProgressHandler":
        logging.getLogger().addHandler(self)
        self._live.start()
        return self

    def __exit__(self, *_) -> None:
        self._live.stop()
        logging.getLogger().removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if record.msg == _STARTS:
                self._start(record.args[0])
            elif record.msg == _ENDS:
                self._finish()
            elif _TRIAL.match(record.getMessage()):
                self._print(_clock(time.monotonic() - self._started), record.getMessage())
            elif detail := self._detail_in(record.getMessage()):
                self._tell(detail)
        except Exception:  # as in logging's own handlers: what is shown must never stop what runs
            self.handleError(record)

    def _start(self, component: str) -> None:
        self.component, self._came_to = component, ""
        self._started = self._printed = time.monotonic()
        self._live.reset(self._task, description=component, detail="", visible=True)

    def _finish(self) -> None:
        cached, outcome = self._outcome(self.component)
        outcome = outcome or self._came_to
        elapsed = "cached" if cached else _clock(time.monotonic() - self._started)
        self._print(elapsed, outcome)
        self._live.update(self._task, visible=False)

    def _print(self, elapsed: str, text: str) -> None:
        self._console.print(f"  {self.component:<18} {elapsed:>8}  {text}".rstrip(), highlight=False, soft_wrap=True)

    def _detail_in(self, message: str) -> str:
        """How far the running component is, if the message says so."""
        if epoch := _EPOCH.match(message):
            self._came_to = f"{epoch[0]}: {', '.join(_LOSS.findall(message))}"
            return self._came_to
        if _BEST_TRIAL.match(message):
            self._came_to = message
        return message if _ENCODED.match(message) or _RESUMED.match(message) else ""

    def _tell(self, detail: str) -> None:
        self._live.update(self._task, detail=detail)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._printed > _PLAIN_SECONDS:
            self._print(_clock(now - self._started), detail)
            self._printed = now


def _clock(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02} min"
