import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.table_gen.contract import Column, Contract
from components.table_gen.validate import check

KINDS = {
    "user_id": "key",
    "timestamp": "timestamp",
    "scene": "string",
    "value": "number",
    "dwell_seconds": "duration",
    "propensity": "propensity",
    "available": "flag",
}
CONTRACT = Contract(
    table="events", columns=tuple(Column(name=name, source=name, kind=kind) for name, kind in KINDS.items())
)
GOOD = {
    "user_id": "u",
    "timestamp": 0,
    "scene": "",
    "value": -1.5,
    "dwell_seconds": 0.0,
    "propensity": 1.0,
    "available": 0,
}


def checked(row: dict, types: dict = {}):  # noqa: B006, read only
    raw = pa.table({name: pa.array([row[name]], types.get(name)) for name in KINDS})
    return check(raw, CONTRACT, "a.parquet", first_row=40)


def test_a_row_at_the_edge_of_every_rule_is_accepted_as_it_is():
    accepted, numbers, rejected = checked(GOOD)

    assert accepted.to_pylist() == [GOOD]
    assert accepted.schema == CONTRACT.schema
    assert numbers.tolist() == [40]
    assert rejected.num_rows == 0


def test_optional_values_may_be_missing():
    row = {name: GOOD[name] if name in ("user_id", "timestamp") else None for name in KINDS}

    accepted, _, _ = checked(row)

    assert accepted.to_pylist() == [row]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("user_id", None, "missing"),
        ("user_id", "", "empty"),
        ("user_id", " \t", "empty"),
        ("timestamp", None, "missing"),
        ("timestamp", "soon", "not an ISO 8601 time"),
        ("timestamp", -1, "before 1970"),
        ("timestamp", 1_600_000_000_000, "after 2199; seconds are expected"),
        ("value", math.inf, "not a finite number"),
        ("value", math.nan, "not a finite number"),
        ("dwell_seconds", -0.1, "negative"),
        ("dwell_seconds", -math.inf, "not a finite number"),
        ("propensity", 0.0, "not above 0 and up to 1"),
        ("propensity", 1.01, "not above 0 and up to 1"),
        ("available", 2, "neither 0 nor 1"),
    ],
)
def test_a_wrong_value_is_rejected_with_its_field_reason_and_place(field, value, reason):
    accepted, _, rejected = checked(GOOD | {field: value})

    assert accepted.num_rows == 0
    (row,) = rejected.to_pylist()
    assert (row["file"], row["row"], row["field"], row["reason"]) == ("a.parquet", 40, field, reason)


def test_the_quarantine_keeps_the_original_values_as_text():
    _, _, rejected = checked(GOOD | {"timestamp": "2021-13-01", "user_id": 7, "value": None})

    assert rejected["values"].to_pylist() == [
        {
            "user_id": "7",
            "timestamp": "2021-13-01",
            "scene": "",
            "value": None,
            "dwell_seconds": "0",
            "propensity": "1",
            "available": "0",
        }
    ]


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin", "+02:00"])  # Arrow casts none of the last kind to text
def test_the_quarantine_shows_instants_in_utc(zone):
    types = {"timestamp": pa.timestamp("s", zone)}
    _, _, rejected = checked(GOOD | {"timestamp": 1_700_000_000, "user_id": None}, types)
    assert rejected["values"].to_pylist()[0]["timestamp"] == "2023-11-14 22:13:20"


def test_a_row_with_several_faults_is_rejected_once_for_the_first():
    _, _, rejected = checked(GOOD | {"timestamp": -1, "value": math.inf, "available": 9})

    assert rejected.select(["field", "reason"]).to_pylist() == [{"field": "timestamp", "reason": "before 1970"}]


def test_latest_second_of_2199_is_the_last_that_passes():
    assert checked(GOOD | {"timestamp": "2199-12-31T23:59:59Z"})[0]["timestamp"].to_pylist() == [7_258_118_399]
    assert checked(GOOD | {"timestamp": "2200-01-01T00:00:00Z"})[0].num_rows == 0


cells = {
    "user_id": st.none() | st.sampled_from(["", " ", "u"]),
    "timestamp": st.none() | st.integers(-2, 2) | st.integers(7_258_118_399, 7_258_118_400),
    "scene": st.none() | st.text(max_size=2),
    "value": st.none() | st.floats(),
    "dwell_seconds": st.none() | st.floats(),
    "propensity": st.none() | st.floats(),
    "available": st.none() | st.integers(-1, 2),
}


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(st.fixed_dictionaries(cells), max_size=8), first_row=st.integers(0, 10**6))
def test_every_row_is_either_accepted_or_rejected_under_its_own_number(rows, first_row):
    raw = pa.Table.from_pylist(rows, CONTRACT.schema)

    accepted, numbers, rejected = check(raw, CONTRACT, "f", first_row)

    everywhere = np.sort(np.concatenate([numbers, rejected["row"].to_numpy()]))
    assert everywhere.tolist() == list(range(first_row, first_row + len(rows)))
    assert accepted.equals(raw.take(numbers - first_row))
