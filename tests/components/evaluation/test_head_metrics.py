"""Metrics of the ranker's heads: worked by hand, and equal to scikit-learn's over many requests."""

import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from components.evaluation.metrics import calibration, heads
from components.evaluation.metrics.heads import Head, JudgedCandidates
from components.evaluation.metrics.request import JudgedRequest
from components.evaluation.metrics.selection import Selection
from components.evaluation.metrics.sums import Layout

PURCHASE, SPEND = Head("purchase", heads.CROSS_ENTROPY), Head("spend", heads.SQUARED_ERROR)
LAYOUT = Layout(Selection((1,), heads=(PURCHASE, SPEND)))


def _candidates(labels, predictions, log_odds=0.0) -> JudgedCandidates:
    labels = np.array(labels, float)
    return JudgedCandidates(labels, np.array(predictions, float), np.broadcast_to(log_odds, labels.shape).astype(float))


def _measure(judged: list[dict[str, JudgedCandidates]]) -> dict[str, float]:
    """What requests with these candidates, and lists that nobody judges, add up to."""
    nothing = JudgedRequest(b"u", [], [], [], [])
    sums = sum(LAYOUT.vector(nothing, [], predicted) for predicted in judged)
    return dict(zip(LAYOUT.metrics, LAYOUT.values(sums).tolist(), strict=True))


def _sampled_requests(number: int = 60) -> list[JudgedCandidates]:
    draw = np.random.RandomState(7)
    requests = []
    for size in draw.randint(1, 30, size=number):
        # Few distinct probabilities, so that there are ties.
        predictions = draw.choice([0.01, 0.2, 0.5, 0.7, 0.99], size)
        requests.append(_candidates(draw.rand(size) < predictions, predictions, draw.normal(size=size)))
    return requests


@pytest.mark.parametrize(
    ("metric", "candidates", "expected"),
    [
        # Of the four pairs of an answer with another one: .9 above .4 and .1, .3 below .4 and above .1.
        (heads.Auc(), _candidates([1, 0, 1, 0], [0.9, 0.4, 0.3, 0.1]), (3 / 4, 1)),
        # A tie counts half.
        (heads.Auc(), _candidates([1, 0, 0], [0.4, 0.4, 0.1]), (3 / 4, 1)),
        # The odds say whom a candidate stands for, not what the list would be ordered by.
        (heads.Auc(), _candidates([1, 0], [0.4, 0.3], [-9, 9]), (1, 1)),
        # Of four that did not answer, the candidate of .1 stands for three; those of answers count one each.
        (heads.Auc(), _candidates([1, 0, 0], [0.4, 0.9, 0.1], [math.log(7), 0, math.log(3)]), (3 / 4, 1)),
        (heads.Auc(), _candidates([0, 0], [0.4, 0.3]), (0, 0)),
        (heads.Auc(), _candidates([1], [0.4]), (0, 0)),
        # Odds of 1 and 1/3 become 3 and 1: probabilities 3/4 and 1/2.
        (heads.LogLoss(), _candidates([1, 0], [1 / 2, 1 / 4], math.log(3)), (math.log(4 / 3) + math.log(2), 2)),
        (heads.Calibration(heads.CROSS_ENTROPY), _candidates([1, 0], [1 / 2, 1 / 4], math.log(3)), (5 / 4, 1)),
        (heads.Calibration(heads.SQUARED_ERROR), _candidates([4, 2], [3, 6]), (9, 6)),
        (heads.Rmse(), _candidates([4, 2], [3, 6]), (1 + 16, 2)),
        (heads.Mae(), _candidates([4, 2], [3, 6]), (1 + 4, 2)),
    ],
)
def test_a_metric_of_one_request_matches_its_definition_worked_by_hand(metric, candidates, expected):
    assert metric.of(candidates) == pytest.approx(expected, abs=1e-12)


def test_probabilities_of_exactly_0_and_1_have_a_finite_loss():
    loss, _ = heads.LogLoss().of(_candidates([0, 1], [1.0, 0.0]))
    assert math.isfinite(loss)
    assert loss > 50


def test_metrics_over_many_requests_equal_those_of_scikit_learn():
    requests = _sampled_requests()
    found = _measure([{"purchase": one, "spend": one} for one in requests])
    of_both = [one for one in requests if 0 < one.labels.sum() < len(one.labels)]
    assert len(of_both) < len(requests)
    weights = [np.where(one.labels > 0, 1, np.exp(one.log_odds)) for one in of_both]
    auc = np.mean(
        [
            sklearn_metrics.roc_auc_score(one.labels, one.predictions, sample_weight=weight)
            for one, weight in zip(of_both, weights, strict=True)
        ]
    )
    assert found["purchase/auc"] == pytest.approx(auc, abs=1e-12)

    labels, predictions, log_odds = (np.concatenate(column) for column in zip(*requests, strict=True))
    odds = predictions / (1 - predictions) * np.exp(log_odds)
    probabilities = odds / (1 + odds)
    assert found["purchase/log_loss"] == pytest.approx(sklearn_metrics.log_loss(labels, probabilities), abs=1e-9)
    assert found["purchase/calibration"] == pytest.approx(probabilities.sum() / labels.sum(), abs=1e-12)
    squared_error = sklearn_metrics.mean_squared_error(labels, predictions)
    assert found["spend/rmse"] == pytest.approx(math.sqrt(squared_error), abs=1e-12)
    assert found["spend/mae"] == pytest.approx(sklearn_metrics.mean_absolute_error(labels, predictions), abs=1e-12)
    assert found["spend/calibration"] == pytest.approx(predictions.sum() / labels.sum(), abs=1e-12)


def test_calibration_bins_add_up_to_the_expected_calibration_error():
    requests = _sampled_requests()
    bins = sum(calibration.bins(one) for one in requests)
    labels, predictions, log_odds = (np.concatenate(column) for column in zip(*requests, strict=True))
    odds = predictions / (1 - predictions) * np.exp(log_odds)
    probabilities = odds / (1 + odds)
    expected = 0.0
    for place in range(10):
        inside = (probabilities >= place / 10) & (probabilities < (place + 1) / 10)
        assert bins[place] == pytest.approx([inside.sum(), probabilities[inside].sum(), labels[inside].sum()])
        if inside.any():
            expected += inside.mean() * abs(probabilities[inside].mean() - labels[inside].mean())
    assert calibration.error(bins) == pytest.approx(expected, abs=1e-12)


def test_a_probability_of_1_is_in_the_last_bin_and_no_candidate_has_no_error():
    assert calibration.bins(_candidates([1], [1.0]))[-1].tolist() == pytest.approx([1, 1, 1])
    assert math.isnan(calibration.error(calibration.none()))


def test_a_sample_tells_the_auc_of_the_catalogue_and_that_a_head_is_calibrated_for_it():
    draw = np.random.RandomState(3)
    probability = draw.beta(1, 20, size=400_000)
    answered = draw.rand(len(probability)) < probability
    # Half of the answers are kept and a fiftieth of the others.
    kept = draw.rand(len(probability)) < np.where(answered, 1 / 2, 1 / 50)
    sample = _candidates(answered[kept], probability[kept], math.log((1 / 2) / (1 / 50)))
    found = _measure([{"purchase": sample}])
    assert found["purchase/auc"] == pytest.approx(sklearn_metrics.roc_auc_score(answered, probability), abs=0.01)
    assert found["purchase/calibration"] == pytest.approx(1, abs=0.02)
    assert calibration.error(calibration.bins(sample)) < 0.02
    assert sample.predictions.sum() / sample.labels.sum() < 0.3
