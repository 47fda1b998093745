"""Checks rows against the data contract, a batch of columns at a time."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.table_gen.cast import cast
from components.table_gen.contract import Column, Contract

_LATEST = 7_258_118_400  # 2200-01-01; anything later was counted in milliseconds or finer


class Fault(NamedTuple):
    """What is wrong with a row: the column at fault and the reason."""

    field: str
    reason: str


def rejected_schema(contract: Contract) -> pa.Schema:
    """Schema of the quarantine: where a row stood, why it was rejected, and its values as text."""
    return pa.schema(
        [
            ("file", pa.string()),
            ("row", pa.int64()),  # from 0
            ("field", pa.string()),
            ("reason", pa.string()),
            ("values", pa.struct([(column.name, pa.string()) for column in contract.columns])),
        ]
    )


def reject(table: pa.Table, rows: np.ndarray, faults: list[Fault], file: str, contract: Contract) -> pa.Table:
    """Rejected rows in the layout of `rejected_schema`.

    Args:
        table: the rows, with the columns of the contract in any types that have a text form.
        rows: int64 [num_rows], their numbers in the file.
        faults: what is wrong, by row.
        file: path of the file they stand in.
        contract: the table's contract.
    """
    schema = rejected_schema(contract)
    texts = [_text(table[column.name].combine_chunks()) for column in contract.columns]
    values = pa.StructArray.from_arrays(texts, fields=list(schema.field("values").type))
    fields = [fault.field for fault in faults]
    reasons = [fault.reason for fault in faults]
    return pa.table([[file] * len(rows), rows, fields, reasons, values], schema=schema)


def _text(values: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(values.type):  # without its zone: the values are UTC, and Arrow knows few zones by name
        values = values.cast(pa.int64()).cast(pa.timestamp(values.type.unit))
    return values.cast(pa.string())


def check(raw: pa.Table, contract: Contract, file: str, first_row: int) -> tuple[pa.Table, np.ndarray, pa.Table]:
    """Splits rows into those that keep the contract, cast to its types, and those that break it.

    A row with several faults is rejected once, for the first column at fault in the order of the contract.

    Args:
        raw: the rows as read, with the columns of the contract in castable types, dictionaries decoded.
        contract: the table's contract.
        file: path of the file that the rows come from.
        first_row: number in the file of the first of the rows.

    Returns:
        The accepted rows with `contract.schema`; their numbers in the file, int64; the rejected rows with
        `rejected_schema(contract)`.
    """
    faults: list[Fault] = []
    fault_of_row = np.full(raw.num_rows, -1)
    columns = []
    for column in contract.columns:
        original = raw[column.name].combine_chunks()
        values = cast(original, column.kind)
        columns.append(values)
        for reason, mask in _faults(column, original, values):
            wrong = pc.fill_null(mask, False).to_numpy(zero_copy_only=False)
            fault_of_row[wrong & (fault_of_row < 0)] = len(faults)
            faults.append(Fault(column.name, reason))

    accepted = np.flatnonzero(fault_of_row < 0)
    rejected = np.flatnonzero(fault_of_row >= 0)
    return (
        pa.table(columns, schema=contract.schema).take(accepted),
        first_row + accepted,
        reject(raw.take(rejected), first_row + rejected, [faults[i] for i in fault_of_row[rejected]], file, contract),
    )


def _faults(column: Column, original: pa.Array, values: pa.Array) -> list[tuple[str, pa.Array]]:
    """What can be wrong with a column's values, each with the rows [num_rows] where it is (true) or is not."""
    faults = []
    if column.required:
        faults.append(("missing", original.is_null()))
    if column.kind == "key":
        faults.append(("empty", pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(values)), 0)))
    if column.kind == "timestamp":
        faults += [
            ("not an ISO 8601 time", values.is_null()),
            ("before 1970", pc.less(values, 0)),
            ("after 2199; seconds are expected", pc.greater_equal(values, _LATEST)),
        ]
    if column.kind in ("number", "duration", "propensity"):
        faults.append(("not a finite number", pc.invert(pc.is_finite(values))))
    if column.kind == "duration":
        faults.append(("negative", pc.less(values, 0)))
    if column.kind == "propensity":
        faults.append(("not above 0 and up to 1", pc.invert(pc.and_(pc.greater(values, 0), pc.less_equal(values, 1)))))
    if column.kind == "flag":
        faults.append(("neither 0 nor 1", pc.or_(pc.less(values, 0), pc.greater(values, 1))))
    return faults
