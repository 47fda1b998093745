"""EASE's closed form, and what it does about the items and users that it does not cover."""

import numpy as np
import peers_problem
import pytest

from benchmarks.quality.peers import ease, problem


def test_the_weights_are_the_closed_form():
    # G = [[2, 1], [1, 1]] + 1 = [[3, 1], [1, 2]]; its inverse is [[2, -1], [-1, 3]] / 5, so
    # B[0, 1] = -(-1 / 3) = 1/3 and B[1, 0] = -(-1 / 2) = 1/2.
    gram = np.array([[2, 1], [1, 1]], np.float32)
    np.testing.assert_allclose(ease.item_weights(gram, 1.0), [[0, 1 / 3], [1 / 2, 0]], rtol=1e-6)


EVENTS = [
    ("ann", "milk", 1, "a1"),
    ("ann", "milk", 2, "a2"),
    ("ann", "beer", 2, "a2"),
    ("bob", "milk", 1, "b1"),
    ("cid", "wine", 3, "c1"),
]


@pytest.fixture
def small(tmp_path) -> problem.Problem:
    return problem.read(peers_problem.write(tmp_path, EVENTS, ["ann", "bob", "cid", "new"]))


def test_a_user_is_scored_through_the_items_they_took(small):
    # Milk and beer are the two most popular (beer was first taken before wine); binary G is the one above.
    score = ease.ease(small, items=2, regularization=1.0)
    ann, bob, cid, new = score(small.queries, False)
    milk, beer, wine = (small.items.tolist().index(item) for item in ("milk", "beer", "wine"))
    np.testing.assert_allclose(ann[[milk, beer]], [1 / 2, 2 / 3], rtol=1e-6)  # milk counts twice
    np.testing.assert_allclose(bob[[milk, beer]], [0, 1 / 3], rtol=1e-6)
    assert np.isneginf([ann[wine], bob[wine]]).all()
    assert np.isneginf([cid, new]).all()


def test_an_age_weighs_less(small):
    score = ease.ease(small, items=2, regularization=1.0, weekly_decay=0.5)
    [bob] = score(small.queries[1:2], False)
    assert bob[1] == pytest.approx(0.5 ** (99 / 7) / 3, rel=1e-5)
