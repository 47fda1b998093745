"""BPR of Cornac: Rendle, Freudenthaler, Gantner and Schmidt-Thieme, Bayesian Personalized Ranking (2009).

Cornac's rather than implicit's: it draws negatives uniformly, as the paper does, and is what the published figure on
MovieLens-100K was measured with.
"""

import numpy as np
from cornac.data import Dataset
from cornac.models import BPR

from .answers import Scorer
from .problem import Problem


def bpr(
    problem: Problem,
    factors: int = 200,
    learning_rate: float = 0.01,
    regularization: float = 0.001,
    iterations: int = 200,
) -> Scorer:
    """Learns to rank what a user took, however often, above what they did not."""
    taken = problem.log.counts().sign().tocoo()
    train = Dataset.from_uir(list(zip(taken.row, taken.col, taken.data, strict=True)), seed=problem.seed)
    model = BPR(
        k=factors,
        max_iter=iterations,
        learning_rate=learning_rate,
        lambda_reg=regularization,
        num_threads=1,  # more of them race, and the seed would decide nothing
        seed=problem.seed,
    ).fit(train)
    known = np.fromiter(train.uid_map, np.int64)
    users = np.full((problem.log.shape[0], factors), np.nan, np.float32)
    users[known] = model.u_factors
    order = np.argsort(np.fromiter(train.iid_map, np.int64))
    items, biases = model.i_factors[order], model.i_biases[order]

    def score(batch: np.ndarray, new_only: bool) -> np.ndarray:
        return np.nan_to_num(users[batch] @ items.T + biases, nan=-np.inf)

    return score
