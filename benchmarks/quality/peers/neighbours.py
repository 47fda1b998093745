"""Item-kNN of `implicit`: what is taken by the users who take what this user takes."""

import numpy as np
import scipy.sparse as sp
from implicit import nearest_neighbours as nn

from .answers import Scorer
from .problem import Log, Problem, ProblemError

_RECOMMENDERS = {"cosine": nn.CosineRecommender, "tfidf": nn.TFIDFRecommender, "bm25": nn.BM25Recommender}


def item_knn(
    problem: Problem, weighting: str = "cosine", neighbours: int = 100, weekly_decay: float = 1.0, damped: bool = True
) -> Scorer:
    """Sums the similarities of each item to what the user took.

    Args:
        weighting: of the user-item matrix that items are compared by; cosine, tfidf or bm25.
        neighbours: kept an item, itself among them.
        weekly_decay: how much less a purchase of the user counts a week later.
        damped: compare items by log(1 + times taken) and sum over such, instead of over the times themselves.
    """
    weights = user_weights(problem.log, weekly_decay, damped)
    similarity = item_similarity(user_weights(problem.log, 1.0, damped), weighting, neighbours)

    def score(users: np.ndarray, new_only: bool) -> np.ndarray:
        scores = (weights[users] @ similarity).toarray()
        scores[scores <= 0] = -np.inf
        return scores

    return score


def user_weights(log: Log, weekly_decay: float, damped: bool) -> sp.csr_matrix:
    """float32 `[users, items]`: (decayed) times taken, or the logarithm of one more."""
    counts = log.counts(weekly_decay)
    return counts.log1p() if damped else counts


def item_similarity(weights: sp.csr_matrix, weighting: str, neighbours: int) -> sp.csr_matrix:
    """float32 `[items, items]`: a row has the `neighbours` items that are most like its item.

    Raises:
        ProblemError: there is no such weighting.
    """
    if weighting not in _RECOMMENDERS:
        raise ProblemError(f"there is no weighting {weighting!r}; there are {', '.join(_RECOMMENDERS)}")
    model = _RECOMMENDERS[weighting](K=neighbours)
    model.fit(weights.astype(np.float64), show_progress=False)
    return model.similarity.astype(np.float32)
