"""TIFU-KNN's vectors, neighbours and mixture on baskets small enough to work out by hand."""

import numpy as np
import peers_problem
import pytest

from benchmarks.quality.peers import problem, tifu_knn


def test_baskets_decay_within_groups_and_groups_decay_too():
    # Five baskets in two groups: sizes 2 and 3. With within 0.5 and group 0.1, and means over baskets and groups:
    # group 0: 0.5 / 2 and 1 / 2, times 0.1 / 2; group 1: 0.25 / 3, 0.5 / 3 and 1 / 3, times 1 / 2.
    history = peers_problem.log([(0, 0, day, day) for day in range(5)], (1, 1))
    weights = tifu_knn.basket_weights(history, groups=2, within_decay=0.5, group_decay=0.1)
    np.testing.assert_allclose(weights, [0.0125, 0.025, 1 / 24, 1 / 12, 1 / 6])


def test_fewer_baskets_than_groups_are_groups_of_one():
    # User 1 has a single basket between those of user 0, whose two are groups of one: 0.1 / 2 and 1 / 2.
    history = peers_problem.log([(0, 0, 1, 0), (1, 0, 2, 1), (0, 0, 3, 2)], (2, 1))
    weights = tifu_knn.basket_weights(history, groups=7, within_decay=0.5, group_decay=0.1)
    np.testing.assert_allclose(weights, [0.05, 1.0, 0.5])


def test_an_item_twice_in_a_basket_counts_once():
    history = peers_problem.log([(0, 0, 1, 0), (0, 0, 1, 0), (0, 1, 1, 0)], (1, 2))
    assert tifu_knn.user_vectors(history, 7, 0.9, 0.7).toarray().tolist() == [[1.0, 1.0]]


def test_the_nearest_others_are_averaged():
    # Squared distances from user 0 at (1, 0): to user 1 at (1, 1) 1, to user 2 at (0, 1) 2, to user 3 at (0, 0) 1.
    history = peers_problem.log([(0, 0, 1, 0), (1, 0, 1, 1), (1, 1, 1, 1), (2, 1, 1, 2)], (4, 2))
    vectors = tifu_knn.user_vectors(history, 1, 1.0, 1.0)
    averages = tifu_knn.neighbour_averages(vectors, 2).toarray()
    assert averages[0].tolist() == [0, 0.5, 0, 0.5]
    assert averages[1].tolist() == [0.5, 0, 0.5, 0]


def test_the_score_mixes_own_frequencies_with_the_neighbours_mean(tmp_path):
    events = [("ann", "milk", 1, "a"), ("bob", "milk", 2, "b"), ("bob", "beer", 2, "b")]
    small = problem.read(peers_problem.write(tmp_path, events, ["ann", "new"]))
    score = tifu_knn.tifu_knn(small, neighbours=1, groups=1, within_decay=1.0, group_decay=1.0, alpha=0.75)
    # Ann is at (1, 0), bob at (1, 1): milk 0.75 + 0.25, beer 0.25. The new user has no past and so no scores.
    ann, new = score(small.queries, False)
    assert dict(zip(small.items, ann, strict=True)) == {"milk": 1.0, "beer": 0.25}
    assert np.isneginf(new).all()


@pytest.mark.parametrize("neighbours", [1, 5])
def test_no_user_is_their_own_neighbour(neighbours):
    history = peers_problem.log([(0, 0, 1, 0), (1, 0, 1, 1), (2, 0, 1, 2)], (3, 1))
    averages = tifu_knn.neighbour_averages(tifu_knn.user_vectors(history, 1, 1.0, 1.0), neighbours)
    assert averages.diagonal().tolist() == [0, 0, 0]
    np.testing.assert_allclose(averages.sum(axis=1), 1)
