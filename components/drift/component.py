"""The components that compare; like ExampleValidator they only report, and a gate after them stops the run."""

import os

import tensorflow_data_validation as tfdv
from absl import logging
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tfx.components.example_validator import executor as example_validator
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils

from components.drift import compare
from components.table_gen import summary
from components.table_gen.read import BEFORE, NEWEST

TRAINING, SERVING = "train", "serving"


@component
def DriftValidator(
    statistics: InputArtifact[standard_artifacts.ExampleStatistics],
    examples: InputArtifact[standard_artifacts.Examples],
    schema: InputArtifact[standard_artifacts.Schema],
    anomalies: OutputArtifact[standard_artifacts.ExampleAnomalies],
    min_rows: Parameter[int],
) -> None:
    """Holds a table's newest span against the spans before it; a single span is held against nothing.

    Args:
        statistics: of the table's splits.
        examples: the table as TableGen wrote it.
        schema: of the table, with its drift comparators.
        anomalies: become the findings, in the split of the newest span.
        min_rows: in fewer rows, findings are warnings.
    """
    counts = summary.read(examples.uri)
    if counts.spans < 2:
        logging.info("%s: a single span, nothing to compare it with", counts.table)
        found = anomalies_pb2.Anomalies(baseline=_schema(schema))
    else:
        newest, before = (_statistics(statistics, split) for split in (NEWEST, BEFORE))
        found = compare.drift(newest, before, counts.spans - 1, _schema(schema), min_rows)
    _write(found, anomalies, NEWEST)


@component
def SkewValidator(
    statistics: InputArtifact[standard_artifacts.ExampleStatistics],
    serving_statistics: InputArtifact[standard_artifacts.ExampleStatistics],
    schema: InputArtifact[standard_artifacts.Schema],
    anomalies: OutputArtifact[standard_artifacts.ExampleAnomalies],
    min_rows: Parameter[int],
) -> None:
    """Holds the requests that train the model against those that the shop's server saw.

    Args:
        statistics: of the request examples' training split.
        serving_statistics: of the logged requests.
        schema: of the requests, with its skew comparators.
        anomalies: become the findings, in the training split.
        min_rows: in fewer requests, findings are warnings.
    """
    sides = _statistics(statistics, TRAINING), _statistics(serving_statistics, SERVING)
    _write(compare.skew(*sides, _schema(schema), min_rows), anomalies, TRAINING)


def _statistics(artifact: standard_artifacts.ExampleStatistics, split: str) -> compare.Statistics:
    folder = artifact_utils.get_split_uri([artifact], split)
    return tfdv.load_stats_binary(os.path.join(folder, stats_artifact_utils.BINARY_PB_BASENAME))


def _schema(artifact: standard_artifacts.Schema) -> schema_pb2.Schema:
    return io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(artifact.uri))


def _write(found: anomalies_pb2.Anomalies, artifact: standard_artifacts.ExampleAnomalies, split: str) -> None:
    artifact.split_names = artifact_utils.encode_split_names([split])
    path = os.path.join(artifact_utils.get_split_uri([artifact], split), example_validator.DEFAULT_FILE_NAME)
    io_utils.write_bytes_file(path, found.SerializeToString())
