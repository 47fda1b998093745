from google.protobuf import json_format
from tensorflow_model_analysis.proto import config_pb2

from components.evaluation import gate


def test_slices_are_the_configured_ones_and_the_whole(shop_config):
    spec = gate.eval_config(shop_config(slices=[["shopper"], ["scene", "shopper"]])).slicing_specs
    assert [list(one.feature_keys) for one in spec] == [[], ["shopper"], ["scene", "shopper"]]


def test_both_models_are_judged_by_the_default_serving_signature(shop_config):
    candidate, baseline = gate.eval_config(shop_config()).model_specs
    assert (candidate.signature_name, baseline.signature_name) == ("serving_default", "serving_default")
    assert (candidate.is_baseline, baseline.is_baseline) == (False, True)


def test_a_zero_floor_and_a_zero_tolerance_survive_the_way_to_the_component_as_json(shop_config):
    spec = gate.eval_config(shop_config(floors={"ndcg@10": 0.0}, max_loss={"ndcg@10": 0.0}))
    received = json_format.Parse(json_format.MessageToJson(spec), config_pb2.EvalConfig())
    floor, change = received.metrics_specs[0].per_slice_thresholds["ndcg@10"].thresholds
    assert floor.threshold.value_threshold.HasField("lower_bound")
    assert change.threshold.change_threshold.HasField("absolute")
