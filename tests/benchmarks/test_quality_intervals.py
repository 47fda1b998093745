"""Bootstrap intervals of means over users."""

import numpy as np
import pytest

from benchmarks.quality import intervals


def test_equal_seeds_give_equal_intervals_and_others_do_not():
    values = np.random.default_rng(0).random(50)
    assert intervals.mean(values, seed=1) == intervals.mean(values, seed=1)
    assert intervals.mean(values, seed=1).interval != intervals.mean(values, seed=2).interval


def test_the_interval_is_as_wide_as_the_normal_one_for_many_users():
    values = np.random.default_rng(0).normal(5.0, 2.0, 2_000)
    figure = intervals.mean(values, seed=42)
    half = 1.96 * values.std() / np.sqrt(2_000)
    assert figure.value == pytest.approx(values.mean())
    assert figure.interval == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)


def test_equal_users_leave_no_doubt():
    assert intervals.mean(np.full(10, 0.25), seed=42).interval == (0.25, 0.25)


def test_one_user_has_no_interval():
    assert intervals.mean(np.array([0.5]), seed=42) == intervals.Figure(value=0.5, interval=None)
