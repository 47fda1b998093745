"""A grocer who logs what the shop's server is asked: the logs beside the requests that the pipeline makes itself."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.serving_logs.contract import RequestContract
from pipeline.shop import Shop


@pytest.fixture(scope="module")
def logged(grocer) -> dict[str, list]:
    """What a back end that keeps whole histories would have asked for each household, right after its last event."""
    tables = Shop(grocer.config)
    length = grocer.config.requests.history_length
    users = {user for file in tables.files("events") for user in pq.read_table(file)["user_id"].to_pylist()}
    rows = []
    for user_id in sorted(users):
        shopper = tables.shopper(user_id)
        history = shopper.history[-length:]
        rows.append(
            {
                "user_id": user_id,
                "history_item_ids": [event.item_id for event in history],
                "history_timestamps": [event.timestamp for event in history],
                "history_events": [event.event for event in history],
                "scene": shopper.scene,
                "timestamp": tables.now(),
                "context_store_id": shopper.context["store_id"],
                "k": 10,
            }
        )
    return {name: [row[name] for row in rows] for name in rows[0]}


@pytest.fixture
def check(grocer, tmp_path):
    """Writes logs and runs `shelfwise check` with them."""

    def run(columns: dict[str, list], **overrides):
        logs = tmp_path / "logs"
        if not logs.exists():  # a file that is written again counts as another one
            logs.mkdir()
            pq.write_table(pa.table(columns), logs / "today.parquet")
        return grocer("check", data__serving_logs=logs, **overrides)

    return run


def test_histories_cut_short_by_the_server_stop_the_run_before_training(grocer, check, logged):
    cut = {name: [one[-3:] for one in values] if "history" in name else values for name, values in logged.items()}
    few = check(cut)
    assert few.code == 0, few.errors  # twenty requests prove nothing, so they warn
    assert "The data passed" in few.output
    assert set(RequestContract.of(grocer.config).names) <= set(logged)

    stopped = check(cut, data__min_compared_requests=10)
    assert stopped.code == 1
    assert stopped.errors.startswith("error: SkewGate failed: ")
    assert "requests (train) / history_length: The distribution is too far from that in serving" in stopped.errors
    assert "in training and 3 in serving" in stopped.errors
    assert "Transform" not in stopped.components
    assert stopped.ran() == ["ServingSkew"]

    [requests] = [table for table in _page(grocer)["tables"] if table["name"] == "requests"]
    assert [split["name"] for split in requests["splits"]] == ["train", "serving"]
    length = next(one for one in requests["comparisons"] if one["feature"] == "history_length")
    assert length["value"] > length["most"]


def _page(grocer) -> dict:
    return json.loads((grocer.config.run_dir / "report" / "data.json").read_text())
