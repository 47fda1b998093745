"""What is asked of every method: a log cut at a moment, and the users to recommend to.

Two tasks are judged where items are taken again and again (`repeats`): `all` items, and `first_time` items, where what
the user took before is neither listed nor relevant. Without repeats, lists of `all` never hold what the user has seen.
"""

import functools
import hashlib
import json
import os
import pathlib
import tempfile
from dataclasses import dataclass
from typing import Literal

import pandas as pd

LIST_LENGTH = 100
Task = Literal["all", "first_time"]
_PAST_COLUMNS = ["user_id", "item_id", "timestamp", "session_id", "quantity", "value"]


@dataclass(frozen=True)
class Problem:
    """One question to every method, with its answer key.

    Attributes:
        name: of the dataset.
        moment: when the lists are asked for, in seconds.
        window_days: how long after the moment counts as relevant; None where the split is not by time.
        repeats: whether items that were taken before may be listed and be relevant.
        seed: of every method that draws.
        past: positive events strictly before the moment, oldest first, in the columns of the events table.
        items: the catalogue, in the columns of the items table.
        category: the column of `items` that diversity compares.
        relevant: by user, what turned out relevant; users without any are not asked for.
        metrics: what is reported of the lists, by the names of the judge.
    """

    name: str
    moment: int
    window_days: int | None
    repeats: bool
    seed: int
    past: pd.DataFrame
    items: pd.DataFrame
    category: str
    relevant: dict[str, set[str]]
    metrics: tuple[str, ...]

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What is judged."""
        return ("all", "first_time") if self.repeats else ("all",)

    @property
    def queries(self) -> list[str]:
        """The users to recommend to, sorted."""
        return sorted(self.relevant)

    @functools.cached_property
    def catalogue(self) -> frozenset[str]:
        """The items that may be listed."""
        return frozenset(self.items["item_id"])

    @functools.cached_property
    def taken(self) -> dict[str, set[str]]:
        """By user, the items of the past."""
        return items_by_user(self.past)

    def answers(self, task: Task) -> dict[str, set[str]]:
        """By user, in the order of `queries`, what is relevant in a task; users without any are left out."""
        answers = {
            user: self.relevant[user] - self.taken.get(user, set()) if task == "first_time" else self.relevant[user]
            for user in self.queries
        }
        return {user: items for user, items in answers.items() if items}

    def excluded(self, task: Task, user: str) -> set[str]:
        """What must not be in a user's list."""
        return set() if self.repeats and task == "all" else self.taken.get(user, set())

    def write(self, parent: pathlib.Path) -> pathlib.Path:
        """Writes what a peer may see into a folder named after its content, unless that exists already.

        Returns:
            The folder: problem.json, past.parquet, items.parquet and queries.parquet.
        """
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".problem-", dir=parent) as workspace:
            aside = pathlib.Path(workspace, "new")
            aside.mkdir()
            description = {"name": self.name, "moment": self.moment, "window_days": self.window_days}
            description |= {"list_length": LIST_LENGTH, "repeats": self.repeats, "seed": self.seed}
            (aside / "problem.json").write_text(json.dumps(description, indent=2) + "\n")
            columns = [name for name in _PAST_COLUMNS if name in self.past]
            self.past[columns].to_parquet(aside / "past.parquet", index=False)
            self.items.to_parquet(aside / "items.parquet", index=False)
            pd.DataFrame({"user_id": self.queries}).to_parquet(aside / "queries.parquet", index=False)
            folder = parent / f"{self.name}-{digest(*sorted(aside.iterdir()))}"
            if not folder.exists():
                os.replace(aside, folder)
        return folder


def items_by_user(events: pd.DataFrame) -> dict[str, set[str]]:
    """The distinct items of each user."""
    return events.groupby("user_id")["item_id"].agg(set).to_dict()


def digest(*parts: pathlib.Path | str) -> str:
    """A short name for the content of files and strings, in their order."""
    sha256 = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, pathlib.Path) else part.encode()
        sha256.update(len(content).to_bytes(8) + content)
    return sha256.hexdigest()[:16]
