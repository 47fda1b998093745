"""Verdicts in words and as a file."""

import math

import pytest
import tensorflow_model_analysis as tfma

from components.evaluation import tfma_validation, verdict, verdict_text
from components.evaluation.verdict import Check, Verdict

NEW = (("shopper", "new"),)


def _check(gate="floors", metric="ndcg@10", outcome="refused", key=(), requests=500, **fields) -> Check:
    return Check(gate=gate, metric=metric, slice=key, outcome=outcome, requests=requests, **fields)


def test_a_floor_is_told_with_value_interval_and_limit():
    check = _check(value=0.03125, low=0.02, high=0.04, threshold=0.05)
    assert verdict_text.describe(check) == "ndcg@10 (overall) is 0.03125 [0.02, 0.04], below its floor of 0.05"


def test_a_ceiling_is_told_as_one():
    check = _check("ceilings", value=0.9, threshold=0.8)
    assert verdict_text.describe(check) == "ndcg@10 (overall) is 0.9, above its ceiling of 0.8"


@pytest.mark.parametrize(("metric", "sign", "limit"), [("ndcg@10", -1, "-0.05"), ("miscalibration@10", 1, "+0.05")])
def test_a_loss_is_told_with_both_values_the_interval_and_a_limit_of_its_own_sign(metric, sign, limit):
    check = _check(
        "slice_max_loss", metric, key=NEW, value=0.25, reference=0.25 - sign * 0.125, change=sign * 0.125,
        low=sign * 0.125 - 0.025, high=sign * 0.125 + 0.025, threshold=0.05,
    )  # fmt: skip
    ends = "[-0.15, -0.1]" if sign < 0 else "[0.1, 0.15]"
    assert verdict_text.describe(check) == (
        f"{metric} (shopper=new) is 0.25 against {0.25 - sign * 0.125:g} of the baseline: a difference of "
        f"{sign * 0.125:+g} {ends}; {limit} is the limit"
    )


def test_a_gap_is_told_with_the_group_that_is_better_off():
    check = _check(
        "max_gap",
        key=NEW,
        versus=(("shopper", "returning"),),
        value=0.125,
        reference=0.5,
        change=-0.375,
        threshold=0.25,
    )
    assert verdict_text.describe(check) == (
        "ndcg@10 (shopper=new) is 0.125 against 0.5 of shopper=returning: a difference of -0.375; -0.25 is the limit"
    )


def test_a_missing_value_is_told_as_one():
    assert verdict_text.describe(_check(value=math.nan, threshold=0.1)) == (
        "ndcg@10 (overall) has no value: no request counts for it"
    )


@pytest.mark.parametrize(
    ("check", "about"),
    [
        (_check("requests", "requests", value=0, threshold=1), "requests.eval_days"),
        (_check(reason="no_value", threshold=1), "requests.eval_days"),
        (_check(metric="available_share@10", value=0.5, threshold=1), "`available`"),
        (_check("ceilings", "first_time/recall@10", value=1, threshold=0.5), "suspiciously good"),
        (_check("ceilings", "gini@10", value=1, threshold=0.5), "serving.popular"),
        (_check("max_loss", "rare_recall@50", value=0.1, threshold=0.5), "serving.popular"),
        (_check("slice_max_loss", key=NEW, value=0.1, threshold=0.5), "these requests share"),
        (_check("max_loss", value=0.1, threshold=0.5), "the run before"),
    ],
)
def test_a_refusal_says_what_to_look_at(check, about):
    assert about in verdict_text.advice(check)


def test_what_is_undecided_is_listed_by_gate_metric_and_reason():
    fields = {"gate": "slice_max_loss", "outcome": "undecided", "threshold": 0.05}
    wide = {"change": -0.1, "low": -0.3, "high": 0.1}
    found = Verdict(
        checks=[
            _check(**fields, key=NEW, reason="too_few_requests"),
            _check(**fields, key=(("shopper", "back"),), reason="too_few_requests", change=-0.25),
            _check(**fields, key=(("scene", "home"),), reason="wide_interval", **wide),
            _check(threshold=0.1, outcome="passed"),
        ]
    )
    assert found.blessed
    assert verdict_text.undecided(found) == [
        "slice_max_loss of ndcg@10, fewer requests than min_slice_requests: shopper=new; shopper=back (-0.25)",
        "slice_max_loss of ndcg@10, the interval holds both no difference and one beyond the limit: "
        "scene=home (-0.1 [-0.3, 0.1])",
    ]


def test_a_verdict_comes_back_from_its_file(tmp_path):
    found = Verdict(checks=[_check(key=NEW, value=math.nan, threshold=0.1), _check(value=0.5, threshold=1)])
    verdict.save(found, str(tmp_path))
    assert verdict.load(str(tmp_path)) == found
    assert found.checks[0].value is None


def test_tfma_reads_the_verdict_as_its_own(tmp_path):
    checks = [
        _check(value=0.5, threshold=1),
        _check("slice_max_loss", key=NEW, value=0.25, reference=0.5, change=-0.25, threshold=0.1),
        _check("max_loss", "recall@10", value=0.25, reference=0.5, change=-0.25, threshold=0.1),
        _check("max_loss", "mrr@10", outcome="passed", value=0.5, reference=0.5, change=0, threshold=0.1),
    ]
    tfma_validation.save(Verdict(checks=checks), str(tmp_path))
    result = tfma.load_validation_result(str(tmp_path))
    assert not result.validation_ok
    whole, new = result.metric_validations_per_slice
    assert [failure.metric_key.name for failure in whole.failures] == ["ndcg@10", "recall@10"]
    assert [failure.metric_key.name for failure in new.failures] == ["ndcg@10"]
    assert [(key.column, key.bytes_value) for key in new.slice_key.single_slice_keys] == [("shopper", b"new")]
    assert new.failures[0].message == verdict_text.describe(checks[1])
