"""Reads a shop's own tables for one question, as the shop's back end would: who is asking, and what the items are."""

import pathlib
from collections.abc import Collection
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.table_gen.contract import Contract, Table, contract_of
from components.table_gen.validate import check
from pipeline.config import Config
from serving.client import Event


class UnknownShopper(LookupError):
    """No event of the shopper is on record."""


class NoTables(LookupError):
    """The tables are not where the configuration says."""


class Shopper(NamedTuple):
    """A shopper's events of the kinds that a history holds, oldest first, and the circumstances of the last one."""

    history: list[Event]
    context: dict[str, str | float]
    scene: str


class Shop:
    """The tables of a configuration, by the names, types and rules of the data contract.

    Every method raises `NoTables` where a table that it needs is missing.
    """

    def __init__(self, config: Config):
        self._config = config

    def shopper(self, user_id: str) -> Shopper:
        """Everything that is known of a shopper.

        Raises:
            UnknownShopper: the shopper has no event; the message names some who have.
        """
        events = self._read("events", where=("user_id", [user_id])).sort_by("timestamp")
        if not len(events):
            some = ", ".join(sorted(pc.unique(self._read("events", ["user_id"])["user_id"]).to_pylist())[:5])
            raise UnknownShopper(
                f"no event of user '{user_id}' in {self._config.data.root}/events; some users there: {some}"
            )
        rows = events.to_pylist()
        wanted = self._config.requests.history_kinds
        history = [Event(row["item_id"], row["timestamp"], row["event"]) for row in rows if row["event"] in wanted]
        last = rows[-1]
        context = {name: last[name] for name in self._config.served_context() if last.get(name) is not None}
        return Shopper(history, context, last.get("scene") or "")

    def now(self) -> int:
        """The moment after the newest event, in seconds: when a question to a log that has ended is asked."""
        return pc.max(self._read("events", ["timestamp"])["timestamp"]).as_py() + 1

    def typical_shopper(self) -> str:
        """A shopper for a demonstration: the one with the median number of events."""
        counts = pc.value_counts(self._read("events", ["user_id"])["user_id"]).to_pylist()
        ordered = sorted(counts, key=lambda count: (count["counts"], count["values"]))
        return ordered[len(ordered) // 2]["values"]

    def texts(self, item_ids: Collection[str]) -> dict[str, str]:
        """What each item is, in words: its declared texts."""
        names = self._config.features_of("item", "text")
        rows = self._read("items", ["item_id", *names], where=("item_id", item_ids)).to_pylist()
        return {row["item_id"]: " ".join(row[name] for name in names if row.get(name)) for row in rows}

    def num_shoppers(self) -> int:
        """How many shoppers have an event or a profile."""
        ids = [pc.unique(self._read(name, ["user_id"])["user_id"]) for name in ("events", "users")]
        return len(pc.unique(pa.chunked_array(ids)))

    def files(self, name: Table) -> list[pathlib.Path]:
        """The Parquet files of a table, in the order of their paths, by the rules of `components.table_gen.source`."""
        folder = pathlib.Path(self._config.data.root) / name
        found = folder.glob("span-[0-9]*/*.parquet" if name == "events" else "*.parquet")
        files = sorted(path for path in found if not path.name.startswith((".", "_")))
        if not files:
            raise NoTables(f"{folder} holds no *.parquet files; check data.root, or write the tables there")
        return files

    def _read(
        self, name: Table, columns: Collection[str] | None = None, where: tuple[str, Collection[str]] | None = None
    ) -> pa.Table:
        """The rows that keep the contract; `where` is a column and the values that are wanted of it.

        Columns that a row cannot do without are read whichever are asked for, since they decide whether it counts.
        """
        contract = contract_of(name, self._config)
        if columns is not None:
            kept = tuple(column for column in contract.columns if column.required or column.name in columns)
            contract = contract.model_copy(update={"columns": kept})
        tables = [read_file(path, contract, where) for path in self.files(name)]
        return pa.concat_tables(tables, promote_options="default")


def read_file(path: pathlib.Path, contract: Contract, where: tuple[str, Collection[str]] | None = None) -> pa.Table:
    """The rows of a file that keep the contract, with those of its columns that the file has.

    Args:
        path: a Parquet file with the shop's own columns.
        contract: of the table.
        where: a column and the values that are wanted of it; None for all rows.

    Raises:
        NoTables: the file lacks a column that the contract requires, or is damaged.
    """
    try:
        names = set(pq.read_schema(path).names)
    except pa.ArrowException as error:
        raise NoTables(f"{path} is no readable Parquet file ({error}); write it again or move it away") from None
    missing = [column.source for column in contract.columns if column.required and column.source not in names]
    if missing:
        raise NoTables(f"{path} has no column {', '.join(missing)}; check data.columns.{contract.table}")
    contract = contract.narrowed(names)
    raw = pq.read_table(path, columns=[column.source for column in contract.columns], partitioning=None)
    raw = pa.table({column.name: _decoded(raw[column.source]) for column in contract.columns})
    if where is not None:
        column, values = where
        raw = raw.filter(pc.is_in(raw[column].cast(pa.string()), pa.array(values, pa.string())))
    accepted, _, _ = check(raw, contract, str(path), 0)
    return accepted


def _decoded(column: pa.ChunkedArray) -> pa.Array:
    values = column.combine_chunks()
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values
