"""Writes a dataset's three tables as Parquet: complete or not at all, and once per recipe.

A manifest beside the tables records what they were made from and what became of every row that was read.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import tempfile
from collections.abc import Callable, Mapping

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.data.dataset import DataError, Dataset

MANIFEST = "manifest.json"
ROW_GROUP_ROWS = 10_000  # Beam reads row groups in parallel; one group a file would leave a span to one worker
_CODE = pathlib.Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class TableSummary:
    """What became of the rows of one table."""

    written: int
    set_aside: dict[str, int]  # rows by reason

    @property
    def read(self) -> int:
        """Rows of the source."""
        return self.written + sum(self.set_aside.values())


@dataclasses.dataclass(frozen=True)
class Summary:
    """What a preparation wrote; `str` gives a table to print."""

    dataset: str
    spans: tuple[int, int]  # first and last
    tables: dict[str, TableSummary]

    def __str__(self) -> str:
        lines = [f"{self.dataset}, spans {self.spans[0]} to {self.spans[1]}"]
        for name, table in self.tables.items():
            lines += [f"{name:<8}{table.read:>11,} rows read", f"{'':<8}{table.written:>11,} written"]
            lines += [f"{'':<8}{count:>11,} set aside: {reason}" for reason, count in table.set_aside.items()]
        return "\n".join(lines)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """All that decides the bytes of the tables, beside this package's code: equal recipes give equal tables."""

    dataset: str
    wheel: str  # sha256 of the source
    arguments: dict[str, int | None]


def publish(
    destination: str | pathlib.Path, recipe: Recipe, schemas: Mapping[str, pa.Schema], build: Callable[[], Dataset]
) -> Summary:
    """Writes the tables that `build` returns, unless `destination` already holds those of the same recipe and code.

    They are written aside and renamed into place, so an interrupted run leaves what was there before.

    Args:
        destination: folder to write; what an earlier preparation wrote there is replaced as a whole.
        recipe: what the tables are made from.
        schemas: columns and types of the tables `events`, `items` and `users`.
        build: makes the dataset; not called when there is nothing to do.

    Raises:
        DataError: `destination` holds something else, which is left untouched.
    """
    destination = pathlib.Path(destination)
    origin = dataclasses.asdict(recipe) | {"code": _code_digest()}
    manifest = _read_manifest(destination)
    if manifest and manifest["origin"] == origin:
        return _summary(manifest["summary"])
    dataset = build()
    destination.parent.mkdir(parents=True, exist_ok=True)
    # A sibling, so that the renames stay on one file system.
    with tempfile.TemporaryDirectory(prefix=f".{destination.name}-", dir=destination.parent) as workspace:
        aside, replaced = pathlib.Path(workspace, "new"), pathlib.Path(workspace, "old")
        _write_tables(dataset, schemas, aside)
        summary = _summarise(recipe.dataset, dataset)
        document = {"origin": origin, "summary": dataclasses.asdict(summary)}
        (aside / MANIFEST).write_text(json.dumps(document, indent=2) + "\n")
        if destination.exists():
            os.replace(destination, replaced)
        os.replace(aside, destination)
    return summary


def _code_digest() -> str:
    """Digest of this package's source, so that tables written by older code are never taken for current ones."""
    digest = hashlib.sha256()
    for module in sorted(_CODE.glob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()


def _read_manifest(destination: pathlib.Path) -> dict | None:
    manifest = destination / MANIFEST
    if manifest.is_file():
        try:
            return json.loads(manifest.read_text())
        except ValueError as error:
            raise DataError(f"{manifest} is no valid JSON ({error}); remove {destination} and run again") from None
    if not destination.exists() or (destination.is_dir() and not any(destination.iterdir())):
        return None
    raise DataError(
        f"{destination} exists and holds no prepared dataset ({MANIFEST} is missing). "
        "It was left as it is: choose another folder, or remove it and run again."
    )


def _write_tables(dataset: Dataset, schemas: Mapping[str, pa.Schema], folder: pathlib.Path) -> None:
    for span, events in dataset.events.groupby("span"):
        _write(events, schemas["events"], folder / "events" / f"span-{span}")
    _write(dataset.items, schemas["items"], folder / "items")
    _write(dataset.users, schemas["users"], folder / "users")


def _write(frame: pd.DataFrame, schema: pa.Schema, folder: pathlib.Path) -> None:
    """Writes the columns of `schema` in its order and types; missing values become null."""
    folder.mkdir(parents=True)
    table = pa.Table.from_pandas(frame[schema.names], preserve_index=False).replace_schema_metadata().cast(schema)
    pq.write_table(table, folder / "part-0.parquet", row_group_size=ROW_GROUP_ROWS)


def _summarise(name: str, dataset: Dataset) -> Summary:
    spans = dataset.events["span"]
    frames = {"events": dataset.events, "items": dataset.items, "users": dataset.users}
    tables = {table: TableSummary(len(frame), dataset.set_aside[table]) for table, frame in frames.items()}
    return Summary(name, (int(spans.min()), int(spans.max())), tables)


def _summary(document: dict) -> Summary:
    tables = {name: TableSummary(**table) for name, table in document["tables"].items()}
    return Summary(document["dataset"], tuple(document["spans"]), tables)
