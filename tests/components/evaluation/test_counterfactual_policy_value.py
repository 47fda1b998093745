"""Policy values with intervals: sums over workers, the bootstrap, and synthetic bandits whose truth is known."""

import itertools
import math

import numpy as np
import pytest

from components.evaluation.counterfactual.estimators import (
    DirectMethod,
    DoublyRobust,
    InversePropensity,
    RejectionSampling,
    SelfNormalised,
)
from components.evaluation.counterfactual.policy_value import PolicyValue
from components.evaluation.counterfactual.rounds import Rounds, draws
from components.evaluation.metrics import bootstrap

# A synthetic bandit of three actions: what each earns on average, how it is logged, and what is judged.
EARNS = np.array([0.2, 0.5, 0.8])
LOGGED = np.array([0.6, 0.3, 0.1])
JUDGED = np.array([0.1, 0.3, 0.6])
TRUTH = float(JUDGED @ EARNS)  # .65
WRONG = np.array([0.5, 0.5, 0.5])  # a reward model that tells nothing apart
ALL = {
    "ips": InversePropensity(),
    "snips": SelfNormalised(),
    "dm": DirectMethod(),
    "dr": DoublyRobust(),
    "replay": RejectionSampling(6),
}


def synthetic(num_rounds, seed, model=WRONG):
    random = np.random.RandomState(seed)
    action = random.choice(3, size=num_rounds, p=LOGGED)
    reward = (random.rand(num_rounds) < EARNS[action]).astype(float)
    owners = [b"%d-%d" % (seed, number) for number in range(num_rounds)]
    rounds = Rounds(
        np.arange(num_rounds), reward, LOGGED[action], JUDGED[action], model[action],
        np.full(num_rounds, JUDGED @ model), np.ones(num_rounds), draws(owners),
    )  # fmt: skip
    return rounds, owners


def part(rounds, owners, places):
    """Some rounds alone."""
    chosen = Rounds(np.arange(len(places)), *(column[places] for column in rounds[1:]))
    return chosen, [owners[place] for place in places]


def test_the_truth_lies_in_the_intervals_but_in_that_of_a_wrong_model():
    value = PolicyValue(ALL, resamples=200)
    value.add(*synthetic(5_000, seed=1))
    found = value.estimates()
    for name in ("ips", "snips", "dr", "replay"):
        assert found[name].low < TRUTH < found[name].high, name
    assert found["dm"].value == pytest.approx(0.5)
    assert found["dm"].high < TRUTH


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    held = {name: 0 for name in ALL}
    for seed in range(100):
        value = PolicyValue(ALL, resamples=200)
        value.add(*synthetic(500, seed=seed))
        for name, found in value.estimates().items():
            held[name] += found.low <= TRUTH <= found.high
    assert held.pop("dm") == 0
    assert all(count >= 88 for count in held.values()), held


def test_a_good_model_narrows_the_doubly_robust_interval():
    widths = []
    for model in (WRONG, EARNS):
        value = PolicyValue({"dr": DoublyRobust()}, resamples=200)
        value.add(*synthetic(2_000, seed=3, model=model))
        found = value.estimates()["dr"]
        assert found.low < TRUTH < found.high
        widths.append(found.high - found.low)
    assert widths[1] < widths[0]


def test_values_and_intervals_equal_an_independent_computation():
    rounds, _ = synthetic(300, seed=4)
    owners = [b"shopper %d" % (number % 40) for number in range(300)]
    value = PolicyValue(ALL, resamples=50)
    value.add(rounds, owners)
    weight = rounds.probability / rounds.propensity
    drawn = np.stack([bootstrap.weights(owner, 50) for owner in owners]).astype(float)
    snips = [(column * weight * rounds.reward).sum() / (column * weight).sum() for column in drawn.T]
    found = value.estimates()["snips"]
    np.testing.assert_allclose(found, [snips[0], *np.percentile(snips[1:], [2.5, 97.5])], atol=1e-12)
    assert value.effective_sample_size == pytest.approx(weight.sum() ** 2 / (weight**2).sum())


def test_the_same_however_the_rounds_are_spread_over_workers():
    rounds, owners = synthetic(5_000, seed=5)  # more than are added at once
    whole = PolicyValue(ALL, resamples=20)
    whole.add(rounds, owners)
    parts = []
    for start in range(3):
        parts.append(PolicyValue(ALL, resamples=20))
        parts[-1].add(*part(rounds, owners, np.arange(start, 5_000, 3)))
    for first, second, third in itertools.permutations(parts):
        merged = first.merged(second).merged(third)
        for name, found in merged.estimates().items():
            np.testing.assert_allclose(found, whole.estimates()[name], atol=1e-9)
        assert merged.effective_sample_size == pytest.approx(whole.effective_sample_size)
        assert merged.num_shown == 5_000


def test_without_a_round_nothing_is_known():
    value = PolicyValue(ALL, resamples=10)
    assert all(math.isnan(number) for found in value.estimates().values() for number in found)
    assert value.effective_sample_size == 0
