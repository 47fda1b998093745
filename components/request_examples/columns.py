"""List columns, the Arrow layout of tf.Example: a list a cell, empty where there is no value."""

import numpy as np
import pyarrow as pa

from components.request_examples.pairs import Pairs
from components.request_examples.ranges import offsets


def one_each(values: pa.Array | pa.ChunkedArray) -> pa.ListArray:
    """A list column of one value a row; a missing value is an empty list."""
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    present = values.is_valid().to_numpy(zero_copy_only=False)
    ends = np.concatenate([[0], np.cumsum(present)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), values.drop_null())


def lists(row: np.ndarray, num_rows: int, values: pa.Array) -> pa.ListArray:
    """A list column of values grouped by row.

    Args:
        row: int64 [n], ascending, the row that each value belongs to.
        num_rows: how many rows there are.
        values: [n].
    """
    return pa.ListArray.from_arrays(pa.array(offsets(row, num_rows)), values)


def item_lists(pairs: Pairs, num_requests: int, item_ids: pa.Array) -> pa.ListArray:
    """A list column of item ids, from the items' positions in `item_ids`."""
    return lists(pairs.request, num_requests, item_ids.take(pa.array(pairs.item)))
