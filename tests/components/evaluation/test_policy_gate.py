"""The gate on what a model's lists are worth, on a synthetic log of impressions whose truth is known.

Every shopper is shown four of eight items, drawn uniformly, so each with propensity 1/2. Items a to d are clicked by
half of those who see them, e to h by one in twenty.
"""

import functools
import io
import json
import math

import numpy as np
import pytest
from rich.console import Console
from toy_evaluation import evaluate

from components.evaluation import policy_gate, report_table, verdict_text
from components.evaluation.metrics import logged
from components.evaluation.metrics.names import Measured
from components.evaluation.report import EvaluationReport
from components.evaluation.slices import SliceMetrics
from components.evaluation.verdict import Verdict
from pipeline.config_evaluation import PolicyValueGate
from schemas.request_example import OUTCOME_FILE

GOOD, BAD = "abcd", "efgh"
CATALOGUE = [{"item_id": [item], "item_popularity": [1.0], "item_available": [1]} for item in GOOD + BAD]
SHOPPERS = range(300)
LIMITS = {"floor": 0.2, "max_loss": 0.1, "estimator": "snips"}


def _synthetic(with_propensities=True):
    random = np.random.RandomState(3)
    rows = []
    for shopper in SHOPPERS:
        shown = [str(item) for item in random.permutation(list(GOOD + BAD))[:4]]
        clicked = [item for item in shown if random.rand() < (0.5 if item in GOOD else 0.05)]
        rows.append(
            {
                "user_id": [f"u{shopper}"], "shopper": ["new"], "label_item_ids": clicked,
                "outcome_item_ids": clicked, "outcome_clicks": [1.0] * len(clicked),
                "outcome_sessions": [1.0], "outcome_impressions": [4.0], "outcome_interactions": [float(len(clicked))],
            }
        )  # fmt: skip
        if with_propensities:
            rows[-1] |= {
                "logged_item_ids": shown, "logged_propensities": [0.5] * 4, "logged_lists": [1.0],
                "logged_rewards": [float(item in clicked) for item in shown],
            }  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def judged(shop_config, tmp_path_factory):
    """Evaluates lists of four items, the same for every shopper, against those of a model that shows two good ones."""

    @functools.cache
    def run(shown, propensities=True, **limits):
        root = tmp_path_factory.mktemp("judged")
        counts = {"impressions": 300, "clicks": 290, "interactions": 290, "propensities": 1200 * propensities}
        (root / "examples").mkdir()
        (root / "examples" / OUTCOME_FILE).write_text(json.dumps(counts))
        config = shop_config(cutoffs=[4], slices=[["shopper"]], resamples=100, policy_value=limits or LIMITS)
        lists = [[list(one) for _ in SHOPPERS] for one in (shown, "abef")]
        return evaluate(root, config, _synthetic(propensities), CATALOGUE, *lists).report

    return run


def test_a_policy_that_shows_what_shoppers_choose_is_blessed_and_valued_at_the_truth(judged):
    report = judged("abcd")
    assert report_table.verdict(report) == "blessed"
    checks = {check.gate: check for check in report.verdict.checks}
    assert checks["policy_value.floor"].outcome == checks["policy_value.max_loss"].outcome == "passed"
    for estimator in ("ips", "snips", "dr"):
        found = report.slices[0].measured(f"policy_{estimator}@4")
        assert found.low < 0.5 < found.high
        assert found.change_low < 0.5 - 0.275 < found.change_high
    assert report.slices[0].candidate["policy_effective@4"] == pytest.approx(600, abs=60)
    assert report.slices[0].candidate["logged_value"] == pytest.approx(0.275, abs=0.04)
    assert report.slices[1].measured("policy_snips@4").has_interval
    assert report.slices[0].candidate["ctr"] == pytest.approx(0.275, abs=0.04)


def test_a_policy_that_shows_what_shoppers_pass_over_is_refused_for_it(judged):
    refused = {check.gate: check for check in judged("efgh").refusals}
    assert refused.keys() == {"policy_value.floor", "policy_value.max_loss"}
    floor, loss = (refused[gate] for gate in refused)
    assert verdict_text.describe(floor).startswith("policy_snips@4 (overall) is 0.0")
    assert "below its floor of 0.2" in verdict_text.describe(floor)
    assert "of the baseline: a difference of -0.2" in verdict_text.describe(loss)
    assert verdict_text.advice(loss).startswith("look at what the lists show that shoppers rarely choose")


def test_a_limit_within_the_interval_refuses_nothing_and_is_reported(judged):
    report = judged("abef", floor=0.28, max_loss=0.0)
    assert report.blessed
    assert report_table.verdict(report).splitlines() == [
        "blessed",
        "undecided:",
        "  policy_value.floor of policy_snips@4, the interval reaches to either side of the limit: overall",
    ]  # the lists of the baseline lose nothing to it


def test_a_log_without_propensities_decides_nothing_and_the_report_says_why(judged):
    report = judged("efgh", propensities=False)
    assert report.blessed
    assert "policy_snips@4" not in report.slices[0].candidate
    assert report.slices[0].candidate["ctr"] == pytest.approx(0.275, abs=0.04)
    assert report_table.verdict(report).splitlines()[2:] == [
        "  policy_value.floor of policy_snips, no impression in the log has a propensity: overall",
        "  policy_value.max_loss of policy_snips, no impression in the log has a propensity: overall",
    ]


def _overall(value, low=math.nan, high=math.nan, effective=500.0, **change) -> SliceMetrics:
    measured = Measured(value, low, high, **change)
    candidate = {
        "policy_dr@4": measured.value, "policy_dr@4/low": measured.low, "policy_dr@4/high": measured.high,
        "policy_dr@4/change": measured.change, "policy_dr@4/change/low": measured.change_low,
        "policy_dr@4/change/high": measured.change_high, "policy_effective@4": effective,
    }  # fmt: skip
    return SliceMetrics((), candidate, {"policy_dr@4": 0.5} if change else {})


@pytest.mark.parametrize(
    ("overall", "expected"),
    [
        (_overall(0.3, 0.25, 0.35), ("passed", "")),
        (_overall(0.1, 0.05, 0.15), ("refused", "")),
        (_overall(0.1, 0.05, 0.21), ("undecided", "about_the_limit")),
        (_overall(0.3, 0.19, 0.35), ("undecided", "about_the_limit")),
        (_overall(0.1, 0.05, 0.15, effective=99.0), ("undecided", "too_few_effective")),
        (_overall(0.1), ("undecided", "no_interval")),
        (_overall(math.nan, effective=math.nan), ("undecided", "no_propensities")),
    ],
)
def test_the_floor_refuses_when_the_whole_interval_is_below_it(overall, expected):
    (check,) = policy_gate.checks(overall, PolicyValueGate(estimator="dr", floor=0.2, max_loss=0.1))
    assert (check.outcome, check.reason) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-0.3, -0.11, "refused"), (-0.3, -0.09, "undecided"), (-0.09, 0.1, "passed"), (-0.11, 0.1, "undecided")],
)
def test_the_loss_refuses_when_the_whole_interval_is_beyond_it(low, high, expected):
    overall = _overall(0.4, 0.3, 0.5, change=(low + high) / 2, change_low=low, change_high=high)
    (check,) = policy_gate.checks(overall, PolicyValueGate(estimator="dr", max_loss=0.1))
    assert (check.outcome, check.reference) == (expected, 0.5)


def test_no_limit_no_check():
    assert list(policy_gate.checks(_overall(0.1, 0.0, 0.2), PolicyValueGate())) == []


def test_the_terminal_shows_values_with_intervals_and_gains(judged):
    console = Console(width=120, file=io.StringIO())
    console.print(report_table.logged_table(judged("abcd")))
    rows = {line.split()[0]: line.split()[1:] for line in console.file.getvalue().splitlines() if "@4" in line}
    assert {"policy_ips@4", "policy_snips@4", "policy_dr@4", "policy_effective@4"} <= rows.keys()
    value, low, _, high, gain, *_ = rows["policy_snips@4"]
    assert float(low) < float(value) < float(high)
    assert 0.15 < float(gain) < 0.3
    assert report_table.logged_table(EvaluationReport([_overall(0.3)], Verdict(checks=[]))) is not None
    assert (
        report_table.logged_table(EvaluationReport([SliceMetrics((), {"ndcg@4": 0.5}, {})], Verdict(checks=[]))) is None
    )


def test_the_terminal_says_what_is_missing_and_what_is_not_to_be_relied_on():
    few = EvaluationReport([_overall(0.3, effective=40.0)], Verdict(checks=[]), outcomes={"propensities": 900})
    warning, missing = report_table.logged_notes(few)
    assert "not to be relied on: of 900 logged actions only 40 count effectively" in warning
    assert "revenue, since the log has no revenue" in missing
    enough = EvaluationReport([_overall(0.3)], Verdict(checks=[]), outcomes=dict.fromkeys(logged.KINDS, 900))
    assert report_table.logged_notes(enough) == []
