"""Runs the pipeline for every span that lands, one after the other.

Nothing is remembered in this process: what is to be done follows from the spans that lie there and from what ML
Metadata says was finished, so it may be killed at any point and started again. Each run is a process of its own, which
ends with this one; what it had finished by then is taken from the cache by the next.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Console

from pipeline import die_with_parent, landing, lock, span_record, spans
from pipeline.config import Config, ConfigError

_FIRST_PAUSE, _LONGEST_PAUSE = 60.0, 3600.0  # seconds before a span that failed is tried again


class SpanFailed(RuntimeError):
    """The pipeline did not come to an end for a span; the message says why."""


class Watch:
    """Looks for spans to run, and runs them."""

    def __init__(
        self,
        config: Config,
        arguments: Sequence[str],
        console: Console,
        first: int | None = None,
        poll_seconds: float = 60,
        settle_seconds: float = 60,
    ):
        """Prepares.

        Args:
            config: of the shop, whose tables lie in a folder.
            arguments: with which `shelfwise run` finds this configuration again.
            console: where to say what goes on.
            first: the first span to run if none has been run yet; the newest that has landed without.
            poll_seconds: between two looks for a new span.
            settle_seconds: see `landing.landed`.

        Raises:
            ConfigError: the tables are in a bucket.
        """
        if "://" in config.data.root:
            raise ConfigError(f"data.root is {config.data.root}; mount the bucket and set the folder, to watch it")
        self._config, self._arguments, self._console = config, list(arguments), console
        self._first, self._poll_seconds, self._settle_seconds = first, poll_seconds, settle_seconds
        self._said = ""

    def run(self, once: bool = False) -> None:
        """Goes on for ever, or with `once` until everything that has landed is done.

        Raises:
            Busy: another process watches this shop.
            SpanFailed: with `once`, a span failed or has to wait for an older one.
        """
        failures = 0
        with lock.held(self._config.run_dir / "watch.lock", f"a watch of {self._config.name}"):
            while True:
                span = self.next_span()
                if span is None and once:
                    self._say("Every span that has landed is done.")
                    return
                missing = None if span is None else self._missing_before(span)
                if missing is not None:
                    why = (
                        f"Span {span} waits for span {missing}, whose folder is there but has not landed. "
                        "To leave it out, move its folder away."
                    )
                    if once:
                        raise SpanFailed(why)
                    self._say_once(why)
                if span is None or missing is not None:
                    time.sleep(self._poll_seconds)
                    continue
                try:
                    self._run_span(span)
                    failures = 0
                except SpanFailed as error:
                    if once:
                        raise
                    failures += 1
                    pause = min(_FIRST_PAUSE * 2 ** (failures - 1), _LONGEST_PAUSE)
                    self._say(f"{error}\nSpan {span} is tried again in {pause:g} s; later spans wait for it.")
                    time.sleep(pause)

    def next_span(self) -> int | None:
        """The oldest span that has landed since the newest that is finished; None if there is none."""
        data = self._config.data
        landed = [
            span
            for span in self._landed()
            if (data.first_span or 0) <= span and (data.last_span is None or span <= data.last_span)
        ]
        done = span_record.finished(self._config)
        if done:
            landed = [span for span in landed if span > max(done)]
        elif self._first is None:
            landed = landed[-1:]  # a model of the newest window is worth more than one of each week that has passed
        else:
            landed = [span for span in landed if span >= self._first]
        return min(landed, default=None)

    def _missing_before(self, span: int) -> int | None:
        """A span of the window before this one that has not landed: it would be read in part, and never be run."""
        first, landed = spans.window(self._config, span).data.first_span, self._landed()
        there = spans.numbers(self._config.data.root)
        return next((n for n in there if first <= n < span and n not in landed), None)

    def _landed(self) -> list[int]:
        return landing.landed(os.path.join(self._config.data.root, "events"), self._settle_seconds)

    def _run_span(self, span: int) -> None:
        """Runs the pipeline for a span.

        Raises:
            SpanFailed: it did not come to its end.
        """
        self._say(f"Span {span} has landed.")
        words = [sys.executable, "-m", "pipeline.cli", "run", *self._arguments, "--span", str(span)]
        code, said = _run(die_with_parent.command(*words))
        version = span_record.finished(self._config).get(span)
        if version is None:
            how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
            raise SpanFailed(f"The run of span {span} {how}: {said or 'it said nothing'}")
        self._say(f"Span {span} is done: " + (f"version {version}." if version else "the model was refused."))

    def _say(self, what: str) -> None:
        self._said = what
        line = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {what}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _say_once(self, what: str) -> None:
        if what != self._said:
            self._say(what)


class _Ended(NamedTuple):
    code: int
    said: str


def _run(command: list[str]) -> _Ended:
    """Runs a command that writes to our output; returns its status and what it wrote to its standard error."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stderr), daemon=True)
    reader.start()
    try:
        code = process.wait()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
        raise
    reader.join()
    return _Ended(code, "".join(lines).strip())
