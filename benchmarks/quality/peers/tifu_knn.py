"""TIFU-KNN by Hu, He, Gao and Zhang: Modeling Personalized Item Frequency Information (2020)."""

import numpy as np
import scipy.sparse as sp

from .answers import Scorer
from .problem import Log, Problem

_BLOCK = 512  # users whose distances to all others are held at once


def tifu_knn(
    problem: Problem,
    neighbours: int = 300,
    groups: int = 7,
    within_decay: float = 0.9,
    group_decay: float = 0.7,
    alpha: float = 0.7,
) -> Scorer:
    """A user's own time-decayed item frequencies, mixed with the mean of the nearest users'.

    Args:
        neighbours: users, nearest by Euclidean distance, the user apart.
        groups: consecutive baskets are put into so many groups of about equal size.
        within_decay: how much less a basket counts than the next one of its group.
        group_decay: how much less a group counts than the next one.
        alpha: share of the own frequencies in the mixture.
    """
    vectors = user_vectors(problem.log, groups, within_decay, group_decay)
    averages = neighbour_averages(vectors, neighbours)

    def score(users: np.ndarray, new_only: bool) -> np.ndarray:
        known = vectors[users].getnnz(axis=1)[:, None] > 0
        mean = averages[users] @ vectors
        scores = (alpha * vectors[users] + (1 - alpha) * mean).toarray()
        scores[~known | (scores == 0)] = -np.inf
        return scores

    return score


def user_vectors(log: Log, groups: int, within_decay: float, group_decay: float) -> sp.csr_matrix:
    """float32 `[users, items]`: mean over groups of the mean over baskets of what is in them, decayed in both.

    Where the baskets cannot be shared out evenly, later groups have one more.
    """
    weights = basket_weights(log, groups, within_decay, group_decay)
    distinct = np.unique(np.stack([log.basket, log.user, log.item]), axis=1)
    basket, user, item = distinct
    return sp.coo_matrix((weights[basket].astype(np.float32), (user, item)), log.shape).tocsr()


def basket_weights(log: Log, groups: int, within_decay: float, group_decay: float) -> np.ndarray:
    """float64 `[baskets]`: what each basket contributes to its user's vector."""
    user = np.zeros(log.basket.max() + 1, np.int64)
    user[log.basket] = log.user
    baskets = np.bincount(user, minlength=log.shape[0])[user]
    order = np.argsort(user, kind="stable")
    place = np.empty_like(user)
    place[order] = np.arange(len(user)) - np.searchsorted(user[order], user[order])  # a user's first basket is 0

    groups_of_user = np.minimum(groups, baskets)
    size, larger = np.divmod(baskets, groups_of_user)
    in_smaller = size * (groups_of_user - larger)  # baskets in the earlier groups, which have `size` each
    late = place >= in_smaller
    beyond = place - in_smaller
    group = np.where(late, groups_of_user - larger + beyond // (size + 1), place // size)
    within = np.where(late, beyond % (size + 1), place % size)
    group_size = size + late
    within_weight = within_decay ** (group_size - 1 - within) / group_size
    return within_weight * group_decay ** (groups_of_user - 1 - group) / groups_of_user


def neighbour_averages(vectors: sp.csr_matrix, neighbours: int) -> sp.csr_matrix:
    """float32 `[users, users]`: a row, applied to the vectors, gives the mean of the user's nearest others."""
    users = vectors.shape[0]
    neighbours = min(neighbours, users - 1)
    norms = np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel()
    nearest = []
    for start in range(0, users, _BLOCK):
        block = np.arange(start, min(start + _BLOCK, users))
        distances = norms[block, None] + norms - 2 * (vectors[block] @ vectors.T).toarray()
        distances[np.arange(len(block)), block] = np.inf
        nearest.append(np.argsort(distances, axis=1, kind="stable")[:, :neighbours])
    columns = np.concatenate(nearest).ravel()
    share = np.full(len(columns), 1 / max(neighbours, 1), np.float32)
    return sp.csr_matrix((share, columns, np.arange(users + 1) * neighbours), (users, users))
