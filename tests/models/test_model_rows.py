"""Sets of items in rows."""

import tensorflow as tf

from models.rows import distinct, is_among


def rows(*values: list[int]) -> tf.Tensor:
    return tf.constant(values, tf.int64)


def test_distinct_items_stand_side_by_side_and_none_behind_them():
    assert distinct(rows([3, 0, 5, 3, 5, 3], [9, 8, 7, 7, 0, 0])).numpy().tolist() == [[5, 3, 0], [9, 8, 7]]


def test_distinct_items_of_rows_without_any_have_no_width():
    assert distinct(rows([0, 0], [0, 0])).shape == (2, 0)
    assert distinct(tf.zeros([2, 0], tf.int64)).shape == (2, 0)
    assert distinct(tf.zeros([0, 2], tf.int64)).shape == (0, 0)


def test_items_are_looked_for_in_their_own_row_alone():
    found = is_among(rows([1, 5, 9], [1, 5, 9]), rows([9, 1], [7, 5]))
    assert found.numpy().tolist() == [[True, False, True], [False, True, False]]


def test_nothing_is_among_no_items():
    assert is_among(rows([0, 4]), tf.zeros([1, 0], tf.int64)).numpy().tolist() == [[False, False]]
