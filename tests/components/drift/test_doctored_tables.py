"""What the shipped schemas stop: synthetic tables that keep them, each spoilt in one way that really happens."""

import pandas as pd
import pytest
from synthetic_shop import ROWS, TABLES
from tfx.types import standard_artifacts

from components.data_gate.component import DataGate
from components.data_gate.report import DataGateError


@pytest.fixture
def gate(tmp_path, statistics_of, schema_artifact, validated, drifted):
    """Runs validators and gate over a shop's tables, one of them changed; returns the warnings."""

    def run(shop: str, spoilt: str = "", spoil=None, spans: int = 3, min_rows: int = 10_000) -> list[dict]:
        frames = {name: {"all": make()} for name, make in TABLES[shop].items()}
        events = TABLES[shop]["events"]
        frames["events"] = {"before": events(2 * ROWS, seed=1), "newest": events(ROWS, seed=2)}
        if spans == 1:
            del frames["events"]["before"]
        if spoilt:
            split = "newest" if spoilt == "events" else "all"
            frames[spoilt][split] = spoil(frames[spoilt][split])
        statistics = {name: statistics_of(name, splits) for name, splits in frames.items()}
        schemas = {name: schema_artifact(shop, name) for name in frames}
        inputs = {name: [validated(name, statistics[name], schemas[name])] for name in frames}
        inputs["drift"] = [drifted(statistics["events"], schemas["events"], spans, min_rows)]
        report = standard_artifacts.JsonValue()
        report.uri = str(tmp_path / "report")
        DataGate.EXECUTOR_SPEC.executor_class().Do(inputs, {"report": [report]}, {})
        return report.read()

    return run


def replaced(column: str, value, by):
    return lambda frame: frame.assign(**{column: frame[column].where(frame[column] != value, by)})


def times(column: str, factor: float):
    return lambda frame: frame.assign(**{column: frame[column] * factor})


def emptied(column: str):
    return lambda frame: frame.assign(**{column: None})


@pytest.mark.parametrize("shop", TABLES)
@pytest.mark.parametrize("spans", [1, 3])
def test_tables_as_they_should_be_pass_without_a_word(gate, shop, spans):
    assert gate(shop, spans=spans) == []


DOCTORED = [
    (
        "a category that was renamed",
        *("complete_journey", "items", replaced("department", "GROCERY", "FOOD")),
        "items / department: Unexpected string values",
        ["missing from the schema: FOOD (~", "The schema allows AUTOMOTIVE, ", "GROCERY, ", "NUTRITION and 12 more."],
        "add them to the domain of department in items.pbtxt",
    ),
    (
        "a genre that was renamed",
        *("movielens", "items", replaced("genre", "Sci-Fi", "Science fiction")),
        "items / genre: Unexpected string values",
        ["missing from the schema: Science fiction (~", "The schema allows Action, "],
        "add them to the domain of genre in items.pbtxt",
    ),
    (
        "years counted in months",
        *("movielens", "items", times("release_year", 12)),
        "items / release_year: Out-of-range values",
        ["Unexpectedly high value: 239", "The schema allows 1900 to 2100."],
        "Check the unit and the outliers, or widen the domain of release_year in items.pbtxt",
    ),
    (
        "takings in cents, not one of them out of range",
        *("complete_journey", "events", times("value", 100)),
        "events (newest span) / value: The distribution is too far from that before",
        ["the schema tolerates 0.35", "The median is 20", "in the newest span and 2 before it"],
        "raise the comparator's threshold in events.pbtxt",
    ),
    (
        "stars of ten instead of five",
        *("movielens", "events", times("value", 2)),
        "events (newest span) / value: Out-of-range values",
        ["Unexpectedly high value: 10", "The schema allows 1 to 5."],
        "widen the domain of value in events.pbtxt",
    ),
    (
        "a store that vanished",
        *("complete_journey", "events", lambda frame: frame[frame.store_id != "big"]),
        "events (newest span) / store_id: The share of a value is too far from that before",
        ["is 0.039, the schema tolerates 0.025.", "'big' is 0.0% in the newest span and 3.9% before it."],
        "raise the comparator's threshold in events.pbtxt",
    ),
    (
        "timestamps in milliseconds",
        *("complete_journey", "events", times("timestamp", 1000)),
        "events (newest span) / timestamp: Out-of-range values",
        ["Unexpectedly large value: 1500", "The schema allows 0 to 4102444800."],
        "Check the unit and the outliers",
    ),
    (
        "a column that came empty",
        *("complete_journey", "users", emptied("age")),
        "users / age: Column dropped",
        ["The feature was not present in any examples. The schema asks for a value in at least 100% of the rows"],
        "Check whether the export fills the column, or lower the presence of age in users.pbtxt",
    ),
    (
        "a column of the newest span that came empty",
        *("movielens", "events", emptied("value")),
        "events (newest span) / value: Column dropped",
        ["The schema asks for a value in at least 100% of the rows, found in 0%."],
        "lower the presence of value in events.pbtxt",
    ),
    (
        "an export that broke off",
        *("complete_journey", "events", lambda frame: frame[: ROWS // 3]),
        "events (newest span) / (whole table): Too few rows, compared with those before",
        [
            "The newest span has 4,000 rows and a mean span before it 12,000.",
            "is 0.333333, which is below the threshold 0.5",
        ],
        "Check whether the export is complete and came once",
    ),
    (
        "an export that came three times",
        *("complete_journey", "events", lambda frame: pd.concat([frame] * 3)),
        "events (newest span) / (whole table): Too many rows, compared with those before",
        ["The newest span has 36,000 rows and a mean span before it 12,000.", "is 3, which is above the threshold 2"],
        "Check whether the export is complete and came once",
    ),
    (
        "one product logged over and over",
        *(
            "complete_journey",
            "events",
            lambda frame: frame.assign(item_id=frame.item_id.where(frame.index % 10 > 0, "7")),
        ),
        "events (newest span) / item_id: The share of a value is too far from that before",
        ["the schema tolerates 0.03.", "'7' is 10.", "in the newest span and 0.2% before it."],
        "raise the comparator's threshold in events.pbtxt",
    ),
]


@pytest.mark.parametrize(
    ("shop", "table", "spoil", "where", "values", "remedy"),
    [case[1:] for case in DOCTORED],
    ids=[case[0] for case in DOCTORED],
)
def test_it_is_stopped_with_table_feature_finding_values_and_remedy(gate, shop, table, spoil, where, values, remedy):
    with pytest.raises(DataGateError) as caught:
        gate(shop, table, spoil, min_rows=1000)

    message = str(caught.value)
    assert f"\n  {where}\n" in message, message
    assert ".." not in message
    blamed = {line.split(":")[0] for line in message.splitlines() if " / " in line}
    assert blamed == {f"  {where.split(':')[0]}"}
    assert all(value in message for value in values), message
    assert remedy in message


def test_what_few_rows_show_is_a_warning(gate):
    spoil = lambda frame: frame[frame.store_id != "big"]  # noqa: E731

    (warning,) = gate("complete_journey", "events", spoil, min_rows=ROWS + 1)

    assert (warning["table"], warning["feature"], warning["severity"]) == ("events", "store_id", "warning")
    assert "'big' is 0.0% in the newest span" in warning["detail"]


def test_a_single_span_is_held_against_its_schema_only(gate):
    spoil = lambda frame: frame[frame.store_id != "big"]  # noqa: E731

    assert gate("complete_journey", "events", spoil, spans=1) == []
