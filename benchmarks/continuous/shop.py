"""A grocer whose weeks land one after the other, with the catalogue that it has by then."""

import os
import pathlib
import shutil

import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from benchmarks.quality.problem import Problem, items_by_user
from pipeline import spans
from pipeline.data import complete_journey

SECONDS_A_DAY = 86_400
_DAYS = 7  # a span is a week


class WeeklyShop:
    """Lets the weeks of Complete Journey land, as a shop's own export would.

    The catalogue of a week is what was sold within the window that ends with it: new items come, and those that are not
    sold any more leave.
    """

    def __init__(self, folder: pathlib.Path, households: int, window: int, seed: int):
        """Prepares the data, of which nothing lands by itself.

        Args:
            folder: to keep both in; what landed there before stays.
            households: how many, drawn by the hash of their ids.
            window: weeks that a model reads.
            seed: of what is drawn when lists are judged.
        """
        self._whole, self.root = folder / "whole", folder / "shop"
        complete_journey.prepare(self._whole, households)
        self._window, self._seed = window, seed
        shutil.copytree(self._whole / "users", self.root / "users", dirs_exist_ok=True)
        self._items = _read(self._whole / "items")
        weeks = spans.numbers(str(self._whole))
        self._events = pd.concat([_read(self._span(self._whole, week)).assign(week=week) for week in weeks])

    def land(self, week: int) -> int:
        """Writes all weeks up to one that have not landed yet, and the catalogue; returns the number of items."""
        for span in spans.numbers(str(self._whole)):
            folder = self._span(self.root, span)
            if span <= week and not folder.exists():
                aside = folder.with_name(f".{folder.name}")
                shutil.copytree(self._span(self._whole, span), aside)
                aside.rename(folder)
        sold = self._events[self._events["week"].between(week - self._window + 1, week)]["item_id"]
        table = pq.read_table(self._whole / "items", partitioning=None)
        wanted = self._items["item_id"].isin(sold)
        (self.root / "items").mkdir(exist_ok=True)
        aside = self.root / "items" / ".part-0"
        pq.write_table(table.filter(wanted.to_numpy()), aside)
        os.replace(aside, self.root / "items" / "part-0.parquet")
        return int(wanted.sum())

    def problem(self, week: int) -> Problem:
        """What will each household buy in the week after one?

        Relevant are the distinct items bought in it that had been sold before, whether they are still in the catalogue
        or not.
        """
        past = self._events[self._events["week"] <= week].sort_values("timestamp", kind="stable")
        following = self._events[self._events["week"] == week + 1]
        sold = past["item_id"].unique()
        return Problem(
            name=f"week-{week + 1}",
            moment=int(past["timestamp"].max() // SECONDS_A_DAY + 1) * SECONDS_A_DAY,
            window_days=_DAYS,
            repeats=True,
            seed=self._seed,
            past=past,
            items=self._items[self._items["item_id"].isin(sold)],
            category="category",
            relevant=items_by_user(following[following["item_id"].isin(sold)]),
            metrics=("ndcg@10", "recall@50"),
        )

    @staticmethod
    def _span(root: pathlib.Path, week: int) -> pathlib.Path:
        return root / "events" / f"span-{week}"


def _read(folder: pathlib.Path) -> pd.DataFrame:
    return ds.dataset(str(folder), format="parquet").to_table().to_pandas()
