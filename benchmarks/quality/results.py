"""What was measured on one problem: typed, written as JSON, laid out as a table."""

import datetime
import importlib.metadata
import os
import pathlib
import platform
import tempfile
from collections.abc import Mapping

import numpy as np
import pydantic

from benchmarks.quality import intervals, lists
from benchmarks.quality.answer import SHELFWISE, Answer, Report
from benchmarks.quality.intervals import Figure
from benchmarks.quality.judge import judge
from benchmarks.quality.problem import Problem

_PACKAGES = ("tensorflow", "tfx", "numpy", "scipy", "pandas")


class Machine(pydantic.BaseModel):
    """What the times were measured on."""

    processor: str
    cores: int
    memory_gib: float


class Method(pydantic.BaseModel):
    """A method with its figures by name."""

    report: Report
    figures: dict[str, Figure]


class Difference(pydantic.BaseModel):
    """How much better Shelfwise is than the peer that is best at one metric, user by user."""

    peer: str
    figure: Figure


class GrpcCheck(pydantic.BaseModel):
    """How many of the users asked over gRPC got the list that the same model gave in process.

    `tied` got it but for the order of items whose scores differ by rounding only: a batch of another size is summed in
    another order.
    """

    asked: int
    equal: int
    tied: int


class Result(pydantic.BaseModel):
    """A table of the benchmark; `published` holds figures of others on the same protocol, not measured here."""

    problem: str
    date: datetime.date
    seed: int
    machine: Machine
    versions: dict[str, str]
    users: dict[str, int]  # by task
    catalogue: int
    methods: dict[str, Method]
    differences: dict[str, Difference]
    over_grpc: GrpcCheck | None
    published: dict[str, dict[str, float]]


def judged(
    problem: Problem,
    answers: Mapping[str, Answer],
    over_grpc: GrpcCheck | None,
    published: dict[str, dict[str, float]],
) -> Result:
    """Judges all answers to one problem alike."""
    values = {name: judge(answer, problem) for name, answer in answers.items()}
    return Result(
        problem=problem.name,
        date=datetime.datetime.now(datetime.UTC).date(),
        seed=problem.seed,
        machine=_machine(),
        versions={"python": platform.python_version()} | {p: importlib.metadata.version(p) for p in _PACKAGES},
        users={task: len(problem.answers(task)) for task in problem.tasks},
        catalogue=len(problem.items),
        methods={
            name: Method(report=answer.report, figures=_figures(values[name], answer, problem))
            for name, answer in answers.items()
        },
        differences=_differences(values, problem.seed),
        over_grpc=over_grpc,
        published=published,
    )


def _figures(values: Mapping[str, np.ndarray], answer: Answer, problem: Problem) -> dict[str, Figure]:
    figures = {name: intervals.mean(of_users, problem.seed) for name, of_users in values.items() if len(of_users)}
    return figures | {f"coverage@{lists.LENGTH}": Figure(value=lists.coverage(answer.lists["all"], problem))}


def _differences(values: Mapping[str, Mapping[str, np.ndarray]], seed: int) -> dict[str, Difference]:
    ours, peers = values.get(SHELFWISE, {}), {name: found for name, found in values.items() if name != SHELFWISE}
    differences = {}
    for metric in (name for name in ours if name not in lists.PROPERTIES):
        rivals = {name: found[metric] for name, found in peers.items() if metric in found}
        if rivals:
            best = max(rivals, key=lambda name: rivals[name].mean())
            differences[metric] = Difference(peer=best, figure=intervals.mean(ours[metric] - rivals[best], seed))
    return differences


def _machine() -> Machine:
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        processor=models[0] if models else platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(memory / 2**30, 1),
    )


def write(result: Result, folder: pathlib.Path) -> pathlib.Path:
    """Writes the result as `<problem>.json`, whole or not at all; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.problem}.json"
    with tempfile.TemporaryDirectory(prefix=".result-", dir=folder) as aside:
        new = pathlib.Path(aside, path.name)
        new.write_text(result.model_dump_json(indent=2) + "\n")
        os.replace(new, path)
    return path
