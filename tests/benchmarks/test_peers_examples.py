"""The ranker's training windows, and the examples cut out of them."""

import numpy as np
import pandas as pd
import peers_problem
import pytest

from benchmarks.quality.peers import examples, problem
from benchmarks.quality.peers.features import Features, Pairs

EVENTS = [("ann", "milk", day, str(day)) for day in (10, 43, 44, 71, 72, 99)]  # asked about on day 100


def read(folder, **changes) -> problem.Problem:
    return problem.read(peers_problem.write(folder, EVENTS, ["ann"], **changes))


def days(log: problem.Log) -> list[int]:
    return (log.timestamp // problem.DAY_SECONDS).tolist()


def test_each_window_is_as_long_as_the_problems_and_ends_where_the_next_begins(tmp_path):
    newest, older = examples.cuts(read(tmp_path), 2)
    assert [days(log) for log in newest] == [[10, 43, 44, 71], [72, 99]]
    assert [days(log) for log in older] == [[10, 43], [44, 71]]
    assert [known.moment // problem.DAY_SECONDS for known, _ in (newest, older)] == [72, 44]


def test_windows_before_the_first_event_are_refused(tmp_path):
    with pytest.raises(problem.ProblemError, match="window 4"):
        list(examples.cuts(read(tmp_path), 4))


def test_without_a_window_held_out_events_are_drawn_anew_by_the_seed(tmp_path):
    first, second = examples.cuts(read(tmp_path, window_days=None), 2)
    assert sorted(days(first[0]) + days(first[1])) == [10, 43, 44, 71, 72, 99]
    assert days(first[1]) != days(second[1])
    [again] = examples.cuts(read(tmp_path, window_days=None), 1)
    assert days(again[1]) == days(first[1])


def test_a_pair_is_right_if_the_user_takes_the_item_in_the_window():
    # User 0 takes item 1 and user 1 item 0, which is no candidate of theirs; user 1 thus has nothing to learn from.
    known = peers_problem.log([(0, 0, 1, 0), (1, 1, 1, 1)], (3, 2))
    later = peers_problem.log([(0, 1, 50, 0), (1, 0, 50, 1), (2, 0, 50, 2)], (3, 2))
    pairs = Pairs(np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 0, 1]), np.zeros(5, np.float32))
    table, labels, group = examples.labelled(pairs, Features(known, np.empty((2, 0), np.int64), []), later)
    assert labels.tolist() == [0, 1, 1, 0]
    assert group.tolist() == [2, 2]
    assert table["days_since"].iloc[0] == 99


def test_kinds_are_the_text_columns_that_items_share():
    columns = pd.DataFrame({"title": [f"item {i}" for i in range(20)], "brand": ["a", None] * 10, "price": range(20)})
    kinds, names = examples.shared_kinds(columns)
    assert names == ["brand"]
    assert kinds[:3, 0].tolist() == [0, -1, 0]
