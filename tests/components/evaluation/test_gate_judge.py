"""What the gates make of values and intervals, without TFMA."""

import math

import pytest

from components.evaluation.judge import judge
from components.evaluation.metrics import names
from components.evaluation.slices import SliceMetrics
from pipeline.config_evaluation import Gates

NAN = math.nan
YOUNG, OLD, OLDEST = (("age", "young"),), (("age", "old"),), (("age", "oldest"),)


def _slice(key=(), requests=1000, baseline=None, **measured) -> SliceMetrics:
    """A slice with, for each metric, `(value, low, high)` or `(value, low, high, change, its low, its high)`."""
    candidate = {"requests": float(requests), "first_time/requests": float(requests)}
    suffixes = ("", names.LOW, names.HIGH, names.CHANGE, names.CHANGE + names.LOW, names.CHANGE + names.HIGH)
    for name, values in measured["metrics"].items():
        candidate |= {name + suffix: value for suffix, value in zip(suffixes, values, strict=False)}
    return SliceMetrics(key, candidate, baseline or {})


def _lost(change, low, high, key=(), requests=1000, metric="ndcg@10") -> SliceMetrics:
    """A slice whose metric is .3 by the candidate, after a change with an interval."""
    values = (0.3, NAN, NAN, change, low, high)
    return _slice(key, requests, {metric: 0.3 - change}, metrics={metric: values})


def _only(slices, **gates):
    """The one check beside that there are requests."""
    enough, check = judge(slices, Gates(**gates)).checks
    assert (enough.gate, enough.outcome, enough.value) == ("requests", "passed", 1000)
    return check


def test_without_gates_a_model_that_was_asked_anything_is_blessed():
    verdict = judge([_lost(-0.3, -0.4, -0.2, requests=1)], Gates())
    assert verdict.blessed
    assert [check.gate for check in verdict.checks] == ["requests"]


@pytest.mark.parametrize("slices", [[], [_slice(requests=0, metrics={"ndcg@10": (NAN,)})]])
def test_a_model_that_was_asked_nothing_is_refused_for_that_alone(slices):
    verdict = judge(slices, Gates(floors={"ndcg@10": 0.1}, max_gap={"age": {"ndcg@10": 0.1}}))
    assert [(check.gate, check.outcome, check.value) for check in verdict.checks] == [("requests", "refused", 0)]
    assert not verdict.blessed


@pytest.mark.parametrize(
    ("value", "gate", "outcome"),
    [
        (0.2, "floors", "passed"),
        (0.1, "floors", "refused"),
        (0.2, "ceilings", "passed"),
        (0.3, "ceilings", "refused"),
        (NAN, "floors", "refused"),
        (NAN, "ceilings", "refused"),
    ],
)
def test_floors_and_ceilings_hold_for_the_value_whatever_its_interval(value, gate, outcome):
    check = _only([_slice(metrics={"ndcg@10": (value, 0.05, 0.45)})], **{gate: {"ndcg@10": 0.2}})
    assert (check.gate, check.outcome, check.threshold) == (gate, outcome, 0.2)
    assert (check.value is None) == math.isnan(value)
    assert (check.low, check.high) == (0.05, 0.45)


def test_floors_and_ceilings_are_no_matter_of_slices():
    whole, part = _slice(metrics={"ndcg@10": (0.3, NAN, NAN)}), _slice(OLD, metrics={"ndcg@10": (0.0, NAN, NAN)})
    assert _only([whole, part], floors={"ndcg@10": 0.2}).slice == ()


# Tolerance .05: (change, low, high) and what comes of it.
LOSSES = {
    "a gain": (0.02, 0.01, 0.03, "passed"),
    "no change at all": (0.0, 0.0, 0.0, "passed"),
    "a loss within the tolerance, all of its interval": (-0.03, -0.049, -0.01, "passed"),
    "a sure loss, measured within the tolerance": (-0.03, -0.06, -0.01, "passed"),
    "a loss beyond it that is no chance": (-0.06, -0.11, -0.01, "refused"),
    "a loss beyond it that may be chance": (-0.06, -0.13, 0.01, "undecided"),
    "a loss beyond it that may just be none": (-0.06, -0.12, 0.0, "undecided"),
    "a loss within it that may be beyond it or none": (-0.03, -0.08, 0.02, "undecided"),
    "a gain that may be a loss beyond it": (0.01, -0.06, 0.08, "undecided"),
}


@pytest.mark.parametrize(("change", "low", "high", "outcome"), LOSSES.values(), ids=LOSSES)
def test_a_loss_is_refused_only_beyond_the_tolerance_and_beyond_chance(change, low, high, outcome):
    check = _only([_lost(change, low, high)], max_loss={"ndcg@10": 0.05})
    assert (check.gate, check.outcome) == ("max_loss", outcome)
    assert check.reason == ("wide_interval" if outcome == "undecided" else "")
    assert (check.value, check.reference, check.change) == (0.3, 0.3 - change, change)
    assert (check.low, check.high, check.threshold) == (low, high, 0.05)


def test_more_is_a_loss_where_less_is_better():
    gates = {"max_loss": {"miscalibration@10": 0.05}}
    assert _only([_lost(0.06, 0.01, 0.11, metric="miscalibration@10")], **gates).outcome == "refused"
    assert _only([_lost(-0.06, -0.11, -0.01, metric="miscalibration@10")], **gates).outcome == "passed"
    assert _only([_lost(0.06, -0.01, 0.13, metric="miscalibration@10")], **gates).outcome == "undecided"


@pytest.mark.parametrize(("change", "outcome"), [(-0.06, "refused"), (-0.04, "passed")])
def test_overall_the_value_alone_decides_where_no_interval_can_be_told(change, outcome):
    assert _only([_lost(change, NAN, NAN)], max_loss={"ndcg@10": 0.05}).outcome == outcome


def test_a_comparison_without_a_value_is_refused_overall_and_undecided_in_a_slice():
    nothing = (NAN, NAN, NAN, NAN, NAN, NAN)
    slices = [_slice(key, baseline={"ndcg@10": NAN}, metrics={"ndcg@10": nothing}) for key in ((), OLD)]
    found = judge(slices, Gates(max_loss={"ndcg@10": 1}, slice_max_loss={"ndcg@10": 1})).checks[1:]
    assert [(check.outcome, check.reason) for check in found] == [("refused", "no_value"), ("undecided", "no_value")]


def test_a_first_model_has_nothing_to_lose():
    first = _slice(metrics={"ndcg@10": (0.3, 0.2, 0.4)})
    verdict = judge([first], Gates(max_loss={"ndcg@10": 0}, slice_max_loss={"ndcg@10": 0}))
    assert [check.gate for check in verdict.checks] == ["requests"]


def test_each_slice_is_held_against_the_tolerance_of_slices_and_the_whole_against_its_own():
    slices = [_lost(-0.06, -0.08, -0.04), _lost(-0.06, -0.08, -0.04, OLD), _lost(-0.02, -0.03, -0.01, YOUNG)]
    found = judge(slices, Gates(max_loss={"ndcg@10": 0.1}, slice_max_loss={"ndcg@10": 0.05})).checks[1:]
    assert [(check.gate, check.slice, check.outcome) for check in found] == [
        ("max_loss", (), "passed"),
        ("slice_max_loss", OLD, "refused"),
        ("slice_max_loss", YOUNG, "passed"),
    ]


def test_a_slice_with_too_few_requests_or_shoppers_is_undecided_however_bad_it_looks():
    slices = [
        _lost(0.0, 0.0, 0.0),
        _lost(-0.3, -0.4, -0.2, OLD, requests=49),
        _lost(-0.3, NAN, NAN, YOUNG, requests=50),
        _lost(-0.3, -0.4, -0.2, OLDEST, requests=50),
    ]
    verdict = judge(slices, Gates(slice_max_loss={"ndcg@10": 0.05}, min_slice_requests=50))
    assert [(check.slice, check.outcome, check.reason, check.requests) for check in verdict.checks[1:]] == [
        (OLD, "undecided", "too_few_requests", 49),
        (YOUNG, "undecided", "no_interval", 50),
        (OLDEST, "refused", "", 50),
    ]
    assert verdict.undecided == verdict.checks[1:3]


def test_the_whole_is_decided_however_few_its_requests():
    verdict = judge([_lost(-0.3, -0.4, -0.2, requests=5)], Gates(max_loss={"ndcg@10": 0.05}, min_slice_requests=50))
    assert [check.outcome for check in verdict.checks] == ["passed", "refused"]


def test_first_time_metrics_count_the_requests_with_a_first_time_answer():
    part = _lost(-0.3, -0.4, -0.2, OLD, metric="first_time/ndcg@10")
    part.candidate["first_time/requests"] = 99.0
    check = _only([_lost(0, 0, 0), part], slice_max_loss={"first_time/ndcg@10": 0.05})
    assert (check.reason, check.requests) == ("too_few_requests", 99)


def test_coverage_of_a_slice_is_decided_by_its_value_since_it_never_has_an_interval():
    part = _lost(-0.3, NAN, NAN, OLD, metric="coverage@10")
    assert _only([_lost(0, 0, 0), part], slice_max_loss={"coverage@10": 0.05}).outcome == "refused"


def _ages(*groups, requests=1000, metric="ndcg@10"):
    """The whole, and a slice for each `(key, value, low, high)`."""
    whole = _slice(metrics={metric: (0.3, 0.29, 0.31)})
    return [whole, *(_slice(key, requests, metrics={metric: values}) for key, *values in groups)]


def test_a_gap_between_groups_beyond_the_limit_and_beyond_chance_is_refused_with_both_groups():
    # Their difference is -.3; its interval reaches .03 up and .04 down from the one, .04 down and .03 up to the other:
    # -.3 - sqrt(.04^2 + .03^2) = -.35 and -.3 + sqrt(.03^2 + .04^2) = -.25.
    groups = _ages((OLD, 0.1, 0.06, 0.13), (YOUNG, 0.4, 0.36, 0.43), (OLDEST, 0.15, 0.11, 0.18))
    check = _only(groups, max_gap={"age": {"ndcg@10": 0.2}})
    assert (check.gate, check.outcome, check.slice, check.versus) == ("max_gap", "refused", OLD, YOUNG)
    assert (check.value, check.reference, check.threshold) == (0.1, 0.4, 0.2)
    assert (check.change, check.low, check.high) == pytest.approx((-0.3, -0.35, -0.25))


def test_a_gap_within_the_limit_passes():
    groups = _ages((OLD, 0.3, 0.29, 0.31), (YOUNG, 0.4, 0.39, 0.41))
    assert _only(groups, max_gap={"age": {"ndcg@10": 0.2}}).outcome == "passed"


def test_a_gap_that_may_be_chance_is_undecided():
    # The interval of the difference is -.3 -+ .5.
    groups = _ages((OLD, 0.1, -0.2, 0.4), (YOUNG, 0.4, 0.0, 0.8))
    check = _only(groups, max_gap={"age": {"ndcg@10": 0.2}})
    assert (check.outcome, check.reason) == ("undecided", "wide_interval")


def test_a_sure_gap_is_found_beside_a_wider_one_that_may_be_chance():
    groups = _ages((OLD, 0.1, 0.09, 0.11), (YOUNG, 0.4, 0.39, 0.41), (OLDEST, 0.5, -0.3, 1.3))
    check = _only(groups, max_gap={"age": {"ndcg@10": 0.2}})
    assert (check.outcome, check.slice, check.versus) == ("refused", OLD, YOUNG)


def test_the_group_with_more_is_worse_off_where_less_is_better():
    groups = _ages((OLD, 0.1, 0.09, 0.11), (YOUNG, 0.4, 0.39, 0.41), metric="miscalibration@10")
    check = _only(groups, max_gap={"age": {"miscalibration@10": 0.2}})
    assert (check.outcome, check.slice, check.versus) == ("refused", YOUNG, OLD)


def test_groups_that_cannot_be_compared_are_undecided_and_leave_the_others_to_be_judged():
    slices = _ages((OLD, 0.1, 0.09, 0.11), (YOUNG, 0.4, 0.39, 0.41), (OLDEST, 0.9, NAN, NAN), ((("age", "?"),), NAN))
    slices.append(_slice((("age", "few"),), 99, metrics={"ndcg@10": (0.9, 0.89, 0.91)}))
    slices.append(_slice((("age", "few"), ("scene", "home")), metrics={"ndcg@10": (0.9, 0.89, 0.91)}))
    found = judge(slices, Gates(max_gap={"age": {"ndcg@10": 0.2}})).checks[1:]
    assert [(check.slice[0][1], check.outcome, check.reason) for check in found] == [
        ("oldest", "undecided", "no_interval"),
        ("?", "undecided", "no_value"),
        ("few", "undecided", "too_few_requests"),
        ("old", "refused", ""),
    ]
    assert found[-1].versus == YOUNG


def test_a_feature_with_a_single_group_is_undecided():
    check = _only(_ages((OLD, 0.1, 0.09, 0.11)), max_gap={"age": {"ndcg@10": 0.2}})
    assert (check.slice, check.outcome, check.reason) == ((("age", "*"),), "undecided", "one_group")


def test_what_only_the_baseline_could_not_tell_is_undecided():
    check = _only([_lost(NAN, NAN, NAN, metric="purchase/auc")], max_loss={"purchase/auc": 0.1})
    assert (check.outcome, check.reason, check.value) == ("undecided", "no_reference", 0.3)


def test_a_larger_log_loss_is_a_loss():
    lost = [_lost(0.2, 0.1, 0.3, metric="purchase/log_loss")]
    assert _only(lost, max_loss={"purchase/log_loss": 0.1}).outcome == "refused"
    assert _only(lost, max_loss={"purchase/log_loss": 0.25}).outcome == "passed"
