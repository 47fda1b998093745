"""A small shop on disk, and the real executor over it."""

import dataclasses
import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import config as config_lib
from pipeline.beam import LOCAL_BEAM_ARGS


@pytest.fixture
def make_config(tmp_path):
    """Builds the smallest configuration whose data lies in the test's folder."""

    def make(features=(), **data) -> config_lib.Config:
        return config_lib.Config.model_validate(
            {
                "name": "shop",
                "data": {"root": str(tmp_path / "data"), **data},
                "schema_dir": "schemas",
                "features": [{"name": name, "role": role, "kind": kind} for name, role, kind in features],
                "requests": {"positive_events": ["purchase"]},
                "model": {"heads": [{"name": "purchase", "events": ["purchase"]}]},
            }
        )

    return make


@pytest.fixture
def write(tmp_path):
    """Writes a Parquet file under the data's root; columns are lists or Arrow arrays."""

    def write(path: str, columns: dict, **options) -> pathlib.Path:
        file = tmp_path / "data" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), file, **options)
        return file

    return write


@pytest.fixture
def events():
    """Columns of events that keep the contract, with some of them replaced."""

    def make(count: int = 3, **columns) -> dict:
        return {
            "user_id": [f"u{n}" for n in range(count)],
            "item_id": [f"i{n}" for n in range(count)],
            "timestamp": [1_600_000_000 + n for n in range(count)],
            "event": ["purchase"] * count,
        } | columns

    return make


@dataclasses.dataclass
class Ingested:
    """The Examples artifact of a run, and what lies in it."""

    artifact: object

    @property
    def uri(self) -> pathlib.Path:
        return pathlib.Path(self.artifact.uri)

    @property
    def rows(self) -> list[dict]:
        """The rows of all splits."""
        return [row for folder in sorted(self.uri.glob("Split-*")) for row in self.rows_of(folder.name[6:])]

    def rows_of(self, split: str) -> list[dict]:
        from components.table_gen.layout import flatten

        return flatten(pq.read_table(self.uri / f"Split-{split}")).to_pylist()

    @property
    def quarantine(self) -> list[dict]:
        return sorted(pq.read_table(self.uri / "quarantine").to_pylist(), key=lambda row: (row["file"], row["row"]))

    @property
    def summary(self) -> dict:
        return json.loads((self.uri / "summary.json").read_text())


@pytest.fixture
def ingest(tmp_path):
    """Runs the component's own executor with its own execution properties."""
    from tfx.dsl.components.base import base_beam_executor
    from tfx.types import standard_artifacts

    from components.table_gen import component

    def run(table: str, config: config_lib.Config) -> Ingested:
        node = component.table_gen(table, config)
        context = base_beam_executor.BaseBeamExecutor.Context(
            beam_pipeline_args=list(LOCAL_BEAM_ARGS), tmp_dir=str(tmp_path / "tmp"), unique_id="1"
        )
        examples = standard_artifacts.Examples()
        examples.uri = str(tmp_path / "artifacts" / table)
        executor = node.executor_spec.executor_class(context)
        executor.Do({}, {"examples": [examples]}, node.exec_properties)
        return Ingested(examples)

    return run
