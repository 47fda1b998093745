"""Small shops, and their request examples as plain Python values."""

import pyarrow as pa

from components.request_examples import assemble, tables
from components.request_examples.settings import Settings
from pipeline.config import Feature, Head, Requests

DAY = 86_400
PURCHASE = Head(name="purchase", events=["purchase"])

_TYPES = {"timestamp": pa.int64(), "quantity": pa.float64(), "value": pa.float64(), "context_price": pa.float64()}


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


def know(events: pa.Table, settings: Settings, catalogue: list[str]) -> tuple[pa.Table, assemble.Knowledge]:
    """The located events and what all shards share."""
    item_ids = tables.sorted_ids([pa.array(catalogue)])
    located, unknown = tables.locate(events, item_ids)
    assert not len(unknown)
    return located, tables.know(tables.count_days(located, settings), item_ids, settings)


def examples(events, settings, users=None, catalogue=None, shards=None) -> dict[str, list[dict]]:
    """The requests of each split in the order of shopper and time; a shard is a set of user ids."""
    catalogue = catalogue or sorted(set(events["item_id"].to_pylist()))
    located, knowledge = know(events, settings, catalogue)
    found = {"train": [], "validation": [], "eval": []}
    for shard in shards or [set(events["user_id"].to_pylist())]:
        rows = located.filter(pa.array([user in shard for user in located["user_id"].to_pylist()]))
        users = make_users() if users is None else users
        for split, table in assemble.request_examples(rows, users, knowledge, settings) if len(rows) else ():
            found[split] += table.to_pylist()
    return {split: sorted(rows, key=lambda row: (row["user_id"], row["timestamp"])) for split, rows in found.items()}
