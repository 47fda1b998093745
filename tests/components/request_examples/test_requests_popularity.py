import numpy as np

from components.request_examples import daily_counts
from components.request_examples.daily_counts import SECONDS_A_DAY
from components.request_examples.popularity import Popularity

A, B, C = 0, 1, 2
# (item, day, taken): item A thrice on day 10, once on day 12; B on days 12 and 13; C only looked at, on days 9 and 16.
LOG = [(A, 10, True)] * 3 + [(A, 12, True), (B, 12, True), (B, 13, True), (C, 9, False), (C, 16, False)]


def popularity(log, num_items, window_days):
    items, days, taken = (np.array(column) for column in zip(*log, strict=True))
    shoppers = np.arange(len(items))
    return Popularity(daily_counts.count(shoppers, items, days * SECONDS_A_DAY + 5, taken), num_items, window_days)


def top(known, day):
    (start,), (stop,) = known.top(np.array([day * SECONDS_A_DAY]))
    return known.top_items[start:stop].tolist()


def test_top_items_are_those_of_the_window_before_the_week_best_first():
    # Weeks of days since 1970 begin at 7, 14, 21; with a window of 4 days, week 14 sees days 10 to 13, week 21 nothing.
    log = [*LOG, (C, 13, True), (C, 13, True), (C, 13, True), (C, 12, True), (C, 11, True)]
    known = popularity(log, 3, 4)
    assert top(known, 9) == []
    assert top(known, 14) == top(known, 16) == [C, A, B]  # 5, 4 and 2 takings


def test_top_items_are_limited_and_ties_go_to_the_first_of_the_catalogue():
    many = [(item, 6, True) for item in range(2100)] + [(2099, 6, True), (0, 8, False)]
    assert top(popularity(many, 2100, 7), 8) == [2099, *range(1999)]


def test_whether_an_item_is_among_the_top_depends_on_the_week():
    known = popularity(LOG, 3, 4)
    items, days = np.array([A, A, B, C]), np.array([13, 14, 16, 16])
    assert known.is_top(items, days * SECONDS_A_DAY).tolist() == [False, True, True, False]


def test_bounds_of_the_log_include_events_that_are_no_taking():
    known = popularity(LOG, 3, 4)
    assert (known.first_day, known.last_day) == (9, 16)
