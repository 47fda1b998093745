"""Flat tables and the list columns that TensorFlow Data Validation reads.

TFDV takes the Arrow layout of tf.Example, a list a cell. A value is a list of one element and a missing value is a
null list, which is how zeros and missing values stay apart.
"""

import pyarrow as pa
import pyarrow.compute as pc


def nested_schema(schema: pa.Schema) -> pa.Schema:
    """The list layout of a flat schema."""
    return pa.schema([(field.name, pa.list_(field.type)) for field in schema])


def nest(table: pa.Table) -> pa.Table:
    """A flat table in list layout: `5` becomes `[5]`, null stays null."""
    return pa.table([_nest(column.combine_chunks()) for column in table.columns], schema=nested_schema(table.schema))


def _nest(values: pa.Array) -> pa.Array:
    present = values.is_valid().cast(pa.int32())
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(present)])
    return pa.ListArray.from_arrays(offsets, values.drop_null(), mask=values.is_null())


def flatten(table: pa.Table) -> pa.Table:
    """A table in list layout as a flat one: `[5]` becomes `5`, null stays null.

    Raises:
        ValueError: a cell holds no value or several.
    """
    return pa.table({name: _flatten(name, table[name].combine_chunks()) for name in table.column_names})


def _flatten(name: str, lists: pa.Array) -> pa.Array:
    lengths = pc.list_value_length(lists)
    if pc.any(pc.not_equal(lengths, 1)).as_py():
        raise ValueError(f"column {name} is not in list layout: some of its cells hold no value or several")
    return pc.list_element(lists, 0)
