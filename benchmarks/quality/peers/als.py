"""ALS of `implicit`: Hu, Koren and Volinsky, Collaborative Filtering for Implicit Feedback Datasets (2008)."""

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.nearest_neighbours import bm25_weight, tfidf_weight

from .answers import Scorer
from .problem import Problem, ProblemError

_WEIGHTINGS = {"none": lambda counts: counts, "bm25": bm25_weight, "tfidf": tfidf_weight}


def als(
    problem: Problem,
    factors: int = 64,
    regularization: float = 0.01,
    alpha: float = 1.0,
    iterations: int = 15,
    weighting: str = "bm25",
    weekly_decay: float = 1.0,
) -> Scorer:
    """Alternating least squares on weighted, possibly decayed counts.

    Raises:
        ProblemError: there is no such weighting.
    """
    if weighting not in _WEIGHTINGS:
        raise ProblemError(f"there is no weighting {weighting!r}; there are {', '.join(_WEIGHTINGS)}")
    model = AlternatingLeastSquares(
        factors, regularization, alpha, iterations=iterations, random_state=problem.seed, num_threads=1
    )
    weights = _WEIGHTINGS[weighting](problem.log.counts(weekly_decay)).tocsr().astype(np.float32)
    model.fit(weights, show_progress=False)
    known = problem.log.counts().getnnz(axis=1) > 0

    def score(users: np.ndarray, new_only: bool) -> np.ndarray:
        return np.where(known[users, None], model.user_factors[users] @ model.item_factors.T, -np.inf)

    return score
