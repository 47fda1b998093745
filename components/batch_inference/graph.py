"""The Beam graph from a shop's tables to a list for every shopper.

TFX's BulkInferrer is not used: it takes requests that are written out as examples, answers with every candidate that
the model ranks, hundreds a shopper, and writes PredictionLogs, from which Parquet would be a second job. Here Beam's
own RunInference asks the SavedModel in each worker for just the k items that are wanted.
"""

from collections.abc import Iterator, Mapping, Sequence

import apache_beam as beam
import pyarrow as pa
from apache_beam.ml.inference.base import RunInference

from components.batch_inference import shoppers
from components.batch_inference.recommender import SCHEMA, Recommender
from components.batch_inference.shoppers import Settings
from components.request_examples.join import shard
from components.table_gen.contract import Contract
from components.table_gen.read import conform
from pipeline.shop import read_file
from schemas.request_rows import Row

_TABLES = ("events", "users")


def write_lists(
    pipeline: beam.Pipeline,
    files: Mapping[str, Sequence[str]],
    contracts: Mapping[str, Contract],
    recommender: Recommender,
    settings: Settings,
    num_shards: int,
    prefix: str,
) -> None:
    """Builds the graph.

    Args:
        pipeline: where to add it.
        files: Parquet files of the tables `events` and `users`.
        contracts: which columns they have.
        recommender: the model.
        settings: what requests carry, and how long lists are.
        num_shards: shoppers are spread over so many groups, each of which fits into a worker's memory.
        prefix: of the Parquet files to write.
    """
    sharded = {
        name: pipeline
        | f"Files[{name}]" >> beam.Create(list(files[name]), reshuffle=False)
        | f"Read[{name}]" >> beam.Map(_read, contracts[name])
        | f"Shard[{name}]" >> beam.FlatMap(shard, num_shards)
        for name in _TABLES
    }
    _ = (
        sharded
        | "GroupByShard" >> beam.CoGroupByKey()
        | "Requests" >> beam.FlatMap(_requests, contracts, settings)
        | "Recommend" >> RunInference(recommender)
        | "Write" >> beam.io.WriteToParquetBatched(prefix, SCHEMA, codec="zstd", file_name_suffix=".parquet")
    )


def _read(path: str, contract: Contract) -> pa.Table:
    return conform(read_file(path, contract), contract.schema)


def _requests(
    grouped: tuple[int, Mapping[str, Sequence[pa.Table]]], contracts: Mapping[str, Contract], settings: Settings
) -> Iterator[Row]:
    empty = {name: contract.schema.empty_table() for name, contract in contracts.items()}
    events, users = (pa.concat_tables([empty[name], *grouped[1][name]]) for name in _TABLES)
    yield from shoppers.requests(events, users, settings)
