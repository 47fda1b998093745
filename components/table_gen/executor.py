"""Ingests one table: Parquet in, checked Parquet in list layout out, rejected rows beside it."""

import os
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from absl import logging
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs

from components.table_gen import summary, unique
from components.table_gen.contract import Contract
from components.table_gen.custom_config import unpack
from components.table_gen.layout import nest, nested_schema
from components.table_gen.source import RowGroup, Source, find, read
from components.table_gen.unique import REJECTED
from components.table_gen.validate import check, rejected_schema

QUARANTINE_DIR = "quarantine"
_ACCEPTED = "accepted"


class _CheckRows(beam.DoFn):
    """Reads a row group; yields its split and its good rows as `unique.Rows`, the others to the output `rejected`."""

    def __init__(self, contract: Contract):
        self._contract = contract

    def process(self, group: RowGroup) -> Iterator[tuple[str, unique.Rows] | unique.Rejected]:
        for first_row, raw in read(group, self._contract):
            accepted, numbers, rejected = check(raw, self._contract, group.path, first_row)
            if accepted.num_rows:
                yield group.split, (group.path, numbers, accepted)
            if rejected.num_rows:
                yield beam.pvalue.TaggedOutput(REJECTED, rejected)


def _without_duplicates(rows: beam.PCollection, source: Source):
    sharded = (
        rows
        | "Shard" >> beam.FlatMap(unique.shard_by_id, source.contract.unique, unique.shards_for(source.num_rows))
        | "GroupByShard" >> beam.GroupByKey()
    )
    return sharded | "KeepFirst" >> beam.ParDo(unique.KeepFirst(source.contract)).with_outputs(REJECTED, main=_ACCEPTED)


def _ingest(pipeline: beam.Pipeline, source: Source, split_dirs: dict[str, str], quarantine_dir: str) -> None:
    contract = source.contract
    rows, rejected = (
        pipeline
        | "RowGroups" >> beam.Create(source.row_groups)
        | "Spread" >> beam.Reshuffle()
        | "Check" >> beam.ParDo(_CheckRows(contract)).with_outputs(REJECTED, main=_ACCEPTED)
    )
    splits = source.splits
    by_split = rows | "BySplit" >> beam.Partition(lambda row, _: splits.index(row[0]), len(splits))
    for split, rows_of_split in zip(splits, by_split, strict=True):
        accepted = rows_of_split | f"Rows[{split}]" >> beam.Values()
        if contract.unique:
            accepted, duplicates = _without_duplicates(accepted, source)
            rejected = (rejected, duplicates) | "AllRejected" >> beam.Flatten()
        else:
            accepted = accepted | f"Tables[{split}]" >> beam.Map(lambda row: row[2])
        _ = (
            accepted
            | f"Nest[{split}]" >> beam.Map(nest)
            | f"Write[{split}]"
            >> _write_parquet(os.path.join(split_dirs[split], "rows"), nested_schema(contract.schema))
        )
    _ = rejected | "WriteRejected" >> _write_parquet(os.path.join(quarantine_dir, "rows"), rejected_schema(contract))


def _write_parquet(prefix: str, schema) -> beam.PTransform:
    return beam.io.WriteToParquetBatched(prefix, schema, codec="zstd", file_name_suffix=".parquet")


class Executor(base_beam_executor.BaseBeamExecutor):
    """Reads a table of the data contract.

    The Examples artifact holds the splits of `read` as Parquet files in list layout (`layout`), which StatisticsGen
    reads as they are; `quarantine/*.parquet` with the rejected rows; and `summary.json` with the counts, which are also
    custom properties of the artifact.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Ingests the table.

        Args:
            input_dict: nothing.
            output_dict: `examples`, one Examples artifact.
            exec_properties: `input_base`, the table's folder; `custom_config`, the contract as JSON in a StringValue.

        Raises:
            TableError: the files cannot be read as this table, or too many rows break the contract.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        source = find(exec_properties[standard_component_specs.INPUT_BASE_KEY], contract_in(exec_properties))
        examples = artifact_utils.get_single_instance(output_dict[standard_component_specs.EXAMPLES_KEY])
        examples.split_names = artifact_utils.encode_split_names(source.splits)
        split_dirs = {split: artifact_utils.get_split_uri([examples], split) for split in source.splits}
        quarantine_dir = os.path.join(examples.uri, QUARANTINE_DIR)

        with self._make_beam_pipeline() as pipeline:
            _ingest(pipeline, source, split_dirs, quarantine_dir)

        quarantine = summary.read_quarantine(quarantine_dir)
        counts = summary.Summary(
            table=source.contract.table,
            span=source.span,
            spans=len(source.spans),
            read=source.num_rows,
            accepted=sum(summary.count_rows(split_dir) for split_dir in split_dirs.values()),
            rejected=summary.count_reasons(quarantine),
        )
        summary.enforce(counts, quarantine, source.contract)
        summary.write(counts, examples.uri)
        _describe(examples, counts)
        logging.info("%s", counts)


def contract_in(exec_properties: dict[str, Any]) -> Contract:
    """The contract that `component.table_gen` put into the execution properties."""
    return Contract.model_validate_json(unpack(exec_properties))


def _describe(examples: types.Artifact, counts: summary.Summary) -> None:
    examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_PARQUET)
    examples_utils.set_file_format(examples, example_gen_pb2.FileFormat.Name(example_gen_pb2.FILE_FORMAT_PARQUET))
    examples.set_int_custom_property("rows_read", counts.read)
    examples.set_int_custom_property("rows_accepted", counts.accepted)
    examples.set_int_custom_property("rows_rejected", counts.num_rejected)
    if counts.span is not None:
        examples.span = counts.span
        # The stock driver, which knows nothing of our spans, has put 0 here.
        examples.set_int_custom_property("span", counts.span)
