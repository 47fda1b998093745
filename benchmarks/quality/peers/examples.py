"""Training examples for a ranker, cut out of the past the way that the problem itself was cut."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from .features import Features, Pairs
from .problem import DAY_SECONDS, Log, Problem, ProblemError

_HELD_OUT = 0.25  # of the events, where the problem holds out events at random


def shared_kinds(item_columns: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """The text columns whose values ten items share on average: their values as positions (-1: none), and names."""
    names = [
        name
        for name in item_columns
        if item_columns[name].dtype == object and item_columns[name].nunique() <= len(item_columns) / 10
    ]
    codes = [pd.factorize(item_columns[name])[0] for name in names]
    return np.stack(codes, axis=1) if codes else np.empty((len(item_columns), 0), np.int64), names


def cuts(problem: Problem, windows: int) -> Iterator[tuple[Log, Log]]:
    """What was known and what came after, as the problem itself splits them: by time, or at random."""
    log, generator = problem.log, np.random.default_rng(problem.seed)
    for window in range(1, windows + 1):
        if problem.window_days is None:
            held_out = generator.random(len(log.user)) < _HELD_OUT
            known, later = log.where(~held_out), log.where(held_out)
        else:
            seconds = problem.window_days * DAY_SECONDS
            moment = log.moment - window * seconds
            known, later = log.before(moment), log.before(moment + seconds).since(moment)
        if not len(known.user) or not len(later.user):
            raise ProblemError(f"the past has no events before or in window {window}; learn from fewer windows")
        yield known, later


def labelled(candidates: Pairs, features: Features, later: Log) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Features, whether the pair is in `later`, and pairs a user; users whose candidates are all wrong are left out."""
    width = later.shape[1]
    labels = np.isin(candidates.user * width + candidates.item, later.user * width + later.item)
    useful = np.isin(candidates.user, candidates.user[labels])
    kept = Pairs(*(column[useful] for column in candidates))
    starts = np.flatnonzero(np.diff(kept.user, prepend=-1))
    return features.of(kept), labels[useful].astype(np.int8), np.diff(starts, append=len(kept.user))
