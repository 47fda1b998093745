"""The command line: one method answers one problem in one process."""

import argparse
import json
import pathlib
import resource
import sys
import time

from . import answers, problem
from .methods import METHODS


def main(arguments: list[str] | None = None) -> int:
    """Writes the answer, or prints the grids; returns the exit code, 2 for a wrong call or problem."""
    options = _parser().parse_args(arguments)
    if options.list:
        print(json.dumps({name: method.grid for name, method in METHODS.items()}, indent=2))
        return 0
    try:
        _answer(options)
    except problem.ProblemError as error:
        print(f"peers: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("peers", description=__doc__)
    parser.add_argument("--list", action="store_true", help="print every method with its parameter grid, as JSON")
    parser.add_argument("method", nargs="?", help=", ".join(METHODS))
    parser.add_argument("problem", nargs="?", type=pathlib.Path, help="folder with problem.json and its tables")
    parser.add_argument("answer", nargs="?", type=pathlib.Path, help="folder to write")
    parser.add_argument("--parameters", help="JSON object; the first set of the method's grid by default")
    return parser


def _answer(options: argparse.Namespace) -> None:
    if options.answer is None:
        raise problem.ProblemError("METHOD, PROBLEM_DIR and ANSWER_DIR are needed; --list prints the methods")
    if options.method not in METHODS:
        raise problem.ProblemError(f"there is no method {options.method!r}; there are {', '.join(METHODS)}")
    method = METHODS[options.method]
    parameters = method.grid[0] if options.parameters is None else _parameters(options.parameters)
    task = problem.read(options.problem)

    started = time.monotonic()
    scorer = method.train(task, parameters)
    trained = time.monotonic()
    tables = {"all": answers.lists(task, scorer, not task.repeats, method.own_items_only)}
    listed = time.monotonic()
    if task.repeats:
        tables["first_time"] = answers.lists(task, scorer, True, method.own_items_only)
    report = {
        "method": options.method,
        "library": method.library,
        "parameters": parameters,
        "training_seconds": trained - started,
        "inference_seconds_a_user": (listed - trained) / max(len(task.queries), 1),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    answers.write(options.answer, tables, report)


def _parameters(text: str) -> dict:
    try:
        parameters = json.loads(text)
    except json.JSONDecodeError as error:
        raise problem.ProblemError(f"--parameters is no JSON: {error}") from error
    if not isinstance(parameters, dict):
        raise problem.ProblemError(f"--parameters must be a JSON object, not {text}")
    return parameters


if __name__ == "__main__":
    sys.exit(main())
