"""Counting takings and repeats, by item and day, worked out by hand."""

import itertools

import numpy as np
import pytest

from components.request_examples import daily_counts
from components.request_examples.daily_counts import DAY_BITS, SECONDS_A_DAY, AddDailyCounts

A, B = 0, 1
ANN, BOB = 0, 1
HOUR = 3600


def count(rows) -> daily_counts.DailyCounts:
    """Counts (shopper, item, day, second of the day) rows, and (..., False) rows of events that are no taking."""
    columns = zip(*((*row, True)[:5] for row in rows), strict=True)
    shoppers, items, days, seconds, taken = (np.array(column) for column in columns)
    return daily_counts.count(shoppers, items, days * SECONDS_A_DAY + seconds, taken)


def counted(daily) -> dict[tuple[int, int], list[int]]:
    """Takings, repeats and seconds by item and day."""
    item, day = np.divmod(daily.keys, 1 << DAY_BITS)
    return dict(zip(zip(item.tolist(), day.tolist(), strict=True), daily.values.tolist(), strict=True))


def test_takings_are_counted_by_item_and_day():
    assert counted(count([(ANN, A, 10, 0), (BOB, A, 10, 5), (BOB, A, 11, 5), (BOB, B, 10, 5)])) == {
        (A, 10): [2, 0, 0],
        (A, 11): [1, 1, SECONDS_A_DAY],
        (B, 10): [1, 0, 0],
    }


def test_what_is_no_taking_is_not_counted_and_makes_no_repeat_but_bounds_the_log():
    daily = count([(ANN, A, 9, 0, False), (ANN, A, 10, 0), (ANN, A, 16, 0, False)])
    assert counted(daily) == {(A, 10): [1, 0, 0]}
    assert (daily.first_day, daily.last_day) == (9, 16)


def test_a_repeat_belongs_to_its_own_day_and_waits_since_the_taking_just_before():
    rows = [(ANN, A, 10, 0), (ANN, A, 13, HOUR), (ANN, A, 20, 0)]
    assert counted(count(rows)) == {
        (A, 10): [1, 0, 0],
        (A, 13): [1, 1, 3 * SECONDS_A_DAY + HOUR],
        (A, 20): [1, 1, 7 * SECONDS_A_DAY - HOUR],
    }


def test_an_item_taken_twice_on_one_day_repeats_on_that_day():
    assert counted(count([(ANN, A, 10, HOUR), (ANN, A, 10, 3 * HOUR)])) == {(A, 10): [2, 1, 2 * HOUR]}
    assert counted(count([(ANN, A, 10, HOUR), (ANN, A, 10, HOUR + 1)])) == {(A, 10): [2, 1, 1]}


def test_two_lines_of_one_second_do_not_repeat_each_other():
    assert counted(count([(ANN, A, 10, HOUR), (ANN, A, 10, HOUR)])) == {(A, 10): [2, 0, 0]}


def test_each_of_two_lines_of_one_second_repeats_what_was_taken_before():
    rows = [(ANN, A, 10, 0), (ANN, A, 12, 0), (ANN, A, 12, 0), (ANN, A, 13, 0)]
    assert counted(count(rows)) == {
        (A, 10): [1, 0, 0],
        (A, 12): [2, 2, 2 * 2 * SECONDS_A_DAY],
        (A, 13): [1, 1, SECONDS_A_DAY],
    }


def test_neither_another_shopper_nor_another_item_makes_a_repeat():
    rows = [(ANN, A, 10, 0), (BOB, A, 11, 0), (ANN, B, 12, 0), (BOB, A, 14, 0)]
    assert counted(count(rows)) == {
        (A, 10): [1, 0, 0],
        (A, 11): [1, 0, 0],
        (B, 12): [1, 0, 0],
        (A, 14): [1, 1, 3 * SECONDS_A_DAY],
    }


def test_the_order_of_events_does_not_matter():
    rows = [(ANN, A, 10, 0), (ANN, A, 10, 0), (ANN, A, 12, 0), (BOB, A, 11, 0), (BOB, A, 12, 0)]
    expected = {(A, 10): [2, 0, 0], (A, 11): [1, 0, 0], (A, 12): [2, 2, 3 * SECONDS_A_DAY]}
    for order in itertools.permutations(rows):
        assert counted(count(order)) == expected


SHARDS = [
    [(ANN, A, 10, 0), (ANN, A, 12, 0), (ANN, B, 12, 0)],
    [(BOB, A, 12, 0), (BOB, A, 15, 0), (BOB, B, 9, 0, False)],
    [(2, B, 12, 0), (2, A, 12, HOUR), (2, A, 18, 0, False)],
]


@pytest.mark.parametrize("order", itertools.permutations(range(3)))
def test_adding_shards_in_any_order_and_grouping_is_counting_them_at_once(order):
    blocks = [count(SHARDS[place]) for place in order]
    adder = AddDailyCounts()
    one_by_one = adder.create_accumulator()
    for block in blocks:
        one_by_one = adder.add_input(one_by_one, block)
    merged = adder.merge_accumulators([adder.create_accumulator(), adder.compact(blocks[:1]), blocks[1:]])
    for accumulator in (one_by_one, merged):
        total = adder.extract_output(accumulator)
        assert counted(total) == {
            (A, 10): [1, 0, 0],
            (A, 12): [3, 1, 2 * SECONDS_A_DAY],
            (A, 15): [1, 1, 3 * SECONDS_A_DAY],
            (B, 12): [2, 0, 0],
        }
        assert (np.diff(total.keys) > 0).all()
        assert (total.first_day, total.last_day) == (9, 18)


def test_no_events_at_all_leave_no_days():
    nothing, no_event = np.empty(0, np.int64), np.empty(0, bool)
    total = daily_counts.add([daily_counts.count(nothing, nothing, nothing, no_event)])
    assert total.first_day > total.last_day
    assert total.values.shape == (0, 3)
