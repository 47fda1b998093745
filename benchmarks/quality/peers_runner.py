"""Runs the methods of others: one process a method and parameter set, in an environment of their own.

An answer is kept under a name made of the problem's content, the parameters and the peers' code and requirements, so
that nothing is computed twice and nothing stale is ever judged.
"""

import json
import pathlib
import subprocess
import sys
from collections.abc import Iterator, Sequence

import numpy as np
from rich.progress import Progress

from benchmarks.quality.answer import Answer, read
from benchmarks.quality.judge import judge
from benchmarks.quality.problem import Problem, digest

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_PACKAGE = pathlib.Path(__file__).resolve().parent / "peers"
_LOCK = _PACKAGE / "requirements.lock"
_LAST_LINES = 15
CHOSEN_BY = "ndcg@10"


class PeerFailed(RuntimeError):
    """A peer, or the making of their environment, ended with an error; the message holds what it printed last."""


class Peers:
    """The peers' command line, and the answers that it gave so far."""

    def __init__(self, python: pathlib.Path, folder: pathlib.Path, package: pathlib.Path = _PACKAGE):
        """Prepares.

        Args:
            python: interpreter of the peers' environment.
            folder: where problems and answers are kept.
            package: the Python package that is run.
        """
        self._python = python
        self._folder = folder
        self._package = package
        code = sorted(path for path in package.rglob("*") if path.suffix in (".py", ".lock"))
        self._code = digest(*(text for path in code for text in (path.name, path)))

    def grids(self) -> dict[str, list[dict]]:
        """Parameter sets to choose from, by method.

        Raises:
            PeerFailed: the peers cannot be started.
        """
        return json.loads(self._run("--list"))

    def best_answers(self, methods: Sequence[str], reported: Problem, earlier: Problem) -> Iterator[Answer]:
        """Each method's answer to the reported problem, with the parameters that do best on the earlier one.

        Raises:
            PeerFailed: a method is unknown or ended with an error.
            BadAnswer: an answer breaks the rules of its problem.
        """
        grids = self.grids()
        if unknown := sorted(set(methods) - set(grids)):
            raise PeerFailed(f"there is no method {', '.join(unknown)}; there are {', '.join(grids)}")
        reported_folder, earlier_folder = (problem.write(self._folder / "problems") for problem in (reported, earlier))
        with Progress(transient=True) as progress:
            bar = progress.add_task("peers", total=sum(len(grids[method]) + 1 for method in methods))
            for method in methods:
                values = []
                for parameters in grids[method]:
                    progress.update(bar, description=f"{method} {json.dumps(parameters)} on the earlier problem")
                    found = judge(self._answer(method, parameters, earlier, earlier_folder), earlier)
                    values.append(found[CHOSEN_BY].mean())
                    progress.advance(bar)
                parameters = grids[method][int(np.argmax(values))]
                progress.update(bar, description=f"{method} {json.dumps(parameters)} on the reported problem")
                yield self._answer(method, parameters, reported, reported_folder)
                progress.advance(bar)

    def answer_folder(self, method: str, parameters: dict, problem_folder: pathlib.Path) -> pathlib.Path:
        """Where the answer with these parameters is kept."""
        name = digest(problem_folder.name, json.dumps(parameters, sort_keys=True), self._code)
        return self._folder / "answers" / f"{method}-{name}"

    def _answer(self, method: str, parameters: dict, problem: Problem, problem_folder: pathlib.Path) -> Answer:
        folder = self.answer_folder(method, parameters, problem_folder)
        if not (folder / "report.json").exists():
            self._run(method, problem_folder.resolve(), folder.resolve(), "--parameters", json.dumps(parameters))
        return read(folder, problem)

    def _run(self, *arguments: str | pathlib.Path) -> str:
        command = [str(self._python.absolute()), "-m", self._package.name, *map(str, arguments)]
        return _output(command, self._package.parent)


def environment(folder: pathlib.Path) -> pathlib.Path:
    """The interpreter of the peers' environment, which is made first where it is missing or stale.

    Raises:
        PeerFailed: it cannot be made.
    """
    command = [sys.executable, str(_ROOT / "tools" / "create_environment.py"), str(folder), "--lock", str(_LOCK)]
    if subprocess.run(command, check=False).returncode:
        raise PeerFailed(f"the environment of the peers could not be made in {folder}; the reason stands above")
    return folder / "bin" / "python"


def _output(command: list[str], folder: pathlib.Path) -> str:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        last = "\n".join(result.stderr.splitlines()[-_LAST_LINES:])
        raise PeerFailed(f"`{' '.join(command)}` failed:\n{last}")
    return result.stdout
