"""How an item had been taken as of any moment: counted once for the whole log, looked up by range."""

import numpy as np

from components.request_examples.daily_counts import (
    DAY_BITS,
    REPEAT_SECONDS,
    REPEATS,
    SECONDS_A_DAY,
    TAKEN,
    DailyCounts,
)
from schemas.statistics import STATISTICS


class Statistics:
    """Answers how an item had been taken before a moment, by the names of `schemas.statistics.STATISTICS`.

    Only whole days before the moment's own day count, so nothing of that day, let alone of later ones, leaks in. A
    repeat belongs to the day on which the shopper took the item again.

    Args:
        daily: the whole log's takings by item and day.
        window_days: how many days before a moment `popularity` counts; `popularity_short` counts a quarter of that,
            `popularity_long` thrice, and the others all days.
    """

    def __init__(self, daily: DailyCounts, window_days: int):
        self._windows = {
            "popularity": window_days,
            "popularity_short": max(1, round(window_days / 4)),
            "popularity_long": 3 * window_days,
        }
        self._keys = daily.keys
        # Prefix sums turn a range of days into two look-ups.
        self._before = np.concatenate([np.zeros([1, 3], np.int64), np.cumsum(daily.values, axis=0)])

    def at(self, items: np.ndarray, timestamps: np.ndarray) -> dict[str, np.ndarray]:
        """Every statistic of some items, each as of a moment.

        Args:
            items: int64 [n], positions in the catalogue.
            timestamps: int64 [n], seconds.

        Returns:
            float32 [n] by name, in the order of `STATISTICS`.
        """
        # In ascending order the look-ups walk through the keys, which takes a third of the time of jumping about.
        asked, place = np.unique((items << DAY_BITS) | (timestamps // SECONDS_A_DAY), return_inverse=True)
        day = asked & ((1 << DAY_BITS) - 1)
        item = asked - day
        until = self._before[np.searchsorted(self._keys, asked)]
        ever = until - self._before[np.searchsorted(self._keys, item)]
        found = {
            "taken": ever[:, TAKEN],
            "repeats": ever[:, REPEATS],
            "repeat_days": ever[:, REPEAT_SECONDS] / SECONDS_A_DAY,
        }
        for name, days in self._windows.items():
            first = np.searchsorted(self._keys, item | np.maximum(day - days, 0))
            found[name] = until[:, TAKEN] - self._before[first, TAKEN]
        return {name: found[name].astype(np.float32)[place] for name in STATISTICS}
