import itertools
import math

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_model_analysis.proto import config_pb2

from components.evaluation import extracts as extracts_of
from components.evaluation import ranking_metrics, tfma_metrics
from components.evaluation.metrics import bootstrap, names
from components.evaluation.metrics.heads import Head
from components.evaluation.metrics.selection import Selection

MODELS = config_pb2.EvalConfig(
    model_specs=[
        config_pb2.ModelSpec(name="candidate"),
        config_pb2.ModelSpec(name="baseline", is_baseline=True),
    ]
)


def _extracts(item_ids, labels, past=None, user_id=b"u"):
    """What TFMA hands on for one request of a single-model evaluation."""
    features = {"user_id": np.array([user_id], dtype=object)}
    if past is not None:
        features["past_item_ids"] = past
    return {
        "predictions": {"item_ids": np.array(item_ids, dtype=object), "scores": np.zeros(len(item_ids))},
        "labels": labels,
        "features": features,
    }


def _pair(candidate, baseline, labels, user_id=b"u"):
    """What TFMA hands on for one request that both models answered."""
    extracts = _extracts([], np.array(labels, dtype=object), user_id=user_id)
    lists = {"candidate": candidate, "baseline": baseline}
    extracts["predictions"] = {name: {"item_ids": np.array(ids, dtype=object)} for name, ids in lists.items()}
    return extracts


def _computation(model_names, eval_config=MODELS, **settings):
    (computation,) = tfma_metrics.ListMetrics(**settings).computations(
        eval_config=eval_config, model_names=list(model_names)
    )
    computation.preprocessors[0].setup()
    return computation


def _contributions(computation, extracts):
    return list(itertools.chain.from_iterable(computation.preprocessors[0].process(one) for one in extracts))


def _accumulate(combiner, part):
    accumulator = combiner.create_accumulator()
    for contribution in part:
        accumulator = combiner.add_input(accumulator, contribution)
    return accumulator


def _measure(computation, extracts) -> dict[str, dict[str, float]]:
    """What the slice of all requests gives, by model."""
    combiner = computation.combiner
    found: dict[str, dict[str, float]] = {}
    for key, value in combiner.extract_output(_accumulate(combiner, _contributions(computation, extracts))).items():
        found.setdefault(key.model_name, {})[key.name] = value
    return found


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """The pattern of a catalogue of four items, of which `a` is popular, and one, `gone`, that is not offered."""
    folder = tmp_path_factory.mktemp("catalogue")
    rows = [("a", 90.0, 1, "fruit"), ("b", 10.0, 1, "dairy"), ("c", 0.0, 1, "dairy"), ("d", 0.0, None, None),
            ("gone", 0.0, 0, "fruit")]  # fmt: skip
    with tf.io.TFRecordWriter(str(folder / "examples-00000-of-00001.gz"), "GZIP") as writer:
        for item_id, popularity, available, aisle in rows:
            example = tf.train.Example()
            feature = example.features.feature
            feature["item_id"].bytes_list.value.append(item_id.encode())
            feature["item_popularity"].float_list.value.append(popularity)
            feature["item_available"].int64_list.value.extend([] if available is None else [available])
            feature["item_aisle"].bytes_list.value.extend([aisle.encode()] if aisle else [])
            writer.write(example.SerializeToString())
    return str(folder / "*")


def test_a_request_is_read_without_padding_and_with_missing_features_as_empty():
    request = extracts_of.read_request(_extracts([b"a", b""], np.array([b"a"], dtype=object)), "")
    assert request == (b"u", [b"a"], [b"a"], [], [])
    # A batch in which some examples lack a feature holds None for them.
    request = extracts_of.read_request(_extracts([b"a"], None, past=np.array([None])), "")
    assert request == (b"u", [b"a"], [], [], [])


def test_each_model_is_read_by_its_own_prediction():
    extracts = _pair([b"a"], [b"z"], [b"a"])
    assert extracts_of.read_request(extracts, "baseline").recommended == [b"z"]


def test_numeric_item_ids_are_refused_since_they_would_never_match():
    with pytest.raises(ValueError, match="'label_item_ids' holds int values"):
        extracts_of.read_request(_extracts([b"7"], np.array([0, 7])), "")


def test_a_model_without_item_ids_is_refused():
    extracts = _extracts([], None)
    extracts["predictions"] = np.array([0.5])  # TFMA unwraps a signature with one output
    with pytest.raises(ValueError, match="model 'candidate' gives no output 'item_ids'"):
        extracts_of.read_request(extracts, "")


def test_a_slice_measures_the_same_however_its_requests_are_spread_over_workers(catalogue):
    computation = _computation(["candidate", "baseline"], cutoffs=[1, 2], resamples=20, catalogue=catalogue)
    draw = np.random.RandomState(2)
    items = np.array([b"a", b"b", b"c", b"d", b"gone", b"unknown"], dtype=object)
    requests = [
        _pair(draw.permutation(items)[:4], draw.permutation(items)[:4], items[draw.rand(6) < 0.4], b"u%d" % user)
        for user in draw.randint(0, 30, size=90)
    ]
    contributions, combiner = _contributions(computation, requests), computation.combiner
    whole = combiner.extract_output(_accumulate(combiner, contributions))
    parts = [_accumulate(combiner, contributions[start::3]) for start in range(3)]
    before = [part.vectors.copy() for part in parts]
    for order in itertools.permutations(parts):
        merged = combiner.extract_output(combiner.merge_accumulators(order))
        assert merged == pytest.approx(whole, abs=1e-12, nan_ok=True)
    # Beam may merge the same parts again, so merging must leave them as they were.
    np.testing.assert_array_equal([part.vectors for part in parts], before)


def test_every_promised_value_is_measured_and_no_other(catalogue):
    computation = _computation(["candidate", "baseline"], cutoffs=[1, 2], catalogue=catalogue, category="aisle")
    found = computation.combiner.extract_output(computation.combiner.create_accumulator())
    assert set(found) == set(computation.keys)
    candidate = names.group({key.name: value for key, value in found.items() if key.model_name == "candidate"})
    everything = Selection((1, 2), has_catalogue=True, has_category=True)
    assert set(candidate) == {*names.all_names(everything), *ranking_metrics.count_names()}


def test_a_model_without_a_baseline_has_values_and_intervals_but_no_change():
    computation = _computation([""], config_pb2.EvalConfig(model_specs=[config_pb2.ModelSpec()]), cutoffs=[1])
    assert {key.name for key in computation.keys} == {
        *ranking_metrics.count_names(),
        *(name + end for name in names.ratio_names(Selection((1,))) for end in ("", "/low", "/high")),
    }


def test_values_intervals_and_paired_changes_equal_an_independent_computation():
    draw = np.random.RandomState(4)
    hits = draw.rand(2, 300) < [[0.5], [0.3]]  # whether each model's only item is the one that was taken
    users = [b"u%d" % user for user in draw.randint(0, 80, size=300)]
    requests = [
        _pair([b"a" if of_candidate else b"x"], [b"a" if of_baseline else b"x"], [b"a"], user)
        for of_candidate, of_baseline, user in zip(*hits, users, strict=True)
    ]
    found = _measure(_computation(["candidate", "baseline"], cutoffs=[1], resamples=50), requests)

    weights = np.stack([bootstrap.weights(user, 50) for user in users], axis=1)[1:].astype(float)
    resampled = hits @ weights.T / weights.sum(axis=1)  # [models, resamples]
    for model, values in zip(("candidate", "baseline"), resampled, strict=True):
        expected = np.percentile(values, [2.5, 97.5])
        measured = names.group(found[model])["recall@1"]
        assert measured.value == pytest.approx(hits[int(model == "baseline")].mean(), abs=1e-9)
        np.testing.assert_allclose([measured.low, measured.high], expected, atol=1e-9)
    change = names.group(found["candidate"])["recall@1"]
    assert change.change == pytest.approx(hits[0].mean() - hits[1].mean(), abs=1e-9)
    np.testing.assert_allclose(
        [change.change_low, change.change_high], np.percentile(resampled[0] - resampled[1], [2.5, 97.5]), atol=1e-9
    )


def test_the_same_lists_have_no_change_in_any_resample():
    requests = [_pair([b"a"], [b"a"], [b"a" if user % 3 else b"b"], b"u%d" % user) for user in range(40)]
    found = _measure(_computation(["candidate", "baseline"], cutoffs=[1]), requests)["candidate"]
    assert found["recall@1/low"] < found["recall@1"] < found["recall@1/high"]
    assert (found["recall@1/change/low"], found["recall@1/change"], found["recall@1/change/high"]) == (0.0, 0.0, 0.0)


def test_each_group_is_averaged_over_its_own_requests():
    requests = [_pair([b"a"], [b"x"], [b"a"]), _pair([b"x"], [b"a"], [b"a"]), _pair([b"x"], [b"x"], [b"a"])]
    requests[0]["features"]["first_time_item_ids"] = np.array([b"a"], dtype=object)
    found = _measure(_computation(["candidate", "baseline"], cutoffs=[1]), requests)
    assert (found["candidate"]["requests"], found["candidate"]["first_time/requests"]) == (3, 1)
    assert (found["candidate"]["recall@1"], found["candidate"]["first_time/recall@1"]) == (1 / 3, 1)
    assert (found["baseline"]["recall@1"], found["baseline"]["first_time/recall@1"]) == (1 / 3, 0)


def test_a_group_without_requests_has_no_value():
    found = _measure(_computation(["candidate", "baseline"], cutoffs=[1]), [_pair([b"a"], [b"x"], [b"a"])])
    assert (found["candidate"]["recall@1"], found["candidate"]["first_time/requests"]) == (1.0, 0)
    assert math.isnan(found["candidate"]["first_time/recall@1"])


def test_two_shoppers_are_too_few_for_an_interval_however_many_requests_they_made():
    requests = [_pair([b"a"], [b"x"], [b"a"], user) for user in (b"u1", b"u2") for _ in range(50)]
    found = _measure(_computation(["candidate", "baseline"], cutoffs=[1]), requests)["candidate"]
    assert found["recall@1"] == 1.0
    assert not names.group(found)["recall@1"].has_interval


def test_the_catalogue_tells_what_is_offered_rare_and_alike(catalogue):
    settings = {"cutoffs": [2, 3], "catalogue": catalogue, "category": "aisle"}
    found = _measure(
        _computation(["candidate", "baseline"], **settings),
        [_pair([b"b", b"gone", b"d"], [b"a", b"b"], [b"b"]), _pair([b"b", b"c"], [b"a", b"b", b"d"], [b"c"])],
    )
    candidate, baseline = found["candidate"], found["baseline"]
    assert candidate["available_share@2"] == (1 / 2 + 1) / 2
    assert (candidate["rare_share@2"], baseline["rare_share@2"]) == (1.0, 1 / 2)
    # Two pairs of a request each: `b` with `gone` is unlike, `b` with `c` alike.
    assert candidate["category_diversity@2"] == 1 / 2
    # In two places both models show two of the four offered items; `gone` is none of them.
    assert (candidate["coverage@2"], baseline["coverage@2"]) == (1 / 2, 1 / 2)
    # Exposures 0, 0, 1, 2 and 0, 0, 2, 2: by hand, (3 * 2 + 1 * 1) / (4 * 3) and (3 * 2 + 1 * 2) / (4 * 4).
    assert (candidate["gini@2"], baseline["gini@2"]) == pytest.approx((7 / 12, 1 / 2))
    assert candidate["gini@2/change"] == pytest.approx(1 / 12)
    assert "coverage@2/low" not in candidate


def test_a_pattern_without_files_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        _computation([""], cutoffs=[1], catalogue=f"{tmp_path}/Split-catalog/*")


def test_the_catalogue_is_put_into_a_copy_of_the_configuration():
    metric = config_pb2.MetricConfig(class_name="ListMetrics", module=tfma_metrics.__name__, config='{"cutoffs": [10]}')
    other = config_pb2.MetricConfig(class_name="ExampleCount")
    eval_config = config_pb2.EvalConfig(metrics_specs=[config_pb2.MetricsSpec(metrics=[metric, other])])
    located = tfma_metrics.with_settings(eval_config, catalogue="catalogue/*")
    assert located.metrics_specs[0].metrics[0].config == '{"cutoffs": [10], "catalogue": "catalogue/*"}'
    assert located.metrics_specs[0].metrics[1] == other
    assert eval_config.metrics_specs[0].metrics[0] == metric


def test_values_of_a_metric_are_found_together():
    values = {"requests": 3.0, "ndcg@1": 0.5, "ndcg@1/low": 0.4, "ndcg@1/high": 0.6, "ndcg@1/change": 0.1}
    grouped = names.group(values)
    assert list(grouped) == ["requests", "ndcg@1"]
    assert (grouped["ndcg@1"].low, grouped["ndcg@1"].high, grouped["ndcg@1"].change) == (0.4, 0.6, 0.1)
    assert math.isnan(grouped["ndcg@1"].change_low)
    assert not grouped["requests"].has_interval


def test_smaller_errors_and_less_uneven_exposure_are_better():
    heads = (Head("purchase", "cross_entropy"), Head("spend", "squared_error"))
    everything = Selection((10,), has_catalogue=True, has_category=True, exposure=("brand",), heads=heads)
    assert [name for name in names.all_names(everything) if names.lower_is_better(name)] == [
        "miscalibration@10",
        "purchase/log_loss",
        "spend/rmse",
        "spend/mae",
        "gini@10",
        "brand/disparity@10",
        "purchase/calibration_error",
    ]
    assert [name for name in names.all_names(everything) if not names.has_direction(name)] == [
        "purchase/calibration",
        "spend/calibration",
    ]


PURCHASE = Head("purchase", "cross_entropy")


def _judged(predictions, **features) -> dict:
    """What TFMA hands on for one request whose candidates a single model was asked about."""
    extracts = _extracts([b"a"], None)
    extracts["features"] |= {name: np.array(values) for name, values in features.items()}
    return extracts | {"transformed_features": {"purchase": np.array(predictions)}}


def test_candidates_without_a_label_and_padding_are_no_candidates():
    extracts = _judged(
        [0.5, 0.25, 0.75, 0.0, 0.0], candidate_purchase=[1, math.nan, 0], candidate_sampling_log_odds=[0.5, 1, 2]
    )
    candidates = extracts_of.read_candidates(extracts, "", [PURCHASE], [""])["purchase"]
    assert [column.tolist() for column in candidates] == [[1, 0], [0.5, 0.75], [0.5, 2]]


@pytest.mark.parametrize("labels", [[], [None]])
def test_a_request_without_candidates_says_nothing_of_a_head(labels):
    extracts = _judged([0.0, 0.0], candidate_purchase=labels)
    assert extracts_of.read_candidates(extracts, "", [PURCHASE], [""]) == {}


def test_a_model_that_predicts_too_little_or_lacks_a_head_is_named():
    extracts = _judged([0.5], candidate_purchase=[1, 0], candidate_sampling_log_odds=[0, 0])
    with pytest.raises(ValueError, match="2 labels of head 'purchase', 1 predictions and 2 log odds"):
        extracts_of.read_candidates(extracts, "", [PURCHASE], [""])
    clicks = extracts | {"features": extracts["features"] | {"candidate_click": np.array([1.0])}}
    with pytest.raises(ValueError, match="model 'candidate' predicts no 'click'"):
        extracts_of.read_candidates(clicks, "", [Head("click", "cross_entropy")], [""])


def test_a_baseline_may_lack_a_head_that_was_declared_after_it():
    features = {"candidate_purchase": [1, 0], "candidate_click": [0, 1], "candidate_sampling_log_odds": [0, 0]}
    extracts, heads = _judged([], **features), [PURCHASE, Head("click", "cross_entropy")]
    older, newer = ({name: np.array([0.5, 0.25]) for name in names} for names in (["purchase"], ["purchase", "click"]))
    extracts["transformed_features"] = {"baseline": older, "candidate": newer}
    models = ["candidate", "baseline"]
    assert [*extracts_of.read_candidates(extracts, "baseline", heads, models)] == ["purchase"]
    assert [*extracts_of.read_candidates(extracts, "candidate", heads, models)] == ["purchase", "click"]
