"""Quality of the pushed model's `recommend` signature, beside two baselines, on one protocol in one run.

    python -m benchmarks.quality complete_journey

Every shopper who buys in the newest `requests.eval_days` is one query, asked at the moment they begin; relevant are the
distinct items bought in those days that were sold before. The whole catalogue is ranked, no negatives are sampled. For
the first-time task, items that the shopper bought before are neither listed nor relevant. The requests are built here
from the tables alone, apart from the pipeline's own join, so that a leak there would show as a difference.
"""

import argparse
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the tokeniser's ops of the served graph)
from rich.console import Console
from rich.progress import track
from rich.table import Table

from components.evaluation.ranking_metrics import list_metrics
from pipeline import config as configs
from pipeline.data import sources

SECONDS_A_DAY = 86_400
CUTOFFS = [10, 50, 100]
LONGEST = max(CUTOFFS)
_SHOWN = ["ndcg@10", "recall@50", "recall@100"]
_BATCH = 16
_WEEKLY_DECAY = 0.95


class Split(NamedTuple):
    """The log, cut at the moment of the queries."""

    moment: int
    past: pd.DataFrame  # every taking before the moment: user_id, item_id, timestamp, event and context
    relevant: dict[str, set[str]]
    bought: dict[str, set[str]]

    @classmethod
    def of(cls, config: configs.Config) -> "Split":
        events = ds.dataset(f"{config.data.root}/events", format="parquet").to_table().to_pandas()
        events = events[events["event"].isin(config.requests.positive_events)].sort_values("timestamp", kind="stable")
        last_day = events["timestamp"].max() // SECONDS_A_DAY
        moment = int(last_day + 1 - config.requests.eval_days) * SECONDS_A_DAY
        past, future = events[events["timestamp"] < moment], events[events["timestamp"] >= moment]
        future = future[future["item_id"].isin(set(past["item_id"]))]
        return cls(moment, past, _items_by_user(future), _items_by_user(past))


def _items_by_user(events: pd.DataFrame) -> dict[str, set[str]]:
    return events.groupby("user_id")["item_id"].agg(set).to_dict()


Recommender = Callable[[list[str], list[set[str]]], Iterable[list[str]]]  # (shoppers, excluded) -> a list each


def popularity(split: Split, days: int) -> Recommender:
    """What was bought most often in the newest `days` before the moment, the same for everyone."""
    recent = split.past[split.past["timestamp"] >= split.moment - days * SECONDS_A_DAY]
    ranked = recent["item_id"].value_counts(sort=True).index.tolist()

    def recommend(users: list[str], excluded: list[set[str]]) -> Iterable[list[str]]:
        for items in excluded:
            yield [item for item in ranked[: LONGEST + len(items)] if item not in items][:LONGEST]

    return recommend


def own_frequency(split: Split) -> Recommender:
    """What each shopper bought most often, each time weighted by 0.95 a week of age."""
    weeks = (split.moment - split.past["timestamp"]) / (7 * SECONDS_A_DAY)
    weighted = split.past.assign(weight=_WEEKLY_DECAY**weeks)
    scores = weighted.groupby(["user_id", "item_id"])["weight"].sum().reset_index()
    ranked = scores.sort_values("weight", ascending=False, kind="stable").groupby("user_id")["item_id"].agg(list)

    def recommend(users: list[str], excluded: list[set[str]]) -> Iterable[list[str]]:
        for user, items in zip(users, excluded, strict=True):
            yield [item for item in ranked.get(user, []) if item not in items][:LONGEST]

    return recommend


def served(split: Split, config: configs.Config) -> Recommender:
    """The newest pushed version, asked through its `recommend` signature.

    Raises:
        FileNotFoundError: nothing has been pushed.
    """
    versions = sorted((int(path.name) for path in config.serving_dir.glob("[0-9]*")), reverse=True)
    if not versions:
        raise FileNotFoundError(f"no version under {config.serving_dir}; run `shelfwise run {config.name}` first")
    model = tf.saved_model.load(str(config.serving_dir / str(versions[0])))
    histories = dict(list(split.past.groupby("user_id")))

    def recommend(users: list[str], excluded: list[set[str]]) -> Iterable[list[str]]:
        for start in range(0, len(users), _BATCH):
            batch = users[start : start + _BATCH]
            request = _request(config, split, batch, [histories.get(user) for user in batch])
            request["exclude_item_ids"] = _padded([sorted(items) for items in excluded[start : start + _BATCH]], "")
            request["k"] = np.full(len(batch), LONGEST, np.int32)
            answer = model.signatures["recommend"](**{name: tf.constant(value) for name, value in request.items()})
            for row in answer["item_ids"].numpy():
                yield [item.decode() for item in row if item]

    return recommend


def _request(config: configs.Config, split: Split, users: list[str], histories: list[pd.DataFrame | None]) -> dict:
    newest = [h.tail(config.requests.history_length) if h is not None else split.past.head(0) for h in histories]
    request = {
        "user_id": np.array(users, object),
        "history_item_ids": _padded([h["item_id"].tolist() for h in newest], ""),
        "history_timestamps": _padded([h["timestamp"].tolist() for h in newest], 0).astype(np.int64),
        "history_events": _padded([h["event"].tolist() for h in newest], ""),
        "scene": _last(newest, "scene", ""),
        "timestamp": np.full(len(users), split.moment, np.int64),
    }
    for feature in (feature for feature in config.features if feature.role == "context"):
        numeric = feature.kind == "numeric"
        values = _last(newest, feature.name, 0.0 if numeric else "")
        request[f"context_{feature.name}"] = values.astype(np.float32) if numeric else values
    return request


def _last(histories: list[pd.DataFrame], column: str, default) -> np.ndarray:
    return np.array([h[column].iloc[-1] if column in h and len(h) else default for h in histories], object)


def _padded(rows: list[list], padding) -> np.ndarray:
    width = max((len(row) for row in rows), default=0)
    return np.array([row + [padding] * (width - len(row)) for row in rows], object).reshape(len(rows), width)


def judge(recommend: Recommender, split: Split, first_time: bool) -> dict[str, float]:
    """Mean of each metric over the shoppers who have something relevant."""
    relevant = {
        user: items - split.bought.get(user, set()) if first_time else items for user, items in split.relevant.items()
    }
    users = sorted(user for user, items in relevant.items() if items)
    excluded = [split.bought.get(user, set()) if first_time else set() for user in users]
    rows = [
        list_metrics(recommended, relevant[user], CUTOFFS)
        for user, recommended in zip(users, track(recommend(users, excluded), total=len(users)), strict=True)
    ]
    return {"shoppers": len(users), **{name: float(np.mean([row[name] for row in rows])) for name in _SHOWN}}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config", nargs="?", default="complete_journey")
    config = configs.load(parser.parse_args().config)
    sources.prepare(config)
    split = Split.of(config)
    methods = {
        f"popularity, last {config.requests.popularity_days} days": popularity(split, config.requests.popularity_days),
        f"own frequency, decayed {_WEEKLY_DECAY} a week": own_frequency(split),
        "Shelfwise, served": served(split, config),
    }
    table = Table("method", "shoppers", *_SHOWN, *(f"first-time {name}" for name in _SHOWN))
    for name, recommend in methods.items():
        everything, new = (judge(recommend, split, first_time) for first_time in (False, True))
        table.add_row(
            name,
            str(everything["shoppers"]),
            *(f"{values[metric]:.3f}" for values in (everything, new) for metric in _SHOWN),
        )
    Console().print(table)


if __name__ == "__main__":
    main()
