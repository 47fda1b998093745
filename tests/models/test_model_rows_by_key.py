"""Rows of an embedding follow their keys from one vocabulary to the next."""

import numpy as np

from models.rows_by_key import carry_over

# The old vocabulary: unknown, apple, pear, plum. Each row is its own number, so that it is recognised.
OLD_KEYS = np.array([b"", b"apple", b"pear", b"plum"])
OLD = np.array([[0.5, 0.5], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]], np.float32)
# The new one: pear has left, fig and quince are new, plum and apple have changed places.
KEYS = np.array([b"", b"plum", b"fig", b"apple", b"quince"])
FRESH = np.array([[-9.0, -9.0], [-1.0, -1.0], [-2.0, -2.0], [-3.0, -3.0], [-4.0, -4.0]], np.float32)


def test_a_key_keeps_its_row_wherever_it_stands_and_a_new_one_its_initial_row():
    values, counts = carry_over(FRESH, KEYS, OLD, OLD_KEYS)
    np.testing.assert_array_equal(values, [[0.5, 0.5], [3.0, 3.0], [-2.0, -2.0], [1.0, 1.0], [-4.0, -4.0]])
    assert (counts.kept, counts.new, counts.gone) == (3, 2, 1)
    assert FRESH[1, 0] == -1.0  # what was given is left as it was


def test_an_equal_vocabulary_takes_over_everything():
    values, counts = carry_over(FRESH[:4], OLD_KEYS, OLD, OLD_KEYS)
    np.testing.assert_array_equal(values, OLD)
    assert str(counts) == "4 rows kept, 0 new, 0 gone"


def test_vocabularies_without_a_common_key_share_only_the_unknown():
    values, counts = carry_over(FRESH[:2], np.array([b"", b"kiwi"]), OLD, OLD_KEYS)
    np.testing.assert_array_equal(values, [[0.5, 0.5], [-1.0, -1.0]])
    assert (counts.kept, counts.new, counts.gone) == (1, 1, 3)


def test_keys_for_which_no_item_has_a_row_are_no_rows():
    # The embedding of an item's category ends at the last category that some item has.
    values, counts = carry_over(FRESH[:2], KEYS, OLD[:3], OLD_KEYS)
    np.testing.assert_array_equal(values, [[0.5, 0.5], [-1.0, -1.0]])  # plum had no row
    assert (counts.kept, counts.new, counts.gone) == (1, 1, 2)
