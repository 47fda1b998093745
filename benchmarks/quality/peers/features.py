"""Features of candidate pairs, from a log alone: how often, how lately and how regularly something is taken.

Whatever a log holds is older than its moment, so the features of an earlier training window come from `Log.before`.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from .problem import DAY_SECONDS, Log

_HALF_LIVES = (7, 28, 91, 364)  # days
_RECENT_DAYS = (7, 28, 91)


class Pairs(NamedTuple):
    """Pairs of a user and an item, a user's pairs side by side.

    Attributes:
        user, item: int64 `[pairs]`, positions.
        similarity: float32 `[pairs]`, of the item to what the user took, summed over it.
    """

    user: np.ndarray
    item: np.ndarray
    similarity: np.ndarray


class Features:
    """Computes the features of pairs on one log.

    Args:
        log: what was known at its moment.
        kinds: int64 `[items, columns]`, the item's value in each categorical column, -1 where it has none.
        names: of the columns.
    """

    def __init__(self, log: Log, kinds: np.ndarray, names: list[str]):
        self._kinds, self._names = kinds, names
        visits = _visits(log)
        self._pairs = _pair_statistics(visits)
        self._items = _item_statistics(visits, self._pairs, log)
        self._users = _user_statistics(visits, log)
        self._kind_tables = [_kind_statistics(visits, kinds[:, column]) for column in range(kinds.shape[1])]

    def of(self, pairs: Pairs) -> pd.DataFrame:
        """float32 `[pairs, features]`, in the order of the pairs; NaN is the time since what has never happened."""
        user, item = pairs.user, pairs.item
        met = self._pairs.reindex(pd.MultiIndex.from_arrays([user, item]))
        columns = {name: met[name].to_numpy() for name in met}
        columns |= {name: self._items[name].to_numpy()[item] for name in self._items}
        columns |= {name: self._users[name].to_numpy()[user] for name in self._users}
        for name, kind, table in zip(self._names, self._kinds.T, self._kind_tables, strict=True):
            of_kind = table.reindex(pd.MultiIndex.from_arrays([user, kind[item]]))
            columns |= {f"{name}_{column}": of_kind[column].to_numpy() for column in of_kind}
        columns["similarity"] = pairs.similarity
        columns["due"] = columns["days_since"] / np.maximum(columns["interval"], 1)  # in days
        columns["share_of_baskets"] = columns["baskets"] / columns["user_baskets"]
        return pd.DataFrame(columns).astype(np.float32)


def _visits(log: Log) -> pd.DataFrame:
    """One row for each distinct item of a basket, oldest first, with its age in days and its decayed weights."""
    visits = pd.DataFrame({"user": log.user, "item": log.item, "basket": log.basket, "timestamp": log.timestamp})
    visits = visits.drop_duplicates(["basket", "item"])
    visits["age"] = (log.moment - visits["timestamp"]) / DAY_SECONDS
    for days in _HALF_LIVES:
        visits[f"decayed_{days}"] = 0.5 ** (visits["age"] / days)
    return visits


def _pair_statistics(visits: pd.DataFrame) -> pd.DataFrame:
    """Of each user and item that met: times, time since, mean and deviation of the interval between."""
    visits = visits.assign(gap=-visits.groupby(["user", "item"])["age"].diff())
    pairs = visits.groupby(["user", "item"]).agg(
        baskets=("age", "size"),
        days_since=("age", "min"),
        days_known=("age", "max"),
        interval=("gap", "mean"),
        interval_deviation=("gap", "std"),
        **{f"decayed_{days}": (f"decayed_{days}", "sum") for days in _HALF_LIVES},
    )
    return pairs.astype(np.float32)


def _item_statistics(visits: pd.DataFrame, pairs: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Of each item: how many took it lately and how that changes, and how many come back for it."""
    items = pd.DataFrame(index=pd.RangeIndex(log.shape[1]))
    for days in _RECENT_DAYS:
        items[f"item_users_{days}"] = visits[visits["age"] <= days].groupby("item")["user"].nunique()
    of_item = pairs.groupby("item")
    items["item_users"] = of_item.size()
    items["item_repeat_rate"] = (pairs["baskets"] > 1).groupby("item").mean()
    items["item_baskets_a_user"] = of_item["baskets"].mean()
    items["item_interval"] = of_item["interval"].mean()
    items["item_days_known"] = of_item["days_known"].max()
    items["item_days_since"] = of_item["days_since"].min()
    items = items.fillna({name: 0 for name in items if name.startswith("item_users")})
    items["item_trend_7"] = (items["item_users_7"] * 4 + 1) / (items["item_users_28"] + 1)
    items["item_trend_28"] = (items["item_users_28"] * 91 / 28 + 1) / (items["item_users_91"] + 1)
    return items.astype(np.float32)


def _user_statistics(visits: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Of each user: how much and how lately they buy, and how much of it again."""
    users = pd.DataFrame(index=pd.RangeIndex(log.shape[0]))
    of_user = visits.groupby("user")
    users["user_baskets"] = of_user["basket"].nunique()
    users["user_items"] = of_user["item"].nunique()
    users["user_days_since"] = of_user["age"].min()
    users["user_basket_size"] = of_user.size() / users["user_baskets"]
    users["user_repeat_share"] = 1 - users["user_items"] / of_user.size()
    users["user_baskets_28"] = visits[visits["age"] <= 28].groupby("user")["basket"].nunique()
    users["user_items_28"] = visits[visits["age"] <= 28].groupby("user")["item"].nunique()
    return users.fillna({"user_baskets_28": 0, "user_items_28": 0}).astype(np.float32)


def _kind_statistics(visits: pd.DataFrame, kind: np.ndarray) -> pd.DataFrame:
    """Of each user and kind: items of it in all baskets, decayed, their share of the user's, and the days since."""
    table = visits.assign(kind=kind[visits["item"]])
    kinds = table.groupby(["user", "kind"]).agg(
        decayed_28=("decayed_28", "sum"), decayed_364=("decayed_364", "sum"), days_since=("age", "min")
    )
    kinds["share"] = kinds["decayed_364"] / kinds["decayed_364"].groupby("user").transform("sum")
    return kinds.astype(np.float32)
