"""What is known of an item as of a moment: worked out by hand, and beside a plain count of the whole log."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests_shop import DAY, know, make_events, make_settings, statistics_of

from schemas.statistics import STATISTICS

HOUR = 3600
ITEMS = ["a", "b", "c"]
LOG = [
    ("ann", "a", 10 * DAY + 9 * HOUR),
    ("ann", "a", 10 * DAY + 9 * HOUR),  # another line of the basket
    ("ann", "a", 10 * DAY + 21 * HOUR),  # again, half a day later
    ("ann", "b", 11 * DAY),
    ("bob", "a", 12 * DAY),
    ("bob", "a", 16 * DAY),  # again, four days later
    ("bob", "c", 16 * DAY, "view"),
]


def statistics_at(events, item, time, shards=None, window_days=4):
    """The statistics of an item as of a moment, by name."""
    _, knowledge = know(make_events(events), make_settings(popularity_days=window_days), ITEMS, shards)
    found = knowledge.statistics.at(np.array([ITEMS.index(item)]), np.array([time]))
    assert {values.dtype for values in found.values()} == {np.dtype(np.float32)}
    return {name: values.item() for name, values in found.items()}


@pytest.mark.parametrize("second", [0, DAY - 1])
@pytest.mark.parametrize(
    ("item", "day", "expected"),
    [
        # 4 days, 1 day, 12 days; ever, repeats, days between
        ("a", 10, [0, 0, 0, 0, 0, 0]),  # nothing of the day itself
        ("a", 11, [3, 3, 3, 3, 1, 0.5]),
        ("a", 12, [3, 0, 3, 3, 1, 0.5]),
        ("a", 13, [4, 1, 4, 4, 1, 0.5]),
        ("a", 14, [4, 0, 4, 4, 1, 0.5]),  # days 10 to 13
        ("a", 15, [1, 0, 4, 4, 1, 0.5]),  # day 10 has left the four days
        ("a", 16, [1, 0, 4, 4, 1, 0.5]),  # the repeat of the day itself is not known
        ("a", 17, [1, 1, 5, 5, 2, 4.5]),
        ("a", 22, [0, 0, 5, 5, 2, 4.5]),  # days 10 to 21
        ("a", 23, [0, 0, 2, 5, 2, 4.5]),
        ("a", 99, [0, 0, 0, 5, 2, 4.5]),
        ("b", 12, [1, 1, 1, 1, 0, 0]),
        ("b", 13, [1, 0, 1, 1, 0, 0]),
        ("c", 17, [0, 0, 0, 0, 0, 0]),  # looked at is not taken
    ],
)
def test_an_item_is_known_by_what_was_taken_on_whole_days_before(item, day, second, expected):
    time = day * DAY + second
    found = statistics_at(LOG, item, time)
    assert found == dict(zip(STATISTICS, expected, strict=True))
    assert found == statistics_of([row for row in LOG if len(row) == 3], item, time, window_days=4)


@pytest.mark.parametrize(("days", "short", "long"), [(28, 7, 84), (1, 1, 3), (2, 1, 6), (7, 2, 21), (365, 91, 1095)])
def test_the_short_window_is_a_quarter_and_the_long_one_thrice_the_configured(days, short, long):
    # One taking a day, of another shopper each, for longer than the longest window.
    events = [(f"u{day}", "a", day * DAY) for day in range(long + 10)]
    found = statistics_at(events, "a", (long + 10) * DAY, window_days=days)
    assert list(found.values()) == [days, short, long, long + 10, 0, 0]


def test_windows_that_begin_before_1970_count_from_there():
    events = [("ann", "a", 0), ("bob", "b", DAY)]
    for item in ("a", "b"):
        assert list(statistics_at(events, item, 2 * DAY, window_days=28).values()) == [1, 1, 1, 1, 0, 0]


def test_statistics_come_in_the_order_of_the_question():
    _, knowledge = know(make_events(LOG), make_settings(), ITEMS)
    items, days = np.array([1, 0, 2, 0, 1, 0]), np.array([12, 11, 12, 17, 11, 11])
    assert knowledge.statistics.at(items, days * DAY)["taken"].tolist() == [1, 3, 0, 5, 0, 3]


def test_nothing_is_asked_and_nothing_answered():
    _, knowledge = know(make_events(LOG), make_settings(), ITEMS)
    nothing = np.empty(0, np.int64)
    found = knowledge.statistics.at(nothing, nothing)
    assert [(name, len(values)) for name, values in found.items()] == [(name, 0) for name in STATISTICS]


USERS = ["ann", "bob", "cid"]
times = st.builds(
    lambda day, second: day * DAY + second, st.integers(0, 12), st.sampled_from([0, 1, 2, DAY // 2, DAY - 1])
)
takings = st.lists(st.tuples(st.sampled_from(USERS), st.sampled_from(ITEMS), times), min_size=1, max_size=40)
windows = st.integers(1, 9)


@settings(max_examples=100, deadline=None)
@given(takings, times, windows, st.randoms(use_true_random=False), st.lists(st.integers(0, 2), min_size=3, max_size=3))
def test_statistics_are_those_of_a_plain_count_however_events_come_and_shards_are_cut(
    log, time, window_days, random, places
):
    shards = [{user for user, place in zip(USERS, places, strict=True) if place == number} for number in range(3)]
    shuffled = random.sample(log, len(log))
    for item in ITEMS:
        found = statistics_at(log, item, time, window_days=window_days)
        assert found == pytest.approx(statistics_of(log, item, time, window_days))
        assert found == statistics_at(shuffled, item, time, shards, window_days)


@settings(max_examples=100, deadline=None)
@given(takings, takings, takings, times, windows)
def test_nothing_that_happens_on_the_day_of_the_moment_or_later_changes_a_statistic(
    past, future, other, time, window_days
):
    today = time // DAY * DAY
    past = [("zoe", "a", 0), *(row for row in past if row[2] < today)]
    futures = [[row for row in rows if row[2] >= today] for rows in (future, other)]
    # Whether an event happens and what it is changes nothing, be it by a shopper with a past or at the very moment.
    logs = [past, *(past + rows for rows in futures), [*past, ("ann", "a", time), ("ann", "a", today)]]
    for item in ITEMS:
        expected, *found = [statistics_at(log, item, time, window_days=window_days) for log in logs]
        assert found == [expected] * 3
