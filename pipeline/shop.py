"""Reads a shop's own tables for one question, as the shop's back end would: who is asking, and what the items are."""

import pathlib
from collections.abc import Collection
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from pipeline.config import Config
from serving.client import Event


class UnknownShopper(LookupError):
    """No event of the shopper is on record."""


class Shopper(NamedTuple):
    """A shopper's newest events, oldest first, and the circumstances of the last one."""

    history: list[Event]
    context: dict[str, str | float]
    scene: str


class Shop:
    """The tables of a configuration, read under the names of the data contract."""

    def __init__(self, config: Config):
        self._config = config

    def _table(self, name: str) -> tuple[ds.Dataset, dict[str, str]]:
        """A table, and its own column for each name of the contract."""
        dataset = ds.dataset(pathlib.Path(self._config.data.root) / name, format="parquet", exclude_invalid_files=True)
        own = getattr(self._config.data.columns, name)
        return dataset, {contract: contract for contract in dataset.schema.names} | own

    def shopper(self, user_id: str) -> Shopper:
        """Everything that is known of a shopper.

        Raises:
            UnknownShopper: the shopper has no event; the message names some who have.
        """
        events, own = self._table("events")
        column = ds.field(own["user_id"])
        rows = events.to_table(filter=column.cast(pa.string()) == user_id).sort_by(own["timestamp"])
        if not len(rows):
            some = pc.unique(events.head(10_000, columns=[own["user_id"]])[own["user_id"]]).to_pylist()[:5]
            raise UnknownShopper(f"no event of user '{user_id}' in {self._config.data.root}; some users: {some}")
        history = [
            Event(str(item), int(time), kind)
            for item, time, kind in zip(
                *(rows[own[c]].to_pylist() for c in ("item_id", "timestamp", "event")), strict=True
            )
            if kind in self._config.requests.history_kinds
        ]
        last = rows.slice(len(rows) - 1).to_pylist()[0]
        context = {name: last[own[name]] for name in self._config.features_of("context") if last[own[name]] is not None}
        return Shopper(history[-self._config.requests.history_length :], context, last.get(own.get("scene", "")) or "")

    def now(self) -> int:
        """The moment after the newest event, in seconds: when a question to a log that has ended is asked."""
        events, own = self._table("events")
        return pc.max(events.to_table(columns=[own["timestamp"]])[0]).as_py() + 1

    def some_shopper(self) -> str:
        """A shopper for a demonstration: the one with the most events in the first of the table's files."""
        events, own = self._table("events")
        counts = pc.value_counts(events.head(100_000, columns=[own["user_id"]])[0])
        return str(counts.field("values")[pc.index(counts.field("counts"), pc.max(counts.field("counts"))).as_py()])

    def texts(self, item_ids: Collection[str]) -> dict[str, str]:
        """What each item is, in words: its declared texts."""
        items, own = self._table("items")
        columns = [own[name] for name in self._config.features_of("item", "text")]
        wanted = ds.field(own["item_id"]).cast(pa.string()).isin(list(item_ids))
        rows = items.to_table(columns=[own["item_id"], *columns], filter=wanted).to_pylist()
        return {str(row[own["item_id"]]): " ".join(str(row[c]) for c in columns if row[c]) for row in rows}
