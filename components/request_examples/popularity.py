"""How often each item was taken, as of any day: counted once for the whole log, looked up by range."""

from typing import NamedTuple

import apache_beam as beam
import numpy as np

SECONDS_A_DAY = 86_400
DAYS_A_WEEK = 7
TOP_ITEMS = 500
_DAY_BITS = 20  # days since 1970 fit until the year 4840


class DailyCounts(NamedTuple):
    """Events by item and day, sparse and sorted; an accumulator that merges by addition.

    `keys` [n] is `item << 20 | day`, `counts` [n] how many; `first_day` and `last_day` bound all events of the log.
    """

    keys: np.ndarray
    counts: np.ndarray
    first_day: int
    last_day: int


EMPTY = DailyCounts(np.empty(0, np.int64), np.empty(0, np.int64), np.iinfo(np.int64).max, np.iinfo(np.int64).min)


def count(items: np.ndarray, timestamps: np.ndarray, taken: np.ndarray) -> DailyCounts:
    """Counts one block of events; all of them bound the log, only those `taken` are counted.

    Args:
        items: int64 [n], positions in the catalogue.
        timestamps: int64 [n], seconds.
        taken: bool [n], whether the event's kind counts as taking the item.
    """
    if not len(items):
        return EMPTY
    days = timestamps // SECONDS_A_DAY
    keys, counts = np.unique((items[taken] << _DAY_BITS) | days[taken], return_counts=True)
    return DailyCounts(keys, counts, int(days.min()), int(days.max()))


class MergeDailyCounts(beam.CombineFn):
    """Adds `DailyCounts` of blocks; the result does not depend on their order."""

    def create_accumulator(self):
        return EMPTY

    def add_input(self, accumulator, block):
        return self.merge_accumulators([accumulator, block])

    def merge_accumulators(self, accumulators):
        accumulators = list(accumulators)
        keys, inverse = np.unique(np.concatenate([a.keys for a in accumulators]), return_inverse=True)
        counts = np.zeros(len(keys), np.int64)
        np.add.at(counts, inverse, np.concatenate([a.counts for a in accumulators]))
        return DailyCounts(keys, counts, min(a.first_day for a in accumulators), max(a.last_day for a in accumulators))

    def extract_output(self, accumulator):
        return accumulator


class Popularity:
    """Answers how often an item was taken in the days before a moment, and which items were taken most.

    Only whole days before the moment's own day count, so nothing of that day, let alone of later ones, leaks in.
    """

    def __init__(self, daily: DailyCounts, num_items: int, window_days: int):
        self.first_day, self.last_day = daily.first_day, daily.last_day
        self.num_items, self.window_days = num_items, window_days
        self._keys = daily.keys
        self._before = np.concatenate([[0], np.cumsum(daily.counts)])  # prefix sums turn a range into two look-ups
        weeks = range(self.first_day // DAYS_A_WEEK, self.last_day // DAYS_A_WEEK + 2)
        self._top = {week: self._most_taken(week * DAYS_A_WEEK) for week in weeks}

    def _count(self, items: np.ndarray, from_day: np.ndarray, to_day: np.ndarray) -> np.ndarray:
        start = np.searchsorted(self._keys, (items << _DAY_BITS) | from_day)
        stop = np.searchsorted(self._keys, (items << _DAY_BITS) | to_day)
        return self._before[stop] - self._before[start]

    def _most_taken(self, day: int) -> np.ndarray:
        counts = self._count(np.arange(self.num_items), day - self.window_days, day)
        top = np.argsort(-counts, kind="stable")[:TOP_ITEMS]
        return top[counts[top] > 0]

    def counts(self, items: np.ndarray, timestamps: np.ndarray) -> np.ndarray:
        """How often each item was taken in the window before each moment.

        Args:
            items: int64 [n], positions in the catalogue.
            timestamps: int64 [n], seconds.

        Returns:
            float32 [n].
        """
        days = timestamps // SECONDS_A_DAY
        return self._count(items, days - self.window_days, days).astype(np.float32)

    def top(self, timestamp: int) -> np.ndarray:
        """The items taken most in the window before the week of `timestamp`, best first: int64 [at most 500]."""
        return self._top.get(timestamp // SECONDS_A_DAY // DAYS_A_WEEK, np.empty(0, np.int64))
