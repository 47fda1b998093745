"""Counting: what everyone takes, and what each user takes."""

import numpy as np

from .answers import Scorer
from .problem import DAY_SECONDS, Problem


def popularity(problem: Problem, days: int | None = 28) -> Scorer:
    """What was taken most often in the newest `days` (None: ever), the same for everyone."""
    log = problem.log if days is None else problem.log.since(problem.log.moment - days * DAY_SECONDS)
    counts = log.popularity().astype(np.float32)
    counts[counts == 0] = -np.inf
    return lambda users, new_only: np.broadcast_to(counts, (len(users), len(counts)))


def own_frequency(problem: Problem, weekly_decay: float = 0.95) -> Scorer:
    """What each user took most often, each time weighted by `weekly_decay` a week of age; nothing else is listed."""
    counts = problem.log.counts(weekly_decay)

    def score(users: np.ndarray, new_only: bool) -> np.ndarray:
        scores = counts[users].toarray()
        scores[scores == 0] = -np.inf
        return scores

    return score
