"""How often each item was taken, as of any day: counted once for the whole log, looked up by range."""

from collections.abc import Iterable
from typing import NamedTuple

import apache_beam as beam
import numpy as np

from components.request_examples.ranges import find

SECONDS_A_DAY = 86_400
DAYS_A_WEEK = 7
TOP_ITEMS = 500
_DAY_BITS = 20  # days since 1970 fit until the year 4840


class DailyCounts(NamedTuple):
    """Events by item and day, sparse and sorted.

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
    return _sum((items[taken] << _DAY_BITS) | days[taken], np.ones(taken.sum(), np.int64), days.min(), days.max())


def _sum(keys: np.ndarray, counts: np.ndarray, first_day: int, last_day: int) -> DailyCounts:
    """Adds the counts of equal keys, which come in any order."""
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    sums = np.add.reduceat(counts[order], starts) if len(starts) else counts
    return DailyCounts(keys[starts], sums, int(first_day), int(last_day))


def add(blocks: Iterable[DailyCounts]) -> DailyCounts:
    """Adds the counts of blocks; their order does not matter."""
    keys, counts, first_days, last_days = zip(EMPTY, *blocks, strict=True)
    return _sum(np.concatenate(keys), np.concatenate(counts), min(first_days), max(last_days))


class AddDailyCounts(beam.CombineFn):
    """`add` over a collection. The accumulator is a sum, followed by blocks that are not in it yet."""

    def create_accumulator(self) -> list[DailyCounts]:
        return [EMPTY]

    def add_input(self, accumulator: list[DailyCounts], block: DailyCounts) -> list[DailyCounts]:
        total, *waiting = [*accumulator, block]
        # Adding only once as much waits as was added so far sorts each key a few times instead of once a block.
        is_due = sum(len(counts.keys) for counts in waiting) > len(total.keys)
        return [add([total, *waiting])] if is_due else [total, *waiting]

    def merge_accumulators(self, accumulators: Iterable[list[DailyCounts]]) -> list[DailyCounts]:
        return [add(block for accumulator in accumulators for block in accumulator)]

    def compact(self, accumulator: list[DailyCounts]) -> list[DailyCounts]:
        return [add(accumulator)]

    def extract_output(self, accumulator: list[DailyCounts]) -> DailyCounts:
        return add(accumulator)


class Popularity:
    """Answers how often an item was taken in the days before a moment, and which items were taken most.

    Only whole days before the moment's own day count, so nothing of that day, let alone of later ones, leaks in.

    Args:
        daily: the whole log's events by item and day.
        num_items: size of the catalogue.
        window_days: how many days before a moment count.

    Attributes:
        first_day: day of the log's first event, days since 1970.
        last_day: day of its last.
        num_items: size of the catalogue.
        top_items: int64, the most taken items of one week after the other; `top` tells which range is whose.
    """

    def __init__(self, daily: DailyCounts, num_items: int, window_days: int):
        self.first_day, self.last_day, self.num_items = daily.first_day, daily.last_day, num_items
        self._window_days = window_days
        self._keys = daily.keys
        self._before = np.concatenate([[0], np.cumsum(daily.counts)])  # prefix sums turn a range into two look-ups
        self._first_week = daily.first_day // DAYS_A_WEEK
        tops = self._weekly_tops(daily)
        self._top_stops = np.cumsum([len(top) for top in tops])
        self.top_items = np.concatenate(tops)
        weeks = np.repeat(np.arange(len(tops)), [len(top) for top in tops])
        self._top_keys = np.sort(weeks * num_items + self.top_items)

    def _weekly_tops(self, daily: DailyCounts) -> list[np.ndarray]:
        """For each week of the log the items that were taken most in the window before it, best first."""
        item, day = daily.keys >> _DAY_BITS, daily.keys & ((1 << _DAY_BITS) - 1)
        order = np.argsort(day, kind="stable")
        item, day, counts = item[order], day[order], daily.counts[order]
        week_starts = np.arange(self._first_week, self.last_day // DAYS_A_WEEK + 1) * DAYS_A_WEEK
        tops = []
        for start, stop in zip(*np.searchsorted(day, [week_starts - self._window_days, week_starts]), strict=True):
            taken = np.bincount(item[start:stop], weights=counts[start:stop])
            items = np.flatnonzero(taken)
            tops.append(items[np.argsort(-taken[items], kind="stable")[:TOP_ITEMS]])
        return tops

    def counts(self, items: np.ndarray, timestamps: np.ndarray) -> np.ndarray:
        """How often each item was taken in the window before each moment.

        Args:
            items: int64 [n], positions in the catalogue.
            timestamps: int64 [n], seconds.

        Returns:
            float32 [n].
        """
        days = timestamps // SECONDS_A_DAY
        first_days = np.maximum(days - self._window_days, 0)
        # In ascending order the look-ups walk through the keys, which takes a third of the time of jumping about.
        order = np.argsort((items << _DAY_BITS) | days)
        items = items[order] << _DAY_BITS
        start, stop = (np.searchsorted(self._keys, items | bound[order]) for bound in (first_days, days))
        counts = np.empty(len(items), np.float32)
        counts[order] = self._before[stop] - self._before[start]
        return counts

    def top(self, timestamps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which of `top_items` were taken most in the window before the week of each moment, at most 500.

        Args:
            timestamps: int64 [n], seconds, within the log.

        Returns:
            `(start, stop)`, int64 [n] each: a range of `top_items`, empty if nothing had been taken by then.
        """
        week = self._week(timestamps)
        stops = np.concatenate([[0], self._top_stops])
        return stops[week], stops[week + 1]

    def is_top(self, items: np.ndarray, timestamps: np.ndarray) -> np.ndarray:
        """Whether each item is in the range that `top` gives for its moment: bool [n]."""
        keys = self._week(timestamps) * self.num_items + items
        return find(self._top_keys, keys)[1] if len(self._top_keys) else np.zeros(len(keys), bool)

    def _week(self, timestamps: np.ndarray) -> np.ndarray:
        return timestamps // SECONDS_A_DAY // DAYS_A_WEEK - self._first_week
