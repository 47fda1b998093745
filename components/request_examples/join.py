"""The Beam graph that joins events, items and users into request examples.

Shoppers are spread over shards by a hash of their id; each shard is joined with vectorised code and encoded by TFX's
C++ encoder. Every worker holds two things in memory: the catalogue's ids, about 100 bytes an item, and the counts of
items by day, 16 bytes an item and day on which it was taken.
"""

from collections.abc import Iterable

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.io.filesystems import FileSystems
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from components.request_examples import assemble, popularity
from components.request_examples.settings import Settings
from components.request_examples.timeline import evaluation_start, is_one_of
from components.table_gen.layout import flatten
from components.table_gen.read import split_pattern
from schemas import request_example

METRICS = "request_examples"
_SHARD_BYTES = 2 << 20  # of compressed events; a shard's joined examples then take some hundred MB at most
_EXAMPLES_AT_ONCE = 512
UNKNOWN_ITEM = "unknown item_id"
REJECTED_SCHEMA = pa.schema([(name, pa.string()) for name in ("user_id", "item_id", "timestamp", "field", "reason")])


def join(pipeline: beam.Pipeline, uris: dict[str, str], settings: Settings):
    """Builds the Beam graph.

    Args:
        pipeline: where to add it.
        uris: of the Examples artefact of each table, `events`, `items` and `users`.
        settings: how requests are cut.

    Returns:
        `(splits, rejected)`: serialized tf.Examples by split, and the events that could not be joined, as dicts.
    """
    tables = {
        name: pipeline
        | f"Read[{name}]" >> beam.io.ReadFromParquetBatched(split_pattern(uri))
        | f"Flatten[{name}]" >> beam.Map(flatten)
        for name, uri in uris.items()
    }
    item_ids = beam.pvalue.AsSingleton(
        tables["items"] | beam.Map(lambda table: table["item_id"].to_pylist()) | beam.CombineGlobally(_SortedIds())
    )
    located = tables["events"] | "Locate" >> beam.ParDo(_Locate(), item_ids).with_outputs("rejected", main="known")
    knowledge = beam.pvalue.AsSingleton(
        located.known
        | "CountDays" >> beam.Map(_count_days, settings)
        | "AddDays" >> beam.CombineGlobally(popularity.MergeDailyCounts())
        | "Know" >> beam.Map(_know, item_ids, settings)
    )
    shards = _num_shards(uris["events"])
    requests = (
        {
            "events": located.known | "ShardEvents" >> beam.FlatMap(_shard, shards),
            "users": tables["users"] | "ShardUsers" >> beam.FlatMap(_shard, shards),
        }
        | beam.CoGroupByKey()
        | "Assemble" >> beam.ParDo(_Assemble(settings), knowledge).with_outputs(*request_example.REQUEST_SPLITS)
    )
    columns = {
        **{name: requests[name] for name in request_example.REQUEST_SPLITS},
        request_example.CATALOG_SPLIT: tables["items"] | "Catalog" >> beam.Map(_catalog, knowledge, settings),
        request_example.USERS_SPLIT: tables["users"] | "Profiles" >> beam.Map(_profiles, settings),
    }
    schema = request_example.schema(settings.features, settings.heads).SerializeToString()
    splits = {name: table | f"Encode[{name}]" >> beam.ParDo(_Encode(name, schema)) for name, table in columns.items()}
    return splits, located.rejected


class _SortedIds(beam.CombineFn):
    """All item ids, sorted: an item's position in them is its number during the join."""

    def create_accumulator(self):
        return set()

    def add_input(self, accumulator, ids):
        return accumulator | set(ids)

    def merge_accumulators(self, accumulators):
        return set().union(*accumulators)

    def extract_output(self, accumulator):
        return pa.array(sorted(accumulator), pa.string())


class _Locate(beam.DoFn):
    """Adds each event's position in the catalogue; events of unknown items are set aside."""

    def process(self, table: pa.Table, item_ids: pa.Array) -> Iterable:
        table = table.append_column("item", pc.index_in(table["item_id"], value_set=item_ids).cast(pa.int64()))
        known = pc.is_valid(table["item"])
        unknown = table.filter(pc.invert(known))
        beam.metrics.Metrics.counter(METRICS, "events").inc(len(table))
        beam.metrics.Metrics.counter(METRICS, "events_rejected").inc(len(unknown))
        for row in unknown.select(["user_id", "item_id", "timestamp"]).to_pylist():
            described = row | {"timestamp": str(row["timestamp"]), "field": "item_id", "reason": UNKNOWN_ITEM}
            yield beam.pvalue.TaggedOutput("rejected", described)
        yield table.filter(known)


def _count_days(table: pa.Table, settings: Settings) -> popularity.DailyCounts:
    taken = is_one_of(table["event"], settings.requests.positive_events)
    return popularity.count(table["item"].to_numpy(), table["timestamp"].to_numpy(), taken)


def _know(daily: popularity.DailyCounts, item_ids: pa.Array, settings: Settings) -> assemble.Knowledge:
    if not len(daily.keys):
        kinds = ", ".join(settings.requests.positive_events)
        raise ValueError(f"no event is of a kind in requests.positive_events ({kinds}); name kinds that the log has")
    window = settings.requests.popularity_days
    return assemble.Knowledge(item_ids, popularity.Popularity(daily, len(item_ids), window))


def _num_shards(events_uri: str) -> int:
    files = FileSystems.match([split_pattern(events_uri)])[0].metadata_list
    return max(8, sum(file.size_in_bytes for file in files) // _SHARD_BYTES)


def _shard(table: pa.Table, num_shards: int) -> Iterable[tuple[int, pa.Table]]:
    shard = assemble.hashed(table["user_id"]) % num_shards
    order = np.argsort(shard, kind="stable")
    numbers, starts = np.unique(shard[order], return_index=True)
    table = table.take(pa.array(order))
    for number, start, stop in zip(numbers, starts, np.append(starts[1:], len(order)), strict=True):
        yield int(number), table.slice(start, stop - start)


class _Assemble(beam.DoFn):
    def __init__(self, settings: Settings):
        self._settings = settings

    def process(self, shard, knowledge: assemble.Knowledge) -> Iterable:
        _, tables = shard
        events, users = (list(tables[name]) for name in ("events", "users"))
        if not events:
            return
        users = pa.concat_tables(users) if users else _no_users(self._settings)
        for split, examples in assemble.request_examples(
            pa.concat_tables(events), users, knowledge, self._settings
        ).items():
            yield beam.pvalue.TaggedOutput(split, examples)


def _no_users(settings: Settings) -> pa.Table:
    kinds = [(name, pa.float32() if settings.is_numeric(name) else pa.string()) for name in settings.names("user")]
    return pa.schema([("user_id", pa.string()), *kinds]).empty_table()


def _catalog(table: pa.Table, knowledge: assemble.Knowledge, settings: Settings) -> pa.Table:
    """An example an item, with its popularity when the evaluation starts, so that judging by it leaks nothing."""
    located = pc.index_in(table["item_id"], value_set=knowledge.item_ids).cast(pa.int64()).to_numpy()
    as_of = np.full(len(table), evaluation_start(knowledge.popularity.last_day, settings))
    columns = {"item_id": table["item_id"]}
    if "available" in table.column_names:
        columns["item_available"] = table["available"]
    columns["item_popularity"] = pa.array(knowledge.popularity.counts(located, as_of))
    columns |= {f"item_{name}": table[name] for name in settings.names("item")}
    return pa.table({name: assemble.one_each(values) for name, values in columns.items()})


def _profiles(table: pa.Table, settings: Settings) -> pa.Table:
    columns = {"user_id": table["user_id"]} | {f"user_{name}": table[name] for name in settings.names("user")}
    return pa.table({name: assemble.one_each(values) for name, values in columns.items()})


class _Encode(beam.DoFn):
    """Encodes tables of list columns as serialized tf.Examples."""

    def __init__(self, split: str, schema: bytes):
        self._split, self._schema = split, schema
        self._counter = beam.metrics.Metrics.counter(METRICS, f"examples_{split}")

    def setup(self):
        schema = request_example.schema_pb2.Schema.FromString(self._schema)
        self._encoder = RecordBatchToExamplesEncoder(schema)

    def process(self, table: pa.Table) -> Iterable[bytes]:
        self._counter.inc(len(table))
        for batch in table.cast(_encodable(table.schema)).combine_chunks().to_batches(_EXAMPLES_AT_ONCE):
            yield from self._encoder.encode(batch)


def _encodable(schema: pa.Schema) -> pa.Schema:
    """The types that tf.Example knows, as the encoder wants them."""
    types = {pa.string(): pa.binary(), pa.float64(): pa.float32()}
    return pa.schema(
        [(field.name, pa.list_(types.get(field.type.value_type, field.type.value_type))) for field in schema]
    )
