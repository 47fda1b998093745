"""A dataset in the data contract's columns, in memory: what is kept of the source, what is set aside, and samples."""

import dataclasses
import hashlib
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd


class DataError(ValueError):
    """Data or arguments that cannot be used; the message says what to do."""


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Three tables in the contract's columns; ids may still be integers.

    `events` holds a column `span` beside those of the contract. `set_aside` counts, by table and reason, the source's
    rows that are in none of the tables.
    """

    events: pd.DataFrame
    items: pd.DataFrame
    users: pd.DataFrame
    set_aside: dict[str, dict[str, int]]

    def sample(self, size: int) -> "Dataset":
        """Only `size` of the users who have events: their events, their profiles, and the items they took.

        Raises:
            DataError: fewer users have events, or `size` is not positive.
        """
        users = sample_ids(self.events["user_id"].unique().tolist(), size)
        events, no_events = sift(self.events, {"user outside the sample": ~self.events["user_id"].isin(users)})
        items, no_items = sift(
            self.items, {"taken by no user of the sample": ~self.items["item_id"].isin(events["item_id"])}
        )
        profiles, no_profiles = sift(self.users, {"user outside the sample": ~self.users["user_id"].isin(users)})
        added = {"events": no_events, "items": no_items, "users": no_profiles}
        return Dataset(events, items, profiles, {name: self.set_aside[name] | added[name] for name in added})


def sift(frame: pd.DataFrame, reasons: Mapping[str, pd.Series]) -> tuple[pd.DataFrame, dict[str, int]]:
    """Keeps the rows that no reason to set them aside applies to.

    Args:
        frame: rows to choose from.
        reasons: by reason, whether it applies to each row. A row is counted once, under the first that does.

    Returns:
        The rows kept, in order, and the number of rows set aside by each reason.
    """
    kept = np.ones(len(frame), dtype=bool)
    set_aside = {}
    for reason, applies in reasons.items():
        applies = applies.to_numpy()
        set_aside[reason] = int((kept & applies).sum())
        kept &= ~applies
    return frame[kept], set_aside


def sample_ids(ids: Collection[int | str], size: int) -> set[int | str]:
    """Draws `size` ids by their hash: the same ones in every run, and a smaller sample lies within a larger one.

    Raises:
        DataError: there are fewer ids than that, or `size` is not positive.
    """
    if not 1 <= size <= len(ids):
        raise DataError(
            f"a sample of {size} users was asked for; choose a number from 1 to {len(ids)}, or none for all"
        )
    return set(sorted(ids, key=lambda i: hashlib.sha256(str(i).encode()).digest())[:size])
