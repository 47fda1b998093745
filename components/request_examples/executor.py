"""Runs the join, checks what it counted, and describes the artefact."""

import json
import os

import apache_beam as beam
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.request_examples.join import METRICS, REJECTED_SCHEMA, join
from components.request_examples.settings import Settings
from schemas import request_example


class Executor(base_beam_executor.BaseBeamExecutor):
    """See `component.RequestExamples`."""

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        settings = Settings.model_validate_json(exec_properties["settings"])
        uris = {table: artifact_utils.get_single_uri(input_dict[table]) for table in ("events", "items", "users")}
        output = artifact_utils.get_single_instance(output_dict["examples"])
        schema = request_example.schema(settings.features, settings.heads)
        schema_uri = artifact_utils.get_single_uri(output_dict["schema"])
        io_utils.write_pbtxt_file(os.path.join(schema_uri, "schema.pbtxt"), schema)

        pipeline = self._make_beam_pipeline()
        splits, rejected = join(pipeline, uris, settings)
        for name, examples in splits.items():
            _ = examples | f"Write[{name}]" >> beam.io.WriteToTFRecord(
                os.path.join(output.uri, f"Split-{name}", "examples"), file_name_suffix=".gz"
            )
        _ = rejected | "WriteRejected" >> beam.io.WriteToParquet(
            os.path.join(output.uri, "quarantine", "events"), REJECTED_SCHEMA, file_name_suffix=".parquet"
        )
        result = pipeline.run()
        result.wait_until_finish()

        summary = _counters(result)
        _check_rejected(summary, settings)
        _check_splits(summary, settings)
        with fileio.open(os.path.join(output.uri, "summary.json"), "w") as file:
            json.dump(summary, file, indent=2, sort_keys=True)
        output.split_names = artifact_utils.encode_split_names(list(splits))
        output.span = artifact_utils.get_single_instance(input_dict["events"]).span
        examples_utils.set_payload_format(output, example_gen_pb2.FORMAT_TF_EXAMPLE)


def _counters(result: beam.runners.runner.PipelineResult) -> dict[str, int]:
    counters = result.metrics().query(beam.metrics.MetricsFilter().with_namespace(METRICS))["counters"]
    return {counter.key.metric.name: counter.result for counter in counters}


def _check_rejected(summary: dict[str, int], settings: Settings) -> None:
    events, rejected = summary["events"], summary["events_rejected"]
    if rejected > settings.max_rejected_share * events:
        raise ValueError(
            f"{rejected} of {events} events name an item that the items table lacks, more than "
            f"data.max_rejected_share={settings.max_rejected_share} allows. Add these items to the items table, or "
            "raise the share if losing their events is right."
        )


def _check_splits(summary: dict[str, int], settings: Settings) -> None:
    for split in ("train", "eval"):
        if not summary.get(f"examples_{split}"):
            raise ValueError(
                f"the events give no request for the split '{split}': "
                f"requests.window_days={settings.requests.window_days} and "
                f"requests.eval_days={settings.requests.eval_days} leave no room in the log. Bring more spans, or "
                "shorten them."
            )
