"""From a peer's scores to the answer folder: the best items a user, written as tables."""

import json
import pathlib
import shutil
import tempfile
from collections.abc import Callable

import numpy as np
import pandas as pd
from tqdm import tqdm

from .problem import Problem, ProblemError

# (users, new_only) -> float32 [users, items]. An item at -inf is not recommended. With `new_only`, items that the user
# has taken before are left out afterwards; a peer may answer both questions alike.
Scorer = Callable[[np.ndarray, bool], np.ndarray]

_BATCH = 128  # users; 128 x 68,000 scores are 35 MB
_REPORT = "report.json"


def lists(problem: Problem, score: Scorer, new_only: bool, own_items_only: bool = False) -> pd.DataFrame:
    """The `list_length` best items of each query; a list that the scorer leaves short goes on with what is popular.

    Args:
        new_only: leave out what the user has taken before.
        own_items_only: the scorer means its lists to be short. Only a user without any past gets what is popular then,
            and nobody does with `new_only`.

    Returns:
        Rows (user_id, rank, item_id) in the order of the queries; rank is int32, 0 is best.
    """
    popular = problem.log.popularity().astype(np.float64)
    seen = problem.log.counts()
    starts = range(0, len(problem.queries), _BATCH)
    batches = (problem.queries[start : start + _BATCH] for start in starts)
    rows = []
    for users in tqdm(batches, "recommending", len(starts), unit="batch"):
        scores = score(users, new_only)
        for user, row in zip(users, scores, strict=True):
            excluded = seen[user].indices if new_only else np.array([], np.int64)
            filled = not own_items_only or not (new_only or seen[user].nnz)
            rows.append(_best(row, excluded, popular, problem.list_length, filled))
    return _table(problem, rows)


def _best(scores: np.ndarray, excluded: np.ndarray, popular: np.ndarray, length: int, filled: bool) -> np.ndarray:
    """Positions of the best-scored items, best first, then of the most popular ones; ties go to the lower position."""
    scores = scores.copy()
    scores[excluded] = -np.inf
    best = _top(scores, length)
    if not filled or len(best) == length:
        return best
    rest = popular.copy()
    rest[excluded] = rest[best] = -np.inf
    return np.concatenate([best, _top(rest, length - len(best))])


def _top(scores: np.ndarray, length: int) -> np.ndarray:
    candidates = np.flatnonzero(scores > -np.inf)
    if length < len(candidates):
        threshold = np.partition(scores[candidates], -length)[-length]
        candidates = candidates[scores[candidates] >= threshold]
    return candidates[np.argsort(-scores[candidates], kind="stable")][:length]


def _table(problem: Problem, rows: list[np.ndarray]) -> pd.DataFrame:
    lengths = [len(row) for row in rows]
    return pd.DataFrame(
        {
            "user_id": np.repeat(problem.users[problem.queries], lengths),
            "rank": np.concatenate([np.arange(length, dtype=np.int32) for length in lengths]),
            "item_id": problem.items[np.concatenate(rows).astype(np.int64)],
        }
    )


def write(folder: pathlib.Path, tables: dict[str, pd.DataFrame], report: dict) -> None:
    """Writes each table as `<name>.parquet` and the report, all or nothing; an earlier answer is replaced.

    Raises:
        ProblemError: `folder` holds something that is no answer.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / _REPORT).is_file():
        raise ProblemError(f"{folder} holds something else than an answer; give a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as aside:
        complete = pathlib.Path(aside) / folder.name
        complete.mkdir()
        for name, table in tables.items():
            table.to_parquet(complete / f"{name}.parquet", index=False)
        (complete / _REPORT).write_text(json.dumps(report, indent=2) + "\n")
        if folder.exists():
            shutil.rmtree(folder)
        complete.rename(folder)
