"""A problem folder as arrays: what was bought before a moment, and whom to recommend to."""

import json
import pathlib
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import scipy.sparse as sp

DAY_SECONDS = 86_400
WEEK_SECONDS = 7 * DAY_SECONDS


class ProblemError(ValueError):
    """The problem folder, the method or its parameters cannot be used; the message names what and the remedy."""


@dataclass(frozen=True)
class Log:
    """Positive events, oldest first; users, items and baskets are positions from 0.

    Attributes:
        user, item, basket: int64 `[events]`. A basket is one visit of one user; later visits have higher positions.
        timestamp: int64 `[events]`, in seconds.
        moment: when the recommendations are asked for, in seconds; every event is older.
        shape: numbers of users and items, whether or not they have events.
    """

    user: np.ndarray
    item: np.ndarray
    basket: np.ndarray
    timestamp: np.ndarray
    moment: int
    shape: tuple[int, int]

    def before(self, moment: int) -> "Log":
        """The log as it was known at `moment`."""
        return replace(self.where(self.timestamp < moment), moment=min(moment, self.moment))

    def since(self, moment: int) -> "Log":
        """Only the events at `moment` or later."""
        return self.where(self.timestamp >= moment)

    def where(self, kept: np.ndarray) -> "Log":
        """Only the events where `kept`, bool `[events]`, is true."""
        columns = (column[kept] for column in (self.user, self.item, self.basket, self.timestamp))
        return Log(*columns, self.moment, self.shape)

    def weights(self, weekly_decay: float) -> np.ndarray:
        """float64 `[events]`: `weekly_decay` to the power of the event's age at the log's moment in weeks."""
        return weekly_decay ** ((self.moment - self.timestamp) / WEEK_SECONDS)

    def counts(self, weekly_decay: float = 1.0) -> sp.csr_matrix:
        """float32 `[users, items]`: how often each user took each item, each time weighted by its age."""
        events = (self.weights(weekly_decay).astype(np.float32), (self.user, self.item))
        return sp.coo_matrix(events, self.shape).tocsr()

    def popularity(self) -> np.ndarray:
        """int64 `[items]`: events an item."""
        return np.bincount(self.item, minlength=self.shape[1])


@dataclass(frozen=True)
class Problem:
    """What a peer is given.

    Attributes:
        window_days: length of the window that the lists are judged on; None where held-out events are drawn at random.
        list_length: items a list, at most.
        repeats: whether a list may hold items that the user has taken before.
        users: ids by position, of the log's and the queries' users.
        items: ids by position, of every item in the log; no other is ever recommended.
        item_columns: one row an item in the order of `items`, with the shop's columns, indexed by id.
        queries: int64 positions of the users to recommend to.
    """

    name: str
    window_days: int | None
    list_length: int
    repeats: bool
    seed: int
    log: Log
    users: np.ndarray
    items: np.ndarray
    item_columns: pd.DataFrame
    queries: np.ndarray


def read(folder: pathlib.Path) -> Problem:
    """The problem in `folder`.

    Raises:
        ProblemError: a file, key or column is missing, or an event is as new as the moment or newer.
    """
    about = _settings(folder / "problem.json")
    past = _table(folder / "past.parquet", ["user_id", "item_id", "timestamp"])
    items = _table(folder / "items.parquet", ["item_id"]).drop_duplicates("item_id").set_index("item_id")
    asked = _table(folder / "queries.parquet", ["user_id"])["user_id"]
    if past.empty:
        raise ProblemError(f"{folder / 'past.parquet'} has no events; nothing can be learnt from it")
    if (newest := past["timestamp"].max()) >= about["moment"]:
        raise ProblemError(f"{folder / 'past.parquet'} has an event at {newest}, not before moment {about['moment']}")
    past = past.sort_values("timestamp", kind="stable")
    user, users = pd.factorize(pd.concat([past["user_id"], asked], ignore_index=True))
    item, catalogue = pd.factorize(past["item_id"])
    log = Log(
        user=user[: len(past)],
        item=item,
        basket=_baskets(past),
        timestamp=past["timestamp"].to_numpy(np.int64),
        moment=about["moment"],
        shape=(len(users), len(catalogue)),
    )
    return Problem(
        **{key: about[key] for key in ("name", "window_days", "list_length", "repeats", "seed")},
        log=log,
        users=users.to_numpy(object),
        items=catalogue.to_numpy(object),
        item_columns=items.reindex(catalogue),
        queries=user[len(past) :],
    )


def _settings(path: pathlib.Path) -> dict:
    if not path.is_file():
        raise ProblemError(f"{path} is missing; a problem folder has it beside its tables")
    try:
        about = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise ProblemError(f"{path} is no JSON: {error}") from error
    needed = ("name", "moment", "window_days", "list_length", "repeats", "seed")
    if missing := [key for key in needed if key not in about]:
        raise ProblemError(f"{path} has no {missing[0]!r}; it needs {', '.join(needed)}")
    return about


def _table(path: pathlib.Path, columns: list[str]) -> pd.DataFrame:
    if not path.is_file():
        raise ProblemError(f"{path} is missing; a problem folder has past, items and queries as Parquet")
    table = pd.read_parquet(path)
    if missing := [column for column in columns if column not in table]:
        raise ProblemError(f"{path} has no column {missing[0]!r}; it needs {', '.join(columns)}")
    return table


def _baskets(past: pd.DataFrame) -> np.ndarray:
    """Position of each event's basket by its first event; without sessions, a user's day is one."""
    visit = past["session_id"] if "session_id" in past else past["timestamp"] // DAY_SECONDS
    return past.groupby([past["user_id"], visit], sort=False).ngroup().to_numpy(np.int64)
