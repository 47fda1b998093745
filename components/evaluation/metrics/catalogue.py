"""The facts about items that metrics of lists need, as of the moment at which the evaluation starts."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

SHORT_HEAD = 0.8  # share of all takings that goes to items which are not rare


class Catalogue:
    """Items by their position.

    Rare items are the long tail: all that are taken less often than the least popular of those items which together
    make `SHORT_HEAD` of the takings (Abdollahpouri, Burke and Mobasher, "Managing popularity bias in recommender
    systems with personalized re-ranking", FLAIRS 2019). Items that nobody took are always rare.

    Attributes:
        popularity: how often each item was taken lately, float64 [num_items].
        information: what it tells of a shopper to take an item, -log2 of its share of the takings, in bits, each item
            counted once more than it was taken; float64 [num_items].
        rare: bool [num_items].
        offered: whether an item may be shown at all, bool [num_items].
        categories: a number for each category, int64 [num_items]; items without a category share one.
        groups: by item feature, the place of each item's value among its `values`, int64 [num_items].
        values: by item feature, the distinct values, bytes ascending.
        embeddings: of length 1, float32 [num_items, dim]; None if they are not known.
    """

    def __init__(
        self,
        item_ids: Collection[bytes],
        popularity: Collection[float],
        offered: Collection[bool],
        categories: Collection[bytes],
        features: Mapping[str, Collection[bytes]] | None = None,
        embeddings: np.ndarray | None = None,
    ):
        """Args:
        item_ids: the items; everything else stands in their order.
        popularity: see the attributes.
        offered: likewise.
        categories: empty for an item without one.
        features: their values by item feature, empty for an item without one.
        embeddings: vectors of any length, [num_items, dim].
        """
        self._positions = {item: position for position, item in enumerate(item_ids)}
        self.popularity = np.asarray(popularity, np.float64)
        smoothed = self.popularity + 1.0
        self.information = -np.log2(smoothed / smoothed.sum())
        self.rare = _is_rare(self.popularity)
        self.offered = np.asarray(offered, bool)
        self.categories = np.unique(np.asarray(categories, object), return_inverse=True)[1]
        self.groups, self.values = {}, {}
        for name, values in (features or {}).items():
            self.values[name], self.groups[name] = np.unique(np.asarray(values, object), return_inverse=True)
        self.embeddings = None if embeddings is None else _unit(embeddings)

    def positions(self, items: Collection[bytes]) -> np.ndarray:
        """Positions of those items that the catalogue has, int64 [at most len(items)], in their order."""
        found = (self._positions.get(item) for item in items)
        return np.array([position for position in found if position is not None], np.int64)

    def by_item(self, values: Sequence[str]) -> dict[bytes, str]:
        """Values [num_items], by the id of their item."""
        return {item: values[position] for item, position in self._positions.items()}


def _is_rare(popularity: np.ndarray) -> np.ndarray:
    descending = np.sort(popularity)[::-1]
    takings = np.cumsum(descending)
    if not len(takings) or not takings[-1]:
        return np.ones(len(popularity), bool)
    least = descending[np.searchsorted(takings, SHORT_HEAD * takings[-1])]
    return popularity < least


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, np.finfo(np.float32).tiny)).astype(np.float32)
