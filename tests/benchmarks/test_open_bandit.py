"""The Open Bandit logs: what is read of them, the policies, and the published figures."""

import numpy as np
import pytest

from benchmarks.open_bandit import __main__ as command_line
from benchmarks.open_bandit import judge, policies, reward_model
from pipeline.data import open_bandit
from pipeline.data.open_bandit import Prior


def test_the_logs_are_read_as_they_were_published():
    random, bts = (open_bandit.read_log("all", policy) for policy in open_bandit.POLICIES)
    for log in (random, bts):
        assert len(log.action) == len(log.click) == len(log.users) == 10_000
        assert log.items.shape == (80, 4)
        assert set(log.place) == {0, 1, 2}
        assert (log.action.min(), log.action.max()) == (0, 79)
    assert (random.click.sum(), bts.click.sum()) == (38, 42)
    assert set(random.propensity) == {1 / 80}
    assert bts.propensity.min() > 0


def test_of_two_items_the_one_with_the_larger_draw_comes_first():
    # One draw has the density 2x, the other is uniform: the first is larger with probability 2/3.
    found = policies.thompson(Prior(np.array([2.0, 1.0]), np.array([1.0, 1.0])), places=2)
    np.testing.assert_allclose(found, [[2 / 3, 1 / 3], [1 / 3, 2 / 3]], atol=1e-3)


def test_items_that_are_believed_to_be_alike_are_shown_alike():
    found = policies.thompson(Prior(np.full(5, 3.0), np.full(5, 40.0)), places=3)
    np.testing.assert_allclose(found, np.full([5, 3], 0.2), atol=1e-4)


@pytest.mark.parametrize("campaign", open_bandit.CAMPAIGNS)
def test_the_computed_policy_is_a_distribution_and_that_of_simulated_draws(campaign):
    prior = open_bandit.read_prior(campaign)
    exact = policies.thompson(prior, open_bandit.PLACES)
    np.testing.assert_allclose(exact.sum(axis=0), 1, atol=1e-3)
    draws = 20_000
    simulated = policies.simulated_thompson(prior, open_bandit.PLACES, draws, seed=1)
    assert np.abs(simulated - exact).max() < 5 * np.sqrt(0.25 / draws)


def test_the_published_figures_come_out():
    found = command_line.reproduced(resamples=10).estimates
    # To the last digit printed, but for the doubly robust one, which is .0047283 here.
    for name, within in (("IPS", 5e-7), ("DM", 5e-7), ("DR", 2e-6)):
        assert found[name].value == pytest.approx(command_line.PUBLISHED[name], abs=within)


def test_no_round_teaches_the_model_that_it_asks():
    log = open_bandit.read_log("men", "random")
    changed = log.click.copy()
    changed[7] = 1 - changed[7]
    before, after = (reward_model.clicks(log._replace(click=click), seed=1) for click in (log.click, changed))
    assert (before[7] == after[7]).all()
    assert (before != after).any()


def test_a_policy_that_the_log_says_little_of_is_warned_of():
    log = open_bandit.read_log("women", "bts")
    uniform = policies.uniform(len(log.items), open_bandit.PLACES)
    found = judge.estimate(log, uniform, np.zeros([len(log.click), len(log.items)]), resamples=10)
    assert found.effective == pytest.approx(2.08, abs=0.01)
    assert "only 2 count effectively" in found.warning


def test_what_a_policy_earned_is_its_clicks_a_round():
    found = judge.earned(open_bandit.read_log("all", "bts"), resamples=100)
    assert found.value == pytest.approx(0.0042)
    assert found.low < 0.0042 < found.high
