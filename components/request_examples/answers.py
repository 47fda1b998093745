"""What answered the requests, and what the ranker's heads learn from it."""

from typing import NamedTuple

import numpy as np

from components.request_examples.pairs import Pairs
from components.request_examples.ranges import expand
from components.request_examples.timeline import Timeline, is_one_of
from pipeline.config import Head


class Answers(NamedTuple):
    """The items that answered some requests, and the events by which they did.

    `pairs` [n] are the distinct (request, item) pairs. `pair` [m] is, for every answering event, the position of its
    pair, and `row` [m] its row in the timeline's table.
    """

    pairs: Pairs
    pair: np.ndarray
    row: np.ndarray

    @classmethod
    def of(cls, line: Timeline, num_items: int) -> "Answers":
        """Collects the answers of all requests of a timeline."""
        request, position = expand(line.answer_start, line.answer_stop)
        keys, pair = np.unique(request * num_items + line.answering.item[position], return_inverse=True)
        return cls(Pairs(*np.divmod(keys, num_items)), pair, line.answering.position[position])

    def by(self, kinds: list[str], line: Timeline) -> np.ndarray:
        """Whether an event of the kinds was among those by which each pair came about: bool [n]."""
        wanted = is_one_of(line.table["event"], kinds)[self.row]
        return np.bincount(self.pair, weights=wanted, minlength=len(self.pairs.request)) > 0

    def mean(self, column: str, line: Timeline) -> np.ndarray:
        """Mean of a column over the events of each pair, float64 [n]; NaN where none of them has a value."""
        values = line.table[column].to_numpy().astype(np.float64)[self.row]
        present = np.isfinite(values)
        total = np.bincount(self.pair[present], weights=values[present], minlength=len(self.pairs.request))
        events = np.bincount(self.pair[present], minlength=len(self.pairs.request))
        return np.divide(total, events, out=np.full(len(total), np.nan), where=events > 0)

    def label(self, head: Head, candidates: Pairs, line: Timeline, num_items: int) -> np.ndarray:
        """What a head should predict for each candidate.

        Returns:
            float32 [candidates]. Of a cross-entropy head 1 where an event of its kinds answered with the item, else 0.
            Of a regression head the mean of its column, NaN where there is none to learn from.
        """
        place, is_answer = self.pairs.find(candidates, num_items)
        if head.loss == "cross_entropy":
            return (is_answer & _at(self.by(head.events, line), place)).astype(np.float32)
        return np.where(is_answer, _at(self.mean(head.column, line), place), np.nan).astype(np.float32)


def _at(values: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Values by place; of no value at all, which requests without an answer have, any will do."""
    return values[place] if len(values) else np.zeros(len(place), values.dtype)
