"""Validators and gate, as the pipeline runs them, over statistics of tables given as frames."""

import json
import pathlib

import pandas as pd
import pytest

from pipeline import config as config_lib


def frame_statistics(frame: pd.DataFrame):
    import tensorflow_data_validation as tfdv

    return tfdv.generate_statistics_from_dataframe(frame.reset_index(drop=True))


@pytest.fixture
def statistics_of(tmp_path):
    """Writes statistics of frames by split as StatisticsGen does."""
    from tfx.types import artifact_utils, standard_artifacts
    from tfx.utils import io_utils

    def write(name: str, frames: dict[str, pd.DataFrame]):
        artifact = standard_artifacts.ExampleStatistics()
        artifact.uri = str(tmp_path / name / "statistics")
        artifact.split_names = artifact_utils.encode_split_names(list(frames))
        for split, frame in frames.items():
            path = f"{artifact.uri}/Split-{split}/FeatureStats.pb"
            io_utils.write_bytes_file(path, frame_statistics(frame).SerializeToString())
        return artifact

    return write


@pytest.fixture
def schema_artifact(tmp_path):
    """A Schema artifact of a shipped shop's table, or of a schema's text."""
    from tfx.types import standard_artifacts
    from tfx.utils import io_utils

    def write(shop_or_text: str, table: str = ""):
        artifact = standard_artifacts.Schema()
        artifact.uri = str(tmp_path / (table or "own") / "schema")
        text = shop_or_text
        if table:
            text = pathlib.Path(config_lib.load(shop_or_text).schema_dir, f"{table}.pbtxt").read_text()
        io_utils.write_string_file(f"{artifact.uri}/schema.pbtxt", text)
        return artifact

    return write


@pytest.fixture
def validated(tmp_path):
    """Runs ExampleValidator."""
    from tfx.components.example_validator import executor
    from tfx.types import standard_artifacts

    def run(name: str, statistics, schema):
        anomalies = standard_artifacts.ExampleAnomalies()
        anomalies.uri = str(tmp_path / name / "anomalies")
        executor.Executor().Do({"statistics": [statistics], "schema": [schema]}, {"anomalies": [anomalies]}, {})
        return anomalies

    return run


@pytest.fixture
def drifted(tmp_path):
    """Runs DriftValidator over a table of some spans."""
    from tfx.types import standard_artifacts

    from components.drift.component import DriftValidator

    def run(statistics, schema, spans: int, min_rows: int = 1):
        examples, anomalies = standard_artifacts.Examples(), standard_artifacts.ExampleAnomalies()
        examples.uri, anomalies.uri = str(tmp_path / "examples"), str(tmp_path / "drift")
        counts = {"table": "events", "span": spans, "spans": spans, "read": 1, "accepted": 1, "rejected": {}}
        (tmp_path / "examples").mkdir()
        (tmp_path / "examples" / "summary.json").write_text(json.dumps(counts))
        DriftValidator.EXECUTOR_SPEC.executor_class().Do(
            {"statistics": [statistics], "examples": [examples], "schema": [schema]},
            {"anomalies": [anomalies]},
            {"min_rows": min_rows},
        )
        return anomalies

    return run
