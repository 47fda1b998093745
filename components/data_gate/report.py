"""What ExampleValidator and the validators of drift and skew found wrong with the data, in words."""

import dataclasses
from collections.abc import Iterator
from typing import Literal

from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.data_gate import remedies

Severity = Literal["error", "warning"]

WHOLE_TABLE = "(whole table)"
_SPLITS = {"newest": "newest span", "before": "spans before", "all": ""}  # the others speak for themselves


class DataGateError(ValueError):
    """Data that breaks its schemas; the message names table, feature, finding and remedy."""


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
        remedy: what to do about it.
    """

    table: str
    split: str
    feature: str
    severity: Severity
    summary: str
    detail: str
    remedy: str = ""

    @property
    def where(self) -> str:
        """The table, and which part of it if that is not all."""
        part = _SPLITS.get(self.split, self.split)
        return f"{self.table} ({part})" if part else self.table


def findings_in(anomalies: anomalies_pb2.Anomalies, table: str, split: str) -> Iterator[Finding]:
    """The anomalies of a split, by feature, one for each reason. An anomaly without a severity counts as an error."""
    if anomalies.data_missing:
        yield Finding(
            *(table, split, WHOLE_TABLE, "error", "No data", "The statistics hold no examples."),
            "Bring rows, or leave the span out with data.last_span",
        )
    infos = sorted(anomalies.anomaly_info.items())
    if anomalies.HasField("dataset_anomaly_info"):
        infos.append((WHOLE_TABLE, anomalies.dataset_anomaly_info))
    for feature, info in infos:
        severity: Severity = "warning" if info.severity == anomalies_pb2.AnomalyInfo.WARNING else "error"
        for reason in info.reason or [info]:
            kind = reason.type if info.reason else anomalies_pb2.AnomalyInfo.UNKNOWN_TYPE
            allowed = remedies.allowed(anomalies.baseline, feature, kind)
            detail = " ".join(filter(None, (_sentence(reason.description), allowed)))
            remedy = remedies.remedy(table, feature, kind)
            yield Finding(table, split, feature, severity, reason.short_description, detail, remedy)


def _sentence(description: str) -> str:
    """TFDV's description without its remark about digits, ending like a sentence."""
    text = description.replace("(upto six significant digits)", "").strip()
    return text if not text or text.endswith((".", "%")) else f"{text}."


def describe(findings: list[Finding]) -> str:
    """The findings as text: where and what, why, and what to do, a line each."""
    lines = []
    for finding in findings:
        lines.append(f"  {finding.where} / {finding.feature}: {finding.summary}")
        lines += [f"    {line}" for line in (finding.detail, finding.remedy) if line]
    return "\n".join(lines)


def enforce(findings: list[Finding]) -> None:
    """Lets data without errors pass.

    Raises:
        DataGateError: some finding is an error.
    """
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        schemas = ", ".join(f"{table}.pbtxt" for table in sorted({error.table for error in errors}))
        raise DataGateError(
            f"{len(errors)} {'finding' if len(errors) == 1 else 'findings'} in the data stop the pipeline:\n"
            f"{describe(errors)}\n"
            f"Mend the data, or change {schemas} in schema_dir if the data is right"
        )
