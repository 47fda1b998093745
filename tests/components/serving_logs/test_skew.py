"""From logged requests to the gate: real ExampleGen, StatisticsGen, validators and gate, over synthetic requests."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tfx.components.example_validator import executor as example_validator
from tfx.components.statistics_gen import executor as statistics_gen
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils

from components.data_gate.component import SkewGate
from components.data_gate.report import DataGateError
from components.drift.component import SkewValidator
from components.serving_logs.component import serving_logs_gen
from components.serving_logs.contract import RequestContract
from pipeline import config as config_lib
from pipeline.beam import LOCAL_BEAM_ARGS

REQUESTS = 1500


def requests(seed: int) -> dict[str, list]:
    """Requests of the grocer; each store has 5 % of them, histories have 1 to 100 events, some shoppers are new."""
    rng = np.random.default_rng(seed)
    lengths = [int(n) for n in rng.integers(1, 101, REQUESTS) * (rng.random(REQUESTS) < 0.95)]
    return {
        "user_id": [f"u{n}" for n in range(REQUESTS)],
        "history_item_ids": [[f"i{n}" for n in rng.integers(0, 200, length)] for length in lengths],
        "history_timestamps": [list(range(length)) for length in lengths],
        "history_events": [["purchase"] * length for length in lengths],
        "scene": ["store"] * REQUESTS,
        "timestamp": [1_500_000_000] * REQUESTS,
        "context_store_id": [f"s{n}" for n in rng.integers(0, 20, REQUESTS)],
    }


@pytest.fixture
def gate(tmp_path):
    """Writes logs, and runs everything that reads them beside requests that train; returns the warnings."""

    def run(logged: dict[str, list], min_requests: int = 1000) -> list[dict]:
        logs = tmp_path / "logs"
        logs.mkdir()
        pq.write_table(pa.table(logged), logs / "day-1.parquet")
        config = config_lib.load("complete_journey", {"data.serving_logs": str(logs)})
        context = base_beam_executor.BaseBeamExecutor.Context(
            list(LOCAL_BEAM_ARGS), tmp_dir=str(tmp_path / "tmp"), unique_id="1"
        )

        def made(artifact_type, name: str):
            artifact = artifact_type()
            artifact.uri = str(tmp_path / name)
            return artifact

        served = made(standard_artifacts.Examples, "served")
        node = serving_logs_gen(config)
        node.executor_spec.executor_class(context).Do({}, {"examples": [served]}, node.exec_properties)

        trained = made(standard_artifacts.Examples, "trained")
        trained.split_names = artifact_utils.encode_split_names(["train"])
        for name in ("payload_format", "file_format"):
            trained.set_string_custom_property(name, served.get_string_custom_property(name))
        schema = RequestContract.of(config).schema
        path = tmp_path / "trained" / "Split-train" / "requests.parquet"
        path.parent.mkdir(parents=True)
        table = requests(seed=1)
        one_each = {name: v if "history" in name else [[one] for one in v] for name, v in table.items()}
        pq.write_table(pa.table(one_each, schema=schema), path)

        statistics = {}
        for name, examples in (("training", trained), ("serving", served)):
            statistics[name] = made(standard_artifacts.ExampleStatistics, f"{name}_statistics")
            executor = statistics_gen.Executor(context)
            executor.Do({"examples": [examples]}, {"statistics": [statistics[name]]}, {})

        described = made(standard_artifacts.Schema, "schema")
        with open(f"{config.schema_dir}/requests.pbtxt") as text:
            io_utils.write_string_file(f"{described.uri}/schema.pbtxt", text.read())
        serving = made(standard_artifacts.ExampleAnomalies, "serving_anomalies")
        example_validator.Executor().Do(
            {"statistics": [statistics["serving"]], "schema": [described]}, {"anomalies": [serving]}, {}
        )
        skew = made(standard_artifacts.ExampleAnomalies, "skew")
        SkewValidator.EXECUTOR_SPEC.executor_class().Do(
            {
                "statistics": [statistics["training"]],
                "serving_statistics": [statistics["serving"]],
                "schema": [described],
            },
            {"anomalies": [skew]},
            {"min_rows": min_requests},
        )
        report = made(standard_artifacts.JsonValue, "report")
        SkewGate.EXECUTOR_SPEC.executor_class().Do({"serving": [serving], "skew": [skew]}, {"report": [report]}, {})
        return report.read()

    return run


def test_logs_like_the_requests_that_train_pass_without_a_word(gate):
    assert gate(requests(seed=2)) == []


def cut(logged: dict[str, list]) -> dict[str, list]:
    """Histories cut to their last 10 events."""
    return {name: [one[-10:] for one in values] if "history" in name else values for name, values in logged.items()}


@pytest.mark.parametrize(
    ("spoil", "where", "values"),
    [
        (
            cut,
            "requests (train) / history_length: The distribution is too far from that in serving",
            ["the schema tolerates 0.2", "in training and 10 in serving", "Look at how these rows were made"],
        ),
        (
            lambda logged: logged | {"context_store_id": ["s0"] * (REQUESTS // 3) + logged["context_store_id"][500:]},
            "requests (train) / context_store_id: The share of a value is too far from that in serving",
            ["the schema tolerates 0.1.", "% in training and 3", "% in serving"],
        ),
        (
            lambda logged: logged | {"scene": ["web"] * 500 + ["store"] * 1000},
            "requests (serving) / scene: Unexpected string values",
            ["missing from the schema: web (~33%)", "The schema allows store.", "domain of scene in requests.pbtxt"],
        ),
        (
            lambda logged: {name: values for name, values in logged.items() if name != "context_store_id"},
            "requests (serving) / context_store_id: Column dropped",
            ["not present in any examples", "at least 90% of the rows, found in 0%"],
        ),
        (
            lambda logged: logged | {"timestamp": [one * 1000 for one in logged["timestamp"]]},
            "requests (serving) / timestamp: Out-of-range values",
            ["1500000000000", "The schema allows 0 to 4102444800."],
        ),
    ],
    ids=["histories cut short", "one store asks most", "unknown scene", "context forgotten", "milliseconds"],
)
def test_requests_unlike_those_that_train_stop_the_run(gate, spoil, where, values):
    with pytest.raises(DataGateError) as caught:
        gate(spoil(requests(seed=2)))

    message = str(caught.value)
    assert f"\n  {where}\n" in message, message
    assert all(value in message for value in values), message


def test_few_requests_only_warn(gate):
    (warning,) = gate(cut(requests(seed=2)), min_requests=REQUESTS + 1)

    assert (warning["feature"], warning["severity"]) == ("history_length", "warning")
