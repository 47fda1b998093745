"""What a shopper is expected to click: logistic regressions, one a place, on shopper and item.

As in the published figures, which are from scikit-learn's defaults: a model is fitted on two thirds of the rounds and
asked of the others (cross-fitting), and an item's categories come in as the numbers they are given.
"""

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

from pipeline.data.open_bandit import PLACES, Log

_FOLDS = 3


def clicks(log: Log, seed: int) -> np.ndarray:
    """How likely each round's shopper is to click each item, had it been shown: float64 [num_rounds, num_items].

    Args:
        log: to learn from and to ask of; no round teaches the model that it asks.
        seed: of the assignment of rounds to folds.
    """
    found = np.empty([len(log.click), len(log.items)])
    for train, ask in KFold(_FOLDS, shuffle=True, random_state=seed).split(log.click):
        for place in range(PLACES):
            known, asked = train[log.place[train] == place], ask[log.place[ask] == place]
            model = LogisticRegression(max_iter=1_000)
            model.fit(np.hstack([log.users[known], log.items[log.action[known]]]), log.click[known])
            of_user, of_item = np.split(model.coef_[0], [log.users.shape[1]])
            found[asked] = expit((log.users[asked] @ of_user)[:, np.newaxis] + log.items @ of_item + model.intercept_)
    return found
