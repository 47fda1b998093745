"""Sets of items, one for each request."""

from typing import NamedTuple

import numpy as np

from components.request_examples.ranges import distinct, find


class Pairs(NamedTuple):
    """Distinct (request, item) pairs, sorted by request, then item: int64 [n] each."""

    request: np.ndarray
    item: np.ndarray

    @classmethod
    def distinct(cls, request: np.ndarray, item: np.ndarray, num_items: int) -> "Pairs":
        """The distinct ones of pairs in any order."""
        return cls(*np.divmod(distinct(request * num_items + item), num_items))

    def keys(self, num_items: int) -> np.ndarray:
        """Each pair as one number, ascending: int64 [n]."""
        return self.request * num_items + self.item

    def where(self, mask: np.ndarray) -> "Pairs":
        """The pairs that a bool [n] marks."""
        return Pairs(self.request[mask], self.item[mask])

    def find(self, others: "Pairs", num_items: int) -> tuple[np.ndarray, np.ndarray]:
        """Looks other pairs up in these: `(place, found)`, [len(others)] each; not found, the place means nothing."""
        return find(self.keys(num_items), others.keys(num_items))

    def contains(self, others: "Pairs", num_items: int) -> np.ndarray:
        """Whether each of the other pairs is among these: bool [len(others)]."""
        return self.find(others, num_items)[1]

    @classmethod
    def union(cls, parts: list["Pairs"], num_items: int) -> "Pairs":
        """The distinct pairs of all parts."""
        return cls.distinct(*(np.concatenate(column) for column in zip(*parts, strict=True)), num_items)
