"""Runs the join, checks what it counted, and describes the artefact."""

import json
import os
from typing import Any

import apache_beam as beam
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.request_examples import quarantine, tables
from components.request_examples.join import KIND_METRICS, METRICS, OUTCOME_METRICS, join
from components.request_examples.settings import Settings
from schemas import request_example


class Executor(base_beam_executor.BaseBeamExecutor):
    """Joins the tables of the data contract.

    The Examples artifact holds the splits of `schemas.request_example` as TFRecords of tf.Examples;
    `quarantine/*.parquet` with the events that name no known item; `summary.json` with the counts; and
    `schemas.request_example.OUTCOME_FILE`.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Joins the tables.

        Args:
            input_dict: `events`, `items`, `users`, an Examples artifact of TableGen each.
            output_dict: `examples`, one Examples artifact; `schema`, one Schema artifact.
            exec_properties: `settings`, a `Settings` as JSON.

        Raises:
            ValueError: the events lack a column or the kinds that are asked for, too many of them name unknown items,
                or the log is too short to train and to judge.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        settings = Settings.model_validate_json(exec_properties["settings"])
        uris = {table: artifact_utils.get_single_uri(input_dict[table]) for table in ("events", "items", "users")}
        output = artifact_utils.get_single_instance(output_dict["examples"])
        quarantine_dir = os.path.join(output.uri, quarantine.QUARANTINE_DIR)

        pipeline = self._make_beam_pipeline()
        joined = join(pipeline, uris, settings)
        for name, examples in joined.splits.items():
            _ = examples | f"Write[{name}]" >> beam.io.WriteToTFRecord(
                os.path.join(output.uri, f"Split-{name}", "examples"), file_name_suffix=".gz"
            )
        _ = joined.rejected | "WriteRejected" >> beam.io.WriteToParquetBatched(
            os.path.join(quarantine_dir, "events"), joined.rejected_schema, codec="zstd", file_name_suffix=".parquet"
        )
        result = pipeline.run()
        result.wait_until_finish()

        summary = _counters(result, METRICS)
        quarantine.enforce(summary["events"], summary["events_rejected"], quarantine_dir, settings)
        tables.check_kinds(_counters(result, KIND_METRICS), settings)
        _check_splits(summary, settings)
        for name, counts in (
            ("summary.json", summary),
            (request_example.OUTCOME_FILE, _counters(result, OUTCOME_METRICS)),
        ):
            with fileio.open(os.path.join(output.uri, name), "w") as file:
                file.write(json.dumps(counts, indent=2, sort_keys=True) + "\n")
        schema_uri = artifact_utils.get_single_uri(output_dict["schema"])
        schema = request_example.schema(settings.features, settings.heads)
        io_utils.write_pbtxt_file(os.path.join(schema_uri, "schema.pbtxt"), schema)
        output.split_names = artifact_utils.encode_split_names(list(joined.splits))
        output.span = artifact_utils.get_single_instance(input_dict["events"]).span
        examples_utils.set_payload_format(output, example_gen_pb2.FORMAT_TF_EXAMPLE)


def _counters(result: beam.runners.runner.PipelineResult, namespace: str) -> dict[str, int]:
    counters = result.metrics().query(beam.metrics.MetricsFilter().with_namespace(namespace))["counters"]
    return {counter.key.metric.name: counter.result for counter in counters}


def _check_splits(summary: dict[str, int], settings: Settings) -> None:
    for split in ("train", "eval"):
        if not summary.get(f"examples_{split}"):
            raise ValueError(
                f"the events give no request for the split '{split}': "
                f"requests.warm_up_days={settings.requests.warm_up_days}, "
                f"requests.window_days={settings.requests.window_days} and "
                f"requests.eval_days={settings.requests.eval_days} leave no room in the log. Bring more spans, or "
                "shorten them."
            )
