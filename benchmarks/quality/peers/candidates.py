"""What a ranker may choose from for each user: their own past, the neighbours of it, and what is popular."""

import numpy as np

from .features import Pairs
from .neighbours import item_similarity, user_weights
from .problem import DAY_SECONDS, Log

_POPULAR_DAYS = 28
_NEIGHBOURS = 100
_TASTE_DECAY = 0.95  # a week


class CandidateSource:
    """Draws candidates from one log.

    Args:
        own: items of the user's own past, those with the highest decayed count first; they are left out when only new
            items are asked for.
        similar, popular: further items that the user has not taken, from the item-kNN and from the newest four weeks.
    """

    def __init__(self, log: Log, own: int, similar: int, popular: int):
        self._own, self._similar = own, similar
        self._counts = log.counts(_TASTE_DECAY)
        self._weights = user_weights(log, _TASTE_DECAY, damped=True)
        self._similarity = item_similarity(user_weights(log, 1.0, damped=True), "tfidf", _NEIGHBOURS)
        recent = log.since(log.moment - _POPULAR_DAYS * DAY_SECONDS).popularity()
        self._popular = np.argsort(-recent, kind="stable")[:popular]

    def of(self, users: np.ndarray, new_only: bool) -> Pairs:
        """The candidates of each of the users, in their order; a user without any past has none."""
        drawn = [self._of_one(user, new_only) for user in users]
        items = [item for item, _ in drawn]
        return Pairs(
            user=np.repeat(users, [len(item) for item in items]),
            item=np.concatenate(items) if items else np.array([], np.int64),
            similarity=np.concatenate([value for _, value in drawn]) if drawn else np.array([], np.float32),
        )

    def _of_one(self, user: int, new_only: bool) -> tuple[np.ndarray, np.ndarray]:
        row = self._counts[user]
        seen = row.indices.astype(np.int64)
        if not len(seen):
            return np.array([], np.int64), np.array([], np.float32)
        similarity = (self._weights[user] @ self._similarity).toarray().ravel()
        unseen = similarity.copy()
        unseen[seen] = 0
        similar = _highest(unseen, self._similar)
        similar = similar[unseen[similar] > 0]
        own = np.array([], np.int64) if new_only else seen[np.argsort(-row.data, kind="stable")[: self._own]]
        popular = self._popular[~np.isin(self._popular, seen) & ~np.isin(self._popular, similar)]
        items = np.concatenate([own, similar, popular])
        return items, similarity[items]


def _highest(values: np.ndarray, length: int) -> np.ndarray:
    length = min(length, len(values))
    return np.argpartition(-values, length - 1)[:length]
