import numpy as np
import pytest

from components.request_examples import ranges


def test_expand_lists_every_position_of_every_range_and_skips_empty_ones():
    owner, position = ranges.expand(np.array([5, 3, 0]), np.array([7, 3, 1]))
    assert owner.tolist() == [0, 0, 2]
    assert position.tolist() == [5, 6, 0]


@pytest.mark.parametrize(
    ("limit", "kept"),
    [
        # Owner 0 has priorities 30, 10, 20; owner 2 has 5, 7.
        (0, [False, False, False, False, False]),
        (1, [False, True, False, True, False]),
        (2, [False, True, True, True, True]),
        (9, [True, True, True, True, True]),
    ],
)
def test_smallest_keeps_the_lowest_priorities_of_each_owner(limit, kept):
    priority = np.array([30, 10, 20, 5, 7], np.uint64) << np.uint64(56)
    assert ranges.smallest(np.array([0, 0, 0, 2, 2]), priority, limit).tolist() == kept


def test_smallest_takes_priorities_as_unsigned():
    priority = np.array([2**63, 1 << 62], np.uint64)
    assert ranges.smallest(np.array([0, 0]), priority, 1).tolist() == [False, True]


def test_smallest_of_nothing_is_nothing():
    assert ranges.smallest(np.empty(0, np.int64), np.empty(0, np.uint64), 3).tolist() == []


def test_offsets_count_owners_without_entries():
    assert ranges.offsets(np.array([1, 1, 3]), 5).tolist() == [0, 0, 2, 2, 3, 3]


def test_distinct_sorts_and_drops_repetitions():
    assert ranges.distinct(np.array([3, 1, 3, 2, 1])).tolist() == [1, 2, 3]
    assert ranges.distinct(np.array([], np.int64)).tolist() == []


def test_nothing_is_found_among_nothing():
    place, found = ranges.find(np.empty(0, np.int64), np.array([2, 4]))
    assert len(place) == 2
    assert found.tolist() == [False, False]


def test_find_tells_what_is_there_and_what_is_beyond_either_end():
    place, found = ranges.find(np.array([2, 4]), np.array([1, 2, 3, 4, 5]))
    assert found.tolist() == [False, True, False, True, False]
    assert place[[1, 3]].tolist() == [0, 1]
