"""What was taken, by item and day, summed over the whole log: of which `popularity` and `statistics` are computed."""

from collections.abc import Iterable
from typing import NamedTuple

import apache_beam as beam
import numpy as np

SECONDS_A_DAY = 86_400
DAY_BITS = 20  # days since 1970 fit until the year 4840
TAKEN, REPEATS, REPEAT_SECONDS = range(3)


class DailyCounts(NamedTuple):
    """Takings by item and day, sparse and sorted.

    `keys` [n] is `item << 20 | day`. The columns of `values` [n, 3] are how many takings there were; how many of them
    were repeats, which is when the shopper had taken the item before, in an earlier second; and the seconds between
    each repeat and the shopper's last taking before it. `first_day` and `last_day` bound all events of the log.
    """

    keys: np.ndarray
    values: np.ndarray
    first_day: int
    last_day: int


EMPTY = DailyCounts(np.empty(0, np.int64), np.empty([0, 3], np.int64), np.iinfo(np.int64).max, np.iinfo(np.int64).min)


def count(shoppers: np.ndarray, items: np.ndarray, timestamps: np.ndarray, taken: np.ndarray) -> DailyCounts:
    """Counts the events of whole shoppers, in any order; all of them bound the log, only those `taken` are counted.

    Args:
        shoppers: int64 [n], a number for each shopper.
        items: int64 [n], positions in the catalogue.
        timestamps: int64 [n], seconds.
        taken: bool [n], whether the event's kind counts as taking the item.
    """
    if not len(items):
        return EMPTY
    days = timestamps // SECONDS_A_DAY
    order = np.flatnonzero(taken)
    order = order[np.lexsort((timestamps[order], items[order], shoppers[order]))]
    gaps = _gaps(shoppers[order], items[order], timestamps[order])
    values = np.stack([np.ones_like(gaps), gaps > 0, gaps], axis=1)
    return _sum((items[order] << DAY_BITS) | days[order], values, days.min(), days.max())


def _gaps(shoppers: np.ndarray, items: np.ndarray, timestamps: np.ndarray) -> np.ndarray:
    """Seconds since the shopper took the item in an earlier second, 0 if never.

    Args:
        shoppers: int64 [n].
        items: int64 [n].
        timestamps: int64 [n], seconds; all three sorted by shopper, item and timestamp.

    Returns:
        int64 [n].
    """
    is_new_pair = np.ones(len(items), bool)
    is_new_pair[1:] = (shoppers[1:] != shoppers[:-1]) | (items[1:] != items[:-1])
    is_new_second = is_new_pair.copy()
    is_new_second[1:] |= timestamps[1:] != timestamps[:-1]
    seconds = timestamps[is_new_second]
    gaps = np.where(is_new_pair[is_new_second], 0, np.diff(seconds, prepend=0))
    return gaps[np.cumsum(is_new_second) - 1]  # lines of one second have the same past


def _sum(keys: np.ndarray, values: np.ndarray, first_day: int, last_day: int) -> DailyCounts:
    """Adds the values of equal keys, which come in any order."""
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    sums = np.add.reduceat(values[order], starts) if len(starts) else values
    return DailyCounts(keys[starts], sums, int(first_day), int(last_day))


def add(blocks: Iterable[DailyCounts]) -> DailyCounts:
    """Adds the counts of blocks that share no shopper; their order does not matter."""
    keys, values, first_days, last_days = zip(EMPTY, *blocks, strict=True)
    return _sum(np.concatenate(keys), np.concatenate(values), min(first_days), max(last_days))


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
