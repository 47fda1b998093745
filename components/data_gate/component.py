"""The components between the validators, which only report, and everything that would learn from bad data."""

import dataclasses
import os

from absl import logging
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.components.example_validator import executor as example_validator
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact
from tfx.dsl.component.experimental.decorators import component
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils

from components.data_gate import report as report_lib


def read_findings(artifact: standard_artifacts.ExampleAnomalies, table: str) -> list[report_lib.Finding]:
    """What a validator wrote about a table, over all splits."""
    findings: list[report_lib.Finding] = []
    for split in artifact_utils.decode_split_names(artifact.split_names):
        path = os.path.join(artifact_utils.get_split_uri([artifact], split), example_validator.DEFAULT_FILE_NAME)
        anomalies = anomalies_pb2.Anomalies.FromString(io_utils.read_bytes_file(path))
        findings += report_lib.findings_in(anomalies, table, split)
    return findings


@component
def DataGate(
    events: InputArtifact[standard_artifacts.ExampleAnomalies],
    items: InputArtifact[standard_artifacts.ExampleAnomalies],
    users: InputArtifact[standard_artifacts.ExampleAnomalies],
    drift: InputArtifact[standard_artifacts.ExampleAnomalies],
    report: OutputArtifact[standard_artifacts.JsonValue],
) -> None:
    """Passes when no table has an anomaly of error severity.

    Args:
        events: anomalies of the events table.
        items: anomalies of the items table.
        users: anomalies of the users table.
        drift: what moved between the newest span of events and those before it.
        report: becomes the list of warnings, each a dict of the fields of `report.Finding`.

    Raises:
        DataGateError: some table has an anomaly of error severity; the message lists all of them.
    """
    tables = (("events", events), ("events", drift), ("items", items), ("users", users))
    _pass([finding for table, artifact in tables for finding in read_findings(artifact, table)], report)


@component
def SkewGate(
    skew: InputArtifact[standard_artifacts.ExampleAnomalies],
    serving: InputArtifact[standard_artifacts.ExampleAnomalies],
    report: OutputArtifact[standard_artifacts.JsonValue],
) -> None:
    """Passes when the logged requests keep their schema and are like those that train the model.

    Args:
        skew: what differs between training and serving.
        serving: anomalies of the logged requests.
        report: as of `DataGate`.

    Raises:
        DataGateError: some finding is of error severity; the message lists all of them.
    """
    _pass([finding for artifact in (serving, skew) for finding in read_findings(artifact, "requests")], report)


def _pass(findings: list[report_lib.Finding], report: standard_artifacts.JsonValue) -> None:
    report_lib.enforce(findings)
    if findings:
        logging.warning("The data pass with warnings:\n%s", report_lib.describe(findings))
    report.write([dataclasses.asdict(finding) for finding in findings])
