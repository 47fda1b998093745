import datetime
import decimal

import numpy as np
import pyarrow as pa
import pytest

from components.table_gen.cast import cast, is_castable

# 2021-03-04T05:06:07Z; 18,690 days and 18,367 seconds after 1970.
INSTANT = datetime.datetime(2021, 3, 4, 5, 6, 7)
SECONDS = 18_690 * 86_400 + 18_367


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_a_timestamp_keeps_its_instant_in_every_unit_and_zone(unit, zone):
    array = pa.array([INSTANT, None], pa.timestamp(unit)).cast(pa.timestamp(unit, zone))

    assert cast(array, "timestamp").to_pylist() == [SECONDS, None]


def test_fractions_of_a_second_are_dropped_downwards_even_before_1970():
    array = pa.array([1_999, -1], pa.timestamp("ms"))

    assert cast(array, "timestamp").to_pylist() == [1, -1]


@pytest.mark.parametrize("arrow_type", [pa.date32(), pa.date64()])
def test_a_date_is_its_midnight_in_utc(arrow_type):
    array = pa.array([INSTANT.date(), None], arrow_type)

    assert cast(array, "timestamp").to_pylist() == [18_690 * 86_400, None]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2021-03-04T05:06:07", SECONDS),
        ("2021-03-04 05:06:07Z", SECONDS),
        (" 2021-03-04T06:06:07.900+01:00 ", SECONDS),
        ("2021-03-04", 18_690 * 86_400),
        ("2021-02-30", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_a_string_is_read_as_iso_8601_or_not_at_all(text, seconds):
    assert cast(pa.array([text], pa.string()), "timestamp").to_pylist() == [seconds]


def test_integers_that_fit_no_int64_never_pass_as_a_time():
    assert cast(pa.array([2**64 - 5], pa.uint64()), "timestamp").to_pylist() == [-5]


@pytest.mark.parametrize(
    ("array", "kind", "expected"),
    [
        (pa.array([0, -7, None]), "key", ["0", "-7", None]),
        (pa.array([2**64 - 1], pa.uint64()), "key", ["18446744073709551615"]),
        (pa.array(["é", ""], pa.large_string()), "string", ["é", ""]),
        (pa.array([True, None]), "string", ["true", None]),
        (pa.array([0, -1, None], pa.int8()), "number", [0.0, -1.0, None]),
        (pa.array([2**53 + 1]), "number", [2.0**53]),
        (pa.array([decimal.Decimal("1.50")]), "number", [1.5]),
        (pa.array(np.array([0.5], np.float16)), "number", [0.5]),
        (pa.array([True, False, None]), "flag", [1, 0, None]),
        (pa.nulls(2), "key", [None, None]),
        (pa.nulls(1), "timestamp", [None]),
    ],
)
def test_values_become_the_contracts_type(array, kind, expected):
    assert cast(array, kind).to_pylist() == expected


@pytest.mark.parametrize(
    ("arrow_type", "kind"),
    [
        (pa.float64(), "key"),
        (pa.float64(), "timestamp"),
        (pa.time64("us"), "timestamp"),
        (pa.string(), "number"),
        (pa.float64(), "flag"),
        (pa.list_(pa.string()), "string"),
        (pa.dictionary(pa.int32(), pa.float64()), "key"),
        (pa.bool_(), "key"),
    ],
)
def test_types_that_would_need_a_guess_are_refused(arrow_type, kind):
    assert not is_castable(arrow_type, kind)


@pytest.mark.parametrize("kind", ["key", "string", "timestamp"])
def test_dictionary_strings_are_taken_as_strings(kind):
    assert is_castable(pa.dictionary(pa.int32(), pa.string()), kind)
