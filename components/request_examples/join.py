"""The Beam graph that joins events, items and users into request examples.

Shoppers are spread over shards by a hash of their id. Each shard is gone through twice: to count what was taken when,
then, knowing that of all shards, to join it with vectorised code and encode it by TFX's C++ encoder. Every worker holds
two things in memory: the catalogue's ids, about 100 bytes an item, and the counts of items by day, 32 bytes an item and
day on which it was taken.
"""

import os
from collections.abc import Iterator
from typing import Literal, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from components.request_examples import assemble, daily_counts, outcomes, quarantine, tables
from components.request_examples.draws import hashed
from components.request_examples.encode import Encode
from components.request_examples.settings import Settings
from components.table_gen.layout import flatten
from components.table_gen.read import split_pattern
from components.table_gen.summary import count_rows
from schemas import request_example

METRICS, KIND_METRICS, OUTCOME_METRICS = "request_examples", "request_kinds", "request_outcomes"
_REJECTED, _KNOWN = "rejected", "known"
_Split = (
    beam.pvalue.TaggedOutput[Literal["train"], pa.Table]
    | beam.pvalue.TaggedOutput[Literal["validation"], pa.Table]
    | beam.pvalue.TaggedOutput[Literal["eval"], pa.Table]
)
_Rejected = beam.pvalue.TaggedOutput[Literal["rejected"], pa.Table]
_EVENTS_PER_SHARD = 100_000
_MIN_SHARDS = 8  # so that a few workers have something to do on a small log


class Joined(NamedTuple):
    """What the graph makes.

    `splits` are serialized tf.Examples by split; `rejected` the events that could not be joined, as tables of
    `rejected_schema`.
    """

    splits: dict[str, beam.PCollection]
    rejected: beam.PCollection
    rejected_schema: pa.Schema


def join(pipeline: beam.Pipeline, uris: dict[str, str], settings: Settings) -> Joined:
    """Builds the Beam graph.

    Args:
        pipeline: where to add it.
        uris: of the Examples artefact of each table, `events`, `items` and `users`, as TableGen writes them.
        settings: how requests are cut.

    Raises:
        ValueError: the events lack a column that a head learns from.
    """
    event_schema = _schema(uris["events"])
    tables.check_columns(event_schema, settings)
    events, items, users = (_read(pipeline, name, uris[name]) for name in ("events", "items", "users"))
    item_ids = beam.pvalue.AsSingleton(
        items
        | "ItemIds" >> beam.Map(lambda table: table["item_id"].combine_chunks())
        | "SortIds" >> beam.CombineGlobally(_SortIds())
    )
    located = events | "Locate" >> beam.ParDo(_Locate(settings), item_ids).with_outputs(_REJECTED, main=_KNOWN)
    num_shards = max(_MIN_SHARDS, count_rows(os.path.dirname(split_pattern(uris["events"]))) // _EVENTS_PER_SHARD)
    shards = (
        {
            "events": located[_KNOWN] | "ShardEvents" >> beam.FlatMap(shard, num_shards),
            "users": users | "ShardUsers" >> beam.FlatMap(shard, num_shards),
        }
        | "GroupByShard" >> beam.CoGroupByKey()
        | "Concatenate" >> beam.FlatMap(_concatenate, settings)
    )
    knowledge = beam.pvalue.AsSingleton(
        shards
        | "CountDays" >> beam.Map(lambda shard: tables.count_days(shard.events, settings))
        | "AddDays" >> beam.CombineGlobally(daily_counts.AddDailyCounts())
        | "Know" >> beam.Map(tables.know, item_ids, settings)
    )
    requests = shards | "Assemble" >> beam.ParDo(_Assemble(settings), knowledge).with_outputs(
        *request_example.REQUEST_SPLITS
    )
    examples = {
        **{name: requests[name] for name in request_example.REQUEST_SPLITS},
        request_example.CATALOG_SPLIT: items | "Catalog" >> beam.Map(tables.catalog, knowledge, settings),
        request_example.USERS_SPLIT: users | "Profiles" >> beam.Map(tables.profiles, settings),
    }
    schema = request_example.schema(settings.features, settings.heads).SerializeToString()
    return Joined(
        {
            name: split | f"Encode[{name}]" >> beam.ParDo(Encode(schema, METRICS, f"examples_{name}"))
            for name, split in examples.items()
        },
        located[_REJECTED],
        quarantine.rejected_schema(event_schema),
    )


def _schema(uri: str) -> pa.Schema:
    """The columns of an ingested table, which are the same in all of its files."""
    path = FileSystems.match([split_pattern(uri)])[0].metadata_list[0].path
    with FileSystems.open(path) as stream:
        return pq.read_schema(stream)


def _read(pipeline: beam.Pipeline, name: str, uri: str) -> beam.PCollection:
    return (
        pipeline
        | f"Read[{name}]" >> beam.io.ReadFromParquetBatched(split_pattern(uri))
        | f"Flatten[{name}]" >> beam.Map(flatten)
    )


class _SortIds(beam.CombineFn):
    """`tables.sorted_ids` over a collection."""

    def create_accumulator(self) -> list[pa.Array]:
        return []

    def add_input(self, accumulator: list[pa.Array], ids: pa.Array) -> list[pa.Array]:
        return [*accumulator, ids]

    def merge_accumulators(self, accumulators) -> list[pa.Array]:
        return [ids for accumulator in accumulators for ids in accumulator]

    def extract_output(self, accumulator: list[pa.Array]) -> pa.Array:
        return tables.sorted_ids(accumulator)


class _Locate(beam.DoFn):
    """Yields events with their positions in the catalogue; those of unknown items go to the output `rejected`."""

    def __init__(self, settings: Settings):
        self._settings = settings

    def process(self, events: pa.Table, item_ids: pa.Array) -> Iterator[pa.Table | _Rejected]:
        known, unknown = tables.locate(events, item_ids)
        beam.metrics.Metrics.counter(METRICS, "events").inc(events.num_rows)
        beam.metrics.Metrics.counter(METRICS, "events_rejected").inc(unknown.num_rows)
        for kind, count in tables.count_kinds(known, self._settings).items():
            beam.metrics.Metrics.counter(KIND_METRICS, kind).inc(count)
        if unknown.num_rows:
            yield beam.pvalue.TaggedOutput(_REJECTED, quarantine.reject(unknown))
        yield known


def shard(table: pa.Table, num_shards: int) -> Iterator[tuple[int, pa.Table]]:
    """Cuts rows into the shards that their shoppers belong to."""
    shards = hashed(table["user_id"]) % np.uint64(num_shards)
    for number in np.unique(shards):
        # A copy, since a slice would be sent to the grouping with the whole table's buffers.
        yield int(number), table.take(pa.array(np.flatnonzero(shards == number)))


class _Shard(NamedTuple):
    """All that is known of some shoppers: at least one located event, and the profiles of those who have one."""

    events: pa.Table
    users: pa.Table


def _concatenate(grouped: tuple[int, dict], settings: Settings) -> Iterator[_Shard]:
    """Puts a shard together from its pieces; shoppers without events are left out."""
    events, users = (list(grouped[1][name]) for name in ("events", "users"))
    if events:
        yield _Shard(pa.concat_tables(events), pa.concat_tables(users) if users else tables.no_profiles(settings))


class _Assemble(beam.DoFn):
    """Joins a shard; yields the examples of each split to the output of its name."""

    def __init__(self, settings: Settings):
        self._settings = settings

    def process(self, shard: _Shard, knowledge: assemble.Knowledge) -> Iterator[_Split]:
        for split, examples in assemble.request_examples(*shard, knowledge, self._settings):
            for name, count in outcomes.counts(examples).items():
                beam.metrics.Metrics.counter(OUTCOME_METRICS, name).inc(count)
            yield beam.pvalue.TaggedOutput(split, examples)
