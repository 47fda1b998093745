"""Turns files of logged requests into list columns in which a missing value is none, as in request examples."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from components.serving_logs.contract import HISTORY, RequestColumn, RequestContract
from components.table_gen.cast import ACCEPTED_TYPES, cast, is_castable

_BATCH_ROWS = 16_384


class LogError(ValueError):
    """Logged requests that cannot be read; the message names file, column and remedy."""


def read(path: str, contract: RequestContract) -> Iterator[pa.Table]:
    """Reads a Parquet file in batches with `contract.schema`; a column that it lacks has no values.

    What the signatures take for missing is missing: the empty string, NaN, and events of a history without an item.

    Raises:
        LogError: the file is no Parquet, a column is of another type, or the lists of a history differ in length.
    """
    row = 0
    try:
        with FileSystems.open(path) as stream:
            parquet = pq.ParquetFile(stream)
            present = [name for name in contract.names if name in parquet.schema_arrow.names]
            for batch in parquet.iter_batches(_BATCH_ROWS, columns=present):
                yield _requests(batch, contract, path, row)
                row += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise LogError(f"{path} is no readable Parquet file ({error}); write it again or move it away") from error


def _requests(batch: pa.RecordBatch, contract: RequestContract, path: str, first_row: int) -> pa.Table:
    lists = {}
    for column in contract.columns:
        if column.name in batch.schema.names:
            lists[column.name] = _lists(batch.column(column.name), column, path)
        else:
            lists[column.name] = pa.nulls(batch.num_rows, column.arrow_type)
    histories = [name for name in HISTORY if name in batch.schema.names]
    lengths = {name: pc.fill_null(pc.list_value_length(lists[name]), 0).to_numpy() for name in histories}
    for name in histories[1:]:
        if len(wrong := np.flatnonzero(lengths[name] != lengths[histories[0]])):
            place = wrong[0]
            raise LogError(
                f"{path}, row {first_row + place}: {lengths[histories[0]][place]} {histories[0]} and "
                f"{lengths[name][place]} {name}; each event of a history has one of both"
            )
    if HISTORY[0] in histories:
        padding = _is_missing(pc.list_flatten(lists[HISTORY[0]]))
        lists |= {name: _without(lists[name], padding) for name in histories}
    for column in contract.columns:
        if not column.is_list:
            lists[column.name] = _without(lists[column.name], _is_missing(pc.list_flatten(lists[column.name])))
    return pa.table([_null_if_empty(lists[name]) for name in contract.names], schema=contract.schema)


def _lists(array: pa.Array, column: RequestColumn, path: str) -> pa.ListArray:
    """A column of the file as lists of the contract's type, one value a list where cells are scalars."""
    is_list = pa.types.is_list(array.type) or pa.types.is_large_list(array.type)
    value_type = array.type.value_type if is_list else array.type
    if is_list != column.is_list or not is_castable(value_type, column.kind):
        lists = "lists of " if column.is_list else ""
        raise LogError(
            f"{path}: column '{column.name}' holds {array.type}; it takes {lists}{ACCEPTED_TYPES[column.kind]}. "
            "Write it as the request had it"
        )
    if is_list:
        lengths, values = pc.fill_null(pc.list_value_length(array), 0), pc.list_flatten(array)
    else:
        lengths, values = pa.array(np.ones(len(array), np.int32)), array
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return _grouped(cast(values, column.kind), lengths.to_numpy(zero_copy_only=False))


def _is_missing(values: pa.Array) -> np.ndarray:
    missing = values.is_null()
    if pa.types.is_string(values.type):
        missing = pc.or_(missing, pc.fill_null(pc.equal(values, ""), False))
    elif pa.types.is_floating(values.type):
        missing = pc.or_(missing, pc.fill_null(pc.is_nan(values), False))
    return missing.to_numpy(zero_copy_only=False)


def _without(lists: pa.ListArray, dropped: np.ndarray) -> pa.ListArray:
    """The lists without some of their values; `dropped` is by value, of all lists one after the other."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    kept = np.concatenate([[0], np.cumsum(~dropped)])
    ends = np.concatenate([[0], np.cumsum(lengths)])
    values = pc.list_flatten(lists).filter(pa.array(~dropped))
    return _grouped(values, np.diff(kept[ends]))


def _grouped(values: pa.Array, lengths: np.ndarray) -> pa.ListArray:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def _null_if_empty(lists: pa.ListArray) -> pa.Array:
    lengths = pc.list_value_length(lists)
    return pc.if_else(pc.equal(lengths, 0), pa.scalar(None, lists.type), lists)
