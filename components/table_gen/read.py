"""Reads what TableGen wrote, for the components after it."""

import os

import apache_beam as beam
import pyarrow as pa

from components.table_gen.layout import flatten

# A table with spans comes in two splits, so that what is new can be held against what was there before; one with a
# single span has no rows before, and no split for them. A table without spans is one split.
BEFORE, NEWEST, ALL = "before", "newest", "all"


def split_pattern(uri: str) -> str:
    """Glob pattern of the Parquet files of all splits in an Examples artifact of TableGen."""
    return os.path.join(uri, "Split-*", "*.parquet")


class ReadTable(beam.PTransform):
    """Reads an ingested table as flat Arrow tables, one for each row group.

    Args:
        uri: of the Examples artifact.
        schema: the columns wanted, such as `contract_of("events", config).schema`. Those that the shop does not have
            come as nulls.
    """

    def __init__(self, uri: str, schema: pa.Schema):
        super().__init__()
        self._pattern = split_pattern(uri)
        self._schema = schema

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection[pa.Table]:
        """Returns the tables, each with exactly the columns of the schema."""
        return (
            pipeline
            | "ReadParquet" >> beam.io.ReadFromParquetBatched(self._pattern)
            | "Flatten" >> beam.Map(lambda table, schema: conform(flatten(table), schema), self._schema)
        )


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A flat table with exactly the columns of a schema; those that it lacks are null."""
    return pa.table(
        [table[field.name] if field.name in table.column_names else pa.nulls(table.num_rows) for field in schema],
        schema=schema,
    )
