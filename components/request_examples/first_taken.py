"""When shoppers first took items: what is new to them in an answer, and what they had taken before."""

from typing import NamedTuple

import numpy as np

from components.request_examples.pairs import Pairs
from components.request_examples.ranges import expand
from components.request_examples.settings import Settings
from components.request_examples.timeline import Timeline, is_one_of


class FirstTaken(NamedTuple):
    """The first positive event of each shopper with each item, int64 [n] each, sorted by shopper, then item."""

    shopper: np.ndarray
    item: np.ndarray
    time: np.ndarray
    num_items: int

    @classmethod
    def of(cls, line: Timeline, num_items: int, settings: Settings) -> "FirstTaken":
        """Looks through all events of a shard's shoppers, whether or not they lie in a history or an answer."""
        positive = is_one_of(line.table["event"], settings.requests.positive_events)[line.answering.position]
        events = line.answering.where(positive)
        keys, inverse = np.unique(events.shopper * num_items + events.item, return_inverse=True)
        time = np.full(len(keys), np.iinfo(np.int64).max)
        np.minimum.at(time, inverse, events.time)
        return cls(*np.divmod(keys, num_items), time, num_items)

    def is_first(self, line: Timeline, pairs: Pairs) -> np.ndarray:
        """Whether the shopper had never taken the item before the request: bool [pairs]; the answer must hold it."""
        keys = line.shopper[pairs.request] * self.num_items + pairs.item
        place = np.searchsorted(self.shopper * self.num_items + self.item, keys)
        return self.time[place] >= line.time[pairs.request]

    def past(self, line: Timeline) -> Pairs:
        """All that each request's shopper took strictly before it."""
        owner, position = expand(
            np.searchsorted(self.shopper, line.shopper), np.searchsorted(self.shopper, line.shopper + 1)
        )
        earlier = self.time[position] < line.time[owner]
        return Pairs(owner[earlier], self.item[position[earlier]])
