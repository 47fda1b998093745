"""What ExampleValidator found wrong with the tables, in words."""

import dataclasses
from collections.abc import Iterator
from typing import Literal

from tensorflow_metadata.proto.v0 import anomalies_pb2

Severity = Literal["error", "warning"]


class DataGateError(ValueError):
    """Tables that break their schemas; the message names table, feature, finding and remedy."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """One anomaly of one table.

    Attributes:
        table: which table.
        split: which split of it.
        feature: the column at fault, or `(whole table)`.
        severity: errors stop the pipeline, warnings do not.
        summary: what is wrong, in a few words.
        detail: what was found and what the schema allows.
    """

    table: str
    split: str
    feature: str
    severity: Severity
    summary: str
    detail: str


def findings_in(anomalies: anomalies_pb2.Anomalies, table: str, split: str) -> Iterator[Finding]:
    """The anomalies of a split, by feature. An anomaly without a severity counts as an error."""
    if anomalies.data_missing:
        yield Finding(table, split, "(whole table)", "error", "No data", "The statistics hold no examples.")
    infos = sorted(anomalies.anomaly_info.items())
    if anomalies.HasField("dataset_anomaly_info"):
        infos.append(("(whole table)", anomalies.dataset_anomaly_info))
    for feature, info in infos:
        severity: Severity = "warning" if info.severity == anomalies_pb2.AnomalyInfo.WARNING else "error"
        yield Finding(table, split, feature, severity, info.short_description, info.description)


def describe(findings: list[Finding]) -> str:
    """The findings as text: two lines each, what and why."""
    return "\n".join(
        f"  {finding.table} / {finding.feature}: {finding.summary}\n    {finding.detail}" for finding in findings
    )


def enforce(findings: list[Finding]) -> None:
    """Lets tables without errors pass.

    Raises:
        DataGateError: some finding is an error.
    """
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        schemas = ", ".join(f"{table}.pbtxt" for table in sorted({error.table for error in errors}))
        raise DataGateError(
            f"{len(errors)} findings in the tables stop the pipeline:\n{describe(errors)}\n"
            f"Mend the data, or change {schemas} in schema_dir if the data is right"
        )
