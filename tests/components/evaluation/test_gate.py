import json

from google.protobuf import json_format
from tensorflow_model_analysis.proto import config_pb2

from components.evaluation import gate

CATEGORIES = [
    {"name": "title", "role": "item", "kind": "text"},
    {"name": "brand", "role": "item", "kind": "categorical"},
    {"name": "genre", "role": "item", "kind": "categorical"},
]


def _metric(config) -> dict:
    return json.loads(gate.eval_config(config).metrics_specs[0].metrics[0].config)


def test_slices_are_the_configured_ones_and_the_whole(shop_config):
    spec = gate.eval_config(shop_config(slices=[["shopper"], ["scene", "shopper"]])).slicing_specs
    assert [list(one.feature_keys) for one in spec] == [[], ["shopper"], ["scene", "shopper"]]


def test_both_models_are_judged_by_the_default_serving_signature(shop_config):
    candidate, baseline = gate.eval_config(shop_config()).model_specs
    assert (candidate.signature_name, baseline.signature_name) == ("serving_default", "serving_default")
    assert list(candidate.preprocessing_function_names) == list(baseline.preprocessing_function_names)
    assert list(candidate.preprocessing_function_names) == ["rank_examples"]
    assert (candidate.is_baseline, baseline.is_baseline) == (False, True)


def test_metrics_are_told_the_cutoffs_the_resamples_and_the_first_categorical_item_feature(shop_config):
    told = {
        "cutoffs": [5],
        "resamples": 100,
        "category": None,
        "exposure": [],
        "heads": [["purchase", "cross_entropy"]],
    }
    assert _metric(shop_config(cutoffs=[5], resamples=100)) == told
    by_default = told | {"cutoffs": [10, 50, 100], "resamples": 200, "category": "brand"}
    assert _metric(shop_config(CATEGORIES)) == by_default
    assert _metric(shop_config(CATEGORIES, exposure=["genre"])) == by_default | {"exposure": ["genre"]}
    assert _metric(shop_config(CATEGORIES, category="genre"))["category"] == "genre"


def test_thresholds_are_left_to_the_verdict(shop_config):
    spec = gate.eval_config(shop_config(floors={"ndcg@10": 0.5}, max_loss={"ndcg@10": 0.5}))
    received = json_format.Parse(json_format.MessageToJson(spec), config_pb2.EvalConfig())
    assert not received.metrics_specs[0].per_slice_thresholds
    assert not received.metrics_specs[0].thresholds
