"""Metrics of the log: by hand, against independent numpy, and inside TFMA's own form."""

import itertools
import math

import numpy as np
import pytest
from logged_requests import logged_request
from tensorflow_model_analysis.proto import config_pb2

from components.evaluation import gate, logged_metrics
from components.evaluation.counterfactual.estimators import DoublyRobust, InversePropensity, SelfNormalised
from components.evaluation.counterfactual.weighting import Clipped, Unchanged
from components.evaluation.metrics import bootstrap, business, logged, names, policy

MODELS = config_pb2.EvalConfig(
    model_specs=[config_pb2.ModelSpec(name="candidate"), config_pb2.ModelSpec(name="baseline", is_baseline=True)]
)


def value(metric, requests) -> float:
    numerator, denominator = np.sum([metric.of(request) for request in requests], axis=0)
    return float(metric.finish(np.array(numerator / denominator), np.array(numerator)))


TWO = [
    logged_request(
        items=[b"a", b"b"], clicks=[2, 0], conversions=[1, 1], revenue=[4, 6], dwell_seconds=[30, 10],
        sessions=2, impressions=16, interactions=5,
    ),
    logged_request(items=[b"c"], clicks=[2], dwell_seconds=[20], sessions=1, impressions=4, interactions=3),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ctr", 4 / 20),
        ("cvr", 2 / 4),
        ("dwell_per_session", 60 / 3),
        ("visit_depth", 8 / 3),
        ("revenue_per_session", 10 / 3),
    ],
)
def test_a_log_is_described_by_ratios_of_its_totals(name, expected):
    assert value(business.Description(name), TWO) == pytest.approx(expected)


def test_what_a_list_captures_is_the_share_of_each_request_averaged_over_those_that_came_to_anything():
    requests = [
        logged_request([b"a", b"a", b"b", b"z"], items=[b"a", b"b", b"c"], revenue=[2, 6, 12], conversions=[1, 1, 2]),
        logged_request([b"x"], items=[b"y"], revenue=[5], conversions=[1]),
        logged_request([b"x"], items=[b"x"], revenue=[0], conversions=[1]),  # a gift: no revenue to capture
    ]
    assert value(business.Captured("revenue", 1), requests) == pytest.approx((2 / 20 + 0) / 2)
    # The second place is b's, since an item counts at its first place only.
    assert value(business.Captured("revenue", 2), requests) == pytest.approx((8 / 20 + 0) / 2)
    assert value(business.Captured("conversions", 2), requests) == pytest.approx((2 / 4 + 0 + 1) / 3)
    assert business.Captured("dwell_seconds", 2).name == "dwell_captured@2"


def test_a_refund_is_nothing_to_capture():
    refunded = logged_request([b"a"], items=[b"a", b"b"], revenue=[4, -4])
    assert value(business.Captured("revenue", 1), [refunded]) == 1


# Lists of two: the first request logged two lists of two items each, of which three are in the model's own.
SHOWN = [
    logged_request(
        [b"a", b"b", b"c"], [0.5, 0.25, 0.9],
        logged=[(b"a", 0.5, 1), (b"x", 0.5, 1), (b"a", 0.25, 0), (b"b", 1.0, 1)], lists=2,
    ),
    logged_request([b"c", b"d"], [1.5, -2.0], logged=[(b"d", 0.2, 0)]),
    logged_request([b"a", b"b"], [0.5, 0.5]),  # nothing was logged
]  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        # Weights 2, 0, 4, 1 and 5; places 2 lists of 2, and 1 list of 2.
        (policy.PolicyValue(InversePropensity, 2, Unchanged()), (2 * 1 + 1 * 1) / 6),
        (policy.PolicyValue(InversePropensity, 2, Clipped(1.5)), (1.5 + 1) / 6),
        (policy.PolicyValue(SelfNormalised, 2, Unchanged()), 3 / (2 + 4 + 1 + 5)),
        (policy.PolicyValue(policy.DirectMethod, 2, Unchanged()), (2 * 0.75 + 1) / 6),  # scores held within 0 and 1
        (
            policy.PolicyValue(DoublyRobust, 2, Unchanged()),
            (2 * 0.75 + 1 + 2 * 0.5 - 4 * 0.5 + 1 * 0.75 - 5 * 0.0) / 6,
        ),
        (policy.Effective(2), 12**2 / (4 + 16 + 1 + 25)),
        (policy.LoggedValue(), 3 / 5),
        (policy.PolicyValue(InversePropensity, 1, Unchanged()), 2 / 3),
    ],
)
def test_what_lists_would_have_earned_by_hand(metric, expected):
    assert value(metric, SHOWN) == pytest.approx(expected)


def test_a_log_gives_the_metrics_that_it_has():
    assert logged.names([5], []) == []
    assert logged.names([5, 9], ["conversions", "revenue"]) == [
        "revenue_per_session", "revenue_captured@5", "revenue_captured@9", "conversions_captured@5",
        "conversions_captured@9",
    ]  # fmt: skip
    assert logged.names([5], ["impressions", "clicks"]) == ["ctr"]
    assert logged.names([5], ["propensities"]) == [
        "policy_ips@5", "policy_snips@5", "policy_dm@5", "policy_dr@5", "policy_effective@5", "logged_value",
    ]  # fmt: skip
    assert len(set(logged.names([5, 9]))) == 5 + 6 + 6


def test_what_a_log_lacks_is_named_with_the_reason():
    assert logged.missing(logged.KINDS) == []
    assert logged.missing(["conversions", "revenue"]) == [
        "CTR, since the log has no impressions and no clicks",
        "CVR, since the log has no clicks",
        "dwell time, since the log has no dwell seconds",
        "visit depth, since the log has no interactions",
        "value of the policy, since the log has no propensities",
    ]


def _extracts(request, lists):
    """What TFMA hands on of a request, for each model's list."""

    def array(values):
        return np.array(values, object if values and isinstance(values[0], bytes) else np.float32)

    outcome = (
        "item_ids",
        "clicks",
        "conversions",
        "revenue",
        "dwell_seconds",
        "sessions",
        "impressions",
        "interactions",
    )
    return {
        "predictions": {
            name: {"item_ids": array([*items, b""]), "scores": np.zeros(len(items) + 1)}
            for name, items in lists.items()
        },
        "features": {
            "user_id": array([request.user_id]),
            **{f"outcome_{name}": array(list(np.ravel(getattr(request, name)))) for name in outcome},
            "logged_item_ids": array(request.logged_item_ids) if request.logged_item_ids else None,
            "logged_propensities": request.propensities,
            "logged_rewards": request.rewards,
            "logged_lists": np.array([request.lists]),
        },
    }


def _computation(model_names, **settings):
    settings = {"kinds": list(logged.KINDS), "cutoffs": [2], "resamples": 40} | settings
    (computation,) = logged_metrics.LoggedMetrics(**settings).computations(
        eval_config=MODELS, model_names=list(model_names)
    )
    computation.preprocessors[0].setup()
    return computation


def _random_log(seed, num_requests):
    random = np.random.RandomState(seed)
    catalogue = np.array([b"a", b"b", b"c", b"d", b"e"], object)
    requests, lists = [], []
    for _ in range(num_requests):
        taken = catalogue[random.rand(5) < 0.5].tolist()
        shown = catalogue[random.permutation(5)[: random.randint(4)]].tolist()
        requests.append(
            logged_request(
                items=taken,
                user_id=b"u%d" % random.randint(60),
                logged=[(item, random.choice([0.125, 0.5, 1.0]), random.randint(2)) for item in shown],
                sessions=random.randint(1, 4),
                impressions=float(len(shown)),
                **{name: random.randint(4, size=len(taken)) for name in ("clicks", "conversions", "revenue")},
            )
        )
        lists.append({model: random.permutation(catalogue)[:3].tolist() for model in ("candidate", "baseline")})
    return requests, lists


def test_tfma_gives_values_intervals_and_paired_changes_of_an_independent_computation():
    requests, lists = _random_log(1, 200)
    computation = _computation(["candidate", "baseline"])
    combiner = computation.combiner
    sums = combiner.create_accumulator()
    for request, shown in zip(requests, lists, strict=True):
        for contribution in computation.preprocessors[0].process(_extracts(request, shown)):
            sums = combiner.add_input(sums, contribution)
    found = combiner.extract_output(sums)
    assert set(found) == set(computation.keys)
    by_name = {model: {key.name: v for key, v in found.items() if key.model_name == model} for model in lists[0]}

    drawn = np.stack([bootstrap.weights(request.user_id, 40) for request in requests], axis=1).astype(float)
    captured, snips = {}, {}
    for model in lists[0]:
        spent = np.array([request.revenue.sum() for request in requests])
        held = np.array(
            [
                sum(
                    paid
                    for item, paid in zip(request.item_ids, request.revenue, strict=True)
                    if item in shown[model][:2]
                )
                for request, shown in zip(requests, lists, strict=True)
            ]
        )
        some = spent > 0
        captured[model] = (drawn[:, some] @ (held[some] / spent[some])) / drawn[:, some].sum(axis=1)
        weight = [
            [
                (item in shown[model][:2]) / p
                for item, p in zip(request.logged_item_ids, request.propensities, strict=True)
            ]
            for request, shown in zip(requests, lists, strict=True)
        ]
        earned = np.array([np.dot(w, request.rewards) for w, request in zip(weight, requests, strict=True)])
        snips[model] = (drawn @ earned) / (drawn @ np.array([sum(w) for w in weight]))
    for name, expected in (("revenue_captured@2", captured), ("policy_snips@2", snips)):
        for model, values in expected.items():
            measured = names.group(by_name[model])[name]
            np.testing.assert_allclose(
                [measured.value, measured.low, measured.high],
                [values[0], *np.percentile(values[1:], [2.5, 97.5])],
                atol=1e-6,
            )
        change = expected["candidate"] - expected["baseline"]
        measured = names.group(by_name["candidate"])[name]
        np.testing.assert_allclose(
            [measured.change, measured.change_low, measured.change_high],
            [change[0], *np.percentile(change[1:], [2.5, 97.5])],
            atol=1e-6,
        )
    described = names.group(by_name["candidate"])["ctr"]
    total = sum(request.clicks.sum() for request in requests) / sum(request.impressions for request in requests)
    assert described.value == pytest.approx(total)
    assert (described.change, described.change_low, described.change_high) == (0, 0, 0)


def test_tfma_gives_the_same_however_requests_are_spread_over_workers():
    requests, lists = _random_log(2, 60)
    computation = _computation(["candidate", "baseline"])
    combiner = computation.combiner
    contributions = [
        contribution
        for request, shown in zip(requests, lists, strict=True)
        for contribution in computation.preprocessors[0].process(_extracts(request, shown))
    ]

    def added(part):
        sums = combiner.create_accumulator()
        for contribution in part:
            sums = combiner.add_input(sums, contribution)
        return sums

    whole = combiner.extract_output(added(contributions))
    parts = [added(contributions[start::3]) for start in range(3)]
    before = [part.copy() for part in parts]
    for order in itertools.permutations(parts):
        merged = combiner.extract_output(combiner.merge_accumulators(order))
        assert merged == pytest.approx(whole, abs=1e-12, nan_ok=True)
    np.testing.assert_array_equal(parts, before)  # Beam may merge the same parts again


def test_a_request_that_lacks_features_is_read_as_having_none():
    extracts = {
        "predictions": {"item_ids": np.array([b"a", b""], object), "scores": np.array([0.5, 0.0])},
        "features": {"user_id": np.array([b"u"], object), "outcome_item_ids": np.array([b"a"], object)},
    }
    request = logged_metrics.read_logged(extracts, "")
    assert (request.recommended, request.scores.tolist()) == ([b"a"], [0.5])
    assert request.revenue.tolist() == [0]
    assert (request.sessions, request.lists, request.logged_item_ids) == (0, 0, [])


def test_a_slice_without_requests_has_no_value():
    computation = _computation(["candidate", "baseline"])
    found = computation.combiner.extract_output(computation.combiner.create_accumulator())
    assert all(math.isnan(number) for number in found.values())


def test_the_evaluator_is_told_what_the_log_has_and_leaves_the_metric_out_if_that_is_nothing(shop_config):
    config = gate.eval_config(shop_config())
    assert len(config.metrics_specs[0].metrics) == 2
    assert len(logged_metrics.with_kinds(config, {"revenue": 0}).metrics_specs[0].metrics) == 1
    _, of_log = logged_metrics.with_kinds(config, {"revenue": 7, "clicks": 0}).metrics_specs[0].metrics
    assert '"kinds": ["revenue"]' in of_log.config
    assert len(config.metrics_specs[0].metrics) == 2
