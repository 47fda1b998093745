import math

import numpy as np
import pytest

from components.evaluation.metrics.exposure import exposure_metrics, group_metrics


def test_exposure_over_items_shown_and_not_is_as_worked_by_hand():
    # Exposures 0, 0, 1, 3: the mean absolute difference of all 16 pairs is 2 (1+3+1+3+2) / 16 = 1.25, twice the mean 2.
    assert exposure_metrics([3, 1], num_items=4) == pytest.approx({"coverage": 1 / 2, "gini": 1.25 / 2})


def test_equal_exposure_of_all_items_has_no_inequality():
    assert exposure_metrics([5, 5, 5], num_items=3) == pytest.approx({"coverage": 1.0, "gini": 0.0})


def test_lists_without_items_have_no_exposure():
    assert all(math.isnan(value) for value in exposure_metrics([], num_items=3).values())


def test_equals_the_mean_difference_of_all_pairs_on_random_exposures():
    counts = np.random.default_rng(3).integers(0, 9, size=200)
    difference = np.abs(counts[:, None] - counts).mean()
    actual = exposure_metrics(counts[counts > 0].tolist(), num_items=200)
    assert actual["gini"] == pytest.approx(difference / (2 * counts.mean()), abs=1e-9)


def test_groups_are_held_against_what_shoppers_take_of_them():
    # Shown .7, .2, .1 and taken .5, .3, .2: .2 of the places would have to go elsewhere; the last has half its due.
    found = group_metrics(np.array([7.0, 2.0, 1.0]), np.array([50.0, 30.0, 20.0]))
    assert found == pytest.approx({"disparity": 0.2, "least_exposure": 0.5})


def test_a_group_that_is_left_out_has_no_exposure_unless_it_hardly_matters():
    assert group_metrics(np.array([9.0, 0.0]), np.array([98.0, 2.0]))["least_exposure"] == 0
    assert group_metrics(np.array([9.0, 0.0]), np.array([995.0, 5.0]))["least_exposure"] == pytest.approx(1 / 0.995)


@pytest.mark.parametrize(("shown", "taken"), [([0.0, 0.0], [1.0, 1.0]), ([1.0, 1.0], [0.0, 0.0])])
def test_groups_of_which_nothing_is_shown_or_taken_have_no_values(shown, taken):
    assert all(math.isnan(value) for value in group_metrics(np.array(shown), np.array(taken)).values())
