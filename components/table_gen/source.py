"""Finds the Parquet files of a table, checks their columns before anything is read, and reads their row groups."""

import collections
import dataclasses
import itertools
import os
import re
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems
from tfx.dsl.io import fileio

from components.table_gen.cast import ACCEPTED_TYPES, is_castable
from components.table_gen.contract import Contract
from components.table_gen.read import ALL, BEFORE, NEWEST

_SPAN_FOLDER = re.compile(r"span-(\d+)")
_BATCH_ROWS = 65_536


class TableError(ValueError):
    """A table that cannot be read as it is; the message names file, column or span, and the remedy."""


@dataclasses.dataclass(frozen=True)
class RowGroup:
    """The unit of parallel reading: one row group of one Parquet file, and the split that its rows belong to."""

    split: str
    path: str
    index: int
    first_row: int
    num_rows: int


@dataclasses.dataclass(frozen=True)
class Source:
    """What there is to read of one table.

    Attributes:
        contract: the table's contract, without the columns that no file has.
        row_groups: all row groups, by file and position.
        spans: those that are read, ascending; none for a table that has no spans.
    """

    contract: Contract
    row_groups: tuple[RowGroup, ...]
    spans: tuple[int, ...]

    @property
    def num_rows(self) -> int:
        """Rows of all files."""
        return sum(group.num_rows for group in self.row_groups)

    @property
    def span(self) -> int | None:
        """The newest span, for a table that has spans."""
        return max(self.spans, default=None)

    @property
    def splits(self) -> list[str]:
        """Names of the splits that the rows fall into."""
        return sorted({group.split for group in self.row_groups})


def find(base: str, contract: Contract) -> Source:
    """Finds the files of a table and checks everything about them that their footers tell.

    Args:
        base: the table's folder; holds `span-N` folders of Parquet files where the table has spans, else the files.
        contract: what the files must hold.

    Raises:
        TableError: nothing to read, a span without files or rows, a file that is not Parquet, or a column that is
            missing or of a type that cannot be cast.
    """
    folders = spans(base, contract) if contract.has_spans else {None: base}
    row_groups: list[RowGroup] = []
    sources: set[str] = set()
    for span, folder in sorted(folders.items(), key=lambda item: item[0] or 0):
        split = ALL if span is None else NEWEST if span == max(folders) else BEFORE
        paths = parquet_files(folder)
        rows_before = sum(group.num_rows for group in row_groups)
        for path in paths:
            schema, groups = _footer(path, split)
            _check_schema(schema, contract, path)
            sources.update(schema.names)
            row_groups += groups
        if rows_before == sum(group.num_rows for group in row_groups):
            what = f"span {span} of the {contract.table} table" if contract.has_spans else f"the {contract.table} table"
            problem = "its files hold no rows" if paths else "it has no *.parquet files"
            raise TableError(f"{what} is empty: {problem}, in {folder}. Write the files, or remove the folder")
    _check_declared(sources, contract, base)
    return Source(contract.narrowed(sources), tuple(row_groups), tuple(sorted(folders)) if contract.has_spans else ())


def parquet_files(folder: str) -> list[str]:
    """The Parquet files of a folder, sorted; names that begin with a dot or an underscore are no data."""
    paths = fileio.glob(os.path.join(folder, "*.parquet"))
    return sorted(path for path in paths if not os.path.basename(path).startswith((".", "_")))


def spans(base: str, contract: Contract) -> dict[int, str]:
    """The folders of the spans that the contract asks for, by number.

    Raises:
        TableError: there is none, a folder is numbered badly, or two have the same number.
    """
    folders = [name.rstrip("/") for name in fileio.listdir(base)] if fileio.isdir(base) else []
    folders = [name for name in folders if name.startswith("span-")]
    if unnumbered := [name for name in folders if not _SPAN_FOLDER.fullmatch(name)]:
        raise TableError(
            f"{base}/{unnumbered[0]}: a span is a number, as in span-12; rename the folder or move it away"
        )
    found: dict[int, str] = {}
    for name in sorted(folders):
        span = int(name.removeprefix("span-"))
        if span in found:
            raise TableError(f"{found[span]} and {base}/{name} are both span {span}; keep one of them")
        found[span] = os.path.join(base, name)
    first = contract.first_span if contract.first_span is not None else min(found, default=0)
    last = contract.last_span if contract.last_span is not None else max(found, default=0)
    inside = {span: folder for span, folder in found.items() if first <= span <= last}
    if not inside:
        there = f"spans {min(found)} to {max(found)} are there" if found else "no span-N folder is there"
        raise TableError(f"no spans to read in {base}: data.first_span..data.last_span is {first}..{last}, and {there}")
    newest = sorted(inside)[-(contract.window_spans or len(inside)) :]
    return {span: inside[span] for span in newest}


def _footer(path: str, split: str) -> tuple[pa.Schema, list[RowGroup]]:
    try:
        with FileSystems.open(path) as stream:
            parquet = pq.ParquetFile(stream)
            sizes = [parquet.metadata.row_group(index).num_rows for index in range(parquet.num_row_groups)]
            schema = parquet.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{path} is no readable Parquet file ({error}); write it again or move it away") from error
    starts = itertools.accumulate(sizes, initial=0)
    groups = zip(range(len(sizes)), starts, sizes, strict=False)
    return schema, [RowGroup(split, path, index, first_row, size) for index, first_row, size in groups if size]


def _check_schema(schema: pa.Schema, contract: Contract, path: str) -> None:
    repeated = {name for name, count in collections.Counter(schema.names).items() if count > 1}
    for column in contract.columns:
        if column.source in repeated:
            raise TableError(f"{path} has several columns named '{column.source}'; keep one of them")
        if column.source in schema.names:
            arrow_type = schema.field(column.source).type
            if not is_castable(arrow_type, column.kind):
                raise TableError(
                    f"{path}: column '{column.source}' holds {arrow_type}, which cannot be read as {column.name}; "
                    f"it takes {ACCEPTED_TYPES[column.kind]}. Write the column as one of these, or map another one "
                    f"with data.columns.{contract.table}.{column.name}"
                )
        elif column.required:
            raise TableError(_missing(column.name, column.source, schema.names, contract, path))


def _check_declared(sources: set[str], contract: Contract, base: str) -> None:
    # A declared feature may be missing from old files, which were written before the shop had it, but not from all.
    for column in contract.columns:
        if column.declared and column.source not in sources:
            raise TableError(_missing(column.name, column.source, sorted(sources), contract, base))


def _missing(name: str, source: str, there: Iterable[str], contract: Contract, where: str) -> str:
    return (
        f"{where} has no column '{source}', which is needed as {name}; it has: {', '.join(there)}. If one of these is "
        f"meant, set data.columns.{contract.table}.{name} to its name"
    )


def read(group: RowGroup, contract: Contract) -> Iterator[tuple[int, pa.Table]]:
    """Reads a row group in batches, under the contract's column names and with the file's own types.

    Columns that the file lacks come as nulls.

    Yields:
        The number in the file of a batch's first row, and the batch.

    Raises:
        TableError: the data of the row group is damaged.
    """
    row = group.first_row
    try:
        with FileSystems.open(group.path) as stream:
            parquet = pq.ParquetFile(stream)
            present = {column.source for column in contract.columns} & set(parquet.schema_arrow.names)
            for batch in parquet.iter_batches(_BATCH_ROWS, row_groups=[group.index], columns=sorted(present)):
                yield row, _renamed(batch, contract)
                row += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise TableError(
            f"{group.path}: row group {group.index}, from row {group.first_row}, cannot be read ({error}); "
            "write the file again"
        ) from error


def _renamed(batch: pa.RecordBatch, contract: Contract) -> pa.Table:
    def values(source: str) -> pa.Array:
        if source not in batch.schema.names:
            return pa.nulls(batch.num_rows)
        array = batch.column(source)
        return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array

    return pa.table({column.name: values(column.source) for column in contract.columns})
