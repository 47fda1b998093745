import numpy as np
import pytest

from components.request_examples import popularity
from components.request_examples.popularity import SECONDS_A_DAY, AddDailyCounts, Popularity

A, B, C = 0, 1, 2
# (item, day, taken): item A thrice on day 10, once on day 12; B on days 12 and 13; C only looked at, on days 9 and 16.
LOG = [(A, 10, True)] * 3 + [(A, 12, True), (B, 12, True), (B, 13, True), (C, 9, False), (C, 16, False)]


def count(log):
    items, days, taken = (np.array(column) for column in zip(*log, strict=True))
    return popularity.count(items, days * SECONDS_A_DAY + 5, taken)


@pytest.fixture
def known():
    return Popularity(count(LOG), num_items=3, window_days=3)


@pytest.mark.parametrize(
    ("item", "day", "expected"),
    [
        (A, 10, 0),  # the day itself does not count
        (A, 11, 3),
        (A, 13, 4),  # days 10, 11, 12
        (A, 14, 1),  # day 10 has left the window
        (B, 13, 1),
        (B, 14, 2),
        (C, 16, 0),  # looked at is not taken
    ],
)
def test_an_item_counts_what_was_taken_on_the_days_before(known, item, day, expected):
    last_second = (day + 1) * SECONDS_A_DAY - 1
    for moment in (day * SECONDS_A_DAY, last_second):
        assert known.counts(np.array([item]), np.array([moment])).tolist() == [expected]


def test_counts_come_in_the_order_of_the_question(known):
    items, days = np.array([B, A, C, A]), np.array([14, 11, 12, 13])
    assert known.counts(items, days * SECONDS_A_DAY).tolist() == [2, 3, 0, 4]


def test_a_window_that_begins_before_1970_counts_from_there():
    early = Popularity(count([(A, 0, True), (B, 1, True)]), num_items=2, window_days=28)
    assert early.counts(np.array([A, B]), np.array([2, 2]) * SECONDS_A_DAY).tolist() == [1, 1]


def test_bounds_of_the_log_include_events_that_are_no_taking(known):
    assert (known.first_day, known.last_day) == (9, 16)


def top(known, day):
    (start,), (stop,) = known.top(np.array([day * SECONDS_A_DAY]))
    return known.top_items[start:stop].tolist()


def test_top_items_are_those_of_the_window_before_the_week_best_first():
    # Weeks of days since 1970 begin at 7, 14, 21; with a window of 4 days, week 14 sees days 10 to 13, week 21 nothing.
    known = Popularity(count([*LOG, (C, 13, True), (C, 13, True), (C, 13, True), (C, 12, True), (C, 11, True)]), 3, 4)
    assert top(known, 9) == []
    assert top(known, 14) == top(known, 16) == [C, A, B]  # 5, 4 and 2 takings


def test_top_items_are_limited_and_ties_go_to_the_first_of_the_catalogue():
    many = [(item, 6, True) for item in range(600)] + [(599, 6, True), (0, 8, False)]
    assert top(Popularity(count(many), 600, 7), 8) == [599, *range(499)]


def test_adding_blocks_in_any_order_and_grouping_is_counting_them_at_once():
    adder = AddDailyCounts()
    left = adder.create_accumulator()
    for row in reversed(LOG):
        left = adder.add_input(left, count([row]))
    right = adder.merge_accumulators([adder.create_accumulator(), adder.compact([count(LOG[:5])]), [count(LOG[5:])]])
    expected = count(LOG)
    for accumulator in (left, right):
        total = adder.extract_output(accumulator)
        assert total.keys.tolist() == expected.keys.tolist()
        assert total.counts.tolist() == expected.counts.tolist() == [3, 1, 1, 1]
        assert total[2:] == expected[2:]


def test_no_events_at_all_leave_no_days():
    adder = AddDailyCounts()
    total = adder.extract_output(adder.merge_accumulators([adder.create_accumulator()]))
    assert total.first_day > total.last_day
    assert popularity.count(np.array([], int), np.array([], int), np.array([], bool)).first_day > 0
