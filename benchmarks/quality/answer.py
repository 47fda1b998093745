"""What a method answered to a problem: lists, and what they cost; read from files and checked before it is judged."""

import pathlib
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import pydantic

from benchmarks.quality.problem import LIST_LENGTH, Problem, Task

SHELFWISE = "shelfwise"  # the method that is ours


class BadAnswer(ValueError):
    """An answer that breaks the rules of its problem; the message names the file and what is wrong."""


class Report(pydantic.BaseModel):
    """How the lists came about; None where a cost was not measured."""

    method: str
    library: str
    parameters: dict[str, object]
    training_seconds: float | None
    inference_seconds_a_user: float
    peak_memory_mib: float | None


@dataclass(frozen=True)
class Answer:
    """A method's lists, best first, by task and user; a method that does not take part in a task has no lists there."""

    report: Report
    lists: dict[Task, dict[str, Sequence[str]]]


def read(folder: pathlib.Path, problem: Problem) -> Answer:
    """Reads the answer that a peer wrote.

    Raises:
        BadAnswer: a file is missing or malformed.
    """
    try:
        report = Report.model_validate_json((folder / "report.json").read_text())
        lists = {task: _lists(folder / f"{task}.parquet") for task in problem.tasks}
    except (OSError, ValueError, KeyError) as error:
        raise BadAnswer(f"{folder} cannot be read: {error}") from error
    return Answer(report, {task: by_user for task, by_user in lists.items() if by_user})


def _lists(path: pathlib.Path) -> dict[str, Sequence[str]]:
    rows = pd.read_parquet(path, columns=["user_id", "rank", "item_id"]).sort_values(["user_id", "rank"])
    return rows.groupby("user_id")["item_id"].agg(list).to_dict()


def check(answer: Answer, problem: Problem) -> None:
    """Refuses lists that the problem does not allow.

    Raises:
        BadAnswer: a list is not asked for, too long, repeats an item, or holds one that is unknown or excluded.
    """
    for task, by_user in answer.lists.items():
        for user, items in by_user.items():
            where = f"{answer.report.method}, task {task}, user {user}"
            if user not in problem.relevant:
                raise BadAnswer(f"{where}: the problem does not ask for this user")
            if len(items) > LIST_LENGTH or len(set(items)) < len(items):
                raise BadAnswer(f"{where}: a list has up to {LIST_LENGTH} items, each once; this one has {len(items)}")
            if unknown := set(items) - problem.catalogue:
                raise BadAnswer(f"{where}: the list holds {min(unknown)}, which the catalogue lacks")
            if forbidden := problem.excluded(task, user).intersection(items):
                raise BadAnswer(f"{where}: the list holds {min(forbidden)}, which the user took before")
