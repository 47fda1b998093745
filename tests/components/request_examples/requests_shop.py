"""Small shops, and their request examples as plain Python values."""

import pyarrow as pa

from components.request_examples import assemble, daily_counts, tables
from components.request_examples.settings import Settings
from pipeline.config import Feature, Head, Requests

DAY = 86_400
PURCHASE = Head(name="purchase", events=["purchase"])

_NUMBERS = ("quantity", "value", "dwell_seconds", "propensity", "context_price")
_TYPES = {"timestamp": pa.int64(), **dict.fromkeys(_NUMBERS, pa.float64())}


def make_settings(heads=(PURCHASE,), features=(), seed=1, max_rejected_share=0.0, **requests) -> Settings:
    """Settings with the defaults of the configuration; features are (name, role, kind)."""
    return Settings(
        requests=Requests(**{"positive_events": ["purchase"], **requests}),
        features=[Feature(name=name, role=role, kind=kind) for name, role, kind in features],
        heads=list(heads),
        seed=seed,
        max_rejected_share=max_rejected_share,
    )


def make_events(rows, **columns) -> pa.Table:
    """Events from (user, item, time) or (user, item, time, kind) rows; a kind is a purchase if not given."""
    rows = [(*row, "purchase")[:4] for row in rows]
    names = ("user_id", "item_id", "timestamp", "event")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)) | columns
    return pa.table({name: pa.array(values, _TYPES.get(name, pa.string())) for name, values in columns.items()})


def make_users(ids=(), **columns) -> pa.Table:
    """Profiles; text columns."""
    columns = {"user_id": list(ids)} | columns
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def statistics_of(rows, item, time, window_days=28) -> dict[str, float]:
    """The statistics of an item as of a moment, by going through all takings, which are (user, item, time) rows."""
    today = time // DAY
    past = [(user, taken) for user, other, taken in rows if other == item and taken // DAY < today]
    waited = []
    for user, taken in past:
        if earlier := [other for shopper, other in past if shopper == user and other < taken]:
            waited.append((taken - max(earlier)) / DAY)

    def within(days):
        return sum(taken // DAY >= today - days for _, taken in past)

    return {
        "popularity": within(window_days),
        "popularity_short": within(max(1, round(window_days / 4))),
        "popularity_long": within(3 * window_days),
        "taken": len(past),
        "repeats": len(waited),
        "repeat_days": sum(waited),
    }


def cut(located: pa.Table, shards) -> list[pa.Table]:
    """The located events of each shard that has some; a shard is a set of user ids, None stands for everyone."""
    users = located["user_id"].to_pylist()
    parts = [located.filter(pa.array([user in shard for user in users])) for shard in shards or [set(users)]]
    return [part for part in parts if len(part)]


def know(events, settings, catalogue, shards=None) -> tuple[pa.Table, assemble.Knowledge]:
    """The located events, and what all shards share."""
    item_ids = tables.sorted_ids([pa.array(catalogue)])
    located, unknown = tables.locate(events, item_ids)
    assert not len(unknown)
    daily = daily_counts.add(tables.count_days(part, settings) for part in cut(located, shards))
    return located, tables.know(daily, item_ids, settings)


def examples(events, settings, users=None, catalogue=None, shards=None) -> dict[str, list[dict]]:
    """The requests of each split in the order of shopper and time; a shard is a set of user ids."""
    catalogue = catalogue or sorted(set(events["item_id"].to_pylist()))
    located, knowledge = know(events, settings, catalogue, shards)
    found = {"train": [], "validation": [], "eval": []}
    users = make_users() if users is None else users
    for rows in cut(located, shards):
        for split, table in assemble.request_examples(rows, users, knowledge, settings):
            found[split] += table.to_pylist()
    return {split: sorted(rows, key=lambda row: (row["user_id"], row["timestamp"])) for split, rows in found.items()}
