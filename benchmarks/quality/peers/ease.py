"""EASE: Steck, Embarrassingly Shallow Autoencoders for Sparse Data (2019), in closed form."""

import numpy as np
from scipy.linalg import lapack

from .answers import Scorer
from .problem import Problem


def ease(
    problem: Problem, items: int = 5_000, regularization: float = 500.0, weekly_decay: float = 1.0, binary: bool = True
) -> Scorer:
    """Predicts what a user takes from what they took, by a linear map of items to items with a zero diagonal.

    The map needs the inverse of a dense matrix, so it covers only the most popular items, in float32: 10,000 take
    400 MB a copy.

    Args:
        items: how many, the most popular ones; the others are never scored.
        regularization: of the squared weights.
        weekly_decay: how much less a purchase counts a week later.
        binary: learn from whether a user took an item, not from how often; `weekly_decay` then serves scoring only.
    """
    covered = np.sort(np.argsort(-problem.log.popularity(), kind="stable")[:items])
    counts = problem.log.counts(weekly_decay)[:, covered]
    taken = counts.sign() if binary else counts
    weights = item_weights((taken.T @ taken).toarray(), regularization)

    def score(users: np.ndarray, new_only: bool) -> np.ndarray:
        known = counts[users]
        scores = np.full((len(users), problem.log.shape[1]), -np.inf, np.float32)
        scores[:, covered] = np.where(known.getnnz(axis=1)[:, None] > 0, known @ weights, -np.inf)
        return scores

    return score


def item_weights(gram: np.ndarray, regularization: float) -> np.ndarray:
    """The map B `[items, items]` that minimises |X - XB|^2 + regularization |B|^2 with a zero diagonal.

    Args:
        gram: X'X, float32 `[items, items]`; overwritten.
    """
    diagonal = np.diag_indices_from(gram)
    gram[diagonal] += regularization
    factor, failed = lapack.spotrf(np.asfortranarray(gram), overwrite_a=True, lower=True)
    if failed:
        raise np.linalg.LinAlgError("the Gram matrix is not positive definite; raise the regularization")
    inverse, _ = lapack.spotri(factor, overwrite_c=True, lower=True)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    weights = inverse / -np.diag(inverse)
    weights[diagonal] = 0.0
    return weights
