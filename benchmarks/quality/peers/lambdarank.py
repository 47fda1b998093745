"""A LightGBM ranker, LambdaRank by Burges (2010), over candidates with hand-made features."""

import lightgbm
import numpy as np
import pandas as pd
from tqdm import tqdm

from .answers import Scorer
from .candidates import CandidateSource
from .examples import cuts, labelled, shared_kinds
from .features import Features
from .problem import Problem


def lambdarank(
    problem: Problem,
    windows: int = 3,
    own: int = 250,
    similar: int = 80,
    popular: int = 40,
    trees: int = 200,
    leaves: int = 63,
    learning_rate: float = 0.05,
    truncation: int = 30,
) -> Scorer:
    """Learns from earlier windows, cut out of the past, which candidates are taken in the window that follows.

    Where lists may repeat, one model ranks all candidates and another only those that are new to the user.

    Args:
        windows: how many to learn from, each as long as the problem's own, ending where the next one begins. Where the
            problem has no window, so many random draws of held-out events.
        own, similar, popular: candidates a user, see `CandidateSource`.
        trees, leaves, learning_rate: of the boosting.
        truncation: how deep into the list the LambdaRank gradients reach.

    Raises:
        ProblemError: the past is too short for as many windows.
    """
    kinds, names = shared_kinds(problem.item_columns)
    sizes = {"own": own, "similar": similar, "popular": popular}
    parameters = {
        "objective": "lambdarank",
        "lambdarank_truncation_level": truncation,
        "num_leaves": leaves,
        "learning_rate": learning_rate,
        "min_data_in_leaf": 50,
        "feature_fraction": 0.5,
        "seed": problem.seed,
        "deterministic": True,
        "force_col_wise": True,
        "verbose": -1,
    }
    examples = {new_only: [] for new_only in ((False, True) if problem.repeats else (True,))}
    for known, later in tqdm(cuts(problem, windows), "windows", windows):
        source, features = CandidateSource(known, **sizes), Features(known, kinds, names)
        users = np.intersect1d(later.user, known.user)
        for new_only, parts in examples.items():
            parts.append(labelled(source.of(users, new_only), features, later))
    rankers = {new_only: lightgbm.train(parameters, _dataset(parts), trees) for new_only, parts in examples.items()}
    source, features = CandidateSource(problem.log, **sizes), Features(problem.log, kinds, names)

    def score(users: np.ndarray, new_only: bool) -> np.ndarray:
        candidates = source.of(users, new_only)
        scores = np.full((len(users), problem.log.shape[1]), -np.inf, np.float32)
        rows = pd.Index(users).get_indexer(candidates.user)
        scores[rows, candidates.item] = rankers[new_only].predict(features.of(candidates))
        return scores

    return score


def _dataset(parts: list[tuple[pd.DataFrame, np.ndarray, np.ndarray]]) -> lightgbm.Dataset:
    tables, labels, groups = zip(*parts, strict=True)
    return lightgbm.Dataset(pd.concat(tables), np.concatenate(labels), group=np.concatenate(groups))
