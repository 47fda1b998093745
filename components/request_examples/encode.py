"""From tables of list columns to serialized tf.Examples, by TFX's C++ encoder."""

from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

_EXAMPLES_AT_ONCE = 512
_TYPES = {pa.string(): pa.binary(), pa.float64(): pa.float32()}  # those that tf.Example does not know


class Encoder:
    """Encodes tables of one schema."""

    def __init__(self, schema: schema_pb2.Schema):
        self._encoder = RecordBatchToExamplesEncoder(schema)

    def encode(self, table: pa.Table) -> Iterator[bytes]:
        """Yields a serialized tf.Example a row of a table of list columns."""
        encodable = [(field.name, pa.list_(_TYPES.get(t := field.type.value_type, t))) for field in table.schema]
        for batch in table.cast(pa.schema(encodable)).combine_chunks().to_batches(_EXAMPLES_AT_ONCE):
            yield from self._encoder.encode(batch)


class Encode(beam.DoFn):
    """Encodes the tables of a split, and counts its examples.

    Args:
        schema: of the examples, a serialized `Schema`.
        namespace: of the counter.
        counter: name of the counter.
    """

    def __init__(self, schema: bytes, namespace: str, counter: str):
        self._schema = schema
        self._counter = beam.metrics.Metrics.counter(namespace, counter)

    def setup(self) -> None:
        self._encoder = Encoder(schema_pb2.Schema.FromString(self._schema))

    def process(self, table: pa.Table) -> Iterator[bytes]:
        self._counter.inc(table.num_rows)
        yield from self._encoder.encode(table)
