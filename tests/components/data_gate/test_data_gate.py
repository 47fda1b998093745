"""The gate over anomalies that ExampleValidator's own executor found."""

import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tfx.components.example_validator import executor as example_validator
from tfx.types import standard_artifacts
from tfx.utils import io_utils

from components.data_gate.component import DataGate
from components.data_gate.report import DataGateError, findings_in

SCHEMA = 'feature { name: "price" type: FLOAT float_domain { min: 0 max: 100 } presence { min_fraction: 1 } }'


@pytest.fixture
def validate(tmp_path):
    """Runs ExampleValidator over prices of one table."""

    def run(table: str, prices: list) -> standard_artifacts.ExampleAnomalies:
        import pandas as pd

        folder = tmp_path / table
        schema, statistics, anomalies = (
            standard_artifacts.Schema(),
            standard_artifacts.ExampleStatistics(),
            standard_artifacts.ExampleAnomalies(),
        )
        schema.uri, statistics.uri, anomalies.uri = (str(folder / name) for name in ("schema", "stats", "anomalies"))
        io_utils.write_pbtxt_file(f"{schema.uri}/schema.pbtxt", text_format.Parse(SCHEMA, schema_pb2.Schema()))
        statistics.split_names = '["all"]'
        stats = tfdv.generate_statistics_from_dataframe(pd.DataFrame({"price": prices}, dtype=float))
        io_utils.write_bytes_file(f"{statistics.uri}/Split-all/FeatureStats.pb", stats.SerializeToString())
        example_validator.Executor().Do(
            {"statistics": [statistics], "schema": [schema]}, {"anomalies": [anomalies]}, {}
        )
        return anomalies

    return run


@pytest.fixture
def written(tmp_path):
    """Writes anomalies in the layout of ExampleValidator."""

    def write(table: str, text: str = "") -> standard_artifacts.ExampleAnomalies:
        artifact = standard_artifacts.ExampleAnomalies()
        artifact.uri = str(tmp_path / table)
        artifact.split_names = '["all"]'
        anomalies = text_format.Parse(text, anomalies_pb2.Anomalies())
        io_utils.write_bytes_file(f"{artifact.uri}/Split-all/SchemaDiff.pb", anomalies.SerializeToString())
        return artifact

    return write


@pytest.fixture
def gate(tmp_path, written):
    """Runs the gate, over events that did not drift; returns its report."""

    def run(**anomalies: standard_artifacts.ExampleAnomalies) -> list[dict]:
        anomalies.setdefault("drift", written("drift"))
        report = standard_artifacts.JsonValue()
        report.uri = str(tmp_path / "report")
        DataGate.EXECUTOR_SPEC.executor_class().Do(
            {table: [artifact] for table, artifact in anomalies.items()}, {"report": [report]}, {}
        )
        return report.read()

    return run


def test_tables_that_keep_their_schemas_pass_with_an_empty_report(validate, gate):
    good = [1.0, 2.0]

    assert gate(events=validate("events", good), items=validate("items", good), users=validate("users", good)) == []


def test_every_error_of_every_table_is_reported_at_once(validate, gate):
    anomalies = {
        "events": validate("events", [1.0]),
        "items": validate("items", [1.0, 250.0]),
        "users": validate("users", [1.0, None]),
    }

    with pytest.raises(DataGateError) as caught:
        gate(**anomalies)

    message = str(caught.value)
    assert "2 findings in the data stop the pipeline" in message
    assert "items / price: Out-of-range values\n    Unexpectedly high value: 250" in message
    assert "The schema allows 0 to 100.\n    Check the unit and the outliers" in message
    assert "users / price: Column dropped\n    The feature was present in fewer examples than expected" in message
    assert "change items.pbtxt, users.pbtxt in schema_dir" in message


def test_warnings_pass_and_stand_in_the_report(written, gate):
    text = 'anomaly_info { key: "brand" value { severity: WARNING short_description: "Rare" description: "0.1 %" } }'

    report = gate(events=written("events"), items=written("items", text), users=written("users"))

    assert report == [
        {
            "table": "items",
            "split": "all",
            "feature": "brand",
            "severity": "warning",
            "summary": "Rare",
            "detail": "0.1 %",
            "remedy": "",
        }
    ]


@pytest.mark.parametrize(
    ("text", "feature", "severity"),
    [
        ('anomaly_info { key: "brand" value { severity: ERROR } }', "brand", "error"),
        ('anomaly_info { key: "brand" value { severity: UNKNOWN } }', "brand", "error"),
        ('anomaly_info { key: "brand" value { severity: WARNING } }', "brand", "warning"),
        ("dataset_anomaly_info { severity: ERROR }", "(whole table)", "error"),
        ("data_missing: true", "(whole table)", "error"),
    ],
)
def test_only_a_stated_warning_is_no_error(text, feature, severity):
    (finding,) = findings_in(text_format.Parse(text, anomalies_pb2.Anomalies()), "items", "all")

    assert (finding.feature, finding.severity) == (feature, severity)


def test_every_reason_of_an_anomaly_is_a_finding_with_its_own_remedy():
    text = """
    baseline { feature { name: "brand" string_domain { value: "National" value: "Private" } } }
    anomaly_info { key: "brand" value { severity: ERROR
      reason { type: ENUM_TYPE_UNEXPECTED_STRING_VALUES short_description: "Unexpected" description: "Own label. " }
      reason { type: COMPARATOR_L_INFTY_HIGH short_description: "High distance" description: "0.3 above 0.05." } } }
    """
    unexpected, distant = findings_in(text_format.Parse(text, anomalies_pb2.Anomalies()), "items", "all")

    assert unexpected.summary == "Unexpected"
    assert unexpected.detail == "Own label. The schema allows National, Private."
    assert unexpected.remedy == "Mend the values, or add them to the domain of brand in items.pbtxt"
    assert (distant.summary, distant.detail) == ("High distance", "0.3 above 0.05.")
    assert distant.remedy.endswith("raise the comparator's threshold in items.pbtxt")
