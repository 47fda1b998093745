"""What was popular in the weeks of the log, by the takings of the days before each week."""

import numpy as np

from components.request_examples.daily_counts import DAY_BITS, SECONDS_A_DAY, TAKEN, DailyCounts
from components.request_examples.ranges import find

DAYS_A_WEEK = 7
TOP_ITEMS = 2000


class Popularity:
    """Answers which items were taken most in the days before the week of a moment, so nothing of later days leaks in.

    Args:
        daily: the whole log's takings by item and day.
        num_items: size of the catalogue.
        window_days: how many days before a week count.

    Attributes:
        first_day: day of the log's first event, days since 1970.
        last_day: day of its last.
        num_items: size of the catalogue.
        top_items: int64, the most taken items of one week after the other; `top` tells which range is whose.
    """

    def __init__(self, daily: DailyCounts, num_items: int, window_days: int):
        self.first_day, self.last_day, self.num_items = daily.first_day, daily.last_day, num_items
        self._window_days = window_days
        self._first_week = daily.first_day // DAYS_A_WEEK
        tops = self._weekly_tops(daily)
        self._top_stops = np.cumsum([len(top) for top in tops])
        self.top_items = np.concatenate(tops)
        weeks = np.repeat(np.arange(len(tops)), [len(top) for top in tops])
        self._top_keys = np.sort(weeks * num_items + self.top_items)

    def _weekly_tops(self, daily: DailyCounts) -> list[np.ndarray]:
        """For each week of the log the items that were taken most in the window before it, best first."""
        item, day = daily.keys >> DAY_BITS, daily.keys & ((1 << DAY_BITS) - 1)
        order = np.argsort(day, kind="stable")
        item, day, taken = item[order], day[order], daily.values[order, TAKEN]
        week_starts = np.arange(self._first_week, self.last_day // DAYS_A_WEEK + 1) * DAYS_A_WEEK
        tops = []
        for start, stop in zip(*np.searchsorted(day, [week_starts - self._window_days, week_starts]), strict=True):
            counts = np.bincount(item[start:stop], weights=taken[start:stop])
            items = np.flatnonzero(counts)
            tops.append(items[np.argsort(-counts[items], kind="stable")[:TOP_ITEMS]])
        return tops

    def top(self, timestamps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which of `top_items` were taken most in the window before the week of each moment, at most `TOP_ITEMS`.

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
        return find(self._top_keys, keys)[1]

    def _week(self, timestamps: np.ndarray) -> np.ndarray:
        return timestamps // SECONDS_A_DAY // DAYS_A_WEEK - self._first_week
