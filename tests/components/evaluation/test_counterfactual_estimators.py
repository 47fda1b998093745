"""Each estimator on rounds that were worked out by hand."""

import numpy as np
import pytest

from components.evaluation.counterfactual import effective
from components.evaluation.counterfactual.estimators import (
    DirectMethod,
    DoublyRobust,
    InversePropensity,
    RejectionSampling,
    SelfNormalised,
)
from components.evaluation.counterfactual.rounds import Rounds, draws
from components.evaluation.counterfactual.weighting import Clipped, Shrunk

# Three rounds of a bandit, whose weights are 1, 2 and 1/2.
ROUNDS = Rounds(
    round=np.arange(3),
    reward=np.array([1.0, 0.0, 1.0]),
    propensity=np.array([0.5, 0.25, 0.2]),
    probability=np.array([0.5, 0.5, 0.1]),
    predicted=np.array([0.5, 0.25, 0.5]),
    expected=np.array([0.5, 0.25, 0.75]),
    places=np.ones(3),
)
# Two rounds of lists: the first shows three items, of which the judged policy would show two among its four.
LISTS = Rounds(
    round=np.array([0, 0, 0, 1]),
    reward=np.array([1.0, 1.0, 0.0, 0.0]),
    propensity=np.array([0.5, 0.5, 0.25, 1.0]),
    probability=np.array([1.0, 0.0, 1.0, 1.0]),
    predicted=np.array([0.5, 0.0, 0.25, 0.0]),
    expected=np.array([1.0, 0.5]),
    places=np.array([4.0, 2.0]),
)


def value(estimator, rounds) -> float:
    numerator, denominator = estimator.terms(rounds)
    assert len(numerator) == len(denominator) == len(rounds.expected)
    return numerator.sum() / denominator.sum()


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (InversePropensity(), (1 + 0 + 1 / 2) / 3),
        (InversePropensity(Clipped(1)), (1 + 0 + 1 / 2) / 3),  # the clipped weight earned nothing
        (InversePropensity(Clipped(0.75)), (3 / 4 + 0 + 1 / 2) / 3),
        (InversePropensity(Shrunk(2)), (2 / 3 + 0 + 4 / 9) / 3),  # 2w / (w^2 + 2) = 2/3, 2/3, 4/9
        (SelfNormalised(), (1 + 0 + 1 / 2) / (1 + 2 + 1 / 2)),
        (SelfNormalised(Clipped(1)), (1 + 0 + 1 / 2) / (1 + 1 + 1 / 2)),
        (DirectMethod(), (0.5 + 0.25 + 0.75) / 3),
        (DoublyRobust(), 0.5 + (1 * 0.5 - 2 * 0.25 + 0.5 * 0.5) / 3),
        (DoublyRobust(Clipped(1)), 0.5 + (1 * 0.5 - 1 * 0.25 + 0.5 * 0.5) / 3),
        (DoublyRobust(Shrunk(2)), 0.5 + (2 / 3 * 0.5 - 2 / 3 * 0.25 + 4 / 9 * 0.5) / 3),
    ],
)
def test_a_bandit_by_hand(estimator, expected):
    assert value(estimator, ROUNDS) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (InversePropensity(), (2 * 1 + 0 + 4 * 0 + 1 * 0) / 6),
        (SelfNormalised(), 2 / (2 + 0 + 4 + 1)),
        (DirectMethod(), 1.5 / 6),
        (DoublyRobust(), (1.5 + 2 * (1 - 0.5) + 4 * (0 - 0.25) + 0) / 6),
    ],
)
def test_lists_by_hand(estimator, expected):
    assert value(estimator, LISTS) == pytest.approx(expected, abs=1e-12)


def test_what_a_round_adds_stands_at_its_round():
    numerator, denominator = SelfNormalised().terms(LISTS)
    np.testing.assert_allclose(numerator, [2, 0])
    np.testing.assert_allclose(denominator, [6, 1])


def test_replay_keeps_the_rounds_in_which_both_policies_agree():
    # Drawn uniformly among 4; the judged policy would have done the same in the first, the third and the fourth round.
    agree = np.array([1.0, 0.0, 1.0, 1.0])
    rounds = Rounds(
        np.arange(4),
        np.array([1.0, 1.0, 0.0, 0.0]),
        np.full(4, 0.25),
        agree,
        agree,
        agree,
        np.ones(4),
        np.full(4, 0.99),
    )
    assert value(RejectionSampling(4), rounds) == pytest.approx(1 / 3)


def test_replay_accepts_by_draw_as_often_as_the_weight_says():
    keys = [b"%d" % number for number in range(20_000)]
    ones = np.ones(len(keys))
    rounds = Rounds(np.arange(len(keys)), ones, ones, 0.25 * ones, ones, ones, ones, draws(keys))
    _, accepted = RejectionSampling(1).terms(rounds)
    assert accepted.mean() == pytest.approx(0.25, abs=5 * (0.25 * 0.75 / len(keys)) ** 0.5)
    assert accepted[rounds.draw < 0.25].all()


def test_replay_refuses_weights_above_its_bound_and_rounds_without_draws():
    drawn = ROUNDS._replace(draw=np.zeros(3))
    with pytest.raises(ValueError, match=r"a weight of 2 is above the bound of 1\.5"):
        RejectionSampling(1.5).terms(drawn)
    with pytest.raises(ValueError, match="needs a draw"):
        RejectionSampling(2).terms(ROUNDS)


def test_a_propensity_of_0_is_refused():
    with pytest.raises(ValueError, match="propensity 0"):
        InversePropensity().terms(ROUNDS._replace(propensity=np.array([0.5, 0.0, 0.2])))


def test_draws_are_spread_over_the_unit_interval_and_always_the_same():
    keys = [b"%d" % number for number in range(10_000)]
    drawn = draws(keys)
    assert (drawn == draws(keys)).all()
    assert 0 <= drawn.min() < 0.001 < 0.999 < drawn.max() < 1
    assert drawn.mean() == pytest.approx(0.5, abs=0.015)


def test_the_effective_sample_size_of_equal_weights_is_their_number_and_that_of_one_large_weight_is_1():
    weights, squares = effective.terms(ROUNDS)
    assert effective.sample_size(weights.sum(), squares.sum()) == pytest.approx(3.5**2 / (1 + 4 + 1 / 4))
    assert effective.sample_size(50 * 0.3, 50 * 0.09) == pytest.approx(50)
    assert effective.sample_size(1000 + 9, 1000**2 + 9) == pytest.approx(1.018, abs=1e-3)
    assert effective.sample_size(0.0, 0.0) == 0.0


def test_too_few_effective_actions_are_warned_of():
    assert effective.warning(100, 5000) == ""
    assert "of 5,000 logged actions only 99 count effectively, fewer than 100" in effective.warning(99, 5000)
