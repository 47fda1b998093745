import math

import numpy as np
import pytest

from components.evaluation.metrics import bootstrap


def test_the_sample_itself_has_weight_one():
    assert bootstrap.weights(b"household-7", 4)[0] == 1


def test_a_shopper_has_the_same_weights_in_every_process_and_however_many_resamples_there_are():
    few, many = bootstrap.weights(b"household-7", 10), bootstrap.weights(b"household-7", 200)
    assert many[:11].tolist() == few.tolist()
    # The first words of SHAKE-128 of the id are .915 .750 .894 .617 .140 .165 .198 .728 .608 .992 of the largest, and
    # Poisson(1) is 0 up to .368, 1 up to .736, 2 up to .920, 3 up to .981 and 4 up to .996.
    assert few.tolist() == [1, 2, 2, 2, 1, 0, 0, 0, 1, 1, 4]


def test_weights_are_poisson_with_mean_one_and_differ_between_shoppers():
    drawn = np.stack([bootstrap.weights(f"household-{i}".encode(), 200)[1:] for i in range(2000)])
    shares = np.bincount(drawn.ravel(), minlength=9)[:5] / drawn.size
    # 400,000 draws: five standard errors of a share are below .004.
    np.testing.assert_allclose(shares, [math.exp(-1) / math.factorial(value) for value in range(5)], atol=0.004)
    # Weights of two resamples, and of two shoppers, do not go together: 2,000 and 200 pairs.
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1]) < 5 / math.sqrt(2000)
    assert abs(np.corrcoef(drawn[0], drawn[1])[0, 1]) < 5 / math.sqrt(200)


def test_the_interval_leaves_a_fortieth_of_the_resamples_out_at_each_end():
    low, high = bootstrap.interval(np.arange(201.0)[:, np.newaxis])
    assert (low.tolist(), high.tolist()) == ([5.0], [195.0])


def test_a_metric_that_a_resample_has_no_value_for_has_no_interval():
    low, high = bootstrap.interval(np.array([[1.0, 1.0], [2.0, math.nan]]))
    assert not math.isnan(low[0])
    assert np.isnan([low[1], high[1]]).all()


def test_the_interval_of_a_mean_is_that_of_its_standard_error():
    values = np.random.default_rng(5).normal(size=1000)
    weights = np.stack([bootstrap.weights(f"u{i}".encode(), 400) for i in range(1000)], axis=1)[1:]
    low, high = bootstrap.interval((weights @ values / weights.sum(axis=1))[:, np.newaxis])
    # 400 resamples tell the width to about a twentieth.
    assert high[0] - low[0] == pytest.approx(2 * 1.96 * values.std() / math.sqrt(1000), rel=0.15)
