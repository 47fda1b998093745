"""Counts what became of a table's rows, and stops the run when too many were rejected."""

import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pydantic
from apache_beam.io.filesystems import FileSystems
from tfx.dsl.io import fileio

from components.table_gen.contract import Contract
from components.table_gen.source import TableError

SUMMARY_FILE = "summary.json"
_EXAMPLES = 5


class Summary(pydantic.BaseModel, frozen=True):
    """What became of the rows of a table.

    Attributes:
        table: which table.
        span: the newest span that was read, if the table has spans.
        spans: how many spans were read; 0 if the table has none.
        read: rows in the files.
        accepted: rows written for the pipeline.
        rejected: rows in the quarantine, by `<column>: <reason>`, the most frequent first.
    """

    table: str
    span: int | None
    spans: int = 0
    read: int
    accepted: int
    rejected: dict[str, int]

    @property
    def num_rejected(self) -> int:
        """Rows in the quarantine."""
        return sum(self.rejected.values())


def count_rows(split_dir: str) -> int:
    """Rows of the Parquet files in a folder, by their footers."""
    total = 0
    for path in fileio.glob(os.path.join(split_dir, "*.parquet")):
        with FileSystems.open(path) as stream:
            total += pq.ParquetFile(stream).metadata.num_rows
    return total


def read_quarantine(quarantine_dir: str) -> pa.Table:
    """Rejected rows with the layout of `validate.rejected_schema`, only a few of them with their values."""
    tables = []
    for path in sorted(fileio.glob(os.path.join(quarantine_dir, "*.parquet"))):
        with FileSystems.open(path) as stream:
            rows = pq.read_table(stream, columns=["file", "row", "field", "reason"])
            parquet = pq.ParquetFile(stream)
            values = pa.nulls(0, parquet.schema_arrow.field("values").type)
            if rows.num_rows:
                values = next(parquet.iter_batches(_EXAMPLES, columns=["values"])).column("values")
            padding = pa.nulls(rows.num_rows - len(values), values.type)
            tables.append(rows.append_column("values", pa.chunked_array([values, padding])))
    return pa.concat_tables(tables)


def count_reasons(quarantine: pa.Table) -> dict[str, int]:
    """Rejected rows by `<column>: <reason>`, the most frequent first."""
    counts = quarantine.group_by(["field", "reason"]).aggregate([([], "count_all")])
    ordered = sorted(counts.to_pylist(), key=lambda row: (-row["count_all"], row["field"], row["reason"]))
    return {f"{row['field']}: {row['reason']}": row["count_all"] for row in ordered}


def enforce(summary: Summary, quarantine: pa.Table, contract: Contract) -> None:
    """Checks that no row got lost and that few enough were rejected.

    Raises:
        TableError: the share of rejected rows exceeds `contract.max_rejected_share`, or no row is left.
        RuntimeError: accepted and rejected rows do not add up to those read.
    """
    if summary.accepted + summary.num_rejected != summary.read:
        raise RuntimeError(
            f"{summary.table}: {summary.read} rows were read, but {summary.accepted} accepted and "
            f"{summary.num_rejected} rejected; a file changed while it was read"
        )
    share = summary.num_rejected / summary.read
    if share <= contract.max_rejected_share and summary.accepted:
        return
    sources = {column.name: column.source for column in contract.columns}
    reasons = [f"  {count} x {reason}" for reason, count in summary.rejected.items()]
    examples = [
        f"  {row['file']}, row {row['row']}, column '{sources[row['field']]}': {row['reason']}{_value(row)}"
        for row in quarantine.slice(0, _EXAMPLES).to_pylist()
    ]
    raise TableError(
        "\n".join(
            [
                f"{summary.table}: {summary.num_rejected} of {summary.read} rows ({share:.2%}) break the data "
                f"contract; data.max_rejected_share allows {contract.max_rejected_share:.2%}, "
                "and at least one row must be left",
                *reasons,
                "for example (rows count from 0):",
                *examples,
                "Mend these rows, or raise data.max_rejected_share if the pipeline may leave them out",
            ]
        )
    )


def read(artifact_uri: str) -> Summary:
    """What `write` wrote into an artifact's folder."""
    with fileio.open(os.path.join(artifact_uri, SUMMARY_FILE)) as stream:
        return Summary.model_validate_json(stream.read())


def _value(row: dict) -> str:
    value = (row["values"] or {}).get(row["field"])
    return "" if value is None else f", found '{value}'"


def write(summary: Summary, artifact_uri: str) -> None:
    """Writes the summary as `summary.json` into an artifact's folder."""
    with fileio.open(os.path.join(artifact_uri, SUMMARY_FILE), "w") as stream:
        stream.write(json.dumps(summary.model_dump(), indent=2) + "\n")
