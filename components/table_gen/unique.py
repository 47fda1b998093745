"""Keeps the first row of every id and rejects the others, whatever the size of the table."""

from collections.abc import Iterable, Iterator
from typing import Literal

import apache_beam as beam
import numpy as np
import pandas as pd
import pyarrow as pa

from components.table_gen.contract import Contract
from components.table_gen.validate import Fault, reject

REJECTED = "rejected"
_ROWS_PER_SHARD = 100_000

# Rows of one file: its path, their numbers in it (int64), their values.
Rows = tuple[str, np.ndarray, pa.Table]
Rejected = beam.pvalue.TaggedOutput[Literal["rejected"], pa.Table]


def shards_for(num_rows: int) -> int:
    """Into how many parts a table is cut, so that each fits into a worker's memory."""
    return 1 + num_rows // _ROWS_PER_SHARD


def shard_by_id(rows: Rows, column: str, num_shards: int) -> Iterator[tuple[int, Rows]]:
    """Cuts rows into the shards that their ids belong to."""
    file, numbers, table = rows
    shard_of_row = pd.util.hash_array(table[column].to_numpy()) % num_shards
    for shard in np.unique(shard_of_row):
        inside = np.flatnonzero(shard_of_row == shard)
        yield int(shard), (file, numbers[inside], table.take(inside))


class KeepFirst(beam.DoFn):
    """Keeps the first row of every id, by path and row number, and rejects the others as duplicates."""

    def __init__(self, contract: Contract):
        self._contract = contract

    def process(self, shard: tuple[int, Iterable[Rows]]) -> Iterator[pa.Table | Rejected]:
        """Takes all rows of a shard; yields the kept ones, and the rejected ones to the output `rejected`."""
        column = self._contract.unique
        seen: set[str] = set()
        kept = []
        for file, numbers, table in sorted(shard[1], key=lambda rows: (rows[0], rows[1][0])):
            repeated = np.zeros(table.num_rows, bool)
            for row, value in enumerate(table[column].to_pylist()):
                repeated[row] = value in seen
                seen.add(value)
            kept.append(table.filter(pa.array(~repeated)))
            if repeated.any():
                faults = [Fault(column, "duplicate")] * int(repeated.sum())
                rejected = reject(table.filter(pa.array(repeated)), numbers[repeated], faults, file, self._contract)
                yield beam.pvalue.TaggedOutput(REJECTED, rejected)
        yield pa.concat_tables(kept)
